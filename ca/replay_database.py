"""What the database says otherwise than the journal."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from ca import journal
from ca.journal import Entry
from ca.replay import Difference, Key, Replayed, crl_key, status_word
from ca.store import crls as crl_store
from ca.store import status as store
from pki.instant import Instant
from pki.revocation import Reason, Revoked


def compare_database(told: Replayed, conn: Connection) -> Iterator[Difference]:
    """What the database says otherwise than the journal."""
    yield from _compare_journal(told, conn)
    yield from _compare_revocations(told, conn)
    yield from _compare_issued(told, conn)
    yield from _compare_crl_rows(told, conn)


def _compare_journal(told: Replayed, conn: Connection) -> Iterator[Difference]:
    position, last = 0, len(told.entries)
    while batch := journal.entries_after(conn, position):
        for stored in batch:
            position = stored.position
            if position > last:
                detail = "recorded in the database, not in the file"
                yield Difference("journal.behind", f"entry {position}", detail)
            elif stored != told.entries[position - 1]:
                yield Difference("journal.differs", f"entry {position}", "the database has another entry here")
    for missing in range(position + 1, last + 1):
        yield Difference("journal.lost", f"entry {missing}", "in the file, not in the database")
    if store.head(conn)[0] != position:
        yield Difference("journal.head", "head", f"at {store.head(conn)[0]}, the last entry is {position}")


def _compare_revocations(told: Replayed, conn: Connection) -> Iterator[Difference]:
    rows: dict[Key, Revoked] = {}
    for row in store.all_revocations(conn):
        invalidity = None if row.invalidity_date is None else Instant(row.invalidity_date)
        rows[row.issuer, row.serial] = Revoked(Instant(row.at), Reason(row.reason), invalidity)
    for key in sorted(set(rows) | set(told.changes)):
        expected, found = told.status(key), rows.get(key)
        if expected != found:
            code = "status.undone" if found is None else "status.differs"
            yield Difference(
                code, _name(key), f"the journal says {status_word(expected)}, the database {status_word(found)}"
            )


def _compare_issued(told: Replayed, conn: Connection) -> Iterator[Difference]:
    rows = store.issued_fingerprints(conn)
    for key in sorted(set(rows) | set(told.issued)):
        event = told.issued.get(key)
        if event is None:
            yield Difference("issued.unrecorded", _name(key), "in the database, not in the journal")
        elif key not in rows:
            yield Difference("issued.lost", _name(key), "in the journal, not in the database")
        elif rows[key] not in (None, event.detail["fingerprint"]):
            yield Difference("issued.differs", _name(key), "the stored certificate is another one")


def _compare_crl_rows(told: Replayed, conn: Connection) -> Iterator[Difference]:
    known = {crl_key(entry.event): entry.event for entry in told.crls}
    for row in crl_store.all_crls(conn):
        event = known.get((row.issuer, row.partition, row.kind, row.number))
        where = f"CRL {row.issuer}/{row.partition} {row.kind} {row.number}"
        if event is None:
            yield Difference("crl.unrecorded", where, "in the database, not in the journal")
        elif event.detail["sha256"] != row.fingerprint:
            yield Difference("crl.row-differs", where, "the stored CRL is another one")
        elif crl_key(event) in told.dropped:
            yield Difference("crl.not-dropped", where, "the journal says that it is kept no longer")
    for (issuer, partition), number in _highest(told.crls).items():
        taken = crl_store.last_number(conn, issuer, partition, lock=False)
        if taken < number:
            where = f"CRL number {issuer}/{partition}"
            yield Difference("crl.number-back", where, f"the database is at {taken}, {number} was signed")


def _highest(crls: Iterable[Entry]) -> dict[tuple[str, str], int]:
    highest: dict[tuple[str, str], int] = {}
    for entry in crls:
        scope = (entry.event.issuer, str(entry.event.detail["partition"]))
        highest[scope] = max(highest.get(scope, 0), journal.number(entry.event.detail["number"]))
    return highest


def _name(key: Key) -> str:
    return f"{key[0]} {key[1]}"
