"""A person at home: in with their card through the reader's program, looking, filing a move, locking, going at once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from cli.audit import app as audit_app
from tests.browser.conftest import Open
from tests.browser.seats import PASSWORD, PIN, Seat, seat
from tests.browser.steps import shoot
from tests.browser.town import HANAKO, World

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
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
    shoot(page, f"citizen-{name}")


def change_the_pin(agent: Page) -> None:
    """One's own PIN, on the agent's page alone: another one, and back again."""
    for old, new in ((PIN, "8642"), ("8642", PIN)):
        agent.get_by_role("button", name="利用者証明用 暗証番号を変える").click()
        agent.locator("#authentication").fill(old)
        agent.locator("#authentication_new").fill(new)
        agent.locator("#authentication_again").fill(new)
        judge(agent, "agent-change-pin-ja-1280")
        agent.get_by_role("button", name="決定").click()
        expect(agent.locator("main [role=alert]")).to_contain_text("新しい番号に変わりました")
    agent.get_by_role("button", name="利用者証明用 暗証番号を覚えているか確かめる").click()
    expect(agent.locator("#tries")).to_contain_text("3")
    judge(agent, "agent-check-pin-ja-1280")
    agent.locator("#authentication").fill(PIN)
    agent.get_by_role("button", name="決定").click()
    expect(agent.locator("main [role=alert]")).to_contain_text("正しい番号です")


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

    page.get_by_role("link", name="カードに入れる").click()
    page.wait_for_url("**/citizen/certificates/*")
    judge(page, "certificate-waits-ja-1280")
    place = page.url
    page.locator("#certificate-do").click()
    expect(agent.locator("#asked")).to_contain_text("カードに新しい証明書を入れます")
    home_pc.pull()  # before anything was agreed: nothing is lost, and the question goes with the card
    expect(page.locator("main .error")).to_contain_text("何も失われていません")
    expect(agent.locator("#asked")).to_have_count(0)
    home_pc.insert(world.cards[HANAKO])
    page.locator("#certificate-do").click()
    expect(agent.locator("#asked")).to_contain_text("カードに新しい証明書を入れます")
    for language in ("en", "easy", "ja"):
        agent.goto(f"{home_pc.agent}/?lang={language}")
        judge(agent, f"agent-renew-{language}-1280")
    agent.get_by_role("button", name="始める").click()
    expect(page.locator("main")).to_contain_text("読み戻して確かめました")
    for language in ("en", "easy", "ja"):
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{place}?lang={language}")
            judge(page, f"certificate-done-{language}-{width}")
            agent.set_viewport_size({"width": width, "height": 900})
            agent.goto(f"{home_pc.agent}/?lang={language}")
            judge(agent, f"agent-home-{language}-{width}")
    page.goto("/citizen/card")
    expect(page.locator("main")).not_to_contain_text("カードを待っています")
    change_the_pin(agent)

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
