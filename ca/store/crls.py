"""SQL over CRLs: their numbers, their contents, and the signed ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ca.store.status_tables import CRL_HEADS, JOURNAL, RECOVERED
from ca.store.tables import CERTIFICATES, CRLS, PARTITIONS, REVOCATIONS

FETCHED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class CrlRow:
    """A signed CRL in the database."""

    issuer: str
    partition: str
    kind: str
    number: int
    this_update: int
    next_update: int
    base: int | None
    position: int
    fingerprint: str
    published: int | None


_COLUMNS = (
    CRLS.c.issuer,
    CRLS.c.partition,
    CRLS.c.kind,
    CRLS.c.number,
    CRLS.c.this_update,
    CRLS.c.next_update,
    CRLS.c.base,
    CRLS.c.position,
    CRLS.c.fingerprint,
    CRLS.c.published,
)


def take_number(conn: Connection, issuer: str, partition: str) -> int | None:
    """Take the next CRL number by compare-and-set; None when another instance came first."""
    where = and_(CRL_HEADS.c.issuer == issuer, CRL_HEADS.c.partition == partition)
    seen = conn.execute(select(CRL_HEADS.c.number).where(where)).scalar()
    if seen is None:
        dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
        first = dialect.insert(CRL_HEADS).values(issuer=issuer, partition=partition, number=1).on_conflict_do_nothing()
        took = conn.execute(first.execution_options(preserve_rowcount=True))
        return 1 if took.rowcount == 1 else None
    moved = conn.execute(update(CRL_HEADS).where(where, CRL_HEADS.c.number == seen).values(number=seen + 1))
    return int(seen) + 1 if moved.rowcount == 1 else None


def raise_number(conn: Connection, issuer: str, partition: str, number: int) -> None:
    """Never take a number up to this one again."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    first = dialect.insert(CRL_HEADS).values(issuer=issuer, partition=partition, number=number)
    conn.execute(first.on_conflict_do_nothing())
    where = (CRL_HEADS.c.issuer == issuer, CRL_HEADS.c.partition == partition, CRL_HEADS.c.number < number)
    conn.execute(update(CRL_HEADS).where(*where).values(number=number))


def last_number(conn: Connection, issuer: str, partition: str, *, lock: bool = True) -> int:
    """The last number taken, with `lock` kept until the transaction ends; 0 when none was."""
    query = select(CRL_HEADS.c.number).where(CRL_HEADS.c.issuer == issuer, CRL_HEADS.c.partition == partition)
    return conn.execute(query.with_for_update() if lock else query).scalar() or 0


def encoded_entries(
    conn: Connection, issuer: str, partition: int | None, at: int, ended_before: int, known_upto: int
) -> bytearray:
    """The encoded entries of a full CRL by serial, none dated after `at`.

    Left out: certificates that ended before `ended_before` and were revoked at or before position `known_upto`.
    """
    listed = or_(REVOCATIONS.c.not_after >= ended_before, REVOCATIONS.c.position > known_upto)
    query = (
        select(REVOCATIONS.c.serial, REVOCATIONS.c.entry_der)
        .where(REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.at <= at, listed)
        .order_by(REVOCATIONS.c.serial)
        .limit(FETCHED_AT_ONCE)
    )
    if partition is not None:
        query = query.where(REVOCATIONS.c.partition == partition)
    entries = bytearray()
    last = ""
    while True:
        # Page by page within one snapshot; the driver's own rows, since SQLAlchemy's would cost as much as the scan.
        rows = conn.execute(query.where(REVOCATIONS.c.serial > last)).cursor.fetchall()
        entries += b"".join([row[1] for row in rows])
        if len(rows) < FETCHED_AT_ONCE:
            break
        last = rows[-1][0]
    return entries


def first_dated_after(conn: Connection, issuer: str, at: int) -> int | None:
    """The lowest journal position of a present revocation that is dated after `at`."""
    query = select(func.min(REVOCATIONS.c.position)).where(REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.at > at)
    return conn.execute(query).scalar()


def changed_entries(conn: Connection, issuer: str, partition: int | None, at: int, after: int) -> Sequence[Any]:
    """(serial, entry_der) of present revocations that came or changed after a journal position, none after `at`."""
    query = select(REVOCATIONS.c.serial, REVOCATIONS.c.entry_der).where(
        REVOCATIONS.c.issuer == issuer, REVOCATIONS.c.position > after, REVOCATIONS.c.at <= at
    )
    if partition is not None:
        query = query.where(REVOCATIONS.c.partition == partition)
    return conn.execute(query).all()


def released_serials(conn: Connection, issuer: str, partition: int | None, after: int) -> Sequence[Any]:
    """(serial, at) of holds released after a journal position, the last release of each, that are good now."""
    revoked = exists().where(REVOCATIONS.c.issuer == JOURNAL.c.issuer, REVOCATIONS.c.serial == JOURNAL.c.serial)
    query = (
        select(JOURNAL.c.serial, JOURNAL.c.at)
        .where(JOURNAL.c.issuer == issuer, JOURNAL.c.kind == "released", JOURNAL.c.position > after, ~revoked)
        .order_by(JOURNAL.c.position)
    )
    rows = conn.execute(query).all()
    if partition is None or not rows:
        return rows
    serials = [row.serial for row in rows]
    inside: set[str] = set()
    for table in (CERTIFICATES, RECOVERED):
        mine = select(table.c.serial).where(
            table.c.issuer == issuer, table.c.partition == partition, table.c.serial.in_(serials)
        )
        inside.update(conn.execute(mine).scalars())
    return [row for row in rows if row.serial in inside]


def last_this_update(conn: Connection, issuer: str, partition: str) -> int | None:
    """The latest thisUpdate of any CRL of that issuer and partition, published or not."""
    query = select(func.max(CRLS.c.this_update)).where(CRLS.c.issuer == issuer, CRLS.c.partition == partition)
    return conn.execute(query).scalar()


def put_crl(conn: Connection, row: CrlRow, der: bytes) -> None:
    """Store a signed CRL."""
    conn.execute(
        insert(CRLS).values(
            issuer=row.issuer,
            partition=row.partition,
            kind=row.kind,
            number=row.number,
            this_update=row.this_update,
            next_update=row.next_update,
            base=row.base,
            position=row.position,
            fingerprint=row.fingerprint,
            der=der,
            published=row.published,
        )
    )


def newest(conn: Connection, issuer: str, partition: str, kind: str, *, published_only: bool = False) -> CrlRow | None:
    """The CRL with the highest number of that issuer, partition and kind."""
    query = select(*_COLUMNS).where(CRLS.c.issuer == issuer, CRLS.c.partition == partition, CRLS.c.kind == kind)
    if published_only:
        query = query.where(CRLS.c.published.is_not(None))
    row = conn.execute(query.order_by(CRLS.c.number.desc()).limit(1)).first()
    return None if row is None else CrlRow(**row._mapping)


def all_crls(conn: Connection) -> list[CrlRow]:
    """Every CRL that was signed, without its octets."""
    query = select(*_COLUMNS).order_by(CRLS.c.issuer, CRLS.c.partition, CRLS.c.number, CRLS.c.kind)
    return [CrlRow(**row._mapping) for row in conn.execute(query)]


def unpublished(conn: Connection, issuer: str, partition: str, kind: str) -> list[CrlRow]:
    """Those that were signed and never reached the shelf, by number."""
    query = select(*_COLUMNS).where(
        CRLS.c.issuer == issuer, CRLS.c.partition == partition, CRLS.c.kind == kind, CRLS.c.published.is_(None)
    )
    return [CrlRow(**row._mapping) for row in conn.execute(query.order_by(CRLS.c.number))]


def ended_before(conn: Connection, at: int, limit: int) -> list[CrlRow]:
    """CRLs whose nextUpdate was before `at`, but for the newest of each scope and kind and the bases of deltas."""
    newer, later = CRLS.alias(), CRLS.alias()
    overtaken = exists().where(
        newer.c.issuer == CRLS.c.issuer,
        newer.c.partition == CRLS.c.partition,
        newer.c.kind == CRLS.c.kind,
        newer.c.published.is_not(None),
        newer.c.number > CRLS.c.number,
    )
    based_on = exists().where(
        later.c.issuer == CRLS.c.issuer, later.c.partition == CRLS.c.partition, later.c.base == CRLS.c.number
    )
    query = select(*_COLUMNS).where(CRLS.c.next_update < at, overtaken, or_(CRLS.c.kind == "delta", ~based_on))
    query = query.order_by(CRLS.c.next_update, CRLS.c.issuer, CRLS.c.partition, CRLS.c.number).limit(limit)
    return [CrlRow(**row._mapping) for row in conn.execute(query)]


def drop_crl(conn: Connection, issuer: str, partition: str, kind: str, number: int) -> bool:
    """Forget one; False when it was forgotten already."""
    gone = conn.execute(
        delete(CRLS).where(
            CRLS.c.issuer == issuer, CRLS.c.partition == partition, CRLS.c.kind == kind, CRLS.c.number == number
        )
    )
    return gone.rowcount == 1


def crl_octets(conn: Connection, row: CrlRow) -> bytes:
    """The CRL itself."""
    query = select(CRLS.c.der).where(
        CRLS.c.issuer == row.issuer,
        CRLS.c.partition == row.partition,
        CRLS.c.kind == row.kind,
        CRLS.c.number == row.number,
    )
    return bytes(conn.execute(query).scalar_one())


def mark_published(conn: Connection, row: CrlRow, at: int) -> None:
    """Remember that it was handed to the store."""
    conn.execute(
        update(CRLS)
        .where(
            CRLS.c.issuer == row.issuer,
            CRLS.c.partition == row.partition,
            CRLS.c.kind == row.kind,
            CRLS.c.number == row.number,
        )
        .values(published=at)
    )


def partitions(conn: Connection, issuer: str) -> list[tuple[int, bytes]]:
    """(partition, DistributionPointName in DER) of every partition that some certificate names."""
    query = select(PARTITIONS.c.partition, PARTITIONS.c.point).where(PARTITIONS.c.issuer == issuer)
    return [(row.partition, bytes(row.point)) for row in conn.execute(query.order_by(PARTITIONS.c.partition))]


def listed_by(conn: Connection, row: CrlRow, serial: str | None = None) -> set[str]:
    """The serials (or whether the one asked for is among them) that a full CRL surely lists.

    Expired ones may be missing there: they leave after one more CRL, so they are left out here at once.
    """
    query = select(REVOCATIONS.c.serial).where(
        REVOCATIONS.c.issuer == row.issuer,
        REVOCATIONS.c.position <= row.position,
        REVOCATIONS.c.at <= row.this_update,
        REVOCATIONS.c.not_after >= row.this_update,
    )
    if serial is not None:
        query = query.where(REVOCATIONS.c.serial == serial)
    return set(conn.execute(query).scalars())


def newest_published(conn: Connection) -> list[CrlRow]:
    """The published CRL with the highest number of each issuer, partition and kind."""
    newer = CRLS.alias()
    overtaken = exists().where(
        newer.c.issuer == CRLS.c.issuer,
        newer.c.partition == CRLS.c.partition,
        newer.c.kind == CRLS.c.kind,
        newer.c.published.is_not(None),
        newer.c.number > CRLS.c.number,
    )
    query = select(*_COLUMNS).where(CRLS.c.published.is_not(None), ~overtaken)
    query = query.order_by(CRLS.c.issuer, CRLS.c.partition, CRLS.c.kind)
    return [CrlRow(**row._mapping) for row in conn.execute(query)]


def count_unpublished(conn: Connection) -> int:
    """How many CRLs were signed and never reached the shelf."""
    return conn.execute(select(func.count()).where(CRLS.c.published.is_(None))).scalar_one()
