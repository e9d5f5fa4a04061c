"""Booked visits."""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.booking import Booking, BookingState
from enrollment.counters import Affair
from enrollment.errors import Stale
from enrollment.person import PersonId
from enrollment.store.connection import Connection, is_unique_violation
from enrollment.store.tables_disclosure import bookings as t
from pki.instant import Instant

_BOOKED = "booked"


def _booking(row: Any) -> Booking:
    affairs = frozenset(Affair(value) for value in json.loads(row["affairs"]))
    return Booking(
        row["ticket"],
        PersonId(row["person"]),
        row["counter"],
        row["owner"],
        Instant(row["slot"]),
        row["seat"],
        affairs,
        BookingState(row["state"]),
    )


def add(conn: Connection, booking: Booking) -> None:
    """Errors: Stale where somebody took the seat, or the same person booked, at the same moment."""
    try:
        conn.execute(
            insert(t).values(
                ticket=booking.ticket,
                person=booking.person,
                counter=booking.counter,
                owner=booking.owner,
                slot=booking.slot.seconds,
                seat=booking.seat,
                affairs=json.dumps(sorted(booking.affairs)),
                state=booking.state.value,
                booked_by=booking.person,
                booked_seat=_seat(booking),
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the visit") from error
        raise


def _seat(booking: Booking) -> str:
    return f"{booking.counter}:{booking.slot.seconds}:{booking.seat}"


def settle(conn: Connection, booking: Booking, state: BookingState) -> Booking:
    """It is over, and its place is free again. Errors: Stale."""
    values = {"state": state.value, "booked_by": None, "booked_seat": None}
    if conn.execute(update(t).where(t.c.ticket == booking.ticket, t.c.state == _BOOKED).values(**values)).rowcount != 1:
        raise Stale("the visit")
    return replace(booking, state=state)


def standing(conn: Connection, person: PersonId) -> Booking | None:
    """What a person has booked."""
    row = conn.execute(select(t).where(t.c.booked_by == person)).mappings().one_or_none()
    return None if row is None else _booking(row)


def by_ticket(conn: Connection, ticket: str) -> Booking | None:
    """The visit of that ticket."""
    row = conn.execute(select(t).where(t.c.ticket == ticket)).mappings().one_or_none()
    return None if row is None else _booking(row)


def seats_of(conn: Connection, counter: str, slot: Instant) -> set[int]:
    """The seats that are taken at that time."""
    query = select(t.c.seat).where(t.c.counter == counter, t.c.slot == slot.seconds, t.c.state == _BOOKED)
    return set(conn.execute(query).scalars())


def seats_taken(conn: Connection, counter: str, since: Instant) -> dict[Instant, int]:
    """How many seats are taken at each time from `since` on."""
    query = (
        select(t.c.slot, func.count())
        .where(t.c.counter == counter, t.c.slot >= since.seconds, t.c.state == _BOOKED)
        .group_by(t.c.slot)
    )
    return {Instant(slot): count for slot, count in conn.execute(query)}


def between(conn: Connection, counter: str, since: Instant, until: Instant) -> list[Booking]:
    """The visits booked at a desk from `since` up to `until`, in order."""
    query = (
        select(t)
        .where(t.c.counter == counter, t.c.slot >= since.seconds, t.c.slot < until.seconds, t.c.state == _BOOKED)
        .order_by(t.c.slot, t.c.seat)
    )
    return [_booking(row) for row in conn.execute(query).mappings()]


def booked_before(conn: Connection, until: Instant) -> list[Booking]:
    """The visits whose time has passed and that still stand."""
    query = select(t).where(t.c.state == _BOOKED, t.c.slot < until.seconds).order_by(t.c.slot)
    return [_booking(row) for row in conn.execute(query).mappings()]
