"""Two people: one proposes, another decides, with two cards, in time; and what was approved is what is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from enrollment.counters import Affair
from enrollment.machine import step
from enrollment.operators import Role
from pki.instant import Instant


class ApprovalState(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    USED = "used"


class ApprovalEvent(StrEnum):
    """What can happen to it."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    USE = "use"


TRANSITIONS: Final[Mapping[tuple[ApprovalState, ApprovalEvent], ApprovalState]] = {
    (ApprovalState.PROPOSED, ApprovalEvent.APPROVE): ApprovalState.APPROVED,
    (ApprovalState.PROPOSED, ApprovalEvent.REJECT): ApprovalState.REJECTED,
    (ApprovalState.PROPOSED, ApprovalEvent.WITHDRAW): ApprovalState.WITHDRAWN,
    (ApprovalState.PROPOSED, ApprovalEvent.EXPIRE): ApprovalState.EXPIRED,
    (ApprovalState.APPROVED, ApprovalEvent.WITHDRAW): ApprovalState.WITHDRAWN,
    (ApprovalState.APPROVED, ApprovalEvent.EXPIRE): ApprovalState.EXPIRED,
    (ApprovalState.APPROVED, ApprovalEvent.USE): ApprovalState.USED,
}

LIFETIME: Final = timedelta(hours=8)
"""A working day: a proposal that nobody decided by then was forgotten, and the person has gone home."""

DECIDERS: Final[Mapping[Affair, Role]] = {
    Affair.FIRST_ISSUE: Role.SUPERVISOR,
    Affair.RENEWAL: Role.SUPERVISOR,
    Affair.REISSUE: Role.SUPERVISOR,
    Affair.ATTRIBUTE_CHANGE: Role.SUPERVISOR,
    Affair.END_OF_SERVICE: Role.SUPERVISOR,
    Affair.CORRECTION: Role.SUPERVISOR,
    Affair.PROTECTION: Role.PROTECTION,
    Affair.GATEWAY: Role.SUPERVISOR,
    Affair.PIN_RESET: Role.SUPERVISOR,  # where the deployment's rule wants it (`enrollment.pin_reset`)
}
"""The affairs that need two people, and the role of the second."""


def advance(state: ApprovalState, event: ApprovalEvent) -> ApprovalState:
    """Errors: WrongState."""
    return step("approval", TRANSITIONS, state, event)


@dataclass(frozen=True, slots=True)
class Approval:
    """A proposal and its decision. `content` is the digest of exactly what is approved."""

    approval: str
    owner: str
    affair: Affair
    subject: str
    content: str
    state: ApprovalState
    proposed_by: str
    proposed_card: str
    proposed_at: Instant
    expires_at: Instant
    decided_by: str | None = None
    decided_card: str | None = None
    decided_at: Instant | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """Two different operators stand behind `content`. Made only by `enrollment.deciding`."""

    approval: str
    affair: Affair
    subject: str
    content: str
    proposed_by: str
    decided_by: str
