"""Every page of a person's own: three languages, three widths, with and without JavaScript, dark, by keyboard, hidden.

One log-in a language; pages are asked for once and looked at in every width. Pictures are in var/screenshots.
"""

import io
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, Route, expect
from sqlalchemy import update

from ca.journal_file import JournaledDatabase, JournalFile
from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, SUPERVISOR, Desks
from cli.settings import load_settings
from enrollment import cases, incidents, registry
from enrollment.case import Finding
from enrollment.incident import IncidentKind, Scope
from enrollment.operators import Operator
from enrollment.person import PersonId
from enrollment.registry import FOUR_ATTRIBUTES, Access, Field
from enrollment.store import care, gate, work
from enrollment.store import people as people_rows
from pki.attributes import Attributes, Gender
from pki.instant import Instant, Validity
from pki.purpose import Purpose
from tests.browser import steps
from tests.browser.conftest import Open
from tests.browser.seats import PASSWORD, Seat
from tests.browser.test_citizen import home_pc, log_in  # noqa: F401 - a fixture
from tests.browser.town import HIDDEN, HIDDEN_ADDRESS, HIKARI, TARO, World
from web.citizen.codes import LoginCodes, shown
from web.citizen.entry import ELSEWHERE
from web.citizen.resident import CARD
from web.consents import Consents, Wish
from web.filing_check import FilingCheck
from web.pages.rendering import LANGUAGE_COOKIE
from web.pages.sessions import Sessions
from web.pages.wording import PageLanguage
from web.store.tables_pages import SESSIONS
from web.subjects import RegisteredSubjects

pytestmark = pytest.mark.browser
WIDTHS = (390, 820, 1280)
PLACES = (
    "/citizen/", "/citizen/card", "/citizen/trust", "/citizen/moves", "/citizen/history", "/citizen/consents",
    "/citizen/grants", "/citizen/notices", "/citizen/cases", "/citizen/lock", "/incidents", "/incidents/{incident}",
    "/citizen/moves/{filing}",
)  # fmt: skip
"""Every page that is there once somebody is in; without that there is /citizen/login."""


@dataclass
class Town:
    """The served deployment from within: what offices do that these pages show."""

    world: World
    database: Any
    owner: str
    clock: SystemClock
    incident: str = ""
    drill: str = ""

    def operator(self, name: str) -> Operator:
        full = Desks(self.owner)(name)
        return self.database.read(lambda conn: people_rows.operator_of(conn, full))  # type: ignore[no-any-return]

    def person(self, name: str) -> PersonId:
        return PersonId(self.world.people[name])

    def fill(self, person: PersonId) -> None:
        """Looks of every kind, many alike, questions in every state, an incident and a drill, a consent, a grant."""
        at, random = self.clock.now(), secrets.token_bytes
        tax = Access("inquiry", "tax", "税", self.owner, "税務署 北支署", frozenset({Field.NAME}), "国税通則法")
        desk = Access("desk", "search:counter", "jpki", self.owner, f"{self.owner}-main/x", FOUR_ATTRIBUTES, "法")
        party = Access("relying-party", "login", "口座の開設", self.owner, "見本銀行", frozenset(), "同意")
        boss = self.operator(SUPERVISOR)

        def fill(conn: Any) -> str:
            for number in range(5):
                registry.record_access(conn, person, tax, Instant(at.seconds - 60 * number - 1), random)
            records = [registry.record_access(conn, person, one, at, random).record for one in (desk, desk, party)]
            for record, text in zip(records, ("窓口での手続です。", None, None), strict=True):
                case = cases.open_case(conn, person, record, at, random).case
                if text is not None:
                    cases.answer(conn, case, boss, Finding.RIGHTFUL, text, at, random)
            until = Validity(at, at + timedelta(days=90))
            holder = self.person(HIDDEN)
            care.add_grant(conn, secrets.token_hex(16), person, holder, "proxy", ["move"], until, "e" * 64)
            return records[0]

        record = self.database.transaction(fill)
        self.incident, self.drill = (self._incident(record, drill=drill) for drill in (False, True))
        consents = Consents(
            FilingCheck({}, {}, None, None),
            self.database,
            RegisteredSubjects(self.database, random),
            self.clock,
            random,
        )
        consents.give_by_login(
            person, Wish("mihon-bank", frozenset({"address"}), "口座の開設", at + timedelta(days=90))
        )

    def _incident(self, record: str, *, drill: bool) -> str:
        at, random, owner = self.clock.now(), secrets.token_bytes, self.operator(SUPERVISOR)
        second = Operator("second", owner.owner, owner.roles, "0" * 64, owner.counter, owner.validity)

        def body(conn: Any) -> str:
            found = incidents.find(conn, IncidentKind.MISTAKEN_INQUIRY, owner, at, random, drill=drill).incident
            incidents.scope(conn, found, Scope(at, at, records=(record,)), owner, at)
            incidents.notify(conn, found, second, at, random)
            return found

        return str(self.database.transaction(body))

    def open_incident(self) -> str:
        """One that was just found."""
        at, boss = self.clock.now(), self.operator(SUPERVISOR)
        return str(
            self.database.transaction(
                lambda conn: incidents.find(conn, IncidentKind.LEAK, boss, at, secrets.token_bytes).incident
            )
        )

    def without_card(self) -> PersonId:
        """Somebody of age who has no card yet."""
        attributes = Attributes("例示　みちる", date(1950, 5, 5), Gender.FEMALE, "例示県見本市もとの町１番")
        made = self.database.transaction(
            lambda conn: registry.register(conn, self.owner, attributes, self.clock.now(), secrets.token_bytes)
        )
        return PersonId(made)

    def tell_household(self, members: dict[PersonId, str]) -> None:
        """Who lives together, as the municipality's system tells it through the gateway."""
        at = self.clock.now()
        body = json.dumps({"values": {"version": 1, "members": members}})
        for person in members:
            row = gate.GateRow(
                self.owner, secrets.token_hex(8), "household", person, "released", "", body, at, at, at, None, "", at
            )
            self.database.transaction(lambda conn, row=row: gate.add(conn, row))

    def code(self, name: str) -> str:
        """A one-time code, as the desk gives one."""
        codes = LoginCodes(self.database, self.clock, secrets.token_bytes)
        return shown(codes.give(self.person(name), self.operator(CLERK)))

    def as_with_card(self, name: str) -> None:
        """Make every session of theirs what it would be had they come with their card; no page here uses the reader."""
        held = self.database.read(lambda conn: work.certificates_of(conn, self.person(name)))
        card = next(str(one.fingerprint) for one in held if one.purpose is Purpose.AUTHENTICATION and not one.ended_at)
        change = update(SESSIONS).where(SESSIONS.c.subject == self.person(name), SESSIONS.c.ended_at.is_(None))
        self.database.transaction(lambda conn: conn.execute(change.values(method=CARD, fingerprint=card)))


@contextmanager
def opened(world: World) -> Iterator[Town]:
    settings = load_settings(world.folder)
    database = Database(settings.database_url)
    try:
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        yield Town(world, journaled, settings.municipality.code, SystemClock())
    finally:
        database.close()


@pytest.fixture(scope="module")
def town(world: World) -> Iterator[Town]:
    with opened(world) as one:
        one.fill(one.person(TARO))
        yield one


def by_code(page: Page, town: Town, name: str) -> None:
    page.goto("/citizen/login")
    page.locator("#code-field").fill(town.code(name))
    page.locator("form[action='/citizen/login/code'] button").click()
    page.wait_for_url("**/citizen/")


def fits(page: Page, where: object) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), f"{where} is too wide"


def judge(page: Page, where: object, *, own_colours: bool = True) -> None:
    """No finding of axe. Colours are judged where they are ours."""
    found = [one for one in Axe().run(page).response["violations"] if own_colours or one["id"] != "color-contrast"]
    assert not found, (where, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found])


def shoot(page: Page, name: str) -> None:
    steps.shoot(page, f"citizen-{name}")


def named(path: str) -> str:
    return path.replace("/citizen", "").strip("/").replace("/", "-").partition("{")[0].strip("-") or "home"


def test_every_page_in_every_language_and_width_with_and_without_script(town: Town, open_page: Open) -> None:
    filer = open_page()
    by_code(filer, town, TARO)
    town.as_with_card(TARO)
    filer.goto("/citizen/moves")
    filer.locator("#address").fill("例示県見本市新しい町７番地")
    filer.get_by_role("button", name="届出を作る").click()
    filer.wait_for_url("**/citizen/moves/*")
    filing = filer.url.rpartition("/")[2]
    for language in PageLanguage:
        page, plain = open_page(language.value), open_page(language.value, 390, script=False)
        for one in (page, plain):
            one.goto(f"/citizen/login?lang={language.value}")
            fits(one, "login")
        judge(page, "login")
        shoot(page, f"login-{language.value}-1280")
        for one in (page, plain):
            by_code(one, town, TARO)
        town.as_with_card(TARO)
        for place in PLACES:
            path = place.replace("{incident}", town.incident).replace("{filing}", filing)
            where = (path, language.value)
            answer = page.goto(path)
            assert answer is not None and answer.status == 200, where
            assert page.locator("html").get_attribute("lang") == language.tag, where
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                fits(page, (*where, width))
                if width == (390 if language is PageLanguage.EASY else 1280):
                    shoot(page, f"{named(place)}-{language.value}-{width}")
                if width == 390:
                    judge(page, where)
            assert town.drill not in page.content(), "a drill is nothing that people see"
            plain.goto(path)
            fits(plain, where)
            assert _text(plain, where) == _text(page, where)


def _text(page: Page, where: object) -> list[str]:
    """What the page says, without what asks for JavaScript or changes with every look."""
    main = page.locator("main")
    assert main.count() == 1, where
    text: str = main.evaluate(
        "main => { const copy = main.cloneNode(true);"
        " copy.querySelectorAll('noscript, .code, #card-state').forEach((one) => one.remove());"
        " return copy.textContent; }"
    )
    return [one for one in text.split() if one != "●"]  # the mark of what is new goes with the first look


def test_without_script_a_visit_is_booked_and_a_question_asked(town: Town, open_page: Open) -> None:
    page = open_page("easy", 390, script=False)
    by_code(page, town, TARO)
    page.goto(f"/citizen/trust?desk={town.owner}-main")
    page.locator("form[action='/citizen/visits'] button").click()
    assert page.locator("figure.ticket svg").count() == 1
    shoot(page, "trust-booked-easy-390")
    page.locator("form[action='/citizen/visits/cancel'] button").click()
    page.goto("/citizen/history")
    page.locator("form[action='/citizen/history/ask'] button").first.click()
    page.wait_for_url("**/citizen/cases")
    page.locator("button[name=content][value=no]").first.click()
    page.wait_for_url("**/citizen/cases")


def test_in_the_dark_with_high_contrast_and_for_somebody_who_is_protected(town: Town, open_page: Open) -> None:
    page = open_page(width=390, dark=True)
    contrast = open_page(width=390, forced_colors="active")
    by_code(page, town, HIDDEN)
    by_code(contrast, town, HIDDEN)
    for place in PLACES[:-1]:
        path = place.replace("{incident}", town.incident)
        page.goto(path)
        for hidden in (HIDDEN_ADDRESS, "見本市", town.owner):
            assert hidden not in page.locator("body").inner_text(), (path, hidden)
        judge(page, (path, "dark"))
        assert page.get_by_role("button", name="今すぐ閉じる").is_visible()
        if place in ("/citizen/", "/citizen/history", "/citizen/trust"):
            shoot(page, f"protected-{named(place)}-dark-390")
            contrast.goto(path)
            judge(contrast, (path, "contrast"), own_colours=False)
            fits(contrast, path)
    contrast.goto("/citizen/")
    shoot(contrast, "protected-high-contrast-390")
    contrast.route(f"{ELSEWHERE}**", lambda route: route.fulfill(body="weather"))  # nobody asks the real one
    contrast.get_by_role("button", name="今すぐ閉じる").click()
    contrast.wait_for_url(ELSEWHERE)
    contrast.goto("/citizen/")
    assert contrast.url.endswith("/citizen/login")


def test_a_code_for_the_counter_is_read_by_a_scanner_and_a_filing_is_withdrawn(town: Town, open_page: Open) -> None:
    pages = open_page(dark=True), open_page("easy", 390, script=False), open_page("en", 820, forced_colors="active")
    for page in pages:
        by_code(page, town, TARO)
    town.as_with_card(TARO)
    dark, plain, contrast = pages
    plain.goto("/citizen/moves?lang=easy")
    plain.locator("#address").fill("例示県見本市川向町１２番地")
    plain.locator("button[formaction]").click()
    for page in pages:
        page.goto("/citizen/counter")
        fits(page, "counter")
        picture = Image.open(io.BytesIO(page.locator("figure.ticket svg").screenshot()))
        assert [one.text for one in zxingcpp.read_barcodes(picture)] == [page.locator("main code").inner_text()]
    judge(dark, "counter dark")
    judge(contrast, "counter contrast", own_colours=False)
    shoot(dark, "counter-dark-1280")
    shoot(plain, "counter-easy-390")
    plain.goto("/citizen/moves")
    plain.locator("#address").fill("例示県見本市やめる町１番地")
    plain.locator("form.card button:not([formaction])").click()
    plain.wait_for_url("**/citizen/moves/*")
    filing = plain.url
    dark.goto(filing)  # the same filing, open twice
    shoot(dark, "move-dark-1280")
    plain.locator("form[action$='/withdraw'] button").click()
    plain.wait_for_url("**/citizen/moves*")
    dark.locator("form[action$='/withdraw'] button").click()
    expect(dark.locator("[role=alert]")).to_be_visible()
    judge(dark, "withdrawn twice")
    shoot(dark, "move-withdrawn-twice-dark-1280")
    for page in pages:
        page.goto(filing)
        assert page.locator("form[action$='/withdraw'], form[action$='/file'], #card-sign").count() == 0
    shoot(plain, "move-withdrawn-easy-390")
    for place in PLACES[:-1]:
        path = place.replace("{incident}", town.incident)
        for page, colours in ((dark, True), (contrast, False)):
            page.goto(path)
            fits(page, path)
            judge(page, (path, "dark" if colours else "contrast"), own_colours=colours)
        if place in ("/citizen/", "/citizen/history", "/citizen/trust", "/citizen/moves"):
            shoot(dark, f"{named(place)}-dark-1280")
            shoot(contrast, f"{named(place)}-contrast-820")


def test_by_keyboard_alone_from_coming_in_to_asking_a_question_and_leaving(town: Town, open_page: Open) -> None:
    page = open_page("en", 1280)
    page.goto("/citizen/login")

    def to(name: str) -> None:
        """Tab until what is in focus is called that; each thing in focus can be seen to be."""
        for _ in range(80):
            page.keyboard.press("Tab")
            said = page.evaluate(
                "(() => { const one = document.activeElement; const style = getComputedStyle(one);"
                " return [one.textContent.trim() || one.id, style.outlineStyle + style.outlineWidth]; })()"
            )
            assert said[1] == "solid4px", said
            if said[0].startswith(name):
                return
        raise AssertionError(f"no key leads to {name}")

    to("code-field")
    page.keyboard.type(town.code(TARO))
    page.keyboard.press("Enter")
    page.wait_for_url("**/citizen/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for name, place in (
        ("What I may do online", "trust"), ("File a move", "moves"), ("Who looked at me", "history"),
        ("Lock my card", "lock"),
    ):  # fmt: skip
        page.goto("/citizen/")
        to(name)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/citizen/{place}")
    page.goto("/citizen/history")
    to("I don't recognise this")
    page.keyboard.press("Enter")
    page.wait_for_url("**/citizen/cases")
    to("Log out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/citizen/login")


def test_a_household_moves_each_with_their_own_card_and_what_is_left_is_listed(
    town: Town,
    open_page: Open,
    home_pc: Seat,  # noqa: F811
) -> None:
    """One files and signs, the other agrees, a third does not; each sees their own result; the rest is one visit."""
    town.tell_household({town.person(TARO): "head", town.person(HIKARI): "spouse", town.without_card(): "parent"})
    page, other, agent = open_page("en", 390), open_page("en", 390), open_page()

    log_in(page, agent, home_pc, town.world.cards[TARO])
    page.goto("/citizen/moves")
    page.locator("#address").fill("例示県見本市あたらしい町１番")
    page.get_by_role("button", name="Write the filing").click()
    first = page.url
    page.get_by_role("link", name="Correct").click()
    expect(page.locator("#address")).to_have_value("例示県見本市あたらしい町１番")
    page.locator("#address").fill("例示県見本市あたらしい町２番")
    page.get_by_role("button", name="Write the filing").click()
    page.wait_for_url(lambda url: "/citizen/moves/" in url and url != first)
    expect(page.locator("main")).to_contain_text("あたらしい町２番")
    _sign(page, agent)
    expect(page.locator("main")).to_contain_text("not yet agreed")
    shoot(page, "move-waits-for-others-en-390")
    filing = page.url.rpartition("/")[2]

    _unpair(agent)
    log_in(other, agent, home_pc, town.world.cards[HIKARI])
    other.goto("/citizen/moves")
    other.locator(f"a[href$='{filing}']").click()
    _sign(other, agent)

    page.reload()
    page.get_by_role("button", name="File without waiting").click()
    expect(page.locator("main")).to_contain_text("The consent is missing")
    assert page.locator("main").inner_text().count("Done online") == 2
    shoot(page, "move-results-en-390")
    other.reload()
    assert other.locator("main").inner_text().count("Done online") == 1, "of others they see nothing"
    page.goto("/citizen/moves")
    expect(page.locator("main")).to_contain_text("Withdrawn")
    expect(page.locator("main")).to_contain_text("Filed")


def _sign(page: Page, agent: Page) -> None:
    """With the card in the reader at home; the reader's page shows what is signed."""
    expect(page.locator("body")).to_have_attribute("data-readers", "1")
    page.locator("#card-sign-do").click()
    agent.locator("#signature").fill(PASSWORD)
    agent.get_by_role("button", name="決定").click()
    expect(page.locator("#card-sign-do")).to_have_count(0)


def _unpair(agent: Page) -> None:
    agent.goto(agent.url)
    agent.get_by_role("button", name="接続をやめる").click()


def test_an_officer_answers_and_leads_an_incident_and_a_drill_through(town: Town, open_page: Open) -> None:
    """The supervisor's pages of questions and incidents, as they look; a drill says so everywhere."""
    sessions = Sessions("desk", town.database, town.clock, secrets.token_bytes)
    boss = town.operator(SUPERVISOR).operator
    session = sessions.log_in(sessions.begin(), boss, "", "passkey")
    for language, width in (("ja", 1280), ("en", 1280), ("easy", 390), ("en", 390)):
        page = open_page(language, width)
        cookie = f"{sessions.cookie_name}={session.cookie}; {LANGUAGE_COOKIE}={language}"

        page.route("**/desk/**", partial(_with_cookie, cookie))
        page.goto("/desk/cases")
        _seen(page, f"desk-cases-{language}-{width}")
        page.locator("main a[href^='/desk/cases/']").first.click()
        page.wait_for_url("**/desk/cases/*")
        _seen(page, f"desk-case-{language}-{width}")
        page.goto("/desk/incidents")
        _seen(page, f"desk-incidents-{language}-{width}")
        page.goto(f"/desk/incidents/{town.drill}")
        assert page.locator(".training").is_visible()
        _seen(page, f"desk-incident-drill-{language}-{width}")
        page.goto(f"/desk/incidents/{town.open_incident()}")
        assert page.locator(".training").count() == 0
        _seen(page, f"desk-incident-{language}-{width}")


def _with_cookie(cookie: str, route: Route) -> None:
    """Let the browser ask as if it had that cookie."""
    route.fulfill(response=route.fetch(headers={**route.request.headers, "cookie": cookie}))


def _seen(page: Page, name: str) -> None:
    judge(page, name)
    fits(page, name)
    steps.shoot(page, name)
