"""The journal outside the database: one line an entry, only ever appended to, on disk before anybody is answered.

Every host may keep its own: the order of entries is the database's, so all copies are equal, octet for octet, up to
where each ends. A line cut short by a crash was never answered for: it is cut off and written again.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy import Connection

from ca import journal
from ca.directory import Database
from ca.journal import Entry
from ca.status_errors import JournalBroken, RestoredDatabase
from ca.store import status as store

T = TypeVar("T")
_TAIL = 1 << 16
_BATCH = 1000


class JournalFile:
    """An append-only, hash-chained file. Several processes of a host may append: each under a lock on the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def head(self) -> tuple[int, str]:
        """Position and digest of the last whole line; (0, sixty-four zeros) when there is none.

        Errors: JournalBroken if the last line is not an entry.
        """
        with self._locked() as file:
            return _head(file)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Every entry in order, the whole chain checked from the first. Errors: JournalBroken at the first fault."""
        if not self.path.exists():
            return
        position, digest = 0, journal.START
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                position += 1
                try:
                    entry = Entry.parse(line[:-1].decode("ascii"))
                except (ValueError, KeyError, TypeError) as error:
                    raise JournalBroken(position, "not an entry") from error
                if entry.position != position:
                    raise JournalBroken(position, f"entry {entry.position} in its place")
                if journal.chain(digest, position, entry.event).digest != entry.digest:
                    raise JournalBroken(position, "the digest does not follow from the entry before")
                digest = entry.digest
                if position > after:
                    yield entry

    def settle(self, database: Database, recorded: Sequence[Entry] = ()) -> int:
        """Append what the database has recorded since the last line, and put it on disk; gives the position.

        To be called after a commit and before its answer; `recorded` are the entries of that commit: where they follow
        the last line, they need not be read back. Errors: RestoredDatabase when the database does not continue the
        file; JournalBroken.
        """
        with self._locked() as file:
            position, digest = _head(file)
            if recorded and _follows(recorded[0], position, digest):
                _append(file, recorded)
                return recorded[-1].position
            while True:
                entries = database.read(lambda conn: _continuation(conn, position, digest))  # noqa: B023
                if entries:
                    _append(file, entries)
                    position, digest = entries[-1].position, entries[-1].digest
                if len(entries) < _BATCH:
                    return position

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o640)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if new:
                _sync_folder(self.path.parent)
            yield file


class JournaledDatabase:
    """A database whose transactions return only when what they recorded is in the journal file as well."""

    def __init__(self, database: Database, file: JournalFile) -> None:
        self._database = database
        self._file = file

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Like the inner one; settles the journal when `body` recorded something."""
        recorded: list[Entry] = []

        def watched(conn: Connection) -> T:
            recorded.clear()
            conn.info[journal.RECORDED] = recorded
            try:
                return body(conn)
            finally:
                del conn.info[journal.RECORDED]

        result = self._database.transaction(watched)
        if recorded:
            self._file.settle(self._database, recorded)
        return result

    def read(self, body: Callable[[Connection], T]) -> T:
        """The inner one's."""
        return self._database.read(body)


def _follows(entry: Entry, position: int, digest: str) -> bool:
    """Whether the database that made `entry` had the entry (`position`, `digest`) before it: the chain says so."""
    return entry.position == position + 1 and journal.chain(digest, entry.position, entry.event) == entry


def _append(file: BinaryIO, entries: Sequence[Entry]) -> None:
    file.seek(0, os.SEEK_END)
    file.write(b"".join([entry.line().encode("ascii") + b"\n" for entry in entries]))
    file.flush()
    os.fsync(file.fileno())


def _continuation(conn: Connection, position: int, digest: str) -> list[Entry]:
    check_continues(conn, position, digest)
    return journal.entries_after(conn, position, _BATCH)


def check_continues(conn: Connection, position: int, digest: str) -> None:
    """See that this database has the entry (`position`, `digest`). Errors: RestoredDatabase."""
    if position and store.journal_digest(conn, position) != digest:
        raise RestoredDatabase(store.head(conn)[0], position)


def _head(file: BinaryIO) -> tuple[int, str]:
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read()
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        # The end of a line is the last octet written: without it the entry was never answered for.
        file.truncate(start + whole)
    if not whole:
        return 0, journal.START
    line = tail[tail.rfind(b"\n", 0, whole - 1) + 1 : whole - 1]
    try:
        entry = Entry.parse(line.decode("ascii"))
    except (ValueError, KeyError, TypeError) as error:
        raise JournalBroken(0, "the last line is not an entry") from error
    return entry.position, entry.digest


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
