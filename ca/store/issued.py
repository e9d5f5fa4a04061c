"""Statements about authorities, responders, intents, keys and issued certificates."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ca.store.tables import AUTHORITIES, BLOCKED_KEYS, CERTIFICATES, INTENTS, KEYS, PARTITIONS, RESPONDERS

Values = Mapping[str, Any]
Found = Any
"""A row by the names of its columns. Not called a `Row`: that is told to be a tuple, which compiled code believes."""


def insert_new(conn: Connection, table: Table, rows: Values | Sequence[Values]) -> int:
    """Insert rows, leaving out each that some key already holds; how many went in.

    On PostgreSQL a plain insert that hits a key would spoil the whole transaction of the caller.
    """
    listed = [rows] if isinstance(rows, Mapping) else rows
    columns = tuple(listed[0])
    # Written out, for SQLAlchemy would look at every value of every row on its way: half the time of a large insert.
    statement = _insert_new_text(table, columns, conn.dialect.name)
    values = [tuple([row[column] for column in columns]) for row in listed]
    # Without the option SQLAlchemy does not keep the count of an INSERT.
    return conn.exec_driver_sql(statement, values, execution_options={"preserve_rowcount": True}).rowcount


@lru_cache(maxsize=64)
def _insert_new_text(table: Table, columns: tuple[str, ...], dialect_name: str) -> str:
    dialect = postgresql.dialect(paramstyle="format") if dialect_name == "postgresql" else sqlite.dialect()  # type: ignore[no-untyped-call]
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(table.c[column].name) for column in columns)
    marks = ", ".join(["%s" if dialect_name == "postgresql" else "?"] * len(columns))
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608


# ---- authorities and responders


def insert_authority(conn: Connection, values: Values) -> bool:
    """False when this id is taken."""
    return insert_new(conn, AUTHORITIES, values) == 1


def authority(conn: Connection, identifier: str) -> Found | None:
    """One authority by id."""
    return conn.execute(select(AUTHORITIES).where(AUTHORITIES.c.id == identifier)).one_or_none()


def authorities(conn: Connection) -> Sequence[Found]:
    """All, by purpose and generation."""
    return conn.execute(select(AUTHORITIES).order_by(AUTHORITIES.c.purpose, AUTHORITIES.c.generation)).all()


def active_authority(conn: Connection, purpose: str) -> Found | None:
    """The youngest generation that takes orders."""
    statement = (
        select(AUTHORITIES)
        .where(AUTHORITIES.c.purpose == purpose, AUTHORITIES.c.state == "active")
        .order_by(AUTHORITIES.c.generation.desc())
        .limit(1)
    )
    return conn.execute(statement).one_or_none()


def last_generation(conn: Connection, purpose: str) -> int:
    """The highest generation number so far, 0 for none."""
    found = conn.execute(select(func.max(AUTHORITIES.c.generation)).where(AUTHORITIES.c.purpose == purpose)).scalar()
    return int(found or 0)


def certify_authority(conn: Connection, identifier: str, certificate: bytes, fingerprint: str, state: str) -> None:
    """Keep the root certificate of an authority that waited for it."""
    conn.execute(
        update(AUTHORITIES)
        .where(AUTHORITIES.c.id == identifier, AUTHORITIES.c.certificate.is_(None))
        .values(certificate=certificate, fingerprint=fingerprint, state=state)
    )


def set_authority_state(conn: Connection, identifier: str, before: str, after: str) -> bool:
    """By compare-and-set: False when it was not in `before`."""
    statement = (
        update(AUTHORITIES).where(AUTHORITIES.c.id == identifier, AUTHORITIES.c.state == before).values(state=after)
    )
    return conn.execute(statement).rowcount == 1


def insert_responder(conn: Connection, values: Values) -> bool:
    """False when this id is taken."""
    return insert_new(conn, RESPONDERS, values) == 1


def responder(conn: Connection, identifier: str) -> Found | None:
    """One responder by id."""
    return conn.execute(select(RESPONDERS).where(RESPONDERS.c.id == identifier)).one_or_none()


def responders(conn: Connection, authority_id: str) -> Sequence[Found]:
    """All of one authority, the youngest first."""
    statement = select(RESPONDERS).where(RESPONDERS.c.authority == authority_id).order_by(RESPONDERS.c.number.desc())
    return conn.execute(statement).all()


def certify_responder(conn: Connection, identifier: str, certificate: bytes, serial: str) -> None:
    """Keep the certificate of a responder that waited for it."""
    conn.execute(
        update(RESPONDERS)
        .where(RESPONDERS.c.id == identifier, RESPONDERS.c.certificate.is_(None))
        .values(certificate=certificate, serial=serial, state="active")
    )


# ---- keys


def keys(conn: Connection, key_hashes: Sequence[str]) -> dict[str, Any]:
    """Whose some keys are, by key hash."""
    return {row.key_hash: row for row in conn.execute(select(KEYS).where(KEYS.c.key_hash.in_(key_hashes))).all()}


def remember_keys(conn: Connection, rows: Sequence[Values]) -> None:
    """Note keys at their first use; a key that is known stays as it is. Rows are written in the order of their keys,
    so that two transactions wait for each other in one direction only."""
    insert_new(conn, KEYS, sorted(rows, key=lambda row: str(row["key_hash"])))


def blocked_reasons(conn: Connection, key_hashes: Sequence[str]) -> dict[str, str]:
    """Which of some keys are on the list of compromised keys, and why."""
    statement = select(BLOCKED_KEYS.c.key_hash, BLOCKED_KEYS.c.reason).where(BLOCKED_KEYS.c.key_hash.in_(key_hashes))
    return {row.key_hash: row.reason for row in conn.execute(statement).all()}


def block_key(conn: Connection, key_hash: str, reason: str, at: int) -> bool:
    """Put a key on the list; False when it was there."""
    return insert_new(conn, BLOCKED_KEYS, {"key_hash": key_hash, "reason": reason, "added_at": at}) == 1


# ---- intents and certificates


def intents_by_key(conn: Connection, idempotency_keys: Sequence[str]) -> dict[str, Any]:
    """Id and digest of the intents of some idempotency keys, by key."""
    statement = select(INTENTS.c.id, INTENTS.c.idempotency_key, INTENTS.c.order_digest).where(
        INTENTS.c.idempotency_key.in_(idempotency_keys)
    )
    return {row.idempotency_key: row for row in conn.execute(statement).all()}


def intent(conn: Connection, identifier: str, *, lock: bool = False) -> Found | None:
    """One intent; `lock` keeps other writers away from it until the transaction ends (PostgreSQL)."""
    statement = select(INTENTS).where(INTENTS.c.id == identifier)
    return conn.execute(statement.with_for_update() if lock else statement).one_or_none()


def insert_intents(conn: Connection, rows: Sequence[Values]) -> int:
    """Write intents; how many were new by every key (id, idempotency key, serial)."""
    return insert_new(conn, INTENTS, sorted(rows, key=lambda row: str(row["idempotency_key"])))


def pending_intents(conn: Connection, limit: int) -> Sequence[Found]:
    """The oldest intents that wait for a signature."""
    statement = (
        select(INTENTS).where(INTENTS.c.state == "intended").order_by(INTENTS.c.created_at, INTENTS.c.id).limit(limit)
    )
    return conn.execute(statement).all()


def root_request(conn: Connection, authority_id: str) -> bytes:
    """The certification request that an authority's root certificate was made from."""
    statement = select(INTENTS.c.request).where(INTENTS.c.idempotency_key == f"root:{authority_id}")
    return bytes(conn.execute(statement).scalar_one())


_SIGNING = [column for column in INTENTS.c if column.name not in ("request", "rules", "order_digest")]
"""What a signer needs of an intent."""


def intents(conn: Connection, identifiers: Sequence[str]) -> Sequence[Found]:
    """Several, by id, without their requests."""
    return conn.execute(select(*_SIGNING).where(INTENTS.c.id.in_(identifiers))).all()


def lock_intents(conn: Connection, identifiers: Sequence[str]) -> dict[str, str]:
    """The states of several, by id, locked in the order of their ids: two signers wait in one direction only."""
    statement = select(INTENTS.c.id, INTENTS.c.state).where(INTENTS.c.id.in_(identifiers)).order_by(INTENTS.c.id)
    return {row.id: row.state for row in conn.execute(statement.with_for_update()).all()}


def set_intents_state(conn: Connection, identifiers: Sequence[str], before: str, after: str) -> int:
    """By compare-and-set; how many were in `before`."""
    statement = update(INTENTS).where(INTENTS.c.id.in_(identifiers), INTENTS.c.state == before).values(state=after)
    return conn.execute(statement).rowcount


def insert_certificates(conn: Connection, rows: Sequence[Values]) -> int:
    """Write certificates; how many were new."""
    return insert_new(conn, CERTIFICATES, rows)


def certificates_of_intents(conn: Connection, intent_ids: Sequence[str]) -> dict[Any, bytes]:
    """What was issued for some intents, in DER, by intent."""
    columns = select(CERTIFICATES.c.intent_id, CERTIFICATES.c.der)
    return {
        row.intent_id: bytes(row.der) for row in conn.execute(columns.where(CERTIFICATES.c.intent_id.in_(intent_ids)))
    }


def partition_point(conn: Connection, issuer: str, partition: int) -> bytes | None:
    """The distribution point of a partition; None before its first use."""
    statement = select(PARTITIONS.c.point).where(PARTITIONS.c.issuer == issuer, PARTITIONS.c.partition == partition)
    found = conn.execute(statement).scalar()
    return None if found is None else bytes(found)


def remember_partition(conn: Connection, issuer: str, partition: int, point: bytes) -> bytes:
    """Note the distribution point of a partition at its first use; the point that stands."""
    insert_new(conn, PARTITIONS, {"issuer": issuer, "partition": partition, "point": point})
    statement = select(PARTITIONS.c.point).where(PARTITIONS.c.issuer == issuer, PARTITIONS.c.partition == partition)
    return bytes(conn.execute(statement).scalar_one())
