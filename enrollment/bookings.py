"""One visit, booked from home: a time at a desk that does everything that still needs the person to be there.

    BOOKED ▶ KEPT | CANCELLED | MISSED

Of one person one booking stands at a time, and a time has as many places as a desk has seats for booked visits; both
are keys of the database, so that two at once cannot both have the last one. The ticket is a random number: what a QR
code carries says nothing of anybody.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from enrollment import workdays
from enrollment.booking import TRANSITIONS, Booking, BookingEvent, BookingState
from enrollment.counters import Affair, Counter
from enrollment.errors import EnrollmentError, NotYours, SlotUnfit, UnknownBooking
from enrollment.machine import step
from enrollment.operators import Operator
from enrollment.person import PersonId, Random
from enrollment.store import Connection, people
from enrollment.store import bookings as rows
from pki.instant import Instant

FIRST_HOUR, LAST_HOUR, LUNCH = 9, 16, 12
"""Visits begin on the half hour from nine to half past four in Japan, but for the hour at noon."""
LENGTH: Final = timedelta(minutes=30)
SEATS: Final = 2
"""Booked visits that a desk takes at a time; others come without booking."""
AHEAD: Final = timedelta(days=30)
"""How far ahead a visit can be booked."""
NOTICE: Final = timedelta(hours=2)
"""How soon a visit can be booked."""


def slots(counter: Counter, at: Instant) -> Iterator[Instant]:
    """The times that can be asked for at that desk, in order."""
    day, last = at.jst_date(), (at + AHEAD).jst_date()
    while day <= last:
        if workdays.is_open(day):
            for slot in _slots_of(day):
                designated = counter.designation is None or counter.designation.contains(slot)
                if slot >= at + NOTICE and designated:
                    yield slot
        day += timedelta(days=1)


def _slots_of(day: date) -> Iterator[Instant]:
    for hour in range(FIRST_HOUR, LAST_HOUR + 1):
        if hour != LUNCH:
            for minute in (0, 30):
                yield Instant.of_japan(day, hour, minute)


def free(conn: Connection, counter: Counter, at: Instant) -> list[Instant]:
    """Those of them that still have a place."""
    taken = rows.seats_taken(conn, counter.counter, at)
    return [slot for slot in slots(counter, at) if taken.get(slot, 0) < SEATS]


def desks(conn: Connection, owner: str, affairs: frozenset[Affair], at: Instant) -> list[Counter]:
    """The desks of a municipality at which all of `affairs` can be done in one visit."""
    return [counter for counter in people.counters_of_owner(conn, owner) if _does(counter, affairs, at)]


def _does(counter: Counter, affairs: frozenset[Affair], at: Instant) -> bool:
    try:
        for affair in affairs:
            counter.require(affair, at)
    except EnrollmentError:
        return False
    return True


def book(
    conn: Connection, person: PersonId, counter_id: str, slot: Instant, affairs: frozenset[Affair], at: Instant,
    random: Random,
) -> Booking:  # fmt: skip
    """Book a visit; one that stood before is cancelled by it.

    Errors: SlotUnfit (no such time, or just taken); OutOfScope, NotDesignated, UnknownCounter; NotYours for a desk of
    another municipality; Stale (Retryable).
    """
    counter = people.counter_of(conn, counter_id)
    owner = people.owner_of(conn, person)
    if counter.owner != owner:
        raise NotYours(counter.owner)
    for affair in affairs:
        counter.require(affair, slot)
    if not affairs or slot not in set(slots(counter, at)):
        raise SlotUnfit
    before = rows.standing(conn, person)
    if before is not None:
        rows.settle(conn, before, step("booking", TRANSITIONS, before.state, BookingEvent.CANCEL))
    seats = rows.seats_of(conn, counter_id, slot)
    seat = next((number for number in range(SEATS) if number not in seats), None)
    if seat is None:
        raise SlotUnfit
    booking = Booking(random(16).hex(), person, counter_id, owner, slot, seat, affairs, BookingState.BOOKED)
    rows.add(conn, booking)
    return booking


def standing(conn: Connection, person: PersonId) -> Booking | None:
    """The visit that a person has booked."""
    return rows.standing(conn, person)


def cancel(conn: Connection, person: PersonId) -> Booking:
    """Give the place back. Errors: UnknownBooking."""
    booking = rows.standing(conn, person)
    if booking is None:
        raise UnknownBooking
    return rows.settle(conn, booking, step("booking", TRANSITIONS, booking.state, BookingEvent.CANCEL))


def come(conn: Connection, ticket: str, operator: Operator) -> Booking:
    """Somebody is there with their ticket. Errors: UnknownBooking; NotYours at another desk; WrongState."""
    booking = rows.by_ticket(conn, ticket)
    if booking is None:
        raise UnknownBooking
    if booking.counter != operator.counter:
        raise NotYours(operator.owner)
    return rows.settle(conn, booking, step("booking", TRANSITIONS, booking.state, BookingEvent.COME))


def of_day(conn: Connection, counter_id: str, day: date) -> list[Booking]:
    """What a desk expects on a day in Japan, in order."""
    return rows.between(conn, counter_id, Instant.of_japan(day), Instant.of_japan(day + timedelta(days=1)))


def pass_by(conn: Connection, at: Instant) -> int:
    """Visits that nobody came to, once the day is over; how many."""
    passed = rows.booked_before(conn, Instant.of_japan(at.jst_date()))
    for booking in passed:
        rows.settle(conn, booking, step("booking", TRANSITIONS, booking.state, BookingEvent.PASS))
    return len(passed)
