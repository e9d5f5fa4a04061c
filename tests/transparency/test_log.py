"""The log on both databases: order of deeds, crashes at each of them, and what anyone can check from outside."""

import hashlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from cli.audit import app
from cli.database import Database
from pki.errors import Error
from pki.instant import Instant
from transparency import monitor, note, store, tiles
from transparency.checkpoint import parse_checkpoint
from transparency.entry import EntryKind, entry, record
from transparency.errors import BadNote, BadProof, ClockStepped, ForkDetected, LogBehind, NotFound, TransparencyError
from transparency.folder import Folder
from transparency.log import Log
from transparency.merkle import leaf_hash, verify_inclusion
from transparency.note import KeyType, Signer
from transparency.proofs import prove
from transparency.tiles import names_of

ORIGIN = "mihon.example/access"
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "log")
    folder.begin(SIGNER.verifier)
    return folder


@pytest.fixture
def log(database: Database, folder: Folder) -> Log:
    return Log(database, "99201", SIGNER, folder)


def digest(place: int) -> bytes:
    return hashlib.sha256(b"record %d" % place).digest()


def add(log: Log, database: Database, at: Instant, count: int, start: int = 0) -> list[str]:
    """Records `start` up to `start + count`; their identifiers."""

    def body(connection: store.Connection) -> list[str]:
        ids = [f"{place:032x}" for place in range(start, start + count)]
        for place, id_ in enumerate(ids, start):
            record(connection, log.name, EntryKind.ACCESS, id_, digest(place), at)
        return ids

    return database.transaction(body)


def load(folder: Folder) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        try:
            return (folder.path / path).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(path) from error

    return read


def audit(folder: Folder) -> int:
    return monitor.audit(load(folder), SIGNER.verifier).checkpoint.size


def test_a_log_grows_and_every_state_of_it_holds(log: Log, database: Database, folder: Folder, at: Instant) -> None:
    size, checkpoints = 0, []
    for count in (0, 1, 255, 1, 300, 7):
        add(log, database, at, count, size)
        size += count
        assert log.sequence(at).size == size
        assert audit(folder) == size
        checkpoints.append(parse_checkpoint(note.parse((folder.path / "checkpoint").read_bytes()).text))
    for older in checkpoints:
        for newer in checkpoints:
            if older.size <= newer.size:
                monitor.follow(older, newer, monitor.consistency(load(folder), older, newer))


def test_each_entry_has_a_proof_to_the_signed_checkpoint(log: Log, database: Database, at: Instant) -> None:
    ids = add(log, database, at, 300)
    with pytest.raises(NotFound):
        database.read(lambda connection: prove(connection, log.name, ids[0]))
    log.sequence(at)
    numbers = set()
    for place in range(0, 300, 17):
        told = database.read(lambda connection, place=place: prove(connection, log.name, ids[place]))
        number, proof = told.number, told.path
        head = monitor.read_checkpoint(told.checkpoint, SIGNER.verifier).checkpoint
        verify_inclusion(leaf_hash(entry(EntryKind.ACCESS, digest(place))), number, head.size, proof, head.root)
        with pytest.raises(BadProof):
            verify_inclusion(leaf_hash(b"other"), number, head.size, proof, head.root)
        numbers.add(number)
    assert len(numbers) == 18


def test_two_sequencers_never_make_two_checkpoints_of_one_size(database: Database, folder: Folder, at: Instant) -> None:
    logs = [Log(database, "99201", SIGNER, folder) for _ in range(4)]
    add(logs[0], database, at, 1)
    logs[0].sequence(at)
    failures: list[BaseException] = []

    def work(mine: Log, start: int) -> None:
        try:
            for turn in range(6):
                add(mine, database, at, 3, start + turn * 3)
                mine.sequence(at)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mine, 1000 * (place + 1))) for place, mine in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    logs[0].sequence(at)
    logs[0].recover()
    assert audit(folder) == 1 + 4 * 6 * 3


@pytest.mark.parametrize("lost", range(8))
def test_a_crash_while_publishing_is_mended_by_recover(
    log: Log, database: Database, folder: Folder, at: Instant, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(log, database, at, 700)
    log.sequence(at)
    add(log, database, at, 400, 700)
    done = 0
    write = Folder._write

    def crash(self: Folder, name: str, octets: bytes) -> None:
        nonlocal done
        if done == lost:
            raise KeyboardInterrupt
        done += 1
        write(self, name, octets)

    monkeypatch.setattr(Folder, "_write", crash)
    with pytest.raises(KeyboardInterrupt):
        log.sequence(at)
    assert audit(folder) == 700
    monkeypatch.undo()
    recovered = log.recover()
    assert recovered is not None
    assert (recovered.size, audit(folder)) == (1100, 1100)


def test_tiles_that_were_deleted_come_back_and_none_put_there_beforehand_is_believed(
    log: Log, database: Database, folder: Folder, at: Instant
) -> None:
    add(log, database, at, 300)
    log.sequence(at)
    add(log, database, at, 500, 300)
    planted = [name for name in names_of(800, 300) if not folder.has(name)]
    assert len(planted) > 4
    for name in planted:
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / name).write_bytes(b"planted" * 5)
    log.sequence(at)
    assert audit(folder) == 800
    published = {name: (folder.path / name).read_bytes() for name in names_of(800)}
    for name in published:
        (folder.path / name).unlink()
        with pytest.raises(TransparencyError):
            audit(folder)
        log.recover()
        assert (folder.path / name).read_bytes() == published[name]
    assert audit(folder) == 800
    wrong = next(iter(published))
    (folder.path / wrong).write_bytes(bytes(len(published[wrong])))
    log.recover()
    with pytest.raises(TransparencyError):
        audit(folder)
    (folder.path / wrong).unlink()
    log.recover()
    assert audit(folder) == 800, "what an audit names is deleted, and comes back at the next start"


def test_a_store_older_than_what_was_published_is_refused(
    log: Log, database: Database, tmp_path: Path, folder: Folder, at: Instant
) -> None:
    assert log.recover() is None
    add(log, database, at, 3)
    log.sequence(at)
    older = Database(f"sqlite:///{tmp_path / 'older.db'}")
    older.migrate()
    with pytest.raises(LogBehind):
        Log(older, "99201", SIGNER, folder).recover()
    older.close()


def test_another_history_under_the_same_name_is_a_fork(database: Database, tmp_path: Path, at: Instant) -> None:
    ours, theirs = Folder(tmp_path / "a"), Folder(tmp_path / "b")
    for folder in (ours, theirs):
        folder.begin(SIGNER.verifier)
    log = Log(database, "99201", SIGNER, ours)
    add(log, database, at, 5)
    log.sequence(at)
    other = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    text = parse_checkpoint(note.parse((ours.path / "checkpoint").read_bytes()).text)
    forged = type(text)(ORIGIN, 5, type(text.root)(bytes(32)))
    theirs.put_checkpoint(note.sign(forged.text, at, other))
    with pytest.raises(ForkDetected):
        Log(database, "99201", SIGNER, theirs).recover()
    with pytest.raises(ForkDetected):
        monitor.follow(text, forged, [])


def test_a_clock_that_went_back_signs_nothing(log: Log, database: Database, folder: Folder, at: Instant) -> None:
    add(log, database, at, 2)
    log.sequence(at)
    add(log, database, at, 2, 2)
    with pytest.raises(ClockStepped):
        log.sequence(Instant(at.seconds - 1))
    assert audit(folder) == 2
    assert log.sequence(at).size == 4


def test_every_flipped_octet_of_a_published_log_is_noticed(
    log: Log, database: Database, folder: Folder, at: Instant
) -> None:
    add(log, database, at, 260)
    log.sequence(at)
    runner = CliRunner()
    assert runner.invoke(app, ["verify", str(folder.path)]).exit_code == 0
    for path in sorted(path for path in folder.path.rglob("*") if path.is_file() and path.name not in ("key", ".lock")):
        octets = path.read_bytes()
        for place in {0, len(octets) // 2, len(octets) - 1}:
            path.write_bytes(octets[:place] + bytes((octets[place] ^ 1,)) + octets[place + 1 :])
            with pytest.raises(Error):
                audit(folder)
            assert runner.invoke(app, ["verify", str(folder.path)]).exit_code != 0
        path.write_bytes(octets)
    assert audit(folder) == 260


def test_no_bit_of_any_published_file_can_change_unnoticed(
    sqlite_database: Database, folder: Folder, at: Instant
) -> None:
    """Partial tiles of earlier sizes too, the key beside the log, and the spare bits of base64."""
    size, database, log = 0, sqlite_database, Log(sqlite_database, "99201", SIGNER, folder)
    for count in (3, 2, 256):
        add(log, database, at, count, size)
        size += count
        log.sequence(at)
    files = sorted(path for path in folder.path.rglob("*") if path.is_file() and path.name != ".lock")
    names = [path.relative_to(folder.path).as_posix() for path in files]
    assert {"tile/0/000.p/3", "tile/entries/000.p/5", "key", "checkpoint", "tile/1/000.p/1"} <= set(names)

    def judge() -> None:
        audited = monitor.audit(load(folder), note.Verifier.parse((folder.path / "key").read_text("utf-8", "replace")))
        for name in names:
            if name.startswith("tile/"):
                monitor.fits(load(folder), name, audited.checkpoint.size)

    judge()
    for path in files:
        octets = path.read_bytes()
        step = 1 if len(octets) < 400 else 61
        for place in {*range(0, len(octets), step), len(octets) - 1}:
            for bit in range(8) if path.name in ("key", "checkpoint") else (place % 8,):
                path.write_bytes(octets[:place] + bytes((octets[place] ^ (1 << bit),)) + octets[place + 1 :])
                with pytest.raises(Error):
                    judge()
        path.write_bytes(octets)
    judge()
    stale = folder.path / "tile/0/000.p/3"
    stale.write_bytes(stale.read_bytes()[:-1])
    assert CliRunner().invoke(app, ["verify", str(folder.path)]).exit_code != 0


def test_a_signature_has_one_way_to_be_written(at: Instant) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    signed = note.sign(b"text\n", at, SIGNER).decode()
    last = signed[-3]
    assert signed.endswith("=\n")
    for spare in range(1, 4):
        other = alphabet[alphabet.index(last) | spare]
        with pytest.raises(BadNote):
            note.parse((signed[:-3] + other + signed[-2:]).encode())


def test_tiles_beyond_the_checkpoint_are_not_judged(
    log: Log, database: Database, folder: Folder, at: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between tiles and checkpoint leaves them; the log is sound all the same."""
    add(log, database, at, 3)
    log.sequence(at)
    add(log, database, at, 300, 3)

    def crash(self: Folder, signed: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "put_checkpoint", crash)
    with pytest.raises(KeyboardInterrupt):
        log.sequence(at)
    monkeypatch.undo()
    assert (folder.path / "tile/0/000").exists()
    assert CliRunner().invoke(app, ["verify", str(folder.path)]).exit_code == 0
    whole = folder.path / "tile/0/000"
    whole.write_bytes(b"\xff" + whole.read_bytes()[1:])
    assert CliRunner().invoke(app, ["verify", str(folder.path)]).exit_code != 0


def test_the_audit_compares_with_an_older_checkpoint_and_wants_its_witnesses(
    log: Log, database: Database, folder: Folder, at: Instant, tmp_path: Path
) -> None:
    add(log, database, at, 3)
    log.sequence(at)
    older = tmp_path / "older"
    shutil.copy(folder.path / "checkpoint", older)
    add(log, database, at, 300, 3)
    log.sequence(at)
    runner = CliRunner()
    assert runner.invoke(app, ["verify", str(folder.path), "--older", str(older), "--json"]).exit_code == 0
    witness = tmp_path / "witness"
    witness.write_text(str(Signer("w.example", Ed25519PrivateKey.generate(), KeyType.COSIGNATURE).verifier))
    missing = runner.invoke(app, ["verify", str(folder.path), "--witness", str(witness)])
    assert isinstance(missing.exception, BadNote)
    assert runner.invoke(app, ["verify", str(tmp_path / "nowhere")]).exit_code != 0
    assert tiles.parse_tile_path("tile/0/000") == (0, 0, 256)
