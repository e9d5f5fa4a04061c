"""Writing down what is going to be signed: reserve serial → build → lint → store, in the caller's transaction.

Nothing here has a key. Whoever holds the signing key signs what is stored here and nothing else (`ca.issuance`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from sqlalchemy import Connection

from ca.authority import Authority
from ca.errors import IdempotencyConflict, KeyAlreadySeen, KeyBlocked, OutlivesAuthority
from ca.lint import lint
from ca.orders import Assurance
from ca.profiles import Profile
from ca.request import ProvenRequest
from ca.store import issued as store
from ca.template import Contents, build
from pki.attributes import Attributes
from pki.errors import Retryable
from pki.instant import Instant, Validity
from pki.municipality import Municipality
from pki.serial import SerialNumber

IntentId = NewType("IntentId", str)
Random = Callable[[int], bytes]

_DRAWS = 8
"""Two equal serials of 158 random bits never happen; a broken random source must not loop for ever."""


def key_hash(spki: bytes) -> str:
    """How the tables name a public key: SHA-256 of its SubjectPublicKeyInfo, in hex."""
    return hashlib.sha256(spki).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """One certificate as far as it is decided before its serial is drawn.

    `owner` and `card_id` are what the key belongs to from now on. `point` is the DistributionPointName of `partition`.
    """

    profile: Profile
    authority: Authority
    proven: ProvenRequest
    request: bytes
    order_digest: str
    idempotency_key: str
    owner: str
    card_id: str
    assurance: Assurance
    validity: Validity
    partition: int
    point: bytes
    common_name: str | None = None
    organization: str | None = None
    municipality: Municipality | None = None
    attributes: Attributes | None = None


def existing(conn: Connection, idempotency_key: str, order_digest: str) -> IntentId | None:
    """The intent of an order that came before. Errors: IdempotencyConflict when that was another order."""
    row = store.intent_by_key(conn, idempotency_key)
    if row is None:
        return None
    if row.order_digest != order_digest:
        raise IdempotencyConflict
    return IntentId(row.id)


def check_key_history(conn: Connection, plan: Plan) -> None:
    """Errors: KeyBlocked; KeyAlreadySeen for a key that another person, card or use has."""
    digest = key_hash(plan.proven.spki)
    if (reason := store.blocked_reason(conn, digest)) is not None:
        raise KeyBlocked(reason)
    store.remember_key(
        conn,
        {
            "key_hash": digest,
            "owner": plan.owner,
            "card_id": plan.card_id,
            "profile": plan.profile.kind.value,
            "first_seen": plan.validity.not_before.seconds,
        },
    )
    seen = store.key(conn, digest)
    if seen is None:
        raise Retryable
    for stored, mine, what in (
        (seen.owner, plan.owner, "person"),
        (seen.card_id, plan.card_id, "card"),
        (seen.profile, plan.profile.kind.value, "use"),
    ):
        if stored != mine:
            raise KeyAlreadySeen(what)


def write(conn: Connection, plan: Plan, at: Instant, random: Random) -> IntentId:
    """Draw a serial, build, lint and store; the intent's id. Shape: at most once for an idempotency key.

    Errors: KeyBlocked, KeyAlreadySeen, OutlivesAuthority, ProfileMismatch, LintFailed, IdempotencyConflict.
    """
    if plan.validity.not_after > plan.authority.validity.not_after:
        raise OutlivesAuthority(plan.authority.id)
    check_key_history(conn, plan)
    for _ in range(_DRAWS):
        serial = SerialNumber.draw(random)
        linted = lint(build(plan.profile, plan.authority, _contents(plan, serial)), plan.profile, plan.authority)
        identifier = IntentId(random(16).hex())
        row = {
            "id": identifier,
            "idempotency_key": plan.idempotency_key,
            "order_digest": plan.order_digest,
            "issuer": plan.authority.id,
            "serial": serial.hex,
            "profile": plan.profile.kind.value,
            "assurance": plan.assurance.value,
            "owner": plan.owner,
            "card_id": plan.card_id,
            "key_hash": key_hash(plan.proven.spki),
            "request": plan.request,
            "tbs": linted.tbs,
            "rules": linted.rules,
            "partition": plan.partition,
            "not_before": plan.validity.not_before.seconds,
            "not_after": plan.validity.not_after.seconds,
            "state": "intended",
            "created_at": at.seconds,
        }
        if store.insert_intents(conn, [row]) == 1:
            return identifier
        # Either the same order came a moment earlier, or the serial is taken: only then another is drawn.
        if (found := existing(conn, plan.idempotency_key, plan.order_digest)) is not None:
            return found
    raise Retryable


def _contents(plan: Plan, serial: SerialNumber) -> Contents:
    return Contents(
        spki=plan.proven.spki,
        serial=serial,
        validity=plan.validity,
        assurance=plan.assurance,
        point=plan.point,
        common_name=plan.common_name,
        organization=plan.organization,
        municipality=plan.municipality,
        attributes=plan.attributes,
    )
