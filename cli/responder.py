"""`jitsuin responder`: OCSP for the public by several processes on one port, each with a small HTTP of its own.

Every worker holds the responders' keys, a view of all statuses in memory and one connection that it looks at the
journal's head with; none holds an authority's key. Workers share the port (SO_REUSEPORT) and nothing else: one may
fall, the others answer on, and it is started again.
"""

import asyncio
import errno
import gc
import json
import logging
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.child import end_with_parent

if TYPE_CHECKING:
    from ca.authority import Authority
    from cli.database import Database
    from cli.settings import Settings
    from pki.errors import Error
    from pki.instant import Clock

app = typer.Typer(no_args_is_help=True, help="Answer OCSP for the public; sign answers ahead in bulk.")
log = logging.getLogger("jitsuin.responder")

_COLLECT_AFTER = 50_000
_ROUND = 5.0
"""Seconds between two rounds of a worker's housekeeping; in each it tells its parent its numbers."""
_PACKS_EVERY = 6
"""In rounds: looking for new packs. New authorities are looked for in each."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder, made by `jitsuin init`.")]


@app.command("serve")
def serve(
    folder: Folder,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")],
    workers: Annotated[int, typer.Option(min=1, max=256, help="How many processes answer.")] = 2,
    clock: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin at this time (RFC 3339): for trials.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to tell metrics, health and readiness.")
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
    from cli.responder_workers import Workers

    reserved = _reserve(listen)
    try:
        Workers(folder, address_of(reserved), clock, workers).run(metrics, as_json=as_json)
    finally:
        reserved.close()


@app.command("presign")
def presign(
    folder: Folder,
    processes: Annotated[int, typer.Option(min=1, max=256, help="How many processes sign.")] = 2,
    due: Annotated[
        bool, typer.Option("--due", help="Only what is missing or in the second quarter of its life.")
    ] = False,
    clock: Annotated[str | None, typer.Option(metavar="TIME", help="Sign as of then (RFC 3339); else now.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Sign the answers about every living certificate; running workers take them up within a minute.

    `status.presign_hours` in the settings has it done on a schedule.
    """
    from ca.ocsp_presign import Presigner
    from cli.clock import moment
    from cli.presigning import HASH_NAMES, due_packs, packs_folder
    from cli.settings import load_settings
    from cli.status_plane import StatusPlane, answer_policy, references_of

    if parent is not None and not end_with_parent(parent):
        raise typer.Exit(1)
    settings = load_settings(folder)
    at = moment(clock)
    database = _open(settings)
    told: dict[str, int] = {}
    try:
        plane = StatusPlane.open(settings, database, secrets.token_bytes, _alarm)
        authorities = plane.authorities()
        wanted = (
            due_packs(settings, authorities, at) if due else [(one, name) for one in authorities for name in HASH_NAMES]
        )
        references = references_of(settings, database)
        for authority, hash_name in wanted:
            assert authority.certificate is not None
            encoder = plane.delegates(authority).current(at)
            named = {} if references is None else references.all(authority.id)
            signer = Presigner(authority.id, authority.certificate, encoder, answer_policy(settings), hash_name, named)
            path = packs_folder(settings) / f"{authority.id}-{hash_name}"
            told[authority.id] = signer.fill(database, path, at, processes)
    finally:
        database.close()
    if as_json:
        typer.echo(json.dumps({"signed": told}))
        return
    for authority_id, count in told.items():
        typer.echo(f"{authority_id}: {count} answers signed ahead, by each of {len(HASH_NAMES)} hashes")


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


async def _answer(settings: "Settings", database: "Database", clock: "Clock", listen: str) -> None:
    from ca.ocsp_answers import AnswerDesk
    from ca.status_view import StatusView
    from ca.store.watch import HeadWatch
    from cli.presigning import packs_folder
    from cli.status_plane import StatusPlane
    from web.responder_fast import OcspServer

    loop = asyncio.get_running_loop()
    plane = StatusPlane.open(settings, database, secrets.token_bytes, _alarm)
    view = StatusView(database, plane.continuity(), HeadWatch(lambda: _own_connection(database)).head)
    desks: dict[str, AnswerDesk] = {}

    def take_up(authorities: "list[Authority]") -> bool:
        found = [one for one in authorities if one.id not in desks]
        desks.update({one.id: AnswerDesk(plane.responder(one, view), view) for one in found})
        return bool(found)

    take_up(plane.authorities())
    local = settings.database_url.startswith("sqlite:")
    proxies = frozenset(settings.service.client_certificates_from)
    server = OcspServer(desks, view.refresh, clock, loop, alarm=_alarm, inline=local, proxies=proxies)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listening = await loop.create_server(server, sock=_reserve(listen), backlog=4096)
    # A walk through all that was loaded takes milliseconds in which nobody is answered; connections leave no circles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 100)
    print(json.dumps({"ready": os.getpid()}), flush=True)
    rounds = 0
    while not stop.is_set():
        if rounds % _PACKS_EVERY == 0:
            for name, desk in desks.items():
                desk.packs = _opened_packs(packs_folder(settings), name)
        if rounds:
            try:
                # A generation that a ceremony made is answered for without a restart.
                if take_up(await loop.run_in_executor(None, plane.authorities)):
                    server.adopt(desks)
            except Exception as error:  # the database is away: whatever it is, those who are known are answered on
                log.warning("no look for new authorities: %s", type(error).__name__)
        server.look()
        print(json.dumps({"numbers": server.numbers()}), flush=True)
        rounds += 1
        try:
            await asyncio.wait_for(stop.wait(), _ROUND)
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


def _own_connection(database: "Database") -> Any:
    """A driver's connection that belongs to nobody else and to no pool."""
    pooled = database.engine.raw_connection()
    pooled.detach()
    return pooled.dbapi_connection
