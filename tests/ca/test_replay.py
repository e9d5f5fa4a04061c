"""Replay: clean over a long story, and one planted difference of each kind found and named."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ca.crl import CrlKind, CrlPolicy, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher
from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.journal_file import JournalFile
from ca.ocsp import AnswerPolicy
from ca.ocsp_pack import Pack
from ca.ocsp_presign import Presigner
from ca.ocsp_response import ResponseEncoder
from ca.replay import Difference, Replayed
from ca.replay_crl import compare_crls
from ca.replay_database import compare_database
from ca.replay_ocsp import compare_answer
from ca.restore import restore
from ca.revocation import HoldPolicy, release, revoke
from pki import der
from pki.instant import Instant
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world

PART = Scope("1", 1, der.context(0, der.tlv(0x86, b"http://crl.example/1.crl")))


class Story:
    """A deployment that lived for a while."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.file = JournalFile(folder / "journal")
        self.shelf = FolderShelf(folder / "crls")
        self.publisher = Publisher(AUTHORITY, world.root, self.shelf, world.database)
        self.at = AT
        self.answers: list[bytes] = []
        self.serials: list[SerialNumber] = []

    def live(self) -> None:
        world, self.serials = self.world, self.world.issue(6, partition=1)
        self.serials += world.issue(2, partition=2, not_after=AT + timedelta(hours=2))
        one, two, three, four, *_, ending, other = self.serials
        self.crls()
        self.revoke(one, Reason.KEY_COMPROMISE, AT + timedelta(days=-2))
        self.revoke(two, Reason.CERTIFICATE_HOLD)
        self.revoke(ending, Reason.SUPERSEDED)
        self.crls(CrlKind.DELTA)
        self.crls()
        self.change(lambda conn: release(conn, AUTHORITY, two, self.at, HoldPolicy(releasable=True)))
        self.revoke(three, Reason.UNSPECIFIED)
        self.crls(CrlKind.DELTA)
        self.revoke(four, Reason.CERTIFICATE_HOLD)
        self.revoke(four, Reason.CESSATION_OF_OPERATION)
        self.at += timedelta(hours=5)
        self.crls()
        self.crls()
        self.revoke(other, Reason.KEY_COMPROMISE)
        self.crls()
        self.file.settle(world.database)

    def revoke(self, serial: SerialNumber, reason: Reason, suspect: Instant | None = None) -> None:
        self.change(lambda conn: revoke(conn, AUTHORITY, serial, reason, self.at, suspect))

    def change(self, body: Callable[..., object]) -> None:
        self.world.database.transaction(body)
        self.ask()
        self.at += timedelta(seconds=30)
        self.ask()

    def ask(self) -> None:
        never = SerialNumber.draw(self.world.random)
        request = request_for(self.world.root, *self.serials, never)
        self.answers.append(self.world.responder().answer(request, self.at))

    def crls(self, kind: CrlKind = CrlKind.FULL) -> None:
        for scope in (Scope(), PART):
            signed = make_crl(self.world.database, self.world.issuer, scope, self.at, CrlPolicy(), kind)
            self.publisher.publish(signed, scope, self.at)
        self.at += timedelta(seconds=30)

    def differences(self) -> list[Difference]:
        told = Replayed.of(self.file.entries())
        issuers = {AUTHORITY: self.world.root}

        def all_of_them() -> Iterator[Difference]:
            yield from self.world.database.read(lambda conn: list(compare_database(told, conn)))
            yield from compare_crls(told, self.shelf, issuers)
            for number, answer in enumerate(self.answers):
                yield from compare_answer(told, answer, issuers, str(number))

        return list(all_of_them())

    def codes(self) -> set[str]:
        return {one.code for one in self.differences()}


@pytest.fixture
def story(sqlite_database: Database, random: Callable[[int], bytes], tmp_path: Path) -> Story:
    story = Story(make_world(sqlite_database, random), tmp_path)
    story.live()
    return story


def test_clean(database: Database, random: Callable[[int], bytes], tmp_path: Path) -> None:
    story = Story(make_world(database, random), tmp_path)
    story.live()
    assert story.differences() == []


def sql(story: Story, statement: str) -> None:
    story.world.database.transaction(lambda conn: conn.exec_driver_sql(statement))


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("DELETE FROM ca_revocations WHERE reason = 1", {"status.undone"}),
        ("UPDATE ca_revocations SET reason = 6 WHERE reason = 1", {"status.differs"}),
        ("UPDATE ca_revocations SET at = at + 1", {"status.differs"}),
        ("UPDATE ca_revocations SET invalidity_date = NULL", {"status.differs"}),
        ("UPDATE ca_certificates SET fingerprint = 'x' || fingerprint", {"issued.differs"}),
        ("DELETE FROM ca_certificates WHERE partition = 2", {"issued.lost"}),
        ("UPDATE ca_journal SET at = at + 1 WHERE position = 3", {"journal.differs"}),
        ("UPDATE ca_crls SET fingerprint = 'x'", {"crl.row-differs"}),
        ("UPDATE ca_crls SET number = number + 100 WHERE number = 1", {"crl.unrecorded"}),
        ("UPDATE ca_crl_heads SET number = 2", {"crl.number-back"}),
        ("UPDATE ca_journal_head SET position = position - 1", {"journal.head"}),
        (
            "DELETE FROM ca_journal WHERE position = (SELECT max(position) FROM ca_journal)",
            {"journal.lost", "journal.head"},
        ),
    ],
)
def test_a_changed_database_is_found(story: Story, statement: str, codes: set[str]) -> None:
    sql(story, statement)
    assert story.codes() == codes


def test_a_certificate_and_an_event_that_the_file_does_not_know(story: Story) -> None:
    story.world.issue(1)
    assert story.codes() == {"journal.behind", "issued.unrecorded"}
    story.file.settle(story.world.database)
    assert story.codes() == set()


def test_a_restore_leaves_nothing_to_find(story: Story) -> None:
    assert restore(story.world.database, story.file).applied == 0
    assert story.codes() == set()


def test_published_files(story: Story) -> None:
    folder = story.shelf.folder / AUTHORITY
    kept = {path: path.read_bytes() for path in folder.glob("*.crl")}
    newest = max(int(path.stem.split("-")[1]) for path in kept if path.stem.startswith("full-"))

    def planted(path: str, octets: bytes | None) -> set[str]:
        for known, content in kept.items():
            known.write_bytes(content)
        if octets is None:
            (folder / path).unlink()
        else:
            (folder / path).write_bytes(octets)
        return story.codes()

    assert planted("full-1.crl", None) == {"crl.missing"}
    assert planted("full.crl", kept[folder / "full-1.crl"]) == {"crl.current"}
    assert planted("1-1.crl", b"garbage") == {"crl.unreadable"}
    # A CRL from which an entry was taken, one with another's number, one with a broken signature.
    assert planted(f"full-{newest}.crl", kept[folder / "full-1.crl"]) >= {"crl.differs", "crl.entry", "crl.fields"}
    flipped = kept[folder / "full-1.crl"]
    assert planted("full-1.crl", flipped[:-1] + bytes((flipped[-1] ^ 1,))) == {"crl.differs", "crl.signature"}
    deltas = sorted(path.name for path in kept if path.stem.startswith("delta-"))
    assert len(deltas) == 2
    assert planted(deltas[0], kept[folder / deltas[1]]) >= {"crl.differs", "delta.entry"}


@pytest.mark.parametrize("wanted", ["number", "time"])
def test_numbers_and_times_that_went_back(story: Story, wanted: str) -> None:
    """Signed with the authority's key, recorded, and yet wrong: only the journal's order shows it."""
    from ca.crl import crl_event
    from ca.journal import record
    from ca.store import crls as store

    row = story.world.database.read(lambda conn: store.newest(conn, AUTHORITY, "full", "full"))
    assert row is not None
    story.world.database.transaction(lambda conn: record(conn, [crl_event(row, story.at)]))
    if wanted == "time":
        early = store.CrlRow(**{**_fields(row), "number": row.number + 9, "this_update": row.this_update - 5})
        story.world.database.transaction(lambda conn: record(conn, [crl_event(early, story.at)]))
    story.file.settle(story.world.database)
    assert f"crl.{wanted}" in story.codes()


def _fields(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__slots__}  # type: ignore[attr-defined]


def test_answers(story: Story) -> None:
    world, told = story.world, Replayed.of(story.file.entries())
    one = story.serials[0]

    def codes(octets: bytes) -> set[str]:
        return {found.code for found in compare_answer(told, octets, {AUTHORITY: world.root}, "here")}

    good_before = world.responder().answer(request_for(world.root, story.serials[4]), story.at)
    assert codes(good_before) == set()
    # An answer that says good after the revocation: signed by the right key, and a lie.
    sql(story, "DELETE FROM ca_revocations")
    assert codes(world.responder().answer(request_for(world.root, one), story.at)) == {"ocsp.status"}
    assert codes(good_before[:-1]) == {"ocsp.unreadable"}
    younger = make_world_root(world)
    assert codes(younger) == {"ocsp.stranger"}
    broken = bytearray(good_before)
    broken[broken.index(world.responder_certificate.der) - 20] ^= 1
    assert "ocsp.rule" in codes(bytes(broken))


def make_world_root(world: World) -> bytes:
    """An answer about another authority, signed by its own responder."""
    from ca.profiles import KeyShape
    from pki.revocation import Good
    from tests.ca.status_world import key, make_responder, make_root, name

    signer, delegate = key("root-younger", KeyShape.P256), key("responder-younger", KeyShape.P256)
    root = make_root(signer._private, name("Signature CA"), 2)
    certificate = make_responder(root, signer._private, delegate._private)
    from ca.ocsp_response import SingleAnswer, encode_single
    from pki.certid import certid_of

    single = encode_single(SingleAnswer(certid_of(5, root).der, Good(), AT, AT + timedelta(hours=1)))
    return ResponseEncoder(certificate, delegate).encode(AT, [single], None)


def test_answers_signed_ahead(story: Story, tmp_path: Path) -> None:
    world = story.world
    encoder = ResponseEncoder(world.responder_certificate, world.responder_key)
    Presigner(AUTHORITY, world.root, encoder, AnswerPolicy()).fill(world.database, tmp_path / "pack", story.at)
    told = Replayed.of(story.file.entries())
    answers = list(Pack(tmp_path / "pack").answers())
    assert len(answers) == 6
    for answer in answers:
        assert list(compare_answer(told, answer, {AUTHORITY: world.root}, "pack")) == []
