"""Keys and certificates on a PIV card, renewed without losing the old key before the new one counts.

`piv_places` says where keys stand on which card. What power loss leaves after each step of `install`; calling it again
goes on from there:

    MOVING          1 certificate → waiting object, read back    old key and certificate active
                    2 MOVE KEY                                   new key active, its certificate in the waiting object
                    3 certificate → own object, read back        new key and certificate active, twice written
                    4 waiting object deleted                     done
    ALTERNATING     1 certificate → waiting object, read back    old key and certificate active
    (9C to 83)      2 a nameless key over the old one            new key and certificate active, the old key gone
                    3 own object deleted                         done
    (83 to 9C)      1 certificate → own object, read back        new key and certificate active
                    2 a nameless key over the old one            the same, the old key gone
                    3 waiting object deleted                     done
    IN PLACE        1 certificate → own object, read back        done

A pending key cannot be used without PIN here, as it can on JPKI cards: PIV fixes a key's PIN policy at its making, and
a key made without PIN would never ask for one. So `prove` takes the holder's PIN, from `pin`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from cardio import piv_commands
from cardio.channel import Channel
from cardio.errors import AttestationRefused, CertificateMismatch, NoPendingPlace, Refused
from cardio.pin import Pin
from cardio.piv import PivCard, require_signature
from cardio.piv_attestation import Attestation, AttestationAnchors, AttestationFault, verify_attestation
from cardio.piv_commands import key_algorithm_of
from cardio.piv_management_key import ManagementKey
from cardio.piv_objects import certificate_object, compress_certificate_object
from cardio.piv_places import (
    Abilities,
    ActiveKey,
    Renewal,
    abilities_of,
    find_active,
    pending_slot,
    read_certificate,
)
from cardio.piv_slots import PENDING_SLOT_OF_PURPOSE, SLOT_OF_PURPOSE, KeyAlgorithm, PinPolicy, Slot
from cardio.session import CardSession
from pki.certificate import Certificate, parse_certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Clock, Instant
from pki.purpose import Purpose

PIN_POLICY_OF_PURPOSE: Mapping[Purpose, PinPolicy] = {
    Purpose.AUTHENTICATION: PinPolicy.ONCE,
    Purpose.SIGNATURE: PinPolicy.ALWAYS,
}
"""Said at generation, because a retired place would make both "once"."""

CHALLENGE_LENGTH = 32
NOT_ENOUGH_MEMORY = 0x6A84


@dataclass(frozen=True, slots=True)
class KeyProof:
    """What there is to keep of a step with a key: `subject` is its SubjectPublicKeyInfo ("generate"), what it signed
    ("prove") or its certificate ("install"). `attestation`: the card's statement and the certificates above it, in DER.
    """

    card_id: str
    step: str
    purpose: Purpose
    subject: bytes
    signature: bytes = b""
    attestation: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Witness:
    """Who is to hear, with the card's name and the SubjectPublicKeyInfo, that a key was made inside a card."""

    made: Callable[[str, Purpose, bytes], object]
    anchors: AttestationAnchors | None
    """The card must prove it by an attestation that leads to one of these. None: whoever listens drives the card with
    their own hands, and believes what GENERATE answers: over anybody else's reader a key could be put in between."""
    clock: Clock
    told: Callable[[KeyProof], object] = lambda _proof: None
    """Hears of each step that was done; it knows the transcript, if the session has one."""


class PivSlot:
    """Renewal of one card's keys and certificates; every method may be called again after a crash.

    `management_key` gives the key of this card; `pin` asks the holder, once for each proof of possession.
    """

    def __init__(
        self,
        session: CardSession,
        *,
        management_key: Callable[[], ManagementKey],
        pin: Callable[[], Pin],
        random: Callable[[int], bytes],
        algorithms: Mapping[Purpose, KeyAlgorithm],
        give_up_active: bool = False,
        witness: Witness | None = None,
    ) -> None:
        self._session = session
        self._management_key = management_key
        self._pin = pin
        self._random = random
        self._algorithms = algorithms
        self._give_up_active = give_up_active
        self._witness = witness

    def card_id(self) -> str:
        """The card's own name."""
        return self._session.identity

    def generate(self, purpose: Purpose) -> bytes:
        """A new pending key pair; its SubjectPublicKeyInfo in DER. A pending key from before is given up.

        Errors: NoPendingPlace if the active key would be lost; ManagementKeyRefused; AttestationRefused if there is a
        witness who wants a proof that does not come.
        """
        spki = self._generate(purpose)
        if (witness := self._witness) is not None:
            chain: tuple[bytes, ...] = ()
            if witness.anchors is not None:
                attestation = self.attest(purpose, spki, witness.anchors, witness.clock.now())
                if attestation is None:
                    raise AttestationRefused(AttestationFault.NONE_MADE)
                chain = tuple(attestation.chain)
            witness.made(self.card_id(), purpose, spki)
            witness.told(KeyProof(self.card_id(), "generate", purpose, spki, attestation=chain))
        return spki

    def _generate(self, purpose: Purpose) -> bytes:
        with self._session.work() as channel:
            abilities = abilities_of(channel)
            slot = pending_slot(channel, abilities, purpose)
            if abilities.renewal is Renewal.IN_PLACE and not self._give_up_active and _in_use(channel, slot):
                raise NoPendingPlace(purpose)
            self._manage(channel)
            if abilities.renewal is Renewal.MOVING:
                _finish_move(channel, abilities, purpose)
            if read_certificate(channel, slot) is not None:
                # First: a card must never show a certificate whose key is gone.
                piv_commands.write_object(channel, slot.certificate_object, b"")
            policy = PIN_POLICY_OF_PURPOSE[purpose] if abilities.firmware else PinPolicy.DEFAULT
            return piv_commands.generate(channel, slot, self._algorithms[purpose], policy)

    def prove(self, purpose: Purpose, message: bytes) -> bytes:
        """A signature by the pending key over `message`, after the holder's PIN.

        Errors: WrongPin, PinBlocked, LastTry; Refused (6A86) without pending key.
        """
        pin = self._pin()  # before the transaction: a person takes time, and all others would wait
        with self._session.work() as channel:
            slot = pending_slot(channel, abilities_of(channel), purpose)
            piv_commands.verify_pin(channel, pin)
            signature = piv_commands.sign(channel, slot, self._algorithms[purpose], message)
        if self._witness is not None:
            self._witness.told(KeyProof(self.card_id(), "prove", purpose, message, signature))
        return signature

    def attest(self, purpose: Purpose, spki: bytes, anchors: AttestationAnchors, at: Instant) -> Attestation | None:
        """The card's believed statement that the pending key was made inside it; None for a card that makes none.

        Errors: AttestationRefused.
        """
        with self._session.work() as channel:
            abilities = abilities_of(channel)
            if not abilities.attests:
                return None
            slot = pending_slot(channel, abilities, purpose)
            statement = piv_commands.attest(channel, slot)
            between = read_certificate(channel, Slot.ATTESTATION)
            number = piv_commands.serial(channel)
        return verify_attestation(
            statement, between or b"", anchors=anchors, slot=slot, spki=spki, at=at, card_serial=number
        )

    def install(self, purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> None:
        """Write the certificate, read it back, make its key the active one. PIV has no place for the CA's certificate;
        it is checked against, not stored.

        Errors: CertificateMismatch if the certificate is not of the pending (or already active) key, or not issued by
        the CA; ManagementKeyRefused; Refused.
        """
        parsed = parse_certificate(certificate)
        _require_issuer(parsed, parse_certificate(ca_certificate))
        with self._session.work() as channel:
            abilities = abilities_of(channel)
            self._manage(channel)
            match abilities.renewal:
                case Renewal.MOVING:
                    _install_by_move(channel, purpose, parsed)
                case Renewal.ALTERNATING:
                    _install_by_turns(channel, abilities, purpose, parsed)
                case Renewal.IN_PLACE:
                    self._install_in_place(channel, abilities, purpose, parsed)
        if self._witness is not None:
            self._witness.told(KeyProof(self.card_id(), "install", purpose, certificate))

    def retire(self) -> None:
        """The end of the card's use: no certificate, and no key that ever had one; may be called again.

        Certificates go first: a card must never show one whose key is gone. Errors: ManagementKeyRefused, Refused.
        """
        with self._session.work() as channel:
            abilities = abilities_of(channel)
            self._manage(channel)
            for slot in _places(abilities):
                if piv_commands.read_object(channel, slot.certificate_object) is not None:
                    piv_commands.write_object(channel, slot.certificate_object, b"")
                if abilities.renewal is Renewal.MOVING:
                    piv_commands.delete_key(channel, slot)
                else:
                    piv_commands.generate(channel, slot, KeyAlgorithm.P256)

    def read(self, purpose: Purpose) -> bytes | None:
        """The certificate now active, in DER."""
        return PivCard(self._session).read(purpose)

    def _manage(self, channel: Channel) -> None:
        piv_commands.authenticate_management_key(channel, self._management_key(), self._random)

    def _install_in_place(
        self, channel: Channel, abilities: Abilities, purpose: Purpose, certificate: Certificate
    ) -> None:
        slot = SLOT_OF_PURPOSE[purpose]
        if find_active(channel, abilities, purpose) == ActiveKey(slot, certificate.der):
            return
        self._require_key_by_signature(channel, slot, certificate)
        _write_back(channel, slot, certificate.der)

    def _require_key_by_signature(self, channel: Channel, slot: Slot, certificate: Certificate) -> None:
        """A card that does not tell its public keys shows which one it has by using it."""
        challenge = self._random(CHALLENGE_LENGTH)
        piv_commands.verify_pin(channel, self._pin())
        try:
            signature = piv_commands.sign(channel, slot, key_algorithm_of(certificate.spki), challenge)
        except (Refused, InvalidValue) as error:
            raise CertificateMismatch("the certificate is not of a key on this card") from error
        require_signature(certificate.spki, signature, challenge)


def _in_use(channel: Channel, slot: Slot) -> bool:
    """Whether a certificate stands for the key in `slot`: a key without one was never believed by anybody."""
    return read_certificate(channel, slot) is not None


def _install_by_move(channel: Channel, purpose: Purpose, certificate: Certificate) -> None:
    home, waiting = SLOT_OF_PURPOSE[purpose], PENDING_SLOT_OF_PURPOSE[purpose]
    if _holds(channel, waiting, certificate):
        _write_back(channel, waiting, certificate.der)
        piv_commands.move_key(channel, waiting, home)
    elif not _holds(channel, home, certificate):
        raise CertificateMismatch("the certificate is not of a key on this card")
    if read_certificate(channel, home) != certificate.der:
        _write_back(channel, home, certificate.der)
    # A key that came later may wait there with its own certificate: only what was ours is cleared away.
    if read_certificate(channel, waiting) == certificate.der:
        piv_commands.write_object(channel, waiting.certificate_object, b"")


def _finish_move(channel: Channel, abilities: Abilities, purpose: Purpose) -> None:
    """Bring home a certificate that a power loss left in the waiting place, before anything there is cleared."""
    home, waiting = SLOT_OF_PURPOSE[purpose], PENDING_SLOT_OF_PURPOSE[purpose]
    active = find_active(channel, abilities, purpose)
    if active is not None and read_certificate(channel, home) != active.certificate:
        _write_back(channel, home, active.certificate)
    if active is not None and read_certificate(channel, waiting) == active.certificate:
        piv_commands.write_object(channel, waiting.certificate_object, b"")


def _install_by_turns(channel: Channel, abilities: Abilities, purpose: Purpose, certificate: Certificate) -> None:
    active = find_active(channel, abilities, purpose)
    if active is None or active.certificate != certificate.der:
        target = pending_slot(channel, abilities, purpose)
        if not _holds(channel, target, certificate):
            raise CertificateMismatch("the certificate is not of a key on this card")
        _write_back(channel, target, certificate.der)
    else:
        target = active.slot
    other = _other_place(target, purpose)
    old = read_certificate(channel, other)
    if old is not None and _holds(channel, other, Certificate(old)):
        # These cards cannot delete a key; one that nobody will ever certify takes the old one's place.
        piv_commands.generate(channel, other, KeyAlgorithm.P256, PIN_POLICY_OF_PURPOSE[purpose])
    if piv_commands.read_object(channel, other.certificate_object) is not None:
        piv_commands.write_object(channel, other.certificate_object, b"")


def _places(abilities: Abilities) -> tuple[Slot, ...]:
    """Every slot that a key of ours may be in, on such a card."""
    homes = tuple(SLOT_OF_PURPOSE.values())
    return homes if abilities.renewal is Renewal.IN_PLACE else (*homes, *PENDING_SLOT_OF_PURPOSE.values())


def _other_place(slot: Slot, purpose: Purpose) -> Slot:
    home, waiting = SLOT_OF_PURPOSE[purpose], PENDING_SLOT_OF_PURPOSE[purpose]
    return waiting if slot is home else home


def _holds(channel: Channel, slot: Slot, certificate: Certificate) -> bool:
    key = piv_commands.metadata(channel, slot)
    return key is not None and key.spki == certificate.spki


def _write_back(channel: Channel, slot: Slot, certificate: bytes) -> None:
    try:
        piv_commands.write_object(channel, slot.certificate_object, certificate_object(certificate))
    except Refused as error:
        if error.status_word != NOT_ENOUGH_MEMORY:
            raise
        piv_commands.write_object(channel, slot.certificate_object, compress_certificate_object(certificate))
    if read_certificate(channel, slot) != certificate:
        raise CertificateMismatch("what was read back is not what was written")


def _require_issuer(certificate: Certificate, issuer: Certificate) -> None:
    try:
        certificate.x509.verify_directly_issued_by(issuer.x509)
    except (InvalidSignature, ValueError, TypeError, Malformed) as error:
        raise CertificateMismatch("the certificate was not issued by the authority beside it") from error
