"""SQL over revocations, the journal, CRL numbers and leases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ca.store.status_tables import JOURNAL, JOURNAL_HEAD, RECOVERED
from ca.store.tables import CERTIFICATES, INTENTS, REVOCATIONS


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """What status needs of a certificate; `issued` is False while it is only intended."""

    partition: int
    not_after: int
    issued: bool


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """A row of ca_revocations, in seconds and numbers."""

    at: int
    reason: int
    invalidity_date: int | None
    position: int


# ---- the journal


def lock_head(conn: Connection) -> tuple[int, str]:
    """The journal's head, locked until the transaction ends (SQLite: the transaction holds the only write lock)."""
    row = conn.execute(select(JOURNAL_HEAD.c.position, JOURNAL_HEAD.c.digest).with_for_update()).one()
    return row.position, row.digest


def head(conn: Connection) -> tuple[int, str]:
    """The journal's head as this transaction sees it."""
    row = conn.execute(select(JOURNAL_HEAD.c.position, JOURNAL_HEAD.c.digest)).one()
    return row.position, row.digest


def append(conn: Connection, rows: Sequence[Mapping[str, object]], position: int, digest: str) -> None:
    """Store entries and move the head to the last of them; the caller holds the head's lock."""
    if rows:
        conn.execute(insert(JOURNAL), [dict(row) for row in rows])
        set_head(conn, position, digest)


def set_head(conn: Connection, position: int, digest: str) -> None:
    """Move the head."""
    conn.execute(update(JOURNAL_HEAD).values(position=position, digest=digest))


def journal_after(conn: Connection, position: int, limit: int) -> Sequence[Any]:
    """Entries after `position` in order."""
    return conn.execute(
        select(JOURNAL).where(JOURNAL.c.position > position).order_by(JOURNAL.c.position).limit(limit)
    ).all()


def journal_digest(conn: Connection, position: int) -> str | None:
    """The digest of the entry at `position`; None when there is none."""
    return conn.execute(select(JOURNAL.c.digest).where(JOURNAL.c.position == position)).scalar()


def cut_journal(conn: Connection, position: int) -> None:
    """Drop the entries after `position`: only for a replay that puts them behind the file's."""
    conn.execute(delete(JOURNAL).where(JOURNAL.c.position > position))


# ---- certificates and revocations


def find_certificate(conn: Connection, issuer: str, serial: str) -> KnownCertificate | None:
    """What is known of a serial: issued, only intended, or None for never ordered."""
    for table, is_issued in ((CERTIFICATES, True), (RECOVERED, True), (INTENTS, False)):
        row = conn.execute(
            select(table.c.partition, table.c.not_after).where(table.c.issuer == issuer, table.c.serial == serial)
        ).first()
        if row is not None:
            return KnownCertificate(row.partition, row.not_after, is_issued)
    return None


def which_issued(conn: Connection, issuer: str, serials: Sequence[str]) -> set[str]:
    """Those of `serials` that were issued."""
    found: set[str] = set()
    for table in (CERTIFICATES, RECOVERED):
        left = [serial for serial in serials if serial not in found]
        if left:
            query = select(table.c.serial).where(table.c.issuer == issuer, table.c.serial.in_(left))
            found.update(conn.execute(query).scalars())
    return found


def all_issued(conn: Connection, limit: int) -> list[tuple[str, str]]:
    """(issuer, serial) of certificates that were issued, at most `limit` of them."""
    found: list[tuple[str, str]] = []
    for table in (CERTIFICATES, RECOVERED):
        query = select(table.c.issuer, table.c.serial).limit(limit - len(found))
        found += [(row[0], row[1]) for row in conn.execute(query).cursor.fetchall()]
    return found


def issued_fingerprints(conn: Connection) -> dict[tuple[str, str], str | None]:
    """(issuer, serial) → SHA-256 of every issued certificate; None where only the journal remembers it."""
    known: dict[tuple[str, str], str | None] = {
        (row[0], row[1]): None for row in conn.execute(select(RECOVERED.c.issuer, RECOVERED.c.serial))
    }
    query = select(CERTIFICATES.c.issuer, CERTIFICATES.c.serial, CERTIFICATES.c.fingerprint)
    known.update({(row[0], row[1]): row[2] for row in conn.execute(query)})
    return known


def issued_serials(conn: Connection, issuer: str, at: int) -> list[str]:
    """The serials of certificates of one issuer that were issued and have not ended at `at`."""
    found: list[str] = []
    for table in (CERTIFICATES, RECOVERED):
        query = select(table.c.serial).where(table.c.issuer == issuer, table.c.not_after >= at, table.c.issued_at <= at)
        found += [row[0] for row in conn.execute(query).cursor.fetchall()]
    return found


def revocations_by_serial(conn: Connection, issuer: str) -> dict[str, RevocationRow]:
    """Every present revocation of one issuer."""
    query = select(
        REVOCATIONS.c.serial,
        REVOCATIONS.c.at,
        REVOCATIONS.c.reason,
        REVOCATIONS.c.invalidity_date,
        REVOCATIONS.c.position,
    ).where(REVOCATIONS.c.issuer == issuer)
    return {row[0]: RevocationRow(*row[1:]) for row in conn.execute(query)}


def find_revocation(conn: Connection, issuer: str, serial: str, *, lock: bool = False) -> RevocationRow | None:
    """The present revocation or hold."""
    query = select(REVOCATIONS.c.at, REVOCATIONS.c.reason, REVOCATIONS.c.invalidity_date, REVOCATIONS.c.position).where(
        REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.serial == serial
    )
    row = conn.execute(query.with_for_update() if lock else query).first()
    return None if row is None else RevocationRow(*row)


def revocations_of(conn: Connection, issuer: str, serials: Sequence[str]) -> dict[str, RevocationRow]:
    """The present revocations among `serials`."""
    query = select(
        REVOCATIONS.c.serial,
        REVOCATIONS.c.at,
        REVOCATIONS.c.reason,
        REVOCATIONS.c.invalidity_date,
        REVOCATIONS.c.position,
    ).where(REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.serial.in_(serials))
    return {row.serial: RevocationRow(*row[1:]) for row in conn.execute(query)}


def all_revocations(conn: Connection) -> Sequence[Any]:
    """(issuer, serial, at, reason, invalidity_date, position) of every present revocation."""
    return conn.execute(
        select(
            REVOCATIONS.c.issuer,
            REVOCATIONS.c.serial,
            REVOCATIONS.c.at,
            REVOCATIONS.c.reason,
            REVOCATIONS.c.invalidity_date,
            REVOCATIONS.c.position,
        ).order_by(REVOCATIONS.c.issuer, REVOCATIONS.c.serial)
    ).all()


def newest_position_for(conn: Connection, issuer: str, partition: int | None, reasons: Sequence[int], upto: int) -> int:
    """The last journal position of a present revocation for one of `reasons`, dated `upto` or before; 0 for none."""
    query = select(func.max(REVOCATIONS.c.position)).where(
        REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.reason.in_(reasons), REVOCATIONS.c.at <= upto
    )
    if partition is not None:
        query = query.where(REVOCATIONS.c.partition == partition)
    return conn.execute(query).scalar() or 0


def put_revocation(conn: Connection, issuer: str, serial: str, fields: Mapping[str, object]) -> None:
    """Insert or replace the present revocation; the caller holds the head's lock."""
    changed = conn.execute(
        update(REVOCATIONS).where(REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.serial == serial).values(**fields)
    ).rowcount
    if not changed:
        conn.execute(insert(REVOCATIONS).values(issuer=issuer, serial=serial, **fields))


def drop_revocation(conn: Connection, issuer: str, serial: str) -> None:
    """Remove the present hold."""
    conn.execute(delete(REVOCATIONS).where(REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.serial == serial))


def put_recovered(conn: Connection, issuer: str, serial: str, partition: int, not_after: int, issued_at: int) -> None:
    """Remember a certificate that only the journal knows."""
    conn.execute(
        insert(RECOVERED).values(
            issuer=issuer, serial=serial, partition=partition, not_after=not_after, issued_at=issued_at
        )
    )
