"""Guided work in a browser, with cards: a new PIN, a new address and its certificate in one sitting, a household."""

import json
import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, MAIN, POSTAL_CLERK, SUPERVISOR, Desks
from cli.settings import load_settings
from enrollment.booking import Booking, BookingState
from enrollment.counters import Affair
from enrollment.person import PersonId
from enrollment.store import bookings as booking_rows
from enrollment.store import gate as gate_rows
from enrollment.store.gate import GateRow
from tests.browser.conftest import Open
from tests.browser.counting import forget, inputs, watch
from tests.browser.seats import Seat
from tests.browser.steps import begin, decide, find, go, judge, log_in, looks, shoot, show_documents
from tests.browser.test_citizen_pages import opened
from tests.browser.town import HANAKO, NEWCOMER, TARO, World

pytestmark = pytest.mark.browser

Tell = Callable[[str, int, Page], None]


@pytest.fixture
def clerk(world: World, open_page: Open, clerk_pc: Seat) -> tuple[Page, Page]:
    """A clerk who is logged in, and the agent's page beside the reader."""
    page, agent = open_page(), open_page()
    watch(page)
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    forget(page)
    return page, agent


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Say at the end of the run what an affair cost the clerk; more than that is too much."""

    def told(affair: str, most: int, page: Page) -> None:
        done = inputs(page)
        record_property("desk", f"{affair}: {len(done)} inputs of the clerk")
        assert len(done) <= most, done

    return told


def live_together(world: World, members: dict[str, str]) -> None:
    """As the municipality told it to the gateway: names and how they belong together."""
    settings = load_settings(world.folder)
    at, owner = SystemClock().now(), settings.municipality.code
    told = {world.people[name]: relation for name, relation in members.items()}
    body = json.dumps({"values": {"members": told, "version": 1}})
    database = Database(settings.database_url)
    try:
        for person in told:
            name, who = secrets.token_hex(8), PersonId(person)
            row = GateRow(owner, name, "household", who, "released", "", body, at, at, at, None, "", at)
            database.transaction(lambda conn, row=row: gate_rows.add(conn, row))  # type: ignore[misc]
    finally:
        database.close()


def booked_for_now(world: World, name: str) -> None:
    """A visit this very hour: pages book some hours ahead."""
    settings = load_settings(world.folder)
    at, owner = SystemClock().now(), settings.municipality.code
    booking = Booking(
        secrets.token_hex(16), PersonId(world.people[name]), Desks(owner)(MAIN), owner, at, 0,
        frozenset({Affair.IN_PERSON_CHECK}), BookingState.BOOKED,
    )  # fmt: skip
    database = Database(settings.database_url)
    try:
        database.transaction(lambda conn: booking_rows.add(conn, booking))
    finally:
        database.close()


def log_in_by_code(page: Page, code: str) -> None:
    go(page, "/citizen/login")
    page.locator("#code-field").fill(code)
    page.locator("form[action='/citizen/login/code'] button").click()
    page.wait_for_url("**/citizen/")


def card_there(page: Page) -> None:
    """Wait until the desk knows of the second card."""
    expect(page.locator("main section.note")).to_contain_text("署名用", timeout=30_000)


def test_a_pin_is_set_anew_by_its_holder_and_only_once(
    world: World, clerk: tuple[Page, Page], clerk_pc: Seat, tell: Tell
) -> None:
    page, agent = clerk
    find(page, TARO, "1955-12-31")
    begin(page, "pin-reset")
    looks(page, "desk-pin-reset")
    page.locator("#purpose").select_option("authentication")
    show_documents(page)
    expect(page.locator("main")).to_contain_text("職員には見えません")
    clerk_pc.insert(world.cards[TARO], 1)
    card_there(page)
    looks(page, "desk-pin-reset-card")
    page.locator("form[action$='/card'] button").click()
    agent.locator("#authentication").fill("8642")
    agent.locator("#authentication_again").fill("8642")
    agent.get_by_role("button", name="決定").click()
    expect(page.locator(".good").first).to_contain_text("新しい暗証番号を設定しました", timeout=30_000)
    tell("new PIN", 12, page)
    shoot(page, "desk-pin-reset-done-ja")
    assert "8642" not in page.content()
    page.locator("form[action$='/receipt'] button").wait_for()


def test_a_new_address_and_its_certificate_on_the_same_card_in_one_sitting(
    world: World, open_page: Open, clerk: tuple[Page, Page], clerk_pc: Seat, supervisor_pc: Seat, tell: Tell
) -> None:
    page, _ = clerk
    second, second_agent = open_page(), open_page()
    log_in(second, second_agent, supervisor_pc, world.staff[SUPERVISOR])
    find(page, HANAKO, "1980-02-17")
    begin(page, "change")
    show_documents(page)
    looks(page, "desk-change")
    page.locator("#address").fill("例示県見本市𠮷野町３番地")
    page.locator("form[action$='/details'] button").click()
    expect(page.locator("main .warn")).to_contain_text("𠮷 → 吉")
    judge(page)
    shoot(page, "desk-change-substitutes-ja")
    page.locator("[name=shown]").check()
    page.locator("form[action$='/details'] button").click()
    expect(page.locator("main")).to_contain_text("別の席の承認を待っています")
    go(second, "/desk/queue")
    expect(second.locator("main")).to_contain_text("𠮷野町３番地")
    judge(second)
    shoot(second, "desk-change-queue-ja")
    decide(second, HANAKO, "転居届と一致")
    expect(page.locator("form[action$='/carry-out'] button")).to_be_visible(timeout=30_000)
    looks(page, "desk-change-carry-out")
    page.locator("form[action$='/carry-out'] button").click()
    clerk_pc.insert(world.cards[HANAKO], 1)
    card_there(page)
    shoot(page, "desk-change-card-ja")
    page.locator("form[action$='/card'] button").click()
    expect(page.locator(".good").first).to_contain_text("新しい署名用証明書をカードに書き込みました", timeout=60_000)
    tell("change of address with a character that no certificate carries", 16, page)
    looks(page, "desk-change-done")
    find(page, HANAKO, "1980-02-17")
    expect(page.locator("main")).to_contain_text("𠮷野町３番地")


def test_a_household_prepared_at_home_moves_in_one_session(
    world: World, open_page: Open, clerk: tuple[Page, Page], clerk_pc: Seat, supervisor_pc: Seat, tell: Tell
) -> None:
    page, _ = clerk
    live_together(world, {TARO: "head", HANAKO: "child", NEWCOMER: "other"})
    home = open_page(width=390)
    with opened(world) as town:
        log_in_by_code(home, town.code(TARO))
        town.as_with_card(TARO)
    home.goto("/citizen/moves")
    home.locator("#address").fill("例示県見本市川向町１２番地")
    home.locator("button[formaction]").click()
    expect(home.locator("figure.ticket svg")).to_be_visible()
    judge(home)
    shoot(home, "citizen-counter-ja-390")
    code = home.locator("main code").inner_text()
    go(page, "/desk/")
    page.keyboard.press("F6")
    page.keyboard.type(code)  # as a scanner types
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/work/*")
    assert page.locator("h1").inner_text() == "世帯の引っ越し"
    assert page.locator("#address").input_value() == "例示県見本市川向町１２番地"
    looks(page, "desk-household")
    assert page.locator("legend").all_inner_texts()[0].startswith(TARO), "who came first"
    for number in (0, 1):
        page.locator(f"#part-{number}").select_option("here")
        page.locator(f"[name=consent-{number}]").check()
    page.locator("form[action$='/details'] button").click()
    looks(page, "desk-household-documents")
    for number in range(page.locator("select[name^=document1-]").count()):
        page.locator(f"#document1-{number}").select_option("driving-licence")
        page.locator(f"#expires1-{number}").fill("2031-01-01")
        page.locator(f"[name=photo-{number}]").check()
    page.locator("[name=present]").check()
    page.locator("form[action$='/evidence'] button").click()
    expect(page.locator("main")).to_contain_text("別の席の承認を待っています")
    second, second_agent = open_page(), open_page()
    log_in(second, second_agent, supervisor_pc, world.staff[SUPERVISOR])
    decide(second, TARO, "届出と一致")
    page.locator("form[action$='/carry-out'] button").click(timeout=30_000)
    looks(page, "desk-household-cards")
    for name in (TARO, HANAKO):
        clerk_pc.insert(world.cards[name], 1)
        card_there(page)
        page.locator("form[action$='/card'] button").click()
        if name == TARO:
            expect(page.locator(".note", has_text="あと1枚")).to_be_visible(timeout=60_000)
            clerk_pc.pull(1)
    expect(page.locator(".good").first).to_contain_text("世帯の手続が終わりました", timeout=60_000)
    tell("household of two here and one who has not agreed, prepared at home", 24, page)
    looks(page, "desk-household-done")
    used = open_page()
    used.context.add_cookies(page.context.cookies())
    go(used, "/desk/")
    used.locator("#code").fill(code)
    used.keyboard.press("Enter")
    expect(used.locator("main")).to_contain_text("すでに使われています")
    shoot(used, "desk-prefill-used-ja")


def test_a_booked_visit_is_opened_and_a_code_for_home_is_shown_once(
    world: World, clerk: tuple[Page, Page], open_page: Open, tell: Tell
) -> None:
    page, _ = clerk
    go(page, "/desk/")
    page.keyboard.press("F7")
    page.wait_for_url("**/desk/bookings")
    booked_for_now(world, HANAKO)
    go(page, "/desk/bookings")
    expect(page.locator("main table")).to_contain_text(HANAKO)
    looks(page, "desk-bookings")
    page.locator("#ticket").fill("0" * 32)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("できませんでした")
    go(page, "/desk/bookings")
    page.locator("main table button").first.click()
    page.wait_for_url(re.compile("/desk/(work|people)/"))
    find(page, HANAKO, "1980-02-17")
    begin(page, "login-code")
    show_documents(page)
    page.locator("form[action$='/code'] button").click()
    code = page.locator("strong.code").inner_text()
    tell("a booked visit, then a code for home", 18, page)
    judge(page)
    shoot(page, "desk-login-code-ja")
    with page.expect_response("**/receipt") as printed:
        page.locator("form[action$='/receipt'] button").click()
    assert printed.value.headers["content-type"] == "application/pdf"
    home = open_page()
    log_in_by_code(home, code)


def test_a_post_office_sets_a_pin_anew_with_the_municipalitys_word_for_who_is_there(
    world: World, open_page: Open, post_pc: Seat, supervisor_pc: Seat
) -> None:
    page, agent, second, second_agent = open_page(), open_page(), open_page(), open_page()
    log_in(page, agent, post_pc, world.staff[POSTAL_CLERK])
    post_pc.insert(world.cards[TARO], 1)
    card_there(page)
    page.locator("[data-key=F3]").click()
    page.wait_for_url("**/desk/people/*")
    offered = {one.get_attribute("value") for one in page.locator("button[name=kind]").all()}
    assert offered == {"check", "pin-reset"}, "only what is entrusted to it"
    begin(page, "pin-reset")
    page.locator("#purpose").select_option("signature")
    show_documents(page)
    expect(page.locator("[data-state=approval]")).to_be_visible()
    log_in(second, second_agent, supervisor_pc, world.staff[SUPERVISOR])
    decide(second, TARO, "本人と確認")
    page.locator("form[action$='/carry-out'] button").click(timeout=60_000)
    expect(page.locator("[data-state=pins]")).to_be_visible()
    page.locator("form[action$='/card'] button").click()
    agent.locator("#signature").fill("NEWPW7")
    agent.locator("#signature_again").fill("NEWPW7")
    agent.get_by_role("button", name="決定").click()
    expect(page.locator("[data-state=done]")).to_be_visible(timeout=60_000)
    assert "NEWPW7" not in page.content()
    shoot(page, "post-office-pin-done-ja")
