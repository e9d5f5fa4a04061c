"""`jitsuin ledger show|explain|verify` over a real deployment's settings and database."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from cli.ledger import app
from cli.ledger_words import CHANNELS, KINDS
from enrollment import acts, ledger, visits
from enrollment.counters import CounterKind
from enrollment.events import EventKind
from enrollment.ledger import ONLINE, Happening
from enrollment.store import people as rows
from tests.enrollment.officers import officer
from tests.enrollment.town import AT, found, resident, seen


@pytest.fixture
def deployment(sqlite_database, random, tmp_path):
    def fill(conn):
        found(conn)
        person = resident(conn, random)
        for kind in (EventKind.ANCHOR, EventKind.REMOTE_MOVE, EventKind.REMOTE_MOVE):
            ledger.record(conn, Happening(person, kind, actor="somebody"), AT, random)
        return person

    person = sqlite_database.transaction(fill)
    file = sqlite_database.engine.url.database
    (tmp_path / "jitsuin.toml").write_text(f'[database]\nurl = "sqlite:///{file}"\n')
    return tmp_path, person


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_show(deployment):
    folder, person = deployment
    shown = json.loads(run("show", folder, person, "--json").output)
    assert [event["kind"] for event in shown["events"]] == ["anchor", "remote-move", "remote-move"]
    assert "2 of 3" in run("show", folder, person, "--lang", "en").output
    japanese = run("show", folder, person, "--lang", "ja").output
    assert "2026-11-23 09:00  オンラインの住所変更  3回のうち2回目  オンライン" in japanese


def test_what_was_taken_back_is_told_by_its_number(deployment, sqlite_database, random):
    folder, person = deployment

    def correct(conn):
        named = ledger.history(conn, person)[1].event
        ledger.record(conn, Happening(person, EventKind.CORRECTION, actor="boss", corrects=named), AT, random)

    sqlite_database.transaction(correct)
    assert "takes back no. 1" in run("show", folder, person, "--lang", "en").output
    assert "番号1の取消し" in run("show", folder, person, "--lang", "ja").output


def test_every_kind_and_channel_has_its_words():
    assert set(KINDS) == set(EventKind)
    assert {kind.value for kind in CounterKind if kind.sees_people} | {ONLINE, "gateway"} == set(CHANNELS)
    for words in (*KINDS.values(), *CHANNELS.values()):
        assert words[0] and words[1].isascii()


def test_the_shells_language_is_spoken_and_never_both(deployment, monkeypatch):
    folder, person = deployment
    for locale, allowed, refused in (("ja_JP.UTF-8", "できます", "できません"), ("C.UTF-8", "allowed", "refused")):
        monkeypatch.setenv("LC_ALL", locale)
        good = run("explain", folder, person, "--at", "2026-11-24T00:00:00Z").output
        late = run("explain", folder, person, "--at", "2031-11-24T00:00:00Z").output
        assert allowed in good
        assert refused in late
        for told in (good, late, run("show", folder, person).output, run("verify", folder).output):
            assert told.isascii() is False or locale == "C.UTF-8"
            assert not (locale == "C.UTF-8" and any("\u3040" <= one <= "\u9fff" for one in told)), told


def test_explain(deployment):
    folder, person = deployment
    told = json.loads(run("explain", folder, person, "--at", "2026-11-24T00:00:00Z", "--json").output)
    assert (told["allowed"], told["used"], told["limit"], told["anchor_date"]) == (True, 2, 3, "2026-11-23")
    late = run("explain", folder, person, "--at", "2031-11-24T00:00:00Z", "--lang", "ja")
    assert "できません" in late.output
    assert "窓口" in late.output
    assert run("explain", folder, person, "--procedure", "anchor").exception.code == "pki.invalid-value"


def test_verify_finds_what_was_changed(deployment, sqlite_database):
    folder, person = deployment
    assert json.loads(run("verify", folder, "--json").output) == {
        "people": 1,
        "broken": {},
        "acts": 0,
        "broken_acts": [],
        "checks": 0,
        "broken_checks": [],
    }
    with sqlite_database.engine.begin() as conn:
        conn.execute(text("UPDATE enrollment_ledger SET actor = 'nobody' WHERE position = 1"))
    told = run("verify", folder, person, "--json")
    assert told.exit_code == 1
    assert json.loads(told.output)["broken"][person][0]["position"] == 1


def test_verify_finds_an_act_that_no_card_signed(deployment, sqlite_database):
    folder, person = deployment
    with sqlite_database.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO enrollment_acts VALUES (:act, '13113', 'clerk', 'main', 'correct', :person, 'c', 0, 'n',"
                " 'f', x'00', x'00', NULL)"
            ),
            {"act": "0" * 64, "person": person},
        )
    told = run("verify", folder, person, "--json")
    assert told.exit_code == 1
    found = json.loads(told.output)
    assert (found["broken"], found["acts"], found["broken_acts"][0]["act"]) == ({}, 1, "0" * 64)
    assert "1 that do not hold" in run("verify", folder, "--lang", "en").output
    assert "職員の署名 1 件（異常 1）" in run("verify", folder, "--lang", "ja").output


def test_verify_finds_a_check_of_which_one_octet_was_changed(deployment, sqlite_database, random):
    folder, person = deployment

    def checked(conn):
        who = officer(conn, "anna", "main")
        evidence = seen(person, officer="anna")
        evidence = replace(evidence, signature=who.sign(evidence.to_be_signed()))
        visits.check(conn, evidence, "anna", AT, random, officer_certificate=who.certificate)
        return who, evidence

    who, evidence = sqlite_database.transaction(checked)

    def told():
        done = run("verify", folder, person, "--json")
        found = json.loads(done.output)
        assert (found["broken"], found["checks"]) == ({}, 1)
        assert done.exit_code == bool(found["broken_checks"])
        return [(one["check"], one["what"]) for one in found["broken_checks"]]

    def store(column, value):
        with sqlite_database.engine.begin() as conn:
            conn.execute(text(f"UPDATE enrollment_evidence SET {column} = :value"), {"value": value})

    assert told() == [(evidence.digest(), "its officer's card is unknown")]
    signed = acts.prepare(who.operator, acts.What.CORRECT, person, "c", AT, random)
    act = acts.SignedAct(signed, who.sign(signed.to_be_signed()))
    sqlite_database.transaction(lambda conn: acts.record(conn, act, AT, who.certificate))
    assert told() == []
    sqlite_database.transaction(lambda conn: rows.give_card(conn, "anna", "0" * 64))
    assert told() == [], "a new card does not undo what the old one signed"
    flipped = bytearray(evidence.signature)
    flipped[-1] ^= 1
    store("signature", bytes(flipped))
    assert told() == [(evidence.digest(), "no card of its officer made its signature")]
    store("signature", evidence.signature)
    body = evidence.octets().decode()
    for changed in (body.replace('"photo_matched":true', '"photo_matched":false'), " " + body, "x", "[]"):
        assert changed != body
        store("body", changed)
        assert told() == [(evidence.digest(), "its content is not what was signed under this name")]
    assert "1 signed checks in person, 1 that do not hold" in run("verify", folder).output
    store("body", body)
    assert told() == []


def test_somebody_unknown(deployment):
    folder, _ = deployment
    for command in ("show", "explain", "verify"):
        assert run(command, folder, "0" * 32).exception.code == "enrollment.unknown-person"


def test_a_real_ledger_is_replayed_under_a_candidate(deployment, tmp_path):
    from cli.policy import app as policy

    folder, _ = deployment
    (tmp_path / "n1.toml").write_text('version = "n1"\neffective_from = "2026-01-01T00:00:00Z"\nmax_consecutive = 1\n')
    arguments = ["simulate", "--policy", tmp_path / "n1.toml", "--ledger", folder, "--out", tmp_path / "out", "--json"]
    done = CliRunner().invoke(policy, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["policies"]["n1"]["refused"] == 1


def test_the_bar_moves_while_a_ledger_is_replayed(deployment, tmp_path, monkeypatch):
    from rich.progress import Progress

    from cli.policy import app as policy

    folder, _ = deployment
    moved = []
    monkeypatch.setattr(Progress, "update", lambda _self, _task, **state: moved.append(tuple(state.values())))
    arguments = ["simulate", "--ledger", folder, "--out", tmp_path / "out"]
    for name in ("n1", "n2"):
        file = tmp_path / f"{name}.toml"
        file.write_text(f'version = "{name}"\neffective_from = "2026-01-01T00:00:00Z"\nmax_consecutive = 1\n')
        arguments += ["--policy", file]
    done = CliRunner().invoke(policy, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert moved == [(1, 2), (2, 2)]
