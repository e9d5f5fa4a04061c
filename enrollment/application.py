"""An application from the moment it is filed until the certificates lie on the card."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from enrollment.canonical import Json, digest
from enrollment.machine import step
from enrollment.person import PersonId
from pki.instant import Instant


class ApplicationKind(StrEnum):
    """What is applied for."""

    FIRST_ISSUE = "first-issue"
    REMOTE_MOVE = "remote-move"
    REMOTE_REISSUE = "remote-reissue"
    REMOTE_RENEWAL = "remote-renewal"
    RENEWAL = "renewal"
    REISSUE = "reissue"
    COUNTER_CHANGE = "counter-change"


class ApplicationState(StrEnum):
    """Where it stands; each state names what is already durable."""

    FILED = "filed"
    APPROVED = "approved"
    KEYS_PROVEN = "keys-proven"
    INTENDED = "intended"
    SIGNED = "signed"
    INSTALLED = "installed"
    DELIVERED = "delivered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen any more."""
        return self in (ApplicationState.DELIVERED, ApplicationState.REFUSED, ApplicationState.WITHDRAWN)

    @property
    def has_intents(self) -> bool:
        """Whether certificates are promised or signed: giving up from here means revoking."""
        return self in (ApplicationState.INTENDED, ApplicationState.SIGNED, ApplicationState.INSTALLED)


class ApplicationEvent(StrEnum):
    """What can happen to it."""

    APPROVE = "approve"
    REFUSE = "refuse"
    PROVE_KEYS = "prove-keys"
    INTEND = "intend"
    SIGN = "sign"
    INSTALL = "install"
    DELIVER = "deliver"
    WITHDRAW = "withdraw"


_S = ApplicationState
_E = ApplicationEvent

TRANSITIONS: Final[Mapping[tuple[ApplicationState, ApplicationEvent], ApplicationState]] = {
    (_S.FILED, _E.APPROVE): _S.APPROVED,
    (_S.FILED, _E.REFUSE): _S.REFUSED,
    (_S.FILED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.APPROVED, _E.PROVE_KEYS): _S.KEYS_PROVEN,
    (_S.APPROVED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.KEYS_PROVEN, _E.PROVE_KEYS): _S.KEYS_PROVEN,  # another pair of keys, before anything was promised
    (_S.KEYS_PROVEN, _E.INTEND): _S.INTENDED,
    (_S.KEYS_PROVEN, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.INTENDED, _E.SIGN): _S.SIGNED,
    (_S.INTENDED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.SIGNED, _E.INSTALL): _S.INSTALLED,
    (_S.SIGNED, _E.DELIVER): _S.DELIVERED,  # a remote holder proves the installation by using the new key
    (_S.SIGNED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.INSTALLED, _E.DELIVER): _S.DELIVERED,
    (_S.INSTALLED, _E.WITHDRAW): _S.WITHDRAWN,
}


def advance(state: ApplicationState, event: ApplicationEvent) -> ApplicationState:
    """Errors: WrongState."""
    return step("application", TRANSITIONS, state, event)


@dataclass(frozen=True, slots=True)
class Application:
    """One application. `version` rises with every change: a writer that read an older one is Stale."""

    application: str
    owner: str
    person: PersonId
    kind: ApplicationKind
    state: ApplicationState
    version: int
    filed_by: str
    filed_at: Instant
    changed_at: Instant
    card_not_after: Instant
    counter: str | None = None
    approval: str | None = None
    evidence: str | None = None
    card_id: str | None = None
    reason: str = ""


def content_of(application: Application) -> str:
    """What the second operator approves, as a digest: any later change would need another approval."""
    record: dict[str, Json] = {
        "application": application.application,
        "card_not_after": application.card_not_after.iso(),
        "counter": application.counter,
        "evidence": application.evidence,
        "kind": application.kind.value,
        "owner": application.owner,
        "person": application.person,
    }
    return digest(record)


def filing_content(kind: ApplicationKind, evidence: str, card_not_after: Instant) -> str:
    """What the officer signs who files an application (its number is drawn afterwards). `evidence`: its digest."""
    record: dict[str, Json] = {
        "act": "file",
        "card_not_after": card_not_after.iso(),
        "evidence": evidence,
        "kind": kind.value,
    }
    return digest(record)


def withdrawal_content(application: str, reason: str) -> str:
    """What the officer signs who gives an application up."""
    record: dict[str, Json] = {"act": "withdraw", "application": application, "reason": reason}
    return digest(record)
