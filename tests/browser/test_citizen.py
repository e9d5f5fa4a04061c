"""A person at home: in with their card through the reader's program, looking, filing a move, locking, going at once."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from ca.journal_file import JournaledDatabase, JournalFile
from cli.audit import app as audit_app
from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, Desks
from cli.settings import load_settings
from enrollment.store import people as people_rows
from tests.browser.conftest import SCREENSHOTS, Open
from tests.browser.seats import PASSWORD, PIN, Seat, seat
from tests.browser.town import HANAKO, HIDDEN, HIDDEN_ADDRESS, TARO, World
from web.citizen.codes import LoginCodes, shown
from web.citizen.entry import ELSEWHERE

pytestmark = pytest.mark.browser
WIDTHS = (390, 820, 1280)
PLACES = ("", "card", "trust", "moves", "history", "consents", "grants", "notices", "cases", "lock")


@pytest.fixture(scope="session")
def home_pc(world: World, tmp_path_factory: pytest.TempPathFactory, fastpoll: Path | None) -> Iterator[Seat]:
    with seat(world.url, tmp_path_factory.mktemp("home"), mode="home", preload=fastpoll) as one:
        yield one


def log_in(page: Page, agent: Page, pc: Seat, card: Path) -> None:
    pc.insert(card)
    page.goto("/citizen/login")
    agent.goto(pc.agent)
    agent.get_by_label("接続番号").fill(page.locator("#code").inner_text())
    agent.get_by_role("button", name="つなぐ").click()
    expect(page.locator("#paired")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-readers", "1")
    page.locator("#card-do").click()
    agent.locator("#authentication").fill(PIN)
    agent.get_by_role("button", name="決定").click()
    page.wait_for_url("**/citizen/")


def code_for(world: World, name: str) -> str:
    """A one-time code, as the desk gives one."""
    settings = load_settings(world.folder)
    database = Database(settings.database_url)
    try:
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        clerk = Desks(settings.municipality.code)(CLERK)
        operator = database.read(lambda conn: people_rows.operator_of(conn, clerk))
        codes = LoginCodes(journaled, SystemClock(), secrets.token_bytes)
        return shown(codes.give(world.people[name], operator))  # type: ignore[arg-type]
    finally:
        database.close()


def by_code(page: Page, world: World, name: str) -> None:
    page.goto("/citizen/login")
    page.locator("#code-field").fill(code_for(world, name))
    page.locator("form[action='/citizen/login/code'] button").click()
    page.wait_for_url("**/citizen/")


def judge(page: Page, name: str, *, own_colours: bool = True) -> None:
    """No finding of axe, nothing wider than the window, and a picture. Colours are judged where they are ours."""
    found = [one for one in Axe().run(page).response["violations"] if own_colours or one["id"] != "color-contrast"]
    assert not found, (name, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), f"{name} is too wide"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"citizen-{name}.png", full_page=True)


def test_from_log_in_to_a_filed_move_and_the_lock(world: World, open_page: Open, home_pc: Seat, tmp_path: Path) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, home_pc, world.cards[HANAKO])
    expect(page.locator("main")).to_contain_text("オンラインの住所変更は あと 3 回")
    judge(page, "home-after-login")

    page.goto("/citizen/moves")
    page.get_by_label("新しい住所").fill("例示県見本市新しい町７番地")
    page.get_by_role("button", name="届出を作る").click()
    expect(page.locator("main")).to_contain_text("例示県見本市新しい町７番地")
    expect(page.locator("body")).to_have_attribute("data-readers", "1")
    judge(page, "move-to-sign")
    page.locator("#card-sign-do").click()
    expect(agent.locator("body")).to_contain_text("例示県見本市新しい町７番地")
    agent.locator("#signature").fill(PASSWORD)
    agent.get_by_role("button", name="決定").click()
    expect(page.locator("main")).to_contain_text("オンラインで済みました")
    judge(page, "move-done")

    page.goto("/citizen/trust")
    expect(page.locator("main")).to_contain_text("あと 2 回")
    judge(page, "trust-after-move")
    page.goto("/citizen/history")
    expect(page.locator("main")).to_contain_text("引越しの届出")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="証明つきで保存").click()
    file = tmp_path / "history.json"
    downloaded.value.save_as(file)
    assert json.loads(file.read_text("utf-8"))["records"]
    assert CliRunner().invoke(audit_app, ["verify", str(file)]).exit_code == 0

    page.goto("/citizen/lock")
    page.get_by_role("button", name="このカードを今すぐ止める").click()
    page.goto("/citizen/card")
    expect(page.locator("main")).to_contain_text("止めています")
    page.get_by_role("button", name="今すぐ閉じる").focus()


@pytest.mark.parametrize("language", ["ja", "easy", "en"])
def test_every_page_on_every_width_without_script(world: World, open_page: Open, language: str) -> None:
    """By a code from the counter, with JavaScript switched off: everything but the card works."""
    plain = open_page(language, 390, script=False)
    by_code(plain, world, TARO)
    plain.goto("/citizen/trust?desk=99201-main")
    plain.locator("form[action='/citizen/visits'] button").click()
    assert plain.locator("figure.ticket svg").count() == 1
    plain.locator("form[action='/citizen/visits/cancel'] button").click()
    plain.goto("/citizen/history")
    if language == "ja":  # the other languages find it asked already
        plain.locator("form[action='/citizen/history/ask'] button").first.click()
        plain.wait_for_url("**/citizen/cases")
    page = open_page(language, 390)
    by_code(page, world, TARO)
    for width in WIDTHS if language == "ja" else WIDTHS[:1]:
        page.set_viewport_size({"width": width, "height": 900})
        for place in PLACES:
            page.goto(f"/citizen/{place}?lang={language}")
            judge(page, f"{place or 'home'}-{language}-{width}")
    page.context.clear_cookies()
    page.goto(f"/citizen/login?lang={language}")
    judge(page, f"login-{language}-1280")


def test_in_the_dark_with_high_contrast_and_for_somebody_who_is_protected(world: World, open_page: Open) -> None:
    page = open_page(width=390, dark=True)
    by_code(page, world, HIDDEN)
    for place in PLACES:
        page.goto(f"/citizen/{place}")
        assert HIDDEN_ADDRESS not in page.content()
        assert "見本市" not in page.content()
    page.goto("/citizen/")
    judge(page, "protected-dark-390")
    assert page.get_by_role("button", name="今すぐ閉じる").is_visible()
    contrast = open_page(width=390, forced_colors="active")
    by_code(contrast, world, HIDDEN)
    judge(contrast, "protected-high-contrast-390", own_colours=False)
    contrast.route(f"{ELSEWHERE}**", lambda route: route.fulfill(body="weather"))  # nobody asks the real one
    contrast.get_by_role("button", name="今すぐ閉じる").click()
    contrast.wait_for_url(ELSEWHERE)
    contrast.goto("/citizen/")
    assert contrast.url.endswith("/citizen/login")


def test_a_person_goes_through_the_pages_with_the_keyboard_alone(world: World, open_page: Open) -> None:
    page = open_page("en")
    by_code(page, world, TARO)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    names = []
    for _ in range(18):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"Leave now", "Who looked at me", "Lock my card"} <= set(names)
