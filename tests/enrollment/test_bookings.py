"""Visits booked from home: which times there are, one a person, no seat twice, and a ticket that says nothing."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest

from enrollment import bookings
from enrollment.booking import TRANSITIONS, BookingState
from enrollment.bookings import AHEAD, NOTICE, SEATS, book
from enrollment.counters import Affair
from enrollment.errors import NotDesignated, NotYours, OutOfScope, SlotUnfit, Stale, UnknownBooking, WrongState
from enrollment.person import PersonId
from enrollment.store import people as rows
from pki.instant import Instant
from tests.enrollment.town import AT, found, resident

CHECK = frozenset({Affair.IN_PERSON_CHECK})
TUESDAY = Instant.of_japan(date(2026, 11, 24), 10, 30)


@pytest.fixture
def people(database: Any, random: Any) -> list[PersonId]:
    database.transaction(found)
    return [database.transaction(lambda conn: resident(conn, random)) for _ in range(4)]


def _book(database: Any, random: Any, person: PersonId, slot: Instant = TUESDAY, counter: str = "main") -> Any:
    return database.transaction(lambda conn: book(conn, person, counter, slot, CHECK, AT, random))


def test_the_times_of_a_desk_are_those_at_which_somebody_is_there(database: Any, people: list[PersonId]) -> None:
    """23 November 2026 is a holiday (Labour Thanksgiving Day), and so a Monday without visits."""
    main, post = (database.read(lambda conn, c=c: rows.counter_of(conn, c)) for c in ("main", "post"))
    times = list(bookings.slots(main, AT))
    assert times[0] == Instant.of_japan(date(2026, 11, 24), 9)
    days = {slot.jst_date() for slot in times}
    assert not any(day.weekday() > 4 or day == date(2026, 11, 23) for day in days)
    assert max(days) <= (AT + AHEAD).jst_date()
    hours = {(slot + timedelta(hours=9)).datetime.hour for slot in times}
    assert hours == {9, 10, 11, 13, 14, 15, 16}
    now = Instant.of_japan(date(2026, 11, 24), 9, 1)
    assert next(bookings.slots(main, now)) == Instant.of_japan(date(2026, 11, 24), 11, 30)
    assert next(bookings.slots(main, now)) >= now + NOTICE
    end = post.designation.not_after
    assert all(slot <= end for slot in bookings.slots(post, end + timedelta(days=-3)))


def test_the_desks_that_do_it_all_in_one_visit(database: Any, people: list[PersonId]) -> None:
    def names(affairs: frozenset[Affair]) -> list[str]:
        desks = database.read(lambda conn: bookings.desks(conn, "13113", affairs, AT))
        return sorted(desk.counter for desk in desks)

    assert names(CHECK) == ["branch", "main", "post"]
    assert names(CHECK | {Affair.MOVE}) == ["branch", "main"]


def test_one_person_has_one_visit_and_gives_it_back(database: Any, random: Any, people: list[PersonId]) -> None:
    person = people[0]
    first = _book(database, random, person)
    assert database.read(lambda conn: bookings.standing(conn, person)) == first
    later = _book(database, random, person, TUESDAY + timedelta(hours=24))
    assert database.read(lambda conn: bookings.standing(conn, person)) == later
    assert database.read(lambda conn: bookings.of_day(conn, "main", date(2026, 11, 24))) == []
    assert database.transaction(lambda conn: bookings.cancel(conn, person)).state is BookingState.CANCELLED
    with pytest.raises(UnknownBooking):
        database.transaction(lambda conn: bookings.cancel(conn, person))


def test_what_cannot_be_booked(database: Any, random: Any, people: list[PersonId]) -> None:
    person = people[0]
    for slot in (AT, TUESDAY + timedelta(minutes=1), TUESDAY + timedelta(hours=2), TUESDAY + timedelta(days=60)):
        with pytest.raises(SlotUnfit):
            _book(database, random, person, slot)
    with pytest.raises(NotYours):
        _book(database, random, person, counter="other-main")
    with pytest.raises(OutOfScope):
        _book(database, random, person, counter="kiosk")
    with pytest.raises(SlotUnfit):
        database.transaction(lambda conn: book(conn, person, "main", TUESDAY, frozenset(), AT, random))
    post = database.read(lambda conn: rows.counter_of(conn, "post"))
    with pytest.raises(NotDesignated):
        _book(database, random, person, post.designation.not_after + timedelta(days=1), "post")
    assert database.read(lambda conn: bookings.standing(conn, person)) is None


def test_of_many_at_once_only_as_many_get_a_time_as_it_has_seats(
    database: Any, random: Any, people: list[PersonId]
) -> None:
    outcomes: list[str] = []
    begin = threading.Barrier(len(people))

    def ask(person: PersonId) -> None:
        begin.wait()
        try:
            _book(database, random, person)
            outcomes.append("booked")
        except (SlotUnfit, Stale):
            outcomes.append("taken")

    threads = [threading.Thread(target=ask, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["booked"] * SEATS + ["taken"] * (len(people) - SEATS)
    main = database.read(lambda conn: rows.counter_of(conn, "main"))
    assert TUESDAY not in database.read(lambda conn: bookings.free(conn, main, AT))
    expected = database.read(lambda conn: bookings.of_day(conn, "main", date(2026, 11, 24)))
    assert [one.seat for one in expected] == list(range(SEATS))


def test_every_way_a_visit_can_end(database: Any, random: Any, people: list[PersonId]) -> None:
    assert set(TRANSITIONS.values()) == set(BookingState) - {BookingState.BOOKED}
    kept, missed = _book(database, random, people[0]), _book(database, random, people[1])
    assert not any(person in kept.ticket for person in people)
    clerk, elsewhere = (database.read(lambda conn, o=o: rows.operator_of(conn, o)) for o in ("clerk", "branchclerk"))
    with pytest.raises(NotYours):
        database.transaction(lambda conn: bookings.come(conn, kept.ticket, elsewhere))
    with pytest.raises(UnknownBooking):
        database.transaction(lambda conn: bookings.come(conn, "0" * 32, clerk))
    assert database.transaction(lambda conn: bookings.come(conn, kept.ticket, clerk)).state is BookingState.KEPT
    with pytest.raises(WrongState):
        database.transaction(lambda conn: bookings.come(conn, kept.ticket, clerk))
    assert database.transaction(lambda conn: bookings.pass_by(conn, TUESDAY + timedelta(hours=13))) == 0
    assert database.transaction(lambda conn: bookings.pass_by(conn, TUESDAY + timedelta(hours=14))) == 1
    assert database.read(lambda conn: bookings.standing(conn, people[1])) is None
    assert missed.seat == 1
