"""A question about a record of access: what is known of it, and what may become of it (`enrollment.cases` does it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from enrollment.person import PersonId
from pki.instant import Instant


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ANSWERED = "answered"
    DISPUTED = "disputed"
    CLOSED = "closed"


class CaseEvent(StrEnum):
    """What can happen to it."""

    ANSWER = "answer"
    DISPUTE = "dispute"
    ACCEPT = "accept"
    ANSWER_FINALLY = "answer-finally"


class Finding(StrEnum):
    """What the owner found."""

    RIGHTFUL = "rightful"
    """Somebody was entitled to look, and this is why."""
    MISTAKE = "mistake"
    """Nobody should have looked."""
    UNLAWFUL = "unlawful"
    """Somebody looked on purpose without right."""

    @property
    def is_incident(self) -> bool:
        """Whether others have to be looked for whom it concerns too."""
        return self is not Finding.RIGHTFUL


_S, _E = CaseState, CaseEvent

TRANSITIONS: Final[Mapping[tuple[CaseState, CaseEvent], CaseState]] = {
    (_S.OPEN, _E.ANSWER): _S.ANSWERED,
    (_S.ANSWERED, _E.ACCEPT): _S.CLOSED,
    (_S.ANSWERED, _E.DISPUTE): _S.DISPUTED,
    (_S.DISPUTED, _E.ANSWER_FINALLY): _S.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One question about one record. `answered_by`: operators, the first and the second."""

    case: str
    person: PersonId
    owner: str
    record: str
    state: CaseState
    version: int
    opened_at: Instant
    due_at: Instant
    finding: Finding | None = None
    answer: str = ""
    answered_by: tuple[str, ...] = ()
    incident: str | None = None

    def overdue(self, at: Instant) -> bool:
        """Whether the owner is late."""
        return self.state in (CaseState.OPEN, CaseState.DISPUTED) and at > self.due_at

    def __repr__(self) -> str:
        return f"Case({self.case}, {self.state})"
