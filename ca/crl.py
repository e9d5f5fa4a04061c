"""Making CRLs: which certificates are listed, under which number, from which state of the database (RFC 5280 5).

    1  take the next number by compare-and-set                           (one short transaction)
    2  read the entries and the journal's position in one snapshot, sign (no lock held)
    3  store, if the number is still the last one taken                  (one short transaction)

A crash in between leaves a gap in the numbers, which RFC 5280 5.2.3 allows; never two CRLs of one number. Two
instances at once: the later number wins and the other one is thrown away, so contents never go back either.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from ca import journal
from ca.crl_encoding import CrlFields, Scope, encode_crl, encode_entry
from ca.directory import Database
from ca.keys import SigningKey
from ca.status_errors import CrlNumberTaken, NoBaseCrl
from ca.store import crls as store
from ca.store import status as status_store
from pki.instant import Instant
from pki.revocation import Reason


class CrlKind(StrEnum):
    """A complete CRL of its scope, or what changed since one."""

    FULL = "full"
    DELTA = "delta"


@dataclass(frozen=True, slots=True)
class CrlPolicy:
    """How often CRLs are made and how long they hold."""

    full_every: timedelta = timedelta(days=1)
    full_validity: timedelta = timedelta(days=2)
    """Twice the interval: one missed run leaves nobody without a CRL."""
    delta_every: timedelta = timedelta(hours=1)
    delta_validity: timedelta = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class CrlIssuer:
    """The authority that signs: its id in the database, its name and key identifier, and its key."""

    authority: str
    subject: bytes
    key_identifier: bytes
    key: SigningKey


@dataclass(frozen=True, slots=True)
class SignedCrl:
    """A CRL that is signed and stored."""

    row: store.CrlRow
    der: bytes


@dataclass(frozen=True, slots=True)
class _Snapshot:
    entries: bytearray
    position: int
    base: store.CrlRow | None


def make_crl(
    database: Database,
    issuer: CrlIssuer,
    scope: Scope,
    at: Instant,
    policy: CrlPolicy,
    kind: CrlKind = CrlKind.FULL,
    freshest_uris: tuple[str, ...] = (),
) -> SignedCrl:
    """Sign and store the next CRL of `scope`. It tells the state of the database at some moment not before the call.

    Errors: CrlNumberTaken (Retryable) when another instance made a later one meanwhile; NoBaseCrl for a delta before
    the first published full CRL.
    """
    number = database.transaction(lambda conn: _take(conn, issuer.authority, scope))
    snapshot = database.read(lambda conn: _snapshot(conn, issuer.authority, scope, at, kind))
    validity = policy.full_validity if kind is CrlKind.FULL else policy.delta_validity
    fields = CrlFields(
        issuer=issuer.subject,
        authority_key_identifier=issuer.key_identifier,
        number=number,
        this_update=at,
        next_update=at + validity,
        scope=scope,
        base_number=None if snapshot.base is None else snapshot.base.number,
        freshest_uris=freshest_uris,
    )
    der = b"".join(encode_crl(fields, snapshot.entries, issuer.key))
    row = store.CrlRow(
        issuer=issuer.authority,
        partition=scope.name,
        kind=kind.value,
        number=number,
        this_update=at.seconds,
        next_update=fields.next_update.seconds,
        base=fields.base_number,
        position=snapshot.position,
        fingerprint=hashlib.sha256(der).hexdigest(),
        published=None,
    )
    database.transaction(lambda conn: _keep(conn, row, der, at))
    return SignedCrl(row, der)


def _take(conn: Connection, authority: str, scope: Scope) -> int:
    number = store.take_number(conn, authority, scope.name)
    if number is None:
        raise CrlNumberTaken(authority, scope.name)
    return number


def _snapshot(conn: Connection, authority: str, scope: Scope, at: Instant, kind: CrlKind) -> _Snapshot:
    position, _ = status_store.head(conn)
    later = store.first_dated_after(conn, authority, at.seconds)
    if later is not None:
        # Committed after `at`, or by a host whose clock is ahead: not in a CRL that says it is of `at`.
        position = min(position, later - 1)
    if kind is CrlKind.FULL:
        # RFC 5280 5: an entry stays until it was on a CRL issued after the certificate's end.
        before = store.newest(conn, authority, scope.name, CrlKind.FULL)
        ended, known = (0, 0) if before is None else (before.this_update, before.position)
        return _Snapshot(
            store.encoded_entries(conn, authority, scope.partition, at.seconds, ended, known), position, None
        )
    base = store.newest(conn, authority, scope.name, CrlKind.FULL, published_only=True)
    if base is None:
        raise NoBaseCrl(authority, scope.name)
    rows = store.changed_entries(conn, authority, scope.partition, at.seconds, base.position)
    changed = {row.serial: bytes(row.entry_der) for row in rows}
    for row in store.released_serials(conn, authority, scope.partition, base.position):
        # Also when the base did not list it: the verifier may have built its list from an older delta (5.2.4).
        changed[row.serial] = encode_entry(int(row.serial, 16), Instant(row.at), Reason.REMOVE_FROM_CRL)
    entries = bytearray().join(changed[serial] for serial in sorted(changed))
    return _Snapshot(entries, position, base)


def _keep(conn: Connection, row: store.CrlRow, der: bytes, at: Instant) -> None:
    if store.last_number(conn, row.issuer, row.partition) != row.number:
        raise CrlNumberTaken(row.issuer, row.partition)
    store.put_crl(conn, row, der)
    journal.record(conn, [crl_event(row, at)])


def crl_event(row: store.CrlRow, at: Instant) -> journal.Event:
    """The journal's note of a signed CRL: enough to recompute what it must list."""
    return journal.Event(
        at,
        journal.Kind.CRL,
        row.issuer,
        "",
        {
            "partition": row.partition,
            "kind": row.kind,
            "number": row.number,
            "base": row.base,
            "this_update": row.this_update,
            "next_update": row.next_update,
            "covers": row.position,
            "sha256": row.fingerprint,
        },
    )


def crl_dropped(row: store.CrlRow, at: Instant) -> journal.Event:
    """The journal's note that a CRL, long ended, is kept no longer."""
    detail: dict[str, int | str | None] = {"partition": row.partition, "kind": row.kind, "number": row.number}
    return journal.Event(at, journal.Kind.CRL_DROPPED, row.issuer, "", detail)
