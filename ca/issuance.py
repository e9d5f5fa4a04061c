"""From an order to a certificate, in deeds that can be told apart after any crash.

    Registrar.intend   prove possession → reserve serial → build → lint → store the intent    the caller's transaction
    Signer.sign        lint the stored octets again → sign → compare → store the certificate  a transaction of its own

What a crash leaves behind: before the caller commits, nothing; after it, an intent that `sign` finishes, with the same
serial and the same octets; after the signature but before it is stored, the same intent (the lost signature was handed
to nobody); after that, the certificate. So one order never has two certificates.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from ca import journal
from ca.authority import Authority
from ca.directory import Database, Directory
from ca.errors import IdempotencyConflict, LintFailed, SignatureMismatch, UnknownIntent, WrongState
from ca.intents import IntentId, Plan, Random, Values, draft_row, same_order, write_many
from ca.keys import KeyStore, SigningKey
from ca.lifecycle import IntentEvent, IntentState, advance_intent
from ca.lint import Linted, lint
from ca.orders import Order, ServiceOrder
from ca.planning import Asked, Planner, prove
from ca.points import WHOLE
from ca.profiles import Kind, Profiles, Variant
from ca.store import issued as store
from ca.template import assemble
from pki import der
from pki.algorithms import load_public_key, verify_raw
from pki.certificate import Certificate
from pki.instant import Instant, Validity
from pki.purpose import Purpose
from pki.serial import SerialNumber


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that was signed and stored. `purpose` and `authority` are its issuer's."""

    der: bytes
    serial: SerialNumber
    purpose: Purpose
    kind: Kind
    validity: Validity
    authority: str
    issuer_fingerprint: bytes
    intent_id: IntentId


@dataclass(frozen=True, slots=True)
class Draft:
    """What an order becomes: the intent that is there already, or a plan and the row that writes it down, its serial
    drawn, its octets built and linted."""

    asked: Asked
    before: IntentId | None
    plan: Plan | None
    row: Values | None


class Registrar:
    """Takes orders. It needs no key: what it leaves is an intent that only the signing process can turn into more."""

    def __init__(
        self, profiles: Profiles, authorities: Directory, random: Random, variant: Variant | None = None
    ) -> None:
        self._planner = Planner(profiles, random)
        self._authorities = authorities
        self._random = random
        self._variant = variant

    def intend(self, conn: Connection, order: Order | ServiceOrder, at: Instant) -> IntentId:
        """Check the order and store what is to be signed, in the caller's transaction; the intent's id.

        The same idempotency key with the same order gives the same intent, however often and from wherever.
        Errors: RequestRefused (its leaves say why), IdempotencyConflict, LintFailed, NoActiveAuthority.
        """
        (identifier,) = self._write(conn, self.draft(conn, [prove(order)], at), at)
        return identifier

    def draft(self, conn: Connection, asked: Sequence[Asked], at: Instant) -> list[Draft]:
        """What several orders become; nothing is written, so this may run where no writer is held up.

        Errors: as `intend`, for the first order that is refused.
        """
        before = store.intents_by_key(conn, [one.order.idempotency_key for one in asked])
        authorities: dict[Purpose, Authority] = {}
        points: dict[tuple[str, int], bytes] = {}

        def point_of(authority: Authority, partition: int, would_be: Callable[[], bytes]) -> bytes:
            if (authority.id, partition) not in points:
                stands = None if partition == WHOLE else store.partition_point(conn, authority.id, partition)
                points[authority.id, partition] = would_be() if stands is None else stands
            return points[authority.id, partition]

        drafts: dict[str, Draft] = {}
        for one in asked:
            key = one.order.idempotency_key
            if key in drafts:
                if drafts[key].asked.digest != one.digest:
                    raise IdempotencyConflict
            elif key in before:
                drafts[key] = Draft(one, same_order(before[key], one.digest), None, None)
            else:
                if one.purpose not in authorities:
                    authorities[one.purpose] = self._authorities.active(conn, one.purpose, self._variant, at)
                plan = self._planner.plan(one, authorities[one.purpose], at, point_of)
                drafts[key] = Draft(one, None, plan, draft_row(plan, at, self._random))
        return [drafts[one.order.idempotency_key] for one in asked]

    def take(self, conn: Connection, drafts: Sequence[Draft], at: Instant) -> list[IntentId]:
        """Store what was drafted outside of this transaction; the intents' ids in the drafts' order.

        Where another authority takes the orders by now, all is drafted anew; one that came from elsewhere meanwhile
        is found when its row is written. All or nothing: the first order that is refused raises, and the caller rolls
        back. Errors: as `intend`.
        """
        active = {
            purpose: self._authorities.active(conn, purpose, self._variant, at)
            for purpose in {draft.asked.purpose for draft in drafts}
        }
        if any(draft.plan is not None and draft.plan.authority is not active[draft.asked.purpose] for draft in drafts):
            drafts = self.draft(conn, [draft.asked for draft in drafts], at)
        return self._write(conn, drafts, at)

    def _write(self, conn: Connection, drafts: Sequence[Draft], at: Instant) -> list[IntentId]:
        rows = {
            draft.asked.order.idempotency_key: (draft.plan, draft.row)
            for draft in drafts
            if draft.plan is not None and draft.row is not None
        }
        points = _remember_points(conn, [plan for plan, _ in rows.values()])
        for key, (plan, _) in rows.items():
            stands = points.get((plan.authority.id, plan.partition), plan.point)
            if stands != plan.point:
                moved = replace(plan, point=stands)
                rows[key] = moved, draft_row(moved, at, self._random)
        made: dict[str, IntentId] = {}
        if rows:
            plans = [plan for plan, _ in rows.values()]
            drawn = {key: row for key, (_, row) in rows.items()}
            made = dict(zip(rows, write_many(conn, plans, at, self._random, drawn), strict=True))
        return [made[draft.asked.order.idempotency_key] if draft.before is None else draft.before for draft in drafts]


def _remember_points(conn: Connection, plans: Sequence[Plan]) -> dict[tuple[str, int], bytes]:
    """The points that stand for the plans' partitions from now on; written in one order by all transactions."""
    wanted = {(plan.authority.id, plan.partition): plan.point for plan in plans if plan.partition != WHOLE}
    return {
        (authority, partition): store.remember_partition(conn, authority, partition, point)
        for (authority, partition), point in sorted(wanted.items())
    }


class Signer:
    """Signs stored intents, and has no other door. Keys are opened when first needed and kept."""

    def __init__(self, keys: KeyStore, profiles: Profiles, authorities: Directory | None = None) -> None:
        self._keys = keys
        self._profiles = profiles
        self._authorities = authorities or Directory()
        self._opened: dict[str, SigningKey] = {}

    def sign(self, database: Database, intent_id: IntentId, at: Instant) -> IssuedCertificate:
        """The certificate of an intent: signed now, or found where it was signed before.

        Errors: UnknownIntent, WrongState for a withdrawn intent, LintFailed, SignatureMismatch, KeyStoreError.
        """
        (issued,) = self.sign_many(database, [intent_id], at)
        return issued

    def sign_many(self, database: Database, intent_ids: list[IntentId], at: Instant) -> list[IssuedCertificate]:
        """The certificates of several intents, in their order, stored in one commit. Errors: as `sign`, for all."""
        found = database.read(lambda conn: self._load(conn, intent_ids))
        signed = {
            identifier: self._signed(row, authority)
            for identifier, (row, authority, before) in found.items()
            if before is None
        }
        stored = {} if not signed else database.transaction(lambda conn: self._store(conn, found, signed, at))
        return [
            _issued(*found[identifier][:2], stored.get(identifier) or found[identifier][2]) for identifier in intent_ids
        ]

    def sign_pending(self, database: Database, at: Instant, limit: int = 100) -> int:
        """Sign what waits, the oldest first, at most `limit`; how many were signed.

        One that cannot be signed does not hold up the others: it is tried alone, and its error raised at the end.
        """
        waiting = [IntentId(row.id) for row in database.read(lambda conn: store.pending_intents(conn, limit))]
        if not waiting:
            return 0
        try:
            return len(self.sign_many(database, waiting, at))
        except (WrongState, SignatureMismatch, LintFailed):
            return self._sign_each(database, waiting, at)

    def _sign_each(self, database: Database, waiting: list[IntentId], at: Instant) -> int:
        failure: Exception | None = None
        count = 0
        for identifier in waiting:
            try:
                self.sign(database, identifier, at)
                count += 1
            except WrongState:
                continue  # withdrawn meanwhile
            except (SignatureMismatch, LintFailed) as error:
                failure = error
        if failure is not None:
            raise failure
        return count

    def _load(self, conn: Connection, intent_ids: list[IntentId]) -> "dict[IntentId, Loaded]":
        rows = {row.id: row for row in store.intents(conn, intent_ids)}
        if len(rows) != len(set(intent_ids)):
            raise UnknownIntent
        # State and certificate are written in one transaction: one that waits has none, and is not looked up.
        done = [identifier for identifier, row in rows.items() if row.state != IntentState.INTENDED]
        before = store.certificates_of_intents(conn, done) if done else {}
        issuers = {
            issuer: self._authorities.get(conn, issuer) for issuer in sorted({row.issuer for row in rows.values()})
        }
        for identifier, row in rows.items():
            if identifier not in before:
                advance_intent(IntentState(row.state), IntentEvent.STORE)
        return {
            identifier: (rows[identifier], issuers[rows[identifier].issuer], before.get(identifier))
            for identifier in intent_ids
        }

    def _signed(self, row: store.Found, authority: Authority) -> bytes:
        # The stored octets are judged once more: this process trusts no other to have done so.
        linted = lint(bytes(row.tbs), self._profiles[Kind(row.profile), authority.variant], authority)
        return sign_linted(linted, authority, self._key(authority.key_label))

    def _key(self, label: str) -> SigningKey:
        if label not in self._opened:
            self._opened[label] = self._keys.open(label)
        return self._opened[label]

    def _store(
        self, conn: Connection, found: "dict[IntentId, Loaded]", signed: dict[IntentId, bytes], at: Instant
    ) -> dict[IntentId, bytes]:
        """The certificates that stand: those just signed, or what another signer stored a moment before."""
        states = store.lock_intents(conn, list(signed))
        fresh = {one: encoded for one, encoded in signed.items() if states[one] == IntentState.INTENDED}
        if fresh:
            rows = [_row(found[identifier][0], encoded, at) for identifier, encoded in fresh.items()]
            store.insert_certificates(conn, rows)
            store.set_intents_state(conn, list(fresh), IntentState.INTENDED, IntentState.ISSUED)
            for row in rows:
                _certify(conn, row)
            journal.record(conn, [_event(row, at) for row in rows])
        late = [identifier for identifier in signed if identifier not in fresh]
        if not late:
            return fresh
        others = store.certificates_of_intents(conn, late)
        for identifier in late:
            if identifier not in others:
                raise WrongState("the intent", states[identifier], IntentEvent.STORE.value)
        return fresh | others


Loaded = tuple[store.Found, Authority, bytes | None]
"""An intent, its issuer, and its certificate if there is one."""


def sign_linted(linted: Linted, authority: Authority, key: SigningKey) -> bytes:
    """Sign what was linted and see that exactly that was signed; the certificate in DER.

    Errors: SignatureMismatch when the key is not the authority's, the signature does not verify (a fault in the
    computation would give the key away), or the octets inside the certificate are not the linted ones.
    """
    if linted.authority != authority.id or key.public_spki != authority.spki:
        raise SignatureMismatch(authority.id)
    signature = key.sign(linted.tbs)
    encoded = assemble(linted.tbs, authority.algorithm.identifier, signature)
    parts = der.read_whole(encoded).children()
    if (
        [part.raw for part in parts[:2]] != [linted.tbs, authority.algorithm.identifier]
        or len(parts) != 3
        or not verify_raw(_loaded_key(authority.spki), authority.algorithm, parts[2].bits(), linted.tbs)
    ):
        raise SignatureMismatch(authority.id)
    return encoded


_loaded_key = lru_cache(maxsize=64)(load_public_key)
"""The authorities' public keys; each checks every signature made under it."""


def certificate_of(conn: Connection, intent_id: IntentId) -> IssuedCertificate | None:
    """What was issued for an intent; None while it waits, or was withdrawn. Errors: UnknownIntent."""
    row = store.intent(conn, intent_id)
    if row is None:
        raise UnknownIntent
    before = store.certificates_of_intents(conn, [intent_id]).get(intent_id)
    return None if before is None else _issued(row, Directory().get(conn, row.issuer), before)


def withdraw(conn: Connection, intent_id: IntentId) -> bool:
    """Give an intent up before it is signed; False when it is too late and the certificate must be revoked instead.

    Errors: UnknownIntent.
    """
    row = store.intent(conn, intent_id, lock=True)
    if row is None:
        raise UnknownIntent
    if row.state == IntentState.WITHDRAWN:
        return True
    if row.state != IntentState.INTENDED:
        return False
    after = advance_intent(IntentState(row.state), IntentEvent.WITHDRAW)
    return store.set_intents_state(conn, [intent_id], row.state, after) == 1


def _row(intent: store.Found, encoded: bytes, at: Instant) -> dict[str, Any]:
    return {
        "issuer": intent.issuer,
        "serial": intent.serial,
        "intent_id": intent.id,
        "profile": intent.profile,
        "assurance": intent.assurance,
        "owner": intent.owner,
        "card_id": intent.card_id,
        "key_hash": intent.key_hash,
        "partition": intent.partition,
        "not_before": intent.not_before,
        "not_after": intent.not_after,
        "issued_at": at.seconds,
        "fingerprint": hashlib.sha256(encoded).hexdigest(),
        "der": encoded,
    }


def _certify(conn: Connection, row: Mapping[str, Any]) -> None:
    """A root and a responder's certificate also complete the row that waits for them."""
    if row["profile"] == Kind.ROOT:
        store.certify_authority(conn, row["issuer"], row["der"], row["fingerprint"], "active")
    elif row["profile"] == Kind.RESPONDER:
        store.certify_responder(conn, row["owner"], row["der"], row["serial"])


def _event(row: Mapping[str, Any], at: Instant) -> journal.Event:
    end = Instant(row["not_after"])
    return journal.issued(at, row["issuer"], row["serial"], end, row["partition"], row["fingerprint"])


def _issued(intent: store.Found, authority: Authority, encoded: bytes | None) -> IssuedCertificate:
    if encoded is None:
        raise WrongState("the intent", intent.state, IntentEvent.STORE.value)
    issuer = authority.certificate if authority.certificate is not None else Certificate(encoded)
    return IssuedCertificate(
        encoded,
        SerialNumber(int(intent.serial, 16)),
        authority.purpose,
        Kind(intent.profile),
        Validity(Instant(intent.not_before), Instant(intent.not_after)),
        authority.id,
        issuer.fingerprint,
        IntentId(intent.id),
    )
