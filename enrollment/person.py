"""The person: an opaque id that never changes, the four attributes, and the municipality that keeps them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NewType

from enrollment.machine import step
from pki.attributes import Attributes
from pki.instant import Instant

PersonId = NewType("PersonId", str)
"""32 hex digits of chance. It says nothing about the person and survives every move, renewal and re-issue."""

Random = Callable[[int], bytes]
"""A source of unforeseeable octets: `random(n)` gives n of them."""

MINOR_AGE = 15
"""Below it there is no signature certificate, and a legal representative files (jpki.md 3.1)."""


def draw_id(random: Random) -> str:
    """128 random bits in hex: the form of every id of this package."""
    return random(16).hex()


class PersonStatus(StrEnum):
    """Where the person stands in the resident record."""

    RESIDENT = "resident"
    EMIGRATED = "emigrated"
    DEAD = "dead"


class StatusEvent(StrEnum):
    """What can happen to the record as a whole."""

    EMIGRATE = "emigrate"
    DIE = "die"
    REINSTATE = "reinstate"
    """Back from abroad, or ended by mistake; nothing that was revoked comes back with it."""


TRANSITIONS: Final[Mapping[tuple[PersonStatus, StatusEvent], PersonStatus]] = {
    (PersonStatus.RESIDENT, StatusEvent.EMIGRATE): PersonStatus.EMIGRATED,
    (PersonStatus.RESIDENT, StatusEvent.DIE): PersonStatus.DEAD,
    (PersonStatus.EMIGRATED, StatusEvent.DIE): PersonStatus.DEAD,
    (PersonStatus.EMIGRATED, StatusEvent.REINSTATE): PersonStatus.RESIDENT,
    (PersonStatus.DEAD, StatusEvent.REINSTATE): PersonStatus.RESIDENT,
}


def advance(status: PersonStatus, event: StatusEvent) -> PersonStatus:
    """Errors: WrongState."""
    return step("record", TRANSITIONS, status, event)


@dataclass(frozen=True, slots=True)
class Person:
    """A resident as one municipality keeps them; `version` rises by one with every change."""

    person: PersonId
    owner: str
    attributes: Attributes
    status: PersonStatus
    version: int
    since: Instant


def age_at(date_of_birth: date, day: date) -> int:
    """Full years of life on `day`. A birthday counts from its day on; 29 February is 28 February in common years."""
    had = (day.month, day.day) >= (date_of_birth.month, date_of_birth.day)
    leap_day = (date_of_birth.month, date_of_birth.day) == (2, 29)
    if leap_day and not had:
        had = (day.month, day.day) == (2, 28) and not _is_leap(day.year)
    return day.year - date_of_birth.year - (0 if had else 1)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
