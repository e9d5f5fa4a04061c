"""`make serve` as somebody meets it who has read the README: what it prints is enough to issue a first card by hand."""

import os
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.steps import begin, decide, find, press, shoot, show_documents
from tests.browser.town import World
from tests.support.processes import MARK, end, left_over, parent_of, wait_gone

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]


@dataclass
class Trial:
    """What was printed."""

    text: str
    url: str

    def seat(self, name: str) -> tuple[str, str]:
        """A seat's page, and its reader's page."""
        found = re.search(rf"^ +{name} +(http\S+) +reader (http\S+)$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found.group(1), found.group(2)

    def named(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found is not None, self.text
        return found.group(1)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    place = tmp_path_factory.mktemp("trial") / "serve"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    venv = Path(shutil.which("python") or "").parents[1] if "VIRTUAL_ENV" in os.environ else ROOT / ".venv"
    process = subprocess.Popen(
        [ROOT / "scripts" / "serve", str(place), listen],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "VENV": str(venv), "SEATS_PORT": "0"},
    )
    assert process.stdout is not None
    said: list[str] = []
    until = time.monotonic() + 300
    try:
        while not all(any(line.startswith(start) for line in said) for start in ("ready: http", "without a card: ")):
            assert process.poll() is None and time.monotonic() < until, "".join(said)
            if select.select([process.stdout], [], [], 1)[0]:
                said.append(process.stdout.readline())
        text = "".join(said)
        url = re.search(r"^ready: (http\S+)$", text, re.MULTILINE)
        assert url is not None, text
        yield Trial(text, url.group(1))
    finally:
        beside = [pid for pid in left_over(os.environ[MARK]) if parent_of(pid) == process.pid]
        assert len(beside) >= 2, "the seats, and whom the service speaks with"
        end(process.pid, patience=30)
        process.wait()
        assert all(wait_gone(pid, 60) for pid in beside), "they end with the service"
        process.stdout.close()


@pytest.fixture(scope="module")
def world(trial: Trial) -> World:
    """What the pages need: where it is, and whom no address may name."""
    one = World(Path(), "", trial.url)
    one.people = {trial.named(r"without a card: (.+?), born"): ""}
    return one


def log_in(page: Page, agent: Page, seat: tuple[str, str], pin: str) -> None:
    """As the README says: the code of the one into the other, then the PIN at the reader."""
    page.goto(seat[0])
    agent.goto(f"{seat[1]}/?lang=ja")
    agent.get_by_label("接続番号").fill(page.locator("#code").inner_text())
    agent.get_by_role("button", name="つなぐ").click()
    expect(page.locator("#paired")).to_be_attached()
    expect(page.locator("body")).to_have_attribute("data-readers", re.compile("[12]"))
    if page.locator("#readers-field").is_visible():  # a blank card lies in the other reader
        page.locator("#readers").select_option(index=0)
    page.locator("#card-do").click()
    agent.locator("#authentication").fill(pin)
    agent.get_by_role("button", name="決定").click()
    page.wait_for_url("**/desk/")


def test_a_first_card_is_issued_by_hand_with_what_is_printed(trial: Trial, world: World, open_page: Open) -> None:
    readme = (ROOT / "README.md").read_text()
    pin, (name,) = trial.named(r"staff PIN (\d{4})"), world.people
    assert f"({pin} for staff)" in readme
    for seat in ("clerk", "supervisor", "protection", "post-office", "home"):
        here, reader = trial.seat(seat)
        page = open_page()
        page.goto(here)
        page.goto(reader)
        expect(page.locator("#code")).to_be_visible()
    page, agent, second = open_page(), open_page(), open_page()
    log_in(page, agent, trial.seat("clerk"), pin)
    log_in(second, open_page(), trial.seat("supervisor"), pin)
    find(page, name, trial.named(r"born (\d{4}-\d\d-\d\d)"))
    shoot(page, "serve-newcomer-ja")
    begin(page, "first-issue")
    show_documents(page)
    decide(second, name, "書類を確認した")
    expect(page.locator("[data-state=keys]")).to_be_visible()
    press(page, page.locator("form[action$='/card'] button"))
    for field, value in (("authentication", "4321"), ("signature", "ZYX987")):
        agent.locator(f"#{field}").fill(value)
        agent.locator(f"#{field}_again").fill(value)
    agent.get_by_role("button", name="決定").click()
    expect(page.locator("[data-state=done]")).to_be_visible()
    expect(page.locator(".good").first).to_contain_text("カードを本人に渡してください")
    assert not world.leaks("\n".join(world.addresses))
