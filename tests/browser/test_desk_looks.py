"""The desk's pages in two languages, three widths, dark and high contrast, standing still, and without script."""

import pytest
from playwright.sync_api import Page, expect

from cli.deployment import CLERK, SUPERVISOR
from tests.browser.conftest import Open
from tests.browser.issuing import BORN, newcomer, resident
from tests.browser.seats import Seat
from tests.browser.steps import begin, decide, find, go, judge, log_in, shoot, show_documents
from tests.browser.town import HIDDEN, World

pytestmark = pytest.mark.browser


def fits(page: Page) -> None:
    """Nothing is cut off and no page scrolls sideways; what scrolls by itself may."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    cut = page.evaluate(
        """[...document.querySelectorAll("main *, header *")].filter(one => {
             const box = one.getBoundingClientRect();
             return box.width > 1 && box.right > innerWidth + 1 && !one.closest(".scroll, svg, .unseen");
           }).map(one => one.outerHTML.slice(0, 120))"""
    )
    assert not cut, (page.url, cut)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_fits_and_reads_in_three_widths_and_three_lights(
    world: World, open_page: Open, clerk_pc: Seat, supervisor_pc: Seat, language: str
) -> None:
    name = {"ja": "画面　見子", "en": "画面　幅子"}[language]
    resident(world, name)
    page, second = open_page(language), open_page(language)
    log_in(page, open_page(), clerk_pc, world.staff[CLERK])
    log_in(second, open_page(), supervisor_pc, world.staff[SUPERVISOR])
    find(page, name, BORN)
    person = page.url
    begin(page, "renewal")
    evidence = page.url
    go(page, person)
    begin(page, "suspension")
    details = page.url
    go(page, person)
    begin(page, "correction")
    page.locator("#reason").fill("見本")
    page.locator("form[action$='/details'] button").click()
    expect(page.locator("[data-state=approval]")).to_be_visible()
    pages = [
        (page, "home", "/desk/"),
        (page, "person", person),
        (page, "protected", f"/desk/people/{world.people[HIDDEN]}"),
        (page, "evidence", evidence),
        (page, "details", details),
        (page, "approval", page.url),
        (page, "day", "/desk/day"),
        (second, "queue", "/desk/queue"),
        (second, "statistics", "/desk/statistics"),
        (second, "near-misses", "/desk/near-misses"),
    ]
    for at, called, path in pages:
        go(at, path)
        for width in (390, 820, 1280):
            at.set_viewport_size({"width": width, "height": 900})
            fits(at)
            shoot(at, f"desk-{called}-{language}-{width}")
        judge(at)
        if language == "ja":
            at.emulate_media(color_scheme="dark")
            judge(at)
            shoot(at, f"desk-{called}-dark")
            at.emulate_media(color_scheme="light", forced_colors="active")
            shoot(at, f"desk-{called}-contrast")
            at.emulate_media(forced_colors="none")
    decide(second, name, "見本のため", yes=False)


def test_the_band_blinks_slowly_and_not_for_long_and_stands_still_for_those_who_ask(
    world: World, open_page: Open, clerk_pc: Seat
) -> None:
    page = open_page()
    log_in(page, open_page(), clerk_pc, world.staff[CLERK])
    go(page, f"/desk/people/{world.people[HIDDEN]}")
    band = page.locator(".band[role=alert]")
    seconds, times = band.evaluate(
        """one => {
          const style = getComputedStyle(one);
          return [parseFloat(style.animationDuration), style.animationIterationCount];
        }"""
    )
    assert times != "infinite" and seconds * float(times) <= 5
    assert 1 / seconds < 3, "flashes a second (WCAG 2.3.1)"
    assert band.locator("svg").count() == 1 and band.locator("strong").inner_text()
    page.emulate_media(reduced_motion="reduce")
    assert band.evaluate("one => getComputedStyle(one).animationName") == "none"
    shoot(page, "desk-band-still-ja")
    page.emulate_media(forced_colors="active")
    width = band.evaluate("one => parseFloat(getComputedStyle(one).borderTopWidth)")
    assert width >= 8, "where colours are the reader's own, a thick frame stays"


def test_without_javascript_every_form_that_needs_no_card(
    world: World, open_page: Open, clerk_pc: Seat, supervisor_pc: Seat
) -> None:
    name, other = "無手　書子", "無手　新男"
    resident(world, name)
    newcomer(world, other)
    page, second = open_page(), open_page()
    log_in(page, open_page(), clerk_pc, world.staff[CLERK])
    log_in(second, open_page(), supervisor_pc, world.staff[SUPERVISOR])
    plain, decider = open_page(script=False), open_page(script=False)
    plain.context.add_cookies(page.context.cookies())
    decider.context.add_cookies(second.context.cookies())
    for path in ("/desk/", "/desk/queue", "/desk/day"):
        go(plain, path)
        assert not plain.locator("[onclick], button[type=button]:visible:not([disabled]):not(#passkey-add-do)").count()
    go(plain, "/desk/")
    plain.locator("form[action='/desk/search/card'] button").click()
    expect(plain.locator(".error")).to_contain_text("カードがリーダーに入っていません")
    find(plain, name, BORN)
    begin(plain, "check")
    show_documents(plain)
    expect(plain.locator(".good").first).to_contain_text("本人確認を記録しました")
    for kind in ("suspension", "loss"):
        find(plain, name, BORN)
        begin(plain, kind)
        plain.locator("#reason").fill("電話で届出")
        plain.locator("form[action$='/details'] button").click()
        expect(plain.locator(".good").first).to_contain_text("カードを止めました")
    find(plain, name, BORN)
    begin(plain, "correction")
    plain.locator("#reason").fill("記録の誤り")
    plain.locator("form[action$='/details'] button").click()
    decide(decider, name, "確認した")
    plain.reload()
    plain.locator("form[action$='/carry-out'] button").click()
    expect(plain.locator(".good").first).to_contain_text("記録しました")
    find(plain, HIDDEN, "1955-12-31")
    expect(plain.locator(".band")).to_be_visible()
    begin(plain, "unlock")
    plain.locator("#reason").fill("裁判所への回答")
    plain.locator("form[action$='/details'] button").click()
    decide(decider, HIDDEN, "必要と認める")
    plain.reload()
    plain.locator("form[action$='/see'] button").click()
    expect(plain.locator("main")).to_contain_text("ひみつ町")
    find(plain, other, BORN)
    begin(plain, "first-issue")
    show_documents(plain)
    decide(decider, other, "書類が足りない", yes=False)
    plain.reload()
    expect(plain.locator(".error")).to_contain_text("書類が足りない")
    find(plain, other, BORN)
    begin(plain, "first-issue")
    plain.locator("details summary").last.click()
    plain.locator("#why").fill("本人が帰った")
    plain.locator("form[action$='/give-up'] button").click()
    expect(plain.locator("main .warn[role=status]:not(#signing)")).to_contain_text("本人が帰った")
    go(plain, "/desk/day")
    plain.locator("#cards").fill("3")
    plain.locator("form[action='/desk/stock'] button").click()
    expect(plain.locator("dl.facts").last).to_be_visible()
    shoot(plain, "desk-noscript-day-ja")
    plain.locator("form[action='/desk/logout'] button").click()
    plain.wait_for_url("**/desk/login")
    assert plain.request.get("/desk/", max_redirects=0).status == 303
