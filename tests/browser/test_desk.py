"""The counter desk, driven as its clerks do."""

import pytest
from playwright.sync_api import Page, expect

from cli.deployment import CLERK
from tests.browser.conftest import Open
from tests.browser.seats import STAFF_PIN, Seat
from tests.browser.town import World

pytestmark = pytest.mark.browser


def log_in(page: Page, agent: Page, pc: Seat, card: object) -> None:
    """Pair, put the card in, log in with the PIN on the agent's page."""
    pc.insert(card)  # type: ignore[arg-type]
    page.goto("/desk/login")
    code = page.locator("#code").inner_text()
    agent.goto(pc.agent)
    agent.get_by_label("接続番号").fill(code)
    agent.get_by_role("button", name="つなぐ").click()
    expect(page.locator("#paired")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-readers", "1")
    page.locator("#card-do").click()
    agent.locator("#authentication").fill(STAFF_PIN)
    agent.get_by_role("button", name="決定").click()
    page.wait_for_url("**/desk/")


def test_a_clerk_logs_in_and_the_session_ends_with_the_card(world: World, open_page: Open, clerk_pc: Seat) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    expect(page.locator("h1")).to_have_text("窓口")
