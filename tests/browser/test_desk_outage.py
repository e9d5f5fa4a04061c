"""The database is away: what may be noted is noted, nothing else is done, and all of it is said. Back again, the notes
are carried out once, signed by a clerk's own card. A real PostgreSQL is cut off, agents and cards are as at every desk.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cli.database import Database
from cli.deployment import CLERK
from cli.settings import load_settings
from enrollment.acts import What
from enrollment.person import PersonId
from enrollment.store import acts as act_rows
from enrollment.store import work as card_rows
from pki.card_state import CardState
from tests.browser.conftest import Open, served
from tests.browser.issuing import cards_in
from tests.browser.seats import Seat
from tests.browser.steps import find, go, judge, log_in, looks, shoot
from tests.browser.town import HANAKO, HIKARI, TARO, World, make_world
from tests.support.postgresql import Server
from web.desk.notes import Safe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def database(postgresql_server: Server) -> Iterator[str]:
    """The name of the deployment's own database."""
    name = postgresql_server.create_database()
    yield name
    postgresql_server.drop_database(name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server, database: str) -> Iterator[World]:
    with served(make_world(tmp_path_factory.mktemp("outage"), postgresql_server.url(database))) as made:
        yield made


def card_of(world: World, name: str) -> tuple[str, CardState]:
    """Somebody's card: its number and state, as the register has it."""
    store = Database(load_settings(world.folder).database_url)
    try:
        (card,) = store.read(lambda conn: card_rows.cards_of(conn, PersonId(world.people[name])))
    finally:
        store.close()
    return card.card_id, card.state


def signed(world: World) -> Counter[What]:
    """What was signed, and how often."""
    store = Database(load_settings(world.folder).database_url)
    try:
        return Counter(one.act.what for one in store.read(lambda conn: act_rows.acts_after(conn, None, 500)))
    finally:
        store.close()


def note(page: Page, act: Safe, card: str = "") -> None:
    page.locator(f"[name=act][value={act.value}]").check()
    page.locator("#card").fill(card)
    page.locator("main form[action='/desk/notes'] button").click()


def test_safe_acts_are_noted_while_the_database_is_away_and_signed_and_done_when_it_is_back(
    world: World, open_page: Open, clerk_pc: Seat, postgresql_server: Server, database: str
) -> None:
    (lost, _), (stopped, _) = card_of(world, HANAKO), card_of(world, TARO)
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    clerk_pc.insert(world.cards[TARO], 1)
    cards_in(page, 2)
    plain = open_page(script=False)
    plain.context.add_cookies(page.context.cookies())
    find(page, HIKARI, "2004-02-29")
    before = signed(world)
    postgresql_server.cut_off(database, off=True)
    try:
        # whoever goes on as if nothing had happened is told, and nothing was done
        page.locator("button[name=kind][value=suspension]").click()
        expect(page.locator("main [role=alert].error")).to_contain_text(
            "発行・更新・再発行・本人確認・訂正・承認・住所の閲覧はできません"
        )
        go(page, "/desk/")
        expect(page.locator("#card-how")).to_contain_text(stopped)  # the card that lies there, without a database
        looks(page, "desk-outage")
        assert {one.get_attribute("value") for one in page.locator("[name=act]").all()} == set(Safe)
        note(page, Safe.LOSS, lost)
        expect(page.locator("section[aria-labelledby=waiting]")).to_contain_text(lost)
        note(page, Safe.SUSPENSION, stopped)
        expect(page.locator("section[aria-labelledby=waiting] li")).to_have_count(2)
        judge(page)
        shoot(page, "desk-outage-noted-ja")
        note(page, Safe.LOSS, "not a number")
        expect(page.locator("section[aria-labelledby=note] [role=alert]")).to_be_visible()
        shoot(page, "desk-outage-wrong-ja")
        go(plain, "/desk/")  # and without script
        note(plain, Safe.VISIT)
        expect(plain.locator("section[aria-labelledby=waiting] li")).to_have_count(3)
        nobody = open_page()
        nobody.goto("/desk/")
        expect(nobody.locator("form[action='/desk/notes']")).to_have_count(0)  # who was not let in notes nothing
    finally:
        postgresql_server.cut_off(database, off=False)
    go(page, "/desk/")
    expect(page.locator("form[action='/desk/notes']")).to_contain_text("3 件")
    assert [card_of(world, name)[1] for name in (HANAKO, TARO, HIKARI)] == [CardState.ACTIVE] * 3
    judge(page)
    shoot(page, "desk-notes-waiting-ja")
    page.locator("form[action='/desk/notes'] button").click()
    page.wait_for_url("**/desk/day")
    expect(page.locator("main")).to_contain_text("控え")
    assert page.locator("main li", has_text="行われました").count() == 3
    expect(page.locator("form[action='/desk/notes']")).to_have_count(0)
    judge(page)
    shoot(page, "desk-notes-done-ja")
    states = [card_of(world, name)[1] for name in (HANAKO, TARO, HIKARI)]
    assert states == [CardState.LOST, CardState.SUSPENDED, CardState.ACTIVE]
    new = signed(world) - before
    assert new == {What.REPORT_LOSS: 1, What.SUSPEND: 1}, "each signed, and nothing besides"
    expect(agent.locator("#signed li")).to_have_count(2)
    assert HANAKO not in agent.content() and lost not in agent.content()
