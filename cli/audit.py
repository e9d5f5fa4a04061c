"""`jitsuin audit`: check a published transparency log from outside, with nothing but its public key."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from transparency.monitor import Audited
    from transparency.note import Verifier

app = typer.Typer(no_args_is_help=True, help="Check transparency logs from outside: proofs, checkpoints, forks.")

_MAX_FILE = 32 * 1024 * 1024


@app.callback()
def _audit() -> None:
    """Check transparency logs from outside: proofs, checkpoints, forks."""


@app.command("verify")
def verify(
    place: Annotated[
        str, typer.Argument(help="A folder with published logs below it, a log's http(s) address, or a history file.")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", help="The file with the log's verifier key; else the one beside the log.")
    ] = None,
    witness: Annotated[
        list[Path] | None, typer.Option("--witness", help="A file with a witness's verifier key; may be repeated.")
    ] = None,
    older: Annotated[
        Path | None, typer.Option("--older", help="An older signed checkpoint: the log must have grown out of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """See that every entry of every log found there leads to its signed checkpoint.

    Given a person's history file instead, see that each record in it is an entry of the log whose signed checkpoint
    the file holds, and that no record is missing between two of them.
    """
    from rich.progress import Progress

    from transparency import monitor
    from transparency.note import Verifier

    if Path(place).is_file():
        told_history = _verify_history(Path(place), key)
        typer.echo(json.dumps(told_history, ensure_ascii=False) if as_json else _history_line(told_history))
        return
    loaders = _loaders(place)
    told = []
    with Progress(transient=True, disable=as_json) as progress:
        for name, load in loaders:
            verifier = Verifier.parse((key.read_bytes() if key else load("key")).decode("utf-8", "replace"))
            witnesses = [Verifier.parse(path.read_text("utf-8")) for path in witness or []]
            task = progress.add_task(name, total=None)
            audited = monitor.audit(
                load,
                verifier,
                witnesses,
                lambda done, size, task=task: progress.update(task, completed=done, total=size),  # type: ignore[misc]
            )
            for path in _tiles_below(place, name):
                monitor.fits(load, path, audited.checkpoint.size)
            witnessed = _witnessed(load, verifier, witnesses, audited)
            if older is not None:
                before = monitor.read_checkpoint(older.read_bytes(), verifier).checkpoint
                monitor.follow(before, audited.checkpoint, monitor.consistency(load, before, audited.checkpoint))
            told.append(
                {
                    "log": audited.checkpoint.origin,
                    "entries": audited.checkpoint.size,
                    "root": audited.checkpoint.root.hex(),
                    "witnesses": [{"name": one, "at": at.iso()} for one, at in witnessed.witnesses],
                    "witnessed_entries": witnessed.checkpoint.size if witnesses else None,
                    "consistent_with_older": older is not None,
                }
            )
    if as_json:
        typer.echo(json.dumps({"ok": True, "logs": told}, ensure_ascii=False))
        return
    for log in told:
        typer.echo(f"OK  {log['log']}: {log['entries']} entries lead to the signed root {str(log['root'])[:16]}…")


def _witnessed(
    load: Callable[[str], bytes], verifier: "Verifier", witnesses: "Sequence[Verifier]", audited: "Audited"
) -> "Audited":
    """The checkpoint that all `witnesses` cosigned: the latest one, or the one before it out of which it has grown.

    Errors: BadNote where one of them cosigned neither; ForkDetected, BadProof.
    """
    from transparency import monitor
    from transparency.errors import BadNote, NotFound
    from transparency.folder import COSIGNED

    wanted = {one.name for one in witnesses}
    missing = wanted - {one for one, _ in audited.witnesses}
    if not missing:
        return audited
    try:
        before = monitor.read_checkpoint(load(COSIGNED), verifier, witnesses)
    except NotFound:
        raise BadNote(f"not cosigned by {', '.join(sorted(missing))}") from None
    missing = wanted - {one for one, _ in before.witnesses}
    if missing:
        raise BadNote(f"not cosigned by {', '.join(sorted(missing))}")
    proof = monitor.consistency(load, before.checkpoint, audited.checkpoint)
    monitor.follow(before.checkpoint, audited.checkpoint, proof)
    return before


def _history_line(told: dict[str, object]) -> str:
    logs = told["logs"]
    assert isinstance(logs, list)
    names = ", ".join(str(log["log"]) for log in logs)
    return f"OK  {names}: {told['records']} records of one person are entries there, none missing between them"


def _verify_history(file: Path, key: Path | None) -> dict[str, object]:
    """Errors: Malformed; BadNote, BadProof. With `key`, every record must be in the log of that key."""
    from enrollment.canonical import digest
    from pki.errors import Malformed
    from transparency import merkle, monitor
    from transparency.entry import EntryKind, entry
    from transparency.errors import BadProof
    from transparency.merkle import Hash
    from transparency.note import Verifier

    try:
        document = json.loads(file.read_bytes())
        checkpoints = {}
        for log in document["logs"]:
            verifier = Verifier.parse(key.read_text("utf-8") if key else log["key"])
            checkpoints[log["name"]] = monitor.read_checkpoint(log["checkpoint"].encode(), verifier).checkpoint
        previous: dict[str, str] = {}
        for record in document["records"]:
            kind, checkpoint, body = EntryKind(record["kind"]), checkpoints[record["log"]], record.get("record")
            hashed = record["digest"] if body is None else digest(body)
            proof = [Hash(bytes.fromhex(one)) for one in record["proof"]]
            leaf = merkle.leaf_hash(entry(kind, bytes.fromhex(hashed)))
            merkle.verify_inclusion(leaf, record["number"], checkpoint.size, proof, checkpoint.root)
            if (record if body is None else body)["previous"] != previous.get(kind, "0" * 64):
                raise BadProof("a record is missing before another")
            previous[kind] = hashed
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed("a history file expected") from error
    return {
        "ok": True,
        "logs": [{"log": one.origin, "entries": one.size} for one in checkpoints.values()],
        "records": len(document["records"]),
    }


def _loaders(place: str) -> list[tuple[str, Callable[[str], bytes]]]:
    from transparency.errors import NotFound

    if place.startswith(("http://", "https://")):
        return [(place, _http_loader(place.rstrip("/")))]
    root = Path(place)
    folders = sorted(path.parent for path in root.rglob("checkpoint") if path.is_file())
    if not folders:
        raise NotFound("published log in that folder")
    return [(str(folder), _folder_loader(folder)) for folder in folders]


def _tiles_below(place: str, name: str) -> list[str]:
    """Every tile in a log's folder, as its path in the log; over HTTP nobody can list them."""
    if place.startswith(("http://", "https://")):
        return []
    folder = Path(name)
    found = (path for path in (folder / "tile").rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _folder_loader(folder: Path) -> Callable[[str], bytes]:
    from transparency.errors import NotFound

    def load(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"file {path} in the log") from error

    return load


def _http_loader(address: str) -> Callable[[str], bytes]:
    import httpx

    from transparency.errors import NotFound

    client = httpx.Client(timeout=10, follow_redirects=False)

    def load(path: str) -> bytes:
        with client.stream("GET", f"{address}/{path}") as response:
            if response.status_code != 200:
                raise NotFound(f"file {path} in the log")
            octets = b""
            for piece in response.iter_bytes():
                octets += piece
                if len(octets) > _MAX_FILE:
                    raise NotFound(f"file {path} of a sensible size in the log")
            return octets

    return load
