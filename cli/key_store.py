"""`jitsuin keys …`: who opens the authorities' keys, and changing that."""

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Who opens the authorities' keys, and changing that.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


@app.command()
def show(folder: Folder, as_json: AsJson = False) -> None:
    """Who opens the authorities' keys. Nothing is opened."""
    from ca.file_key import FileKeyStore
    from cli.settings import load_settings
    from cli.unlocking import require_store

    settings = load_settings(folder)
    store = require_store(settings)
    access = FileKeyStore.access(store)
    file = settings.path(settings.authorities.passphrase_file)
    by = "custodians" if access.custodians else "file" if file.exists() else "passphrase"
    keys = sorted(path.stem for path in store.glob("*.key"))
    if as_json:
        document = {"unlock_by": by, "custodians": list(access.custodians), "needed": access.needed, "keys": keys}
        typer.echo(json.dumps(document))
        return
    told = {
        "custodians": f"{access.needed} of the custodians {', '.join(access.custodians)}",
        "file": f"the passphrase in {file}",
        "passphrase": "one passphrase, asked for at a terminal",
    }
    typer.echo(f"opened by {told[by]}")
    for label in keys:
        typer.echo(f"  {label}")


@app.command()
def change(
    folder: Folder,
    unlock_by: Annotated[
        str, typer.Option("--unlock-by", metavar="file|passphrase|custodians", help="What opens them from now on.")
    ],
    custodians: Annotated[
        list[str] | None, typer.Option("--custodian", metavar="NAME", help="One who keeps a share; name several.")
    ] = None,
    needed: Annotated[int, typer.Option(metavar="M", help="So many of the custodians open the keys.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Have the same keys opened by others, or by another passphrase. Those of today must open them first.

    Whoever kept a copy of the old key folder and its passphrases still has the keys: only a new generation of the
    authority ends that. A signing process that runs goes on.
    """
    from cli.settings import load_settings
    from cli.unlocking import change_opening, opening_of

    change_opening(load_settings(folder), opening_of(unlock_by, custodians or (), needed), secrets.token_bytes)
    show(folder, as_json)
