"""An authority of the real kind for tests of issuance: key store on disk, both CAs, orders for made-up people.

RSA keys are made once per test process; everything else is made anew for each test.
"""

import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from ca import authorities
from ca.directory import Database, Directory
from ca.file_key import FileKey, FileKeyStore, PrivateKey, generate
from ca.intents import IntentId
from ca.issuance import IssuedCertificate, Registrar, Signer
from ca.orders import Assurance, Order, ServiceKind, ServiceOrder
from ca.parameters import Parameters, Partitioning
from ca.profiles import ISSUER_KEYS, PROFILES, KeyShape, Variant
from ca.sealing import Cost
from pki.attributes import Attributes, Gender
from pki.certificate import Certificate
from pki.instant import Instant
from pki.municipality import Municipality
from pki.purpose import Purpose

CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
"""One try of a passphrase for a millisecond: tests guess nothing."""
BORN = date(1990, 2, 17)
SHIBUYA = Municipality("13113", "Tokyo-to", "Shibuya-ku", "渋谷区")
PERSON = Attributes("見本　花子", BORN, Gender.FEMALE, "東京都渋谷区見本町一丁目１番１号")
CARD_END = Instant.parse("2040-02-17T14:59:59Z")
OCSP = "http://127.0.0.1:8080/ocsp"
PERSON_SHAPE = {
    Variant.JPKI: KeyShape.RSA_2048,
    Variant.NEXT: KeyShape.P384,
    Variant.ML_DSA: KeyShape.ML_DSA_65,
    Variant.P256: KeyShape.P256,
}
_numbers = count(1)


@cache
def private_key(label: str, shape: KeyShape) -> PrivateKey:
    """One key a label and test process."""
    return generate(shape)


def card_key(label: str, shape: KeyShape = KeyShape.RSA_2048) -> FileKey:
    """A key as a card would hold it."""
    return FileKey(label, shape, private_key(label, shape))


def request(label: str, shape: KeyShape = KeyShape.RSA_2048) -> bytes:
    """A certification request by that key."""
    return authorities.self_request(card_key(label, shape))


def key_store(folder: Path, random: Callable[[int], bytes]) -> FileKeyStore:
    """A fresh key store that already holds the keys of both first authorities, if they are RSA."""
    keys = FileKeyStore.lock(folder, b"correct horse", random, cost=CHEAP)
    for purpose in Purpose:
        label = f"{purpose.value}-1"
        keys.import_key(label, KeyShape.RSA_2048, private_key(f"authority {label}", KeyShape.RSA_2048))
    return keys


@dataclass
class World:
    """Both authorities of one variant, with a registrar and a signer."""

    database: Database
    keys: FileKeyStore
    at: Instant
    random: Callable[[int], bytes]
    variant: Variant
    registrar: Registrar
    signer: Signer

    def order(self, purpose: Purpose = Purpose.SIGNATURE, **changes: object) -> Order:
        """An order for the one made-up person, with a card key that is the same in every test."""
        shape = PERSON_SHAPE[self.variant]
        order = Order(
            purpose=purpose,
            request=request(f"card {purpose.value}", shape),
            attributes=PERSON,
            municipality=SHIBUYA,
            assurance=Assurance.IN_PERSON,
            date_of_birth=BORN,
            card_id="card-1",
            card_not_after=CARD_END,
            not_past=None,
            renewed_in_window=False,
            owner="person-1",
            idempotency_key=f"order-{next(_numbers)}",
        )
        return replace(order, **changes)  # type: ignore[arg-type]

    def service_order(self, kind: ServiceKind = ServiceKind.OPERATOR, **changes: object) -> ServiceOrder:
        """An order for an operator or a relying party."""
        order = ServiceOrder(
            kind=kind,
            request=request(f"service {kind.value}", KeyShape.P256),
            common_name="operator-1" if kind is ServiceKind.OPERATOR else "Example Bank",
            organization="Shibuya-ku" if kind is ServiceKind.OPERATOR else "Example Bank",
            owner=f"{kind.value}-1",
            card_id="",
            not_past=None,
            idempotency_key=f"order-{next(_numbers)}",
        )
        return replace(order, **changes)  # type: ignore[arg-type]

    def intend(self, order: Order | ServiceOrder) -> IntentId:
        """The order taken, in a transaction of its own."""
        return self.database.transaction(lambda conn: self.registrar.intend(conn, order, self.at))

    def issue(self, order: Order | ServiceOrder) -> IssuedCertificate:
        """The order taken and signed."""
        return self.signer.sign(self.database, self.intend(order), self.at)

    def authority(self, purpose: Purpose) -> Certificate:
        """The root of one purpose."""
        found = self.database.read(lambda conn: Directory().active(conn, purpose)).certificate
        assert found is not None
        return found


def make_world(
    database: Database,
    folder: Path,
    at: Instant,
    random: Callable[[int], bytes],
    variant: Variant = Variant.JPKI,
    parameters: Parameters | None = None,
) -> World:
    """Both authorities, made as a deployment makes them."""
    if ISSUER_KEYS[variant] is KeyShape.RSA_2048:
        keys = key_store(folder / "keys", random)
    else:
        keys = FileKeyStore.lock(folder / "keys", b"correct horse", random, cost=CHEAP)
    chosen = parameters or Parameters(ocsp_uri=OCSP, partitioning=Partitioning.MUNICIPALITY)
    for purpose in Purpose:
        authorities.create(database, keys, purpose, variant, at, random, parameters=chosen)
    return World(database, keys, at, random, variant, Registrar(PROFILES, Directory(), random), Signer(keys, PROFILES))


def openssl_verify(folder: Path, root: Certificate, der: bytes, at: Instant) -> str:
    """What `openssl verify -x509_strict` prints of a certificate; empty when it is content."""
    paths = []
    for name, octets in (("root", root.der), ("leaf", der)):
        path = folder / f"{name}.pem"
        parsed = Certificate(octets).x509
        path.write_bytes(parsed.public_bytes(serialization.Encoding.PEM))
        paths.append(str(path))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-attime", str(at.seconds), "-CAfile", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def pkilint_findings(folder: Path, der: bytes) -> int:
    """How many findings at WARNING or above pkilint's own command reports."""
    from pkilint.bin import lint_pkix_cert  # a second to import: only where it is the referee

    path = folder / "judged.der"
    path.write_bytes(der)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its command leaves the file to the collector
        return int(lint_pkix_cert.main(["lint", "-s", "WARNING", "--document-format", "DER", str(path)]))
