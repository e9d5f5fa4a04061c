"""The journal: chained, on disk before the answer, cut lines and changed lines found, restores refused and replayed."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from ca import journal
from ca.crl import CrlPolicy, make_crl
from ca.crl_encoding import Scope
from ca.directory import Database
from ca.journal_file import JournaledDatabase, JournalFile
from ca.ocsp_response import ResponseStatus
from ca.restore import restore
from ca.revocation import HoldPolicy, release, revoke
from ca.status import Continuity, LiveStatus
from ca.status_errors import JournalBroken, RestoredDatabase
from cli.database import Database as RealDatabase
from pki import der
from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Unknown
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world

T = TypeVar("T")


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


@pytest.fixture
def file(tmp_path: Path) -> JournalFile:
    return JournalFile(tmp_path / "journal.jsonl")


def revoke_in(database: Database, serial: SerialNumber, reason: Reason = Reason.KEY_COMPROMISE) -> None:
    database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, reason, AT))


def test_the_file_has_it_before_the_transaction_returns(world: World, file: JournalFile) -> None:
    journaled = JournaledDatabase(world.database, file)
    (serial,) = world.issue()
    revoke_in(journaled, serial)
    kinds = [entry.event.kind for entry in file.entries()]
    assert kinds == [journal.Kind.ISSUED, journal.Kind.REVOKED]
    assert file.head() == world.database.read(lambda conn: (2, journal.entries_after(conn, 1)[0].digest))
    assert journaled.read(lambda conn: len(journal.entries_after(conn, 0))) == 2


def test_a_transaction_that_fails_leaves_nothing_in_the_file(world: World, file: JournalFile) -> None:
    journaled = JournaledDatabase(world.database, file)
    (serial,) = world.issue()

    def body(conn: object) -> None:
        revoke(conn, AUTHORITY, serial, Reason.SUPERSEDED, AT)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        journaled.transaction(body)
    revoke_in(journaled, serial)
    assert [entry.event.kind for entry in file.entries()] == [journal.Kind.ISSUED, journal.Kind.REVOKED]


def test_a_line_cut_short_by_a_crash_is_written_again(world: World, file: JournalFile) -> None:
    serials = world.issue(3)
    file.settle(world.database)
    whole = file.path.read_bytes()
    for cut in (1, 20, len(whole.splitlines()[-1])):
        file.path.write_bytes(whole[:-cut])
        assert file.head()[0] == 2
        file.settle(world.database)
        assert file.path.read_bytes() == whole
    assert len(serials) == 3


@pytest.mark.parametrize("what", ["flip", "drop", "swap", "edit"])
def test_every_change_of_the_file_is_found(world: World, file: JournalFile, what: str) -> None:
    world.issue(5)
    file.settle(world.database)
    lines = file.path.read_text().splitlines()
    if what == "flip":
        lines[2] = lines[2].replace('"at":1', '"at":2', 1)
    elif what == "drop":
        del lines[2]
    elif what == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        fields = json.loads(lines[2])
        fields["serial"] = "0" * 40
        lines[2] = journal.canonical(fields)
    file.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(JournalBroken) as raised:
        list(file.entries())
    assert raised.value.position in (2, 3)


def test_a_last_line_that_is_no_entry_stops_everything(world: World, file: JournalFile) -> None:
    world.issue(2)
    file.settle(world.database)
    with file.path.open("ab") as out:
        out.write(b"{}\n")
    with pytest.raises(JournalBroken):
        file.settle(world.database)


def test_two_copies_are_equal(world: World, tmp_path: Path) -> None:
    one, two = JournalFile(tmp_path / "one"), JournalFile(tmp_path / "two")
    world.issue(3)
    one.settle(world.database)
    revoke_in(world.database, world.issue(1)[0])
    one.settle(world.database)
    two.settle(world.database)
    assert one.path.read_bytes() == two.path.read_bytes()


def _backup(world: World, path: Path) -> Path:
    with world.database.engine.connect() as conn:  # type: ignore[attr-defined]
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql(f"VACUUM INTO '{path}'")
        conn.exec_driver_sql("BEGIN")
    return path


@pytest.mark.parametrize("writes_after", [False, True])
def test_a_restore_cannot_undo_a_revocation(
    sqlite_database: Database, random: Callable[[int], bytes], tmp_path: Path, file: JournalFile, writes_after: bool
) -> None:
    world = make_world(sqlite_database, random)
    journaled = JournaledDatabase(sqlite_database, file)
    kept, revoked_later, held = world.issue(3)
    journaled.transaction(lambda conn: revoke(conn, AUTHORITY, held, Reason.CERTIFICATE_HOLD, AT))
    backup = _backup(world, tmp_path / "backup.db")
    # After the backup: a revocation, a release, a new certificate revoked at once, a new good one, and two CRLs.
    revoke_in(journaled, revoked_later)
    journaled.transaction(lambda conn: release(conn, AUTHORITY, held, AT, HoldPolicy(releasable=True)))
    new_revoked, new_good = world.issue(2)
    revoke_in(journaled, new_revoked, Reason.CESSATION_OF_OPERATION)
    for _ in range(2):
        make_crl(journaled, world.issuer, Scope(), AT, CrlPolicy())
    expected = {
        kept: Good(),
        revoked_later: Revoked(AT, Reason.KEY_COMPROMISE),
        held: Good(),
        new_revoked: Revoked(AT, Reason.CESSATION_OF_OPERATION),
        new_good: Good(),
    }
    serials = list(expected)
    assert LiveStatus(sqlite_database, Continuity.of(file)).statuses(AUTHORITY, serials) == list(expected.values())

    shutil.copy(backup, tmp_path / "restored.db")
    database = RealDatabase(f"sqlite:///{tmp_path / 'restored.db'}")
    try:
        restored = World(database, random, world.root, world.signer, world.responder_certificate, world.responder_key)
        extra: list[SerialNumber] = []
        if writes_after:
            extra = restored.issue(1)
            revoke_in(database, extra[0], Reason.SUPERSEDED)
            for _ in range(12):
                restored.issue(1)
        # No status is told, no CRL is made, nothing is acknowledged.
        source = LiveStatus(database, Continuity.of(file))
        with pytest.raises(RestoredDatabase):
            source.statuses(AUTHORITY, serials)
        responder = restored.responder()
        responder.source = source
        answer = responder.answer(request_for(world.root, kept), AT)
        assert der.read_whole(answer).children()[0].integer() == ResponseStatus.TRY_LATER
        with pytest.raises(RestoredDatabase):
            make_crl(JournaledDatabase(database, file), restored.issuer, Scope(), AT, CrlPolicy())
        done = restore(database, file)
        assert done.applied > 0
        assert done.moved > 0  # at least the CRL that was stored and then refused
        assert LiveStatus(database, Continuity.of(file)).statuses(AUTHORITY, serials) == list(expected.values())
        if writes_after:
            assert LiveStatus(database, Continuity.of(file)).statuses(AUTHORITY, extra) == [
                Revoked(AT, Reason.SUPERSEDED)
            ]
        again = restore(database, file)
        assert (again.applied, again.moved) == (0, 0)
        made = make_crl(JournaledDatabase(database, file), restored.issuer, Scope(), AT, CrlPolicy())
        assert made.row.number > 2
        never = SerialNumber.draw(random)
        assert isinstance(LiveStatus(database, Continuity.of(file)).statuses(AUTHORITY, [never])[0], Unknown)
    finally:
        database.close()


def test_a_running_responder_notices_a_database_that_went_back(
    sqlite_database: Database, random: Callable[[int], bytes]
) -> None:
    world = make_world(sqlite_database, random)
    (serial,) = world.issue()
    source = LiveStatus(sqlite_database, Continuity())
    revoke_in(sqlite_database, serial)
    assert source.statuses(AUTHORITY, [serial]) == [Revoked(AT, Reason.KEY_COMPROMISE)]

    def undo(conn: object) -> None:
        conn.exec_driver_sql("DELETE FROM ca_revocations")  # type: ignore[attr-defined]
        conn.exec_driver_sql("DELETE FROM ca_journal WHERE position = 2")  # type: ignore[attr-defined]
        conn.exec_driver_sql(  # type: ignore[attr-defined]
            "UPDATE ca_journal_head SET position = 1, digest = (SELECT digest FROM ca_journal WHERE position = 1)"
        )

    sqlite_database.transaction(undo)
    with pytest.raises(RestoredDatabase):
        source.statuses(AUTHORITY, [serial])


def _revoke_for_ever(url: str, path: str, serials: list[int], ready: "multiprocessing.synchronize.Event") -> None:
    database = JournaledDatabase(RealDatabase(url), JournalFile(Path(path)))
    with Path(path + ".acknowledged").open("a") as told:
        for serial in serials:
            revoke_in(database, SerialNumber(serial))
            told.write(f"{serial:040x}\n")
            told.flush()
            ready.set()


def test_kill_nine_loses_no_acknowledged_revocation(
    sqlite_database: RealDatabase, random: Callable[[int], bytes], tmp_path: Path
) -> None:
    world = make_world(sqlite_database, random)
    serials = world.issue(400)
    file = JournalFile(tmp_path / "journal")
    file.settle(sqlite_database)
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(
        target=_revoke_for_ever,
        args=(str(sqlite_database.engine.url), str(file.path), [int(one) for one in serials], ready),
    )
    process.start()
    try:
        assert ready.wait(60)
    finally:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        process.close()
    acknowledged = (tmp_path / "journal.acknowledged").read_text().split()
    assert acknowledged
    file.head()
    known = {entry.event.serial for entry in file.entries() if entry.event.kind is journal.Kind.REVOKED}
    assert set(acknowledged) <= known
    file.settle(sqlite_database)


def test_what_a_commit_recorded_goes_to_the_file_without_being_read_back(world: World, file: JournalFile) -> None:
    """Where it follows the last line; where others came between, or the database is another one, all is read."""
    journaled = JournaledDatabase(world.database, file)
    first, second, third = world.issue(3)
    revoke_in(journaled, first)  # the file was behind: read back
    assert file.head()[0] == 4
    reads: list[int] = []

    class Counting:
        transaction = staticmethod(world.database.transaction)

        @staticmethod
        def read(body: Callable[[Connection], T]) -> T:
            reads.append(1)
            return world.database.read(body)

    counting = JournaledDatabase(Counting(), file)
    counting.transaction(lambda conn: revoke(conn, AUTHORITY, second, Reason.SUPERSEDED, AT))
    assert (file.head()[0], reads) == (5, [])
    revoke_in(world.database, third)  # another process, killed before it wrote
    counting.transaction(lambda conn: journal.record(conn, [journal.issued(AT, AUTHORITY, "0" * 40, AT, 0, "f")]))
    assert (file.head()[0], len(reads)) == (7, 1)
    assert [entry.position for entry in file.entries()] == list(range(1, 8))
    # Another database's file of the same length must not be continued by what this one has just recorded.
    digest = file.head()[1]
    file.path.write_text(file.path.read_text().replace(digest, digest[::-1]))
    with pytest.raises(RestoredDatabase):
        counting.transaction(lambda conn: journal.record(conn, [journal.issued(AT, AUTHORITY, "1" * 40, AT, 0, "g")]))


@pytest.mark.parametrize("detail", [{}, {"since": 1, "invalidity_date": None}, {"note": 'é "quoted" \\ 東', "a": "b"}])
def test_an_entry_is_written_in_canonical_json(detail: dict[str, int | str | None]) -> None:
    for kind in journal.Kind:
        entry = journal.chain("0" * 64, 7, journal.Event(Instant(1), kind, 'signature "1"', "ab" * 20, detail))
        fields = {"position": 7, "at": 1, "kind": kind, "issuer": 'signature "1"', "serial": "ab" * 20}
        inner = {**fields, "detail": detail}
        assert entry.line() == journal.canonical({**inner, "digest": entry.digest})
        assert entry.digest == hashlib.sha256(("0" * 64 + journal.canonical(inner)).encode()).hexdigest()
        assert entry.row() == {**fields, "detail": journal.canonical(detail), "digest": entry.digest}
        assert journal.Entry.parse(entry.line()) == entry
