"""Renewal and re-issue from end to end, with the card pulled again and again, and half-done work at another desk."""

import pytest
from playwright.sync_api import Page, expect

from cardio import jpki
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cli.deployment import CLERK
from pki.certificate import Certificate
from pki.purpose import Purpose
from tests.browser.conftest import Open
from tests.browser.issuing import (
    BORN,
    branch_clerk,
    cards_in,
    choose_pins,
    leaving,
    press_card,
    resident,
    stopped_or_on,
    supervisor,
)
from tests.browser.seats import PASSWORD, PIN, Seat
from tests.browser.steps import begin, decide, find, go, judge, log_in, shoot, show_documents
from tests.browser.town import World

pytestmark = pytest.mark.browser


def held(card: object) -> tuple[Certificate, Certificate]:
    """What a card holds now: for log-ins, and, with the holder's password, for signatures."""
    opened = JpkiCard(CardSession.of_memory(VirtualJpkiCard(FileStorage(card), bytes), jpki.identify))  # type: ignore[arg-type]
    opened.verify_pin(Purpose.AUTHENTICATION, jpki.pin(Purpose.AUTHENTICATION, PIN))
    first = opened.read(Purpose.AUTHENTICATION)
    second = opened.read(Purpose.SIGNATURE, jpki.pin(Purpose.SIGNATURE, PASSWORD))
    assert first is not None and second is not None
    return Certificate(first), Certificate(second)


def test_a_renewal_survives_every_pull_of_the_card_and_ends_at_another_desk(
    world: World, open_page: Open, clerk_pc: Seat, supervisor_pc: Seat, post_pc: Seat
) -> None:
    name = "更新　枝子"
    card = resident(world, name)
    before = held(card)
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    second = supervisor(open_page(), open_page(), world, supervisor_pc)
    find(page, name, BORN)
    begin(page, "renewal")
    show_documents(page)
    decide(second, name, "更新の書類を確認した")
    expect(page.locator("[data-state=keys]")).to_be_visible()
    pulled = _press_until(page, clerk_pc, card, 1, cards=2, until={"certificates", "done"})
    assert pulled >= 2, "the card left in the middle, more than once"
    where = page.url
    shoot(page, "desk-renewal-half-ja")
    clerk_pc.empty()  # both cards leave: the session of this desk is over, the work is not
    other, other_agent = open_page(), open_page()
    log_in(other, other_agent, post_pc, branch_clerk(world))
    go(other, "/desk/")
    find(other, name, BORN)
    other.locator(f"main a[href='{where[where.index('/desk/work/') :].split('?')[0]}']").click()
    expect(other.locator("[data-state=certificates]")).to_be_visible()
    judge(other)
    pulled = _press_until(other, post_pc, card, 1, cards=2, until={"done"})
    assert pulled >= 2
    expect(other.locator(".good").first).to_contain_text("カードを本人に渡してください")
    shoot(other, "desk-renewal-done-ja")
    find(other, name, BORN)
    expect(other.locator("main table")).to_contain_text("有効")
    assert other.locator("main table tbody tr").count() == 4
    assert other.locator("main table tbody").inner_text().count("失効") == 2
    after = held(card)  # with the PINs that the holder had: a renewal asks for none
    assert {one.serial for one in after}.isdisjoint({one.serial for one in before})


def _press_until(page: Page, pc: Seat, card: object, slot: int, *, cards: int, until: set[str]) -> int:
    """Press, have the card leave later each time, and put it back, until the work stands where it should."""
    pulls = 0
    for round_ in range(40):
        one = leaving(card)  # type: ignore[arg-type]
        pc.lend(one, slot)
        cards_in(page, cards)
        state = page.locator("[data-state]").get_attribute("data-state")
        if state in until:
            return pulls
        one.left, one.after = 3 + 14 * round_, bool(round_ % 2)
        press_card(page)
        ended = stopped_or_on(page)
        one.left = 0
        if ended == "stopped":
            pulls += 1
            if pulls == 1:
                expect(page.locator(".error").first).to_contain_text("カードが抜かれ")
                expect(page.locator(".error").first).to_contain_text("止まったところから続きます")
                shoot(page, "desk-card-pulled-ja")
            pc.pull(slot)
            cards_in(page, cards - 1)
        elif ended in until:
            return pulls
    raise AssertionError("it never ended")


def test_a_reissue_gives_a_new_card_with_new_pins_and_the_old_one_is_over(
    world: World, open_page: Open, clerk_pc: Seat, supervisor_pc: Seat
) -> None:
    name = "再発　行男"
    old = resident(world, name)
    page, agent = open_page("en"), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    second = supervisor(open_page(), open_page(), world, supervisor_pc)
    find(page, name, BORN)
    begin(page, "loss")
    page.locator("#reason").fill("reported by telephone")
    page.locator("form[action$='/details'] button").click()
    expect(page.locator(".good").first).to_contain_text("The card is stopped")
    find(page, name, BORN)
    expect(page.locator("main")).to_contain_text("lost")
    begin(page, "reissue")
    show_documents(page)
    decide(second, name, "紛失の届出を確認した")
    expect(page.locator("[data-state=keys]")).to_be_visible()
    clerk_pc.insert(old, 1)
    cards_in(page, 2)
    press_card(page)
    expect(page.locator(".error").first).to_be_visible(timeout=60_000)  # the card that was lost is not taken again
    shoot(page, "desk-reissue-old-card-en")
    go(page, page.url.removesuffix("/card"))
    new = world.blank()
    clerk_pc.insert(new, 1)
    wait_other = held(old)[0].serial
    cards_in(page, 2)
    press_card(page)
    choose_pins(agent, PIN, PASSWORD)
    expect(page.locator(".good").first).to_contain_text("Hand the card to its holder", timeout=60_000)
    judge(page)
    shoot(page, "desk-reissue-done-en")
    assert wait_other not in {one.serial for one in held(new)}
    find(page, name, BORN)
    assert page.locator("main h3").all_inner_texts().count("") == 0
    expect(page.locator("main")).to_contain_text("in use")
