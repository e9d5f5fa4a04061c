"""The one table of a card's life, walked on real cards: every pair of state and event by the door that enrollment has
for it, and what the authority then says of both certificates.
"""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ca import revocation
from ca.revocation import HoldPolicy
from enrollment import card_life, card_procedures, certificates, issuing, loss, procedures
from enrollment.application import ApplicationKind, ApplicationState
from enrollment.errors import CardNotUsable, NotYours, Stale
from enrollment.person import PersonStatus
from enrollment.store import people as people_rows
from enrollment.store import work
from pki.card_state import TRANSITIONS, CardChangeRefused, CardEvent, CardState, CertificateEffect, advance
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.enrollment.folder_card import Unplugged
from tests.enrollment.office import CARD_END, open_office
from tests.enrollment.town import AT, TOWN, resident, seen

CARD = "CARD0001"
RELEASABLE = HoldPolicy(releasable=True)
ON_THE_WAY = {
    CardState.PREPARED: (),
    CardState.ACTIVE: (CardEvent.DELIVER,),
    CardState.SUSPENDED: (CardEvent.DELIVER, CardEvent.SUSPEND),
    CardState.LOST: (CardEvent.DELIVER, CardEvent.LOSE),
    CardState.DAMAGED: (CardEvent.DELIVER, CardEvent.DAMAGE),
    CardState.RETURNED: (CardEvent.DELIVER, CardEvent.RETURN),
    CardState.ENDED: (CardEvent.DELIVER, CardEvent.END),
}
"""How a card gets into each state; nobody's card is blank."""


@pytest.fixture
def office(sqlite_database, tmp_path, request):
    return open_office(sqlite_database, tmp_path, request.node.nodeid)


def card_of(office, card_id=CARD):
    return office.database.read(lambda conn: work.card_of(conn, card_id))


def prepared(office, card_id=CARD):
    """A person whose card has its certificates and was not handed over yet."""
    person = office.database.transaction(lambda conn: resident(conn, office.random, at=AT))
    card = office.card(card_id)
    card.pull_out_before = "install"
    application = office.filed(person)
    with pytest.raises(Unplugged):
        office.issuing.continue_(application, card, AT)
    return person, application


def do(office, person, event, at, card_id=CARD, holds=RELEASABLE):
    """The event by the door that enrollment has for it, or where it has none, straight at the table."""

    def body(conn):
        random, card = office.random, work.card_of(conn, card_id)
        if event is CardEvent.SUSPEND:
            procedures.suspend(conn, card_id, "hotline", at, random)
        elif event is CardEvent.RESUME:
            procedures.resume(conn, card_id, seen(person, at=at), "clerk", at, random, holds=holds)
        elif event is CardEvent.LOSE:
            loss.report(conn, card_id, "clerk", at, random)
        elif event is CardEvent.PREPARE:
            card_life.prepare(conn, card_id, person, TOWN, CARD_END, at)
        elif event in card_procedures.NOTED:
            card_procedures.note(conn, card_id, event, "clerk", at, random)
        else:
            card_life.change(conn, card, event, at, "test", random)

    office.database.transaction(body)


def standing(office, held):
    return office.database.read(
        lambda conn: revocation.standing(conn, held.issuer, SerialNumber.parse(f"0x{held.serial}"))
    )


def fate(office, person):
    """What the authority says of each certificate, and whether the office takes it for ended."""
    return [
        (None if (told := standing(office, held)) is None else told.reason, held.ended_at is not None)
        for held in office.certificates(person)
    ]


EXPECTED = {CertificateEffect.HOLD: False, CertificateEffect.REVOKE: True}


ASKED_AGAIN = {
    (CardState.SUSPENDED, CardEvent.SUSPEND),
    (CardState.LOST, CardEvent.LOSE),
    (CardState.DAMAGED, CardEvent.DAMAGE),
    (CardState.RETURNED, CardEvent.RETURN),
    (CardState.ENDED, CardEvent.END),
}
"""What is noted twice is no mistake."""


@pytest.mark.parametrize("state", ON_THE_WAY)
def test_every_event_on_real_cards_in_every_state(office, state):
    for number, event in enumerate(CardEvent):
        _walk(office, f"CARD000{number}", state, event)


def _walk(office, card_id, state, event):
    person, _ = prepared(office, card_id)
    for step in ON_THE_WAY[state]:
        do(office, person, step, AT, card_id)
    card, before = card_of(office, card_id), fate(office, person)
    assert card.state is state and len(before) == len(Purpose)
    later = AT + timedelta(hours=1)
    step = TRANSITIONS.get((state, event))
    if step is None:
        if (state, event) in ASKED_AGAIN:
            do(office, person, event, later, card_id)
        else:
            with pytest.raises(Stale if event is CardEvent.PREPARE else CardChangeRefused):
                do(office, person, event, later, card_id)
        assert (card_of(office, card_id), fate(office, person)) == (card, before)
        return
    do(office, person, event, later, card_id)
    now = card_of(office, card_id)
    assert (now.state, now.version, now.changed_at) == (step.state, card.version + 1, later)
    if step.effect is CertificateEffect.NONE:
        assert fate(office, person) == before
    elif step.effect is CertificateEffect.RELEASE:
        assert fate(office, person) == [(None, False)] * 2
    else:
        assert fate(office, person) == [(step.reason, EXPECTED[step.effect])] * 2


@pytest.mark.parametrize("state", ON_THE_WAY)
def test_the_end_of_a_record_follows_the_same_table(office, state):
    """Death ends every card that can still end with certificates on it, for the table's reason."""
    person, application = prepared(office)
    for step in ON_THE_WAY[state]:
        do(office, person, step, AT)
    before = fate(office, person)

    def die(conn):
        kept = people_rows.person_of(conn, person)
        procedures.finish(conn, kept, PersonStatus.DEAD, AT, office.random, keep_certificates=False)

    office.database.transaction(die)
    if state in (CardState.PREPARED, CardState.ACTIVE, CardState.SUSPENDED):
        reason = advance(state, CardEvent.END).reason
        assert fate(office, person) == [(reason, True)] * 2
        assert {held.ended_because for held in office.certificates(person)} == {f"{reason.standard_name}:dead"}
        assert card_of(office).state is CardState.ENDED
    else:
        assert (fate(office, person), card_of(office).state) == (before, state)
    assert office.database.read(lambda conn: work.application_of(conn, application)).state.is_final


def test_a_withdrawn_application_ends_its_card_for_the_reason_of_the_table(office):
    person, application = prepared(office)
    office.database.transaction(lambda conn: issuing.withdraw(conn, application, "clerk", AT, "left", office.random))
    assert card_of(office).state is CardState.ENDED
    assert fate(office, person) == [(advance(CardState.PREPARED, CardEvent.END).reason, True)] * 2


def test_where_no_hold_is_released_a_resumed_card_gets_new_certificates(office):
    person, card = office.enrolled()
    do(office, person, CardEvent.SUSPEND, AT)
    do(office, person, CardEvent.RESUME, AT, holds=card_life.NEVER_RELEASED)
    assert card_of(office).state is CardState.ACTIVE
    reason = advance(CardState.SUSPENDED, CardEvent.RESUME).reason
    assert fate(office, person) == [(reason, True)] * 2
    later = AT + timedelta(hours=1)
    office.issuing.continue_(office.filed(person, later, ApplicationKind.RENEWAL), card, later)
    live = [office.database.read(lambda conn, p=p: certificates.live(conn, person, p, later)) for p in Purpose]
    assert [standing(office, held) for held in live] == [None, None]


def test_nothing_is_promised_to_a_suspended_card(office):
    person, card = office.enrolled()
    do(office, person, CardEvent.SUSPEND, AT)
    later = AT + timedelta(hours=1)
    application = office.filed(person, later, ApplicationKind.RENEWAL)
    with pytest.raises(CardNotUsable):
        office.issuing.continue_(application, card, later)
    assert len(office.certificates(person)) == len(Purpose)
    do(office, person, CardEvent.RESUME, later)
    assert office.issuing.continue_(application, card, later).state is ApplicationState.DELIVERED


def test_a_promise_to_a_card_that_is_then_suspended_is_never_signed(office):
    person, card = office.enrolled()
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")
    waiting = replace(office.moves, sign=None)
    assert waiting.accept(verified, request, "key-0001", AT).state is ApplicationState.INTENDED
    do(office, person, CardEvent.SUSPEND, AT)
    assert office.signer.sign_pending(office.database, AT) == 0
    result = waiting.result(verified.filing.filing, AT)
    assert (result.state, result.certificate) == (ApplicationState.WITHDRAWN, None)


def test_what_the_authority_signed_just_before_the_stop_is_on_hold_too(office):
    person, card = office.enrolled()
    request = office.request(card)
    verified = office.verified(card, request, "東京都見本区南町１番")
    waiting = replace(office.moves, sign=None)
    waiting.accept(verified, request, "key-0001", AT)
    assert office.signer.sign_pending(office.database, AT) == 1  # and nobody has looked since
    do(office, person, CardEvent.SUSPEND, AT)
    live = [held for held in office.certificates(person) if held.ended_at is None]
    assert [standing(office, held).reason for held in live] == [Reason.CERTIFICATE_HOLD] * 2
    assert waiting.result(verified.filing.filing, AT).state is ApplicationState.SIGNED


def test_a_resumed_card_keeps_revoked_what_was_revoked_meanwhile(office):
    person, _ = office.enrolled()
    do(office, person, CardEvent.SUSPEND, AT)
    worse = office.certificates(person)[0]
    serial = SerialNumber.parse(f"0x{worse.serial}")
    office.database.transaction(
        lambda conn: revocation.revoke(conn, worse.issuer, serial, Reason.KEY_COMPROMISE, AT, cause="by hand")
    )
    do(office, person, CardEvent.RESUME, AT + timedelta(hours=1))
    told = [standing(office, held) for held in office.certificates(person)]
    assert [None if one is None else one.reason for one in told] == [Reason.KEY_COMPROMISE, None]


def test_two_people_change_one_card_and_the_second_looks_again(office):
    office.enrolled()
    read_before = card_of(office)
    office.database.transaction(lambda conn: procedures.suspend(conn, CARD, "hotline", AT, office.random))

    def again(conn):
        with pytest.raises(Stale):
            card_life.change(conn, read_before, CardEvent.LOSE, Instant(AT.seconds + 1), "late", office.random)

    office.database.read(again)
    assert card_of(office).state is CardState.SUSPENDED


def test_only_one_file_writes_what_state_a_card_is_in():
    """Otherwise a change could pass the table by, and with it what becomes of the certificates."""
    folder = Path(card_life.__file__).parent
    writers = {
        path.name
        for path in folder.glob("*.py")
        if re.search(r"\b(add_card|change_card)\(", path.read_text(encoding="utf-8"))
    }
    assert writers == {"card_life.py"}


def test_who_may_note_it_and_what(office):
    person, _ = office.enrolled()
    note = lambda event, who: office.database.transaction(  # noqa: E731
        lambda conn: card_procedures.note(conn, CARD, event, who, AT, office.random)
    )
    with pytest.raises(NotYours):
        note(CardEvent.DAMAGE, "other-clerk")
    for event in set(CardEvent) - set(card_procedures.NOTED):
        with pytest.raises(CardChangeRefused):
            note(event, "clerk")
    assert fate(office, person) == [(None, False)] * 2
    assert len(note(CardEvent.DAMAGE, "clerk").ended) == 2
    assert note(CardEvent.DAMAGE, "clerk").ended == ()
