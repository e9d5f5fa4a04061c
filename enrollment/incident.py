"""An incident: what went wrong, which records it concerns, how far its owner is (`enrollment.incidents` does it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from enrollment.errors import ScopeUnfit
from pki.instant import Instant, end_of_japanese_day

TELL_DAYS: Final = 5
"""Days of Japan from when it is found until everybody concerned is told."""


class IncidentState(StrEnum):
    """How far the owner is."""

    FOUND = "found"
    SCOPED = "scoped"
    NOTIFIED = "notified"
    CLOSED = "closed"


class IncidentEvent(StrEnum):
    """What the owner does."""

    FIND = "find"
    SCOPE = "scope"
    NOTIFY = "notify"
    CLOSE = "close"


class IncidentKind(StrEnum):
    """What went wrong."""

    MISTAKEN_INQUIRY = "mistaken-inquiry"
    MISTAKEN_PROVISION = "mistaken-provision"
    WRONG_VALUE = "wrong-value"
    LEAK = "leak"


_S, _E = IncidentState, IncidentEvent

TRANSITIONS: Final[Mapping[tuple[IncidentState, IncidentEvent], IncidentState]] = {
    (_S.FOUND, _E.SCOPE): _S.SCOPED,
    (_S.SCOPED, _E.SCOPE): _S.SCOPED,
    (_S.SCOPED, _E.NOTIFY): _S.NOTIFIED,
    (_S.NOTIFIED, _E.CLOSE): _S.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which records of an owner an incident concerns: within a span of time, alike in all that is named."""

    since: Instant
    until: Instant
    function: str | None = None
    recipient: str | None = None
    affairs: str | None = None
    records: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.since > self.until or not (self.function or self.recipient or self.affairs or self.records):
            raise ScopeUnfit


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident of one owner. `affected`: how many people, once scoped."""

    incident: str
    owner: str
    kind: IncidentKind
    drill: bool
    state: IncidentState
    version: int
    found_at: Instant
    found_by: str
    affected: int | None = None
    records: int | None = None

    @property
    def due_at(self) -> Instant:
        """By when everybody concerned is told."""
        return end_of_japanese_day(self.found_at.jst_date() + timedelta(days=TELL_DAYS))

    @property
    def waits(self) -> bool:
        """Whether nobody was told yet."""
        return self.state in (IncidentState.FOUND, IncidentState.SCOPED)

    def overdue(self, at: Instant) -> bool:
        """Whether the owner is late; in a drill too."""
        return self.waits and at > self.due_at


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline."""

    at: Instant
    what: IncidentEvent
    operator: str
