"""The witness program killed at any moment, asked with what is older, and with a clock that steps.

What must hold: two of its cosignatures are never over two histories, whatever happened to it in between.
"""

import itertools
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pki.instant import Instant
from tests.support.service import command
from transparency import checkpoint, merkle, note
from transparency.checkpoint import Checkpoint
from transparency.merkle import Hash, leaf_hash
from transparency.note import Signer, Verifier
from transparency.witness import Submission

AT = Instant.parse("2026-11-23T00:00:00Z")
LOG = Signer("log.example/1", Ed25519PrivateKey.from_private_bytes(bytes(32)))


class History:
    """One history of the log; `branch` makes another one from the entry number `since` on."""

    def __init__(self, branch: str = "", since: int = 10**9) -> None:
        self.branch, self.since = branch, since

    def leaf(self, place: int) -> Hash:
        return leaf_hash(f"{self.branch if place >= self.since else ''}{place}".encode())

    def _subtree(self, level: int, index: int) -> Hash:
        if level == 0:
            return self.leaf(index)
        return merkle.node_hash(self._subtree(level - 1, 2 * index), self._subtree(level - 1, 2 * index + 1))

    def submission(self, older: int, size: int) -> bytes:
        found = Checkpoint(LOG.verifier.name, size, merkle.root(size, self._subtree))
        proof = merkle.consistency_proof(older, size, self._subtree) if older else []
        return Submission(older, tuple(proof), note.sign(found.text, AT, LOG)).octets


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "witness"
    subprocess.run(command("witness", "new", str(home), "--name", "w.example/1"), check=True, capture_output=True)
    key = tmp_path / "key"
    key.write_text(f"{LOG.verifier}\n")
    subprocess.run(command("witness", "follow", str(home), str(key)), check=True, capture_output=True)
    return home


@contextmanager
def witness(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    line = command("witness", "serve", str(home), "--listen", "127.0.0.1:0", "--json")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def remembered(home: Path) -> Checkpoint | None:
    notes = list((home / "memory").glob("*.note"))
    return checkpoint.parse_checkpoint(note.parse(notes[0].read_bytes()).text) if notes else None


def test_killed_at_any_moment_it_never_cosigns_another_history(home: Path) -> None:
    true, size = History(), 0
    cosigned: dict[int, bytes] = {}
    for delay in (0.0, 0.01, 0.03):
        with witness(home) as (process, url):
            kept = remembered(home)
            size = 0 if kept is None else kept.size
            forged = History("forged", since=max(0, size - 1))
            killer = threading.Timer(delay, process.send_signal, [signal.SIGKILL])
            with httpx.Client(base_url=url) as http, suppress(httpx.TransportError):
                answer = http.post("/add-checkpoint", content=true.submission(size, size + 3))
                assert answer.status_code == 200
                cosigned[size + 3] = answer.content
                if size:  # the same size with another root; the same history rewritten behind it
                    for older, new in ((size + 3, size + 3), (size + 3, size + 5)):
                        refused = http.post("/add-checkpoint", content=forged.submission(older, new))
                        assert refused.status_code in (409, 422), refused.text
                killer.start()
                for step in itertools.count(1):
                    before = size + 3 * step
                    answer = http.post("/add-checkpoint", content=true.submission(before, before + 3))
                    assert answer.status_code == 200
                    cosigned[before + 3] = answer.content
            process.wait(10)
            killer.join()
        kept = remembered(home)
        assert kept is not None and kept.size >= max(cosigned), "what left it was on the disk before"
        assert kept.root == merkle.root(kept.size, true._subtree)
    verifier = Verifier.parse((home / "key").read_text("utf-8"))
    for size, line in cosigned.items():
        found = Checkpoint(LOG.verifier.name, size, merkle.root(size, true._subtree))
        note.parse(found.text + b"\n" + line).verified(verifier)


def test_what_is_older_is_refused_and_a_clock_that_stepped_back_signs_nothing(home: Path) -> None:
    true = History()
    with witness(home) as (_, url), httpx.Client(base_url=url) as http:
        assert http.post("/add-checkpoint", content=true.submission(0, 7)).status_code == 200
        older = http.post("/add-checkpoint", content=true.submission(0, 5))
        assert (older.status_code, older.text.strip()) == (409, "7"), "it says what it saw last"
        assert http.post("/add-checkpoint", content=true.submission(7, 7)).status_code == 200
    (kept,) = (home / "memory").glob("*.note")
    ahead = _by_a_clock_ahead(home, true)
    kept.write_bytes(ahead)
    with witness(home) as (_, url), httpx.Client(base_url=url) as http:
        refused = http.post("/add-checkpoint", content=true.submission(7, 9))
        assert refused.status_code >= 400 and b"w.example" not in refused.content
    assert kept.read_bytes() == ahead, "it remembers what it cosigned, and waits for its clock"


def _by_a_clock_ahead(home: Path, true: History) -> bytes:
    """What the witness remembers if its clock was a year ahead when it cosigned."""
    secret = Ed25519PrivateKey.from_private_bytes(bytes.fromhex((home / "secret").read_text().strip()))
    signer = Signer("w.example/1", secret, note.KeyType.COSIGNATURE)
    found = Checkpoint(LOG.verifier.name, 7, merkle.root(7, true._subtree))
    return found.text + b"\n" + signer.line(found.text, Instant.parse("2099-01-01T00:00:00Z"))
