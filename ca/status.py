"""What is known of a serial now, straight from the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from sqlalchemy import Connection

from ca.directory import Database
from ca.journal_file import JournalFile, check_continues
from ca.status_errors import RestoredDatabase
from ca.store import status as store
from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Status, Unknown

NEVER_ISSUED = Unknown("never issued")


class StatusSource(Protocol):
    """Tells statuses as they are at the moment of asking: whatever was committed before the call is in the answer.

    Errors: StatusError or any other pki Error when it cannot be sure; then nothing may be said. May be called from
    several threads.
    """

    def statuses(self, authority: str, serials: Sequence[int]) -> list[Status]: ...


@dataclass
class Continuity:
    """Watches that the database never goes back: not behind the journal file, nor behind what was seen before."""

    position: int = 0
    digest: str = ""
    _lock: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def of(cls, file: JournalFile) -> "Continuity":
        """Beginning with what the journal file knows."""
        return cls(*file.head())

    def check(self, conn: Connection) -> bool:
        """See that `conn` continues what was seen; True when there is something new. Errors: RestoredDatabase."""
        position, digest = store.head(conn)
        with self._lock:
            if position == self.position and digest == self.digest:
                return False
            if position < self.position:
                raise RestoredDatabase(position, self.position)
            check_continues(conn, self.position, self.digest)
            self.position, self.digest = position, digest
        return True


class LiveStatus:
    """Asks the database each time."""

    def __init__(self, database: Database, continuity: Continuity) -> None:
        self._database = database
        self._continuity = continuity

    def statuses(self, authority: str, serials: Sequence[int]) -> list[Status]:
        """The status of each serial, in order."""
        return self._database.read(lambda conn: self._read(conn, authority, serials))

    def _read(self, conn: Connection, authority: str, serials: Sequence[int]) -> list[Status]:
        self._continuity.check(conn)
        return look_up(conn, authority, serials)


def look_up(conn: Connection, authority: str, serials: Sequence[int]) -> list[Status]:
    """The statuses as this transaction sees them. A serial that was only intended is unknown: nobody has it yet."""
    names = [f"{serial:040x}" if 0 < serial < 1 << 159 else "" for serial in serials]
    revoked = store.revocations_of(conn, authority, names)
    rest = [name for name in names if name and name not in revoked]
    issued = store.which_issued(conn, authority, rest) if rest else set()
    return [told(revoked[name]) if name in revoked else Good() if name in issued else NEVER_ISSUED for name in names]


def told(row: store.RevocationRow) -> Revoked:
    """A revocation row as a status."""
    invalidity = row.invalidity_date
    return Revoked(Instant(row.at), Reason(row.reason), None if invalidity is None else Instant(invalidity))
