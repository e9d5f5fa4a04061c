"""`jitsuin responder`: OCSP for the public by several processes on one port, each with a small HTTP of its own.

Every worker holds the responders' keys, a view of all statuses in memory and one connection that it looks at the
journal's head with; none holds an authority's key. Workers share the port (SO_REUSEPORT) and nothing else: one may
fall, the others answer on, and it is started again.
"""

import asyncio
import errno
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.child import end_with_parent

if TYPE_CHECKING:
    from ca.authority import Authority
    from cli.database import Database
    from cli.settings import Settings
    from pki.errors import Error

app = typer.Typer(no_args_is_help=True, help="Answer OCSP for the public; sign answers ahead in bulk.")
log = logging.getLogger("jitsuin.responder")

_RESTART_PAUSE = 1.0
PACKS = "ocsp-packs"
"""The folder of answers signed ahead, beside the folder of the published CRLs."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder, made by `jitsuin init`.")]


@app.command("serve")
def serve(
    folder: Folder,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")],
    workers: Annotated[int, typer.Option(min=1, max=256, help="How many processes answer.")] = 2,
    clock: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin at this time (RFC 3339): for trials.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say what is ready as one line of JSON.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Answer OCSP until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    if parent is not None:
        if not end_with_parent(parent):
            raise typer.Exit(1)
        _work(folder, listen, clock)
        return
    from cli.listening import address_of

    reserved = _reserve(listen)
    try:
        address = address_of(reserved)
        _Workers(folder, address, clock, workers).run(as_json=as_json)
    finally:
        reserved.close()


@app.command("presign")
def presign(
    folder: Folder,
    processes: Annotated[int, typer.Option(min=1, max=256, help="How many processes sign.")] = 2,
    clock: Annotated[str | None, typer.Option(metavar="TIME", help="Sign as of then (RFC 3339); else now.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sign the answers about every living certificate; running workers take them up within a minute."""
    from ca.ocsp import AnswerPolicy
    from ca.ocsp_delegates import StoredDelegates
    from ca.ocsp_presign import Presigner
    from cli.clock import SystemClock
    from cli.keys import open_responder_keys
    from cli.settings import load_settings
    from pki.instant import Instant

    settings = load_settings(folder)
    at = SystemClock().now() if clock is None else Instant.parse(clock)
    database = _open(settings)
    told: dict[str, int] = {}
    try:
        keys = open_responder_keys(settings, secrets.token_bytes)
        for authority in _authorities(database):
            assert authority.certificate is not None
            encoder = StoredDelegates(database, keys, authority).current(at)
            signer = Presigner(authority.id, authority.certificate, encoder, AnswerPolicy())
            told[authority.id] = signer.fill(database, _packs(settings) / f"{authority.id}-sha1", at, processes)
    finally:
        database.close()
    if as_json:
        typer.echo(json.dumps({"signed": told}))
        return
    for authority_id, count in told.items():
        typer.echo(f"{authority_id}: {count} answers signed ahead")


class _Workers:
    """The processes that answer; one that falls is started again, after a pause."""

    def __init__(self, folder: Path, address: str, clock: str | None, count: int) -> None:
        self._command = [sys.executable, "-P", "-m", "cli", "responder", "serve", str(folder), "--listen", address]
        self._command += ["--parent", str(os.getpid()), *(() if clock is None else ("--clock", clock))]
        self._address = address
        self._count = count
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self, *, as_json: bool) -> None:
        """Start them, say so, and stay until a signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            self._running = [self._start() for _ in range(self._count)]
            for process in self._running:
                assert process.stdout is not None
                if not process.stdout.readline():
                    raise typer.Exit(1)
            pids = [process.pid for process in self._running]
            document = {"ready": True, "url": f"http://{self._address}", "workers": pids}
            typer.echo(json.dumps(document) if as_json else f"ready: http://{self._address} ({self._count} workers)")
            while not self._stopping:
                self._tend()
                time.sleep(0.2)
        finally:
            self._end()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, stdout=subprocess.PIPE, start_new_session=True)

    def _tend(self) -> None:
        for index, process in enumerate(self._running):
            if process.poll() is not None and not self._stopping:
                log.error("a worker ended with status %s; another one takes its place", process.returncode)
                if process.stdout is not None:
                    process.stdout.close()
                time.sleep(_RESTART_PAUSE)
                self._running[index] = self._start()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.terminate()
        for process in self._running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _work(folder: Path, listen: str, clock: str | None) -> None:
    """One worker."""
    import uvloop

    from cli.clock import SystemClock
    from cli.settings import load_settings
    from pki.instant import Instant

    settings = load_settings(folder)
    database = _open(settings)
    try:
        at = SystemClock() if clock is None else SystemClock.starting_at(Instant.parse(clock))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_answer(settings, database, at, listen))
    finally:
        database.close()


async def _answer(settings: "Settings", database: "Database", clock: Any, listen: str) -> None:
    from datetime import timedelta

    from ca.journal_file import JournalFile
    from ca.ocsp import AnswerPolicy, Responder
    from ca.ocsp_answers import AnswerDesk
    from ca.ocsp_delegates import StoredDelegates
    from ca.status import Continuity
    from ca.status_view import StatusView
    from ca.store.watch import HeadWatch
    from cli.keys import open_responder_keys
    from web.responder_fast import OcspServer

    loop = asyncio.get_running_loop()
    keys = open_responder_keys(settings, secrets.token_bytes)
    continuity = Continuity.of(JournalFile(settings.path(settings.status.journal)))
    local = settings.database_url.startswith("sqlite:")
    view = StatusView(database, continuity, HeadWatch(lambda: _own_connection(database)).head)
    minutes = timedelta(minutes=settings.status.ocsp_minutes)
    policy = AnswerPolicy(live_validity=minutes, presigned_validity=max(minutes, AnswerPolicy().presigned_validity))
    desks = {}
    for authority in _authorities(database):
        assert authority.certificate is not None
        delegates = StoredDelegates(database, keys, authority)
        responder = Responder(authority.id, authority.certificate, delegates, view, policy, alarm=_alarm)
        desks[authority.id] = AnswerDesk(responder, view)
    server = OcspServer(desks, view.refresh, clock, loop, alarm=_alarm, inline=local)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listening = await loop.create_server(server, sock=_reserve(listen), backlog=4096)
    print(json.dumps({"ready": os.getpid()}), flush=True)
    packs = _packs(settings)
    while not stop.is_set():
        for name, desk in desks.items():
            desk.packs = _opened_packs(packs, name)
        try:
            await asyncio.wait_for(stop.wait(), 30)
        except TimeoutError:
            continue
    listening.close()
    server.close()
    await listening.wait_closed()


def _opened_packs(folder: Path, authority: str) -> list[Any]:
    from ca.ocsp_pack import Pack
    from pki.errors import Malformed

    found = []
    for hash_name in ("sha1", "sha256"):
        path = folder / f"{authority}-{hash_name}"
        try:
            found.append(Pack(path))
        except FileNotFoundError:
            continue
        except Malformed as error:
            log.error("%s: %s", path.name, error)
    return found


def _alarm(error: "Error") -> None:
    log.error("%s", error)


def _reserve(listen: str) -> socket.socket:
    """A socket bound to the address for all workers; only those that listen on theirs are given connections."""
    from cli.errors import AddressUnusable, PortTaken
    from cli.listening import split_address

    host, port = split_address(listen)
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(listen) from None
        raise AddressUnusable(listen, os.strerror(error.errno or 0)) from None
    return bound


def _open(settings: "Settings") -> "Database":
    from cli.database import Database

    database = Database(settings.database_url)
    database.check()
    return database


def _authorities(database: "Database") -> "list[Authority]":
    from ca.directory import Directory

    return [one for one in database.read(Directory().all) if one.certificate is not None]


def _packs(settings: "Settings") -> Path:
    return settings.path(settings.status.crls).parent / PACKS


def _own_connection(database: "Database") -> Any:
    """A driver's connection that belongs to nobody else and to no pool."""
    pooled = database.engine.raw_connection()
    pooled.detach()
    return pooled.dbapi_connection
