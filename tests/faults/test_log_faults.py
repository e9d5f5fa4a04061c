"""The log when any one write fails, or fails after it was kept: what was published holds after every step.

A fault is one write of one kind, the n-th; `after` says that it was kept and whoever wrote does not know. The invariant
is read by a client that shares no code with the log (`tests/support/plain_log.py`).
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pki.instant import Instant
from tests.support.plain_log import PlainLog, read_log
from transparency import folder as folders
from transparency import store
from transparency.entry import EntryKind, record
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer

SIGNER = Signer("log.example/99201", Ed25519PrivateKey.from_private_bytes(bytes(32)))
ROUNDS = (3, 260, 1, 300)
"""Entries a round: tiles are begun, filled, begun anew, and a level is added."""


class Fault(Exception):
    """The disk, the database or the process gave up here."""


class Failing:
    """A database whose transactions can fail as they commit, before it or after."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.fault: tuple[int, bool] | None = None
        self.done = 0

    def read(self, body: Callable[[Any], Any]) -> Any:
        return self.inner.read(body)

    def transaction(self, body: Callable[[Any], Any]) -> Any:
        number, self.done = self.done, self.done + 1
        fault = self.fault is not None and self.fault[0] == number

        def then_fail(conn: Any) -> Any:
            body(conn)
            raise Fault

        if fault and self.fault is not None and not self.fault[1]:
            return self.inner.transaction(then_fail)
        result = self.inner.transaction(body)
        if fault:
            raise Fault
        return result


class World:
    """A log that grows by rounds, a fault at a time, and everything that anybody ever saw published."""

    def __init__(self, database: Any, path: Path) -> None:
        self.database, self.path = Failing(database), path
        self.folder = Folder(path)
        self.folder.begin(SIGNER.verifier)
        self.log = Log(self.database, "99201", SIGNER, self.folder)
        self.promised: list[bytes] = []
        self.seen: list[PlainLog] = []
        self.at = Instant.parse("2026-11-23T00:00:00Z")

    def add(self, count: int) -> None:
        """Durable once this returns: from then on it must come into the log."""
        start = len(self.promised)
        digests = [hashlib.sha256(b"%d" % place).digest() for place in range(start, start + count)]

        def body(conn: Any) -> None:
            for place, digest in enumerate(digests, start):
                record(conn, "99201", EntryKind.ACCESS, f"{place:032x}", digest, self.at)

        self.database.inner.transaction(body)
        self.promised += digests

    def check(self) -> None:
        """What is published is whole, signed, and grew out of all that was ever published; nothing is in it twice."""
        if not (self.path / "checkpoint").exists():
            assert not self.seen, "a checkpoint that was there is gone"
            return
        now = read_log(self.path)
        for earlier in self.seen:
            assert now.size >= earlier.size and now.extends(earlier)
        digests = [one[-32:] for one in now.entries]
        assert len(set(digests)) == len(digests) and set(digests) <= set(self.promised)
        self.seen.append(now)

    def run(self, arm: Callable[[], None]) -> None:
        """Rounds with a fault armed in the second, each step followed by the check; then everything is in the log."""
        for number, count in enumerate(ROUNDS):
            self.add(count)
            if number == 1:
                arm()
            with suppress(Fault):
                self.log.sequence(self.at)
            self.check()
            self.log = Log(self.database, "99201", SIGNER, self.folder)  # a new process, which knows nothing
            with suppress(Fault):
                self.log.recover()
            self.check()
        self.log.sequence(self.at)
        self.check()
        assert sorted(one[-32:] for one in self.seen[-1].entries) == sorted(self.promised)


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path) -> World:
    return World(sqlite_database, tmp_path / "log")


STORE_WRITES = ("number", "put_tile", "swap")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(3))
@pytest.mark.parametrize("name", STORE_WRITES)
def test_a_write_into_the_database_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, call: int, after: bool
) -> None:
    real, done = getattr(store, name), 0

    def failing(*given: Any) -> Any:
        nonlocal done
        done += 1
        if done - 1 != call:
            return real(*given)
        if after:
            real(*given)
        raise Fault

    world.run(lambda: monkeypatch.setattr(store, name, failing))
    assert done > call, "the fault was met"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(3))
def test_a_commit_fails_or_its_answer_is_lost(world: World, number: int, after: bool) -> None:
    def arm() -> None:
        world.database.done, world.database.fault = 0, (number, after)

    world.run(arm)
    assert world.database.done > number


@pytest.mark.parametrize("how", ["nothing", "half", "whole"])
@pytest.mark.parametrize("call", range(6))
def test_a_file_is_not_written_or_cut_or_written_unknown_to_the_writer(
    world: World, monkeypatch: pytest.MonkeyPatch, call: int, how: str
) -> None:
    real, done = folders.write_whole, 0

    def failing(target: Path, octets: bytes) -> None:
        nonlocal done
        done += 1
        if done - 1 != call:
            return real(target, octets)
        if how == "half":  # what a crash leaves of the file that has no name yet
            target.with_name(f".{target.name}.1.1").write_bytes(octets[: len(octets) // 2])
        elif how == "whole":
            real(target, octets)
        raise Fault

    world.run(lambda: monkeypatch.setattr(folders, "write_whole", failing))
    assert done > call, "the fault was met"


def test_every_pair_of_faults_in_one_round(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of every round fails once, then once more after it was kept: progress all the same."""
    real, turn = folders.write_whole, 0

    def failing(target: Path, octets: bytes) -> None:
        nonlocal turn
        turn += 1
        if turn % 3 == 0:
            return real(target, octets)
        if turn % 3 == 1:
            real(target, octets)
        raise Fault

    monkeypatch.setattr(folders, "write_whole", failing)
    world.add(600)
    for _ in range(60):
        with suppress(Fault):
            world.log.sequence(world.at)
        world.check()
        with suppress(Fault):
            world.log.recover()
        world.check()
    assert world.seen[-1].size == 600
