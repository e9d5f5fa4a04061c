"""`jitsuin seats`: five seats on one machine for a trial: two virtual readers each, a reader agent, and cards."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.settings import Settings
    from cli.stopping import Stop

app = typer.Typer()

_PATIENCE = 30.0
_NEWCOMERS = tuple(f"新規　{one}郎" for one in "次三四五六七八九十")
_BORN = date(1990, 5, 15)


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """One seat: which pages it opens, and what lies in its two readers (None: nothing)."""

    name: str
    page: str
    mode: str
    cards: tuple[str | None, str | None]


SEATS = (
    SeatPlan("clerk", "/desk/", "desk", ("staff-clerk", "blank")),
    SeatPlan("supervisor", "/desk/", "desk", ("staff-supervisor", None)),
    SeatPlan("protection", "/desk/", "desk", ("staff-protection-officer", None)),
    SeatPlan("post-office", "/desk/", "desk", ("staff-postal-clerk", "resident-0")),
    SeatPlan("home", "/citizen/", "home", ("resident-1", None)),
)


@app.command()
def seats(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A trial deployment, with people from `jitsuin sample`.")
    ],
    first_port: Annotated[
        int, typer.Option(min=0, max=65000, help="Of the agents' ports, which follow each other; 0: any free ones.")
    ] = 27980,
    as_json: Annotated[bool, typer.Option("--json", help="Say what is ready as one line of JSON.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Open a clerk's, a supervisor's, a protection officer's, a post office's and a citizen's seat, until Ctrl-C.

    Staff cards (PIN 7531) are made the first time; somebody is registered who has no card yet, and a blank one lies
    ready. Residents' cards have the PINs that `jitsuin sample` tells.
    """
    from cli.child import end_with_parent
    from cli.settings import load_settings
    from cli.staff_cards import STAFF_PIN
    from cli.stopping import Stop

    if parent is not None and not end_with_parent(parent):
        raise typer.Exit(1)
    settings = load_settings(folder)
    cards, newcomer = _cards(settings), _newcomer(settings)
    stop = Stop()
    with ExitStack() as stack:
        ready, agents = [], []
        for number, plan in enumerate(SEATS):
            port = first_port + number if first_port else 0
            opened, agent = stack.enter_context(_seat(settings, plan, port, cards, stop))
            ready.append(opened)
            agents.append(agent)
        if as_json:
            print(json.dumps({"seats": ready, "without_card": newcomer}), flush=True)
        else:
            print("seats (a page in the browser, and the reader's own page beside it):")
            for one in ready:
                print(f"  {one['name']:<12} {one['page']:<34} reader {one['agent']}")
            print(f"staff PIN {STAFF_PIN}; residents' PINs 1234 and ABC123")
            print(
                f"without a card: {newcomer['name']}, born {newcomer['born']}; a blank one lies in the clerk's reader"
            )
            sys.stdout.flush()
        stop.wait()
        for agent in agents:  # all at once: each takes a moment to end
            agent.terminate()


def _cards(settings: "Settings") -> dict[str, Path]:
    """The card files by name; staff cards and a blank one are made if they are not there, or if it was issued."""
    from ca.journal_file import JournaledDatabase, JournalFile
    from cardio.virtual_card import FileStorage
    from cardio.virtual_jpki import VirtualJpkiCard, new_card
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.deployment import CLERK, POSTAL_CLERK, PROTECTION_OFFICER, SUPERVISOR, Desks
    from cli.keys import card_master_keys
    from cli.staff_cards import STAFF_PIN, make_staff_card, staff_card_file
    from enrollment.errors import UnknownOperator
    from enrollment.store import people, work

    folder = settings.path(Path("cards"))
    blank, name = folder / "blank.card", Desks(settings.municipality.code)
    database = Database(settings.database_url)
    try:
        if blank.exists():
            serial = VirtualJpkiCard(FileStorage(blank), os.urandom).serial
            if database.read(lambda conn: work.find_card(conn, serial)) is not None:
                blank.rename(folder / f"{serial}.card")
        known = sorted(one for one in folder.glob("*.card") if not one.name.startswith(("staff-", "blank")))
        found = {f"resident-{number}": file for number, file in enumerate(known)}
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        for who in (CLERK, SUPERVISOR, PROTECTION_OFFICER, POSTAL_CLERK):
            file = staff_card_file(settings, name(who))
            if not file.exists():
                try:
                    database.read(lambda conn, who=who: people.operator_of(conn, name(who)))  # type: ignore[misc]
                except UnknownOperator:
                    continue  # a deployment from before there was one
                make_staff_card(
                    settings, journaled, name(who), file, STAFF_PIN, SystemClock().now(), secrets.token_bytes
                )
            found[f"staff-{who}"] = file
    finally:
        database.close()
    masters = card_master_keys(settings)
    found["blank"] = blank
    if not blank.exists():
        new_card(FileStorage(blank), os.urandom, lambda div: masters.key_set(div, masters.current))
    return found


def _newcomer(settings: "Settings") -> dict[str, str]:
    """Somebody who has no card yet, for a first issue: registered now, unless one of them still has none."""
    from cli.clock import SystemClock
    from cli.database import Database
    from enrollment import registry
    from enrollment.finding import find
    from enrollment.store import Connection
    from enrollment.store.work import cards_of
    from pki.attributes import Attributes, Gender

    code, address = settings.municipality.code, f"例示県{settings.municipality.name}新町一番地"

    def register(conn: Connection) -> str:
        at = SystemClock().now()
        for name in _NEWCOMERS:
            known = find(conn, code, name, _BORN)
            if not known:
                registry.register(conn, code, Attributes(name, _BORN, Gender.MALE, address), at, secrets.token_bytes)
            if not known or not cards_of(conn, known[0]):
                return name
        return _NEWCOMERS[-1]

    database = Database(settings.database_url)
    try:
        return {"name": database.transaction(register), "born": _BORN.isoformat()}
    finally:
        database.close()


@contextmanager
def _seat(
    settings: "Settings", plan: SeatPlan, port: int, cards: dict[str, Path], stop: "Stop"
) -> Iterator[tuple[dict[str, str], "subprocess.Popen[bytes]"]]:
    """One seat's readers, cards and agent, whose process is handed out too; all of it ends with the block."""
    from cardio.private_pcscd import PrivatePcscd
    from cardio.virtual_card import FileStorage
    from cardio.virtual_jpki import VirtualJpkiCard
    from cardio.vpcd import Insertion
    from cli.child import end_child
    from cli.errors import ServiceSilent

    with ExitStack() as stack:
        short = Path(tempfile.mkdtemp(prefix="js"))  # a socket's path is short
        stack.callback(shutil.rmtree, short, ignore_errors=True)
        pcscd = stack.enter_context(PrivatePcscd(short))
        for reader, name in zip(pcscd.readers[:2], plan.cards, strict=True):
            if name is not None and name in cards:
                card = VirtualJpkiCard(FileStorage(cards[name]), os.urandom)
                inserted = Insertion(card, reader.port).serve_in_thread()
                stack.callback(inserted.eject)
        ready = short / "ready.json"
        line = [sys.executable, "-P", "-m", "cli", "agent", "--site", settings.public_url, "--mode", plan.mode]
        line += ["--port", str(port), "--ready-file", str(ready), "--parent", str(os.getpid())]
        environment = {**os.environ, **pcscd.client_environment}
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env=environment, start_new_session=True)
        stack.callback(end_child, process)
        waited = 0.0
        while not (ready.exists() and ready.read_text()):
            if process.poll() is not None or waited > _PATIENCE or stop.wait(0.05):
                raise ServiceSilent(f"the reader agent of {plan.name}")
            waited += 0.05
        told = json.loads(ready.read_text())
        yield {"name": plan.name, "page": f"{settings.public_url}{plan.page}", "agent": told["url"]}, process
