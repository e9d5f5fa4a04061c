"""When a part of the service is away: words on every page, only safe acts, each once, and nothing else by any door."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cli.errors import DatabaseUnavailable
from enrollment import acts, card_life
from enrollment.counters import Affair
from enrollment.store import work as card_rows
from pki.card_state import CardEvent, CardState
from pki.errors import InvalidValue
from pki.instant import Instant
from tests.enrollment.office import open_office
from tests.enrollment.town import TOWN, resident
from tests.support.chance import SeededOctets, SetClock
from web.application import Frame, compose
from web.desk.desk import desk_door, desk_routes
from web.desk.notes import Note, Paper, Safe, settle
from web.desk.outage import NEED_SIGNING, PATH
from web.desk.parts import Desk
from web.desk.work import STEPS, Kind, State
from web.filing_check import FilingCheck
from web.pages.sessions import Session
from web.readers.lines import Lines
from web.readers.pairings import Pairings
from web.store.notes import notes_of

ORIGIN = "https://desk.example"
_YEAR = timedelta(days=3650)
CARD, OTHER_CARD = "0123456789ABCDEF", "FEDCBA9876543210"


class Switched:
    """A database that can be taken away, as when its machine or its disk is."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.away = inner, False

    def transaction(self, body: Callable[[Any], Any]) -> Any:
        self._require()
        return self._inner.transaction(body)

    def read(self, body: Callable[[Any], Any]) -> Any:
        self._require()
        return self._inner.read(body)

    def _require(self) -> None:
        if self.away:
            raise DatabaseUnavailable("OperationalError")


class Place:
    """A desk over a database that can go away."""

    def __init__(self, database: Any, folder: Path, clock: SetClock) -> None:
        self.clock, self.random = clock, SeededOctets("outage")
        self.database = Switched(database)
        office = open_office(database, folder, "outage")
        door = desk_door(self.database, clock, self.random, Pairings(clock, self.random), Lines(clock))
        self.unsigned: Instant | None = None
        self.paper = Paper(folder / "notes", os.urandom)
        self.desk = Desk(
            self.database,
            clock,
            self.random,
            door,
            office.issuing,
            None,
            ORIGIN,
            paper=self.paper,
            unsigned_since=lambda: self.unsigned,
        )
        routes = desk_routes(self.desk, FilingCheck({}, {}, None, None), frozenset(), ORIGIN, "http://127.0.0.1:27980")
        self.paths = [(one.method, one.path) for one in routes.guarded]
        frame = Frame(random=self.random, stopwatch=lambda: 0.0)
        self.http = TestClient(compose("desk", list(routes.routers), frame), base_url=ORIGIN, follow_redirects=False)

        def fill(conn: Any) -> str:
            person = resident(conn, self.random)
            at = clock.now()
            for card in (CARD, OTHER_CARD):
                card_life.prepare(conn, card, person, TOWN, at + _YEAR, at)
                card_life.change(conn, card_rows.card_of(conn, card), CardEvent.DELIVER, at, "test", self.random)
            return person

        self.person = database.transaction(fill)
        sessions = door.sessions
        self.session: Session = sessions.log_in(sessions.begin(), "clerk", "", "passkey")

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, session: Session | None = None) -> Any:
        one = session or self.session
        headers = {"origin": ORIGIN, "cookie": f"{self.desk.door.sessions.cookie_name}={one.cookie}"}
        headers["accept-language"] = "en"
        path = path.replace("{person}", self.person).replace("{work}", "w").replace("{number}", "n")
        if method == "GET":
            return self.http.get(path, headers=headers)
        return self.http.post(path, headers=headers, data={"form": one.form_token, **(form or {})})

    def state(self, card: str = CARD) -> CardState:
        return self.desk.database.read(lambda conn: card_rows.card_of(conn, card).state)


@pytest.fixture
def place(database: Any, tmp_path: Path, clock: SetClock) -> Iterator[Place]:
    one = Place(database, tmp_path, clock)
    with one.http:
        assert one.ask("GET", "/desk/").status_code == 200
        yield one


def test_every_page_says_what_is_away_what_cannot_be_done_and_what_can_be_noted(place: Place) -> None:
    place.database.away = True
    for method, path in place.paths:
        answer = place.ask(method, path, {"act": ""})
        assert answer.status_code == 503, (method, path)
        assert "Nobody can be looked up just now" in answer.text, (method, path)
        for act in Safe:
            assert f'value="{act.value}"' in answer.text
        for name in ("花子", "1980"):
            assert name not in answer.text
    assert not place.paper.waiting()
    stranger = Session(place.session.row, "b" * 64)
    answer = place.ask("POST", PATH, {"act": "loss", "card": CARD}, stranger)
    assert answer.status_code == 503 and "<form" not in answer.text.split("<main")[1]
    assert not place.paper.waiting(), "who was not here before may note nothing"


def test_a_noted_loss_is_durable_carried_out_once_and_stands_in_the_days_end(place: Place, tmp_path: Path) -> None:
    place.database.away = True
    assert place.ask("POST", PATH, {"act": "loss", "card": CARD}).status_code == 303
    assert place.ask("POST", PATH, {"act": "suspension", "card": OTHER_CARD.lower()}).status_code == 303
    assert place.ask("POST", PATH, {"act": "visit", "card": "anything"}).status_code == 303
    assert CARD in place.ask("GET", "/desk/").text, "the note is shown while it waits"
    files = sorted((tmp_path / "notes").iterdir())
    assert len(files) == 3 and all(one.stat().st_mode & 0o077 == 0 for one in files)
    assert len(Paper(tmp_path / "notes", os.urandom).waiting()) == 3, "another process finds them"
    place.database.away = False
    assert place.state() is CardState.ACTIVE
    kept = [(one, one.read_bytes()) for one in files]
    day = place.ask("GET", "/desk/day").text
    assert place.state() is CardState.LOST and place.state(OTHER_CARD) is CardState.SUSPENDED
    assert day.count("carried out") == 3 and CARD in day
    assert not list((tmp_path / "notes").iterdir())
    for path, octets in kept:  # as if we had died between the transaction and the file's end
        path.write_bytes(octets)
    assert place.ask("GET", "/desk/day").text.count("carried out") == 3
    assert not list((tmp_path / "notes").iterdir())


def test_a_note_that_cannot_be_done_is_told_and_holds_up_no_other(place: Place) -> None:
    place.database.away = True
    place.ask("POST", PATH, {"act": "loss", "card": "AAAAAAAAAAAAAAAA"})
    place.ask("POST", PATH, {"act": "loss", "card": CARD})
    place.database.away = False
    day = place.ask("GET", "/desk/day").text
    assert "could not be carried out" in day and "enrollment.unknown-card" in day
    assert place.state() is CardState.LOST


def test_nothing_unsafe_can_be_noted(place: Place) -> None:
    place.database.away = True
    safe = {act.value for act in Safe}
    unsafe = ({kind.value for kind in Kind} | {affair.value for affair in Affair} | {"", "issue", "unlock"}) - safe
    assert len(unsafe) >= 15
    for act in sorted(unsafe):
        answer = place.ask("POST", PATH, {"act": act, "kind": act, "card": CARD})
        assert answer.status_code == 503 and "Nothing was noted" in answer.text, act
    for card in ("", "12", "../../etc/passwd", "実印花子", CARD + "x"):
        assert place.ask("POST", PATH, {"act": "loss", "card": card}).status_code == 503
    for form in ("", "0" * 64):
        answer = place.ask("POST", PATH, {"act": "loss", "card": CARD, "form": form})
        assert answer.status_code == 503
    for method, path in place.paths:
        if path != PATH:
            place.ask(method, path, {"act": "loss", "card": CARD, "kind": "first-issue", "decision": "yes"})
    assert not place.paper.waiting()
    with pytest.raises(InvalidValue):
        place.paper.write(Safe.LOSS, "x", "o", "c", "p", place.clock.now())


def test_a_quarter_of_an_hour_later_nobody_may_note_any_more(place: Place) -> None:
    place.database.away = True
    place.clock.advance(minutes=16)
    answer = place.ask("POST", PATH, {"act": "loss", "card": CARD})
    assert answer.status_code == 503 and not place.paper.waiting()


def test_a_note_names_nobody(place: Place, tmp_path: Path) -> None:
    place.database.away = True
    place.ask("POST", PATH, {"act": "loss", "card": CARD, "name": "実印　花子", "reason": "実印　花子"})
    (file,) = (tmp_path / "notes").iterdir()
    body = json.loads(file.read_text())
    assert set(body) == {"note", "act", "card", "owner", "counter", "operator", "at"}
    assert "花子" not in file.read_text()


def test_while_nobody_signs_no_new_certificate_is_begun_and_everything_else_goes_on(place: Place) -> None:
    assert NEED_SIGNING == {kind for kind, steps in STEPS.items() if State.CERTIFICATES in steps} != set()
    place.unsigned = place.clock.now() + -timedelta(seconds=31)
    place.clock.advance(seconds=3)
    page = place.ask("GET", "/desk/people/{person}").text
    assert "Certificates are not signed since" in page
    for path in ("/desk/", "/desk/queue", "/desk/day"):
        assert "Certificates are not signed since" in place.ask("GET", path).text
    for kind in Kind:
        answer = place.ask("POST", "/desk/people/{person}/work", {"kind": kind.value})
        if kind in NEED_SIGNING:
            assert answer.status_code == 503 and "web.signing-silent" in answer.text, kind
        else:
            assert "web.signing-silent" not in answer.text, kind
    begun = place.ask("POST", "/desk/people/{person}/work", {"kind": "loss"})
    work = begun.headers["location"]
    assert place.ask("POST", f"{work}/details", {"chosen": CARD, "reason": "x"}).status_code == 303
    assert place.state() is CardState.LOST, "a loss waits for nobody"
    place.unsigned = None
    place.clock.advance(seconds=3)
    assert "Certificates are not signed since" not in place.ask("GET", "/desk/").text


def test_where_signatures_are_demanded_notes_wait_for_an_officers_card_and_every_page_says_so(place: Place) -> None:
    place.desk.database.transaction(lambda conn: acts.demand(conn, TOWN, place.clock.now(), "boss"))
    place.database.away = True
    assert place.ask("POST", PATH, {"act": "loss", "card": CARD}).status_code == 303
    place.database.away = False
    for path in ("/desk/", "/desk/queue", "/desk/day"):
        assert "Notes that are still to be carried out: 1." in place.ask("GET", path).text
    answer = place.ask("POST", PATH, {"act": "carry-out"})  # this session has no card
    assert answer.status_code == 403 and "web.card-needed" in answer.text
    assert place.state() is CardState.ACTIVE and len(place.paper.waiting()) == 1


def test_two_processes_with_the_same_paper_do_it_once_and_a_foreign_file_stops_nothing(
    place: Place, tmp_path: Path
) -> None:
    place.database.away = True
    place.ask("POST", PATH, {"act": "loss", "card": CARD})
    place.database.away = False
    (tmp_path / "notes" / "0-foreign.json").write_text("[1, 2")
    (note,) = place.paper.waiting()
    at, random, done = place.clock.now(), place.random, []

    def run(write: Callable[[Any, Instant], None]) -> object:
        return place.desk.database.transaction(lambda conn: write(conn, at))

    def settle_it(one: Note) -> None:
        settle(one, "clerk", run, place.desk.database, at, random)
        done.append(one.note)

    both = [Paper(tmp_path / "notes", os.urandom) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda paper: paper.carry_out(settle_it), both))
    assert set(done) == {note.note} and place.state() is CardState.LOST
    events = place.desk.database.read(lambda conn: notes_of(conn, "main", at, at + timedelta(seconds=1)))
    assert [(one.note, one.outcome) for one in events] == [(note.note, "done")]
    assert not place.paper.waiting() and (tmp_path / "notes" / "0-foreign.json").exists()
