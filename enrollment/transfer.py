"""A move out to another municipality, told before the move in: where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from enrollment.machine import step
from enrollment.person import PersonId
from pki.instant import Instant


class TransferState(StrEnum):
    """Where a transfer stands."""

    ANNOUNCED = "announced"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class TransferEvent(StrEnum):
    """What can happen to it."""

    COMPLETE = "complete"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"


TRANSITIONS: Final[Mapping[tuple[TransferState, TransferEvent], TransferState]] = {
    (TransferState.ANNOUNCED, TransferEvent.COMPLETE): TransferState.COMPLETED,
    (TransferState.ANNOUNCED, TransferEvent.WITHDRAW): TransferState.WITHDRAWN,
    (TransferState.ANNOUNCED, TransferEvent.LAPSE): TransferState.LAPSED,
    (TransferState.LAPSED, TransferEvent.COMPLETE): TransferState.COMPLETED,  # late, at a counter: still accepted
}


def advance(state: TransferState, event: TransferEvent) -> TransferState:
    """Errors: WrongState."""
    return step("transfer", TRANSITIONS, state, event)


@dataclass(frozen=True, slots=True)
class Transfer:
    """`transfer`: the filing's one-time id. `document`, `signature`: what the person signed, or an officer recorded."""

    transfer: str
    person: PersonId
    owner: str
    municipality: str
    planned_on: date
    state: TransferState
    version: int
    channel: str
    document: bytes = field(repr=False)
    signature: bytes | None = field(repr=False)
    announced_at: Instant
    changed_at: Instant
