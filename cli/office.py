"""`jitsuin office`: the periodic work by hand, those who speak with us through the gateway, and what is wrong now."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.office_cases import case
from cli.office_incidents import incident
from cli.office_messages import messages, retry

if TYPE_CHECKING:
    from cli.database import Database
    from cli.settings import Settings

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="The periodic work; municipalities' keys and channels; alarms.")

app.add_typer(case, name="case")
app.add_typer(incident, name="incident")
app.command()(messages)
app.command()(retry)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
Clock = Annotated[str | None, typer.Option("--clock", metavar="TIME", help="This time (RFC 3339) instead of now.")]
Kid = Annotated[str, typer.Option("--kid", help="The key's name, as it stands in signed requests.")]


def _say(text: str, document: dict[str, object], *, as_json: bool) -> None:
    print(json.dumps(document, ensure_ascii=False) if as_json else text)


def _with_database(folder: Path, work: "Callable[[Database, Settings], T]") -> T:
    from cli.database import Database
    from cli.settings import load_settings

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        return work(database, settings)
    finally:
        database.close()


@app.command()
def run(
    folder: Folder,
    once: Annotated[bool, typer.Option("--once", help="One round, then end.")] = False,
    clock: Clock = None,
    as_json: Json = False,
) -> None:
    """Do what is due: deliver, release, watch, terms, compare. `jitsuin serve` does the same all the time."""
    import time

    from cli.clock import SystemClock
    from cli.office_work import open_office
    from cli.settings import load_settings
    from pki.instant import Instant

    at = SystemClock() if clock is None else SystemClock.starting_at(Instant.parse(clock))
    with open_office(load_settings(folder), secrets.token_bytes, monotonic) as office:
        while True:
            done = dict(office.work(at.now()))
            if done or once:
                told = ", ".join(f"{name} {number}" for name, number in done.items()) or "nothing was due"
                _say(told, {"done": done}, as_json=as_json)
            if once:
                return
            time.sleep(0.5)


@app.command()
def alarms(
    folder: Folder,
    owner: Annotated[str | None, typer.Option("--owner", help="Five digits; else this deployment's own.")] = None,
    as_json: Json = False,
) -> None:
    """What somebody must look at now: flags that no channel acknowledged, silent channels, a brake."""
    from enrollment.store import peers

    found = _with_database(
        folder,
        lambda database, settings: database.read(
            lambda conn: peers.alarms_of(conn, owner or settings.municipality.code)
        ),
    )
    listed: list[dict[str, object]] = [
        {"kind": one.kind, "since": one.raised_at.iso(), "detail": json.loads(one.detail)} for one in found
    ]
    text = "\n".join(f"{one.raised_at}  {one.kind:20}  {one.detail}" for one in found) or "no alarm stands"
    _say(text, {"alarms": listed}, as_json=as_json)


@app.command("add-channel")
def add_channel(
    folder: Folder,
    channel: Annotated[str, typer.Option("--channel", help="Its short name: letters, digits and dashes.")],
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    address: Annotated[
        str, typer.Option("--address", help="http(s)://… where it is told; empty: it asks itself.")
    ] = "",
    owner: Annotated[str | None, typer.Option("--owner", help="Five digits; else this deployment's own.")] = None,
    as_json: Json = False,
) -> None:
    """Register whoever shows or prints residents' records; it is told of every flag that masks."""
    import re

    from cli.clock import SystemClock
    from enrollment import protection
    from pki.errors import InvalidValue

    if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?", channel) is None:
        raise InvalidValue("a channel's name has small letters, digits and dashes")
    if address and re.fullmatch(r"https?://[^\s?#@]+", address) is None:
        raise InvalidValue("a channel's address is http://… or https://… without user, query and fragment")

    def work(database: "Database", settings: "Settings") -> None:
        town, at = owner or settings.municipality.code, SystemClock().now()
        database.transaction(
            lambda conn: protection.register_channel(
                conn, channel, town, name, address.rstrip("/"), at, secrets.token_bytes
            )
        )

    _with_database(folder, work)
    _say(f"{channel} is registered.", {"channel": channel}, as_json=as_json)


@app.command("add-key")
def add_key(
    folder: Folder,
    kid: Kid,
    key: Annotated[Path, typer.Option(help="The public key (PEM or DER, SubjectPublicKeyInfo).")],
    municipality: Annotated[str | None, typer.Option("--municipality", help="Five digits: its system's key.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Or a channel's key, by the channel's name.")] = None,
    as_json: Json = False,
) -> None:
    """Another key of a municipality's system or of a channel; older ones stay good until they are ended."""
    from cli.clock import SystemClock
    from enrollment import signed

    kind, peer = _peer(municipality, channel)
    spki = _spki(key)
    _with_database(
        folder,
        lambda database, _: database.transaction(
            lambda conn: signed.add_key(conn, kind, peer, kid, spki, SystemClock().now())
        ),
    )
    _say(f"{kind} {peer} has the key {kid}.", {"kind": kind, "peer": peer, "kid": kid}, as_json=as_json)


@app.command("end-key")
def end_key(
    folder: Folder,
    kid: Kid,
    municipality: Annotated[str | None, typer.Option("--municipality", help="Five digits.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Or a channel.")] = None,
    as_json: Json = False,
) -> None:
    """From now on that key signs nothing, for good."""
    from cli.clock import SystemClock
    from enrollment import signed

    kind, peer = _peer(municipality, channel)
    ended = _with_database(
        folder,
        lambda database, _: database.transaction(
            lambda conn: signed.end_key(conn, kind, peer, kid, SystemClock().now())
        ),
    )
    text = f"{kid} is ended." if ended else f"{kind} {peer} has no key {kid} in force."
    _say(text, {"kind": kind, "peer": peer, "kid": kid, "ended": ended}, as_json=as_json)


@app.command("key")
def key(folder: Folder, as_json: Json = False) -> None:
    """The public key by which channels know us (SubjectPublicKeyInfo, hex)."""
    from cli.office_work import office_key
    from cli.settings import load_settings

    found = office_key(load_settings(folder), secrets.token_bytes)
    _say(found.spki.hex(), {"keyid": found.keyid, "spki": found.spki.hex()}, as_json=as_json)


def _peer(municipality: str | None, channel: str | None) -> tuple[str, str]:
    from enrollment.signed import CHANNEL, MUNICIPALITY
    from pki.errors import InvalidValue

    if (municipality is None) == (channel is None):
        raise InvalidValue("either --municipality or --channel is needed")
    return (MUNICIPALITY, municipality) if municipality is not None else (CHANNEL, channel or "")


def _spki(file: Path) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    from pki.errors import InvalidValue

    octets = file.read_bytes()
    if not octets.startswith(b"-----"):
        return octets
    try:
        return load_pem_public_key(octets).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        raise InvalidValue("a public key in PEM or DER expected") from None
