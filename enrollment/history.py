"""A person's own history, as they may take it home: every look at them and every event of their ledger.

Each record comes whole, with the digest under which it stands in the owner's log: whoever holds it can prove that it
was logged, and see that nothing was left out between two of them (each names the hash of the one before).
"""

from dataclasses import dataclass

from enrollment import ledger, registry
from enrollment.canonical import Json, digest
from enrollment.person import PersonId
from enrollment.store import Connection
from transparency.entry import EntryKind


@dataclass(frozen=True, slots=True, repr=False)
class HistoryRecord:
    """One record of one person: `id` is its name in the log, `body` what its digest covers. As secret as the person."""

    kind: EntryKind
    id: str
    body: dict[str, Json]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the body in canonical form."""
        return bytes.fromhex(digest(self.body))

    def __repr__(self) -> str:
        return f"HistoryRecord({self.kind}, {self.id})"


def history(conn: Connection, person: PersonId) -> list[HistoryRecord]:
    """Accesses first, then the ledger, each from the oldest on."""
    looks = [HistoryRecord(EntryKind.ACCESS, str(body["record"]), body) for body in registry.bodies(conn, person)]
    events = [HistoryRecord(EntryKind.LEDGER, event.event, event.body()) for event in ledger.history(conn, person)]
    return looks + events
