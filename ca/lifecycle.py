"""The states of intents, authorities and certificates: one table each, one function to read them."""

from collections.abc import Mapping
from enum import StrEnum

from ca.authority import AuthorityState
from ca.errors import WrongState
from pki.instant import Instant, Validity
from pki.revocation import Reason, Revoked


class IntentState(StrEnum):
    """Of what is going to be signed."""

    INTENDED = "intended"
    ISSUED = "issued"
    WITHDRAWN = "withdrawn"


class IntentEvent(StrEnum):
    """What happens to an intent: its certificate is stored, or its serial was revoked before that."""

    STORE = "store"
    WITHDRAW = "withdraw"


class AuthorityEvent(StrEnum):
    """What happens to an authority: its root certificate is stored, a younger generation takes the orders, it ends."""

    CERTIFY = "certify"
    SUCCEED = "succeed"
    END = "end"


class CertificateState(StrEnum):
    """Of a certificate as people speak of it; worked out from what is stored, never stored itself."""

    INTENDED = "intended"
    VALID = "valid"
    ON_HOLD = "on-hold"
    REVOKED = "revoked"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class CertificateEvent(StrEnum):
    """What happens to a certificate."""

    ISSUE = "issue"
    WITHDRAW = "withdraw"
    HOLD = "hold"
    RELEASE = "release"
    REVOKE = "revoke"
    EXPIRE = "expire"


INTENT_TRANSITIONS: Mapping[tuple[IntentState, IntentEvent], IntentState] = {
    (IntentState.INTENDED, IntentEvent.STORE): IntentState.ISSUED,
    (IntentState.INTENDED, IntentEvent.WITHDRAW): IntentState.WITHDRAWN,
}
AUTHORITY_TRANSITIONS: Mapping[tuple[AuthorityState, AuthorityEvent], AuthorityState] = {
    (AuthorityState.PENDING, AuthorityEvent.CERTIFY): AuthorityState.ACTIVE,
    (AuthorityState.ACTIVE, AuthorityEvent.SUCCEED): AuthorityState.RETIRED,
    (AuthorityState.ACTIVE, AuthorityEvent.END): AuthorityState.ENDED,
    (AuthorityState.RETIRED, AuthorityEvent.END): AuthorityState.ENDED,
}
CERTIFICATE_TRANSITIONS: Mapping[tuple[CertificateState, CertificateEvent], CertificateState] = {
    (CertificateState.INTENDED, CertificateEvent.ISSUE): CertificateState.VALID,
    (CertificateState.INTENDED, CertificateEvent.WITHDRAW): CertificateState.WITHDRAWN,
    (CertificateState.VALID, CertificateEvent.HOLD): CertificateState.ON_HOLD,
    (CertificateState.VALID, CertificateEvent.REVOKE): CertificateState.REVOKED,
    (CertificateState.VALID, CertificateEvent.EXPIRE): CertificateState.EXPIRED,
    (CertificateState.ON_HOLD, CertificateEvent.RELEASE): CertificateState.VALID,
    (CertificateState.ON_HOLD, CertificateEvent.REVOKE): CertificateState.REVOKED,
    # A revoked or held certificate stays so when its time is over: archives ask for it later.
}


def advance_intent(state: IntentState, event: IntentEvent) -> IntentState:
    """The state after `event`. Errors: WrongState."""
    try:
        return INTENT_TRANSITIONS[state, event]
    except KeyError:
        raise WrongState("the intent", state.value, event.value) from None


def advance_authority(state: AuthorityState, event: AuthorityEvent) -> AuthorityState:
    """The state after `event`. Errors: WrongState."""
    try:
        return AUTHORITY_TRANSITIONS[state, event]
    except KeyError:
        raise WrongState("the authority", state.value, event.value) from None


def advance_certificate(state: CertificateState, event: CertificateEvent) -> CertificateState:
    """The state after `event`. Errors: WrongState."""
    try:
        return CERTIFICATE_TRANSITIONS[state, event]
    except KeyError:
        raise WrongState("the certificate", state.value, event.value) from None


def certificate_state(
    intent: IntentState, validity: Validity, revoked: Revoked | None, at: Instant
) -> CertificateState:
    """The state at `at`, reached from INTENDED by the events that the stored facts tell of."""
    state = CertificateState.INTENDED
    if intent is IntentState.INTENDED:
        return state
    if intent is IntentState.WITHDRAWN:
        return advance_certificate(state, CertificateEvent.WITHDRAW)
    state = advance_certificate(state, CertificateEvent.ISSUE)
    if revoked is not None:
        held = revoked.reason is Reason.CERTIFICATE_HOLD
        return advance_certificate(state, CertificateEvent.HOLD if held else CertificateEvent.REVOKE)
    return advance_certificate(state, CertificateEvent.EXPIRE) if at > validity.not_after else state
