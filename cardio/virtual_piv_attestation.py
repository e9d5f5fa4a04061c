"""A virtual PIV card's attestation: its own test root, its attestation key, and certificates about keys made inside.

The form is that of YubiKeys (Yubico, "PIV attestation"): a certificate over the slot's public key, signed by the key
in slot F9, whose certificate stands in object 5FFF01. The extensions, none critical, none wrapped a second time:

    1.3.6.1.4.1.41482.3.3   firmware          three octets
    1.3.6.1.4.1.41482.3.7   serial number     DER INTEGER
    1.3.6.1.4.1.41482.3.8   policies          PIN policy octet, touch policy octet
    1.3.6.1.4.1.41482.3.9   form factor       one octet

A virtual card's root says in its name that it proves nothing: whoever has the card's file has its keys.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cardio.piv_attestation import FIRMWARE_OID, FORM_FACTOR_OID, POLICIES_OID, SERIAL_OID
from cardio.piv_slots import KeyAlgorithm, PinPolicy, Slot, TouchPolicy
from cardio.virtual_piv_keys import GENERATED, KeyPair, PrivateKey, PublicKey, make_key
from pki import der
from pki.instant import Instant
from pki.serial import SerialNumber

FORM_FACTOR_USB_A_KEYCHAIN = 1
LIFETIME = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class AttestationParts:
    """What a new card is given: `root` goes to the tests, the rest into the card."""

    root: bytes
    certificate: bytes
    key: KeyPair


def make_attestation_parts(card_serial: int, at: Instant, random: Callable[[int], bytes]) -> AttestationParts:
    """A root, and below it the attestation key and certificate of one card. Shapes: certificates as DER."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name(f"Virtual PIV test root (proves nothing) {card_serial}")
    root = _builder(root_name, root_name, root_key.public_key(), at, at + LIFETIME, random).add_extension(
        x509.BasicConstraints(ca=True, path_length=1), critical=True
    )
    attestation_key = make_key(KeyAlgorithm.P256)
    certificate = (
        _builder(_name("Virtual PIV Attestation"), root_name, attestation_key.public_key(), at, at + LIFETIME, random)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return AttestationParts(
        root=root.sign(root_key, hashes.SHA256()).public_bytes(Encoding.DER),
        certificate=certificate.public_bytes(Encoding.DER),
        key=KeyPair(KeyAlgorithm.P256, attestation_key, GENERATED, PinPolicy.NEVER, TouchPolicy.NEVER),
    )


def attest(
    slot: Slot,
    key: KeyPair,
    *,
    attestation_key: PrivateKey,
    attestation_certificate: bytes,
    firmware: tuple[int, int, int],
    card_serial: int,
    random: Callable[[int], bytes],
) -> bytes:
    """The statement, as a DER certificate, that `key` was made in `slot` of this card.

    Errors: ValueError if `attestation_certificate` is none (a host may have overwritten the object).
    """
    issuer = x509.load_der_x509_certificate(attestation_certificate)
    pin_policy, touch_policy = key.pin_policy.value, key.touch_policy.value
    extensions = {
        FIRMWARE_OID: bytes(firmware),
        SERIAL_OID: der.integer(card_serial),
        POLICIES_OID: bytes([pin_policy, touch_policy]),
        FORM_FACTOR_OID: bytes([FORM_FACTOR_USB_A_KEYCHAIN]),
    }
    builder = _builder(
        _name(f"YubiKey PIV Attestation {slot:02x}"),
        issuer.subject,
        key.public,
        Instant.from_datetime(issuer.not_valid_before_utc),
        Instant.from_datetime(issuer.not_valid_after_utc),
        random,
    )
    for oid, value in extensions.items():
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    return builder.sign(attestation_key, hashes.SHA256()).public_bytes(Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: PublicKey,
    not_before: Instant,
    not_after: Instant,
    random: Callable[[int], bytes],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(SerialNumber.draw(random))
        .not_valid_before(not_before.datetime)
        .not_valid_after(not_after.datetime)
    )
