"""A small authority for tests of status: a root, a delegated responder and some certificates, made by `cryptography`.

The CA's own issuance is not used: what is wrong there must not hide what is wrong here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import Connection, insert

from ca import journal
from ca.crl import CrlIssuer
from ca.directory import Database
from ca.file_key import FileKey, PrivateKey, generate
from ca.ocsp import FixedDelegates, Responder
from ca.profiles import KeyShape
from ca.status import Continuity, LiveStatus
from ca.store.tables import AUTHORITIES, CERTIFICATES, INTENTS
from pki import der
from pki.certificate import Certificate
from pki.instant import Instant
from pki.serial import SerialNumber

AT = Instant.parse("2026-11-23T00:00:00Z")
START = AT + timedelta(days=-30)
END = AT + timedelta(days=3650)
AUTHORITY = "signature-1"


@cache
def private_key(label: str, shape: KeyShape) -> PrivateKey:
    """One key a label and test process: RSA keys are slow to make."""
    return generate(shape)


def key(label: str, shape: KeyShape) -> FileKey:
    """That key as a signing key."""
    return FileKey(label, shape, private_key(label, shape))


def name(common_name: str) -> x509.Name:
    """A small distinguished name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Jitsuin Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _hash(signer: PrivateKey) -> hashes.HashAlgorithm | None:
    return None if isinstance(signer, mldsa.MLDSA65PrivateKey) else hashes.SHA256()


def make_root(signer: PrivateKey, subject: x509.Name, serial: int = 1) -> Certificate:
    """A self-signed authority certificate."""
    public = signer.public_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(START.datetime)
        .not_valid_after(END.datetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(signer, _hash(signer))
    )
    return Certificate(built.public_bytes(Encoding.DER))


def _usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{each: bits.get(each, False) for each in names})


def make_responder(
    root: Certificate,
    signer: PrivateKey,
    responder: PrivateKey,
    *,
    purpose: bool = True,
    nocheck: bool = True,
    start: Instant = START,
    end: Instant = AT + timedelta(days=30),
    serial: int = 2,
) -> Certificate:
    """A delegated responder certificate, or a faulty one."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("Responder 1"))
        .issuer_name(root.x509.subject)
        .public_key(responder.public_key())
        .serial_number(serial)
        .not_valid_before(start.datetime)
        .not_valid_after(end.datetime)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(responder.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    if nocheck:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return Certificate(builder.sign(signer, _hash(signer)).public_bytes(Encoding.DER))


def make_leaf(
    root: Certificate, signer: PrivateKey, serial: int, *, not_after: Instant = END, point: bytes | None = None
) -> Certificate:
    """A person's certificate; `point` is a DistributionPointName in DER."""
    holder = private_key("holder", KeyShape.P256)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("12345678901234567890123456ABCD"))
        .issuer_name(root.x509.subject)
        .public_key(holder.public_key())
        .serial_number(serial)
        .not_valid_before(START.datetime)
        .not_valid_after(not_after.datetime)
        .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    builder = builder.add_extension(
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(
                    x509.oid.AuthorityInformationAccessOID.OCSP,
                    x509.UniformResourceIdentifier("http://ocsp.example/ocsp/signature-1"),
                )
            ]
        ),
        critical=False,
    )
    if point is not None:
        points = der.sequence(der.sequence(der.context(0, point)))
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), points), critical=False
        )
    return Certificate(builder.sign(signer, _hash(signer)).public_bytes(Encoding.DER))


@dataclass
class World:
    """An authority in a database; `random` draws serials."""

    database: Database
    random: Callable[[int], bytes]
    root: Certificate
    signer: FileKey
    responder_certificate: Certificate
    responder_key: FileKey
    authority: str = AUTHORITY

    @property
    def issuer(self) -> CrlIssuer:
        """Who signs CRLs here."""
        identifier = self.root.key_identifier
        assert identifier is not None
        return CrlIssuer(self.authority, self.root.subject, identifier, self.signer)

    def responder(self) -> Responder:
        """A live responder over the database."""
        delegates = FixedDelegates(self.authority, self.root, [(self.responder_certificate, self.responder_key)])
        return Responder(self.authority, self.root, delegates, LiveStatus(self.database, Continuity()))

    def issue(
        self, count: int = 1, *, partition: int = 0, not_after: Instant = END, real: bool = False, at: Instant = START
    ) -> list[SerialNumber]:
        """Certificates in the database; `real` ones can be read back as DER."""
        serials = [SerialNumber.draw(self.random) for _ in range(count)]
        made = [
            make_leaf(self.root, self.signer._private, serial, not_after=not_after).der if real else serial.hex.encode()
            for serial in serials
        ]
        self.database.transaction(lambda conn: self._insert(conn, serials, made, partition, not_after, at))
        return serials

    def _insert(
        self,
        conn: Connection,
        serials: list[SerialNumber],
        made: list[bytes],
        partition: int,
        not_after: Instant,
        at: Instant,
    ) -> None:
        intents, certificates, events = [], [], []
        for serial, encoded in zip(serials, made, strict=True):
            shared = {
                "issuer": self.authority,
                "serial": serial.hex,
                "profile": "signature",
                "assurance": "in-person",
                "owner": "owner",
                "card_id": "card",
                "key_hash": serial.hex,
                "partition": partition,
                "not_before": START.seconds,
                "not_after": not_after.seconds,
            }
            identifier = f"{self.authority}-{serial.hex}"
            intents.append(
                {
                    **shared,
                    "id": identifier,
                    "idempotency_key": identifier,
                    "order_digest": "",
                    "request": b"",
                    "tbs": b"",
                    "rules": "",
                    "state": "issued",
                    "created_at": START.seconds,
                }
            )
            fingerprint = hashlib.sha256(encoded).hexdigest()
            certificates.append(
                {
                    **shared,
                    "intent_id": identifier,
                    "issued_at": START.seconds,
                    "fingerprint": fingerprint,
                    "der": encoded,
                }
            )
            events.append(journal.issued(at, self.authority, serial.hex, not_after, partition, fingerprint))
        conn.execute(insert(INTENTS), intents)
        conn.execute(insert(CERTIFICATES), certificates)
        journal.record(conn, events)

    def certificate(self, serial: SerialNumber) -> Certificate:
        """The certificate that `issue(real=True)` stored under a serial."""
        return self.database.read(
            lambda conn: Certificate(
                bytes(
                    conn.execute(
                        CERTIFICATES.select()
                        .with_only_columns(CERTIFICATES.c.der)
                        .where(CERTIFICATES.c.issuer == self.authority, CERTIFICATES.c.serial == serial.hex)
                    ).scalar_one()
                )
            )
        )


def make_world(
    database: Database,
    random: Callable[[int], bytes],
    shape: KeyShape = KeyShape.RSA_2048,
    authority: str = AUTHORITY,
    generation: int = 1,
) -> World:
    """An authority of that key shape; its responder has a P-256 key (ML-DSA: an ML-DSA one)."""
    signer = key(f"root-{shape}-{generation}", shape)
    delegate = key(f"responder-{shape}", KeyShape.ML_DSA_65 if shape is KeyShape.ML_DSA_65 else KeyShape.P256)
    root = make_root(signer._private, name("Signature CA"), generation)
    certificate = make_responder(root, signer._private, delegate._private)
    database.transaction(
        lambda conn: conn.execute(
            insert(AUTHORITIES).values(
                id=authority,
                purpose="signature",
                generation=generation,
                variant="jpki",
                key_label=signer.label,
                algorithm=shape.value,
                subject=root.subject,
                spki=root.spki,
                parameters="{}",
                certificate=root.der,
                fingerprint=root.fingerprint.hex(),
                not_before=START.seconds,
                not_after=END.seconds,
                state="active",
                created_at=START.seconds,
            )
        )
    )
    return World(database, random, root, signer, certificate, delegate, authority)
