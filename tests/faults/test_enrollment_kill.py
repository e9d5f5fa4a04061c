"""kill -9 between any two steps of enrolling, of a remote move and a renewal; then the same call, made again, finishes.

A step is a statement sent to the database, a commit, or a call to the card. A child process (a fork) is killed by
SIGKILL at its n-th step, for every n; the parent then does what an operator or a client would do: it calls again.
"""

import os
import signal
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from ca.profiles import Variant
from enrollment.application import ApplicationState
from enrollment.events import EventKind
from enrollment.store import people as people_rows
from pki.purpose import Purpose
from tests.enrollment.folder_card import FolderCard
from tests.enrollment.office import open_office, parts
from tests.enrollment.renewing import INSIDE, P256Card, asked
from tests.enrollment.town import AT, resident
from tests.support.chance import SeededOctets

ADDRESS = "東京都見本区南町１番"


class Steps:
    """Counts steps and kills its own process at one of them."""

    def __init__(self, last=None):
        self.count = 0
        self.last = last

    def __call__(self, *_):
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class WatchedCard(FolderCard):
    """Each call is a step before and after its effect."""

    def watch(self, step):
        self._step = step
        return self

    def _call(self, name):
        self._step()
        super()._call(name)


class WatchedP256Card(WatchedCard, P256Card):
    """The same of a renewal's card."""


def watched(database, step, *, statements):
    """A database of the same URL whose statements and commits are steps."""
    own = type(database)(database.engine.url.render_as_string(hide_password=False))
    if statements:
        event.listen(own.engine, "before_cursor_execute", step)
    event.listen(own.engine, "commit", step)
    whole = own.transaction

    def transaction(body):
        result = whole(body)
        step()
        return result

    own.transaction = transaction
    return own


def run_and_die(work, last):
    """Run `work(step)` in a child that dies at step `last`; whether it died."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)
            work(Steps(last))
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL, "it hung until its alarm"
    return os.WIFSIGNALED(status)


def office_of(story, database, folder, seed):
    """The town of a story; of a renewal one whose certificates last five birthdays."""
    if story != "renewal":
        return open_office(database, folder, seed)
    made = open_office(database, folder, seed, Variant.P256)
    made.card = lambda card_id: P256Card(folder / card_id, card_id, made.made)
    return made


@pytest.fixture
def office(database, tmp_path, request):
    return office_of(request.node.callspec.params["story"], database, tmp_path, request.node.nodeid)


def invariants(office, person, kinds):
    """What must hold after every story, however it was interrupted."""
    assert [one.kind for one in office.events(person)] == kinds
    assert office.chain_holds(person)
    held = office.certificates(person)
    assert sorted(one.purpose for one in held if one.ended_at is None) == [Purpose.AUTHENTICATION, Purpose.SIGNATURE]
    promised = office.database.read(
        lambda conn: conn.execute(
            text("SELECT count(*) FROM ca_intents WHERE owner = :person"), {"person": person}
        ).scalar_one()
    )
    assert promised == len(held) == 1 + len(kinds) + kinds.count(EventKind.REMOTE_RENEWAL)  # which makes two


def enrollment_story(office, statements):
    def begin(number):
        person = office.database.transaction(lambda conn: resident(conn, office.random))
        return person, office.filed(person), f"CARD{number:04}"

    def work(step, application, card_id):
        own = parts(
            watched(office.database, step, statements=statements), office.folder, SeededOctets(f"child {os.getpid()}")
        )
        card = WatchedCard(office.folder / card_id, card_id, own.made).watch(step)
        own.issuing.continue_(application, card, AT)
        own.database.engine.dispose()

    def finish(person, application, card_id):
        card = office.card(card_id)
        assert office.issuing.continue_(application, card, AT).state is ApplicationState.DELIVERED
        on_card = {card.read(purpose) for purpose in Purpose}
        assert None not in on_card
        assert len(on_card) == 2
        invariants(office, person, [EventKind.ANCHOR])

    return begin, work, finish


def filed_story(office, statements, begin, watched_card, finish):
    """A filing: `begin` and `finish` are the kind's own; in between it is accepted, and its certificates written."""

    def work(step, filing, card_id):
        own = parts(
            watched(office.database, step, statements=statements), office.folder, SeededOctets(f"child {os.getpid()}")
        )
        result = own.moves.accept(*filing)
        card = watched_card(office.folder / card_id, card_id, own.made).watch(step)
        written(card, result)
        own.database.engine.dispose()

    return begin, work, finish


def written(card, result):
    """What a client does with an accepted filing's certificates."""
    made = {Purpose.SIGNATURE: result.certificate, Purpose.AUTHENTICATION: result.authentication_certificate}
    for purpose, certificate in made.items():
        if certificate is not None:
            card.install(purpose, certificate, b"")
            assert card.read(purpose) == certificate


def again(office, filing):
    """The same call, some minutes later."""
    verified, request, key, at, *other = filing
    return office.moves.accept(verified, request, key, at + timedelta(minutes=5), *other)


def move_story(office, statements):
    def begin(number):
        person, card = office.enrolled(card_id=f"CARD{number:04}")
        request = office.request(card)
        return person, (office.verified(card, request, ADDRESS), request, "key-0001", AT), f"CARD{number:04}"

    def finish(person, filing, card_id):
        written(office.card(card_id), again(office, filing))
        invariants(office, person, [EventKind.ANCHOR, EventKind.REMOTE_MOVE])
        moved = office.database.read(lambda conn: people_rows.person_of(conn, person))
        assert (moved.attributes.address, moved.version) == (ADDRESS, 2)

    return filed_story(office, statements, begin, WatchedCard, finish)


def renewal_story(office, statements):
    def begin(number):
        person, card = office.enrolled(card_id=f"CARD{number:04}")
        verified, requests = asked(office, card)
        filing = verified, requests[Purpose.SIGNATURE], "key-0001", INSIDE, requests[Purpose.AUTHENTICATION]
        return person, filing, f"CARD{number:04}"

    def finish(person, filing, card_id):
        card, result = office.card(card_id), again(office, filing)
        assert None not in (result.certificate, result.authentication_certificate)
        written(card, result)
        invariants(office, person, [EventKind.ANCHOR, EventKind.REMOTE_RENEWAL])
        assert [one.seq for one in office.events(person)] == [None, 1]

    return filed_story(office, statements, begin, WatchedP256Card, finish)


STORIES = {"enrollment": enrollment_story, "move": move_story, "renewal": renewal_story}


def every_step(office, story, *, statements):
    begin, work, finish = STORIES[story](office, statements)
    counted = Steps()
    person, subject, card_id = begin(0)
    work(counted, subject, card_id)
    finish(person, subject, card_id)
    assert counted.count > (40 if statements else 7)
    for last in range(1, counted.count + 1):
        person, subject, card_id = begin(last)
        office.database.engine.dispose()
        assert run_and_die(lambda step, s=subject, c=card_id: work(step, s, c), last)
        finish(person, subject, card_id)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_killed_at_any_commit_or_card_call(office, story):
    """On PostgreSQL too, and at every statement, in the slow one."""
    every_step(office, story, statements=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # some hundred processes, one after the other
@pytest.mark.parametrize("story", STORIES)
def test_killed_at_any_statement(office, story):
    every_step(office, story, statements=True)
