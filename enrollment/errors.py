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
    ├── CertificateEnded · CertificateExpired · CardNotUsable · WrongCard · KeyNotFromCard · CardDiffers · NotSignedYet
    │   ManagementRefused
    ├── NothingChanges · RemoteBlocked · AlreadyIssued · EvidenceUsed
    ├── AlreadyProtected · NotProtected · OutputBlocked · StillCooling · UnknownChannel
    ├── NotGranted · SignatureInvalid · GatewayRefused · Braked · SnapshotDamaged · ResidenceUnproven · AlreadyAdopted
    └── IdempotencyMismatch
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pki.errors import Error, Retryable

if TYPE_CHECKING:
    from enrollment.caps import Decision


class EnrollmentError(Error):
    """Any refusal of this package."""


@dataclass(eq=False)
class UnknownPerson(EnrollmentError):
    """No person of this owner has that id."""

    code = "enrollment.unknown-person"
    why = "there is no such person in the registry of this municipality"
    todo = "check the id and the municipality; there is no search across municipalities"
    person: str


@dataclass(eq=False)
class UnknownCounter(EnrollmentError):
    code = "enrollment.unknown-counter"
    why = "counter {counter} is not registered"
    todo = "register the counter before working at it"
    counter: str


@dataclass(eq=False)
class UnknownOperator(EnrollmentError):
    code = "enrollment.unknown-operator"
    why = "operator {operator} is not registered"
    todo = "ask the administrator of the municipality to register the operator's card"
    operator: str


@dataclass(eq=False)
class UnknownApplication(EnrollmentError):
    code = "enrollment.unknown-application"
    why = "there is no application {application}"
    todo = "check the number on the receipt"
    application: str


@dataclass(eq=False)
class UnknownCard(EnrollmentError):
    code = "enrollment.unknown-card"
    why = "this card was never issued here"
    todo = "check the number of the card"
    card_id: str


@dataclass(eq=False)
class UnknownMunicipality(EnrollmentError):
    code = "enrollment.unknown-municipality"
    why = "municipality {municipality} is not registered"
    todo = "check the five digits of the municipality"
    municipality: str


@dataclass(eq=False)
class UnknownCertificate(EnrollmentError):
    code = "enrollment.unknown-certificate"
    why = "the certificate that signed this filing was not issued to anybody here"
    todo = "sign with the signature key of a card issued by this service"
    serial: str


@dataclass(eq=False)
class UnknownFiling(EnrollmentError):
    code = "enrollment.unknown-filing"
    why = "there is no filing {filing}"
    todo = "check the filing id; a refused filing is not kept"
    filing: str


@dataclass(eq=False)
class UnknownEvent(EnrollmentError):
    code = "enrollment.unknown-event"
    why = "the ledger of this person has no event {event}"
    todo = "look at the ledger and name one of its events"
    event: str


@dataclass(eq=False)
class NoPolicy(EnrollmentError):
    code = "enrollment.no-policy"
    why = "no cap policy is in force for municipality {owner}"
    todo = "adopt a policy; without one nothing may be filed remotely"
    owner: str


@dataclass(eq=False)
class NotYours(EnrollmentError):
    """A record belongs to another municipality than the one that asks."""

    code = "enrollment.not-yours"
    why = "the record belongs to another municipality"
    todo = "ask the municipality that keeps this resident"
    owner: str


@dataclass(eq=False)
class NoReceipt(EnrollmentError):
    code = "enrollment.no-receipt"
    why = "this read was not recorded beforehand"
    todo = "record who reads what and why first; the receipt of that record opens the read"
    record: str


@dataclass(eq=False)
class RoleMissing(EnrollmentError):
    code = "enrollment.role-missing"
    why = "operator {operator} lacks the role {role}"
    todo = "ask somebody who holds that role"
    operator: str
    role: str


@dataclass(eq=False)
class OperatorNotValid(EnrollmentError):
    code = "enrollment.operator-not-valid"
    why = "operator {operator} may not work at this time"
    todo = "have the appointment renewed"
    operator: str


@dataclass(eq=False)
class OutOfScope(EnrollmentError):
    code = "enrollment.out-of-scope"
    why = "counter {counter} does not handle {affair}"
    todo = "send the person to a counter of the municipality"
    counter: str
    affair: str


@dataclass(eq=False)
class NotDesignated(EnrollmentError):
    code = "enrollment.not-designated"
    why = "the designation of counter {counter} does not cover this day"
    todo = "send the person to a counter of the municipality, or renew the designation"
    counter: str


@dataclass(eq=False)
class WrongState(EnrollmentError):
    """A state machine has no such step."""

    code = "enrollment.wrong-state"
    why = "{what} is {state}; {event} is not possible from there"
    todo = "look at the present state and take one of its next steps"
    what: str
    state: str
    event: str


@dataclass(eq=False)
class Stale(EnrollmentError, Retryable):
    """Somebody else changed the row since it was read; the body may run again."""

    code = "enrollment.stale"
    why = "{what} was changed by somebody else meanwhile"
    todo = "try again"
    what: str


@dataclass(eq=False)
class PlaceTaken(EnrollmentError, Retryable):
    """Another event took this place of the person's ledger first; decide anew."""

    code = "enrollment.place-taken"
    why = "another event of the same person was recorded at the same moment"
    todo = "try again; the decision is taken anew"
    person: str
    position: int


@dataclass(eq=False)
class NeedsApproval(EnrollmentError):
    code = "enrollment.needs-approval"
    why = "{affair} needs a second operator"
    todo = "have a supervisor approve it with their own card"
    affair: str


@dataclass(eq=False)
class SamePerson(EnrollmentError):
    code = "enrollment.same-person"
    why = "who proposed may not decide, nor may the same card"
    todo = "ask another supervisor"
    operator: str


@dataclass(eq=False)
class ApprovalExpired(EnrollmentError):
    code = "enrollment.approval-expired"
    why = "the proposal was not decided in time"
    todo = "propose it again"
    approval: str


@dataclass(eq=False)
class EvidenceTooWeak(EnrollmentError):
    code = "enrollment.evidence-too-weak"
    why = "what was shown does not prove the person: {missing}"
    todo = "ask for one photo document of the first kind, or two documents, and compare the photo"
    missing: str


@dataclass(eq=False)
class NotPresent(EnrollmentError):
    code = "enrollment.not-present"
    why = "the person did not come themselves"
    todo = "only the holder in person can be checked; a proxy's visit proves nothing about the holder"
    counter: str


@dataclass(eq=False)
class NotConfirmed(EnrollmentError):
    code = "enrollment.not-confirmed"
    why = "the municipality has not confirmed this check, or the confirmation is used or too old"
    todo = "ask the municipality for its confirmation while the person waits"
    counter: str


@dataclass(eq=False)
class SelfDealing(EnrollmentError):
    code = "enrollment.self-dealing"
    why = "an officer may not act on their own record"
    todo = "ask a colleague"
    operator: str


@dataclass(eq=False)
class KioskNeverAnchors(EnrollmentError):
    code = "enrollment.kiosk-never-anchors"
    why = "a kiosk sees nobody: it cannot make an in-person check"
    todo = "go to a municipal counter or a designated post office"
    counter: str


@dataclass(eq=False)
class MunicipalDeskNeeded(EnrollmentError):
    code = "enrollment.municipal-desk-needed"
    why = "the policy asks for a check at a municipal counter this time"
    todo = "go to a counter of the municipality"
    counter: str


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
class FilingMalformed(EnrollmentError):
    code = "enrollment.filing-malformed"
    why = "the filing document is not in its canonical form: {what}"
    todo = "make the document with the current form, sign exactly those octets"
    what: str


@dataclass(eq=False)
class FilingRejected(EnrollmentError):
    """The verifier did not say PASSED; its report is inside."""

    code = "enrollment.filing-rejected"
    why = "the signature of the filing was not accepted: {indication} {sub_indication}"
    todo = "see the checks of the report; sign again with a valid card"
    indication: str
    sub_indication: str
    report: str


@dataclass(eq=False)
class FilingReplayed(EnrollmentError):
    code = "enrollment.filing-replayed"
    why = "filing {filing} was already accepted"
    todo = "look at the result of the first one, or make a new filing"
    filing: str


@dataclass(eq=False)
class FilingVoid(EnrollmentError):
    code = "enrollment.filing-void"
    why = "the filing says itself that it is void by now"
    todo = "make and sign a new filing"
    void_after: str


@dataclass(eq=False)
class FilingMismatch(EnrollmentError):
    code = "enrollment.filing-mismatch"
    why = "the certificate request is not the one named in the signed filing"
    todo = "send the request whose digest was signed"
    filing: str


@dataclass(eq=False)
class CertificateEnded(EnrollmentError):
    code = "enrollment.certificate-ended"
    why = "the certificate that signed this filing is revoked"
    todo = "sign with the certificate now on the card; if the card was lost, go to a counter"
    serial: str


@dataclass(eq=False)
class CertificateExpired(EnrollmentError):
    code = "enrollment.certificate-expired"
    why = "the certificate is past its end"
    todo = "have the certificates renewed at a counter"
    serial: str


@dataclass(eq=False)
class CardNotUsable(EnrollmentError):
    code = "enrollment.card-not-usable"
    why = "the card is {state}"
    todo = "go to a counter of the municipality"
    card_id: str
    state: str


@dataclass(eq=False)
class WrongCard(EnrollmentError):
    code = "enrollment.wrong-card"
    why = "this is not the card on which the keys were made"
    todo = "insert the card with which this application began"
    expected: str
    found: str


@dataclass(eq=False)
class KeyNotFromCard(EnrollmentError):
    """The request's key works, but nobody saw this card make it: it may exist outside of any card."""

    code = "enrollment.key-not-from-card"
    why = "the key of the request was not made on this card"
    todo = "let the card make a new key, and send the request for that one"
    card: str


@dataclass(eq=False)
class ManagementRefused(EnrollmentError):
    """Something that a card is not made to do from afar."""

    code = "enrollment.management-refused"
    why = "from afar a card may not be given {what}"
    todo = "go to a counter of the municipality"
    what: str


@dataclass(eq=False)
class CardDiffers(EnrollmentError):
    code = "enrollment.card-differs"
    why = "what was read back from the card is not what was written ({purpose})"
    todo = "continue the application once more; if it stays, replace the card"
    purpose: str


@dataclass(eq=False)
class NotSignedYet(EnrollmentError):
    code = "enrollment.not-signed-yet"
    why = "the CA has not signed the certificate yet"
    todo = "continue the application in a moment"
    application: str


@dataclass(eq=False)
class NothingChanges(EnrollmentError):
    code = "enrollment.nothing-changes"
    why = "the new address is the address already recorded"
    todo = "nothing needs to be filed"
    filing: str


@dataclass(eq=False)
class RemoteBlocked(EnrollmentError):
    code = "enrollment.remote-blocked"
    why = "this procedure is not possible online for this record: {because}"
    todo = "come in person to a counter of the municipality"
    because: str


@dataclass(eq=False)
class AlreadyIssued(EnrollmentError):
    code = "enrollment.already-issued"
    why = "this person already holds valid certificates, or an application is under way"
    todo = "renew or re-issue instead, or finish the open application"
    application: str


@dataclass(eq=False)
class EvidenceUsed(EnrollmentError):
    code = "enrollment.evidence-used"
    why = "this record of an in-person check was already used for something else"
    todo = "record what is seen now as new evidence"
    evidence: str


@dataclass(eq=False)
class AlreadyProtected(EnrollmentError):
    code = "enrollment.already-protected"
    why = "a support measure is in force for this person already"
    todo = "renew it, or ask the desk that keeps it"
    counter: str


@dataclass(eq=False)
class NotProtected(EnrollmentError):
    code = "enrollment.not-protected"
    why = "no support measure is in force for this person"
    todo = "look at the person's record"


@dataclass(eq=False)
class OutputBlocked(EnrollmentError):
    code = "enrollment.output-blocked"
    why = "nothing with this person's address may be printed or exported"
    todo = "ask desk {contact_desk}; only two people together can let the address be seen"
    contact_desk: str


@dataclass(eq=False)
class StillCooling(EnrollmentError):
    code = "enrollment.still-cooling"
    why = "the release has not been approved by two people, or the time to think is not over ({release_after})"
    todo = "wait for that time; anybody may stop the release until then"
    release_after: str


@dataclass(eq=False)
class UnknownChannel(EnrollmentError):
    code = "enrollment.unknown-channel"
    why = "channel {channel} is not registered"
    todo = "register whoever shows or prints the municipality's records"
    channel: str


@dataclass(eq=False)
class NotGranted(EnrollmentError):
    code = "enrollment.not-granted"
    why = "nobody was given the right to do this ({affair}) for this person"
    todo = "have the representation recorded at a counter, or let the person come themselves"
    affair: str


@dataclass(eq=False)
class SignatureInvalid(EnrollmentError):
    code = "enrollment.signature-invalid"
    why = "the signature of {signer} does not verify"
    todo = "sign again with the registered key"
    signer: str


@dataclass(eq=False)
class GatewayRefused(EnrollmentError):
    """A message does not pass the gate; it lies in quarantine."""

    code = "enrollment.gateway-refused"
    why = "the message is not one that may pass: {what}"
    todo = "send it again in the form of the schema; nothing of it was taken over"
    what: str


@dataclass(eq=False)
class Braked(EnrollmentError):
    code = "enrollment.braked"
    why = "changes from municipality {owner} are stopped: {because}"
    todo = "look at what came in; a supervisor lets it go on"
    owner: str
    because: str


@dataclass(eq=False)
class SnapshotDamaged(EnrollmentError):
    code = "enrollment.snapshot-damaged"
    why = "the snapshot cannot be believed: {what}"
    todo = "take another copy, or an older snapshot"
    what: str


@dataclass(eq=False)
class ResidenceUnproven(EnrollmentError):
    code = "enrollment.residence-unproven"
    why = "the evidence does not yet prove the new address"
    todo = "bring one of these: {choices}"
    choices: str


@dataclass(eq=False)
class AlreadyAdopted(EnrollmentError):
    code = "enrollment.already-adopted"
    why = "version {version}, or another one of the same owner and date, was adopted before"
    todo = "give the new version a name and a date of its own; adopted policies are never changed"
    version: str


@dataclass(eq=False)
class IdempotencyMismatch(EnrollmentError):
    code = "enrollment.idempotency-mismatch"
    why = "the same idempotency key was used for another request"
    todo = "use a fresh key for a new request"
    key: str
