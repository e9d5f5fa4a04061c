"""What was issued, for people who look through it: search by page, export, report.

A listing shows no attribute of a person: owner is an opaque id, the rest are numbers and dates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from ca.directory import Database
from ca.lifecycle import CertificateState
from ca.profiles import Kind
from ca.store import inventory as store
from pki.errors import InvalidValue
from pki.instant import Instant, Validity
from pki.revocation import Reason, Revoked
from pki.serial import SerialNumber

MOST_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; None asks nothing. Instants are included in their spans."""

    authority: str | None = None
    serial: SerialNumber | None = None
    kind: Kind | None = None
    owner: str | None = None
    card_id: str | None = None
    fingerprint: str | None = None
    issued_from: Instant | None = None
    issued_until: Instant | None = None
    expires_from: Instant | None = None
    expires_until: Instant | None = None
    state: CertificateState | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended; the next one begins behind it."""

    issued_at: Instant
    authority: str
    serial: SerialNumber

    def __str__(self) -> str:
        return f"{self.issued_at.seconds}:{self.authority}:{self.serial.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what `str` wrote. Errors: InvalidValue."""
        try:
            issued, authority, serial = text.split(":")
            return cls(Instant(int(issued)), authority, SerialNumber(int(serial, 16)))
        except ValueError as error:
            raise InvalidValue("a page begins behind a cursor that an earlier page gave") from error


@dataclass(frozen=True, slots=True)
class Listed:
    """One certificate of a listing; `der` only where it was asked for."""

    authority: str
    serial: SerialNumber
    kind: Kind
    assurance: str
    owner: str
    card_id: str
    partition: int
    validity: Validity
    issued_at: Instant
    fingerprint: str
    state: CertificateState
    revoked: Revoked | None
    der: bytes | None

    @property
    def cursor(self) -> Cursor:
        """Its place in the order of listings."""
        return Cursor(self.issued_at, self.authority, self.serial)


@dataclass(frozen=True, slots=True)
class Count:
    """How many certificates of one authority and kind are in one state."""

    authority: str
    kind: Kind
    state: CertificateState
    number: int


@dataclass(frozen=True, slots=True)
class AuthorityEnd:
    """Until when an authority and its youngest responder certificate are good."""

    authority: str
    state: str
    variant: str
    until: Instant
    responder_until: Instant | None


@dataclass(frozen=True, slots=True)
class Report:
    """The state of an installation's issuing side at one instant."""

    at: Instant
    counts: tuple[Count, ...]
    authorities: tuple[AuthorityEnd, ...]
    issued_last_day: int
    expiring_30_days: int
    expiring_90_days: int
    waiting: int
    waiting_since: Instant | None
    blocked_keys: int


def search(
    database: Database, query: Query, at: Instant, *, after: Cursor | None = None, limit: int = 50, der: bool = False
) -> list[Listed]:
    """One page, oldest first, behind `after`. Errors: InvalidValue for a limit outside of 1 to 1000 (a page for people
    is one shorter: one line more tells whether another page follows)."""
    if not 1 <= limit <= MOST_A_PAGE:
        raise InvalidValue(f"a page has 1 to {MOST_A_PAGE - 1} lines")
    place = None if after is None else (after.issued_at.seconds, after.authority, after.serial.hex)

    def body(conn: Connection) -> list[Listed]:
        rows = store.page(conn, _conditions(query, at), at.seconds, place, limit, der=der)
        return [
            Listed(
                row.issuer,
                SerialNumber(int(row.serial, 16)),
                Kind(row.profile),
                row.assurance,
                row.owner,
                row.card_id,
                row.partition,
                Validity(Instant(row.not_before), Instant(row.not_after)),
                Instant(row.issued_at),
                row.fingerprint,
                CertificateState(row.state),
                _revoked(row.revoked_at, row.reason, row.invalidity_date),
                bytes(row.der) if der else None,
            )
            for row in rows
        ]

    return database.read(body)


def export(database: Database, query: Query, at: Instant, *, der: bool = False, page: int = 500) -> Iterator[Listed]:
    """Everything that a query finds, page by page: memory stays small, and no transaction stays open for long."""
    after: Cursor | None = None
    while found := search(database, query, at, after=after, limit=page, der=der):
        yield from found
        after = found[-1].cursor


def report(database: Database, at: Instant) -> Report:
    """Counts and ends, all of one state of the database."""

    def body(conn: Connection) -> Report:
        number, oldest = store.waiting(conn)
        return Report(
            at,
            tuple(
                Count(issuer, Kind(profile), CertificateState(state), count)
                for issuer, profile, state, count in store.counts(conn, at.seconds)
            ),
            tuple(
                AuthorityEnd(
                    row.id,
                    row.state,
                    row.variant,
                    Instant(row.not_after),
                    None if row.responder_until is None else Instant(row.responder_until),
                )
                for row in store.authority_ends(conn)
            ),
            store.issued_since(conn, (at + timedelta(days=-1)).seconds),
            store.expiring(conn, at.seconds, (at + timedelta(days=30)).seconds),
            store.expiring(conn, at.seconds, (at + timedelta(days=90)).seconds),
            number,
            None if oldest is None else Instant(oldest),
            store.blocked(conn),
        )

    return database.read(body)


def _conditions(query: Query, at: Instant) -> store.Conditions:
    return store.conditions(
        issuer=query.authority,
        serial=None if query.serial is None else query.serial.hex,
        profile=None if query.kind is None else query.kind.value,
        owner=query.owner,
        card_id=query.card_id,
        fingerprint=query.fingerprint,
        issued_from=_seconds(query.issued_from),
        issued_until=_seconds(query.issued_until),
        expires_from=_seconds(query.expires_from),
        expires_until=_seconds(query.expires_until),
        state=None if query.state is None else query.state.value,
        at=at.seconds,
    )


def _seconds(at: Instant | None) -> int | None:
    return None if at is None else at.seconds


def _revoked(at: int | None, reason: int | None, invalidity_date: int | None) -> Revoked | None:
    if at is None or reason is None:
        return None
    return Revoked(Instant(at), Reason(reason), None if invalidity_date is None else Instant(invalidity_date))
