"""The transparency log: entries made durable, numbered, signed and published as tiles, on one core.

    python -m bench.log [--entries 40000] [--group 100]

Two figures: entries a second all told (by wall clock and by processor time), and the longest time that one entry took
from being asked for to standing under a signed, published checkpoint while others come at 2,000 a second. Peers that
could be run here do not exist (Tessera and Sunlight are Go programs that Debian does not have); the goal is absolute.
"""

import argparse
import hashlib
import secrets
import statistics
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.clock import SystemClock
from cli.database import Database
from transparency.entry import EntryKind, record
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer
from transparency.store import Connection

GOAL = 2_000
OWNER = "99201"


def _append(database: Database, count: int) -> None:
    at = SystemClock().now()

    def body(conn: Connection) -> None:
        for _ in range(count):
            digest = hashlib.sha256(secrets.token_bytes(16)).digest()
            record(conn, OWNER, EntryKind.ACCESS, secrets.token_hex(16), digest, at)

    database.transaction(body)


def _throughput(database: Database, log: Log, entries: float, group: int) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(0, int(entries), group):
        _append(database, group)
    staged = time.perf_counter() - wall
    while log.sequence(SystemClock().now()).size < entries:
        pass
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{entries} entries in groups of {group}: staged durably {entries / staged:,.0f}/s")
    print(f"staged, numbered, signed, published: {entries / wall:,.0f}/s by the clock, {entries / cpu:,.0f}/s a core")
    print(
        f"ratio to the goal of {GOAL:,}/s: {entries / cpu / GOAL:.1f} a core, {entries / wall / GOAL:.1f} by the clock"
    )


def _latency(database: Database, log: Log, seconds: float, group: int) -> None:
    """Entries come at GOAL a second; a sequencer goes round without pause, as the signing process does."""
    stop = threading.Event()
    waits: list[float] = []
    begun = log.sequence(SystemClock().now()).size
    asked: list[tuple[int, float]] = []

    def sequence() -> None:
        done = 0
        while not stop.is_set() or done < len(asked):
            size = log.sequence(SystemClock().now()).size
            now = time.perf_counter()
            while done < len(asked) and begun + asked[done][0] <= size:
                waits.append(now - asked[done][1])
                done += 1
            time.sleep(0.2)

    thread = threading.Thread(target=sequence)
    thread.start()
    count, first = 0, time.perf_counter()
    while (now := time.perf_counter()) - first < seconds:
        if count < (now - first) * GOAL:
            at = time.perf_counter()
            _append(database, group)
            count += group
            asked.append((count, at))
        else:
            time.sleep(0.001)
    stop.set()
    thread.join()
    print(f"at {count / seconds:,.0f}/s for {seconds:.0f} s, from asked to published (goal: 1 s):")
    print(f"  median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s")


def main() -> None:
    """Print the figures, the ratio last."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=40_000)
    options.add_argument("--group", type=int, default=100)
    options.add_argument("--seconds", type=float, default=10)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for run, first in ((_latency, given.seconds), (_throughput, given.entries)):
            here = Path(place) / run.__name__
            with closing(Database(f"sqlite:///{here}.db")) as database:
                database.migrate()
                signer = Signer("log.example/bench", Ed25519PrivateKey.generate())
                folder = Folder(here)
                folder.begin(signer.verifier)
                run(database, Log(database, OWNER, signer, folder), first, given.group)


if __name__ == "__main__":
    main()
