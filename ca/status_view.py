"""All statuses in memory, never older than the database: a look at the journal's head goes before each batch.

In memory   every revocation and hold, and the serials known to be issued (24 octets of them all are worth more than a
            look-up each); `complete` while all issued serials fit
refresh     head unchanged → nothing to do; else the journal's new entries are applied, in order
unsure      the head went back or is another's → RestoredDatabase; the database is away → its error; nothing is told
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from ca import journal
from ca.directory import Database
from ca.journal import Entry, Kind
from ca.journal_file import check_continues
from ca.status import NEVER_ISSUED, Continuity
from ca.status_errors import RestoredDatabase
from ca.store import status as store
from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Status

_GOOD = Good()
Key = tuple[str, int]
"""Authority id and serial."""


class StatusView:
    """A status source over memory. `refresh` first, then any number of `statuses`; from one thread at a time."""

    def __init__(
        self,
        database: Database,
        continuity: Continuity,
        head: Callable[[], tuple[int, str]] | None = None,
        most_known: int = 2_000_000,
    ) -> None:
        """`head` gives the journal's head more cheaply than a transaction of `database` does."""
        self._database = database
        self._continuity = continuity
        self._look = head or (lambda: database.read(store.head))
        self._most_known = most_known
        self._revoked: dict[Key, Revoked] = {}
        self._changed: dict[Key, int] = {}
        self._issued: set[Key] = set()
        self._position = -1
        self._digest = ""
        self.complete = False
        self.on_change: list[Callable[[str, int], None]] = []
        """Called with authority and serial for every change that a refresh finds."""

    @property
    def position(self) -> int:
        """The journal position that the memory is at."""
        return self._position

    def refresh(self) -> bool:
        """Catch up with what is committed now; True if anything was new.

        Errors: RestoredDatabase, JournalBroken, or the database's own: then nothing may be told.
        """
        position, digest = self._look()
        if position == self._position and digest == self._digest:
            return False
        if self._position < 0:
            self._database.read(self._load)
        elif position < self._position:
            raise RestoredDatabase(position, self._position)
        else:
            self._catch_up()
        return True

    def changed_after(self, authority: str, serial: int, position: int) -> bool:
        """Whether the status of a certificate changed after a journal position."""
        return self._changed.get((authority, serial), 0) > position

    def statuses(self, authority: str, serials: Sequence[int]) -> list[Status]:
        """The status of each serial, in order, as of the last refresh."""
        return [self._status(authority, serial) for serial in serials]

    def _status(self, authority: str, serial: int) -> Status:
        key = (authority, serial)
        revoked = self._revoked.get(key)
        if revoked is not None:
            return revoked
        if key in self._issued:
            return _GOOD
        if self.complete or not 0 < serial < 1 << 159:
            return NEVER_ISSUED
        # Issued is for ever: what the database has seen issued once needs no second look.
        if not self._database.read(lambda conn: store.which_issued(conn, authority, [f"{serial:040x}"])):
            return NEVER_ISSUED
        if len(self._issued) < self._most_known:
            self._issued.add(key)
        return _GOOD

    def _load(self, conn: Connection) -> None:
        self._continuity.check(conn)
        position, digest = store.head(conn)
        revoked: dict[Key, Revoked] = {}
        for row in store.all_revocations(conn):
            key = (row.issuer, int(row.serial, 16))
            invalidity = None if row.invalidity_date is None else Instant(row.invalidity_date)
            revoked[key] = Revoked(Instant(row.at), Reason(row.reason), invalidity)
            self._changed[key] = row.position
        self._revoked = revoked
        listed = store.all_issued(conn, self._most_known + 1)
        self.complete = len(listed) <= self._most_known
        self._issued = {(row[0], int(row[1], 16)) for row in listed[: self._most_known]}
        self._position, self._digest = position, digest

    def _catch_up(self) -> None:
        while entries := self._database.read(self._next):
            for entry in entries:
                self._apply(entry)

    def _next(self, conn: Connection) -> list[Entry]:
        check_continues(conn, self._position, self._digest)
        return journal.entries_after(conn, self._position)

    def _apply(self, entry: Entry) -> None:
        event = entry.event
        if event.kind in (Kind.REVOKED, Kind.HELD, Kind.RELEASED, Kind.ISSUED):
            key = (event.issuer, int(event.serial, 16))
            if event.kind is Kind.ISSUED:
                if len(self._issued) < self._most_known:
                    self._issued.add(key)
                else:
                    self.complete = False
            elif event.kind is Kind.RELEASED:
                self._revoked.pop(key, None)
            else:
                self._revoked[key] = journal.revoked_of(event)
            if event.kind is not Kind.ISSUED:
                self._changed[key] = entry.position
            for listener in self.on_change:
                listener(*key)
        self._position, self._digest = entry.position, entry.digest
