"""Role × route at the desk, read from the routes themselves: who gets in, to whose records, with which forms."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from enrollment import cases, incidents, registry
from enrollment.incident import IncidentKind
from enrollment.operators import Role
from enrollment.person import PersonId
from enrollment.store import people as people_rows
from tests.enrollment.office import open_office
from tests.enrollment.town import TOWN, operator, resident
from tests.support.chance import SeededOctets, SetClock
from web.application import Frame, compose
from web.desk.beginnings import Beginnings
from web.desk.desk import DeskRoutes, desk_door, desk_routes
from web.desk.officer import CARD, Officer
from web.desk.parts import Desk
from web.desk.work import Kind
from web.filing_check import FilingCheck
from web.pages.router import ANYBODY, SOMEBODY
from web.pages.sessions import Session
from web.readers.lines import Lines
from web.readers.pairings import Pairings

ORIGIN = "https://desk.example"
NAME, ADDRESS = "実印　花子", "東京都見本区見本町"


@dataclass
class Served:
    """The desk over a database, and sessions for anybody."""

    desk: Desk
    routes: DeskRoutes
    http: TestClient
    ids: dict[str, str]

    def session(self, who: str, method: str = "passkey", fingerprint: str = "") -> Session:
        sessions = self.desk.door.sessions
        return sessions.log_in(sessions.begin(), who, fingerprint, method) if who else sessions.begin()

    def ask(
        self, method: str, path: str, session: Session | None, form: dict[str, str] | None = None, origin: str = ORIGIN
    ) -> Any:
        for name, value in self.ids.items():
            path = path.replace("{" + name + "}", value)
        cookies = {self.desk.door.sessions.cookie_name: session.cookie} if session else {}
        self.http.cookies.clear()
        headers = {"origin": origin, "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        if method == "GET":
            return self.http.get(path, headers=headers)
        token = {"form": session.form_token} if session and form is None else {}
        return self.http.post(path, headers=headers, data={**token, **(form or {})})


@pytest.fixture
def served(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[Served]:
    office = open_office(sqlite_database, tmp_path, "desk routes")
    random = SeededOctets("desk")
    door = desk_door(sqlite_database, clock, random, Pairings(clock, random), Lines(clock))
    desk = Desk(sqlite_database, clock, random, door, office.issuing, None, ORIGIN)
    routes = desk_routes(desk, FilingCheck({}, {}, None, None), frozenset(), ORIGIN, "http://127.0.0.1:27980")
    application = compose("desk", list(routes.routers), Frame(random=random, stopwatch=lambda: 0.0))

    def fill(conn: Any) -> str:
        people_rows.add_operator(conn, operator("planner", "main", Role.POLICY))
        people_rows.add_operator(conn, operator("guardian", "main", Role.PROTECTION))
        return resident(conn, random)

    person = sqlite_database.transaction(fill)
    with TestClient(application, base_url=ORIGIN, follow_redirects=False) as http:
        one = Served(desk, routes, http, {"person": person, "number": "NONE", "name": "x"})
        session = one.session("clerk")
        officer: Officer = door.admit(session)
        one.ids["work"] = Beginnings(desk).begin(officer, person, Kind.CHECK).id
        one.ids |= sqlite_database.transaction(lambda conn: _question_and_incident(conn, person, clock, random))
        yield one


def _question_and_incident(conn: Any, person: PersonId, clock: SetClock, random: SeededOctets) -> dict[str, str]:
    """What a resident asked of our municipality, and what it found wrong with itself."""
    at = clock.now()
    access = registry.Access("desk", "open", "jpki", TOWN, "main/clerk", registry.FOUR_ATTRIBUTES, "law")
    record = registry.record_access(conn, person, access, at, random).record
    found = incidents.find(conn, IncidentKind.LEAK, people_rows.operator_of(conn, "boss"), at, random)
    return {"case": cases.open_case(conn, person, record, at, random).case, "incident": found.incident}


ROLES = {
    "": frozenset(),
    "clerk": frozenset({Role.CLERK}),
    "boss": frozenset({Role.CLERK, Role.SUPERVISOR, Role.PROTECTION}),
    "planner": frozenset({Role.POLICY}),
    "guardian": frozenset({Role.PROTECTION}),
}


NOBODY, ANYONE_HERE, CLERKS, HEADS = {"anybody"}, {"somebody"}, {"clerk"}, {"supervisor"}
ROUTES: dict[tuple[str, str], set[str]] = {
    ("GET", "/desk/login"): NOBODY,
    ("GET", "/desk/pairing"): NOBODY,
    ("POST", "/desk/login/card"): NOBODY,
    ("POST", "/desk/login/passkey"): NOBODY,
    ("GET", "/receipts/{number}"): NOBODY,
    ("POST", "/desk/passkeys"): ANYONE_HERE,
    ("POST", "/desk/logout"): ANYONE_HERE,
    ("GET", "/desk/"): ANYONE_HERE,
    ("GET", "/desk/reader"): ANYONE_HERE,
    ("GET", "/desk/queue"): ANYONE_HERE,
    ("GET", "/desk/queue/list"): ANYONE_HERE,
    ("POST", "/desk/queue/{work}"): ANYONE_HERE,
    ("GET", "/desk/day"): ANYONE_HERE,
    ("POST", "/desk/day"): ANYONE_HERE,
    ("POST", "/desk/stock"): ANYONE_HERE,
    ("GET", "/desk/notes"): ANYONE_HERE,
    ("POST", "/desk/notes"): CLERKS,
    ("POST", "/desk/search"): CLERKS,
    ("POST", "/desk/search/card"): CLERKS,
    ("GET", "/desk/people/{person}"): CLERKS,
    ("POST", "/desk/people/{person}/work"): CLERKS,
    ("GET", "/desk/work/{work}"): CLERKS,
    ("GET", "/desk/work/{work}/now"): CLERKS,
    ("POST", "/desk/work/{work}/evidence"): CLERKS,
    ("POST", "/desk/work/{work}/details"): CLERKS,
    ("POST", "/desk/work/{work}/carry-out"): CLERKS,
    ("POST", "/desk/work/{work}/see"): CLERKS,
    ("POST", "/desk/work/{work}/card"): CLERKS,
    ("POST", "/desk/work/{work}/again"): CLERKS,
    ("POST", "/desk/work/{work}/later"): CLERKS,
    ("POST", "/desk/work/{work}/code"): CLERKS,
    ("POST", "/desk/work/{work}/give-up"): CLERKS,
    ("POST", "/desk/work/{work}/receipt"): CLERKS,
    ("GET", "/desk/bookings"): CLERKS,
    ("POST", "/desk/bookings"): CLERKS,
    ("POST", "/desk/prefills"): CLERKS,
    ("GET", "/desk/statistics"): HEADS,
    ("GET", "/desk/near-misses"): HEADS,
    ("GET", "/desk/cases"): HEADS,
    ("GET", "/desk/cases/{case}"): HEADS,
    ("POST", "/desk/cases/{case}"): HEADS,
    ("GET", "/desk/incidents"): HEADS,
    ("POST", "/desk/incidents"): HEADS,
    ("GET", "/desk/incidents/{incident}"): HEADS,
    ("POST", "/desk/incidents/{incident}/scope"): HEADS,
    ("POST", "/desk/incidents/{incident}/notify"): HEADS,
    ("POST", "/desk/incidents/{incident}/letters"): HEADS,
    ("POST", "/desk/incidents/{incident}/close"): HEADS,
}
"""Who may come where, written down a second time: a route that is not here is one that nobody thought about."""
OF_ONE = ("{person}", "{work}", "{case}", "{incident}")
"""What names a record that belongs to somebody. `{number}` is a receipt's, which tells anybody that it is real."""


def refused_role(answer: Any) -> bool:
    return answer.status_code == 403 and "enrollment.role-missing" in answer.text


def to_login(answer: Any) -> bool:
    return answer.status_code == 303 and answer.headers["location"] == "/desk/login"


def test_there_are_routes_to_look_at(served: Served) -> None:
    paths = {(one.method, one.path) for one in served.routes.guarded}
    assert len(paths) == len(served.routes.guarded) >= 25
    registered = {
        (method, route.path) for route in served.routes.routers[0].routes for method in getattr(route, "methods", ())
    }
    assert registered - {(m, p) for m, p in registered if m == "HEAD"} == paths, (
        "no route of the desk is without a guard"
    )


def test_every_route_has_a_row_in_the_matrix_and_every_row_a_route(served: Served) -> None:
    found = {(one.method, one.path): set(one.guards) for one in served.routes.guarded}
    assert found == ROUTES
    named = {name for _, path in found for name in re.findall(r"\{[a-z]+\}", path)}
    assert named == {*OF_ONE, "{number}"}, "whose record a new kind of id opens is asked below"
    assert all(served.ids[name.strip("{}")] for name in OF_ONE)


@pytest.mark.parametrize("who", ROLES)
def test_each_role_gets_where_it_belongs_and_nowhere_else(served: Served, who: str) -> None:
    for route in served.routes.guarded:
        session = served.session(who)
        answer = served.ask(route.method, route.path, session)
        where = (who, route.method, route.path, answer.status_code)
        if ANYBODY in route.guards:
            assert not to_login(answer) or route.path == "/desk/login", where
            assert not refused_role(answer), where
        elif not who:
            assert to_login(answer), where
            assert NAME not in answer.text
        elif SOMEBODY in route.guards or {Role(guard) for guard in route.guards} & ROLES[who]:
            assert not refused_role(answer), where
            assert route.path == "/desk/logout" or not to_login(answer), where
        else:
            assert refused_role(answer), where
            assert NAME not in answer.text
            assert ADDRESS not in answer.text


@pytest.mark.parametrize("who", sorted(set(ROLES) - {""}))
def test_no_page_leads_to_one_that_its_reader_may_not_open(served: Served, who: str) -> None:
    session, links = served.session(who), set()
    for route in served.routes.guarded:
        if route.method == "GET":
            answer = served.ask("GET", route.path, session)
            links |= set(re.findall(r'href="(/desk/[^"#]*)"', answer.text)) if answer.status_code == 200 else set()
    assert {"/desk/", "/desk/queue"} <= links
    assert ("/desk/cases" in links) == (Role.SUPERVISOR in ROLES[who])
    for link in sorted(links):
        assert served.ask("GET", link.replace("&amp;", "&"), session).status_code < 400, link


@pytest.mark.parametrize("who", ["other-clerk", "other-boss"])
def test_another_municipalitys_officers_reach_none_of_our_people_by_any_id(served: Served, who: str) -> None:
    for route in served.routes.guarded:
        if not any(name in route.path for name in OF_ONE):
            continue
        session = served.session(who)
        filled = {"kind": "check", "decision": "yes", "reason": "x", "chosen": "x", "present": "yes"}
        filled |= {"finding": "rightful", "answer": "x", "function": "desk"}
        filled |= {"since": "2026-01-01T00:00", "until": "2026-01-02T00:00"}
        answer = served.ask(route.method, route.path, session, {"form": session.form_token, **filled})
        where = (who, route.method, route.path, answer.status_code)
        assert answer.status_code in (403, 404), where
        for word in (NAME, "花子", ADDRESS, "1980-02-17"):
            assert word not in answer.text, where


def test_a_form_of_another_page_session_or_time_is_refused_everywhere(served: Served) -> None:
    session, other = served.session("boss"), served.session("boss")
    for route in served.routes.guarded:
        if route.method != "POST":
            continue
        for form, origin in (
            ({"form": ""}, ORIGIN),
            ({"form": other.form_token}, ORIGIN),
            ({"form": session.cookie}, ORIGIN),
            ({"form": session.form_token}, "https://evil.example"),
            ({"form": session.form_token}, "null"),
        ):
            answer = served.ask("POST", route.path, session, form, origin)
            assert answer.status_code == 403 and "web.form-refused" in answer.text, (route.path, form, origin)
    assert served.ask("GET", "/desk/", session).status_code == 200, "nothing of it ended the session"


def test_other_kinds_of_body_are_no_forms(served: Served) -> None:
    session = served.session("clerk")
    cookie = f"{served.desk.door.sessions.cookie_name}={session.cookie}"
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        answer = served.http.post(
            "/desk/search", content=b"x", headers={"origin": ORIGIN, "cookie": cookie, "content-type": kind}
        )
        assert answer.status_code == 403, kind


def test_log_in_changes_the_cookie_and_the_old_one_opens_nothing(served: Served) -> None:
    sessions = served.desk.door.sessions
    before = sessions.begin()
    after = sessions.log_in(before, "clerk", "", "passkey")
    assert before.cookie != after.cookie and before.form_token != after.form_token
    assert to_login(served.ask("GET", "/desk/", before))
    planted = Session(after.row, "a" * 64)
    assert to_login(served.ask("GET", "/desk/", planted))


def test_the_cookie_is_strict_and_only_its_hash_is_stored(served: Served) -> None:
    answer = served.ask("GET", "/desk/login", None)
    cookie = answer.headers["set-cookie"]
    for part in ("__Host-jitsuin-desk=", "HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    secret = re.search(r"__Host-jitsuin-desk=([0-9a-f]+)", cookie)
    assert secret is not None
    file = Path(str(served.desk.database.engine.url.database))  # type: ignore[attr-defined]
    stored = b"".join(one.read_bytes() for one in file.parent.glob(f"{file.name}*"))
    assert secret.group(1).encode() not in stored


def test_a_session_ends_by_itself_and_at_once_without_its_card(served: Served, clock: SetClock) -> None:
    session = served.session("clerk")
    assert served.ask("GET", "/desk/", session).status_code == 200
    clock.advance(minutes=16)
    assert to_login(served.ask("GET", "/desk/", session))
    with_card = served.session("clerk", CARD, "ab" * 32)
    assert to_login(served.ask("GET", "/desk/", with_card)), "no reader says that the card is there"


def test_pages_cannot_be_framed_and_run_only_our_own_scripts(served: Served) -> None:
    answer = served.ask("GET", "/desk/login", None)
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([0-9a-f]+)'", policy)
    assert nonce is not None and f'nonce="{nonce.group(1)}"' in answer.text
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    again = served.ask("GET", "/desk/login", None).headers["content-security-policy"]
    assert again != policy, "a nonce is used once"
    assert not re.search(r"<script(?![^>]*nonce=)", answer.text)
    assert not re.search(r"\son[a-z]+=|style=", answer.text)


def test_what_is_typed_into_a_search_is_in_no_address_and_no_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    session = served.session("clerk")
    form = {"form": session.form_token, "name": NAME, "born": "1980-02-17", "reason": "counter"}
    answer = served.ask("POST", "/desk/search", session, form)
    assert NAME in answer.text
    assert "花子" not in caplog.text and "1980" not in caplog.text
    assert "花子" not in re.sub(
        r">[^<]*<", "><", answer.text.split("<main")[1].split("</main>")[0].replace('value="', "")
    )


def test_the_search_is_recorded_before_anything_is_shown(served: Served) -> None:
    person = PersonId(served.ids["person"])

    def looks() -> int:
        return len(served.desk.database.read(lambda conn: registry.own_lines(conn, person)))

    before = looks()
    session = served.session("clerk")
    form = {"form": session.form_token, "name": NAME, "born": "1980-02-17", "reason": "telephone"}
    served.ask("POST", "/desk/search", session, form)
    assert looks() == before + 1
    line = served.desk.database.read(lambda conn: registry.own_lines(conn, person))[-1]
    assert line.access.reason == "search:telephone" and line.access.recipient == "main/clerk"
    served.ask("POST", "/desk/search", session, {**form, "name": "実印　太郎"})
    assert looks() == before + 1, "who does not match was not looked at"


def test_nobody_decides_over_their_own_work_even_by_hand(served: Served) -> None:
    boss = served.session("boss")
    begun = served.ask("POST", "/desk/people/{person}/work", boss, {"form": boss.form_token, "kind": "correction"})
    served.ids["work"] = begun.headers["location"].rpartition("/")[2]
    answer = served.ask("POST", "/desk/queue/{work}", boss, {"form": boss.form_token, "reason": "x", "decision": "yes"})
    assert answer.status_code == 403
    assert "enrollment.same-person" in answer.text
