"""The tables of the log: what waits to be sequenced, the entries, the tiles, and each log's one current checkpoint."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from pki.instant import Instant

__all__ = ["Connection", "Database", "Head", "IntegrityError", "Staged"]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

STAGED = Table(
    "transparency_staged",
    METADATA,
    Column("log", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Index(None, "log", "at"),
)
ENTRIES = Table(
    "transparency_entries",
    METADATA,
    Column("log", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    UniqueConstraint("log", "id"),
)
TILES = Table(
    "transparency_tiles",
    METADATA,
    Column("log", Text, primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
)
CHECKPOINTS = Table(
    "transparency_checkpoints",
    METADATA,
    Column("log", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
    CheckConstraint("size >= 0", name="size"),
)

T = TypeVar("T")


class Database(Protocol):
    """Runs bodies in transactions: durable when `transaction` returns, rolled back whole when the body raises."""

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Run `body` and commit it."""
        ...

    def read(self, body: Callable[[Connection], T]) -> T:
        """Run `body` on one state of the database."""
        ...


@dataclass(frozen=True, slots=True)
class Staged:
    """An entry that is durable and has no number yet."""

    id: str
    at: Instant
    entry: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The current checkpoint of a log: `note` is the signed form of size and root."""

    size: int
    root: bytes
    at: Instant
    note: bytes


def stage(connection: Connection, log: str, staged: Staged) -> None:
    """Make an entry durable, in the caller's transaction. Its id must be new in this log."""
    connection.execute(insert(STAGED).values(log=log, id=staged.id, at=staged.at.seconds, entry=staged.entry))


def waiting(connection: Connection, log: str, limit: int) -> list[Staged]:
    """The entries that wait longest, at most `limit`."""
    rows = connection.execute(
        select(STAGED.c.id, STAGED.c.at, STAGED.c.entry)
        .where(STAGED.c.log == log)
        .order_by(STAGED.c.at, STAGED.c.id)
        .limit(limit)
    )
    return [Staged(row.id, Instant(row.at), row.entry) for row in rows]


def number(connection: Connection, log: str, first: int, entries: Iterable[Staged]) -> None:
    """Move staged entries into the log, from number `first` on."""
    rows = [
        {"log": log, "number": place, "id": staged.id, "at": staged.at.seconds, "entry": staged.entry}
        for place, staged in enumerate(entries, first)
    ]
    connection.execute(insert(ENTRIES), rows)
    gone = [row["id"] for row in rows]
    for start in range(0, len(gone), 500):
        connection.execute(delete(STAGED).where(STAGED.c.log == log, STAGED.c.id.in_(gone[start : start + 500])))


def number_of(connection: Connection, log: str, id_: str) -> int | None:
    """The number of an entry, None while it waits or if there is none."""
    found = connection.execute(select(ENTRIES.c.number).where(ENTRIES.c.log == log, ENTRIES.c.id == id_))
    return found.scalar_one_or_none()


def forget(connection: Connection, log: str, number_: int) -> None:
    """Give up the name of an entry: it stays what it is, and nobody can ask for it by its record any more."""
    where = (ENTRIES.c.log == log, ENTRIES.c.number == number_)
    connection.execute(update(ENTRIES).where(*where).values(id=f"forgotten:{number_}"))


def entries(connection: Connection, log: str, first: int, end: int) -> list[bytes]:
    """The entries numbered from `first` up to `end`, as far as there are any."""
    rows = connection.execute(
        select(ENTRIES.c.entry)
        .where(ENTRIES.c.log == log, ENTRIES.c.number >= first, ENTRIES.c.number < end)
        .order_by(ENTRIES.c.number)
    )
    return list(rows.scalars())


def tile(connection: Connection, log: str, level: int, number_: int) -> bytes | None:
    """The hashes of a tile as far as they exist: 32 octets each."""
    found = connection.execute(
        select(TILES.c.hashes).where(TILES.c.log == log, TILES.c.level == level, TILES.c.number == number_)
    )
    return found.scalar_one_or_none()


def put_tile(connection: Connection, log: str, level: int, number_: int, hashes: bytes) -> None:
    """Write a tile anew; it only ever grows."""
    where = (TILES.c.log == log, TILES.c.level == level, TILES.c.number == number_)
    if not connection.execute(update(TILES).where(*where).values(hashes=hashes)).rowcount:
        connection.execute(insert(TILES).values(log=log, level=level, number=number_, hashes=hashes))


def head(connection: Connection, log: str) -> Head | None:
    """The current checkpoint, None for a log that has not begun."""
    row = connection.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.log == log)).one_or_none()
    return None if row is None else Head(row.size, row.root, Instant(row.at), row.note)


def begin(connection: Connection, log: str, first: Head) -> None:
    """Store the first checkpoint of a log; a second beginning of the same log violates the key."""
    connection.execute(
        insert(CHECKPOINTS).values(log=log, size=first.size, root=first.root, at=first.at.seconds, note=first.note)
    )


def swap(connection: Connection, log: str, size: int, new: Head) -> bool:
    """Replace the checkpoint if it still has `size`; False if another sequencer came first."""
    done = connection.execute(
        update(CHECKPOINTS)
        .where(CHECKPOINTS.c.log == log, CHECKPOINTS.c.size == size)
        .values(size=new.size, root=new.root, at=new.at.seconds, note=new.note)
    )
    return bool(done.rowcount == 1)
