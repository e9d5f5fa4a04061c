"""A person's own pages without a browser: what is shown, to whom, in three languages, and what a form may do."""

import json
import re
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.testclient import TestClient
from icalendar import Calendar
from typer.testing import CliRunner

from cli.audit import app as audit_app
from enrollment import bookings, cases, grants, incidents, protection, registry
from enrollment.cards import CardSlot
from enrollment.case import Finding
from enrollment.counters import Affair
from enrollment.errors import FilingRejected, Stale
from enrollment.events import EventKind
from enrollment.filing import VerifiedFiling, parse_filing
from enrollment.households import Households
from enrollment.incident import IncidentKind, Scope
from enrollment.person import PersonId
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.signed import OwnerKeys
from enrollment.store import gate, work
from enrollment.store import people as people_rows
from pki.card_state import CardState
from pki.instant import Instant, Validity
from pki.purpose import Purpose
from tests.enrollment.office import Office, open_office
from tests.enrollment.town import AT, TOWN, resident
from tests.support.chance import SetClock
from tests.web.test_receipt_paper import pages as paper
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer
from web.citizen.certificates import HomeCards
from web.citizen.citizen import REALM, citizen_routes
from web.citizen.codes import LIFE, LoginCodes, shown
from web.citizen.entry import ELSEWHERE
from web.citizen.parts import Citizen
from web.citizen.resident import CARD, Door
from web.citizen.words import WORDS
from web.consents import Consents, Wish
from web.filing_check import FilingCheck
from web.pages.card_login import CardLogin
from web.pages.router import ANYBODY
from web.pages.sessions import Sessions
from web.pages.wording import PageLanguage, plain
from web.pages.words import WORDS as SHARED
from web.readers.lines import Line, Lines
from web.readers.pairings import Pairings
from web.subjects import RegisteredSubjects

SERVICE = "https://testserver"
SIGNER = Signer(f"log.example/{TOWN}", Ed25519PrivateKey.from_private_bytes(bytes(32)))
PENSION = Access("inquiry", "pension", "年金", TOWN, "年金事務所 東支所", FOUR_ATTRIBUTES, "住民基本台帳法30条の9")
LATER = AT + timedelta(days=1)
PARTS = (
    "/citizen/pairing",
    "/incidents/{incident}",
    "/citizen/incidents/{incident}/notice.pdf",
    "/citizen/certificates/{application}",
    "/citizen/certificates/{application}/now",
)
"""No whole page, and those that have tests of their own."""


@dataclass
class Pages:
    """The pages of one town, and a browser for each visitor."""

    office: Office
    clock: SetClock
    application: FastAPI
    consents: Consents
    codes: LoginCodes
    guarded: tuple[Any, ...]
    sessions: Sessions
    pairings: Pairings

    def browser(self, language: str = "en") -> TestClient:
        return TestClient(
            self.application, base_url=SERVICE, follow_redirects=False, headers={"accept-language": language}
        )

    def with_card(self, person: PersonId) -> "Visitor":
        """Somebody who came with their card."""
        fingerprint = self.fingerprint(person, Purpose.AUTHENTICATION)
        session = self.sessions.log_in(self.sessions.begin(), person, fingerprint, CARD)
        visitor = Visitor(self.browser())
        visitor.client.cookies.set("__Host-jitsuin-citizen", session.cookie)
        visitor.form = session.form_token
        return visitor

    def fingerprint(self, person: PersonId, purpose: Purpose) -> str:
        held = self.office.database.read(lambda conn: work.certificates_of(conn, person))
        return next(str(one.fingerprint) for one in held if one.purpose is purpose and one.ended_at is None)

    def logged_in(self, person: PersonId, language: str = "en") -> "Visitor":
        clerk = self.office.database.read(lambda conn: people_rows.operator_of(conn, "clerk"))
        visitor = Visitor(self.browser(language))
        answer = visitor.send("/citizen/login/code", code=shown(self.codes.give(person, clerk)))
        assert answer.headers["location"] == "/citizen/", answer.text
        return visitor


class NoCards:
    """Nobody has a reader at home."""

    def slot(self, line: Line, reader: str) -> CardSlot:
        raise AssertionError(reader)

    def set_pins(self, line: Line, reader: str, card_id: str, purposes: tuple[Purpose, ...], number: int) -> None:
        raise AssertionError(reader)


class Believes:
    """A verifier for whom a signature is the signer's fingerprint; the real one is met in the browser's tests."""

    def verify(self, document: bytes, signature: bytes, at: Instant) -> VerifiedFiling:
        if len(signature) != 32:
            raise FilingRejected("FAILED", "SIG_CRYPTO_FAILURE", "{}")
        return VerifiedFiling(parse_filing(document), document, signature, signature.hex(), "1", "{}", at)


@dataclass
class Visitor:
    """Somebody at a browser: sees pages, sends their forms."""

    client: TestClient
    form: str | None = None

    def see(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.headers.get("location"))
        return answer.text

    def token(self) -> str:
        page = self.client.get("/citizen/login", follow_redirects=True).text
        found = re.search(r'name="form" value="([0-9a-f]{64})"', page)
        assert found, page
        return found.group(1)

    def send(self, path: str, origin: str = SERVICE, token: str | None = None, **fields: str) -> Any:
        body = {"form": token or self.form or self.token(), **fields}
        return self.client.post(path, data=body, headers={"origin": origin})


@pytest.fixture
def pages(sqlite_database: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Pages:
    return open_pages(open_office(sqlite_database, tmp_path, request.node.nodeid))


def open_pages(office: Office, home: HomeCards | None = None) -> Pages:
    """The pages of that office; `home`: cards in people's own readers, of which there are none without."""
    clock = SetClock(LATER)
    check = FilingCheck({}, {}, None, None)
    consents = Consents(
        check, office.database, RegisteredSubjects(office.database, office.random), clock, office.random
    )
    door = Door(office.database, Sessions(REALM, office.database, clock, office.random))
    citizen = Citizen(
        office.database, clock, office.random, door, Pairings(clock, office.random), consents, SERVICE,
        lambda _owner: str(SIGNER.verifier), lambda party: f"Party {party}",
    )  # fmt: skip
    households = Households(office.database, office.moves.registrar, OwnerKeys({}), office.random)
    home = home or HomeCards(office.issuing, NoCards(), Lines(clock), lambda _seconds: None)
    routes = citizen_routes(citizen, check, frozenset(), "http://127.0.0.1:27980", households, Believes(), home)  # type: ignore[arg-type]
    application = FastAPI()
    for router in routes.routers:
        application.include_router(router)
    codes = LoginCodes(office.database, clock, office.random)
    return Pages(office, clock, application, consents, codes, tuple(routes.guarded), door.sessions, citizen.pairings)


@pytest.fixture
def hanako(pages: Pages) -> tuple[PersonId, Any]:
    person, card = pages.office.enrolled()
    return PersonId(person), card


def _look(pages: Pages, person: PersonId, at: Instant = AT) -> str:
    office = pages.office
    return office.database.transaction(
        lambda conn: registry.record_access(conn, person, PENSION, at, office.random)
    ).record


def _operator(pages: Pages, name: str) -> Any:
    return pages.office.database.read(lambda conn: people_rows.operator_of(conn, name))


def _protect(pages: Pages, person: PersonId) -> None:
    clerk = _operator(pages, "clerk")
    pages.office.database.transaction(lambda conn: protection.apply(conn, person, clerk, AT, pages.office.random))


# -- words -------------------------------------------------------------------------------------------------------------


def test_every_word_is_there_three_times_with_the_same_places() -> None:
    for key, words in WORDS.items():
        texts = [words.in_language(language) for language in PageLanguage]
        assert all(texts), key
        places = [set(re.findall(r"%\((\w+)\)s", text)) for text in texts]
        assert places[0] == places[1] == places[2], key
        assert not re.search(r"[぀-ヿ一-鿿]", words.en), key
    easy = [plain(words.easy) for words in WORDS.values()]
    assert max(map(len, easy)) < 120


def test_in_easy_japanese_every_kanji_has_its_reading() -> None:
    for key, words in WORDS.items():
        bare = re.sub(r"\{[^{}|]+\|[^{}|]+\}", "", words.easy)
        assert not re.search(r"[一-鿿]", bare), (key, words.easy)


def test_no_word_is_said_that_no_page_says() -> None:
    folder = Path("web/templates")
    said = "".join(file.read_text("utf-8") for file in [*folder.glob("citizen/*.html"), *folder.glob("pages/*.html")])
    code = "".join(file.read_text("utf-8") for file in Path("web/citizen").glob("*.py") if "words" not in file.name)
    code += Path("web/desk/timeline.py").read_text("utf-8")
    families = (
        *("purpose-", "held-", "card-state-", "event-", "kind-", "field-", "result-", "case-", "finding-", "move-"),
        *("why-", "code-", "incident-", "moment-", "notice-", "grant-", "affair-", "content-", "state-", "ends-"),
        "grade-",
        "home-cert-step-",
    )
    for key in set(WORDS) - set(SHARED):
        assert f'"{key}"' in said + code or f"'{key}'" in said or key.startswith(families), key


# -- coming in ---------------------------------------------------------------------------------------------------------


def test_nobody_sees_anything_without_having_come_in(pages: Pages) -> None:
    for route in pages.guarded:
        if ANYBODY in route.guards:
            continue
        path = re.sub(r"\{\w+\}", "x", route.path)
        visitor = Visitor(pages.browser())
        token = visitor.token()
        answer = visitor.client.get(path) if route.method == "GET" else visitor.send(path, token=token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/citizen/login"), path


def test_a_code_is_worth_one_log_in_within_a_day(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    code = pages.codes.give(person, _operator(pages, "clerk"))
    assert set(code) <= set(string.ascii_uppercase + string.digits) - set("01IO")
    one, other = Visitor(pages.browser()), Visitor(pages.browser())
    before = one.client.get("/citizen/login").cookies
    assert one.send("/citizen/login/code", code=shown(code).lower()).status_code == 303
    assert one.client.cookies.get("__Host-jitsuin-citizen") != before.get("__Host-jitsuin-citizen"), "a new cookie"
    assert other.send("/citizen/login/code", code=code).status_code == 403
    late = pages.codes.give(person, _operator(pages, "clerk"))
    pages.clock.set(pages.clock.now() + LIFE)
    assert other.send("/citizen/login/code", code=late).status_code == 403
    for _ in range(40):
        answer = other.send("/citizen/login/code", code="AAAA-AAAA-AAAA")
    assert answer.status_code == 429
    assert person not in answer.text


def test_coming_with_the_card_is_noted_once_a_month_and_a_code_is_not(
    pages: Pages, hanako: tuple[PersonId, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card's signature itself is verified in the browser's tests."""
    person, _ = hanako
    fingerprint = pages.fingerprint(person, Purpose.AUTHENTICATION)
    monkeypatch.setattr(CardLogin, "fingerprint", lambda _self, _session, _token: fingerprint)

    def contacts() -> list[tuple[str, Instant]]:
        return [(event.level, event.at) for event in pages.office.events(person) if event.kind is EventKind.CONTACT]

    def comes() -> str:
        answer = Visitor(pages.browser()).send("/citizen/login/card")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    pages.logged_in(person)
    assert contacts() == []
    assert (comes(), comes()) == ("/citizen/", "/citizen/")
    assert contacts() == [("authenticated-use", LATER)]

    def full(*_arguments: object, **_more: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("web.subjects.assurance.note_contact", full)
    pages.clock.set(LATER + timedelta(days=40))
    assert comes() == "/citizen/", "a note that cannot be made stops nobody"
    assert len(contacts()) == 1


FORM = b"application/x-www-form-urlencoded"
GARBAGE: tuple[bytes, ...] = (
    b"x", b"a" * 64, b"0" * 63, b"g" * 64, b"a" * 5000, b'"' + b"a" * 62 + b'"', b"%00" * 20,
    b"' OR 1=1 --" + b" " * 40, "実印".encode() * 10, bytes(range(0x80, 0xC0)), b"\xff" * 64, b"../" * 20, b"",
)  # fmt: skip


def test_a_cookie_of_garbage_or_of_another_place_opens_nothing(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    good = pages.logged_in(hanako[0]).client.cookies["__Host-jitsuin-citizen"].encode()
    desk = Sessions("desk", pages.office.database, pages.clock, pages.office.random)
    of_desk = desk.log_in(desk.begin(), "clerk", "", "passkey").cookie.encode()
    tried = (*GARBAGE, of_desk, good.upper(), good[:-1], good + b"0", good[::-1])
    for value in tried:
        if value == good:
            continue  # turned about, it may be the same
        for cookie in (b"__Host-jitsuin-citizen=" + value, b"__Host-jitsuin-citizen=" + value + b"; a; =b;;;"):
            for path in ("/citizen/", "/citizen/history.json", "/incidents/x/../x"):
                answer = pages.browser().get(path, headers=[(b"cookie", cookie)])
                assert answer.status_code in (303, 404), (value, path)
                assert answer.headers.get("location", "/citizen/login") == "/citizen/login"
            headers = [(b"cookie", cookie), (b"origin", SERVICE.encode()), (b"content-type", FORM)]
            sent = pages.browser().post("/citizen/lock", content=b"form=" + b"0" * 64, headers=headers)
            assert sent.status_code == 403, value


def test_only_the_own_towns_clerk_gives_a_code(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    from enrollment.errors import NotYours

    with pytest.raises(NotYours):
        pages.codes.give(hanako[0], _operator(pages, "other-clerk"))


def test_forms_of_others_do_nothing(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    visitor = pages.logged_in(hanako[0])
    card = pages.office.database.read(lambda conn: work.cards_of(conn, hanako[0]))[0]
    for wrong in ({"origin": "https://evil.example"}, {"token": "0" * 64}):
        answer = visitor.send("/citizen/lock", card=card.card_id, **wrong)
        assert answer.status_code == 403
    assert pages.office.database.read(lambda conn: work.cards_of(conn, hanako[0]))[0].state is CardState.ACTIVE


def test_out_at_once_leaves_nothing_behind(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    visitor = pages.logged_in(hanako[0])
    answer = visitor.send("/citizen/exit")
    assert answer.headers["refresh"] == f"0; url={ELSEWHERE}"
    assert answer.text == ""
    assert '"cookies"' in answer.headers["clear-site-data"]
    assert visitor.client.get("/citizen/").status_code == 303


def test_a_session_ends_with_the_certificate_that_opened_it(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    held = next(
        one
        for one in pages.office.database.read(lambda conn: work.certificates_of(conn, person))
        if one.purpose.value == "authentication"
    )
    door = Door(pages.office.database, Sessions(REALM, pages.office.database, pages.clock, pages.office.random))
    session = door.sessions.log_in(door.sessions.begin(), person, str(held.fingerprint), CARD)
    assert door.admit(session).has_card
    assert door.of_card(str(held.fingerprint)) == person
    pages.office.database.transaction(lambda conn: work.end_certificate(conn, held.intent, LATER, "test"))
    from verifier.errors import TokenRefused
    from web.errors import NoSession

    with pytest.raises(NoSession):
        door.admit(session)
    with pytest.raises(TokenRefused):
        door.of_card(str(held.fingerprint))


# -- what is shown -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", list(PageLanguage))
def test_every_page_in_every_language(pages: Pages, hanako: tuple[PersonId, Any], language: PageLanguage) -> None:
    person, _ = hanako
    _look(pages, person)
    visitor = pages.with_card(person)
    paper = _paper(pages, visitor)
    for route in pages.guarded:
        if route.method == "GET" and "." not in route.path and route.path not in PARTS:
            path = paper if "{filing}" in route.path else route.path
            answer = visitor.client.get(f"{path}?lang={language.value}")
            if route.path == "/citizen/login":
                assert answer.headers["location"] == "/citizen/"
                continue
            assert answer.status_code == 200, route.path
            assert f'<html lang="{language.tag}">' in answer.text
            assert "script-src 'nonce-" in answer.headers["content-security-policy"]
            assert person not in answer.text, "the register's number of a person is on no page"


def test_moves_left_and_the_day_by_which_to_be_seen(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, card = hanako
    visitor = pages.logged_in(person)
    assert "3 online changes of address left (0 of 3 used)" in visitor.see("/citizen/trust")
    pages.office.move(card, "東京都見本区南町１番", LATER)
    page = visitor.see("/citizen/trust")
    assert "2 online changes of address left (1 of 3 used)" in page
    assert "in person by 2031-11-23" in page
    assert "How sure we are that it is you: high" in page
    assert "We remind you of the next check in person on 2031-08-25" in page
    assert '<svg viewBox="0 0 640' in page


def test_the_calendar_names_days_and_nobody(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    answer = pages.logged_in(hanako[0]).client.get("/citizen/calendar.ics")
    found = {str(one["uid"]): one for one in Calendar.from_ical(answer.content).walk("VEVENT")}
    assert set(found) == {"certificate-signature@jitsuin", "certificate-authentication@jitsuin", "in-person@jitsuin"}
    assert found["in-person@jitsuin"]["dtstart"].dt.isoformat() == "2031-11-23"
    assert "花子" not in answer.text


def test_locking_the_card_is_for_now_and_only_ones_own(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    other, _ = pages.office.enrolled(card_id="CARD0002")
    card, strange = (
        pages.office.database.read(lambda conn, p=p: work.cards_of(conn, PersonId(p)))[0] for p in (person, other)
    )
    visitor = pages.logged_in(person)
    assert card.card_id in visitor.see("/citizen/lock")
    assert visitor.send("/citizen/lock", card=strange.card_id).status_code == 400
    assert visitor.send("/citizen/lock", card=card.card_id).status_code == 303
    now = [pages.office.database.read(lambda conn, c=c: work.card_of(conn, c.card_id)).state for c in (card, strange)]
    assert now == [CardState.SUSPENDED, CardState.ACTIVE]
    assert "Locked" in visitor.see("/citizen/card")
    assert "On hold" in visitor.see("/citizen/card")
    assert "There is no card to lock" in visitor.see("/citizen/lock")


def test_who_looked_filters_files_and_questions(pages: Pages, hanako: tuple[PersonId, Any], tmp_path: Path) -> None:
    person, _ = hanako
    record = _look(pages, person)
    folder = Folder(tmp_path / "log")
    folder.begin(SIGNER.verifier)
    log = Log(pages.office.database, TOWN, SIGNER, folder)
    while log.sequence(LATER).size < 1:
        pass
    visitor = pages.logged_in(person)
    page = visitor.see("/citizen/history?function=inquiry")
    assert "年金事務所 東支所" in page
    assert "年金事務所" not in visitor.see("/citizen/history?until=2026-01-01")
    assert "年金事務所" in visitor.see("/citizen/history?from=rubbish")
    assert "年金事務所 東支所" in visitor.see("/citizen/history.csv")
    file = tmp_path / "history.json"
    file.write_text(visitor.see("/citizen/history.json"), "utf-8")
    assert json.loads(file.read_text("utf-8"))["waiting"] == 0
    assert CliRunner().invoke(audit_app, ["verify", str(file)]).exit_code == 0
    assert visitor.send("/citizen/history/ask", record="0" * 32).status_code == 404
    assert visitor.send("/citizen/history/ask", record=record).headers["location"] == "/citizen/cases"
    assert "Answered by 2026-12-09" in visitor.see("/citizen/cases")
    (case,) = pages.office.database.read(lambda conn: cases.cases_of(conn, person))
    boss = _operator(pages, "boss")
    pages.office.database.transaction(
        lambda conn: cases.answer(
            conn, case.case, boss, Finding.RIGHTFUL, "年金の<b>照会</b>です。", LATER, pages.office.random
        )
    )
    assert "1 unread" in visitor.see("/citizen/")
    assert "&lt;b&gt;照会" in visitor.see("/citizen/cases")
    visitor.see("/citizen/notices")
    assert "unread" not in visitor.see("/citizen/")
    assert visitor.send(f"/citizen/cases/{case.case}", content="perhaps").status_code == 400
    assert visitor.send(f"/citizen/cases/{case.case}", content="no").status_code == 303
    assert "Being looked into again" in visitor.see("/citizen/cases")


def test_another_persons_case_consent_and_grant_are_not_there(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    other = PersonId(pages.office.enrolled(card_id="CARD0002")[0])
    record = _look(pages, person)
    random = pages.office.random
    case = pages.office.database.transaction(lambda conn: cases.open_case(conn, person, record, LATER, random))
    consent = pages.consents.give_by_login(
        person, Wish("bank", frozenset({"address"}), "口座", LATER + timedelta(days=9))
    )
    stranger = pages.logged_in(other)
    assert stranger.send("/citizen/history/ask", record=record).status_code == 404
    assert stranger.send(f"/citizen/cases/{case.case}", content="yes").status_code == 404
    assert stranger.send(f"/citizen/consents/{consent.id}/withdraw").status_code == 404
    assert "Party bank" not in stranger.see("/citizen/consents")
    own = pages.logged_in(person)
    assert "Party bank" in own.see("/citizen/consents")
    assert own.send(f"/citizen/consents/{consent.id}/withdraw").status_code == 303
    assert pages.consents.covering(person, "bank", ["address"], "口座") == {}
    assert own.send(f"/citizen/consents/{consent.id}/withdraw").status_code == 404


def test_an_incident_reaches_the_person(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    _look(pages, person)
    boss, second, random = _operator(pages, "boss"), _operator(pages, "boss2"), pages.office.random

    def told(conn: Any) -> str:
        incident = incidents.find(conn, IncidentKind.MISTAKEN_INQUIRY, boss, LATER, random).incident
        incidents.scope(conn, incident, Scope(AT, AT, recipient=PENSION.recipient), boss, LATER)
        incidents.notify(conn, incident, second, LATER, random)
        return incident

    incident = pages.office.database.transaction(told)
    page = pages.logged_in(person).see("/citizen/notices")
    assert "There was an incident with your data" in page
    assert f'href="/incidents/{incident}"' in page
    told = pages.logged_in(person).see(f"/incidents/{incident}")
    assert "1 of your records are concerned" in told
    assert "fewer than 10" in told
    assert PENSION.recipient in told, "which record it was"
    ((_, text),) = paper(pages.logged_in(person).client.get(f"/citizen/incidents/{incident}/notice.pdf").content)
    told = re.sub(r"\s", "", text)
    assert PENSION.recipient.replace(" ", "") in told and "Mistakeninquiry" in told
    other = PersonId(pages.office.database.transaction(lambda conn: resident(conn, random)))
    assert pages.logged_in(other).client.get(f"/citizen/incidents/{incident}/notice.pdf").status_code == 404
    assert pages.logged_in(other).client.get("/citizen/incidents/none/notice.pdf").status_code == 404
    _protect(pages, person)
    assert pages.logged_in(person).client.get(f"/citizen/incidents/{incident}/notice.pdf").status_code == 403
    assert "notice.pdf" not in pages.logged_in(person).see(f"/incidents/{incident}")
    anybody = Visitor(pages.browser())
    assert "Mistaken inquiry" in anybody.see("/incidents")
    assert "of your records" not in anybody.see(f"/incidents/{incident}")
    assert anybody.client.get("/incidents/none").status_code == 404


def test_a_visit_is_booked_shown_as_a_code_and_given_back(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    visitor = pages.logged_in(person)
    page = visitor.see("/citizen/trust?desk=main")
    slots = re.findall(r'<option value="([^"]+Z)">', page)
    assert len(slots) > 5
    assert visitor.send("/citizen/visits", desk="main", slot="yesterday").status_code == 400
    assert visitor.send("/citizen/visits", desk="other-main", slot=slots[3]).status_code in (403, 404)
    assert visitor.send("/citizen/visits", desk="main", slot=slots[3]).status_code == 303
    page = visitor.see("/citizen/trust")
    assert "The code to show at the desk" in page
    assert "<svg" in page[page.index("ticket") :]
    booked = pages.office.database.read(lambda conn: bookings.standing(conn, person))
    assert booked.slot.iso() == slots[3]
    assert booked.affairs == frozenset({Affair.IN_PERSON_CHECK})
    assert visitor.send("/citizen/visits/cancel").status_code == 303
    assert visitor.send("/citizen/visits/cancel").status_code == 404


# -- a household's move ------------------------------------------------------------------------------------------------


@pytest.fixture
def household(pages: Pages, hanako: tuple[PersonId, Any]) -> tuple[PersonId, PersonId]:
    """Hanako and another grown-up, who live together, as the municipality told through its gateway."""
    person, _ = hanako
    other = PersonId(pages.office.enrolled(card_id="CARD0002")[0])
    _tell_household(pages, {person: "head", other: "spouse"})
    return person, other


def _tell_household(pages: Pages, members: dict[PersonId, str]) -> None:
    body = json.dumps({"values": {"version": 1, "members": members}})
    for person in members:
        row = gate.GateRow(
            TOWN, f"household-{person}", "household", person, "released", "", body, AT, AT, AT, None, "", AT
        )
        pages.office.database.transaction(lambda conn, row=row: gate.add(conn, row))


def _paper(pages: Pages, visitor: Visitor, **fields: str) -> str:
    names = re.findall(r'name="member" value="([0-9a-f]{24})"', visitor.see("/citizen/moves"))
    given = {"municipality": TOWN, "address": "東京都見本区南町５番", "moved_on": "2026-11-23", **fields}
    body = {"form": str(visitor.form), "member": names, **given}
    answer = visitor.client.post("/citizen/moves", data=body, headers={"origin": SERVICE})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_household_agrees_and_files_and_each_has_their_own_result(
    pages: Pages, household: tuple[PersonId, PersonId]
) -> None:
    person, other = household
    filer, spouse = pages.with_card(person), pages.with_card(other)
    place = _paper(pages, filer)
    assert "not yet agreed" in filer.see(place)
    assert pages.office.events(person)[-1].kind.value == "anchor", "nothing has happened yet"
    assert filer.send(f"{place}/sign", signature="00").status_code == 422
    sign = pages.fingerprint(person, Purpose.SIGNATURE)
    assert filer.send(f"{place}/sign", signature=sign).status_code == 303
    assert filer.send(f"{place}/sign", signature=sign).status_code == 404, "once"
    assert place in spouse.see("/citizen/moves")
    assert "Sign with card" in spouse.see(place)
    assert spouse.send(f"{place}/file").status_code == 404, "only the filer files"
    agreed = spouse.send(f"{place}/sign", signature=pages.fingerprint(other, Purpose.SIGNATURE))
    assert agreed.status_code == 303
    done = filer.see(place)
    assert done.count("Done online") == 2
    assert spouse.see(place).count("Done online") == 1, "of others they see nothing"
    for one in household:
        assert pages.office.events(one)[-1].kind.value == "remote-move"
    assert place not in spouse.see("/citizen/moves")


def test_who_does_not_agree_is_sent_to_a_counter_and_holds_up_nobody(
    pages: Pages, household: tuple[PersonId, PersonId]
) -> None:
    person, other = household
    filer = pages.with_card(person)
    place = _paper(pages, filer)
    assert filer.send(f"{place}/file").status_code == 303
    assert "Done online" not in filer.see(place), "unsigned, nothing is filed"
    filer.send(f"{place}/sign", signature=pages.fingerprint(person, Purpose.SIGNATURE))
    filer.send(f"{place}/file")
    page = filer.see(place)
    assert page.count("Done online") == 1
    assert "The consent is missing" in page
    assert pages.office.events(other)[-1].kind.value == "anchor"


def test_a_move_is_withdrawn_before_it_is_filed_and_strangers_see_none(
    pages: Pages, household: tuple[PersonId, PersonId]
) -> None:
    person, other = household
    filer, stranger = pages.with_card(person), pages.with_card(PersonId(pages.office.enrolled(card_id="CARD0003")[0]))
    place = _paper(pages, filer)
    for path in ("", "/sign", "/file", "/withdraw"):
        answer = stranger.client.get(place) if not path else stranger.send(f"{place}{path}", signature="00" * 32)
        assert answer.status_code == 404, path
    assert pages.with_card(other).send(f"{place}/withdraw").status_code == 404
    assert filer.send(f"{place}/withdraw").status_code == 303
    assert "Withdrawn" in filer.see("/citizen/moves")
    assert "南町５番" not in filer.see(place), "what was withdrawn is not kept"
    assert filer.send(f"{place}/sign", signature=pages.fingerprint(person, Purpose.SIGNATURE)).status_code != 303
    assert filer.send(f"{place}/withdraw").status_code == 404


def test_what_is_being_filed_is_not_withdrawn_and_goes_on_after_a_crash(
    pages: Pages, household: tuple[PersonId, PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = household
    filer, tab = pages.with_card(person), pages.with_card(person)
    place = _paper(pages, filer)
    filer.send(f"{place}/sign", signature=pages.fingerprint(person, Purpose.SIGNATURE))
    accept, answers = Households.accept_known, []

    def killed(self: Households, *arguments: Any) -> Any:
        answers.append(tab.send(f"{place}/withdraw").status_code)
        accept(self, *arguments)
        raise KeyError("killed after the commit")

    monkeypatch.setattr(Households, "accept_known", killed)
    with pytest.raises(KeyError):
        filer.send(f"{place}/file")
    monkeypatch.undo()
    assert answers == [404]
    assert filer.send(f"{place}/withdraw").status_code == 404, "it has taken effect"
    assert "Being filed" in filer.see(place) and "Withdraw" not in filer.see(place)
    assert filer.send(f"{place}/file").status_code == 303
    assert "Filed" in filer.see(place) and filer.see(place).count("Done online") == 1
    assert [one.kind.value for one in pages.office.events(person)].count("remote-move") == 1


def test_what_was_refused_can_be_withdrawn_and_filed_twice_at_once_is_filed_once(
    pages: Pages, household: tuple[PersonId, PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = household
    filer, tab = pages.with_card(person), pages.with_card(person)
    place = _paper(pages, filer)
    filer.send(f"{place}/sign", signature=pages.fingerprint(person, Purpose.SIGNATURE))
    accept, answers = Households.accept_known, []

    def away(_self: Households, *_arguments: Any) -> Any:
        raise Stale("the person")

    monkeypatch.setattr(Households, "accept_known", away)
    assert filer.send(f"{place}/file").status_code >= 400
    assert "Withdraw" in filer.see(place), "nothing was filed"

    def overtaken(self: Households, *arguments: Any) -> Any:
        monkeypatch.setattr(Households, "accept_known", accept)
        answers.append(tab.send(f"{place}/file").status_code)
        raise Stale("the person")

    monkeypatch.setattr(Households, "accept_known", overtaken)
    assert filer.send(f"{place}/file").status_code == 303
    assert answers == [303]
    assert "Filed" in filer.see(place)
    assert [one.kind.value for one in pages.office.events(person)].count("remote-move") == 1


def test_of_two_withdrawals_at_once_one_is_done_and_the_other_told(
    pages: Pages, household: tuple[PersonId, PersonId]
) -> None:
    filer = pages.with_card(household[0])
    place, tabs = _paper(pages, filer), [pages.with_card(household[0]) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda tab: tab.send(f"{place}/withdraw").status_code, tabs))
    assert sorted(answers) == [303, *[404] * 5]
    assert "Withdrawn" in filer.see(place)


def test_what_is_corrected_stands_instead_of_what_was_written_before(
    pages: Pages, household: tuple[PersonId, PersonId]
) -> None:
    person, other = household
    filer = pages.with_card(person)
    first = _paper(pages, filer)
    name = first.rpartition("/")[2]
    filer.send(f"{first}/sign", signature=pages.fingerprint(person, Purpose.SIGNATURE))
    assert f'href="/citizen/moves?instead={name}"' in filer.see(first)
    form = filer.see(f"/citizen/moves?instead={name}")
    assert 'value="東京都見本区南町５番"' in form and f'name="instead" value="{name}"' in form
    assert "南町５番" not in pages.with_card(other).see(f"/citizen/moves?instead={name}"), "only to who wrote it"
    second = _paper(pages, filer, instead=name, address="東京都見本区南町６番")
    assert "南町６番" in filer.see(second)
    assert "Withdrawn" in filer.see(first) and "南町５番" not in filer.see(first)
    filer.send(f"{second}/sign", signature=pages.fingerprint(person, Purpose.SIGNATURE))
    filer.send(f"{second}/file")
    assert pages.office.events(person)[-1].kind.value == "remote-move"
    third = _paper(pages, filer, instead=second.rpartition("/")[2], address="東京都見本区南町７番")
    assert "Filed" in filer.see(second), "what is filed is not taken back by this"
    assert third != second


def test_a_code_does_not_file_and_protection_sends_to_the_desk(
    pages: Pages, household: tuple[PersonId, PersonId]
) -> None:
    person, _ = household
    by_code = pages.logged_in(person)
    assert "log in with your card" in by_code.see("/citizen/moves")
    assert by_code.send("/citizen/moves", address="x").status_code == 403
    filer = pages.with_card(person)
    _protect(pages, person)
    assert "nothing is filed from here" in filer.see("/citizen/moves")
    assert filer.send("/citizen/moves", address="x").status_code in (403, 422)


# -- protection --------------------------------------------------------------------------------------------------------


def test_of_a_protected_person_no_page_says_where(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, card = hanako
    pages.office.move(card, "東京都見本区南町１番", LATER)
    _look(pages, person)
    visitor = pages.with_card(person)
    paper = _paper(pages, visitor)
    places = ("見本区", "見本駅前", "東出張所", "年金事務所", TOWN, "main")
    before = visitor.see("/citizen/trust") + visitor.see("/citizen/history")
    assert all(place in before for place in places[:4])
    _protect(pages, person)
    for route in pages.guarded:
        if route.method != "GET" or route.path in ("/citizen/login", *PARTS):
            continue
        answer = visitor.client.get(paper if "{filing}" in route.path else route.path)
        if route.path == "/citizen/history.json":
            assert answer.status_code == 403
        elif route.path == "/citizen/counter":
            assert answer.status_code == 409, "the code for the counter would say where to"
        else:
            assert answer.status_code == 200, route.path
        text = re.sub(r'<main id="main".*?>|href="#main"|"main"', "", answer.text)
        assert not any(place in text for place in places[:5]), route.path
    assert "A support measure is in force" in visitor.see("/citizen/")
    assert visitor.send("/citizen/visits", desk="main", slot=LATER.iso()).status_code in (403, 404, 409, 422)


def test_representation_is_seen_and_ended(pages: Pages, hanako: tuple[PersonId, Any]) -> None:
    person, _ = hanako
    holder = PersonId(pages.office.enrolled(card_id="CARD0002")[0])
    from enrollment.store import care

    valid = Validity(AT, AT + timedelta(days=99))
    pages.office.database.transaction(
        lambda conn: care.add_grant(conn, "g" * 32, person, holder, "proxy", ["move"], valid, "e" * 64)
    )
    visitor = pages.logged_in(person)
    assert "Proxy" in visitor.see("/citizen/grants")
    assert visitor.send(f"/citizen/grants/{'g' * 32}/revoke").status_code == 303
    (grant,) = pages.office.database.read(lambda conn: grants.grants_of(conn, person))
    assert grant.revoked_at == LATER
