"""A drill with a snapshot: it is restored into an empty database, and what it took and what would be lost is measured.

recovery time     from the copy's octets to a database that is whole and in use
recovery point    the age of the copy; `changes_lost`: events, people and flags here that are not in it
"""

import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.database import Database
from enrollment import snapshot
from enrollment.store import Connection, care, people
from enrollment.store import ledger as ledger_rows

if TYPE_CHECKING:
    from pki.instant import Clock

RECORD = "drills.jsonl"


def carry_out(here: Database, octets: bytes, key: bytes, public: bytes, clock: "Clock") -> dict[str, Any]:
    """Restore, twice, and compare with what is here now. Errors: SnapshotDamaged; those of the database."""
    at = clock.now()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        loaded = snapshot.load(octets, key, public)
        empty = Database(f"sqlite:///{place}/drill.db")
        try:
            empty.migrate()
            done = empty.transaction(lambda conn: snapshot.restore(conn, loaded, at, secrets.token_bytes))
            ready = time.perf_counter()
            again = empty.transaction(lambda conn: snapshot.restore(conn, loaded, at, secrets.token_bytes))
            restored = empty.read(lambda conn: _counted(conn, loaded.owner))
        finally:
            empty.close()
    now = here.read(lambda conn: _counted(conn, loaded.owner))
    whole = (done.people, done.events) == (len(loaded.people), sum(len(chain) for chain in loaded.events.values()))
    return {
        "ok": whole and (again.people, again.events, again.flags) == (0, 0, 0),
        "at": at.iso(),
        "owner": loaded.owner,
        "people": done.people,
        "events": done.events,
        "octets": len(octets),
        "recovery_time_seconds": round(ready - began, 3),
        "recovery_point_seconds": int((at - loaded.as_of).total_seconds()),
        "changes_lost": {name: max(0, number - restored[name]) for name, number in now.items()},
    }


def _counted(conn: Connection, owner: str) -> dict[str, int]:
    found = {"people": 0, "events": 0, "flags": len(care.flags_of_owner(conn, owner))}
    for person in people.everybody_of(conn, owner):
        found["people"] += 1
        found["events"] += len(ledger_rows.events_of(conn, person))
    return found


def keep(folder: Path, told: dict[str, Any]) -> None:
    """Add a line to the deployment's record of drills."""
    line = json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n"
    record = os.open(folder / RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(record, line.encode())
        os.fsync(record)
    finally:
        os.close(record)
