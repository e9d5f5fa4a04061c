"""Whoever moves in from another town, with their card; every newer form without JavaScript, to the PIN at the reader;
and a page that looks for news by itself while somebody types.
"""

import secrets
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection

from cli.clock import SystemClock
from cli.deployment import CLERK, SUPERVISOR
from cli.sample import enter
from cli.settings import load_settings
from enrollment import registry, transfers
from enrollment.channels import Channel
from enrollment.errors import UnknownMunicipality
from enrollment.person import PersonId
from enrollment.store import people as people_rows
from pki.attributes import Attributes, Gender
from pki.municipality import Municipality
from tests.browser.conftest import Open
from tests.browser.issuing import BORN, cards_in, resident, within
from tests.browser.seats import PIN, Seat
from tests.browser.steps import begin, decide, find, go, judge, log_in, looks, press, shoot, show_documents
from tests.browser.test_citizen_pages import opened
from tests.browser.test_desk_guided import booked_for_now, live_together, log_in_by_code
from tests.browser.town import World
from web.prefills import Prefills, code_of

pytestmark = pytest.mark.browser

ELSEWHERE = Municipality("99202", "Reiji-ken", "Betsu-shi", "別市")


def from_elsewhere(world: World, name: str, born: str) -> Path:
    """Somebody of another town with a card, whose move to ours was announced; the card."""
    settings = load_settings(world.folder)
    at, day = SystemClock().now(), date.fromisoformat(born)
    attributes = Attributes(name, day, Gender.FEMALE, "例示県別市一番地")
    entered = enter(settings, attributes, at)

    def move_out(conn: Connection) -> None:
        try:
            people_rows.municipality_of(conn, ELSEWHERE.code)
        except UnknownMunicipality:
            people_rows.add_municipality(conn, ELSEWHERE)
        person = people_rows.person_of(conn, PersonId(entered.person))
        registry.move(conn, person, ELSEWHERE.code, attributes, at, secrets.token_bytes)
        transfers.announce(
            conn, person.person, secrets.token_hex(16), settings.municipality.code, at.jst_date(), Channel.ASSISTED,
            b"{}", None, at, secrets.token_bytes,
        )  # fmt: skip

    within(world, move_out)
    world.people[name], world.cards[name] = entered.person, entered.card
    return Path(entered.card)


@pytest.fixture
def two(world: World, open_page: Open, clerk_pc: Seat, supervisor_pc: Seat) -> tuple[Page, Page, Page]:
    """A clerk, the agent's page beside their reader, and a supervisor at another seat."""
    page, agent, second = open_page(), open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    log_in(second, open_page(), supervisor_pc, world.staff[SUPERVISOR])
    return page, agent, second


def by_card(page: Page) -> None:
    """Who comes from elsewhere is in no search of ours: their card opens their page."""
    go(page, "/desk/")
    page.locator("[data-key=F3]").click()
    page.wait_for_url("**/desk/people/*")


def moved_in(page: Page, second: Page, name: str) -> None:
    """The change is written down, agreed and recorded."""
    begin(page, "change")
    show_documents(page)
    page.locator("#address").fill("例示県見本市転入町一番地")
    press(page, page.locator("form[action$='/details'] button"))
    decide(second, name, "転出証明と一致")
    page.locator("form[action$='/carry-out'] button").click()


def test_who_moves_in_from_another_town_keeps_the_card(
    world: World, clerk_pc: Seat, two: tuple[Page, Page, Page]
) -> None:
    page, agent, second = two
    name, child = "転入　一子", "転入　小春"
    card = from_elsewhere(world, name, BORN)
    clerk_pc.insert(card, 1)
    cards_in(page, 2)
    by_card(page)
    kinds = {one.get_attribute("value") for one in page.locator("button[name=kind]").all()}
    assert kinds == {"change", "household"}, "until they are ours, nothing but moving in"
    judge(page)
    shoot(page, "desk-moving-in-ja")
    moved_in(page, second, name)
    expect(page.locator("[data-state=certificates]")).to_be_visible()
    press(page, page.locator("form[action$='/card'] button"))
    expect(page.locator("[data-state=done]")).to_be_visible()
    find(page, name, BORN)
    expect(page.locator("section[aria-labelledby=cards]")).not_to_contain_text("転入した人のカードです")
    # a child has no certificate to be made anew: their card goes on once its PIN was entered here
    card = from_elsewhere(world, child, "2018-05-06")
    clerk_pc.insert(card, 1)
    cards_in(page, 2)
    by_card(page)
    moved_in(page, second, child)
    expect(page.locator("[data-state=done]")).to_be_visible()
    find(page, child, "2018-05-06")
    expect(page.locator("section[aria-labelledby=cards] .warn")).to_contain_text("転入した人のカードです")
    looks(page, "desk-continue-due")
    begin(page, "continue-card")
    looks(page, "desk-continue")
    press(page, page.locator("form[action$='/card'] button"))
    expect(agent.locator("#authentication")).to_be_visible()
    judge(agent)
    shoot(agent, "agent-continue-ja")
    agent.locator("#authentication").fill(PIN)
    agent.get_by_role("button", name="決定").click()
    expect(page.locator(".good").first).to_contain_text("引き続きこの市区町村で使えます")
    judge(page)
    shoot(page, "desk-continue-done-ja")
    find(page, child, "2018-05-06")
    expect(page.locator("section[aria-labelledby=cards] .warn")).to_have_count(0)


def test_the_newer_forms_without_javascript(
    world: World, open_page: Open, clerk_pc: Seat, two: tuple[Page, Page, Page]
) -> None:
    page, _, second = two
    name, spouse = "無手　世帯主", "無手　配偶者"
    card = resident(world, name)
    resident(world, spouse)
    plain, decider, agent = open_page(script=False), open_page(script=False), open_page(script=False)
    plain.context.add_cookies(page.context.cookies())
    decider.context.add_cookies(second.context.cookies())
    agent.goto(f"{clerk_pc.agent}/?lang=ja")
    clerk_pc.insert(card, 1)
    cards_in(page, 2)
    # a new PIN, typed on the agent's page, which needs no script either
    find(plain, name, BORN)
    begin(plain, "pin-reset")
    plain.locator("#purpose").select_option("authentication")
    show_documents(plain)
    press(plain, plain.locator("form[action$='/card'] button"))
    agent.locator("#authentication").fill("8642")
    agent.locator("#authentication_again").fill("8642")
    agent.get_by_role("button", name="決定").click()
    expect(plain.locator(".good").first).to_contain_text("新しい暗証番号を設定しました")
    # a change, with the card written
    find(plain, name, BORN)
    begin(plain, "change")
    show_documents(plain)
    plain.locator("#address").fill("例示県見本市𠮷野町３番地")
    press(plain, plain.locator("form[action$='/details'] button"))
    expect(plain.locator("main .warn")).to_contain_text("𠮷 → 吉")
    plain.locator("[name=shown]").check()
    press(plain, plain.locator("form[action$='/details'] button"))
    decide(decider, name, "転居届と一致")
    plain.locator("form[action$='/carry-out'] button").click()  # the page looked again by itself
    press(plain, plain.locator("form[action$='/card'] button"))
    expect(plain.locator("[data-state=done]")).to_be_visible()
    # the household, opened by the code that was made at home, the card left for later
    live_together(world, {name: "head", spouse: "spouse"})
    with opened(world) as town:
        prefills = Prefills(town.database, town.clock, secrets.token_bytes)
        people = [world.people[name], world.people[spouse]]
        document = {"address": "例示県見本市川向町９番地", "moved_on": "2026-11-20", "members": people}
        code = code_of(prefills.give(PersonId(people[0]), town.owner, document))
    go(plain, "/desk/")
    plain.locator("#code").fill(code)
    press(plain, plain.locator("form[action='/desk/prefills'] button"))
    assert plain.locator("h1").inner_text() == "世帯の引っ越し"
    shoot(plain, "desk-noscript-household-ja")
    for number in (0, 1):
        plain.locator(f"#part-{number}").select_option("here")
        plain.locator(f"[name=consent-{number}]").check()
    press(plain, plain.locator("form[action$='/details'] button"))
    for number in (0, 1):
        plain.locator(f"#document1-{number}").select_option("driving-licence")
        plain.locator(f"#expires1-{number}").fill("2031-01-01")
        plain.locator(f"[name=photo-{number}]").check()
    plain.locator("[name=present]").check()
    press(plain, plain.locator("form[action$='/evidence'] button"))
    decide(decider, spouse, "届出と一致")
    plain.locator("form[action$='/carry-out'] button").click()
    press(plain, plain.locator("form[action$='/later'] button"))
    expect(plain.locator("[data-state=done]")).to_be_visible()
    # a booked visit, and a code for home
    booked_for_now(world, name)
    go(plain, "/desk/bookings")
    press(plain, plain.locator("main table tr", has_text=name).locator("button"))
    find(plain, name, BORN)
    begin(plain, "login-code")
    show_documents(plain)
    press(plain, plain.locator("form[action$='/code'] button"))
    log_in_by_code(open_page(script=False), plain.locator("strong.code").inner_text())


def test_news_are_told_and_not_shown_while_somebody_types(world: World, two: tuple[Page, Page, Page]) -> None:
    page, _, second = two
    first, later = "入力　一", "入力　二"
    for name in (first, later):
        resident(world, name)

    def ask(name: str) -> None:
        find(page, name, BORN)
        begin(page, "correction")
        page.locator("#reason").fill("記録の誤り")
        press(page, page.locator("form[action$='/details'] button"))

    go(second, "/desk/queue")
    ask(first)
    reason = second.locator("section.card", has_text=first).locator("input[name=reason]")
    reason.fill("書いている途中")
    ask(later)
    told = second.locator("[data-changed]")
    expect(told).to_contain_text("新しい内容があります")
    expect(reason).to_have_value("書いている途中")
    assert second.locator("section.card", has_text=later).count() == 0
    judge(second)
    shoot(second, "desk-queue-typing-ja")
    reason.fill("")  # nothing would be lost now: it comes by itself
    expect(second.locator("section.card", has_text=later)).to_be_visible()
    for name in (first, later):
        decide(second, name, "根拠がない", yes=False)
