"""Officers who have cards: a key and a certificate each, so that what they do can be signed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from enrollment import acts, pin_reset
from enrollment.acts import SignedAct, What
from enrollment.operators import Operator, Role
from enrollment.store import people as rows
from enrollment.store.permissions import PinPermission
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.town import ALWAYS, AT, TOWN, seen


@dataclass(frozen=True)
class Officer:
    """An operator with the private half of their card's key at hand."""

    operator: Operator
    key: ec.EllipticCurvePrivateKey
    certificate: bytes

    def sign(self, octets: bytes) -> bytes:
        return self.key.sign(octets, ec.ECDSA(hashes.SHA256()))


def officer(conn: Any, name: str, counter: str, *roles: Role) -> Officer:
    """Appoint somebody with a card."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    born = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(born)
        .not_valid_after(born + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    held = frozenset(roles or (Role.CLERK,))
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    made = Operator(name, TOWN, held, fingerprint, counter, ALWAYS)
    rows.add_operator(conn, made)
    return Officer(made, key, certificate.public_bytes(serialization.Encoding.DER))


def drafted(
    database: Any, who: Officer, person: Any, card_id: str, purpose: Purpose = Purpose.SIGNATURE, at: Instant = AT
) -> tuple[PinPermission, Any]:
    """A permission that nobody signed yet, and the evidence that it rests on."""
    name, counter = who.operator.operator, who.operator.counter
    evidence = seen(person, officer=name, counter=counter, at=at)
    return database.read(lambda conn: pin_reset.draft(conn, card_id, purpose, evidence, name, at)), evidence


def signed(who: Officer, permission: PinPermission, random: Callable[[int], bytes], at: Instant = AT) -> SignedAct:
    """The officer's act about it."""
    about = pin_reset.content(permission)
    act = acts.prepare(who.operator, What.PIN_RESET, permission.card_id, about, at, random)
    return SignedAct(act, who.sign(act.to_be_signed()))


def permitted(
    database: Any,
    who: Officer,
    person: Any,
    card_id: str,
    random: Callable[[int], bytes],
    purpose: Purpose = Purpose.SIGNATURE,
    at: Instant = AT,
) -> PinPermission:
    """A permission as an officer of the municipality's own desk gives it."""
    permission, evidence = drafted(database, who, person, card_id, purpose, at)
    act = signed(who, permission, random, at)
    given = database.transaction(
        lambda conn: pin_reset.permit(conn, permission, evidence, act, at, random, officer_certificate=who.certificate)
    )
    assert isinstance(given, PinPermission)
    return given
