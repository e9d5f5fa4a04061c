"""Everything is signed by the operator's card, seen from the desk: one PIN a day, and what is said when it cannot."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cli.database import Database
from cli.deployment import CLERK
from cli.settings import load_settings
from enrollment import acts, signed_checks
from enrollment.store import acts as rows
from pki.instant import Instant
from tests.browser.conftest import Open
from tests.browser.seats import STAFF_PIN, Seat, seat
from tests.browser.steps import begin, find, go, judge, log_in, shoot, show_documents
from tests.browser.town import HANAKO, World

pytestmark = pytest.mark.browser


@pytest.fixture
def own_pc(world: World, tmp_path: Path, fastpoll: Path | None) -> Iterator[Seat]:
    """A seat whose agent may be killed."""
    with seat(world.url, tmp_path, preload=fastpoll) as one:
        yield one


@pytest.fixture
def signed(world: World) -> Iterator[Callable[[], list[rows.StoredAct]]]:
    """The acts that the deployment has kept."""
    database = Database(load_settings(world.folder).database_url)
    yield lambda: database.read(lambda conn: rows.acts_after(conn, None, 500))
    at = Instant.parse("2040-01-01T00:00:00Z")
    count, faults = database.read(acts.verify)
    assert count > 0 and not faults
    assert not database.read(lambda conn: signed_checks.verify(conn, at))[1]
    database.close()


WATCH = """() => new MutationObserver(() => localStorage.setItem("said", "yes"))
    .observe(document.getElementById("signing"), { attributes: true })"""
"""Notes that the page said where the PIN is asked for: while its form waits, nobody can look into the page."""


def test_one_pin_signs_the_whole_work_and_a_card_that_forgot_it_is_asked_once_more(
    world: World, open_page: Open, clerk_pc: Seat, signed: Callable[[], list[rows.StoredAct]]
) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    before = len(signed())
    find(page, HANAKO, "1980-02-17")
    begin(page, "check")
    show_documents(page)
    expect(page.locator(".good").first).to_contain_text("本人確認を記録しました")
    expect(agent.locator("#signed")).to_contain_text("本人確認の記録")
    expect(agent.locator("#signed")).to_contain_text("手続の開始")
    assert HANAKO not in agent.content() and world.people[HANAKO] not in agent.content()
    judge(agent)
    shoot(agent, "agent-signed-ja")
    fresh = [one for one in signed() if one.used_at is not None]
    assert len(fresh) > before
    # the reader lost its power for a moment: the card does not know the PIN any more, and is still there
    clerk_pc.card_in(0).reset_pins()
    find(page, HANAKO, "1980-02-17")
    page.evaluate("document.getElementById('signing').hidden = false")  # as it will be in a moment: no picture then
    judge(page)
    shoot(page, "desk-signing-wait-ja")
    page.evaluate("document.getElementById('signing').hidden = true")
    page.evaluate(WATCH)
    beside = page.context.new_page()
    beside.goto("/desk/queue")
    page.locator("button[name=kind][value=suspension]").click(no_wait_after=True)
    expect(agent.locator("#record")).to_have_text("手続の開始")
    judge(agent)
    shoot(agent, "agent-sign-record-ja")
    english = open_page("en")
    english.goto(f"{clerk_pc.agent}/?lang=en")
    expect(english.locator("#record")).to_have_text("beginning a procedure")
    shoot(english, "agent-sign-record-en")
    until = time.monotonic() + 60
    while beside.evaluate("localStorage.getItem('said')") != "yes":
        assert time.monotonic() < until
        time.sleep(0.1)
    beside.close()
    agent.locator("#authentication").fill(STAFF_PIN)
    agent.get_by_role("button", name="決定").click()
    page.wait_for_url("**/desk/work/*")
    # nobody types it this time: it is taken back at the reader, said in words, and nothing was done
    clerk_pc.card_in(0).reset_pins()
    acts_now, where = len(signed()), page.url
    page.locator("details", has=page.locator("form[action$='/give-up']")).locator("summary").click()
    page.locator("form[action$='/give-up'] [name=reason]").fill("間違えた")
    page.locator("form[action$='/give-up'] button").click(no_wait_after=True)
    expect(agent.locator("#record")).to_have_text("手続の中止")
    agent.get_by_role("button", name="やめる").click()
    expect(page.locator("h1")).to_contain_text("できませんでした")
    assert len(signed()) == acts_now
    go(page, where)
    expect(page.locator("form[action$='/give-up']")).to_be_attached()


def test_an_agent_that_was_killed_is_said_in_words_and_nothing_is_written(
    world: World, open_page: Open, own_pc: Seat, signed: Callable[[], list[rows.StoredAct]]
) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, own_pc, world.staff[CLERK])
    find(page, HANAKO, "1980-02-17")
    before = len(signed())
    own_pc.process.kill()
    own_pc.process.wait()
    page.locator("button[name=kind][value=check]").click()
    said = page.locator("main")
    expect(said).to_contain_text(re.compile("プログラムが応答しません|ログイン"))
    assert len(signed()) == before
    shoot(page, "desk-agent-gone-ja")


def test_a_session_without_the_card_looks_and_does_nothing(
    world: World, open_page: Open, clerk_pc: Seat, signed: Callable[[], list[rows.StoredAct]]
) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    key = {**key, "isUserVerified": True, "automaticPresenceSimulation": True}
    client.send("WebAuthn.addVirtualAuthenticator", {"options": key})
    go(page, "/desk/")
    page.locator("#passkey-add-do").click()
    expect(page.locator(".good")).to_have_text("登録しました。")
    page.locator("form[action='/desk/logout'] button").click()
    page.wait_for_url("**/desk/login")
    expect(agent.locator("#signed")).to_have_count(0)
    page.locator("#passkey-do").click()
    page.wait_for_url("**/desk/")
    find(page, HANAKO, "1980-02-17")
    before = len(signed())
    page.locator("button[name=kind][value=check]").click()
    expect(page.locator("main")).to_contain_text("職員カードによる署名が必要です")
    judge(page)
    shoot(page, "desk-card-needed-ja")
    go(page, "/desk/queue")
    expect(page.locator("h1")).to_be_visible()
    go(page, "/desk/day")
    page.locator("#cards").fill("5")
    page.locator("form[action='/desk/stock'] button").click()
    expect(page.locator("main")).to_contain_text("職員カードによる署名が必要です")
    assert len(signed()) == before
    client.send("WebAuthn.disable")


def test_a_signed_step_takes_little_longer_than_a_page_and_a_log_out_closes_the_card(
    world: World, open_page: Open, clerk_pc: Seat, record_property: Callable[[str, object], None]
) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    go(page, "/desk/day")
    steps = page.evaluate(
        """async () => {
            const token = document.querySelector("form[action='/desk/stock'] [name=form]").value;
            const took = { signed: [], shown: [] };
            for (let i = 0; i < 20; i++) {
                let begun = performance.now();
                const body = new URLSearchParams({ form: token, cards: "1" });
                const done = await fetch("/desk/stock", { method: "POST", body, redirect: "manual" });
                took.signed.push(performance.now() - begun);
                if (done.type !== "opaqueredirect") { throw new Error(String(done.status)); }
                begun = performance.now();
                await fetch("/desk/day");
                took.shown.push(performance.now() - begun);
            }
            return took;
        }"""
    )
    for name, times in steps.items():
        record_property(f"milliseconds {name} (median of 20)", round(sorted(times)[10], 1))
    card = clerk_pc.card_in(0)
    assert card.has_verified()
    page.locator("form[action='/desk/logout'] button").click()
    page.wait_for_url("**/desk/login")
    assert not card.has_verified(), "nobody who comes to the reader next finds the PIN entered"
