"""`jitsuin ceremony …`: carry out a reviewed file; approve one; check a transcript."""

import base64
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ca.ceremony import Approval

app = typer.Typer(no_args_is_help=True, help="Carry out a reviewed ceremony file, approve one, check a transcript.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The reviewed TOML file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


@app.command()
def show(file: File, as_json: JsonOption = False) -> None:
    """Read a file as the ceremony would, and say what it would do and which digest custodians approve."""
    from ca.ceremony_file import parse_ceremony

    ceremony = parse_ceremony(file.read_bytes())
    if as_json:
        told: dict[str, Any] = {
            "title": ceremony.title,
            "at": ceremony.at.iso(),
            "sha256": ceremony.digest,
            "needed": ceremony.needed,
            "custodians": [one.name for one in ceremony.custodians],
            "steps": [str(step) for step in ceremony.steps],
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(f"{ceremony.title}\nat {ceremony.at.iso()}\nfile sha256 {ceremony.digest}")
    typer.echo(f"{ceremony.needed} of {', '.join(one.name for one in ceremony.custodians)}")
    for number, step in enumerate(ceremony.steps, 1):
        typer.echo(f"{number}. {step}")


@app.command("key-hash")
def key_hash(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="A custodian's certificate, or a public key in DER.")],
) -> None:
    """What a ceremony file names a custodian's key by: the SHA-256 of the public key.

    `jitsuin card read-certificates` brings the certificate from a card.
    """
    import hashlib

    typer.echo(hashlib.sha256(_spki(key.read_bytes())).hexdigest())


@app.command()
def statement(
    file: File,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The custodian's name in the file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the text to be signed is written.")],
) -> None:
    """Write the text that a custodian signs: `jitsuin card sign OUT --form raw` makes the approval on their card."""
    from ca.ceremony import approval_statement
    from ca.ceremony_file import parse_ceremony
    from ca.errors import CeremonyFileWrong

    ceremony = parse_ceremony(file.read_bytes())
    if name not in {one.name for one in ceremony.custodians}:
        raise CeremonyFileWrong("custodians", f"nobody is called {name}")
    out.write_bytes(approval_statement(ceremony.digest, name))
    typer.echo(f"{out}: sign these octets with the key that the file names for {name}")


@app.command()
def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")],
    file: File,
    approvals: Annotated[
        list[str] | None,
        typer.Option("--approval", metavar="NAME=KEY,SIGNATURE", help="Certificate or public key, and signature file."),
    ] = None,
    perform: Annotated[
        bool, typer.Option("--perform", help="Do it. Without this, everything is only rehearsed.")
    ] = False,
    transcript: Annotated[Path | None, typer.Option("--transcript", metavar="FILE", help="A new file for it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rehearse a file or, with --perform and enough approvals, carry it out. The transcript is the record of it."""
    from ca import ceremony
    from ca.ceremony_file import parse_ceremony
    from ca.errors import CeremonyFileWrong
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.database import Database
    from cli.keys import open_authority_keys, open_responder_keys
    from cli.settings import load_settings

    parsed = parse_ceremony(file.read_bytes())
    if perform and transcript is None:
        raise CeremonyFileWrong("--transcript", "a ceremony that is carried out leaves a transcript: name a new file")
    if transcript is not None and transcript.exists():
        raise CeremonyFileWrong("--transcript", "it is there already, and transcripts are never written over")
    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        beside = _reader(file.parent)
        if perform:
            document = ceremony.perform(
                parsed,
                [_approval(text) for text in approvals or ()],
                journaled,
                open_authority_keys(settings, secrets.token_bytes),
                open_responder_keys(settings, secrets.token_bytes),
                secrets.token_bytes,
                beside,
            )
        else:
            document = ceremony.rehearse(parsed, journaled, secrets.token_bytes, beside)
    finally:
        database.close()
    if transcript is not None:
        with transcript.open("xb") as out:
            out.write(document)
    content = json.loads(json.loads(document)["content"])
    if as_json:
        typer.echo(json.dumps(content, ensure_ascii=False))
        return
    typer.echo(f"{'carried out' if perform else 'rehearsed, nothing was changed'}: {content['title']}")
    for step in content["steps"]:
        typer.echo(f"  {step['step']}: {step.get('authority') or step.get('responder')}")


@app.command()
def verify(
    transcript: Annotated[Path, typer.Argument(metavar="TRANSCRIPT", help="A ceremony's transcript.")],
    roots: Annotated[list[str], typer.Option("--root", metavar="ID=FILE", help="An authority's root certificate.")],
    as_json: JsonOption = False,
) -> None:
    """See that every authority that took part signed the transcript."""
    from ca.ceremony import verify_transcript
    from pki.certificate import parse_certificate

    given = dict(_pair(text, "--root") for text in roots)
    content = verify_transcript(
        transcript.read_bytes(), {name: parse_certificate(Path(path).read_bytes()) for name, path in given.items()}
    )
    if as_json:
        typer.echo(json.dumps(content, ensure_ascii=False))
    else:
        typer.echo(f"signed as it stands: {content['title']} at {content['at']}, {len(content['steps'])} step(s)")


def _pair(text: str, option: str) -> tuple[str, str]:
    from ca.errors import CeremonyFileWrong

    name, sign, rest = text.partition("=")
    if not sign or not name or not rest:
        raise CeremonyFileWrong(option, "NAME=FILE is needed")
    return name, rest


def _approval(text: str) -> "Approval":
    """Errors: CeremonyFileWrong for another form; Malformed for a key that cannot be read."""
    from ca.ceremony import Approval
    from ca.errors import CeremonyFileWrong

    name, rest = _pair(text, "--approval")
    key, comma, signature = rest.rpartition(",")
    if not comma:
        raise CeremonyFileWrong("--approval", "NAME=KEY,SIGNATURE is needed, both files")
    return Approval(name, _spki(Path(key).read_bytes()), _signature(Path(signature).read_bytes()))


def _spki(octets: bytes) -> bytes:
    """From a certificate (DER or PEM) or a SubjectPublicKeyInfo in DER."""
    from pki.algorithms import load_public_key
    from pki.certificate import parse_certificate
    from pki.errors import Malformed

    try:
        return parse_certificate(octets).spki
    except Malformed:
        load_public_key(octets)
        return octets


def _signature(octets: bytes) -> bytes:
    """Raw, or in base64 as some programs write it."""
    try:
        return base64.b64decode(octets.strip(), validate=True)
    except ValueError:
        return octets


def _reader(folder: Path) -> Any:
    """Files beside the ceremony's file, and none above it."""
    from ca.errors import CeremonyFileWrong

    def read(name: str) -> bytes:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise CeremonyFileWrong(name, "the files of a ceremony lie beside it")
        return path.read_bytes()

    return read
