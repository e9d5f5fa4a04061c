"""What happens at a counter until a card is made, step by step; residents and desks that one test has for itself."""

import os
import secrets
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import Connection

from ca.journal_file import JournaledDatabase, JournalFile
from cardio.virtual_card import FileStorage, PowerLost
from cardio.virtual_jpki import VirtualJpkiCard
from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import SUPERVISOR, Desks
from cli.sample import enter
from cli.settings import load_settings
from cli.staff_cards import make_staff_card
from enrollment import registry
from enrollment.counters import Affair, Counter, CounterKind
from enrollment.operators import Operator, Role
from enrollment.store import people as people_rows
from pki.attributes import Attributes, Gender
from tests.browser.seats import STAFF_PIN, Seat
from tests.browser.steps import go, log_in
from tests.browser.town import World

BORN = "1971-03-04"


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Until something holds that no page shows by itself."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def cards_in(page: Page, count: int) -> None:
    """Until the desk knows of so many cards in this seat's readers."""
    wait_for(lambda: page.request.get("/desk/reader").text().count("<code>") == count)


def resident(world: World, name: str) -> Path:
    """Somebody new with a card of theirs, entered by the real command's own function; the card."""
    settings = load_settings(world.folder)
    attributes = Attributes(name, date.fromisoformat(BORN), Gender.FEMALE, "例示県見本市枝町三番地")
    entered = enter(settings, attributes, SystemClock().now())
    world.people[name], world.cards[name] = entered.person, entered.card
    return entered.card


def newcomer(world: World, name: str) -> None:
    """Somebody new without a card."""
    settings = load_settings(world.folder)
    attributes = Attributes(name, date.fromisoformat(BORN), Gender.MALE, "例示県見本市枝町四番地")
    at = SystemClock().now()

    def write(conn: Connection) -> None:
        world.people[name] = registry.register(conn, settings.municipality.code, attributes, at, secrets.token_bytes)

    within(world, write)


def within(world: World, body: Callable[[Connection], None]) -> None:
    """One transaction in the deployment's database, beside the service."""
    settings = load_settings(world.folder)
    database = Database(settings.database_url)
    try:
        JournaledDatabase(database, JournalFile(settings.path(settings.status.journal))).transaction(body)
    finally:
        database.close()


def branch_clerk(world: World) -> Path:
    """The staff card of a clerk at a branch office, made once."""
    if "branch" in world.staff:
        return world.staff["branch"]
    settings = load_settings(world.folder)
    at, code = SystemClock().now(), settings.municipality.code
    name = Desks(code)

    def write(conn: Connection) -> None:
        known = people_rows.operator_of(conn, name(SUPERVISOR))
        counter = name("branch")
        people_rows.add_counter(conn, Counter(counter, code, CounterKind.BRANCH, "見本市枝町支所", frozenset(Affair)))
        people_rows.add_operator(
            conn,
            Operator(name("branch-clerk"), code, frozenset({Role.CLERK}), "00" * 32, counter, known.validity),
        )

    within(world, write)
    database = Database(settings.database_url)
    file = world.folder / "cards" / "staff-branch-clerk.card"
    try:
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        make_staff_card(settings, journaled, name("branch-clerk"), file, STAFF_PIN, at, secrets.token_bytes)
    finally:
        database.close()
    world.staff["branch"] = file
    return file


def supervisor(page: Page, agent: Page, world: World, pc: Seat) -> Page:
    """The second person, at the queue."""
    log_in(page, agent, pc, world.staff[SUPERVISOR])
    go(page, "/desk/queue")
    return page


class Leaving(VirtualJpkiCard):
    """A card that is pulled out of the reader at one command, before or after it took effect; 0: it stays."""

    left = 0
    after = False

    def process(self, raw: bytes) -> bytes:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise PowerLost
        answer = super().process(raw)
        if self.left == 0:
            raise PowerLost
        return answer


def leaving(card: Path) -> Leaving:
    return Leaving(FileStorage(card), os.urandom)


def press_card(page: Page) -> None:
    """The button of the step that needs the card."""
    page.locator("form[action$='/card'] button").click()


def choose_pins(agent: Page, pin: str, password: str) -> None:
    """The resident at the agent's page."""
    for field, value in (("authentication", pin), ("signature", password)):
        agent.locator(f"#{field}").fill(value)
        agent.locator(f"#{field}_again").fill(value)
    agent.get_by_role("button", name="決定").click()


def stopped_or_on(page: Page) -> str:
    """How a step with the card ended: `stopped`, or what the work waits for now."""
    current = page.locator("[data-state]")
    expect(current).not_to_have_attribute("data-running", "yes", timeout=60_000)
    return "stopped" if page.locator("main [role=alert].error").count() else str(current.get_attribute("data-state"))
