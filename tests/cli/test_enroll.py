"""`jitsuin enroll` over a deployment made by `jitsuin init`: what a clerk does from a terminal, and what is refused."""

import json
import secrets
import time
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import COMMANDS
from cli.clock import SystemClock
from cli.database import Database
from cli.enroll import app
from cli.keys import open_operator_keys
from cli.office_work import open_office
from cli.settings import load_settings
from enrollment import acts, catalogue, ledger
from enrollment.act import What
from enrollment.events import EventKind
from enrollment.evidence import CATALOGUE
from enrollment.person import PersonId
from enrollment.store import people
from enrollment.store.acts import acts_after
from pki.errors import Error
from pki.instant import Instant

TOWN = "99201"
CLERK, SUPERVISOR, POSTAL = f"{TOWN}-clerk", f"{TOWN}-supervisor", f"{TOWN}-postal-clerk"
PHOTO = ("--document", "driving-licence:令和20年3月31日", "--photo")


class Terminal:
    """The command, run on one deployment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tell(self, *words: str) -> dict:
        """One JSON object on standard output."""
        result = CliRunner().invoke(app, self._line(words))
        if isinstance(result.exception, Error):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    def code(self, *words: str, typed: str | None = None) -> str:
        """The code of the named error."""
        result = CliRunner().invoke(app, self._line(words), input=typed)
        assert isinstance(result.exception, Error), result.output
        return result.exception.code

    def text(self, *words: str) -> str:
        return CliRunner().invoke(app, self._line(words, as_json=False)).output

    def _line(self, words: tuple[str, ...], *, as_json: bool = True) -> list[str]:
        groups = 2 if words[0] in ("person", "desk", "operator", "application", "procedure", "policy", "letter") else 1
        end = ["--json"] if as_json else []
        return [*words[:groups], str(self.folder), *words[groups:], *end]

    def read(self, body):
        database = Database(load_settings(self.folder).database_url)
        try:
            return database.read(body)
        finally:
            database.close()

    def resident(self, born: str = "S55.2.17") -> str:
        words = ("person", "register", "--name", "𠮷野 花子", "--born", born, "--gender", "2")
        return self.tell(*words, "--address", "東京都見本市１番", "--as", CLERK)["person"]


@pytest.fixture
def terminal(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The operators' keys are opened once a test, not once a command: opening them is made to be slow."""
    once = cache(lambda folder: open_operator_keys(load_settings(folder), secrets.token_bytes))
    monkeypatch.setattr("cli.keys.open_operator_keys", lambda _settings, _random: once(deployment))
    return Terminal(deployment)


def test_a_person_is_registered_by_era_and_shown_only_with_a_receipt(terminal):
    person = terminal.resident("昭和55年2月17日")
    assert terminal.tell("person", "list")["people"] == [person]
    shown = terminal.tell(
        "person", "show", person, "--as", CLERK, "--reason", "phone call", "--fields", "name,date-of-birth"
    )
    assert shown["shown"] == {"name": "𠮷野　花子", "date-of-birth": "1980-02-17"}
    (row,) = terminal.read(lambda c: people.access_rows(c, PersonId(person)))
    assert (row["recipient"], row["reason"], json.loads(row["provided"])) == (
        CLERK,
        "phone call",
        ["date-of-birth", "name"],
    )
    assert (
        terminal.code("person", "show", person, "--as", CLERK, "--reason", "x", "--fields", "shoes")
        == "pki.invalid-value"
    )
    assert terminal.code("person", "show", "0" * 32, "--as", CLERK, "--reason", "x") == "enrollment.unknown-person"
    assert terminal.code("person", "show", person, "--as", "nobody", "--reason", "x") == "enrollment.unknown-operator"


def test_an_application_goes_through_two_people_and_each_signs(terminal):
    person = terminal.resident()
    card_end = ("--card-end", "令和18年2月17日")
    filed = terminal.tell("application", "file", person, "--kind", "first-issue", *card_end, "--as", CLERK, *PHOTO)
    (waiting,) = terminal.tell("waiting", "--as", SUPERVISOR)["waiting"]
    assert (waiting["approval"], waiting["proposed_by"]) == (filed["approval"], CLERK)
    number = filed["application"]
    assert terminal.code("application", "approve", number, "--as", CLERK) == "enrollment.role-missing"
    assert terminal.tell("application", "approve", number, "--as", SUPERVISOR)["state"] == "approved"
    assert terminal.code("application", "approve", number, "--as", SUPERVISOR) == "enrollment.wrong-state"
    again = ("application", "file", person, "--kind", "first-issue", *card_end, "--as", CLERK, *PHOTO)
    assert terminal.code(*again) == "enrollment.already-issued"
    assert (
        terminal.tell("application", "withdraw", number, "--as", CLERK, "--reason", "went home")["state"] == "withdrawn"
    )
    (one,) = terminal.tell("application", "list", person)["applications"]
    assert (one["state"], one["kind"]) == ("withdrawn", "first-issue")
    stored = terminal.read(lambda c: acts_after(c, None, 100))
    assert {(one.act.operator, one.act.what) for one in stored} == {
        (CLERK, What.FILE), (SUPERVISOR, What.APPROVE), (CLERK, What.WITHDRAW),
    }  # fmt: skip
    assert all(one.used_at is not None for one in stored)
    assert terminal.read(acts.verify) == (3, ())


def test_what_was_shown_is_not_enough(terminal):
    person = terminal.resident()
    apply = ("application", "file", person, "--kind", "first-issue", "--card-end", "2036-02-17", "--as", CLERK)
    assert terminal.code(*apply, "--document", "driving-licence:2038-03-31") == "enrollment.evidence-too-weak"
    assert terminal.code(*apply, "--document", "loyalty-card") == "pki.invalid-value"
    assert terminal.code(*apply[:4], "gift", *apply[5:], *PHOTO) == "pki.invalid-value"
    wrong_day = ("--document", "driving-licence:平成31年5月1日", "--photo")
    assert terminal.code(*apply, *wrong_day) == "pki.invalid-value"


def test_a_check_at_the_post_office_with_the_municipality_confirming(terminal):
    person = terminal.resident()
    visit = ("visit", person, "--as", POSTAL, *PHOTO)
    assert terminal.code(*visit) == "enrollment.not-confirmed"
    there = ("confirm", person, "--desk", f"{TOWN}-post-office")
    assert terminal.code(*there, "--as", POSTAL) == "enrollment.out-of-scope"
    confirmation = terminal.tell(*there, "--as", CLERK)["confirmation"]
    seen = terminal.tell(*visit, "--confirmation", confirmation)
    assert (seen["level"], seen["decision"]["allowed"], seen["deadlines"]) == ("ial3", True, [])
    assert "Nothing." in terminal.text("deadlines", person)
    assert terminal.code("deadlines", "0" * 32) == "enrollment.unknown-person"


def test_a_mistake_is_taken_back_by_two_people(terminal):
    person = terminal.resident()
    event = terminal.tell("visit", person, "--as", CLERK, *PHOTO)["event"]
    words = ("procedure", "correct", person, "--event", event, "--as", CLERK)
    approval = terminal.tell(*words, "--reason", "another person")["approval"]
    assert terminal.code(*words, "--approval", approval) == "enrollment.needs-approval"
    assert terminal.tell("decide", approval, "--as", SUPERVISOR)["state"] == "approved"
    done = terminal.tell(*words, "--approval", approval)
    kinds = [one.kind for one in terminal.read(lambda c: ledger.history(c, PersonId(person)))]
    assert (done["state"], kinds) == ("corrected", [EventKind.ANCHOR, EventKind.CORRECTION])
    other = terminal.tell(*words[:4], done["event"], *words[5:])["approval"]
    assert terminal.tell("decide", other, "--as", SUPERVISOR, "--reject", "no")["state"] == "rejected"


def test_a_record_ends(terminal):
    person = terminal.resident()
    words = ("procedure", "end", person, "--as", CLERK)
    assert terminal.code(*words, "--status", "moved") == "pki.invalid-value"
    approval = terminal.tell(*words, "--status", "dead")["approval"]
    terminal.tell("decide", approval, "--as", SUPERVISOR)
    assert terminal.tell(*words, "--status", "dead", "--approval", approval)["state"] == "dead"
    visit = ("visit", person, "--as", CLERK, *PHOTO)
    assert terminal.code(*visit) == "enrollment.wrong-state"
    assert terminal.code("procedure", "suspend", "CARD0000", "--as", CLERK) == "enrollment.unknown-card"


def test_desks_and_operators(terminal):
    assert {one["kind"] for one in terminal.tell("desk", "list")["desks"]} == {"municipal-main", "post-office"}
    branch = ("desk", "add", "--id", "east", "--kind", "branch", "--name", "東出張所")
    assert terminal.code(*branch, "--as", CLERK) == "enrollment.role-missing"
    terminal.tell(*branch, "--as", SUPERVISOR)
    assert terminal.code(*branch, "--as", SUPERVISOR) == "enrollment.already-registered"
    post = ("desk", "add", "--id", "po2", "--kind", "post-office", "--name", "郵便局", "--as", SUPERVISOR)
    assert terminal.code(*post) == "pki.invalid-value"
    period = ("--designated", "令和8年4月1日/令和13年3月31日")
    assert terminal.code(*post, *period) == "pki.invalid-value"  # what does it rest on?
    terminal.tell(*post, *period, "--record", "令和8年議決第3号")
    assert terminal.code(*branch[:5], "castle", *branch[6:], "--as", SUPERVISOR) == "pki.invalid-value"
    new = ("operator", "add", "--id", "mari", "--counter", "east", "--until", "令和20年3月31日", "--as", SUPERVISOR)
    assert terminal.code(*new, "--card", "short") == "pki.invalid-value"
    assert terminal.code(*new[:5], "moon", *new[6:], "--card", "a" * 64) == "enrollment.unknown-counter"
    terminal.tell(*new, "--card", "a" * 64, "--roles", "clerk,supervisor")
    twin = (*new[:3], "maria", *new[4:], "--card", "a" * 64)  # nobody has another's card
    assert terminal.code(*twin) == "enrollment.already-registered"
    (mari,) = [one for one in terminal.tell("operator", "list")["operators"] if one["operator"] == "mari"]
    assert (mari["roles"], mari["counter"], mari["valid"]) == (["clerk", "supervisor"], "east", True)


def test_a_letter_is_asked_for_printed_by_the_office_and_redeemed(terminal):
    person = terminal.resident()
    ask = ("letter", "ask", person, "--municipality", TOWN, "--address", "東京都見本市２番", "--as", CLERK)
    asked = terminal.tell(*ask)
    settings = load_settings(terminal.folder)
    with open_office(settings, secrets.token_bytes, time.monotonic) as office:
        assert office.work(SystemClock().now())["deliver"] == 1
    (file,) = (terminal.folder / "letters").iterdir()
    assert (file.stat().st_mode & 0o777, (terminal.folder / "letters").stat().st_mode & 0o777) == (0o600, 0o700)
    printed = json.loads(file.read_text("utf-8"))
    assert (printed["name"], printed["address"], printed["until"]) == ("𠮷野　花子", "東京都見本市２番", asked["until"])
    redeem = ("letter", "redeem", person, "--letter", asked["letter"], "--as", CLERK)
    assert terminal.code(*redeem, typed="2222-2222-22\n") == "enrollment.code-wrong"
    done = CliRunner().invoke(app, terminal._line(redeem), input=printed["code"] + "\n")
    assert done.exit_code == 0, done.output
    assert printed["code"] not in done.output
    (one,) = terminal.tell("deadlines", person)["deadlines"]
    assert (one["kind"], one["outcome"]) == ("code-letter", "met")


def test_a_letter_that_cannot_be_written_is_tried_again(terminal):
    person = terminal.resident()
    terminal.tell("letter", "ask", person, "--municipality", TOWN, "--address", "見本市２番", "--as", CLERK)
    (terminal.folder / "letters").write_text("somebody put a file there")
    at = SystemClock().now()
    with open_office(load_settings(terminal.folder), secrets.token_bytes, time.monotonic) as office:
        assert "deliver" not in office.work(at)
        (terminal.folder / "letters").unlink()
        assert office.work(at + timedelta(seconds=6))["deliver"] == 1


def test_a_municipality_is_only_ever_stricter(terminal, tmp_path):
    head = f'owner = "{TOWN}"\neffective_from = "2026-11-01T00:00:00Z"\n'
    (tmp_path / "strict.toml").write_text(head + 'version = "strict"\nmax_consecutive = 1\n')
    (tmp_path / "loose.toml").write_text(head + 'version = "loose"\nmax_consecutive = 9\n')
    (tmp_path / "other.toml").write_text('owner = "13113"\neffective_from = "2026-11-01T00:00:00Z"\nversion = "x"\n')

    def cap(name, who=SUPERVISOR):
        return ("policy", "cap", "--file", str(tmp_path / name), "--as", who)

    assert terminal.code(*cap("strict.toml", CLERK)) == "enrollment.role-missing"
    assert terminal.code(*cap("loose.toml")) == "enrollment.looser-policy"
    assert terminal.code(*cap("other.toml")) == "pki.invalid-value"
    assert terminal.tell(*cap("strict.toml"))["version"] == "strict"
    assert terminal.code(*cap("strict.toml")) == "enrollment.already-adopted"
    assert terminal.tell("policy", "show")["cap"]["max_consecutive"] == 1
    (tmp_path / "letter.toml").write_text('closed = ["online"]\nresidence = [["card-signature", "code-letter"]]\n')
    letter = ("--file", str(tmp_path / "letter.toml"), "--from", "令和8年11月1日", "--as", SUPERVISOR)
    assert terminal.code("policy", "procedure", "dance", *letter) == "pki.invalid-value"
    assert terminal.code("policy", "procedure", "suspension", *letter) == "enrollment.looser-policy"
    terminal.tell("policy", "procedure", "move-in", *letter)
    shown = terminal.tell("policy", "show")["procedures"]["move-in"]
    assert shown == {"open": ["assisted", "in-person"], "residence": "card-signature+code-letter"}


def test_the_documents_of_a_municipality(terminal, tmp_path):
    (tmp_path / "photo.toml").write_text("[documents.passport]\n[documents.driving-record]\nexpires = true\n")
    (tmp_path / "loose.toml").write_text("[documents.passport]\nexpires = false\n")

    def adopt(name, day="令和30年1月1日", who=SUPERVISOR):
        return ("policy", "documents", "--file", str(tmp_path / name), "--from", day, "--as", who)

    assert terminal.code(*adopt("photo.toml", who=CLERK)) == "enrollment.role-missing"
    assert terminal.code(*adopt("loose.toml")) == "enrollment.looser-policy"
    assert terminal.code(*adopt("photo.toml", "令和元年5月1日")) == "pki.invalid-value"
    assert terminal.tell(*adopt("photo.toml"))["documents"] == ["driving-record", "passport"]
    now = terminal.tell("policy", "show")["in_person"]
    assert (now["documents_needed"], now["documents"]["passport"]) == (2, {"expires": True, "strength": "photo"})
    assert len(now["documents"]) == len(CATALOGUE)
    database = Database(load_settings(terminal.folder).database_url)
    try:
        later = database.read(lambda conn: catalogue.in_force(conn, TOWN, Instant.of_japan(date(2048, 1, 1))))
    finally:
        database.close()
    assert {code: kind.expires for code, kind in later.documents.items()} == {"driving-record": True, "passport": True}


def test_the_command_is_announced():
    assert COMMANDS["enroll"].module == "cli.enroll"


def test_where_signatures_are_demanded_an_operator_without_a_key_does_nothing(terminal):
    person = terminal.resident()
    demand = ("policy", "demand-signatures", "--from", "令和8年1月1日")
    assert terminal.code(*demand, "--as", CLERK) == "enrollment.role-missing"
    terminal.tell(*demand, "--as", SUPERVISOR)
    event = terminal.tell("visit", person, "--as", CLERK, *PHOTO)["event"]  # their key is a file of this trial
    new = ("operator", "add", "--id", "mari", "--counter", f"{TOWN}-main", "--until", "令和20年3月31日")
    terminal.tell(*new, "--card", "b" * 64, "--as", SUPERVISOR)
    assert terminal.code("visit", person, "--as", "mari", *PHOTO) == "enrollment.act-not-signed"
    wrong = ("procedure", "correct", person, "--event", event, "--as", "mari")
    assert terminal.code(*wrong) == "enrollment.act-not-signed"
