"""What can go wrong with a card.

    pki.errors.Error
    └─ CardError
       ├─ ConnectionFailed(cause)      the way to the card; `cause` says which part of it
       │  ├─ NoService                 no pcscd
       │  ├─ NoReader                  no such reader, or none at all
       │  ├─ NoCard                    reader empty
       │  ├─ Removed                   card went away
       │  ├─ WasReset                  another program reset the card
       │  ├─ Busy                      another program holds it, past our deadline
       │  ├─ TransportFailed           an APDU or its answer was lost: it may or may not have been done
       │  └─ ProtocolViolated          the answer is no answer (too long, endless, malformed)
       ├─ CardSwapped                  another card than the one that we were talking to
       ├─ NotThisKind                  the card does not hold the application
       ├─ Refused(status_word)         a status word of the card that the caller did not expect
       ├─ PinMalformed                 length or alphabet; never reaches the card
       ├─ PinMismatch                  the new PIN was not entered twice alike
       ├─ PinEntryCancelled            the person pressed "cancel" on the reader
       ├─ PinEntryTimedOut             nobody entered anything on the reader
       ├─ WrongPin(retries_left)       the card compared and refused
       ├─ PinBlocked                   no tries left (6983, 6984 or 63C0)
       ├─ LastTry                      one try left and the caller did not insist
       ├─ SecureChannelFailed(step)    a cryptogram or MAC of SCP03 does not match
       ├─ CertificateMismatch          what was read back is not what was written, or is not of this key
       ├─ WrongCardState               the card is terminated, or the step does not fit its state
       ├─ ImageUnusable                the file of a virtual card is unreadable
       ├─ ManagementKeyRefused         the PIV card does not hold the management key that we hold
       ├─ ManagementKeyAtDefault       the PIV card's management key is the maker's and cannot be changed by us
       ├─ NoPendingPlace               the PIV card has no place where a new key can wait beside the old one
       └─ AttestationRefused(fault)    no proof that the key was made inside this PIV card

After Removed, WasReset and TransportFailed nothing of the old state may be believed and nothing is sent again by
itself: VERIFY least of all, for a lost answer must never cost the holder a try, nor be shown as a wrong PIN.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from cardio.status_word import StatusWord
from pki.errors import Error


class Cause(StrEnum):
    """Which part of the way to the card failed."""

    NO_SERVICE = "no_service"
    NO_READER = "no_reader"
    NO_CARD = "no_card"
    REMOVED = "removed"
    RESET = "reset"
    BUSY = "busy"
    TRANSPORT = "transport"
    PROTOCOL = "protocol"


class CardError(Error):
    """Anything that this package raises."""

    code = "cardio.error"
    why = "The card could not be used."
    todo = "See the more exact error."


@dataclass(eq=False)
class ConnectionFailed(CardError):
    """The way to the card failed while doing `during`; `number` is PC/SC's return code (0: it gave none)."""

    during: str = ""
    number: int = 0

    cause: ClassVar[Cause]
    code = "cardio.connection-failed"
    why = "The way to the card failed during {during}."
    todo = "Check reader and card, then repeat."

    @property
    def dropped_state(self) -> bool:
        """Whether selection and verified PINs on the card must be taken as lost, and the card as unidentified."""
        return self.cause not in (Cause.BUSY, Cause.NO_READER)


@dataclass(eq=False)
class NoService(ConnectionFailed):
    cause = Cause.NO_SERVICE
    code = "cardio.no-service"
    why = "No smart-card service (pcscd) answers ({during})."
    todo = "Start pcscd (Debian: apt install pcscd; service pcscd start), then repeat."


@dataclass(eq=False)
class NoReader(ConnectionFailed):
    cause = Cause.NO_READER
    code = "cardio.no-reader"
    why = "There is no card reader, or not the one that was named ({during})."
    todo = "Plug a reader in, or name one of `jitsuin card list`."


@dataclass(eq=False)
class NoCard(ConnectionFailed):
    cause = Cause.NO_CARD
    code = "cardio.no-card"
    why = "There is no card in the reader ({during})."
    todo = "Put the card in the reader."


@dataclass(eq=False)
class Removed(ConnectionFailed):
    cause = Cause.REMOVED
    code = "cardio.removed"
    why = "The card was removed during {during}. No PIN try was counted by us."
    todo = "Put the same card back and repeat; what was done already is found again."


@dataclass(eq=False)
class WasReset(ConnectionFailed):
    cause = Cause.RESET
    code = "cardio.reset"
    why = "Another program reset the card during {during}."
    todo = "Repeat; if it happens again, close the other program that uses the card."


@dataclass(eq=False)
class Busy(ConnectionFailed):
    cause = Cause.BUSY
    code = "cardio.busy"
    why = "Another program holds the card ({during})."
    todo = "Wait for it or close it, then repeat."


@dataclass(eq=False)
class TransportFailed(ConnectionFailed):
    cause = Cause.TRANSPORT
    code = "cardio.transport"
    why = "A command or its answer was lost between reader and card ({during}); this says nothing about the PIN."
    todo = "Seat the card firmly and repeat."


@dataclass(eq=False)
class ProtocolViolated(ConnectionFailed):
    what: str = ""

    cause = Cause.PROTOCOL
    code = "cardio.protocol"
    why = "The card answered against the protocol during {during}: {what}."
    todo = "Try another reader; if it stays, the card is damaged or is not what it claims to be."


@dataclass(eq=False)
class CardSwapped(CardError):
    """The card in the reader is not the one that this work was begun with."""

    expected: str
    found: str

    code = "cardio.swapped"
    why = "The reader now holds card {found}; this work was begun with card {expected}."
    todo = "Put card {expected} back, or begin again with the new one."


@dataclass(eq=False)
class NotThisKind(CardError):
    application: str

    code = "cardio.not-this-kind"
    why = "The card has no {application} application."
    todo = "Use a card of that kind; `jitsuin card list` shows what each reader holds."


@dataclass(eq=False)
class Refused(CardError):
    """The card answered `status_word` to `command`, which its caller did not foresee."""

    status_word: StatusWord
    command: str

    code = "cardio.refused"
    why = "The card refused {command}: {status_word}."
    todo = "The status word says what the card misses (ISO/IEC 7816-4, 5.6)."


@dataclass(eq=False)
class PinMalformed(CardError):
    slot: str
    rule: str

    code = "cardio.pin-malformed"
    why = "What was entered cannot be the {slot}, which has {rule}."
    todo = "Nothing was sent to the card. Enter it again."


class PinMismatch(CardError):
    """A new PIN was entered twice, differently; nothing was sent."""

    code = "cardio.pin-mismatch"
    why = "The two entries of the new PIN differ."
    todo = "Nothing was changed. Enter it again."


@dataclass(eq=False)
class PinEntryCancelled(CardError):
    slot: str

    code = "cardio.pin-entry-cancelled"
    why = "The entry of the {slot} was cancelled on the reader."
    todo = "Nothing was sent to the card. Begin again."


@dataclass(eq=False)
class PinEntryTimedOut(CardError):
    slot: str

    code = "cardio.pin-entry-timed-out"
    why = "The {slot} was not entered on the reader in time."
    todo = "Nothing was sent to the card. Begin again."


@dataclass(eq=False)
class WrongPin(CardError):
    slot: str
    retries_left: int

    code = "cardio.wrong-pin"
    why = "The {slot} is wrong; tries left: {retries_left}."
    todo = "Enter it again with care; at 0 it is blocked."


@dataclass(eq=False)
class PinBlocked(CardError):
    slot: str

    code = "cardio.pin-blocked"
    why = "The {slot} is blocked: it was entered wrongly too often, or was never set."
    todo = "It can be set anew at a counter, in person."


@dataclass(eq=False)
class LastTry(CardError):
    slot: str

    code = "cardio.last-try"
    why = "Only one try of the {slot} is left; nothing was sent."
    todo = "If you are sure of it, say so explicitly (--last-try); otherwise have it reset at a counter."


@dataclass(eq=False)
class SecureChannelFailed(CardError):
    step: str

    code = "cardio.secure-channel-failed"
    why = "The secure channel between server and card failed: {step}."
    todo = "If it repeats, the card holds other management keys than the server believes: set it aside and report it."


@dataclass(eq=False)
class CertificateMismatch(CardError):
    what: str

    code = "cardio.certificate-mismatch"
    why = "The card does not hold what was to be installed: {what}."
    todo = "Repeat from key generation; if it stays, the card is damaged."


@dataclass(eq=False)
class WrongCardState(CardError):
    what: str

    code = "cardio.wrong-card-state"
    why = "The card is not in a state for this: {what}."
    todo = "See `jitsuin card show`."


@dataclass(eq=False)
class ImageUnusable(CardError):
    what: str

    code = "cardio.image-unusable"
    why = "The virtual card's file cannot be used: {what}."
    todo = "Make a new one with `jitsuin card virtual new`."


@dataclass(eq=False)
class ManagementKeyRefused(CardError):
    """Card and caller did not prove the same management key to each other."""

    code = "cardio.management-key-refused"
    why = "The PIV card holds another management key than the one that belongs to it here."
    todo = "Set the card aside: it was managed elsewhere, or it is not the card that it says it is."


@dataclass(eq=False)
class ManagementKeyAtDefault(CardError):
    code = "cardio.management-key-at-default"
    why = "The PIV card still carries its maker's management key, and cannot be given another one by a known command."
    todo = "Have the card's bureau set the key derived for this card (docs/cards-piv.md), then repeat."


@dataclass(eq=False)
class NoPendingPlace(CardError):
    """A new key would overwrite the one in use: the card cannot keep both."""

    slot: str

    code = "cardio.no-pending-place"
    why = "This PIV card has no place for a new {slot} key beside the one in use."
    todo = "Renew the card at a counter, in person, where the old key may be given up first."


@dataclass(eq=False)
class AttestationRefused(CardError):
    fault: str

    code = "cardio.attestation-refused"
    why = "There is no proof that the key was made inside this card: {fault}."
    todo = "Do not certify this key. Generate anew; if it stays, the card or its maker is not one that is trusted here."
