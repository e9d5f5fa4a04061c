"""The rules say no: the cap, a looser policy, an event that stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enrollment.errors.root import EnrollmentError

if TYPE_CHECKING:
    from enrollment.caps import Decision


@dataclass(eq=False)
class CapReached(EnrollmentError):
    """A remote procedure is refused; the whole decision is inside."""

    code = "enrollment.cap-reached"
    why = "no further remote procedure before an in-person check"
    todo = "come in person to a municipal counter or a designated post office"
    decision: Decision


@dataclass(eq=False)
class LooserPolicy(EnrollmentError):
    code = "enrollment.looser-policy"
    why = "a municipality may only be stricter than the common policy; looser: {fields_loosened}"
    todo = "keep these at the common value or tighten them"
    fields_loosened: str


@dataclass(eq=False)
class NotReversible(EnrollmentError):
    code = "enrollment.not-reversible"
    why = "event {event} cannot be reversed: {because}"
    todo = "record a new event instead"
    event: str
    because: str


@dataclass(eq=False)
class AlreadyAdopted(EnrollmentError):
    code = "enrollment.already-adopted"
    why = "version {version}, or another one of the same owner and date, was adopted before"
    todo = "give the new version a name and a date of its own; adopted policies are never changed"
    version: str
