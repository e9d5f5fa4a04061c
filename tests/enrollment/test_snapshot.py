"""Snapshots: whole, signed, locked; a restore adds and ends, and never un-revokes."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from typer.testing import CliRunner

from ca import revocation
from enrollment import copying, disclosure, emergency, ledger, loss, protection, registry, snapshot
from enrollment.copying import Why
from enrollment.errors import NoReceipt, SnapshotDamaged
from enrollment.events import EventKind
from enrollment.registry import FOUR_ATTRIBUTES, Field
from enrollment.store import people as rows
from pki.serial import SerialNumber
from tests.enrollment.office import open_office
from tests.enrollment.town import ALWAYS, AT, OTHER_TOWN, TOWN, resident

KEY = bytes(range(32))
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SPKI = SIGNER.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

MAKER = "support/operator"


@pytest.fixture
def office(sqlite_database, tmp_path, request):
    office = open_office(sqlite_database, tmp_path, request.node.nodeid)
    office.person, office.holder = office.enrolled()
    office.move(office.holder, "東京都見本区南町１番")
    sqlite_database.transaction(lambda conn: resident(conn, office.random, owner=OTHER_TOWN))
    return office


def made(office, owner=TOWN):
    return copying.take(office.database, owner, Why.BACKUP, MAKER, AT, KEY, SIGNER.sign, office.random)


def test_what_goes_in_comes_out_for_one_municipality_only(office):
    loaded = snapshot.load(made(office), KEY, SPKI)
    assert (loaded.owner, loaded.as_of) == (TOWN, AT)
    assert [person.person for person in loaded.people] == [office.person]
    assert loaded.people[0] == office.database.read(lambda conn: rows.person_of(conn, office.person))
    assert loaded.events[office.person] == office.events(office.person)
    assert len(loaded.ended) == 1


def copies(office, person):
    lines = office.database.read(lambda conn: registry.own_lines(conn, person))
    return [
        (line.access.reason, line.access.recipient, line.access.fields)
        for line in lines
        if line.result == registry.COPIED
    ]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_everybody_has_a_copy_in_their_record_before_anybody_is_read_for_it(database, tmp_path, monkeypatch, request):
    """More people than one page, somebody who comes while they are written down, and a crash before the reading."""
    monkeypatch.setattr(copying, "PAGE", 3)
    office = open_office(database, tmp_path, request.node.nodeid)
    people = [database.transaction(lambda conn: resident(conn, office.random)) for _ in range(7)]
    stranger = database.transaction(lambda conn: resident(conn, office.random, owner=OTHER_TOWN))
    late, recorded = [], copying._record

    def slow(conn, **what):
        if not late:
            late.append(resident(conn, office.random))
        return recorded(conn, **what)

    monkeypatch.setattr(copying, "_record", slow)
    whole = (Why.BACKUP, MAKER, FOUR_ATTRIBUTES)
    loaded = snapshot.load(made(office), KEY, SPKI)
    assert {one.person for one in loaded.people} == {*people, *late}
    assert [copies(office, person) for person in (*people, *late)] == [[whole]] * 8
    assert copies(office, stranger) == []
    assert all(not database.read(lambda conn, p=person: registry.broken_accesses(conn, p)) for person in people)

    def crash(*_):
        raise OSError

    monkeypatch.setattr(snapshot, "make", crash)
    with pytest.raises(OSError):
        made(office)
    assert copies(office, people[0]) == [whole, whole], "a copy that never came to be is in the record"


def test_without_everybody_s_record_there_is_no_copy(office):
    with pytest.raises(NoReceipt):
        office.database.read(lambda conn: snapshot.make(conn, TOWN, AT, KEY, SIGNER.sign, office.random, {}))


def test_copies_of_many_days_are_one_line_with_their_number(office):
    looked = registry.Access("desk", "open", "tax", TOWN, "main/clerk", FOUR_ATTRIBUTES, "law")
    registry.look(office.database, office.person, looked, AT, office.random)
    for day in range(5):
        at = AT + timedelta(days=day)
        copying.take(office.database, TOWN, Why.BACKUP, MAKER, at, KEY, SIGNER.sign, office.random)
    told = office.database.read(lambda conn: disclosure.disclose(conn, office.person)).lines
    lines = [line for line in told if line.members[disclosure.Member.FUNCTION] == copying.FUNCTION]
    assert [(line.count, line.first, line.last) for line in lines] == [(5, AT, AT + timedelta(days=4))]
    assert any(line.members[disclosure.Member.FUNCTION] == "desk" for line in told)


def test_nothing_personal_can_be_read_without_the_key(office):
    octets = made(office)
    for secret in ("実印".encode(), "見本区".encode(), office.person.encode()):
        assert secret not in octets
    with pytest.raises(SnapshotDamaged):
        snapshot.load(octets, bytes(32), SPKI)


@pytest.mark.parametrize("where", [0, 30, 150, 250, -1, -200])
def test_any_changed_octet_is_found(office, where):
    octets = bytearray(made(office))
    octets[where] ^= 1
    with pytest.raises(SnapshotDamaged):
        snapshot.load(bytes(octets), KEY, SPKI)


@pytest.mark.parametrize("octets", [b"", b"\n\n", b"{}\n\n", b"[]\nAA==\nx", b"\xff\n\xff\n\xff"])
def test_octets_that_are_no_snapshot(octets):
    with pytest.raises(SnapshotDamaged):
        snapshot.load(octets, KEY, SPKI)


def test_a_snapshot_signed_by_somebody_else(office):
    signed, _, sealed = made(office).split(b"\n", 2)
    other = Ed25519PrivateKey.generate().sign(signed)
    with pytest.raises(SnapshotDamaged):
        snapshot.load(b"\n".join([signed, base64.b64encode(other), sealed]), KEY, SPKI)


def restore(database, loaded, random):
    return database.transaction(lambda conn: snapshot.restore(conn, loaded, AT, random))


def test_a_restore_into_nothing_and_again(office, postgresql_database):
    loaded = snapshot.load(made(office), KEY, SPKI)
    done = restore(postgresql_database, loaded, office.random)
    assert (done.people, done.events) == (1, 2)
    assert restore(postgresql_database, loaded, office.random) == snapshot.Restored(0, 0, 0, 0)
    assert postgresql_database.read(lambda conn: ledger.verify_person(conn, office.person)) == ()
    decision = postgresql_database.read(lambda conn: ledger.judge(conn, office.person, EventKind.REMOTE_MOVE, AT))
    assert decision.used == 1


def test_a_restore_never_un_revokes_and_never_goes_back(office):
    before = snapshot.load(made(office), KEY, SPKI)
    office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", AT, office.random))
    held = office.certificates(office.person)
    assert restore(office.database, before, office.random) == snapshot.Restored(0, 0, 0, 0)
    assert office.certificates(office.person) == held
    for one in held:
        serial = SerialNumber.parse(f"0x{one.serial}")
        assert office.database.read(lambda conn, o=one, s=serial: revocation.standing(conn, o.issuer, s)) is not None


def test_a_restore_over_an_older_database_ends_what_has_ended(office):
    office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", AT, office.random))
    after = snapshot.load(made(office), KEY, SPKI)
    with office.database.engine.begin() as conn:  # the database as an older backup would have it
        conn.execute(text("UPDATE enrollment_certificates SET ended_at = NULL, ended_because = NULL"))
        conn.execute(text("DELETE FROM enrollment_ledger WHERE position = 1"))
    done = restore(office.database, after, office.random)
    assert (done.events, done.ended) == (1, 3)
    assert all(one.ended_at is not None for one in office.certificates(office.person))
    assert office.chain_holds(office.person)


def test_a_ledger_that_went_another_way_is_not_overwritten(office):
    loaded = snapshot.load(made(office), KEY, SPKI)
    with office.database.engine.begin() as conn:
        conn.execute(text("UPDATE enrollment_ledger SET actor = 'other' WHERE position = 1"))
    with pytest.raises(SnapshotDamaged):
        restore(office.database, loaded, office.random)


def test_an_emergency_counter_reads_as_of_then_and_masks(office):
    clear = emergency.Emergency(snapshot.load(made(office), KEY, SPKI))
    assert clear.look(office.person, frozenset({Field.ADDRESS})).shown == {Field.ADDRESS: "東京都見本区南町１番"}
    assert clear.look("f" * 32, FOUR_ATTRIBUTES) is None
    assert clear.decide(office.person, EventKind.REMOTE_MOVE).used == 1
    office.database.transaction(
        lambda conn: protection.apply(conn, office.person, rows.operator_of(conn, "clerk"), AT, office.random)
    )
    masked = emergency.Emergency(snapshot.load(made(office), KEY, SPKI))
    assert masked.look(office.person, FOUR_ATTRIBUTES).shown[Field.ADDRESS] == protection.MASKED
    assert masked.as_of == AT
    result = masked.result(office.person, FOUR_ATTRIBUTES), masked.result(office.person, frozenset({Field.NAME}))
    assert result == (registry.MASKED_RESULT, registry.PROVIDED)


def test_a_look_of_an_emergency_says_what_was_shown_then_whatever_stands_now(office):
    """Clear in the copy, protected since: the address was shown, and the record says so."""
    then = emergency.Emergency(snapshot.load(made(office), KEY, SPKI))
    office.database.transaction(
        lambda conn: protection.apply(conn, office.person, rows.operator_of(conn, "clerk"), AT, office.random)
    )
    lines = []
    kept = emergency.LookRecord(TOWN, lambda line: lines.append(line + b"\n"))
    officer = snapshot.Officer("clerk", "main", frozenset(), ALWAYS, b"")
    kept.record(office.person, FOUR_ATTRIBUTES, then.result(office.person, FOUR_ATTRIBUTES), officer, "shelter", AT)
    looks = emergency.read_looks(lines)
    assert office.database.transaction(lambda c: emergency.enter_looks(c, looks, AT, office.random)) == (1, 0)
    told = office.database.read(lambda conn: registry.own_lines(conn, office.person))[-1]
    assert (told.access.function, told.result) == ("emergency", registry.PROVIDED)


def test_the_command_makes_verifies_restores_and_drills(office, tmp_path):
    from cli.snapshot import app

    file = office.database.engine.url.database
    table = f'[database]\nurl = "sqlite:///{file}"\n[municipality]\ncode = "{TOWN}"\n'
    (tmp_path / "jitsuin.toml").write_text(table)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    keys, out = tmp_path / "snapshot-keys", tmp_path / "town.snapshot"
    assert run("keys", keys).exit_code == 0
    assert (keys / "snapshot.key").stat().st_mode & 0o777 == 0o600
    done = run("make", tmp_path, "--keys", keys, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(run("verify", out, "--keys", keys, "--json").output)
    assert (told["ok"], told["people"], told["events"]) == (True, 1, 2)
    assert json.loads(run("restore", out, tmp_path, "--keys", keys, "--json").output)["people"] == 0
    drilled = json.loads(run("drill", tmp_path, "--keys", keys, "--json").output)
    assert (drilled["ok"], drilled["people"], drilled["recovery_point_seconds"] < 60) == (True, 1, True)
    assert drilled["changes_lost"] == {"events": 0, "flags": 0, "people": 0}
    office.database.transaction(lambda conn: resident(conn, office.random))
    again = json.loads(run("drill", tmp_path, "--keys", keys, "--snapshot", out, "--json").output)
    assert (again["ok"], again["changes_lost"]) == (True, {"events": 0, "flags": 0, "people": 1})
    kept = [json.loads(line) for line in (tmp_path / "drills.jsonl").read_text("utf-8").splitlines()]
    assert kept == [drilled, again]
    assert all(one["recovery_time_seconds"] > 0 for one in kept)
    (keys / "snapshot.key").write_text("short")
    assert run("verify", out, "--keys", keys).exception.code == "pki.invalid-value"
