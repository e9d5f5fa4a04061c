"""The PIV application as the holder's card: who it is, its two certificates, its PIN, signatures.

Slot 9A is the authentication key, 9C the signature key (`piv_places` tells more). Whatever writes to the card (keys,
certificates, management key) is in `piv_personalisation` and `piv_slot`.
"""

from dataclasses import dataclass

from cardio import piv_commands
from cardio.channel import Channel
from cardio.commands import Entered
from cardio.errors import CertificateMismatch, Refused, WrongCardState, WrongPin
from cardio.pin import Pin
from cardio.piv_commands import key_algorithm_of
from cardio.piv_objects import CHUID, CardHolderIdentifier, parse_chuid
from cardio.piv_places import abilities_of, find_active
from cardio.session import CardSession
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.certificate import parse_certificate
from pki.errors import Malformed
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class CardDescription:
    """What anybody may know who holds the card."""

    card_id: str
    firmware: tuple[int, int, int] | None
    chuid: CardHolderIdentifier | None
    pin_tries_left: int | None
    certificates: dict[Purpose, bytes]


def identify(channel: Channel) -> str:
    """Select PIV and give the card's own name: `piv-s<serial>` of a YubiKey, else `piv-u<card UUID>` of the CHUID.

    A printed serial number goes first: nothing on the card can change it, a CHUID can be written by whoever has the
    management key. Errors: NotThisKind, WrongCardState if the card has neither.
    """
    piv_commands.select(channel)
    number = piv_commands.serial(channel)
    if number is not None:
        return f"piv-s{number}"
    chuid = read_chuid(channel)
    if chuid is None:
        raise WrongCardState("it has neither serial number nor CHUID, so it cannot be told from another one")
    return f"piv-u{chuid.guid.hex}"


def read_chuid(channel: Channel) -> CardHolderIdentifier | None:
    """The CHUID, None if the card has none or an unreadable one."""
    content = piv_commands.read_object(channel, CHUID)
    if content is None:
        return None
    try:
        return parse_chuid(content)
    except Malformed:
        return None


class PivCard:
    """The holder's view of one PIV card, through a session that knows the card again."""

    def __init__(self, session: CardSession) -> None:
        self.session = session

    def card_id(self) -> str:
        """The card's own name."""
        return self.session.identity

    def describe(self) -> CardDescription:
        """What the card says of itself without a PIN."""
        with self.session.work() as channel:
            abilities = abilities_of(channel)
            active = {purpose: find_active(channel, abilities, purpose) for purpose in Purpose}
            return CardDescription(
                card_id=self.session.identity,
                firmware=abilities.firmware,
                chuid=read_chuid(channel),
                pin_tries_left=piv_commands.pin_tries_left(channel),
                certificates={purpose: found.certificate for purpose, found in active.items() if found is not None},
            )

    def read(self, purpose: Purpose) -> bytes | None:
        """The certificate of the active key, in DER.

        Where the card tells its keys, a certificate of another key is not shown.
        """
        with self.session.work() as channel:
            found = find_active(channel, abilities_of(channel), purpose)
            return None if found is None else found.certificate

    def sign(self, purpose: Purpose, pin: Entered, message: bytes, *, last_try: bool = False) -> bytes:
        """A signature by the active key, checked before it is given out.

        RSA: PKCS#1 v1.5, SHA-256; P-256 and P-384: ECDSA in DER with SHA-256 and SHA-384.
        Errors: WrongPin, PinBlocked, LastTry; WrongCardState without certificate; CertificateMismatch if the key is
        not that of the certificate.
        """
        with self.session.work() as channel:
            found = find_active(channel, abilities_of(channel), purpose)
            if found is None:
                raise WrongCardState(f"it has no {purpose} certificate")
            certificate = parse_certificate(found.certificate)
            algorithm = key_algorithm_of(certificate.spki)
            piv_commands.verify_pin(channel, pin, last_try=last_try)
            try:
                signature = piv_commands.sign(channel, found.slot, algorithm, message)
            except Refused as error:
                if error.status_word == 0x6A86:
                    raise CertificateMismatch("its key is of another kind than its certificate") from error
                raise
        require_signature(certificate.spki, signature, message)
        return signature

    def change_pin(self, old: Entered, new: Entered, *, last_try: bool = False) -> None:
        """Another PIN. Errors: WrongPin, PinBlocked, LastTry."""
        with self.session.work() as channel:
            piv_commands.change_pin(channel, old, new, last_try=last_try)

    def finish_change_pin(self, old: Pin, new: Pin) -> None:
        """As `change_pin`, when an earlier call lost its answer: the card may have either PIN.

        The new one is tried first; where it is wrong, that costs a try until the change with the old one restores all.
        Errors: WrongPin, PinBlocked; LastTry if there is no try to spare.
        """
        with self.session.work() as channel:
            try:
                piv_commands.verify_pin(channel, new)
            except WrongPin:
                # Whoever was let ask for the new one has said yes to the last try as well.
                piv_commands.change_pin(channel, old, new, last_try=True)

    def unblock_pin(self, puk: Pin, new: Pin) -> None:
        """A new PIN by means of the PUK. Errors: WrongPin, PinBlocked (both of the PUK)."""
        with self.session.work() as channel:
            piv_commands.unblock_pin(channel, puk, new)

    def verify_pin(self, pin: Entered, *, last_try: bool = False) -> None:
        """Whether the PIN is right. Errors: WrongPin, PinBlocked, LastTry."""
        with self.session.work() as channel:
            piv_commands.verify_pin(channel, pin, last_try=last_try)


def require_signature(spki: bytes, signature: bytes, message: bytes) -> None:
    """Errors: CertificateMismatch unless `signature` over `message` was made with the private half of `spki`."""
    if not verify_raw(load_public_key(spki), algorithm_for(spki), signature, message):
        raise CertificateMismatch("a signature of the card does not fit the key that it should have")
