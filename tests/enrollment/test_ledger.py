"""The ledger in a real database: order, places, the cap, corrections, and what tampering leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from enrollment import ledger
from enrollment.caps import ReasonCode, standing
from enrollment.errors import CapReached, NotReversible, PlaceTaken, UnknownEvent
from enrollment.events import EventId, EventKind
from enrollment.ledger import Happening
from enrollment.store import ledger as rows
from tests.enrollment.town import AT, COMMON_POLICY, found, resident


@pytest.fixture
def person(database, random):
    def enter(conn):
        found(conn)
        return resident(conn, random)

    return database.transaction(enter)


def happen(database, random, person, kind, at=AT, **fields):
    what = Happening(person, kind, actor="somebody", **fields)
    return database.transaction(lambda conn: ledger.record(conn, what, at, random))


def events(database, person):
    return database.read(lambda conn: ledger.history(conn, person))


def test_places_are_taken_one_after_the_other_until_the_cap(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    for expected in (1, 2, 3):
        event, decision = happen(database, random, person, EventKind.REMOTE_MOVE)
        assert (event.seq, decision.used) == (expected, expected)
    with pytest.raises(CapReached) as refused:
        happen(database, random, person, EventKind.REMOTE_MOVE)
    decision = refused.value.decision
    assert (decision.used, decision.limit, decision.allowed) == (3, 3, False)
    assert [reason.code for reason in decision.reasons] == [ReasonCode.CONSECUTIVE]
    assert len(events(database, person)) == 4


def test_being_seen_gives_new_places_and_the_total_still_counts(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    for _ in range(3):
        happen(database, random, person, EventKind.REMOTE_MOVE)
    happen(database, random, person, EventKind.ANCHOR)
    for expected in (1, 2):
        event, _ = happen(database, random, person, EventKind.REMOTE_MOVE)
        assert (event.anchor, event.seq) == (2, expected)
    with pytest.raises(CapReached) as refused:
        happen(database, random, person, EventKind.REMOTE_MOVE)
    assert [reason.code for reason in refused.value.decision.reasons] == [ReasonCode.TOTAL]


def test_sixteen_clients_of_two_nodes_never_pass_the_cap(database, random, person):
    others = [database.transaction(lambda conn: resident(conn, random)) for _ in range(3)]
    people = [person, *others]
    for one in people:
        happen(database, random, one, EventKind.ANCHOR)

    other_node = type(database)(database.engine.url.render_as_string(hide_password=False))

    def attempt(number):
        node = (database, other_node)[number % 2]
        try:
            happen(node, random, people[number % len(people)], EventKind.REMOTE_MOVE)
        except CapReached:
            return 0
        return 1

    with ThreadPoolExecutor(16) as clients:
        accepted = list(clients.map(attempt, [*range(6 * len(people)), *range(1, 1 + 3 * len(people))]))
    other_node.engine.dispose()
    assert sum(accepted) == COMMON_POLICY.max_consecutive * len(people)
    for one in people:
        taken = [event.seq for event in events(database, one) if event.seq is not None]
        assert taken == [1, 2, 3]
        assert (
            database.read(lambda conn, one=one: ledger.verify(rows.events_of(conn, one), rows.stored_hashes(conn, one)))
            == ()
        )


def test_the_database_refuses_a_place_past_the_cap_and_a_place_twice(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    event, _ = happen(database, random, person, EventKind.REMOTE_MOVE)
    for broken in (
        replace(event, position=2, event=EventId("a" * 32), seq=4),
        replace(event, position=2, event=EventId("a" * 32), seq=1, cap=99),
        replace(event, position=2, event=EventId("a" * 32), seq=2, cap=99),
        replace(event, position=2, event=EventId("a" * 32), seq=0),
        replace(event, position=2, event=EventId("a" * 32), kind=EventKind.CONTACT, seq=2),
        replace(event, position=2, event=EventId("a" * 32), kind=EventKind.CORRECTION, seq=None, cap=None),
    ):
        with pytest.raises((IntegrityError, PlaceTaken)), database.engine.begin() as conn:
            rows.append(conn, broken)
    assert len(events(database, person)) == 2


def test_a_taken_place_is_a_retry_with_a_new_decision(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    event, _ = happen(database, random, person, EventKind.REMOTE_MOVE)
    with pytest.raises(PlaceTaken), database.engine.begin() as conn:
        rows.append(conn, replace(event, event=EventId("b" * 32)))


def test_a_correction_gives_the_right_back_and_never_the_place(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    for _ in range(3):
        event, _ = happen(database, random, person, EventKind.REMOTE_MOVE)
    happen(database, random, person, EventKind.CORRECTION, corrects=event.event)
    again, decision = happen(database, random, person, EventKind.REMOTE_MOVE)
    assert (again.seq, again.adjustment, again.cap, decision.used) == (4, -1, 3, 3)
    with pytest.raises(CapReached):
        happen(database, random, person, EventKind.REMOTE_MOVE)


def test_a_reversed_check_leaves_what_was_used_before_it(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    happen(database, random, person, EventKind.REMOTE_MOVE)
    happen(database, random, person, EventKind.REMOTE_MOVE)
    wrong, _ = happen(database, random, person, EventKind.ANCHOR)
    happen(database, random, person, EventKind.CORRECTION, corrects=wrong.event)
    last, decision = happen(database, random, person, EventKind.REMOTE_MOVE)
    assert (last.seq, last.adjustment, decision.used) == (1, 2, 3)
    with pytest.raises(CapReached):
        happen(database, random, person, EventKind.REMOTE_MOVE)


def test_what_cannot_be_reversed(database, random, person):
    anchor, _ = happen(database, random, person, EventKind.ANCHOR)
    correction, _ = happen(database, random, person, EventKind.CORRECTION, corrects=anchor.event)
    with pytest.raises(NotReversible):
        happen(database, random, person, EventKind.CORRECTION, corrects=anchor.event)
    with pytest.raises(NotReversible):
        happen(database, random, person, EventKind.CORRECTION, corrects=correction.event)
    with pytest.raises(UnknownEvent):
        happen(database, random, person, EventKind.CORRECTION, corrects=EventId("0" * 32))
    with pytest.raises(CapReached) as refused:
        happen(database, random, person, EventKind.REMOTE_MOVE)
    assert refused.value.decision.reasons[0].code is ReasonCode.NEVER_SEEN


def test_what_never_counts(database, random, person):
    happen(database, random, person, EventKind.ANCHOR)
    happen(database, random, person, EventKind.REMOTE_MOVE)
    for kind in (EventKind.OFFICIAL_CHANGE, EventKind.CONTACT):
        event, decision = happen(database, random, person, kind)
        assert (event.seq, decision) == (None, None)
    assert len(standing(events(database, person)).since_anchor) == 1


def test_a_clock_that_steps_back_changes_nothing(database, random, person):
    happen(database, random, person, EventKind.ANCHOR, at=AT)
    event, decision = happen(database, random, person, EventKind.REMOTE_MOVE, at=AT + timedelta(days=-4000))
    assert (event.at, decision.at) == (AT, AT)


@pytest.mark.parametrize("column", ["actor", "kind", "at", "evidence", "level", "hash"])
def test_tampering_with_any_row_is_found(database, random, person, column):
    for kind in (EventKind.ANCHOR, EventKind.CONTACT, EventKind.CONTACT):
        happen(database, random, person, kind)
    value = {"at": "7", "evidence": "'[\"x\"]'", "kind": "'anchor'"}.get(column, "'changed'")
    with database.engine.begin() as conn:
        conn.execute(text(f"UPDATE enrollment_ledger SET {column} = {value} WHERE position = 1"))
    faults = database.read(lambda conn: ledger.verify(rows.events_of(conn, person), rows.stored_hashes(conn, person)))
    assert faults
    assert faults[0].position in (1, 2)


def test_a_removed_row_is_found(database, random, person):
    for kind in (EventKind.ANCHOR, EventKind.CONTACT, EventKind.CONTACT):
        happen(database, random, person, kind)
    with database.engine.begin() as conn:
        conn.execute(text("DELETE FROM enrollment_ledger WHERE position = 1"))
    assert database.read(lambda conn: ledger.verify(rows.events_of(conn, person), rows.stored_hashes(conn, person)))
