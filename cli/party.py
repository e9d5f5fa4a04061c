"""`jitsuin party`: register those who rely on verifications, and change their keys.

The first registration makes the deployment's handle key; from then on `jitsuin serve` answers registered parties only.
"""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.settings import Settings
    from web.parties import Parties

HANDLE_KEY = Path("secrets/handle-key")
"""32 octets in hex. Whoever has it can tell which handles of two parties are one person; losing it changes them all."""

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Register relying parties and change their keys.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
Party = Annotated[str, typer.Option("--party", help="The party's own short name, as it stands in its assertions.")]
Kid = Annotated[str, typer.Option("--kid", help="The key's name, as it stands in the header of assertions.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


@app.command()
def add(
    folder: Folder,
    party: Party,
    registration: Annotated[Path, typer.Option(help="What it may ask (JSON; see docs/relying-parties.md).")],
    as_json: Json = False,
) -> None:
    """Register a party, or change what it is registered for."""
    from cli.clock import SystemClock
    from web.parties import RelyingParty

    settings, parties = _opened(folder)
    parties.register(RelyingParty.from_json(party, registration.read_text(encoding="utf-8")), SystemClock().now())
    ensure_handle_key(settings)
    _say(f"{party} is registered.", {"party": party}, as_json=as_json)


@app.command("add-key")
def add_key(
    folder: Folder,
    party: Party,
    kid: Kid,
    key: Annotated[Path, typer.Option(help="The public key (PEM, SubjectPublicKeyInfo): P-256 or RSA.")],
    as_json: Json = False,
) -> None:
    """Add a key of a party; its older keys stay good until they are ended."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    from cli.clock import SystemClock
    from pki.errors import Malformed

    try:
        public = load_pem_public_key(key.read_bytes())
    except ValueError as bad:
        raise Malformed("a public key in PEM expected") from bad
    _, parties = _opened(folder)
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    parties.add_key(party, kid, spki, SystemClock().now())
    _say(f"{party} may sign with {kid} from now on.", {"party": party, "kid": kid}, as_json=as_json)


@app.command("end-key")
def end_key(folder: Folder, party: Party, kid: Kid, as_json: Json = False) -> None:
    """End a key of a party."""
    from cli.clock import SystemClock
    from pki.errors import InvalidValue

    _, parties = _opened(folder)
    if not parties.end_key(party, kid, SystemClock().now()):
        raise InvalidValue("a key of that party that has not ended expected")
    _say(f"{kid} of {party} signs nothing any more.", {"party": party, "kid": kid}, as_json=as_json)


@app.command()
def end(folder: Folder, party: Party, as_json: Json = False) -> None:
    """End a party's registration; what it was told is not deleted by this."""
    from cli.clock import SystemClock

    _, parties = _opened(folder)
    parties.end(party, SystemClock().now())
    _say(f"{party} asks nothing any more.", {"party": party}, as_json=as_json)


@app.command()
def certify(
    folder: Folder,
    party: Party,
    request: Annotated[Path, typer.Option(help="The certification request (PKCS#10, PEM or DER) of its TLS client.")],
    out: Annotated[Path, typer.Option(help="Where the certificate goes (PEM); must not exist.")],
    as_json: Json = False,
) -> None:
    """Issue a TLS client certificate to a party and register it; its older ones stay good until they are ended."""
    from cli.clock import SystemClock
    from cli.party_certificate import issue_client_certificate

    settings, parties = _opened(folder)
    issued = issue_client_certificate(settings, parties, party, request.read_bytes(), out, SystemClock().now())
    told = {"party": party, "certificate": str(out), "sha256": issued.fingerprint.hex()}
    _say(f"{out}: {party} may connect with it. SHA-256 {issued.fingerprint.hex()}", told, as_json=as_json)


@app.command("end-certificate")
def end_certificate(
    folder: Folder, party: Party, sha256: Annotated[str, typer.Option(help="SHA-256 in hex.")], as_json: Json = False
) -> None:
    """End a client certificate of a party."""
    from cli.clock import SystemClock
    from pki.errors import InvalidValue

    _, parties = _opened(folder)
    try:
        fingerprint = bytes.fromhex(sha256)
    except ValueError:
        raise InvalidValue("a SHA-256 in hex expected") from None
    if not parties.end_certificate(party, fingerprint, SystemClock().now()):
        raise InvalidValue("a client certificate of that party that has not ended expected")
    _say(f"{sha256} of {party} opens nothing any more.", {"party": party, "sha256": sha256}, as_json=as_json)


@app.command("service-key")
def service_key(
    folder: Folder,
    service: Annotated[str, typer.Option(help="What the key signs: verdicts, or time-stamps.")],
    as_json: Json = False,
) -> None:
    """Give a service of this deployment its next key and certificate; a service that runs takes it up within a minute.

    The certificates before stay published: what they signed stays to be checked.
    """
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.keys import open_authority_keys
    from cli.services import Service, certify_service
    from cli.settings import load_settings
    from pki.errors import InvalidValue

    if service not in set(Service):
        raise InvalidValue("verdicts or time-stamps expected")
    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        keys = open_authority_keys(settings, secrets.token_bytes)
        made = certify_service(journaled, settings, keys, Service(service), SystemClock().now(), secrets.token_bytes)
    finally:
        database.close()
    told = {"service": service, "sha256": made.fingerprint.hex()}
    _say(f"{service} signs with {made.fingerprint.hex()} within a minute.", told, as_json=as_json)


@app.command()
def sandbox(
    folder: Folder,
    as_json: Json = False,
) -> None:
    """Register two relying parties for trials, with keys in DIR/parties, and say how to try them.

    With a card of `jitsuin sample` there, a form that it signed lies ready too.
    """
    from cli.clock import SystemClock
    from cli.party_sandbox import how_to_try, make_request, make_sandbox
    from cli.sample import PASSWORD

    settings, parties = _opened(folder)
    at = SystemClock().now()
    keys = make_sandbox(settings, parties, at)
    ensure_handle_key(settings)
    request = make_request(settings, at, secrets.token_bytes, PASSWORD)
    if as_json:
        told: dict[str, str] = {party: str(key) for party, key in keys.items()}
        _say("", told if request is None else {**told, "request": str(request)}, as_json=True)
        return
    for party, key in keys.items():
        typer.echo(f"  {party}  {key}")
    if request is not None:
        party, key = next(iter(keys.items()))
        typer.echo("Try it, once the service runs:\n" + how_to_try(settings, party, key, request))


def ensure_handle_key(settings: "Settings") -> None:
    """The key that handles are made with; made with the first party, and never again."""
    from cli.secrets import write_secret

    key = settings.path(HANDLE_KEY)
    if not key.exists():
        key.parent.mkdir(mode=0o700, exist_ok=True)
        write_secret(key, secrets.token_hex(32).encode())


def _opened(folder: Path) -> "tuple[Settings, Parties]":
    from cli.database import Database
    from cli.settings import load_settings
    from web.parties import Parties

    settings = load_settings(folder)
    database = Database(settings.database_url)
    database.check()
    return settings, Parties(database, settings.public_url)


def _say(text: str, told: dict[str, str], *, as_json: bool) -> None:
    typer.echo(json.dumps(told) if as_json else text)
