"""What people do in front of the pages, for several tests."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.seats import STAFF_PIN, Seat

SCREENSHOTS = Path("var/screenshots")


def log_in(page: Page, agent: Page, pc: Seat, card: Path, slot: int = 0) -> None:
    """Pair, put the card in, log in with the PIN on the agent's page."""
    pc.insert(card, slot)
    pair(page, agent, pc)
    enter_pin(page, agent)


def pair(page: Page, agent: Page, pc: Seat) -> None:
    """The log-in page and the agent belong together, and the page sees the card."""
    page.goto("/desk/login")
    code = page.locator("#code").inner_text()
    agent.goto(f"{pc.agent}/?lang=ja")
    # Paired from before, or on the way out of that: the program hears of a session's end some time after it.
    unpair, code_field = agent.get_by_role("button", name="接続をやめる"), agent.get_by_label("接続番号")
    expect(unpair.or_(code_field)).to_be_visible()
    with suppress(PlaywrightTimeout):
        if not code_field.is_visible():
            unpair.click(timeout=5_000)
    agent.get_by_label("接続番号").fill(code)
    agent.get_by_role("button", name="つなぐ").click()
    expect(page.locator("#paired")).to_be_attached()
    expect(page.locator("body")).to_have_attribute("data-readers", "1")


def enter_pin(page: Page, agent: Page) -> None:
    """Log in on a page that is paired."""
    page.locator("#card-do").click()
    agent.locator("#authentication").fill(STAFF_PIN)
    agent.get_by_role("button", name="決定").click()
    page.wait_for_url("**/desk/")


def go(page: Page, path: str) -> None:
    """Open a page; the one that is left may be just about to look again by itself, and then it is opened after that."""
    for _ in range(5):
        try:
            page.goto(path)
        except PlaywrightError as error:
            if "interrupted by another navigation" not in str(error):
                raise
            page.wait_for_load_state()
        else:
            return
    page.goto(path)


def press(page: Page, button: Locator) -> None:
    """Send a form, and wait for what the service says to it."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        button.click()


def find(page: Page, name: str, born: str) -> None:
    """Search, and open who is found."""
    go(page, "/desk/")
    page.locator("#name").fill(name.replace("　", " "))
    page.locator("#born").fill(born)
    page.locator("form[action='/desk/search'] button").click()
    page.locator("main a[href^='/desk/people/']").first.click()
    page.wait_for_url("**/desk/people/*")


def begin(page: Page, kind: str) -> None:
    """Begin a kind of work on the person's page."""
    page.locator(f"button[name=kind][value={kind}]").click()
    page.wait_for_url("**/desk/work/*")


def show_documents(page: Page) -> None:
    """A driving licence, the face compared, the person present."""
    page.locator("#document1").select_option("driving-licence")
    page.locator("#expires1").fill("2031-01-01")
    page.locator("[name=photo]").check()
    page.locator("[name=present]").check()
    press(page, page.locator("form[action$='/evidence'] button"))


def decide(page: Page, name: str, reason: str, *, yes: bool = True) -> None:
    """At the second seat, over what waits of `name`: it comes by itself where the queue is open."""
    one = page.locator("section.card", has_text=name)
    if not one.is_visible():
        go(page, "/desk/queue")
    one.locator("input[name=reason]").fill(reason)
    press(page, one.locator(f"button[name=decision][value={'yes' if yes else 'no'}]"))
    expect(one).to_have_count(0)


def shoot(page: Page, name: str) -> None:
    """A screenshot to look at. Chromium on a PC with too much to do sometimes has no picture to give: asked again."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        with suppress(PlaywrightError):
            page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
            return
        page.wait_for_load_state()
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def judge(page: Page) -> None:
    """axe finds nothing against WCAG 2.2 A and AA (JIS X 8341-3 asks for the same)."""
    rules: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, options=rules).response["violations"]
    told = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]
    assert not told, told


def looks(page: Page, name: str) -> None:
    """Pictures to look at, in two languages, three widths, dark and high contrast, with nothing for axe to find. The
    page is left wide and Japanese."""
    here = page.url.split("?")[0]
    for language, widths in (("en", (1280, 390)), ("ja", (390, 820, 1280))):
        go(page, f"{here}?lang={language}")
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            shoot(page, f"{name}-{language}-{width}")
        judge(page)  # the English page narrow, the Japanese one wide
    page.emulate_media(color_scheme="dark")
    judge(page)
    shoot(page, f"{name}-dark")
    page.emulate_media(color_scheme="light", forced_colors="active")
    shoot(page, f"{name}-contrast")
    page.emulate_media(forced_colors="none")
