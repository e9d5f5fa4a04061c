"""Witnesses: what they cosign, what they refuse and with which status, and how a log asks them."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.audit import app as audit_app
from cli.database import Database
from pki.instant import Instant
from tests.support.chance import SetClock
from tests.transparency.test_log import SIGNER, add, load
from transparency import monitor, note
from transparency.checkpoint import Checkpoint, parse_checkpoint
from transparency.cosigning import SIZE_TYPE, Door, Reply, gather
from transparency.errors import BadNote, BadSubmission, ForkDetected, NotSeenLast, WitnessRefused
from transparency.folder import Folder
from transparency.log import Log
from transparency.merkle import Hash
from transparency.note import KeyType, Signer
from transparency.witness import Submission, Witness, parse_submission
from transparency.witness_memory import FolderMemory
from web.witness import witness_router

AT = Instant.parse("2026-11-23T00:00:00Z")
ONE, TWO = (
    Signer(f"w{n}.example", Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)), KeyType.COSIGNATURE) for n in (1, 2)
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    one = Folder(tmp_path / "log")
    one.begin(SIGNER.verifier)
    return one


@pytest.fixture
def log(sqlite_database: Database, folder: Folder) -> Log:
    return Log(sqlite_database, "99201", SIGNER, folder)


Grow = Callable[[int], bytes]


@pytest.fixture
def grow(log: Log, sqlite_database: Database, folder: Folder) -> Grow:
    """Adds entries; gives the published checkpoint."""
    size = 0

    def body(count: int) -> bytes:
        nonlocal size
        add(log, sqlite_database, AT, count, size)
        size += count
        log.sequence(AT)
        return folder.checkpoint() or b""

    return body


class Served:
    """A witness behind its HTTP door, in this process."""

    def __init__(self, signer: Signer, memory: Path) -> None:
        self.clock = SetClock(AT)
        witness = Witness(signer, [SIGNER.verifier], FolderMemory(memory))
        application = FastAPI()
        application.include_router(witness_router(witness, self.clock))
        self.client = TestClient(application)
        self.door = Door("http://testserver", signer.verifier)
        self.asked = 0

    def post(self, url: str, body: bytes) -> Reply:
        self.asked += 1
        got = self.client.post(url, content=body)
        return Reply(got.status_code, got.headers.get("content-type", ""), got.content)

    def status(self, submission: Submission | bytes) -> int:
        body = submission if isinstance(submission, bytes) else submission.octets
        return self.client.post("/add-checkpoint", content=body).status_code


def _proof(folder: Folder, older: int, signed: bytes) -> tuple[Hash, ...]:
    new = parse_checkpoint(note.parse(signed).text)
    return tuple(monitor.consistency(load(folder), Checkpoint(new.origin, older, new.root), new))


def test_every_status_of_the_specification(folder: Folder, grow: Grow, tmp_path: Path) -> None:
    witness = Served(ONE, tmp_path / "memory")
    three = grow(3)
    assert witness.status(Submission(0, (), three)) == 200
    six = grow(3)
    proof = _proof(folder, 3, six)
    stale = witness.client.post("/add-checkpoint", content=Submission(0, (), six).octets)
    assert (stale.status_code, stale.text, stale.headers["content-type"].split(";")[0]) == (409, "3\n", SIZE_TYPE)
    assert witness.status(Submission(3, (), six)) == 422, "no proof"
    assert witness.status(Submission(3, (*proof[:-1], Hash(bytes(32))), six)) == 422, "a wrong one"
    assert witness.status(Submission(7, (), six)) == 400, "older than new"
    assert witness.status(b"old 3\n" + six) == 400, "no empty line"
    assert witness.status(b"old 03\n\n" + six) == 400
    assert witness.status(b"old 3\nnot base64\n\n" + six) == 400
    assert witness.status(b"old 3\n\nno note") == 400
    unknown = note.sign(six.split(b"\n\n")[0].replace(b"mihon", b"other") + b"\n", AT, SIGNER)
    assert witness.status(Submission(3, proof, unknown)) == 404
    stranger = Signer(SIGNER.verifier.name, Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
    assert witness.status(Submission(3, proof, note.sign(note.parse(six).text, AT, stranger))) == 403
    fork = Checkpoint(SIGNER.verifier.name, 3, Hash(bytes(32)))
    assert witness.status(Submission(3, (), note.sign(fork.text, AT, SIGNER))) == 409, "another root of the same size"
    witness.clock._at = Instant(AT.seconds - 1)
    assert witness.status(Submission(3, proof, six)) == 503, "its clock went back"
    witness.clock.set(AT)
    assert witness.status(Submission(3, proof, six)) == 200
    assert witness.status(Submission(6, (), six)) == 200, "the same again"
    assert witness.status(Submission(6, (), three)) == 400
    assert witness.status(Submission(3, (), three)) == 409, "it never goes back"


def test_what_it_cosigned_outlives_it_and_only_one_of_two_at_once_wins(
    folder: Folder, grow: Grow, tmp_path: Path
) -> None:
    three, forked = grow(3), note.sign(Checkpoint(SIGNER.verifier.name, 3, Hash(bytes(32))).text, AT, SIGNER)
    outcomes: list[int] = []
    begin = threading.Barrier(8)

    def ask(number: int) -> None:
        witness = Served(ONE, tmp_path / "memory")  # another process would share no more than the folder, either
        begin.wait()
        outcomes.append(witness.status(Submission(0, (), (three, forked)[number % 2])) * 10 + number % 2)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one // 10 for one in outcomes) == [200] + [409] * 7
    again = Witness(ONE, [SIGNER.verifier], FolderMemory(tmp_path / "memory"))
    with pytest.raises(NotSeenLast) as caught:
        again.add_checkpoint(Submission(0, (), three), AT)
    assert caught.value.size == 3


def test_nothing_is_cosigned_that_could_not_be_remembered(
    grow: Grow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness(ONE, [SIGNER.verifier], FolderMemory(tmp_path / "memory"))
    three = grow(3)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="space"):
            witness.add_checkpoint(Submission(0, (), three), AT)
    assert witness.add_checkpoint(Submission(0, (), three), AT), "and later it is as if nothing had been"


def test_a_log_key_is_no_witness(tmp_path: Path) -> None:
    with pytest.raises(BadNote):
        Witness(SIGNER, [], FolderMemory(tmp_path))


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        read = parse_submission(octets)
    except BadSubmission:
        return
    assert read.octets == octets


def test_a_log_gathers_cosignatures_and_catches_up_with_who_was_away(
    folder: Folder, grow: Grow, tmp_path: Path
) -> None:
    one, two = Served(ONE, tmp_path / "one"), Served(TWO, tmp_path / "two")
    doors = [one.door, Door("http://away", two.door.verifier)]
    away = True

    def post(url: str, body: bytes) -> Reply:
        if not url.startswith("http://away"):
            return one.post(url, body)
        if away:
            raise WitnessRefused(url, "nobody answers")
        return two.post("http://testserver/add-checkpoint", body)

    assert gather(folder, SIGNER.verifier, doors, post) is None
    grow(3)
    first = gather(folder, SIGNER.verifier, doors, post)
    assert first is not None
    assert (first.cosigned, len(first.refused)) == (("w1.example",), 1)
    assert folder.cosigned() is None
    witnesses = [ONE.verifier, TWO.verifier]
    read = monitor.read_checkpoint(folder.checkpoint() or b"", SIGNER.verifier, witnesses)
    assert [name for name, _ in read.witnesses] == ["w1.example"]
    grow(300)
    away = False
    both = gather(folder, SIGNER.verifier, doors, post)
    assert both is not None
    assert (both.cosigned, both.refused) == (("w1.example", "w2.example"), ())
    assert folder.checkpoint() == folder.cosigned()
    asked = one.asked
    assert gather(folder, SIGNER.verifier, doors, post) is not None
    assert one.asked == asked, "who cosigned it already is not asked again"
    assert one.asked == 3, "the first time, then from the size it named"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, "text/plain", b""),
        Reply(200, "text/plain", b""),
        Reply(200, "text/plain", "— w1.example AAAA\n".encode()),
        Reply(200, "text/plain", "— other.example QUFBQUFBQUFBQUFB\n".encode()),
        Reply(409, SIZE_TYPE, b"12\n"),
        Reply(409, SIZE_TYPE, b"many\n"),
        Reply(409, "text/plain", b"1\n"),
    ],
)
def test_a_witness_that_answers_nonsense_changes_nothing(folder: Folder, grow: Grow, reply: Reply) -> None:
    before = grow(3)
    door = Door("http://w", ONE.verifier)
    gathered = gather(folder, SIGNER.verifier, [door], lambda url, body: reply)
    assert gathered is not None
    assert gathered.cosigned == ()
    assert isinstance(gathered.refused[0], WitnessRefused)
    assert folder.checkpoint() == before
    assert folder.cosigned() is None


def test_a_witness_that_lies_is_not_believed(folder: Folder, grow: Grow, tmp_path: Path) -> None:
    """It signs with its own key: another history, an older checkpoint, or says that it saw what it never did."""
    published = grow(3)
    now = parse_checkpoint(note.parse(published).text)
    at, door = AT, Door("http://w", ONE.verifier)
    others = [
        replace(now, root=Hash(bytes(32))), replace(now, size=2), replace(now, size=4), replace(now, origin="other"),
    ]  # fmt: skip
    answers = [Reply(200, "text/plain", ONE.line(other.text, at)) for other in others]
    answers += [Reply(200, "text/plain", TWO.line(now.text, at)), Reply(200, "text/plain", SIGNER.line(now.text, at))]
    for answer in answers:
        gathered = gather(folder, SIGNER.verifier, [door], lambda _url, _body, answer=answer: answer)
        assert gathered is not None
        assert (gathered.cosigned, [type(one) for one in gathered.refused]) == ((), [WitnessRefused])
    asked = []

    def never_content(_url: str, body: bytes) -> Reply:
        asked.append(body)
        return Reply(409, SIZE_TYPE, b"%d\n" % (len(asked) % 4))

    gathered = gather(folder, SIGNER.verifier, [door], never_content)
    assert gathered is not None and gathered.cosigned == () and len(asked) == 2, "asked again once, not for ever"
    assert folder.checkpoint() == published
    assert folder.cosigned() is None
    # One that cosigns a second history is found out by whoever has both: the two signed checkpoints are the proof.
    fork = replace(now, root=Hash(bytes(32)))
    signed = note.sign(fork.text, at, SIGNER) + ONE.line(fork.text, at)
    older = tmp_path / "older"
    older.write_bytes(signed)
    line = ["verify", str(folder.path), "--older", str(older)]
    assert isinstance(CliRunner().invoke(audit_app, line).exception, ForkDetected)


def test_the_audit_falls_back_to_what_the_witnesses_saw_last(folder: Folder, grow: Grow, tmp_path: Path) -> None:
    witness = Served(ONE, tmp_path / "one")
    key = tmp_path / "w1.key"
    key.write_text(str(ONE.verifier))
    arguments = ["verify", str(folder.path), "--witness", str(key)]
    grow(3)
    assert isinstance(CliRunner().invoke(audit_app, arguments).exception, BadNote)
    gather(folder, SIGNER.verifier, [witness.door], witness.post)
    assert CliRunner().invoke(audit_app, arguments).exit_code == 0
    grow(4)
    told = CliRunner().invoke(audit_app, [*arguments, "--json"])
    assert told.exit_code == 0
    assert '"entries": 7' in told.stdout
    assert '"witnessed_entries": 3' in told.stdout
    kept = folder.path / "cosigned"
    kept.write_bytes(kept.read_bytes().replace(b"\n3\n", b"\n2\n"))
    assert CliRunner().invoke(audit_app, arguments).exit_code != 0
