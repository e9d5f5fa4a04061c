"""Attestation as YubiKeys make it, verified: this public key's private half was made inside this card.

    slot's statement (made now) ← attestation certificate (object 5FFF01) ← [intermediates] ← root that we trust

Source: Yubico, "PIV attestation"; RFC 5280 6.1 for what a chain must be. The path is walked here and not by the
verifier's code because the rules differ: the maker's certificates live for decades, have no revocation, and their key
usage varies by year of manufacture; what is demanded is signature, name, CA flag and validity at every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from cardio.errors import AttestationRefused
from cardio.piv_slots import PinPolicy, Slot, TouchPolicy
from pki import der
from pki.certificate import Certificate, parse_certificate
from pki.errors import Malformed
from pki.instant import Instant

FIRMWARE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.41482.3.3")
SERIAL_OID = x509.ObjectIdentifier("1.3.6.1.4.1.41482.3.7")
POLICIES_OID = x509.ObjectIdentifier("1.3.6.1.4.1.41482.3.8")
FORM_FACTOR_OID = x509.ObjectIdentifier("1.3.6.1.4.1.41482.3.9")

WEAK_RSA = ((4, 2, 6), (4, 3, 5))
"""From the first of these firmwares up to, not including, the second the chip chose RSA primes that can be found from
the public key (CVE-2017-15361); the attestation is genuine, the key is worthless."""

MAX_PATH = 6
"""Statement, attestation certificate, at most three between, root."""


class AttestationFault(StrEnum):
    """Why a statement was not believed."""

    NONE_MADE = "none-made"
    MALFORMED = "malformed"
    OTHER_KEY = "other-key"
    OTHER_SLOT = "other-slot"
    OTHER_CARD = "other-card"
    NO_PATH = "no-path"
    OUT_OF_VALIDITY = "out-of-validity"
    PIN_POLICY = "pin-policy"
    WEAK_MAKER = "weak-maker"


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a believed statement says, and the octets it was said in (kept as evidence with the issuance)."""

    slot: Slot
    spki: bytes
    firmware: tuple[int, int, int]
    card_serial: int | None
    pin_policy: PinPolicy
    touch_policy: TouchPolicy
    form_factor: int | None
    """Low bits: shape of the device; bit 8: a FIPS 140 validated one."""
    chain: tuple[bytes, ...]
    """Statement first, then each issuer; the trusted root last. DER."""

    @property
    def fips(self) -> bool:
        """Whether the maker says that this is a FIPS 140 validated device."""
        return self.form_factor is not None and bool(self.form_factor & 0x80)


@dataclass(frozen=True, slots=True)
class AttestationAnchors:
    """Roots that are believed, and certificates of the maker that may stand between."""

    roots: Sequence[Certificate]
    intermediates: Sequence[Certificate] = ()


def verify_attestation(
    statement: bytes,
    attestation_certificate: bytes,
    *,
    anchors: AttestationAnchors,
    slot: Slot,
    spki: bytes,
    at: Instant,
    card_serial: int | None = None,
) -> Attestation:
    """Believe that the key `spki` was made in `slot` of the card `card_serial`, or raise.

    Shapes: certificates and `spki` in DER; `card_serial` None if the card told none.
    Errors: AttestationRefused with the AttestationFault. A key whose PIN policy is "never" is refused too: it would
    sign for whoever finds the card; and an RSA key of a chip that made weak ones.
    """
    try:
        leaf, issuer = parse_certificate(statement), parse_certificate(attestation_certificate)
        found = _read(leaf)
        chain = _chain(leaf, issuer, anchors, at)
    except (Malformed, ValueError, UnsupportedAlgorithm) as error:
        raise AttestationRefused(AttestationFault.MALFORMED) from error
    if leaf.spki != spki:
        raise AttestationRefused(AttestationFault.OTHER_KEY)
    if found.slot is not slot:
        raise AttestationRefused(AttestationFault.OTHER_SLOT)
    if card_serial is not None and found.card_serial != card_serial:
        raise AttestationRefused(AttestationFault.OTHER_CARD)
    if isinstance(leaf.public_key, rsa.RSAPublicKey) and WEAK_RSA[0] <= found.firmware < WEAK_RSA[1]:
        raise AttestationRefused(AttestationFault.WEAK_MAKER)
    if found.pin_policy in (PinPolicy.NEVER, PinPolicy.DEFAULT) and slot is not Slot.CARD_AUTHENTICATION:
        raise AttestationRefused(AttestationFault.PIN_POLICY)
    return Attestation(
        slot=found.slot,
        spki=spki,
        firmware=found.firmware,
        card_serial=found.card_serial,
        pin_policy=found.pin_policy,
        touch_policy=found.touch_policy,
        form_factor=found.form_factor,
        chain=tuple(certificate.der for certificate in chain),
    )


@dataclass(frozen=True, slots=True)
class _Statement:
    slot: Slot
    firmware: tuple[int, int, int]
    card_serial: int | None
    pin_policy: PinPolicy
    touch_policy: TouchPolicy
    form_factor: int | None


def _read(leaf: Certificate) -> _Statement:
    """The extensions and the slot of a statement. Errors: Malformed, ValueError."""
    values = {
        extension.oid: extension.value.value
        for extension in leaf.x509.extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
    }
    firmware, policies = values.get(FIRMWARE_OID, b""), values.get(POLICIES_OID, b"")
    if len(firmware) != 3 or len(policies) != 2:
        raise Malformed("an attestation with firmware version and policies expected")
    serial, form_factor = values.get(SERIAL_OID), values.get(FORM_FACTOR_OID)
    return _Statement(
        slot=_slot(leaf),
        firmware=(firmware[0], firmware[1], firmware[2]),
        card_serial=der.read_whole(serial).integer() if serial is not None else None,
        pin_policy=PinPolicy(policies[0]),
        touch_policy=TouchPolicy(policies[1]),
        form_factor=form_factor[0] if form_factor else None,
    )


def _slot(leaf: Certificate) -> Slot:
    """The slot stands as two hexadecimal digits at the end of the subject's common name."""
    names = leaf.x509.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1 or not isinstance(names[0].value, str):
        raise Malformed("an attestation with one common name expected")
    return Slot(int(names[0].value.rpartition(" ")[2], 16))


def _chain(leaf: Certificate, issuer: Certificate, anchors: AttestationAnchors, at: Instant) -> tuple[Certificate, ...]:
    """Leaf, the card's attestation certificate, and on to a root.

    Errors: AttestationRefused(NO_PATH or OUT_OF_VALIDITY), Malformed.
    """
    if not _issued(issuer, leaf):
        raise AttestationRefused(AttestationFault.NO_PATH)
    chain = [leaf, issuer]
    while chain[-1] not in anchors.roots:
        above = [candidate for candidate in (*anchors.roots, *anchors.intermediates) if _issued(candidate, chain[-1])]
        if not above or len(chain) >= MAX_PATH or above[0] in chain:
            raise AttestationRefused(AttestationFault.NO_PATH)
        chain.append(above[0])
    if not all(certificate.validity.contains(at) for certificate in chain):
        raise AttestationRefused(AttestationFault.OUT_OF_VALIDITY)
    return tuple(chain)


def _issued(issuer: Certificate, subject: Certificate) -> bool:
    """RFC 5280 6.1.3 (a)(1), (a)(4) and 6.1.4 (k): signature, name, CA flag."""
    try:
        constraints = issuer.x509.extensions.get_extension_for_class(x509.BasicConstraints).value
        subject.x509.verify_directly_issued_by(issuer.x509)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return constraints.ca
