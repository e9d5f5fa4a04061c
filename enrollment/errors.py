"""What can go wrong while people are registered, seen and counted.

Error (pki)
└── EnrollmentError
    ├── UnknownPerson · UnknownCounter · UnknownOperator · UnknownApplication · UnknownCard · UnknownMunicipality
    │   UnknownCertificate · UnknownFiling · UnknownEvent · NoPolicy
    ├── NotYours · NoReceipt · RoleMissing · OperatorNotValid · OutOfScope · NotDesignated
    ├── WrongState · Stale(Retryable) · PlaceTaken(Retryable)
    ├── NeedsApproval · SamePerson · ApprovalExpired
    ├── EvidenceTooWeak · NotPresent · NotConfirmed · SelfDealing · KioskNeverAnchors · MunicipalDeskNeeded
    ├── CapReached(decision) · LooserPolicy · NotReversible
    ├── FilingMalformed · FilingRejected · FilingReplayed · FilingVoid · FilingMismatch
    ├── CertificateEnded · CertificateExpired · CardNotUsable · WrongCard · CardDiffers · NotSignedYet
    ├── NothingChanges · RemoteBlocked · AlreadyIssued · EvidenceUsed
    └── IdempotencyMismatch
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pki.errors import Error, Retryable

if TYPE_CHECKING:
    from enrollment.caps import Decision


class EnrollmentError(Error):
    """Any refusal of this package."""


@dataclass(eq=False)
class UnknownPerson(EnrollmentError):
    """No person of this owner has that id."""

    code: ClassVar[str] = "enrollment.unknown-person"
    why: ClassVar[str] = "there is no such person in the registry of this municipality"
    todo: ClassVar[str] = "check the id and the municipality; there is no search across municipalities"
    person: str


@dataclass(eq=False)
class UnknownCounter(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-counter"
    why: ClassVar[str] = "counter {counter} is not registered"
    todo: ClassVar[str] = "register the counter before working at it"
    counter: str


@dataclass(eq=False)
class UnknownOperator(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-operator"
    why: ClassVar[str] = "operator {operator} is not registered"
    todo: ClassVar[str] = "ask the administrator of the municipality to register the operator's card"
    operator: str


@dataclass(eq=False)
class UnknownApplication(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-application"
    why: ClassVar[str] = "there is no application {application}"
    todo: ClassVar[str] = "check the number on the receipt"
    application: str


@dataclass(eq=False)
class UnknownCard(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-card"
    why: ClassVar[str] = "this card was never issued here"
    todo: ClassVar[str] = "check the number of the card"
    card_id: str


@dataclass(eq=False)
class UnknownMunicipality(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-municipality"
    why: ClassVar[str] = "municipality {municipality} is not registered"
    todo: ClassVar[str] = "check the five digits of the municipality"
    municipality: str


@dataclass(eq=False)
class UnknownCertificate(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-certificate"
    why: ClassVar[str] = "the certificate that signed this filing was not issued to anybody here"
    todo: ClassVar[str] = "sign with the signature key of a card issued by this service"
    serial: str


@dataclass(eq=False)
class UnknownFiling(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-filing"
    why: ClassVar[str] = "there is no filing {filing}"
    todo: ClassVar[str] = "check the filing id; a refused filing is not kept"
    filing: str


@dataclass(eq=False)
class UnknownEvent(EnrollmentError):
    code: ClassVar[str] = "enrollment.unknown-event"
    why: ClassVar[str] = "the ledger of this person has no event {event}"
    todo: ClassVar[str] = "look at the ledger and name one of its events"
    event: str


@dataclass(eq=False)
class NoPolicy(EnrollmentError):
    code: ClassVar[str] = "enrollment.no-policy"
    why: ClassVar[str] = "no cap policy is in force for municipality {owner}"
    todo: ClassVar[str] = "adopt a policy; without one nothing may be filed remotely"
    owner: str


@dataclass(eq=False)
class NotYours(EnrollmentError):
    """A record belongs to another municipality than the one that asks."""

    code: ClassVar[str] = "enrollment.not-yours"
    why: ClassVar[str] = "the record belongs to another municipality"
    todo: ClassVar[str] = "ask the municipality that keeps this resident"
    owner: str


@dataclass(eq=False)
class NoReceipt(EnrollmentError):
    code: ClassVar[str] = "enrollment.no-receipt"
    why: ClassVar[str] = "this read was not recorded beforehand"
    todo: ClassVar[str] = "record who reads what and why first; the receipt of that record opens the read"
    record: str


@dataclass(eq=False)
class RoleMissing(EnrollmentError):
    code: ClassVar[str] = "enrollment.role-missing"
    why: ClassVar[str] = "operator {operator} lacks the role {role}"
    todo: ClassVar[str] = "ask somebody who holds that role"
    operator: str
    role: str


@dataclass(eq=False)
class OperatorNotValid(EnrollmentError):
    code: ClassVar[str] = "enrollment.operator-not-valid"
    why: ClassVar[str] = "operator {operator} may not work at this time"
    todo: ClassVar[str] = "have the appointment renewed"
    operator: str


@dataclass(eq=False)
class OutOfScope(EnrollmentError):
    code: ClassVar[str] = "enrollment.out-of-scope"
    why: ClassVar[str] = "counter {counter} does not handle {affair}"
    todo: ClassVar[str] = "send the person to a counter of the municipality"
    counter: str
    affair: str


@dataclass(eq=False)
class NotDesignated(EnrollmentError):
    code: ClassVar[str] = "enrollment.not-designated"
    why: ClassVar[str] = "the designation of counter {counter} does not cover this day"
    todo: ClassVar[str] = "send the person to a counter of the municipality, or renew the designation"
    counter: str


@dataclass(eq=False)
class WrongState(EnrollmentError):
    """A state machine has no such step."""

    code: ClassVar[str] = "enrollment.wrong-state"
    why: ClassVar[str] = "{what} is {state}; {event} is not possible from there"
    todo: ClassVar[str] = "look at the present state and take one of its next steps"
    what: str
    state: str
    event: str


@dataclass(eq=False)
class Stale(EnrollmentError, Retryable):
    """Somebody else changed the row since it was read; the body may run again."""

    code: ClassVar[str] = "enrollment.stale"
    why: ClassVar[str] = "{what} was changed by somebody else meanwhile"
    todo: ClassVar[str] = "try again"
    what: str


@dataclass(eq=False)
class PlaceTaken(EnrollmentError, Retryable):
    """Another event took this place of the person's ledger first; decide anew."""

    code: ClassVar[str] = "enrollment.place-taken"
    why: ClassVar[str] = "another event of the same person was recorded at the same moment"
    todo: ClassVar[str] = "try again; the decision is taken anew"
    person: str
    position: int


@dataclass(eq=False)
class NeedsApproval(EnrollmentError):
    code: ClassVar[str] = "enrollment.needs-approval"
    why: ClassVar[str] = "{affair} needs a second operator"
    todo: ClassVar[str] = "have a supervisor approve it with their own card"
    affair: str


@dataclass(eq=False)
class SamePerson(EnrollmentError):
    code: ClassVar[str] = "enrollment.same-person"
    why: ClassVar[str] = "who proposed may not decide, nor may the same card"
    todo: ClassVar[str] = "ask another supervisor"
    operator: str


@dataclass(eq=False)
class ApprovalExpired(EnrollmentError):
    code: ClassVar[str] = "enrollment.approval-expired"
    why: ClassVar[str] = "the proposal was not decided in time"
    todo: ClassVar[str] = "propose it again"
    approval: str


@dataclass(eq=False)
class EvidenceTooWeak(EnrollmentError):
    code: ClassVar[str] = "enrollment.evidence-too-weak"
    why: ClassVar[str] = "what was shown does not prove the person: {missing}"
    todo: ClassVar[str] = "ask for one photo document of the first kind, or two documents, and compare the photo"
    missing: str


@dataclass(eq=False)
class NotPresent(EnrollmentError):
    code: ClassVar[str] = "enrollment.not-present"
    why: ClassVar[str] = "the person did not come themselves"
    todo: ClassVar[str] = "only the holder in person can be checked; a proxy's visit proves nothing about the holder"
    counter: str


@dataclass(eq=False)
class NotConfirmed(EnrollmentError):
    code: ClassVar[str] = "enrollment.not-confirmed"
    why: ClassVar[str] = "the municipality has not confirmed this check, or the confirmation is used or too old"
    todo: ClassVar[str] = "ask the municipality for its confirmation while the person waits"
    counter: str


@dataclass(eq=False)
class SelfDealing(EnrollmentError):
    code: ClassVar[str] = "enrollment.self-dealing"
    why: ClassVar[str] = "an officer may not act on their own record"
    todo: ClassVar[str] = "ask a colleague"
    operator: str


@dataclass(eq=False)
class KioskNeverAnchors(EnrollmentError):
    code: ClassVar[str] = "enrollment.kiosk-never-anchors"
    why: ClassVar[str] = "a kiosk sees nobody: it cannot make an in-person check"
    todo: ClassVar[str] = "go to a municipal counter or a designated post office"
    counter: str


@dataclass(eq=False)
class MunicipalDeskNeeded(EnrollmentError):
    code: ClassVar[str] = "enrollment.municipal-desk-needed"
    why: ClassVar[str] = "the policy asks for a check at a municipal counter this time"
    todo: ClassVar[str] = "go to a counter of the municipality"
    counter: str


@dataclass(eq=False)
class CapReached(EnrollmentError):
    """A remote procedure is refused; the whole decision is inside."""

    code: ClassVar[str] = "enrollment.cap-reached"
    why: ClassVar[str] = "no further remote procedure before an in-person check"
    todo: ClassVar[str] = "come in person to a municipal counter or a designated post office"
    decision: Decision


@dataclass(eq=False)
class LooserPolicy(EnrollmentError):
    code: ClassVar[str] = "enrollment.looser-policy"
    why: ClassVar[str] = "a municipality may only be stricter than the common policy; looser: {fields_loosened}"
    todo: ClassVar[str] = "keep these at the common value or tighten them"
    fields_loosened: str


@dataclass(eq=False)
class NotReversible(EnrollmentError):
    code: ClassVar[str] = "enrollment.not-reversible"
    why: ClassVar[str] = "event {event} cannot be reversed: {because}"
    todo: ClassVar[str] = "record a new event instead"
    event: str
    because: str


@dataclass(eq=False)
class FilingMalformed(EnrollmentError):
    code: ClassVar[str] = "enrollment.filing-malformed"
    why: ClassVar[str] = "the filing document is not in its canonical form: {what}"
    todo: ClassVar[str] = "make the document with the current form, sign exactly those octets"
    what: str


@dataclass(eq=False)
class FilingRejected(EnrollmentError):
    """The verifier did not say PASSED; its report is inside."""

    code: ClassVar[str] = "enrollment.filing-rejected"
    why: ClassVar[str] = "the signature of the filing was not accepted: {indication} {sub_indication}"
    todo: ClassVar[str] = "see the checks of the report; sign again with a valid card"
    indication: str
    sub_indication: str
    report: str


@dataclass(eq=False)
class FilingReplayed(EnrollmentError):
    code: ClassVar[str] = "enrollment.filing-replayed"
    why: ClassVar[str] = "filing {filing} was already accepted"
    todo: ClassVar[str] = "look at the result of the first one, or make a new filing"
    filing: str


@dataclass(eq=False)
class FilingVoid(EnrollmentError):
    code: ClassVar[str] = "enrollment.filing-void"
    why: ClassVar[str] = "the filing says itself that it is void by now"
    todo: ClassVar[str] = "make and sign a new filing"
    void_after: str


@dataclass(eq=False)
class FilingMismatch(EnrollmentError):
    code: ClassVar[str] = "enrollment.filing-mismatch"
    why: ClassVar[str] = "the certificate request is not the one named in the signed filing"
    todo: ClassVar[str] = "send the request whose digest was signed"
    filing: str


@dataclass(eq=False)
class CertificateEnded(EnrollmentError):
    code: ClassVar[str] = "enrollment.certificate-ended"
    why: ClassVar[str] = "the certificate that signed this filing is revoked"
    todo: ClassVar[str] = "sign with the certificate now on the card; if the card was lost, go to a counter"
    serial: str


@dataclass(eq=False)
class CertificateExpired(EnrollmentError):
    code: ClassVar[str] = "enrollment.certificate-expired"
    why: ClassVar[str] = "the certificate is past its end"
    todo: ClassVar[str] = "have the certificates renewed at a counter"
    serial: str


@dataclass(eq=False)
class CardNotUsable(EnrollmentError):
    code: ClassVar[str] = "enrollment.card-not-usable"
    why: ClassVar[str] = "the card is {state}"
    todo: ClassVar[str] = "go to a counter of the municipality"
    card_id: str
    state: str


@dataclass(eq=False)
class WrongCard(EnrollmentError):
    code: ClassVar[str] = "enrollment.wrong-card"
    why: ClassVar[str] = "this is not the card on which the keys were made"
    todo: ClassVar[str] = "insert the card with which this application began"
    expected: str
    found: str


@dataclass(eq=False)
class CardDiffers(EnrollmentError):
    code: ClassVar[str] = "enrollment.card-differs"
    why: ClassVar[str] = "what was read back from the card is not what was written ({purpose})"
    todo: ClassVar[str] = "continue the application once more; if it stays, replace the card"
    purpose: str


@dataclass(eq=False)
class NotSignedYet(EnrollmentError):
    code: ClassVar[str] = "enrollment.not-signed-yet"
    why: ClassVar[str] = "the CA has not signed the certificate yet"
    todo: ClassVar[str] = "continue the application in a moment"
    application: str


@dataclass(eq=False)
class NothingChanges(EnrollmentError):
    code: ClassVar[str] = "enrollment.nothing-changes"
    why: ClassVar[str] = "the new address is the address already recorded"
    todo: ClassVar[str] = "nothing needs to be filed"
    filing: str


@dataclass(eq=False)
class RemoteBlocked(EnrollmentError):
    code: ClassVar[str] = "enrollment.remote-blocked"
    why: ClassVar[str] = "this procedure is not possible online for this record: {because}"
    todo: ClassVar[str] = "come in person to a counter of the municipality"
    because: str


@dataclass(eq=False)
class AlreadyIssued(EnrollmentError):
    code: ClassVar[str] = "enrollment.already-issued"
    why: ClassVar[str] = "this person already holds valid certificates, or an application is under way"
    todo: ClassVar[str] = "renew or re-issue instead, or finish the open application"
    application: str


@dataclass(eq=False)
class EvidenceUsed(EnrollmentError):
    code: ClassVar[str] = "enrollment.evidence-used"
    why: ClassVar[str] = "this record of an in-person check was already used for something else"
    todo: ClassVar[str] = "record what is seen now as new evidence"
    evidence: str


@dataclass(eq=False)
class IdempotencyMismatch(EnrollmentError):
    code: ClassVar[str] = "enrollment.idempotency-mismatch"
    why: ClassVar[str] = "the same idempotency key was used for another request"
    todo: ClassVar[str] = "use a fresh key for a new request"
    key: str
