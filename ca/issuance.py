"""From an order to a certificate, in deeds that can be told apart after any crash.

    Registrar.intend   prove possession → reserve serial → build → lint → store the intent    the caller's transaction
    Signer.sign        lint the stored octets again → sign → compare → store the certificate  a transaction of its own

What a crash leaves behind: before the caller commits, nothing; after it, an intent that `sign` finishes, with the same
serial and the same octets; after the signature but before it is stored, the same intent (the lost signature was handed
to nobody); after that, the certificate. So one order never has two certificates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from ca import journal, orders
from ca.authority import Authority
from ca.directory import Database, Directory
from ca.errors import IdempotencyConflict, LintFailed, ProfileMismatch, SignatureMismatch, UnknownIntent, WrongState
from ca.intents import IntentId, Plan, Random, same_order, write_many
from ca.keys import KeyStore, SigningKey
from ca.lifecycle import IntentEvent, IntentState, advance_intent
from ca.lint import Linted, lint
from ca.orders import Assurance, Order, ServiceOrder
from ca.points import WHOLE, choose_partition, point_name
from ca.profiles import KeyShape, Kind, Profile, Profiles, Text, Variant
from ca.request import ProvenRequest, accept_shape, prove_possession
from ca.store import issued as store
from ca.template import assemble, authentication_common_name, signature_common_name
from ca.validity import Birthdays, Days, person_validity
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


Points = dict[tuple[str, int], bytes]
"""Distribution points that this transaction has already asked for, by authority and partition."""


class Registrar:
    """Takes orders. It needs no key: what it leaves is an intent that only the signing process can turn into more."""

    def __init__(
        self, profiles: Profiles, authorities: Directory, random: Random, variant: Variant | None = None
    ) -> None:
        self._profiles = profiles
        self._authorities = authorities
        self._random = random
        self._variant = variant

    def intend(self, conn: Connection, order: Order | ServiceOrder, at: Instant) -> IntentId:
        """Check the order and store what is to be signed, in the caller's transaction; the intent's id.

        The same idempotency key with the same order gives the same intent, however often and from wherever.
        Errors: RequestRefused (its leaves say why), IdempotencyConflict, LintFailed, NoActiveAuthority.
        """
        (identifier,) = self.intend_many(conn, [order], at)
        return identifier

    def intend_many(self, conn: Connection, wanted: Sequence[Order | ServiceOrder], at: Instant) -> list[IntentId]:
        """As `intend`, for several orders at once, with few statements; the intents' ids in the orders' order.

        All or nothing: the first order that is refused raises, and the caller rolls back.
        """
        came = [prove_possession(order.request, frozenset(KeyShape)) for order in wanted]
        digests = [orders.digest(order, proven.spki) for order, proven in zip(wanted, came, strict=True)]
        before = store.intents_by_key(conn, [order.idempotency_key for order in wanted])
        plans: dict[str, Plan] = {}
        authorities: dict[Purpose, Authority] = {}
        points: Points = {}
        for order, proven, digest in zip(wanted, came, digests, strict=True):
            key = order.idempotency_key
            if key in before:
                same_order(before[key], digest)
            elif key in plans and plans[key].order_digest != digest:
                raise IdempotencyConflict
            elif key not in plans:
                purpose = order.purpose if isinstance(order, Order) else Purpose.AUTHENTICATION
                if purpose not in authorities:
                    authorities[purpose] = self._authorities.active(conn, purpose, self._variant, at)
                plans[key] = self._plan(conn, order, authorities[purpose], proven, digest, at, points)
        made = dict(zip(plans, write_many(conn, list(plans.values()), at, self._random), strict=True)) if plans else {}
        return [
            IntentId(before[order.idempotency_key].id)
            if order.idempotency_key in before
            else made[order.idempotency_key]
            for order in wanted
        ]

    def _plan(
        self,
        conn: Connection,
        order: Order | ServiceOrder,
        authority: Authority,
        proven: ProvenRequest,
        digest: str,
        at: Instant,
        points: Points,
    ) -> Plan:
        if isinstance(order, Order):
            return self._person_plan(conn, order, authority, proven, digest, at, points)
        return self._service_plan(order, authority, proven, digest, at)

    def _person_plan(
        self,
        conn: Connection,
        order: Order,
        authority: Authority,
        proven: ProvenRequest,
        digest: str,
        at: Instant,
        points: Points,
    ) -> Plan:
        kind = Kind.SIGNATURE if order.purpose is Purpose.SIGNATURE else Kind.AUTHENTICATION
        profile = self._profiles[kind, authority.variant]
        if not isinstance(profile.lifetime, Birthdays):
            raise ProfileMismatch(profile.name, "its lifetime does not end on a birthday")
        if kind is Kind.SIGNATURE and (
            order.attributes is None or order.attributes.date_of_birth != order.date_of_birth
        ):
            raise ProfileMismatch(profile.name, "the person's attributes are missing, or of another date of birth")
        validity = person_validity(
            profile.lifetime,
            order.date_of_birth,
            at,
            renewed_in_window=order.renewed_in_window,
            card_not_after=order.card_not_after,
            not_past=order.not_past,
        )
        partition = choose_partition(authority.parameters, order.municipality, self._random)
        if (authority.id, partition) not in points:
            point = point_name(authority.parameters, authority.purpose, authority.id, partition, order.municipality)
            if partition != WHOLE:
                point = store.remember_partition(conn, authority.id, partition, point)
            points[authority.id, partition] = point
        return Plan(
            profile=profile,
            authority=authority,
            proven=accept_shape(proven, profile.keys),
            request=order.request,
            order_digest=digest,
            idempotency_key=order.idempotency_key,
            owner=order.owner,
            card_id=order.card_id,
            assurance=order.assurance,
            validity=validity,
            partition=partition,
            point=points[authority.id, partition],
            common_name=signature_common_name(at, self._random)
            if kind is Kind.SIGNATURE
            else authentication_common_name(order.municipality, self._random),
            municipality=order.municipality,
            attributes=order.attributes if kind is Kind.SIGNATURE else None,
        )

    def _service_plan(
        self, order: ServiceOrder, authority: Authority, proven: ProvenRequest, digest: str, at: Instant
    ) -> Plan:
        kind = Kind(order.kind.value)
        profile = self._profiles[kind, authority.variant]
        for text, name in ((order.common_name, Text.ORDERED_CN), (order.organization, Text.ORDERED_ORGANIZATION)):
            if not 0 < len(text) <= 64 or not text.isprintable() or text != text.strip():
                raise ProfileMismatch(profile.name, f"{name} has 1 to 64 printable characters")
        return Plan(
            profile=profile,
            authority=authority,
            proven=accept_shape(proven, profile.keys),
            request=order.request,
            order_digest=digest,
            idempotency_key=order.idempotency_key,
            owner=order.owner,
            card_id=order.card_id,
            assurance=Assurance.IN_PERSON,
            validity=days_validity(profile, authority, at, order.not_past),
            partition=WHOLE,
            point=point_name(authority.parameters, authority.purpose, authority.id, WHOLE, None),
            common_name=order.common_name,
            organization=order.organization,
        )


def days_validity(profile: Profile, authority: Authority, at: Instant, not_past: Instant | None) -> Validity:
    """From `at` for the days that the authority's parameters give the profile, never past `not_past`."""
    if not isinstance(profile.lifetime, Days):
        raise ProfileMismatch(profile.name, "its lifetime is not counted in days")
    end = at + timedelta(days=getattr(authority.parameters, profile.lifetime.parameter), seconds=-1)
    return Validity(at, end if not_past is None else max(at, min(end, not_past)))


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
        if signed:
            found = database.transaction(lambda conn: self._store(conn, signed, intent_ids, at))
        return [_issued(found[identifier]) for identifier in intent_ids]

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
        before = store.certificates_of_intents(conn, intent_ids)
        if len(rows) != len(set(intent_ids)):
            raise UnknownIntent
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

    def _signed(self, row: Row[Any], authority: Authority) -> bytes:
        # The stored octets are judged once more: this process trusts no other to have done so.
        linted = lint(bytes(row.tbs), self._profiles[Kind(row.profile), authority.variant], authority)
        return sign_linted(linted, authority, self._key(authority.key_label))

    def _key(self, label: str) -> SigningKey:
        if label not in self._opened:
            self._opened[label] = self._keys.open(label)
        return self._opened[label]

    def _store(
        self, conn: Connection, signed: dict[IntentId, bytes], wanted: list[IntentId], at: Instant
    ) -> "dict[IntentId, Loaded]":
        rows = {row.id: row for row in store.intents(conn, list(signed), lock=True)}
        fresh = {
            identifier: der for identifier, der in signed.items() if rows[identifier].state == IntentState.INTENDED
        }
        if fresh:
            store.insert_certificates(conn, [_row(rows[identifier], der, at) for identifier, der in fresh.items()])
            store.set_intents_state(conn, list(fresh), IntentState.INTENDED, IntentState.ISSUED)
            for identifier, der in fresh.items():
                _certify(conn, rows[identifier], der)
            journal.record(conn, [_event(rows[identifier], der, at) for identifier, der in fresh.items()])
        return self._load(conn, wanted)


Loaded = tuple[Row[Any], Authority, Row[Any] | None]


def sign_linted(linted: Linted, authority: Authority, key: SigningKey) -> bytes:
    """Sign what was linted and see that exactly that was signed; the certificate in DER.

    Errors: SignatureMismatch when the key is not the authority's, the signature does not verify (a fault in the
    computation would give the key away), or the octets inside the certificate are not the linted ones.
    """
    if linted.authority != authority.id or key.public_spki != authority.spki:
        raise SignatureMismatch(authority.id)
    signature = key.sign(linted.tbs)
    encoded = assemble(linted.tbs, authority.algorithm.identifier, signature)
    certificate = Certificate(encoded)
    if certificate.tbs != linted.tbs or not verify_raw(
        load_public_key(authority.spki), authority.algorithm, certificate.signature, linted.tbs
    ):
        raise SignatureMismatch(authority.id)
    return encoded


def certificate_of(conn: Connection, intent_id: IntentId) -> IssuedCertificate | None:
    """What was issued for an intent; None while it waits, or was withdrawn. Errors: UnknownIntent."""
    row = store.intent(conn, intent_id)
    if row is None:
        raise UnknownIntent
    before = store.certificates_of_intents(conn, [intent_id]).get(intent_id)
    return None if before is None else _issued((row, Directory().get(conn, row.issuer), before))


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


def _row(intent: Row[Any], der: bytes, at: Instant) -> dict[str, Any]:
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
        "fingerprint": Certificate(der).fingerprint.hex(),
        "der": der,
    }


def _certify(conn: Connection, intent: Row[Any], der: bytes) -> None:
    """A root and a responder's certificate also complete the row that waits for them."""
    if intent.profile == Kind.ROOT:
        fingerprint = Certificate(der).fingerprint.hex()
        store.certify_authority(conn, intent.issuer, der, fingerprint, "active")
    elif intent.profile == Kind.RESPONDER:
        store.certify_responder(conn, intent.owner, der, intent.serial)


def _event(intent: Row[Any], der: bytes, at: Instant) -> journal.Event:
    fingerprint = Certificate(der).fingerprint.hex()
    return journal.issued(at, intent.issuer, intent.serial, Instant(intent.not_after), intent.partition, fingerprint)


def _issued(loaded: Loaded) -> IssuedCertificate:
    intent, authority, row = loaded
    if row is None:
        raise WrongState("the intent", intent.state, IntentEvent.STORE.value)
    der = bytes(row.der)
    issuer = authority.certificate.fingerprint if authority.certificate is not None else Certificate(der).fingerprint
    return IssuedCertificate(
        der,
        SerialNumber(int(row.serial, 16)),
        authority.purpose,
        Kind(row.profile),
        Validity(Instant(row.not_before), Instant(row.not_after)),
        authority.id,
        issuer,
        IntentId(intent.id),
    )
