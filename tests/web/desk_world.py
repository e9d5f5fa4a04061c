"""The counter desk over a real office, asked as its pages ask: begin, fill in, decide at another seat."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.enrollment.office import Office, open_office
from tests.support.chance import SeededOctets, SetClock
from web.application import Frame, compose
from web.desk.desk import desk_door, desk_routes
from web.desk.parts import Desk
from web.desk.work import Kind, State, Work, load
from web.filing_check import FilingCheck
from web.pages.sessions import Session
from web.readers.lines import Lines
from web.readers.pairings import Pairings

ORIGIN = "https://desk.example"
LICENCE = {"document1": "driving-licence", "expires1": "2031-01-01", "photo": "yes", "present": "yes"}


@dataclass
class Seat:
    """Somebody at their desk, in a session without a card (`tests/browser` has those with one)."""

    world: "DeskWorld"
    session: Session
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        return self._ask("GET", path, {})

    def post(self, path: str, **fields: str) -> Any:
        return self._ask("POST", path, {"form": self.session.form_token, **fields})

    def begin(self, person: str, kind: Kind) -> str:
        """The new work's address."""
        answer = self.post(f"/desk/people/{person}/work", kind=kind.value)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def go_on(self, path: str, step: str, **fields: str) -> Any:
        """A step that leads on, and the page after it."""
        answer = self.post(f"{path}/{step}", **fields)
        assert answer.status_code == 303, main_of(answer)
        return self.get(path)

    def _ask(self, method: str, path: str, fields: dict[str, str]) -> Any:
        cookie = f"{self.world.desk.door.sessions.cookie_name}={self.session.cookie}"
        headers = {"origin": ORIGIN, "cookie": cookie, **self.headers}
        self.world.http.cookies.clear()
        if method == "GET":
            return self.world.http.get(path, headers=headers)
        return self.world.http.post(path, headers=headers, data=fields)


@dataclass
class DeskWorld:
    """The desk, its office, and seats for its operators."""

    desk: Desk
    office: Office
    http: TestClient
    _seats: dict[str, Seat] = field(default_factory=dict)

    def seat(self, operator: str) -> Seat:
        if operator not in self._seats:
            sessions = self.desk.door.sessions
            self._seats[operator] = Seat(self, sessions.log_in(sessions.begin(), operator, "", "passkey"))
        return self._seats[operator]

    def work(self, path: str, owner: str = "13113") -> Work:
        work_id = path.rpartition("/")[2]
        return self.desk.database.read(lambda conn: load(conn, work_id, owner))

    def decide(self, path: str, decision: str = "yes", who: str = "boss") -> Any:
        """At the other seat."""
        return self.seat(who).post(f"/desk/queue/{path.rpartition('/')[2]}", reason="見た", decision=decision)

    def state(self, path: str) -> State:
        return self.work(path).state


@contextmanager
def desk_world(database: Any, folder: Path, clock: SetClock, seed: str) -> Iterator[DeskWorld]:
    office = open_office(database, folder, seed)
    random = SeededOctets(f"{seed}, the desk")
    door = desk_door(database, clock, random, Pairings(clock, random), Lines(clock))
    desk = Desk(database, clock, random, door, office.issuing, None, ORIGIN)
    routes = desk_routes(desk, FilingCheck({}, {}, None, None), frozenset(), ORIGIN, "http://127.0.0.1:27980")
    application = compose("desk", list(routes.routers), Frame(random=random, stopwatch=lambda: 0.0))
    with TestClient(application, base_url=ORIGIN, follow_redirects=False) as http:
        yield DeskWorld(desk, office, http)


def main_of(answer: Any) -> str:
    """The words of a page, without its tags."""
    inner = answer.text.split("<main")[-1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", inner))
