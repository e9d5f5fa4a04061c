"""A person at home: in with their card through the reader's program, looking, filing a move, locking, going at once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from cli.audit import app as audit_app
from tests.browser.conftest import SCREENSHOTS, Open
from tests.browser.seats import PASSWORD, PIN, Seat, seat
from tests.browser.town import HANAKO, World

pytestmark = pytest.mark.browser


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


def judge(page: Page, name: str) -> None:
    """No finding of axe, nothing wider than the window, and a picture."""
    found = Axe().run(page).response["violations"]
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
