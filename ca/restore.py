"""Replaying the journal file into a database that was restored from a backup: no revocation is ever undone.

    common        the last entry that file and database share
    file only     what the backup does not know: applied again, in order
    database only what was recorded after the restore, before anybody noticed: put behind the file's entries

Afterwards the database continues the file, and status is served again. Certificates that the backup does not know are
kept as `recovered`: they were issued, so they are good or revoked, never unknown.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from ca import journal
from ca.directory import Database
from ca.journal import Entry, Event, Kind
from ca.journal_file import JournalFile
from ca.revocation import apply_revocation
from ca.store import crls as crl_store
from ca.store import status as store
from pki.revocation import Reason


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: the shared position, entries applied from the file, entries of the database put behind."""

    common: int
    applied: int
    moved: int


def restore(database: Database, file: JournalFile) -> Replayed:
    """Bring a restored database up to the journal file, in one transaction; does nothing when it already continues it.

    Errors: JournalBroken when the file's chain does not hold: nothing is changed then.
    """
    entries = list(file.entries())

    def body(conn: Connection) -> Replayed:
        store.lock_head(conn)
        common = _common(conn, entries)
        missing = entries[common:]
        if not missing:
            return Replayed(common, 0, 0)
        late = _all_after(conn, common)
        store.cut_journal(conn, common)
        _append(conn, missing)
        for entry in missing:
            _APPLY[entry.event.kind](conn, entry.event, entry.position)
        moved = _behind(conn, [entry.event for entry in late])
        return Replayed(common, len(missing), moved)

    replayed = database.transaction(body)
    file.settle(database)
    return replayed


def _common(conn: Connection, entries: list[Entry]) -> int:
    """The longest shared prefix: digests are chained, so one look decides all before it."""
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high + 1) // 2
        if store.journal_digest(conn, middle) == entries[middle - 1].digest:
            low = middle
        else:
            high = middle - 1
    return low


def _all_after(conn: Connection, position: int) -> list[Entry]:
    found: list[Entry] = []
    while batch := journal.entries_after(conn, position):
        found += batch
        position = batch[-1].position
    return found


def _append(conn: Connection, entries: list[Entry]) -> None:
    store.append(conn, [entry.row() for entry in entries], entries[-1].position, entries[-1].digest)


def _behind(conn: Connection, events: Iterable[Event]) -> int:
    moved = 0
    for event in events:
        # Recorded on the restored database: a revocation stands; a release counts only if nothing stronger does.
        row = store.find_revocation(conn, event.issuer, event.serial)
        position = journal.record(conn, [event])
        if event.kind in (Kind.REVOKED, Kind.HELD) and (row is None or row.reason == Reason.CERTIFICATE_HOLD):
            apply_revocation(conn, event, position)
        moved += 1
    return moved


def _issued(conn: Connection, event: Event, _position: int) -> None:
    known = store.find_certificate(conn, event.issuer, event.serial)
    if known is None or not known.issued:
        partition, not_after = event.detail["partition"], event.detail["not_after"]
        assert isinstance(partition, int)
        assert isinstance(not_after, int)
        store.put_recovered(conn, event.issuer, event.serial, partition, not_after, event.at.seconds)


def _released(conn: Connection, event: Event, _position: int) -> None:
    store.drop_revocation(conn, event.issuer, event.serial)


def _crl(conn: Connection, event: Event, _position: int) -> None:
    # The CRL itself lies on the shelf; what must not go back is its number.
    number, partition = event.detail["number"], event.detail["partition"]
    assert isinstance(number, int)
    assert isinstance(partition, str)
    crl_store.raise_number(conn, event.issuer, partition, number)


def _crl_dropped(conn: Connection, event: Event, _position: int) -> None:
    detail = event.detail
    crl_store.drop_crl(
        conn, event.issuer, str(detail["partition"]), str(detail["kind"]), journal.number(detail["number"])
    )


def _nothing(_conn: Connection, _event: Event, _position: int) -> None:
    """Not about the tables of this package."""


_APPLY: dict[Kind, Callable[[Connection, Event, int], None]] = {
    Kind.ISSUED: _issued,
    Kind.REVOKED: apply_revocation,
    Kind.HELD: apply_revocation,
    Kind.RELEASED: _released,
    Kind.CRL: _crl,
    Kind.CRL_DROPPED: _crl_dropped,
    Kind.LEDGER: _nothing,
}
