"""A household's filing that splits, races with another one, or is cut off: each part whole or not at all."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import event

from enrollment import channels, deadlines, lapses, ledger, transfers
from enrollment.channels import Channel, Procedure, ProcedurePolicy
from enrollment.deadline import DeadlineKind
from enrollment.errors import CapReached, CertificateEnded, FilingTooEarly, FilingTooLate
from enrollment.events import EventKind
from enrollment.households import HouseholdFiling, Households, Outcome
from enrollment.ledger import Happening
from enrollment.proofs import parse_requirement
from enrollment.signed import OwnerKeys
from enrollment.store import care, people
from pki.errors import Error
from tests.enrollment.test_households import NEW, SPKI, Family
from tests.enrollment.town import AT, OTHER_TOWN, TOWN

SIGNED_AND_SEEN = parse_requirement([["card-signature", "visit"]])


@pytest.fixture
def family(database, tmp_path, request):
    return Family(database, tmp_path, request.node.nodeid)


def moves_of(family, person):
    return [one for one in family.office.events(person) if one.kind is EventKind.REMOTE_MOVE]


def owners(family):
    return {family.office.database.read(lambda c, p=p: people.owner_of(c, p)) for p in family.everybody}


def adopt(family, procedure, owner, **policy):
    family.office.database.transaction(
        lambda c: channels.adopt(c, owner, procedure, ProcedurePolicy(**policy), AT, AT, "boss")
    )


@pytest.mark.parametrize(
    ("procedure", "owner", "policy", "reason"),
    [
        (
            Procedure.MOVE_IN,
            OTHER_TOWN,
            {"residence": parse_requirement([["card-signature", "visit"]])},
            "residence-unproven",
        ),
        (Procedure.MOVE_IN, OTHER_TOWN, {"closed": frozenset({Channel.ONLINE})}, "look-at-counter"),
        (Procedure.MOVE_OUT, TOWN, {"closed": frozenset({Channel.ONLINE})}, "look-at-counter"),
    ],
)
def test_what_the_municipality_does_not_take_online_is_told_to_each_member(family, procedure, owner, policy, reason):
    adopt(family, procedure, owner, **policy)
    results = family.accept()
    assert {(one.outcome, one.reason, one.by) for one in results.values()} == {
        (Outcome.IN_PERSON, reason, date(2026, 12, 4))
    }
    assert owners(family) == {TOWN}
    assert not any(moves_of(family, person) for person in family.everybody)


def test_who_is_to_come_has_a_deadline_and_the_municipality_is_told_when_it_passes(family):
    for _ in range(3):
        what = Happening(family.granny, EventKind.REMOTE_MOVE, family.granny)
        family.office.database.transaction(lambda c, w=what: ledger.record(c, w, AT, family.office.random))
    results = family.accept()
    assert results[family.granny].reason == "cap-reached"
    assert results[family.mother].outcome is Outcome.ONLINE
    (running,) = family.office.database.read(lambda c: deadlines.running(c, family.granny))
    assert (running.kind, running.due_at.jst_date()) == (DeadlineKind.IN_PERSON, date(2026, 12, 4))
    assert lapses.settle(family.office.database, running.due_at, family.office.random) == 0
    over = running.due_at + timedelta(seconds=1)
    assert lapses.settle(family.office.database, over, family.office.random) == 1
    assert family.office.database.read(lambda c: deadlines.running(c, family.granny)) == ()


@pytest.mark.parametrize(
    ("moved_on", "error"), [(date(2026, 11, 24), FilingTooEarly), (date(2026, 11, 12), FilingTooLate)]
)
def test_too_early_or_too_late_is_so_for_all(family, moved_on, error):
    members = tuple(sorted(family.everybody))
    filing = HouseholdFiling("ab" * 16, OTHER_TOWN, NEW, moved_on, members, AT + timedelta(days=1))
    with pytest.raises(error):
        family.accept(family.signed(filing, family.mothers_card))
    assert owners(family) == {TOWN}


def test_who_told_the_move_out_before_has_two_weeks_for_the_move_in(family):
    moved_on = date(2026, 11, 12)  # eleven days ago: too late to tell both at once
    operator = family.office.database.read(lambda c: people.operator_of(c, "clerk"))
    for person in family.everybody:
        family.office.database.transaction(
            lambda c, p=person: transfers.announce_at_counter(
                c, p, OTHER_TOWN, moved_on, operator, AT, family.office.random
            )
        )
    members = tuple(sorted(family.everybody))
    filing = HouseholdFiling("ab" * 16, OTHER_TOWN, NEW, moved_on, members, AT + timedelta(days=1))
    results = family.accept(family.signed(filing, family.mothers_card))
    assert {one.outcome for one in results.values()} == {Outcome.ONLINE}
    for person in family.everybody:
        assert family.office.database.read(lambda c, p=person: deadlines.running(c, p)) == ()


def test_two_parents_file_at_once_and_everybody_moves_once(family):
    mothers = family.filing()
    fathers = family.filing(card=family.fathers_card)
    consents = {
        mothers.filing.filing: family.consents(mothers),
        fathers.filing.filing: {
            family.mother: family.consent(fathers, family.mothers_card),
            family.granny: family.consent(fathers, family.grannys_card),
        },
    }

    def file(verified):
        try:
            return family.accept(verified, consents[verified.filing.filing], key=verified.filing.filing)
        except CertificateEnded:  # the other one's filing has ended it
            return None

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(file, [mothers, fathers, mothers, fathers]))
    accepted = [one for one in answers if one is not None]
    assert accepted
    assert all(one == accepted[0] for one in accepted)  # whoever asked again was told the same
    for person in family.everybody:
        assert len(moves_of(family, person)) == 1
        assert family.office.chain_holds(person)


def test_a_member_moves_alone_while_the_household_files_and_nobody_passes_the_cap(family):
    for _ in range(2):
        what = Happening(family.granny, EventKind.REMOTE_MOVE, family.granny)
        family.office.database.transaction(lambda c, w=what: ledger.record(c, w, AT, family.office.random))
    verified = family.filing()
    consents = family.consents(verified)

    def alone(_number):
        what = Happening(family.granny, EventKind.REMOTE_REISSUE, family.granny)
        try:
            family.office.database.transaction(lambda c: ledger.record(c, what, AT, family.office.random))
        except CapReached:
            return 0
        return 1

    with ThreadPoolExecutor(4) as clients:
        racing = [clients.submit(alone, number) for number in range(3)]
        results = clients.submit(family.accept, verified, consents).result()
        done = sum(one.result() for one in racing)
    online = results[family.granny].outcome is Outcome.ONLINE
    assert done + online == 1  # one place was left
    assert results[family.mother].outcome is Outcome.ONLINE


class Cut:
    """Kills its own process at the n-th statement or commit."""

    def __init__(self, last):
        self.count, self.last = 0, last

    def __call__(self, *_):
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def cut_off(family, verified, consents, last):
    """File in a child that dies at step `last`; whether it died before it was done."""
    assertion = family.assertion()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)
            whole = family.office.database
            own = type(whole)(whole.engine.url.render_as_string(hide_password=False))
            step = Cut(last)
            event.listen(own.engine, "before_cursor_execute", step)
            event.listen(own.engine, "commit", step)
            parts = Households(own, family.office.moves.registrar, OwnerKeys({TOWN: SPKI}), os.urandom)
            parts.accept(verified, assertion, consents, "key-0001", AT)
        except Error:
            os._exit(8)
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 7
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return os.WIFSIGNALED(status)


def whole_or_nothing(family, verified):
    """Either every member moved and is written down, or nobody is; which."""
    moved = {person: len(moves_of(family, person)) for person in family.everybody}
    assert set(moved.values()) in ({0}, {1}), moved
    told = family.office.database.read(lambda c: care.members_of(c, verified.filing.filing))
    assert len(told) == (len(family.everybody) if set(moved.values()) == {1} else 0)
    assert owners(family) == ({OTHER_TOWN} if told else {TOWN})
    return bool(told)


def killed_at(family, steps):
    verified = family.filing()
    consents = family.consents(verified)
    family.office.database.engine.dispose()
    for last in steps:
        died = cut_off(family, verified, consents, last)
        if whole_or_nothing(family, verified):
            break
        assert died
    else:
        raise AssertionError("it was never reached")
    results = family.accept(verified, consents)
    assert {one.outcome for one in results.values()} == {Outcome.ONLINE}
    assert all(len(moves_of(family, person)) == 1 for person in family.everybody)


def test_killed_on_the_way_the_household_is_whole_or_untouched(family):
    killed_at(family, range(1, 2000, 23))


@pytest.mark.slow
def test_killed_at_any_statement_the_household_is_whole_or_untouched(family):
    killed_at(family, range(1, 2000))
