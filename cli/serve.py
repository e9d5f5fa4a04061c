"""`jitsuin serve`: a deployment's services, all of them or one.

    --role all            the web process, and beside it one that signs and one with the cards' keys, without network
    --role ca             only the signing process: signs stored, linted intents and makes CRLs; it listens to nobody
    --role card-keys      only the process with the cards' master key: computes their commands; it listens to nobody
    --role status, desk, relying-party, citizen     one plane of the web alone, without the authorities' keys
    --role time-stamps    the time-stamp authority (RFC 3161)
    --role cards          managing cards through readers elsewhere, without their master key
    --role gateway        the doors of municipalities' systems and of channels, and of the officers who watch them
    --role office         only the periodic work (`cli.office_work`); it listens to nobody; several may run

Whatever is started ends with its parent, by a signal from the kernel should the parent be killed.
"""

import json
import logging
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from cli.child import end_with_parent, leave_network
from cli.errors import PartStopped
from cli.stopping import Stop
from pki.errors import Error

if TYPE_CHECKING:
    from cli.clock import SystemClock
    from cli.settings import Settings

app = typer.Typer()
log = logging.getLogger("jitsuin.serve")

_IDLE = 0.05
"""Seconds between two looks of the signing process for something to sign."""
_AWAY = 1.0
"""Seconds until a database that was away is tried again."""
_ROUND = 0.5
"""Seconds between two looks of the periodic work."""
_CARD_IDLE = 0.004
"""The same for the cards' keys, while a card somewhere is being spoken to."""
_PATIENCE = 60.0
"""Seconds that the signing process may take to be ready (a PKCS#11 token on a slow line)."""


class Role(StrEnum):
    """What one process does for a deployment."""

    ALL = "all"
    CA = "ca"
    CARD_KEYS = "card-keys"
    STATUS = "status"
    DESK = "desk"
    RELYING_PARTY = "relying-party"
    TIME_STAMPS = "time-stamps"
    CITIZEN = "citizen"
    CARDS = "cards"
    GATEWAY = "gateway"
    OFFICE = "office"


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder, made by `jitsuin init`.")],
    role: Annotated[Role, typer.Option(help="What this process does.")] = Role.ALL,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
    ] = None,
    clock: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin at this time (RFC 3339) instead of now: for trials.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written, as JSON, once requests are answered; removed at the end.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say what is ready as one line of JSON.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    shift: Annotated[int, typer.Option(hidden=True, help="Seconds that the parent's clock is ahead of ours.")] = 0,
) -> None:
    """Run the services of a deployment until SIGTERM or Ctrl-C; prints its addresses when ready."""
    from cli.clock import SystemClock
    from cli.settings import load_settings, with_listen
    from pki.instant import Instant

    if parent is not None and not end_with_parent(parent):
        raise typer.Exit(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    for loud in ("alembic", "uvicorn", "httpx"):
        logging.getLogger(loud).setLevel(logging.ERROR if loud == "uvicorn" else logging.WARNING)
    settings = load_settings(folder)
    if listen is not None:
        settings = with_listen(settings, listen)
    at = SystemClock(shift) if clock is None else SystemClock.starting_at(Instant.parse(clock))
    if role is Role.CA:
        _sign(settings, at)
    elif role is Role.CARD_KEYS:
        _keep_cards(settings, at)
    elif role is Role.OFFICE:
        _office(settings, at)
    else:
        _answer(settings, role, at, ready_file, as_json=as_json)


def _sign(settings: "Settings", clock: "SystemClock") -> None:
    """The signing process: its only door is the database."""
    from cli.signing import open_signing
    from cli.unlocking import will_ask

    if will_ask(settings):
        print(json.dumps({"asking": "ca"}), flush=True)  # whoever started us waits for people now, not for a machine
    alone = _may_leave_network(settings) and leave_network()
    stop = Stop()
    with open_signing(settings, secrets.token_bytes) as signing:
        print(json.dumps({"ready": "ca", "network": not alone}), flush=True)
        while not stop.is_set():
            if signing.work(clock.now()) == 0:
                stop.wait(_IDLE)


def _office(settings: "Settings", clock: "SystemClock") -> None:
    """The periodic work alone: its doors are the database and the channels' addresses."""
    from cli.office_work import open_office

    stop = Stop()
    with open_office(settings, secrets.token_bytes, monotonic) as office:
        print(json.dumps({"ready": "office"}), flush=True)
        while not stop.wait(_ROUND):
            office.work(clock.now())


@contextmanager
def _office_beside(settings: "Settings", clock: "SystemClock") -> Iterator[None]:
    """The periodic work in a thread of the web process that does everything. What fails in a round is logged."""
    from cli.office_work import open_office

    stop = threading.Event()
    with open_office(settings, secrets.token_bytes, monotonic) as office:

        def run() -> None:
            while not stop.wait(_ROUND):
                try:
                    office.work(clock.now())
                except Exception as error:  # its text may name people; and one bad round must not be the last
                    log.error("office: unforeseen %s", type(error).__name__)

        thread = threading.Thread(target=run, name="office", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)


def _keep_cards(settings: "Settings", clock: "SystemClock") -> None:
    """The process with the cards' keys: its only door is the database, too."""
    from cli.card_keeper import open_card_keeper

    alone = _may_leave_network(settings) and leave_network()
    stop = Stop()
    with open_card_keeper(settings, clock, secrets.token_bytes) as keeper:
        print(json.dumps({"ready": Role.CARD_KEYS.value, "network": not alone}), flush=True)
        while not stop.is_set():
            at = clock.now()
            try:
                if keeper.work(at) == 0:
                    stop.wait(_CARD_IDLE if keeper.under_way(at) else _IDLE)
            except Error as error:  # the database is away: without us the web process would end too
                log.error("cards: %s", error)
                stop.wait(_AWAY)


def _may_leave_network(settings: "Settings") -> bool:
    """A database in a file or behind a socket of the file system needs no network; one at an address does, and so does
    a bucket for CRLs."""
    url = settings.database_url
    if settings.bucket.endpoint is not None:
        return False
    return url.startswith("sqlite:") or "host=/" in url or "host=%2F" in url


def _answer(settings: "Settings", role: Role, clock: "SystemClock", ready_file: Path | None, *, as_json: bool) -> None:
    """A web process, with the processes that hold keys beside it if it is to do everything."""
    from cli.listening import address_of, open_socket, run_server
    from cli.monitoring import watching
    from cli.planes import open_web
    from cli.settings import with_listen

    with open_socket(settings.service.listen) as listener:
        settings = with_listen(settings, address_of(listener))
        with (
            open_web(settings, role.value, clock, secrets.token_bytes, monotonic) as web,
            watching(
                settings.service.metrics_listen,
                web.watched.metrics,
                {**web.checks, **({"signing": web.watched.signing_lives} if role is Role.ALL else {})},
                secrets.token_bytes,
                monotonic,
            ),
        ):
            parts: list[_Part] = []
            office = ExitStack()
            try:
                if role is Role.ALL:
                    parts += [_Part(settings, clock, part) for part in (Role.CARD_KEYS, Role.CA)]
                    for part in parts:
                        part.await_ready()
                    office.enter_context(_office_beside(settings, clock))
                run_server(
                    web.application,
                    listener,
                    lambda: _say_ready(settings, web.addresses, parts, ready_file, as_json=as_json),
                    lambda: any(part.ended() for part in parts),
                    tls=web.tls,
                )
                for part in parts:
                    if part.ended():
                        raise PartStopped(part.role.value, part.status)
            finally:
                office.close()
                for part in parts:
                    part.stop()
                if ready_file is not None:
                    ready_file.unlink(missing_ok=True)


class _Part:
    """A process beside ours, as its parent sees it: the signing process, or the one with the cards' keys."""

    def __init__(self, settings: "Settings", clock: "SystemClock", role: Role) -> None:
        self.role = role
        command = [sys.executable, "-P", "-m", "cli", "serve", str(settings.file), "--role", role.value]
        command += ["--parent", str(os.getpid()), "--shift", str(clock.shift)]
        # Its own session: Ctrl-C at a terminal reaches it by way of us, after the last request was answered.
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        self.network = True

    def await_ready(self) -> None:
        """Wait until it works. Errors: PartStopped."""
        assert self._process.stdout is not None
        guard = threading.Timer(_PATIENCE, self._process.kill)
        guard.start()
        line = self._process.stdout.readline()
        guard.cancel()
        if line.startswith(b'{"asking"'):
            line = self._process.stdout.readline()
        if not line:
            raise PartStopped(self.role.value, self._process.wait())
        self.network = bool(json.loads(line)["network"])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int:
        return self._process.returncode

    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, wait, then make it; a signature under way is finished or was never promised as done."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _say_ready(
    settings: "Settings",
    addresses: dict[str, str],
    parts: "list[_Part]",
    ready_file: Path | None,
    *,
    as_json: bool,
) -> None:
    document = {"ready": True, "pid": os.getpid(), "url": settings.public_url, "addresses": addresses}
    names = {Role.CA: "signer", Role.CARD_KEYS: "card_keys"}
    document |= {names[part.role]: {"pid": part.pid, "network": part.network} for part in parts}
    if ready_file is not None:
        beside = ready_file.with_name(f".{ready_file.name}.new")
        beside.write_text(json.dumps(document))
        beside.rename(ready_file)
    if as_json:
        print(json.dumps(document), flush=True)
        return
    print(f"ready: {settings.public_url}")
    for name, address in addresses.items():
        print(f"  {name:<22} {address}")
    print("Ctrl-C ends it.", flush=True)
