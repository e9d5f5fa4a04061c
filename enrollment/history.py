"""A person's own history, as they may take it home: every look at them and every event of their ledger.

Each record comes whole, with the proof that it stands in its owner's log: whoever holds it can prove that it was
logged, and see that nothing was left out between two of them (each names the hash of the one before). A file of it:

    {"logs":    [{"name", "key", "checkpoint"}]
     "records": [{"log", "kind", "number", "proof": [hash], "record": {…}}]}       hashes in hex

Of a record that was kept long enough and destroyed, {"digest"} and its place stand instead of "record".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enrollment import ledger, registry
from enrollment.canonical import Json, digest
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import people as rows
from transparency import proofs
from transparency.entry import EntryKind
from transparency.errors import NotFound


@dataclass(frozen=True, slots=True, repr=False)
class HistoryRecord:
    """One record of one person, in the log of `owner`: `id` is its name there, `body` what its digest covers, None once
    it was destroyed; then `number` is its number in the log. As secret as the person."""

    kind: EntryKind
    owner: str
    id: str
    digest: bytes
    previous: str
    body: dict[str, Json] | None
    number: int | None = None

    def __repr__(self) -> str:
        return f"HistoryRecord({self.kind}, {self.id})"


def history(conn: Connection, person: PersonId) -> list[HistoryRecord]:
    """Accesses first, then the ledger, each from the oldest on."""
    looks = [
        _destroyed(row) if row["result"] == registry.DESTROYED else _look(row, body)
        for row, body in zip(rows.access_rows(conn, person), registry.bodies(conn, person), strict=True)
    ]
    events = [
        HistoryRecord(
            EntryKind.LEDGER, event.owner, event.event, bytes.fromhex(event.hash), event.previous, event.body()
        )
        for event in ledger.history(conn, person)
    ]
    return looks + events


def _look(row: dict[str, object], body: dict[str, Json]) -> HistoryRecord:
    hashed = bytes.fromhex(digest(body))
    return HistoryRecord(EntryKind.ACCESS, str(row["provider"]), str(row["record"]), hashed, str(row["previous"]), body)


def _destroyed(row: dict[str, object]) -> HistoryRecord:
    name, number = str(row["record"]), int(str(row["record"]).rpartition(":")[2])
    hashed = bytes.fromhex(str(row["hash"]))
    return HistoryRecord(EntryKind.ACCESS, str(row["provider"]), name, hashed, str(row["previous"]), None, number)


def export(
    conn: Connection, records: Sequence[HistoryRecord], key_of: Callable[[str], str]
) -> tuple[dict[str, Json], int]:
    """The document above, and how many records are not in it yet because they wait for a number (seconds, usually).

    `key_of(owner)` gives the verifier key of the owner's log. One state of the database must be read throughout: the
    proofs of one log all lead to one checkpoint.
    """
    logs: dict[str, dict[str, Json]] = {}
    told: list[Json] = []
    waiting = 0
    for record in records:
        try:
            proof = _proof(conn, record)
        except NotFound:
            waiting += 1
            continue
        logs.setdefault(
            record.owner,
            {"name": record.owner, "key": key_of(record.owner), "checkpoint": proof.checkpoint.decode()},
        )
        shown: dict[str, Json] = {
            "log": record.owner,
            "kind": record.kind.value,
            "number": proof.number,
            "proof": [one.hex() for one in proof.path],
        }
        if record.body is None:
            shown |= {"digest": record.digest.hex(), "previous": record.previous}
        else:
            shown["record"] = record.body
        told.append(shown)
    return {"logs": list(logs.values()), "records": told}, waiting


def _proof(conn: Connection, record: HistoryRecord) -> proofs.Proof:
    if record.number is not None:
        return proofs.prove_number(conn, record.owner, record.number)
    return proofs.prove(conn, record.owner, record.id)
