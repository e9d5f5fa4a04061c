"""`jitsuin witness …`: a witness of transparency logs, and a deployment's asking of its witnesses."""

import json
import logging
import secrets
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from transparency.note import Signer

app = typer.Typer(no_args_is_help=True, help="Cosign other people's transparency logs; ask for cosignatures of ours.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The witness's own folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]

_SECRET, _KEY, _LOGS, _MEMORY = "secret", "key", "logs", "memory"
_MOST = 1 << 17
"""Octets of a submission: a note of 64 KiB with 63 hashes before it."""


@app.command()
def new(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Its name in cosignatures, like witness.example.jp/1.")],
    as_json: AsJson = False,
) -> None:
    """Make a witness: its key, and the list of the logs that it follows, which is still empty."""
    from cli.errors import FolderNotEmpty
    from cli.secrets import write_secret

    if folder.exists() and any(folder.iterdir()):
        raise FolderNotEmpty(str(folder))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = secrets.token_bytes(32)
    verifier = _signer_of(name, secret).verifier
    write_secret(folder / _SECRET, secret.hex().encode() + b"\n")
    (folder / _LOGS).mkdir()
    (folder / _KEY).write_text(f"{verifier}\n", "utf-8")
    typer.echo(json.dumps({"key": str(verifier)}) if as_json else str(verifier))


@app.command()
def follow(
    folder: Folder,
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The file `key` beside a published log.")],
    as_json: AsJson = False,
) -> None:
    """Follow a log: its verifier key, as you have it from its owner, not from whoever serves it."""
    from transparency.note import Verifier

    verifier = Verifier.parse(key.read_text("utf-8"))
    (folder / _LOGS / f"{verifier.key_id.hex()}.key").write_text(f"{verifier}\n", "utf-8")
    typer.echo(json.dumps({"log": verifier.name}) if as_json else f"follows {verifier.name}")


@app.command()
def serve(
    folder: Folder,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Port 0: any free one.")] = "127.0.0.1:8088",
    as_json: AsJson = False,
) -> None:
    """Answer add-checkpoint (c2sp.org/tlog-witness) until SIGTERM or Ctrl-C."""
    from cli.clock import SystemClock
    from cli.listening import address_of, open_socket, run_server
    from cli.secrets import read_secret
    from transparency.note import Verifier
    from transparency.witness import Witness
    from transparency.witness_memory import FolderMemory
    from web.application import Frame, compose
    from web.witness import witness_router

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    name = Verifier.parse((folder / _KEY).read_text("utf-8")).name
    signer = _signer_of(name, bytes.fromhex(read_secret(folder / _SECRET).decode()))
    logs = [Verifier.parse(path.read_text("utf-8")) for path in sorted((folder / _LOGS).glob("*.key"))]
    witness = Witness(signer, logs, FolderMemory(folder / _MEMORY))
    frame = Frame(random=secrets.token_bytes, stopwatch=monotonic, max_body=_MOST)
    application = compose("Jitsuin witness", [witness_router(witness, SystemClock())], frame)
    with open_socket(listen) as listener:
        url = f"http://{address_of(listener)}"
        document = {"ready": True, "url": url, "key": str(signer.verifier), "logs": [one.name for one in logs]}
        told = json.dumps(document) if as_json else f"ready: {url}, follows {len(logs)} log(s). Ctrl-C ends it."
        run_server(application, listener, lambda: print(told, flush=True), lambda: False)


@app.command()
def collect(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")], as_json: AsJson = False
) -> None:
    """Ask the witnesses in the settings (log.witnesses) to cosign each published log. Exit status 1 if any did not."""
    from cli.cosigning import collect_all
    from cli.settings import load_settings

    gathered = collect_all(load_settings(folder))
    refused = [error for one in gathered for error in one.refused]
    if as_json:
        logs = [
            {
                "log": one.checkpoint.origin,
                "entries": one.checkpoint.size,
                "cosigned": list(one.cosigned),
                "refused": [error.reason for error in one.refused],
            }
            for one in gathered
        ]
        typer.echo(json.dumps({"ok": not refused, "logs": logs}, ensure_ascii=False))
    else:
        for one in gathered:
            typer.echo(f"{one.checkpoint.origin}: {one.checkpoint.size} entries cosigned by {len(one.cosigned)}")
        for error in refused:
            typer.echo(error.reason, err=True)
    if refused:
        raise typer.Exit(1)


def _signer_of(name: str, secret: bytes) -> "Signer":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from transparency.note import KeyType, Signer

    return Signer(name, Ed25519PrivateKey.from_private_bytes(secret), KeyType.COSIGNATURE)
