"""Everything that changes something at the desk is signed by the operator's card: every POST of the route table is met
in a story, first without a card, which must change nothing, then with it, which must sign; or it is `UNSIGNED`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import inspect
from starlette.testclient import TestClient

from enrollment import acts, bookings, cases, ledger, protection, registry
from enrollment.counters import Affair
from enrollment.person import PersonId
from enrollment.store import people as people_rows
from pki.instant import Instant
from tests.enrollment.town import AT, TOWN, resident
from tests.support.chance import SetClock
from tests.web.desk_world import LICENCE, ORIGIN
from tests.web.test_desk_households import documents, tell
from tests.web.test_desk_signing import CardLine, Town
from web.application import Frame, compose
from web.desk.cards import ReaderCards
from web.desk.desk import desk_routes
from web.desk.notes import Paper, Safe
from web.desk.officer import Officer
from web.filing_check import FilingCheck
from web.pages.sessions import Session
from web.prefills import Prefills, code_of
from web.readers.lines import ReaderNow, ReadersNow

UNSIGNED = {
    "/desk/login/card": "begins the session; the card signs a challenge there",
    "/desk/login/passkey": "begins a session that signs nothing",
    "/desk/logout": "ends the session, whoever has it",
    "/desk/passkeys": "a key to look with; only in a session that the card opened, and it can sign nothing",
    "/desk/search": "a look, and each look is recorded before it",
    "/desk/search/card": "the same, by the card in the reader",
    "/desk/incidents/{incident}/letters": "prints who was told, which is signed; each look at a name is recorded",
    "/desk/work/{work}/receipt": "prints what is done and signed; the look at the name is recorded, the prints counted",
}
"""POSTs that no card signs, with the reason."""
LOOKING = {"web_sessions", "enrollment_access_records", "transparency_staged", "web_near_misses"}
"""What a refused form may leave: that somebody looked or tried."""
NEW = "東京都見本区新町九丁目８番７号"


@dataclass
class Seat:
    """One operator's two sessions: with the card in the reader, and with a security key."""

    place: "Place"
    officer: Officer
    line: CardLine
    keyed: Session
    beside: CardLine
    """The second session's own line: it may speak with the reader, and still signs nothing."""

    def send(self, session: Session, path: str, form: dict[str, str]) -> Any:
        cookie = f"{self.place.town.desk.door.sessions.cookie_name}={session.cookie}"
        self.place.http.cookies.clear()
        headers = {"origin": ORIGIN, "cookie": cookie, "accept-language": "en"}
        return self.place.http.post(path, headers=headers, data={"form": session.form_token, **form})

    def post(self, path: str, **form: str) -> str:
        """Refused without the card, done and signed with it; where it leads."""
        before = self.place.tables()
        refused = self.send(self.keyed, path, form)
        assert refused.status_code == 403 and "web.card-needed" in refused.text, (path, refused.status_code)
        after = self.place.tables()
        assert {name for name in after if after[name] != before[name]} <= LOOKING, path
        given = len(self.line.given)
        done = self.send(self.officer.session, path, form)
        assert done.status_code in (200, 303), (path, done.status_code, re.sub(r"<[^>]+>", " ", done.text)[-600:])
        assert len(self.line.given) > given, f"{path} was not signed"
        assert self.place.tables() != after, f"{path} did nothing"
        self.place.met.add(self.place.route(path))
        self.place.town.clock.advance(seconds=1)  # what is seen of somebody in one second is one look
        return str(done.headers.get("location", ""))

    def begin(self, person: PersonId, kind: str) -> str:
        return self.post(f"/desk/people/{person}/work", kind=kind)


@dataclass
class Place:
    """A desk that demands signatures, served; which routes were met."""

    town: Town
    http: TestClient
    routes: set[str]
    met: set[str] = field(default_factory=set)

    def seat(self, who: str) -> Seat:
        officer, line = self.town.log_in(who)
        sessions = self.town.desk.door.sessions
        keyed = sessions.log_in(sessions.begin(), who, "", "passkey")
        channel = self.town.pairings.redeem(self.town.pairings.code_for(keyed.handle, "desk"), 27980)
        beside = CardLine(channel.channel, keyed.handle, self.town.loop, lambda _m: None, line.readers)
        self.town.lines.add(beside)
        self.town.lines.note(beside)
        return Seat(self, officer, line, keyed, beside)

    def route(self, path: str) -> str:
        (found,) = [one for one in self.routes if re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", one), path)]
        return found

    def tables(self) -> dict[str, str]:
        """Table → digest of all of its rows."""

        def read(conn: Any) -> dict[str, str]:
            found = {}
            for name in inspect(conn).get_table_names():
                lines = sorted(map(repr, conn.exec_driver_sql(f'SELECT * FROM "{name}"').all()))
                found[name] = sha256("\n".join(lines).encode()).hexdigest()
            notes = self.town.desk.paper
            return {**found, "notes": repr(notes.waiting() if notes else ())}

        return cast(dict[str, str], self.town.database.read(read))


@pytest.fixture
def place(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[Place]:
    clock.set(AT)
    town = Town(sqlite_database, tmp_path, clock)
    town.desk.cards = cast(ReaderCards, object())  # the act comes before any word to a card
    routes = desk_routes(town.desk, FilingCheck({}, {}, None, None), frozenset(), ORIGIN, "http://127.0.0.1:27980")
    application = compose("desk", list(routes.routers), Frame(random=town.random, stopwatch=lambda: 0.0))
    posts = {one.path for one in routes.guarded if one.method == "POST"}
    with TestClient(application, base_url=ORIGIN, follow_redirects=False) as http:
        yield Place(town, http, posts)
    town.loop.close()


def enrolled(town: Town, card_id: str) -> PersonId:
    """Somebody with a card, from before the council demanded signatures."""
    town.database.transaction(lambda conn: conn.exec_driver_sql("DELETE FROM enrollment_signing"))
    person, _ = town.office.enrolled(card_id=card_id, name=f"実印　{'一二三四五'[int(card_id[-1])]}")
    town.database.transaction(lambda conn: acts.demand(conn, TOWN, AT, "council"))
    return person


def work_of(place: Place, path: str) -> str:
    return path.rpartition("/")[2]


def test_every_post_that_changes_something_is_signed(place: Place) -> None:
    town = place.town
    clerk, boss = place.seat("clerk"), place.seat("boss")
    cards(place, clerk, boss)
    people(place, clerk, boss)
    visits(place, clerk)
    supervision(place, boss)
    the_day(place, clerk)
    assert place.met | set(UNSIGNED) == place.routes, "a POST that nobody thought about"
    assert not place.met & set(UNSIGNED)
    count, faults = town.database.read(acts.verify)
    assert count >= len(place.met) and not faults


def cards(place: Place, clerk: Seat, boss: Seat) -> None:
    """What stops a card, and what a PIN is set anew with."""
    person = enrolled(place.town, "CARD0001")
    work = clerk.begin(person, "suspension")
    clerk.post(f"{work}/details", chosen="CARD0001", reason="x")
    work = clerk.begin(person, "resumption")
    clerk.post(f"{work}/evidence", **LICENCE)
    work = clerk.begin(person, "pin-reset")
    clerk.post(f"{work}/evidence", **LICENCE, chosen="CARD0001", purpose="authentication")
    clerk.post(f"{work}/again")
    clerk.post(f"{work}/give-up", reason="x")
    work = clerk.begin(person, "loss")
    clerk.post(f"{work}/details", chosen="CARD0001", reason="x")
    correction = clerk.begin(person, "correction")
    event = place.town.database.read(lambda conn: ledger.history(conn, person))[-1].event
    clerk.post(f"{correction}/details", chosen=event, reason="x")
    boss.post(f"/desk/queue/{work_of(place, correction)}", decision="yes", reason="x")
    clerk.post(f"{correction}/carry-out")


def people(place: Place, clerk: Seat, boss: Seat) -> None:
    """What changes about somebody, alone and together; who may see an address."""
    town = place.town
    moving = enrolled(town, "CARD0002")
    work = clerk.begin(moving, "change")
    clerk.post(f"{work}/evidence", **LICENCE)
    clerk.post(f"{work}/details", address=NEW)
    boss.post(f"/desk/queue/{work_of(place, work)}", decision="yes", reason="x")
    clerk.post(f"{work}/carry-out")
    clerk.post(f"{work}/later")
    waiting = clerk.begin(moving, "waiting-card")
    resident_card = ReaderNow("other", True, True, "CARD0002", "ab" * 32, 3, 5, "")
    clerk.line.readers = ReadersNow(True, (*clerk.line.readers.readers, resident_card))
    clerk.beside.readers = ReadersNow(True, (resident_card,))
    clerk.post(f"{waiting}/card")
    work = clerk.begin(moving, "official-change")
    clerk.post(f"{work}/details", address="東京都見本区新町一丁目１番１号")
    head = enrolled(town, "CARD0003")
    tell(town, TOWN, {head: "head"})  # type: ignore[arg-type]
    work = clerk.begin(head, "household")
    clerk.post(f"{work}/details", address=NEW, moved_on="2026-11-20", **{"part-0": "here", "consent-0": "yes"})
    clerk.post(f"{work}/evidence", **documents({0}))
    boss.post(f"/desk/queue/{work_of(place, work)}", decision="yes", reason="x")
    clerk.post(f"{work}/carry-out")
    clerk.post(f"{work}/later")
    hidden = town.database.transaction(lambda conn: resident(conn, town.random, name="実印　静"))
    town.database.transaction(lambda conn: conn.exec_driver_sql("DELETE FROM enrollment_signing"))
    who = town.database.read(lambda conn: people_rows.operator_of(conn, "boss"))
    town.database.transaction(lambda conn: protection.apply(conn, hidden, who, AT, town.random))
    town.database.transaction(lambda conn: acts.demand(conn, TOWN, AT, "council"))
    work = clerk.begin(hidden, "unlock")
    clerk.post(f"{work}/details", reason="x")
    boss.post(f"/desk/queue/{work_of(place, work)}", decision="no", reason="x")
    work = clerk.begin(hidden, "unlock")
    clerk.post(f"{work}/details", reason="x")
    boss.post(f"/desk/queue/{work_of(place, work)}", decision="yes", reason="x")
    clerk.post(f"{work}/see")
    work = clerk.begin(town.person, "first-issue")
    clerk.post(f"{work}/evidence", **LICENCE)
    clerk.post(f"{work}/give-up", reason="x")
    work = clerk.begin(town.person, "login-code")
    clerk.post(f"{work}/evidence", **LICENCE)
    clerk.post(f"{work}/code")


def visits(place: Place, clerk: Seat) -> None:
    """Whoever was booked, or prepared something at home."""
    town, now = place.town, place.town.clock.now()
    document = {"address": NEW, "moved_on": "2026-11-20", "members": [town.person]}
    code = Prefills(town.database, town.clock, town.random).give(town.person, TOWN, document)
    clerk.post("/desk/prefills", code=code_of(code))
    affairs, slot = frozenset({Affair.IN_PERSON_CHECK}), Instant.parse("2026-11-24T01:00:00Z")
    booked = town.database.transaction(
        lambda conn: bookings.book(conn, town.person, "main", slot, affairs, now, town.random)
    )
    town.clock.set(slot)
    fresh = place.seat("clerk")
    fresh.post("/desk/bookings", ticket=booked.ticket)


def supervision(place: Place, boss: Seat) -> None:
    """Questions and incidents."""
    boss = place.seat("boss")
    town, now = place.town, place.town.clock.now()
    tax = registry.Access("inquiry", "tax", "税", TOWN, "税務署 北支署", registry.FOUR_ATTRIBUTES, "法")
    record = town.database.transaction(lambda conn: registry.record_access(conn, town.person, tax, now, town.random))
    case = town.database.transaction(lambda conn: cases.open_case(conn, town.person, record.record, now, town.random))
    boss.post(f"/desk/cases/{case.case}", finding="rightful", answer="x")
    incident = boss.post("/desk/incidents", kind="leak", drill="yes")
    day = now.jst_date().isoformat()
    boss.post(f"{incident}/scope", since="2026-01-01T00:00", until=f"{day}T23:59", affairs="税")
    place.seat("boss2").post(f"{incident}/notify")
    boss.post(f"{incident}/close")


def the_day(place: Place, clerk: Seat) -> None:
    """Stock, closing, and what was noted while the database was away."""
    clerk = place.seat("clerk")
    clerk.post("/desk/stock", cards="5")
    clerk.post("/desk/day", counted="5")
    place.town.desk.paper = paper = Paper(
        Path(place.town.database.engine.url.database).parent / "notes", place.town.random
    )
    enrolled(place.town, "CAFE0004")
    at = place.town.clock.now() + -timedelta(minutes=1)
    paper.write(Safe.LOSS, "CAFE0004", TOWN, "main", "clerk", at)
    clerk.post("/desk/notes", act="carry-out")
    assert not paper.waiting()
