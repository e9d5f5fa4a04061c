"""Virtual PIV cards for tests: ready RSA keys, a small real CA, and sessions over memory."""

import functools
from datetime import date, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cardio.pin import Pin
from cardio.piv import identify
from cardio.piv_commands import PIN_RULE, PUK_RULE
from cardio.piv_management_key import ManagementKey
from cardio.piv_objects import CHUID, CardHolderIdentifier, FascN
from cardio.piv_slots import KeyAlgorithm
from cardio.session import CardSession
from cardio.virtual_card import MemoryStorage
from cardio.virtual_piv import VirtualPiv, new_virtual_piv
from cardio.virtual_piv_keys import PrivateKey, make_key
from pki.instant import Instant
from tests.support.chance import SeededOctets

AT = Instant.parse("2026-11-23T00:00:00Z")
EXPIRES = date(2036, 11, 22)
MASTER = bytes(range(32))
PIN = Pin(PIN_RULE, "123456")
WRONG_PIN = Pin(PIN_RULE, "999999")
PUK = Pin(PUK_RULE, "12345678")

GENERIC = None
OLD_YUBICO = (5, 4, 3)
NEW_YUBICO = (5, 7, 1)


@functools.cache
def rsa_key(bits: int, number: int) -> rsa.RSAPrivateKey:
    """One of a few RSA keys, made once in each test process: primes take their time."""
    return rsa.generate_private_key(65537, bits)


class KeyBox:
    """A key maker that hands RSA keys out in turn, three of each size, and makes elliptic ones."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, algorithm: KeyAlgorithm) -> PrivateKey:
        if algorithm.elliptic:
            return make_key(algorithm)
        self.count += 1
        return rsa_key(algorithm.bits, self.count % 3)


def new_card(
    firmware: tuple[int, int, int] | None = NEW_YUBICO,
    *,
    storage: MemoryStorage | None = None,
    management_key: ManagementKey | None = None,
    rsa_1024: bool = False,
    seed: str = "card",
) -> tuple[VirtualPiv, bytes | None]:
    """A blank card and its attestation root."""
    return new_virtual_piv(
        storage if storage is not None else MemoryStorage(),
        SeededOctets(seed),
        at=AT,
        firmware=firmware,
        management_key=management_key,
        rsa_1024=rsa_1024,
        key_maker=KeyBox(),
    )


def give_chuid(card: VirtualPiv, guid: bytes = b"0123456789abcdef") -> CardHolderIdentifier:
    """A CHUID as a bureau puts it on a card, past the card's access rules."""
    from uuid import UUID

    identifier = CardHolderIdentifier(UUID(bytes=guid, version=4), EXPIRES, FascN().encode())
    session = card._running
    session.commit(session.memory.with_object(CHUID, identifier.encode()))
    return identifier


def session_of(card: VirtualPiv) -> CardSession:
    """A session with the card in memory."""
    return CardSession.of_memory(card, identify)


class SmallAuthority:
    """Issues certificates for given keys; nothing of our own CA's code."""

    def __init__(self, name: str = "Test CA") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._build(self.name, self.key.public_key(), ca=True)
        self.count = 0

    def issue_large(self, spki: bytes) -> bytes:
        """A certificate of more octets than an object of a card holds, though they can be packed."""
        public = serialization.load_der_public_key(spki)
        assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        text = x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x0c\x82\x10\x00" + b"x" * 4096
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Large")]))
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(AT.datetime)
            .not_valid_after(AT.datetime + timedelta(days=3650))
            .add_extension(text, critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def issue(self, spki: bytes, common_name: str = "Holder", *, confidential: bool = False) -> bytes:
        """A certificate (DER) for `spki`: for signatures, or for decryption and key agreement."""
        public = serialization.load_der_public_key(spki)
        assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        return self._build(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]),
            public,
            ca=False,
            confidential=confidential,
        )

    def _build(
        self,
        subject: x509.Name,
        public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
        *,
        ca: bool,
        confidential: bool = False,
    ) -> bytes:
        elliptic = isinstance(public, ec.EllipticCurvePublicKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(AT.datetime)
            .not_valid_after(AT.datetime + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca and not confidential,
                    content_commitment=False,
                    key_encipherment=confidential and not elliptic,
                    data_encipherment=confidential and not elliptic,
                    key_agreement=confidential and elliptic,
                    key_cert_sign=ca,
                    crl_sign=ca,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)
