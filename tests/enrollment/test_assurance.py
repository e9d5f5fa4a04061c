"""Assurance by contact: it rises, fades, falls with a returned letter, and never touches the cap."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment import ledger
from enrollment.assurance import Grade, Signal, assess, note_contact
from enrollment.caps import decide
from enrollment.errors import SelfDealing
from enrollment.events import GENESIS, EventId, EventKind, LedgerEvent
from enrollment.ledger import Happening
from enrollment.person import PersonId
from enrollment.policy import CapPolicy
from tests.enrollment.town import AT, COMMON_POLICY, found, resident

POLICY = CapPolicy("1", AT + timedelta(days=-9999))


def event(position, kind, at, level="ial3"):
    return LedgerEvent(
        PersonId("p"), position, EventId(str(position)), "13113", kind, at, 1, None, 0, None, "", "1", "a", "", level,
        (), None, GENESIS,
    )  # fmt: skip


def story(*entries):
    return [event(position, *entry) for position, entry in enumerate(entries)]


def test_trust_wears_off_with_moves_and_years_and_contacts_slow_it():
    seen = (EventKind.ANCHOR, AT)
    later = AT + timedelta(days=3 * 365)
    used = [(EventKind.CONTACT, later + timedelta(days=-days), "authenticated-use") for days in (90, 60, 30)]
    fresh = assess(POLICY, story(seen), AT)
    old = assess(POLICY, story(seen), later)
    kept = assess(POLICY, story(seen, *used), later)
    moved = assess(POLICY, story(seen, (EventKind.REMOTE_MOVE, AT)), AT)
    assert (fresh.grade, old.grade) == (Grade.HIGH, Grade.SUBSTANTIAL)
    assert old.score < kept.score < fresh.score
    assert moved.score < fresh.score
    assert kept.remind_at > old.remind_at


def test_a_returned_letter_lowers_it_and_the_effect_fades():
    seen, back = (EventKind.ANCHOR, AT), (EventKind.CONTACT, AT, "letter-returned")
    assert assess(POLICY, story(seen, back), AT).contact_score == -80
    assert assess(POLICY, story(seen, back), AT + timedelta(days=180)).contact_score == -40


def test_no_amount_of_contact_is_a_visit():
    uses = [(EventKind.CONTACT, AT, "authenticated-use")] * 500
    assert assess(POLICY, story(*uses), AT).grade is Grade.LOW
    moves = [(EventKind.REMOTE_MOVE, AT)] * 3
    at_cap = story((EventKind.ANCHOR, AT), *moves, *uses)
    assert assess(POLICY, at_cap, AT).grade is Grade.LOW
    assert not decide(POLICY, at_cap, EventKind.REMOTE_MOVE, AT).allowed


@given(st.lists(st.tuples(st.sampled_from(Signal), st.integers(0, 2000)), max_size=20), st.integers(0, 3000))
def test_contacts_never_change_a_decision(contacts, days):
    at = AT + timedelta(days=days)
    bare = story((EventKind.ANCHOR, AT), (EventKind.REMOTE_MOVE, AT))
    more = [
        event(10 + n, EventKind.CONTACT, AT + timedelta(days=d), s.value)
        for n, (s, d) in enumerate(contacts)
        if d <= days
    ]
    one, other = (decide(POLICY, history, EventKind.REMOTE_MOVE, at) for history in (bare, [*bare, *more]))
    assert (one.allowed, one.used, one.next_in_person_by) == (other.allowed, other.used, other.next_in_person_by)
    level = assess(POLICY, [*bare, *more], at)
    assert level.score >= 0
    if level.remind_at is not None and one.allowed:
        assert level.remind_at.jst_date() <= one.next_in_person_by


def test_a_relying_party_learns_only_the_grade():
    assert assess(POLICY, story((EventKind.ANCHOR, AT)), AT).grade is Grade.HIGH


def test_one_contact_of_a_kind_in_a_month_and_nobody_vouches_for_themselves(sqlite_database, random):
    def body(conn):
        found(conn, COMMON_POLICY)
        person = resident(conn, random)
        ledger.record(conn, Happening(person, EventKind.ANCHOR, "clerk"), AT, random)
        first = note_contact(conn, person, Signal.AUTHENTICATED_USE, person, AT, random)
        again = note_contact(conn, person, Signal.AUTHENTICATED_USE, person, AT + timedelta(days=3), random)
        other = note_contact(conn, person, Signal.COUNTER_VISIT, "clerk", AT, random)
        next_month = note_contact(conn, person, Signal.AUTHENTICATED_USE, person, AT + timedelta(days=31), random)
        with pytest.raises(SelfDealing):
            note_contact(conn, person, Signal.COUNTER_VISIT, person, AT, random)
        return first, again, other, next_month, ledger.history(conn, person)

    first, again, other, next_month, history = sqlite_database.transaction(body)
    assert first and other and next_month and again is None
    assert [one.kind for one in history] == [EventKind.ANCHOR] + [EventKind.CONTACT] * 3
    assert "channel" in history[1].body() and history[1].channel == "contact"
