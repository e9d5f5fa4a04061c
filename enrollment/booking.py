"""A booked visit: what is known of it, and what may become of it (`enrollment.bookings` does it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from enrollment.counters import Affair
from enrollment.person import PersonId
from pki.instant import Instant


class BookingState(StrEnum):
    """What became of it."""

    BOOKED = "booked"
    KEPT = "kept"
    CANCELLED = "cancelled"
    MISSED = "missed"


class BookingEvent(StrEnum):
    """What can happen."""

    COME = "come"
    CANCEL = "cancel"
    PASS = "pass"  # noqa: S105 - the hour passes


TRANSITIONS: Final[Mapping[tuple[BookingState, BookingEvent], BookingState]] = {
    (BookingState.BOOKED, BookingEvent.COME): BookingState.KEPT,
    (BookingState.BOOKED, BookingEvent.CANCEL): BookingState.CANCELLED,
    (BookingState.BOOKED, BookingEvent.PASS): BookingState.MISSED,
}


@dataclass(frozen=True, slots=True)
class Booking:
    """One visit: `ticket` is its name, 128 random bits in hex."""

    ticket: str
    person: PersonId
    counter: str
    owner: str
    slot: Instant
    seat: int
    affairs: frozenset[Affair]
    state: BookingState

    def __repr__(self) -> str:
        return f"Booking({self.counter}, {self.slot.iso()}, {self.state})"
