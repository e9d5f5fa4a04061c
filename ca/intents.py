"""Writing down what is going to be signed: reserve serial → build → lint → store, in the caller's transaction.

Nothing here has a key. Whoever holds the signing key signs what is stored here and nothing else (`ca.issuance`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NewType

from sqlalchemy import Connection

from ca.authority import Authority
from ca.errors import IdempotencyConflict, KeyAlreadySeen, KeyBlocked, OutlivesAuthority
from ca.lint import lint
from ca.orders import Assurance
from ca.profiles import Kind, Profile
from ca.request import ProvenRequest
from ca.store import issued as store
from ca.template import Agreement, Contents, build
from pki.attributes import Attributes
from pki.errors import Retryable
from pki.instant import Instant, Validity
from pki.municipality import Municipality
from pki.serial import SerialNumber

IntentId = NewType("IntentId", str)
Random = Callable[[int], bytes]
Values = Mapping[str, Any]
"""A row by its columns."""

_DRAWS = 8
"""Two equal serials of 158 random bits never happen; a broken random source must not loop for ever."""


@lru_cache(maxsize=4096)
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
    subject: bytes | None = None
    agreement: Agreement | None = None

    @property
    def key_use(self) -> str:
        """What the key is for; a link certificate is for the same use as the root certificate of the same key."""
        return (Kind.ROOT if self.profile.kind is Kind.LINK else self.profile.kind).value


def existing(conn: Connection, idempotency_key: str, order_digest: str) -> IntentId | None:
    """The intent of an order that came before. Errors: IdempotencyConflict when that was another order."""
    row = store.intents_by_key(conn, [idempotency_key]).get(idempotency_key)
    return None if row is None else same_order(row, order_digest)


def same_order(row: store.Found, order_digest: str) -> IntentId:
    """The intent's id, if it is of this very order. Errors: IdempotencyConflict."""
    if row.order_digest != order_digest:
        raise IdempotencyConflict
    return IntentId(row.id)


def _check_keys(conn: Connection, plans: Sequence[Plan]) -> None:
    """Errors: KeyBlocked; KeyAlreadySeen for a key that another person, card or use has."""
    hashes = {key_hash(plan.proven.spki): plan for plan in plans}
    for reason in store.blocked_reasons(conn, list(hashes)).values():
        raise KeyBlocked(reason)
    store.remember_keys(
        conn,
        [
            {
                "key_hash": digest,
                "owner": plan.owner,
                "card_id": plan.card_id,
                "profile": plan.key_use,
                "first_seen": plan.validity.not_before.seconds,
            }
            for digest, plan in hashes.items()
        ],
    )
    seen = store.keys(conn, list(hashes))
    for plan in plans:
        known = seen[key_hash(plan.proven.spki)]
        for stored, mine, what in (
            (known.owner, plan.owner, "person"),
            (known.card_id, plan.card_id, "card"),
            (known.profile, plan.key_use, "use"),
        ):
            if stored != mine:
                raise KeyAlreadySeen(what)


def write(conn: Connection, plan: Plan, at: Instant, random: Random) -> IntentId:
    """Draw a serial, build, lint and store; the intent's id. Errors: as `write_many`."""
    (identifier,) = write_many(conn, [plan], at, random)
    return identifier


def write_many(
    conn: Connection,
    plans: Sequence[Plan],
    at: Instant,
    random: Random,
    drawn: Mapping[str, Values] | None = None,
) -> list[IntentId]:
    """Draw serials, build, lint and store; the intents' ids in the order of the plans. At most one for a key.

    `drawn` are rows that `draft_row` has already made, by idempotency key.

    Errors: KeyBlocked, KeyAlreadySeen, OutlivesAuthority, ProfileMismatch, LintFailed, IdempotencyConflict; whatever
    is raised, the caller's transaction must not be committed.
    """
    _check_keys(conn, plans)
    done: dict[str, IntentId] = {}
    waiting = {plan.idempotency_key: plan for plan in plans}
    for _ in range(_DRAWS):
        rows = [drawn[key] if drawn and key in drawn else draft_row(plan, at, random) for key, plan in waiting.items()]
        drawn = None
        if store.insert_intents(conn, rows) == len(rows):
            done.update({row["idempotency_key"]: row["id"] for row in rows})
            waiting = {}
        else:
            # Either the same order came a moment earlier, or a serial is taken: only then another is drawn.
            found = store.intents_by_key(conn, list(waiting))
            done.update({key: same_order(row, waiting[key].order_digest) for key, row in found.items()})
            waiting = {key: plan for key, plan in waiting.items() if key not in found}
        if not waiting:
            return [done[plan.idempotency_key] for plan in plans]
    raise Retryable


def draft_row(plan: Plan, at: Instant, random: Random) -> Values:
    """The intent as it is going to be stored: its serial drawn, its octets built and linted.

    Errors: OutlivesAuthority, ProfileMismatch, LintFailed.
    """
    if plan.validity.not_after > plan.authority.validity.not_after:
        raise OutlivesAuthority(plan.authority.id)
    serial = SerialNumber.draw(random)
    linted = lint(build(plan.profile, plan.authority, _contents(plan, serial)), plan.profile, plan.authority)
    return {
        "id": IntentId(random(16).hex()),
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
        subject=plan.subject,
        agreement=plan.agreement,
        partition=plan.partition,
    )
