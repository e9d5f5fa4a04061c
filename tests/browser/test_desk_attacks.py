"""Other sites, other names and other tabs against desk and agent, tried in a real browser: what a page may do is the
browser's to decide, and what it lets through is ours to refuse.
"""

import os
import shutil
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError

from cli.deployment import CLERK
from tests.browser.conftest import Open
from tests.browser.seats import STAFF_PIN, Seat
from tests.browser.steps import enter_pin, find, go, log_in, pair, shoot
from tests.browser.town import HANAKO, World
from web.desk.words import WORDS
from web.pages.wording import plain

pytestmark = pytest.mark.browser

EVIL = "http://evil.example"
TRY = """async ([agent, desk, person]) => {
  const tried = {};
  const read = async (name, address, more) => {
    try { tried[name] = (await (await fetch(address, more)).text()).slice(0, 80); }
    catch (error) { tried[name] = "refused"; }
  };
  await read("agent page", `${agent}/`);
  await read("agent changes", `${agent}/changes?since=0`);
  await read("agent pair", `${agent}/pair`, { method: "POST", body: new URLSearchParams({ code: "AAAAABBBBB" }) });
  await read("desk", `${desk}/desk/`, { credentials: "include" });
  await read("desk work", `${desk}/desk/people/${person}/work`,
    { method: "POST", credentials: "include", body: new URLSearchParams({ kind: "suspension" }) });
  tried.socket = await new Promise((done) => {
    const socket = new WebSocket(`${agent.replace("http", "ws")}/reader`);
    socket.onopen = () => done("open");
    socket.onclose = () => done("closed");
  });
  return tried;
}"""
"""What a page of another site can have the browser do: each comes back as `refused`, or as what could be read."""


def evil(page: Page, body: str = "<h1>evil</h1>") -> Page:
    """A page of another site, in whose own frame everything is allowed."""
    page.route(f"{EVIL}/**", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(f"{EVIL}/")
    return page


def works(world: World, page: Page) -> int:
    go(page, "/desk/")
    return page.locator("section[aria-labelledby=open-work] li").count()


def test_another_sites_page_reads_nothing_does_nothing_and_frames_nothing(
    world: World, open_page: Open, clerk_pc: Seat
) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    before = works(world, page)
    other = evil(page.context.new_page())  # in the browser in which the clerk is logged in
    tried = other.evaluate(TRY, [clerk_pc.agent, world.url, world.people[HANAKO]])
    assert tried.pop("socket") == "closed"
    assert set(tried.values()) == {"refused"} and len(tried) == 5, tried
    framed = "".join(f'<iframe src="{one}"></iframe>' for one in (f"{clerk_pc.agent}/", f"{world.url}/desk/"))
    other.unroute(f"{EVIL}/**")
    evil(other, framed)
    other.wait_for_load_state("networkidle")
    assert len(other.frames) == 3
    for frame in other.frames[1:]:
        assert "カードリーダー" not in frame.content() and "窓口" not in frame.content(), "it can be put into no frame"
    for target, fields in (
        (f"{clerk_pc.agent}/unpair", {}),
        (f"{clerk_pc.agent}/answer", {"number": "0" * 16, "authentication": STAFF_PIN}),
        (f"{world.url}/desk/people/{world.people[HANAKO]}/work", {"kind": "suspension"}),
        (f"{world.url}/desk/logout", {}),
    ):
        inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
        other.unroute(f"{EVIL}/**")
        evil(other, f'<form method="post" action="{target}">{inputs}<button>x</button></form>')
        with other.expect_response(lambda answer: answer.request.method == "POST") as answered:
            other.locator("button").click()
        assert answered.value.status == 403, target
    other.close()
    assert works(world, page) == before, "the session stands, and nothing was begun in it"
    expect(agent.get_by_role("button", name="接続をやめる")).to_be_visible()  # and the pairing stands


def test_a_name_that_was_rebound_to_this_machine_finds_the_agent_shut(
    world: World, open_page: Open, clerk_pc: Seat, browser: Browser
) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    port, desk = urlsplit(clerk_pc.agent).port, urlsplit(world.url).port
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    flags = ["--host-resolver-rules=MAP evil.example 127.0.0.1", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    other = browser.browser_type.launch(executable_path=chromium, args=flags)
    try:
        there = other.new_page()
        seen: list[tuple[str, int]] = []
        there.on("response", lambda answer: seen.append((urlsplit(answer.url).path, answer.status)))
        with suppress(PlaywrightError):  # an answer without a body is no page
            there.goto(f"{EVIL}:{port}/")
        assert seen == [("/", 403)], "it was reached, and told nothing"
        there.route(f"{EVIL}:{port}/before", lambda route: route.fulfill(body="evil", content_type="text/html"))
        there.goto(f"{EVIL}:{port}/before")
        # whoever got a page under that name before it was rebound is of the same origin as the agent, by name
        tried = there.evaluate(
            """async () => {
              const told = {};
              for (const [name, path, more] of [["page", "/", {}], ["changes", "/changes?since=0", {}],
                ["pair", "/pair", { method: "POST", body: new URLSearchParams({ code: "AAAAABBBBB" }) }]]) {
                try {
                  const answer = await fetch(path, more);
                  told[name] = [answer.status, await answer.text()];
                } catch { told[name] = [403, ""]; }  // a browser that guards the local network lets nothing through
              }
              told.socket = await new Promise((done) => {
                const socket = new WebSocket(`ws://${location.host}/reader`);
                socket.onopen = () => done("open");
                socket.onclose = () => done("closed");
              });
              return told;
            }"""
        )
        assert tried == {"page": [403, ""], "changes": [403, ""], "pair": [403, ""], "socket": "closed"}
        begun = there.goto(f"{EVIL}:{desk}/desk/login")
        assert begun is not None
        cookies = [one["name"] for one in there.context.cookies()]
        assert not [one for one in cookies if one.startswith("__Host-")], "and the desk gives no session to that name"
    finally:
        other.close()


def test_a_second_tab_is_told_that_another_has_the_reader(world: World, open_page: Open, clerk_pc: Seat) -> None:
    page, agent = open_page(), open_page()
    log_in(page, agent, clerk_pc, world.staff[CLERK])
    find(page, HANAKO, "1980-02-17")  # a tab that is left open, on a resident's page
    page.context.new_page().goto(f"{world.url}/desk/")
    first = open_page()
    pair(first, agent, clerk_pc)
    second = first.context.new_page()
    second.goto(f"{world.url}/desk/login")
    expect(second.locator("#card-state")).to_have_text(plain(WORDS["state-second-page"].ja))
    shoot(second, "desk-second-tab-ja")
    expect(first.locator("#card-state")).to_have_text("")
    first.close()  # then the other one gets it by itself
    expect(second.locator("body")).to_have_attribute("data-readers", "1")
    enter_pin(second, agent)
