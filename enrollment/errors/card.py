"""A card or certificate that cannot be used for this."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError
from pki.instant import Instant


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
class PinNotPermitted(EnrollmentError):
    """Nobody permitted that a PIN of this card is set anew."""

    code = "enrollment.pin-not-permitted"
    why = "there is no permission {number} to set a PIN of this card anew"
    todo = "have an officer see the holder at a counter and give the permission"
    number: int


@dataclass(eq=False)
class PinPermissionUsed(EnrollmentError):
    code = "enrollment.pin-permission-used"
    why = "the permission {number} was used, or is being used by somebody else"
    todo = "have an officer give another permission if the PIN is not known"
    number: int


@dataclass(eq=False)
class PinPermissionExpired(EnrollmentError):
    code = "enrollment.pin-permission-expired"
    why = "the permission {number} was good until {expires_at}"
    todo = "have an officer give another one while the holder is there"
    number: int
    expires_at: Instant
