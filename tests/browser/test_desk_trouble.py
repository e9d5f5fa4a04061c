"""What a clerk sees when something is missing, broken or refused: words and a next step, and nothing is lost."""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection

from cardio import jpki
from cardio.errors import PinBlocked, WrongPin
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cli.clock import SystemClock
from cli.deployment import CLERK
from enrollment import ledger
from enrollment.events import EventKind
from enrollment.ledger import Happening
from enrollment.person import PersonId
from pki.purpose import Purpose
from tests.browser.conftest import Open
from tests.browser.issuing import BORN, cards_in, resident, wait_for, within
from tests.browser.seats import Seat, seat
from tests.browser.steps import begin, find, go, judge, log_in, pair, shoot, show_documents
from tests.browser.town import World
from tests.support.processes import end
from web.desk.words import WORDS
from web.pages.wording import plain

pytestmark = pytest.mark.browser

LOST, NO_READER = plain(WORDS["state-lost"].ja), plain(WORDS["state-no-agent"].ja)


def block(card: Path) -> None:
    """Somebody who guesses."""
    opened = JpkiCard(CardSession.of_memory(VirtualJpkiCard(FileStorage(card), secrets.token_bytes), jpki.identify))
    for _ in range(5):
        with suppress(WrongPin, PinBlocked):
            opened.verify_pin(Purpose.AUTHENTICATION, jpki.pin(Purpose.AUTHENTICATION, "9999"), last_try=True)
    assert opened.tries_left(Purpose.AUTHENTICATION) == 0


def test_the_trust_panel_says_why_the_next_remote_change_is_refused_and_a_visit_ends_it(
    world: World, open_page: Open, clerk_pc: Seat
) -> None:
    name = "上限　三回"
    resident(world, name)
    person = PersonId(world.people[name])

    def moves(conn: Connection) -> None:
        for _ in range(3):
            at = SystemClock().now()
            ledger.record(conn, Happening(person, EventKind.REMOTE_MOVE, person), at, secrets.token_bytes)

    within(world, moves)
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    find(page, name, BORN)
    trust = page.locator("section[aria-labelledby=trust]")
    expect(trust).to_contain_text("3回のうち3回使用")
    expect(trust.locator(".error")).to_contain_text("オンラインの手続はできません")
    assert trust.locator(".error p").count() >= 3, "the reason, and where to go"
    assert trust.locator(".gauge .full").count() == 3
    assert trust.locator("svg .remote").count() == 3 and trust.locator("svg .anchor").count() == 1
    judge(page)
    shoot(page, "desk-cap-ja")
    go(page, page.url.split("?")[0] + "?lang=en")
    expect(trust.locator(".error")).to_contain_text("Remote changes are refused")
    judge(page)
    shoot(page, "desk-cap-en")
    go(page, page.url.split("?")[0] + "?lang=ja")
    begin(page, "check")
    show_documents(page)
    expect(page.locator(".good").first).to_contain_text("3回のうち0回使用")


def test_a_blocked_pin_is_called_blocked_at_the_reader_and_at_the_desk(
    world: World, open_page: Open, clerk_pc: Seat, tmp_path: Path
) -> None:
    card = resident(world, "閉塞　番一")
    block(card)
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    clerk_pc.insert(card, 1)
    cards_in(page, 2)
    find(page, "閉塞　番一", BORN)
    expect(page.locator("section[aria-labelledby=cards]")).to_contain_text("利用者証明用 0")
    judge(page)
    shoot(page, "desk-pin-blocked-ja")
    go(page, "/desk/")
    expect(page.locator("main")).to_contain_text("利用者証明用 0")
    clerk_pc.empty()
    mine = tmp_path / "blocked.card"  # the same for the clerk's own
    shutil.copy(world.staff[CLERK], mine)
    block(mine)
    wait_for(lambda: page.request.get("/desk/", max_redirects=0).status == 303)
    clerk_pc.insert(mine)
    pair(page, agent, clerk_pc)
    page.locator("#card-do").click()
    # both pages say it at once and what to do: nobody has to press a button first, and there is no field to type into
    expect(page.locator("#card-state")).to_have_text(plain(WORDS["state-blocked"].ja))
    expect(agent.locator("[role=alert]")).to_contain_text("職員カードの暗証番号がロックされています")
    assert agent.locator("#authentication").count() == 0
    expect(page.locator("#card-do")).to_be_enabled()
    for width in (1280, 390):
        for one, name in ((agent, "agent-blocked-ja"), (page, "desk-login-blocked-ja")):
            one.set_viewport_size({"width": width, "height": 900})
            judge(one)
            shoot(one, f"{name}-{width}")
    clerk_pc.pull()
    expect(agent.locator("[role=alert]")).to_have_count(0)  # it was about that card


def at_work(page: Page, agent: Page, world: World, pc: Seat, where: str) -> None:
    """Back at the work, whether or not the session outlived what happened."""
    go(page, where)
    if "/desk/login" in page.url:
        log_in(page, agent, pc, world.staff[CLERK])
        go(page, where)
    expect(page.locator("[data-state]")).to_be_visible()


def test_a_reader_that_is_lost_and_comes_back_and_pcscd_that_is_killed_cost_no_work(
    world: World, open_page: Open, clerk_pc: Seat
) -> None:
    name = "読取　機子"
    resident(world, name)
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    find(page, name, BORN)
    begin(page, "check")
    where = page.url
    clerk_pc.pcscd.kill()  # as a crash would: readers and cards are away
    agent.goto(f"{clerk_pc.agent}/?lang=ja")
    expect(agent.locator("body")).to_contain_text("カードリーダーの機能が動いていません", timeout=30_000)
    shoot(agent, "agent-no-service-ja")
    clerk_pc.empty()
    clerk_pc.pcscd.restart()
    clerk_pc.insert(world.staff[CLERK])
    expect(agent.locator("body")).not_to_contain_text("カードリーダーの機能が動いていません", timeout=30_000)
    at_work(page, agent, world, clerk_pc, where)
    show_documents(page)
    expect(page.locator(".good").first).to_contain_text("本人確認を記録しました")


def test_without_its_agent_a_desk_says_so_and_a_new_one_takes_the_work_up(
    world: World, open_page: Open, tmp_path: Path, fastpoll: Path | None
) -> None:
    name = "代理　無子"
    resident(world, name)
    page, agent = open_page(), open_page()
    with seat(world.url, tmp_path, preload=fastpoll) as first:
        log_in(page, agent, first, world.staff[CLERK])
        find(page, name, BORN)
        begin(page, "check")
        where = page.url
        go(page, "/desk/")
        expect(page.locator("main")).not_to_contain_text(LOST)
        end(first.process.pid)
        expect(page.locator("main section.note").first).to_contain_text(LOST, timeout=30_000)
        judge(page)
        shoot(page, "desk-agent-gone-ja")
    with seat(world.url, tmp_path, preload=fastpoll) as second:
        wait_for(lambda: page.request.get("/desk/", max_redirects=0).status == 303)  # nobody watches the card now
        log_in(page, agent, second, world.staff[CLERK])
        at_work(page, agent, world, second, where)
        show_documents(page)
        expect(page.locator(".good").first).to_contain_text("本人確認を記録しました")
