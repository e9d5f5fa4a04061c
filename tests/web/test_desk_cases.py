"""Questions and incidents at the desk: what waits and is late, who may answer, what a drill leaves behind."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from enrollment import cases, incidents, notices, protection, registry, retention, watch
from enrollment.case import CaseState
from enrollment.incident import IncidentState
from enrollment.person import PersonId
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.store import peers
from enrollment.store import people as people_rows
from pki.instant import Instant
from tests.enrollment.office import open_office
from tests.enrollment.town import TOWN, resident
from tests.support.chance import SeededOctets, SetClock
from tests.web.test_receipt_paper import pages
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer
from web.application import Frame, compose
from web.desk.desk import desk_door, desk_routes
from web.desk.parts import Desk
from web.filing_check import FilingCheck
from web.readers.lines import Lines
from web.readers.pairings import Pairings

ORIGIN = "https://desk.example"
NAME, ADDRESS = "実印　花子", "東京都見本区見本町"
TAX = Access("inquiry", "tax", "税", TOWN, "税務署 北支署", FOUR_ATTRIBUTES, "国税通則法")


class Supervisors:
    """The desk's pages for whoever asks, over a town with one resident."""

    def __init__(self, database: Any, folder: Path, clock: SetClock) -> None:
        self.office = open_office(database, folder, "desk cases")
        self.database, self.clock, self.random = database, clock, SeededOctets("desk cases")
        self.folder = folder / "log"
        door = desk_door(database, clock, self.random, Pairings(clock, self.random), Lines(clock))
        self.sessions = door.sessions
        desk = Desk(database, clock, self.random, door, self.office.issuing, None, ORIGIN)
        routes = desk_routes(desk, FilingCheck({}, {}, None, None), frozenset(), ORIGIN, "http://127.0.0.1:27980")
        self.http = TestClient(
            compose("desk", list(routes.routers), Frame(random=self.random, stopwatch=lambda: 0.0)),
            base_url=ORIGIN,
            follow_redirects=False,
        )
        self.person = PersonId(database.transaction(lambda conn: resident(conn, self.random)))

    def ask(self, who: str, path: str, **form: str) -> Any:
        session = self.sessions.log_in(self.sessions.begin(), who, "", "passkey")
        headers = {"origin": ORIGIN, "cookie": f"{self.sessions.cookie_name}={session.cookie}", "accept-language": "en"}
        if not form:
            return self.http.get(path, headers=headers)
        return self.http.post(path, headers=headers, data={**form, "form": session.form_token})

    def see(self, who: str, path: str) -> str:
        answer = self.ask(who, path)
        assert answer.status_code == 200, (path, answer.status_code)
        text = str(answer.text)
        assert NAME not in text and ADDRESS not in text and self.person not in text, path
        return text

    def look(self, access: Access = TAX, at: Instant | None = None) -> str:
        when = at or self.clock.now()
        made = self.database.transaction(
            lambda conn: registry.record_access(conn, self.person, access, when, self.random)
        )
        return str(made.record)

    def question(self, record: str) -> str:
        now = self.clock.now()
        return str(
            self.database.transaction(lambda conn: cases.open_case(conn, self.person, record, now, self.random)).case
        )

    def alarms(self) -> set[str]:
        self.database.transaction(lambda conn: watch.look(conn, self.clock.now(), self.random))
        return {one.kind for one in self.database.read(lambda conn: peers.alarms_of(conn, TOWN))}

    def notices(self) -> list[str]:
        found = self.database.read(lambda conn: notices.notices_of(conn, self.person))
        return [one.kind.value for one in found]


@pytest.fixture
def desk(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[Supervisors]:
    made = Supervisors(sqlite_database, tmp_path, clock)
    with made.http:
        yield made


def test_a_question_waits_is_late_raises_an_alarm_and_is_answered(desk: Supervisors) -> None:
    case = desk.question(desk.look())
    page = desk.see("boss", "/desk/cases")
    assert f'href="/desk/cases/{case}"' in page and "Due 2026-12-08" in page
    assert desk.alarms() == set()
    desk.clock.advance(days=16)
    assert "Overdue: it was due on 2026-12-08" in desk.see("boss", "/desk/cases")
    assert desk.alarms() == {watch.CASE_OVERDUE}
    shown = desk.see("boss", f"/desk/cases/{case}")
    assert "税務署 北支署" in shown and "国税通則法" in shown
    assert desk.ask("boss", f"/desk/cases/{case}", finding="perhaps", answer="x").status_code == 400
    assert desk.ask("boss", f"/desk/cases/{case}", finding="rightful", answer=" ").status_code == 422
    done = desk.ask("boss", f"/desk/cases/{case}", finding="rightful", answer="<i>滞納の照会</i>です。")
    assert (done.status_code, done.headers["location"]) == (303, "/desk/cases")
    assert "&lt;i&gt;滞納の照会" in desk.see("boss", f"/desk/cases/{case}")
    assert desk.notices() == ["case-answered"]
    assert desk.alarms() == set()
    desk.database.transaction(lambda conn: cases.respond(conn, desk.person, case, accept=False, at=desk.clock.now()))
    assert "Another supervisor does" in desk.see("boss", f"/desk/cases/{case}")
    again = desk.ask("boss", f"/desk/cases/{case}", finding="rightful", answer="やはり正当です。")
    assert again.status_code == 403 and "enrollment.same-answerer" in again.text
    assert desk.ask("boss2", f"/desk/cases/{case}", finding="rightful", answer="調べ直しました。").status_code == 303


def test_only_a_supervisor_of_the_owner_sees_a_question_and_nobody_answers_for_themselves(desk: Supervisors) -> None:
    own = desk.question(desk.look(Access("desk", "open", "jpki", TOWN, "main/boss", FOUR_ATTRIBUTES, "法")))
    for who, code in (("clerk", "enrollment.role-missing"), ("other-boss", "enrollment.not-yours")):
        for form in ({}, {"finding": "rightful", "answer": "x"}):
            answer = desk.ask(who, f"/desk/cases/{own}", **form)
            assert answer.status_code == 403 and code in answer.text
    assert own not in desk.see("other-boss", "/desk/cases")
    refused = desk.ask("boss", f"/desk/cases/{own}", finding="rightful", answer="わたしが見ました。")
    assert refused.status_code == 403 and "enrollment.same-person" in refused.text
    assert desk.ask("boss", "/desk/cases/none").status_code == 404
    (case,) = desk.database.read(lambda conn: cases.of_owner(conn, TOWN))
    assert case.state is CaseState.OPEN


def test_a_mistake_begins_an_incident_that_finds_everybody_and_tells_them_by_another_hand(desk: Supervisors) -> None:
    desk.look()
    case = desk.question(desk.look())
    answered = desk.ask("boss", f"/desk/cases/{case}", finding="mistake", answer="誤りでした。")
    path = answered.headers["location"]
    assert re.fullmatch(r"/desk/incidents/\w+", path)
    page = desk.see("boss", path)
    assert 'value="税務署 北支署"' in page, "the scope begins with the record that was asked about"
    assert desk.ask("boss2", f"{path}/notify", go="yes").status_code == 409
    day = desk.clock.now().jst_date().isoformat()
    span = {"since": f"{day}T00:00", "until": f"{day}T23:59"}
    assert desk.ask("boss", f"{path}/scope", **span).status_code == 422, "a day is no scope"
    assert desk.ask("boss", f"{path}/scope", **{**span, "since": "rubbish", "affairs": "税"}).status_code == 400
    assert desk.ask("other-boss", f"{path}/scope", **span, affairs="税").status_code == 403
    assert desk.ask("boss", f"{path}/scope", **span, recipient="税務署 北支署").status_code == 303
    scoped = desk.see("boss", path)
    assert "1 people, 2 records" in scoped and "Another supervisor than who found it" in scoped
    assert desk.ask("boss", f"{path}/notify", go="yes").status_code == 403
    assert "Tell everybody concerned" in desk.see("boss2", path)
    assert desk.ask("boss2", f"{path}/notify", go="yes").status_code == 303
    assert sorted(desk.notices()) == ["case-answered", "incident"]
    assert desk.ask("boss2", f"{path}/close", go="yes").status_code == 303
    assert "Closed" in desk.see("boss", path)
    assert desk.ask("clerk", path).status_code == 403


def test_a_drill_says_so_on_every_page_and_reaches_nobody(desk: Supervisors) -> None:
    desk.look()
    begun = desk.ask("boss", "/desk/incidents", kind="leak", drill="yes")
    path = begun.headers["location"]
    desk.clock.advance(days=6)
    assert desk.alarms() == set(), "a drill that is late wakes nobody"
    day = desk.clock.now().jst_date().isoformat()
    form = {"since": "2026-01-01T00:00", "until": f"{day}T23:59", "affairs": "税"}
    for who, step, fields in (
        ("boss", "scope", form),
        ("boss2", "notify", {"go": "yes"}),
        ("boss", "close", {"go": "y"}),
    ):
        before = desk.see(who, path)
        assert "DRILL: nobody is told and nothing is published" in before and "<h1>DRILL: Leak" in before
        assert desk.ask(who, f"{path}/{step}", **fields).status_code == 303
        after = desk.see(who, path)
        assert "Everybody concerned was told" not in after and "Print the notices" not in after
        assert ("nobody was told" in after) == (step != "scope")
    assert desk.ask("boss", f"{path}/letters", first="0").status_code == 400, "there is nobody to write to"
    assert "What the public would read (a drill: it is not published)" in desk.see("boss", path)
    assert "DRILL" in desk.see("boss", "/desk/incidents")
    assert desk.notices() == []
    assert desk.database.read(lambda conn: incidents.published(conn, TOWN)) == ()
    (one,) = desk.database.read(lambda conn: incidents.of_owner(conn, TOWN))
    assert (one.state, one.affected, one.drill) == (IncidentState.CLOSED, 1, True)


def told_about(desk: Supervisors) -> str:
    """The path of an incident whose people were told."""
    path = desk.ask("boss", "/desk/incidents", kind="leak").headers["location"]
    day = desk.clock.now().jst_date().isoformat()
    form = {"since": "2026-01-01T00:00", "until": f"{day}T23:59", "affairs": "税"}
    assert desk.ask("boss", f"{path}/scope", **form).status_code == 303
    assert desk.ask("boss", f"{path}/letters", first="0").status_code == 400, "nobody was told yet"
    assert desk.ask("boss2", f"{path}/notify", go="yes").status_code == 303
    return str(path)


def test_notices_are_printed_for_who_was_told_and_that_they_were_is_in_their_records(desk: Supervisors) -> None:
    desk.look()
    other = PersonId(desk.database.transaction(lambda conn: resident(conn, desk.random)))
    desk.database.transaction(lambda conn: registry.record_access(conn, other, TAX, desk.clock.now(), desk.random))
    path = told_about(desk)
    assert "1 to 2" in desk.see("boss", path)
    printed = desk.ask("boss", f"{path}/letters", first="0")
    assert (printed.status_code, printed.headers["content-type"]) == (200, "application/pdf")
    papers = pages(printed.content)
    assert len(papers) == 2
    for _, text in papers:
        told = re.sub(r"\s", "", text)
        assert "実印花子" in told and ADDRESS in told and "漏えい" in told
        assert not re.search(r"印刷回数|税務署", told)
    for person in (desk.person, other):
        last = desk.database.read(lambda conn, person=person: registry.own_lines(conn, person))[-1]
        assert (last.access.reason, last.access.recipient.partition("/")[2]) == ("incident-notice", "boss")
    assert len(pages(desk.ask("boss", f"{path}/letters", first="1").content)) == 1
    for odd in ("2", "-1", "x", "9" * 30):
        assert desk.ask("boss", f"{path}/letters", first=odd).status_code == 400, odd
    for who in ("clerk", "other-boss"):
        assert desk.ask(who, f"{path}/letters", first="0").status_code == 403

    def protect(conn: Any) -> None:
        clerk = people_rows.operator_of(conn, "clerk")
        protection.apply(conn, other, clerk, desk.clock.now(), desk.random)

    desk.database.transaction(protect)
    assert len(pages(desk.ask("boss", f"{path}/letters", first="0").content)) == 1
    assert "Not printed for 1 people under protection or moved away" in desk.see("boss", path)


def test_a_question_whose_record_was_destroyed_stays_and_says_so(desk: Supervisors) -> None:
    signer, folder = Signer(f"log.example/{TOWN}", Ed25519PrivateKey.generate()), Folder(desk.folder)
    folder.begin(signer.verifier)
    log = Log(desk.database, TOWN, signer, folder)
    case = desk.question(desk.look())
    log.sequence(desk.clock.now())
    path = desk.ask("boss", f"/desk/cases/{case}", finding="mistake", answer="誤りでした。").headers["location"]
    desk.database.transaction(lambda conn: cases.respond(conn, desk.person, case, accept=True, at=desk.clock.now()))
    assert "税務署 北支署" in desk.see("boss", f"/desk/cases/{case}")
    desk.clock.advance(days=8 * 366)
    assert retention.destroy_due(desk.database, desk.clock.now()).records == 1
    shown = desk.see("boss", f"/desk/cases/{case}")
    assert "This record was kept for seven years and then destroyed." in shown
    assert "税務署" not in shown and "誤りでした。" in shown
    assert desk.see("boss", "/desk/cases") and desk.see("boss", path)
    again = desk.ask("boss2", f"/desk/cases/{case}", finding="rightful", answer="x")
    assert again.status_code == 409 and "enrollment.wrong-state" in again.text


def test_an_incident_that_nobody_was_told_of_in_time_raises_an_alarm(desk: Supervisors) -> None:
    assert desk.ask("boss", "/desk/incidents", kind="rubbish").status_code == 400
    path = desk.ask("boss", "/desk/incidents", kind="leak").headers["location"]
    assert "Due 2026-11-28" in desk.see("boss", path)
    desk.clock.advance(days=5)
    assert desk.alarms() == set()
    desk.clock.advance(days=1)
    assert desk.alarms() == {watch.INCIDENT_OVERDUE}
    assert "Overdue" in desk.see("boss", "/desk/incidents")
    later = (desk.clock.now() + timedelta(hours=9)).iso()[:16]
    form = {"since": "2026-11-23T00:00", "until": later, "affairs": "税"}
    assert desk.ask("boss", f"{path}/scope", **form).status_code == 303
    assert desk.ask("boss2", f"{path}/notify", go="yes").status_code == 303
    assert desk.alarms() == set()
