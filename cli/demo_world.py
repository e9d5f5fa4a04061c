"""The world that the demonstration happens in: a folder, a deployment, a private pcscd with two cards, a service.

Everything that is started here ends here, by its pid; the kernel ends it too should this process be killed.
"""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ca.directory import Directory
from ca.issuance import Registrar
from ca.journal_file import JournaledDatabase, JournalFile
from ca.profiles import PROFILES
from cardio import jpki, pcsc
from cardio.card_management import CardManager
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.private_pcscd import PrivatePcscd, VirtualReader
from cardio.session import CardSession
from cardio.trace import Trace
from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import create_deployment
from cli.errors import DemoGoesOn, NotADemo, ServiceSilent
from cli.keys import card_manager
from cli.remote_cards import RemoteAuthority
from cli.settings import Settings, make_settings
from pki.instant import Instant

MARK = ".jitsuin-demo"
"""Lies in a folder that a demonstration made, and that the next one may clear."""
_PATIENCE = 60.0
_OCSP_MINUTES = 24 * 60
"""The artifacts are to be looked at for a while; a real deployment answers for minutes."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One card in one reader: the holder's side of it, and its slot as issuing at a counter needs it."""

    reader: VirtualReader
    card: JpkiCard
    slot: CardInReader

    def at_home(self, http: httpx.Client) -> CardInReader:
        """The slot of a PC that has no key: the service at `http` computes, the PC relays."""
        session = self.card.session
        return CardInReader(session, RemoteAuthority(http, lambda: session.identity))


@dataclass(slots=True)
class World:
    """What the story may use. `seats`: the first person's card and the second's."""

    out: Path
    settings: Settings
    clock: SystemClock
    database: JournaledDatabase
    registrar: Registrar
    seats: tuple[Seat, Seat]
    log: Path
    _stack: ExitStack
    http: httpx.Client = field(init=False)

    def random(self, count: int) -> bytes:
        """Octets from the machine."""
        return os.urandom(count)

    def start_service(self) -> str:
        """Start `jitsuin serve` and wait until it answers; its address. Errors: ServiceSilent."""
        url = self.start("service")
        self.http = self._stack.enter_context(httpx.Client(base_url=url, timeout=30))
        return url

    def start(self, name: str, *more: str) -> str:
        """Start `jitsuin serve` with `more` options and wait until it answers; its address. Errors: ServiceSilent."""
        ready = self.out / f"{name}.ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "cli", "serve", str(self.out), "--ready-file", str(ready), *more]
        command += ["--parent", str(os.getpid()), "--shift", str(self.clock.shift)]
        log = self._stack.enter_context((self.out / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.out
        )
        self._stack.callback(_end, process)
        deadline = time.monotonic() + _PATIENCE
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServiceSilent(f"the service (see {name}.log)")
            time.sleep(0.02)
        return str(json.loads(ready.read_bytes())["url"])


@contextmanager
def open_world(out: Path, clock: SystemClock, founded: Instant) -> Iterator[World]:
    """A world in `out`, whose authorities were founded at `founded`.

    Errors: NotADemo, DemoGoesOn; PcscdMissing, PcscdFailed, NoReader; those of `create_deployment`.
    """
    _clear(out)
    with ExitStack() as stack:
        settings = create_deployment(out, _settings(_free_port()), founded, os.urandom, lambda _what: None)
        mark = stack.enter_context((out / MARK).open("wb"))
        fcntl.flock(mark, fcntl.LOCK_EX)  # until we end, however we end: see `_clear`
        database = Database(settings.database_url)
        stack.callback(database.close)
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        log = out / "cards" / "apdu.log"
        log.parent.mkdir()
        pcscd = _pcscd(stack)
        manager = card_manager(settings, journaled, clock, os.urandom)
        seats = tuple(
            _seat(stack, settings, manager, reader, out / "cards" / f"card-{number}.json", log)
            for number, reader in enumerate(pcscd.readers[:2], 1)
        )
        registrar = Registrar(PROFILES, Directory(), os.urandom)
        yield World(out, settings, clock, journaled, registrar, (seats[0], seats[1]), log, stack)


def _clear(out: Path) -> None:
    """Make room for a new demonstration. Errors: NotADemo for a folder with anything else in it; DemoGoesOn."""
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / MARK).exists()):
        raise NotADemo(str(out))
    if (out / MARK).exists():
        with (out / MARK).open("rb") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DemoGoesOn(str(out)) from None
    shutil.rmtree(out)


def _settings(port: int) -> Settings:
    return make_settings(
        {"service": {"listen": f"127.0.0.1:{port}"}, "status": {"ocsp_minutes": _OCSP_MINUTES, "crl_hours": 7 * 24}}
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _pcscd(stack: ExitStack) -> PrivatePcscd:
    folder = Path(tempfile.mkdtemp(prefix="jitsuin-"))  # not below `out`: a socket's path is short
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    pcscd = PrivatePcscd(folder).start()
    stack.callback(pcscd.stop)
    # libpcsclite reads this once, at the first call of this process: nothing here talked to another pcscd before.
    os.environ.update(pcscd.client_environment)
    return pcscd


def _seat(
    stack: ExitStack, settings: Settings, manager: CardManager, reader: VirtualReader, file: Path, log: Path
) -> Seat:
    """A blank card from the manufacturer, put into the reader by a process of its own."""
    master = settings.path(settings.cards.master_key_file)
    _cli("card", "virtual", "new", str(file), "--blank", "--master-key-file", str(master))
    # setpriv: the card leaves the reader with us, even if we are killed.
    command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-P", "-m", "cli", "card", "virtual", "start"]
    process = subprocess.Popen(
        [*command, str(file), "--port", str(reader.port), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    stack.callback(_end, process)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    if not process.stdout.readline():
        raise ServiceSilent("the virtual card")
    context = pcsc.Context()
    stack.callback(context.close)
    context.wait_for_card(reader.name, 30)
    sink = stack.enter_context(log.open("a", encoding="ascii", buffering=1))
    session = CardSession(
        lambda: context.connect(reader.name), jpki.identify, Trace(lambda line: sink.write(line + "\n"))
    )
    stack.callback(session.close)
    return Seat(reader, JpkiCard(session), CardInReader(session, manager))


def _cli(*words: str) -> None:
    done = subprocess.run([sys.executable, "-P", "-m", "cli", *words], check=False, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ServiceSilent("jitsuin " + " ".join(words[:3]))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End one process that we started: asked first, made to after five seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
