"""`jitsuin replay DIR`: clean, and one difference of each kind of source found: database, files, ledger, log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ca.crl import CrlPolicy, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher
from ca.crl_shelf import FolderShelf
from ca.journal_file import JournaledDatabase, JournalFile
from ca.revocation import revoke
from cli.__main__ import run
from cli.database import Database
from enrollment import ledger
from enrollment.events import EventKind
from enrollment.ledger import Happening
from pki.revocation import Reason
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world
from tests.enrollment.town import TOWN, found, resident
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer


class Place:
    """A deployment's folder with a little of everything in it."""

    def __init__(self, folder: Path, database: Database, world: World) -> None:
        self.folder, self.database, self.world = folder, database, world

    def sql(self, statement: str) -> None:
        self.database.transaction(lambda conn: conn.exec_driver_sql(statement))


@pytest.fixture
def place(sqlite_database: Database, random: Callable[[int], bytes], tmp_path: Path) -> Place:
    (tmp_path / "jitsuin.toml").write_text(f'[database]\nurl = "{sqlite_database.engine.url}"\n')
    world = make_world(sqlite_database, random)
    journaled = JournaledDatabase(sqlite_database, JournalFile(tmp_path / "journal"))
    good, bad = world.issue(2)
    journaled.transaction(lambda conn: revoke(conn, AUTHORITY, bad, Reason.KEY_COMPROMISE, AT))
    signed = make_crl(journaled, world.issuer, Scope(), AT, CrlPolicy())
    Publisher(AUTHORITY, world.root, FolderShelf(tmp_path / "crls"), journaled).publish(signed, Scope(), AT)
    for folder, name, octets in (
        ("crl", "signature.crl", signed.der),
        ("ocsp", "good.resp.der", world.responder().answer(request_for(world.root, good), AT)),
        ("ocsp", "revoked.resp.der", world.responder().answer(request_for(world.root, bad), AT)),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(octets)

    def fill(conn: Any) -> None:
        found(conn)
        person = resident(conn, random)
        for kind in (EventKind.ANCHOR, EventKind.REMOTE_MOVE, EventKind.REMOTE_MOVE):
            ledger.record(conn, Happening(person, kind, actor="somebody"), AT, random)

    sqlite_database.transaction(fill)
    signer = Signer(f"log.jitsuin.example/{TOWN}", Ed25519PrivateKey.from_private_bytes(random(32)))
    published = Folder(tmp_path / "log" / TOWN)
    published.begin(signer.verifier)
    Log(sqlite_database, TOWN, signer, published).sequence(AT)
    return Place(tmp_path, sqlite_database, world)


def replayed(place: Place, capsys: pytest.CaptureFixture[str]) -> set[str]:
    status = run(["replay", str(place.folder), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert status == (0 if told["clean"] else 1)
    assert told["clean"] == (not told["differences"])
    return {one["code"] for one in told["differences"]}


def test_clean(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert replayed(place, capsys) == set()
    assert run(["replay", str(place.folder)]) == 0
    assert capsys.readouterr().out.endswith("0 differences\n")


PLANTED: dict[str, tuple[Callable[[Place], object], set[str]]] = {
    "a status undone in the database": (lambda it: it.sql("DELETE FROM ca_revocations"), {"status.undone"}),
    "a CRL number that goes back": (lambda it: it.sql("UPDATE ca_crl_heads SET number = 0"), {"crl.number-back"}),
    "a CRL that was exchanged": (
        lambda it: (it.folder / "crl" / "signature.crl").write_bytes(b"another"),
        {"crl.stranger"},
    ),
    "a published CRL that is missing": (
        lambda it: (it.folder / "crls" / AUTHORITY / "full-1.crl").unlink(),
        {"crl.missing"},
    ),
    "an answer that lies": (
        lambda it: (it.folder / "ocsp" / "good.resp.der").write_bytes(_lie(it)),
        {"ocsp.status"},
    ),
    "a ledger row that was changed": (
        lambda it: it.sql("UPDATE enrollment_ledger SET actor = 'nobody' WHERE position = 1"),
        {"ledger.chain", "ledger.unlogged"},
    ),
    "a decision that the policy does not bear": (
        lambda it: it.sql(
            "UPDATE enrollment_policies SET body = replace(body, '\"max_consecutive\":3', '\"max_consecutive\":1')"
        ),
        {"ledger.decision"},
    ),
    "a published log that was changed": (
        lambda it: [
            path.write_bytes(path.read_bytes()[::-1]) for path in it.folder.glob("log/*/tile/**/*") if path.is_file()
        ],
        {"log.broken"},
    ),
}


def _lie(place: Place) -> bytes:
    """Says good of a revoked certificate, signed by the right responder."""
    (bad,) = place.database.read(
        lambda conn: [int(row[0], 16) for row in conn.exec_driver_sql("SELECT serial FROM ca_revocations")]
    )
    rows = place.database.read(lambda conn: list(conn.exec_driver_sql("SELECT * FROM ca_revocations").mappings()))
    place.sql("DELETE FROM ca_revocations")
    lie = place.world.responder().answer(request_for(place.world.root, bad), AT.__class__(AT.seconds + 60))
    names = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    from sqlalchemy import text

    place.database.transaction(
        lambda conn: conn.execute(text(f"INSERT INTO ca_revocations ({names}) VALUES ({values})"), dict(rows[0]))
    )
    return lie


@pytest.mark.parametrize("what", list(PLANTED))
def test_a_planted_difference_is_named(place: Place, capsys: pytest.CaptureFixture[str], what: str) -> None:
    plant, codes = PLANTED[what]
    plant(place)
    assert replayed(place, capsys) == codes


def test_a_broken_journal_is_an_error_of_its_own(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    journal = place.folder / "journal"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert run(["replay", str(place.folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "ca.journal-broken"
