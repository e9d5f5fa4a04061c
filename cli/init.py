"""`jitsuin init`: a new deployment."""

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="A TOML file to begin with; config/example.toml shows every key.")
    ] = None,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where the service will listen.")] = None,
    clock: Annotated[
        str | None, typer.Option(metavar="TIME", help="Make it at this time (RFC 3339) instead of now: for trials.")
    ] = None,
    unlock_by: Annotated[
        str, typer.Option("--unlock-by", metavar="file|passphrase|custodians", help="What opens the authorities' keys.")
    ] = "file",
    custodians: Annotated[
        list[str] | None, typer.Option("--custodian", metavar="NAME", help="One who keeps a share; name several.")
    ] = None,
    needed: Annotated[int, typer.Option(metavar="M", help="So many of the custodians open the keys.")] = 2,
    signed_acts: Annotated[
        bool,
        typer.Option(
            "--signed-acts/--unsigned-acts",
            help="Whether nothing is done in the municipality without its officers' cards. Signed is never taken back.",
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """Make a deployment: settings, secrets (mode 0600), tables, two authorities with OCSP responders, a municipality
    with two desks and three operators.

    The authorities' keys are files that a passphrase opens: in a file of its own, known to one person, or shared among
    custodians (`--unlock-by custodians --custodian aoi --custodian hina --custodian ren --needed 2`).
    Nothing is ever written over: DIR must not exist or be empty, and so must the database.
    """
    from cli.clock import moment
    from cli.deployment import create_deployment
    from cli.settings import load_settings, make_settings, with_listen
    from cli.unlocking import opening_of

    settings = make_settings({}) if settings_file is None else load_settings(settings_file)
    if listen is not None:
        settings = with_listen(settings, listen)
    at = moment(clock)
    made = create_deployment(
        folder,
        settings,
        at,
        secrets.token_bytes,
        lambda what: None if as_json else print(f"  {what}"),
        opening_of(unlock_by, custodians or (), needed),
        signed_acts=signed_acts,
    )
    if as_json:
        print(json.dumps({"folder": str(folder), "url": made.public_url, "database": made.database.url}))
        return
    print(f"ready: {folder}. Run it with `jitsuin serve {folder}`; back up {folder}/secrets and {folder}/keys apart.")
