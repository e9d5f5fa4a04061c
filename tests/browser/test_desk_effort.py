"""Time on task: how many inputs an affair costs the operators; told at the end of the test run."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from cli.deployment import CLERK
from tests.browser.conftest import Open
from tests.browser.counting import forget, inputs, watch
from tests.browser.issuing import BORN, cards_in, choose_pins, newcomer, press_card, resident, supervisor
from tests.browser.seats import PASSWORD, PIN, Seat
from tests.browser.steps import begin, decide, find, go, log_in, show_documents
from tests.browser.town import World

pytestmark = pytest.mark.browser
LIMIT = 12


@pytest.mark.parametrize("kind", ["first-issue", "renewal"])
def test_a_card_costs_the_operators_at_most_twelve_inputs_besides_the_name(
    world: World,
    open_page: Open,
    clerk_pc: Seat,
    supervisor_pc: Seat,
    kind: str,
    record_property: Callable[[str, object], None],
) -> None:
    name = {"first-issue": "手数　少男", "renewal": "手数　更子"}[kind]
    if kind == "first-issue":
        newcomer(world, name)
        card = world.blank()
    else:
        card = resident(world, name)
    page, agent, second = open_page(), open_page(), open_page()
    for one in (page, second):
        watch(one)
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    supervisor(second, open_page(), world, supervisor_pc)
    clerk_pc.insert(card, 1)
    cards_in(page, 2)
    go(page, "/desk/")
    for one in (page, second):
        forget(one)
    begun = time.monotonic()
    find(page, name, BORN)
    begin(page, kind)
    show_documents(page)
    expect(page.locator("[data-state=approval]")).to_be_visible()
    decide(second, name, "書類を確認した")
    expect(page.locator("[data-state=keys]")).to_be_visible()
    press_card(page)
    if kind == "first-issue":
        choose_pins(agent, PIN, PASSWORD)  # the resident's hands
    expect(page.locator("[data-state=done]")).to_be_visible(timeout=60_000)
    seconds = time.monotonic() - begun
    mine, theirs = inputs(page), inputs(second)
    record_property(
        "desk",
        f"{kind}: {len(mine) + len(theirs)} operator inputs besides the name "
        f"({len(mine)} at the counter, {len(theirs)} by the second person), {seconds:.0f} s with a machine's hands",
    )
    assert len(mine) >= 8 and len(theirs) >= 2, "the counter counts"
    assert len(mine) + len(theirs) <= LIMIT, (mine, theirs)


def to(page: Page, wanted: Locator) -> None:
    """Go there as a keyboard does; what has the focus is to be seen."""
    expect(wanted).to_have_count(1)
    for _ in range(80):
        if wanted.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError(f"no Tab leads to {wanted}")
    style = wanted.evaluate("one => { const s = getComputedStyle(one); return [s.outlineStyle, s.outlineWidth]; }")
    assert style[0] != "none" and style[1] != "0px", f"nothing shows where the keyboard is: {wanted}"


def test_a_check_by_keyboard_alone(world: World, open_page: Open, clerk_pc: Seat) -> None:
    name = "鍵盤　打子"
    resident(world, name)
    page = open_page()
    log_in(page, open_page(), clerk_pc, world.staff[CLERK])
    page.keyboard.press("F2")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type("03041971")  # month, day, year: the field's own order in this browser
    page.keyboard.press("Enter")
    to(page, page.locator("main a[href^='/desk/people/']"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/people/*")
    to(page, page.locator("button[name=kind][value=check]"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/work/*")
    to(page, page.locator("#document1"))
    for _ in range(page.locator("#document1 option[value=driving-licence]").evaluate("one => one.index")):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#document1")).to_have_value("driving-licence")
    to(page, page.locator("#expires1"))
    page.keyboard.type("01012031")
    for box in ("photo", "present"):
        to(page, page.locator(f"[name={box}]"))
        page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator(".good").first).to_contain_text("本人確認を記録しました")
    page.keyboard.press("Escape")
    page.wait_for_url("**/desk/")
    page.keyboard.press("F9")
    page.wait_for_url("**/desk/day")
