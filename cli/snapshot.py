"""`jitsuin snapshot`: signed, encrypted copies of a municipality's residents; made, verified, restored, and drilled."""

import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.secrets import read_secret, write_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cli.database import Database
    from enrollment.copying import Why
    from pki.instant import Instant

app = typer.Typer(
    no_args_is_help=True, help="Snapshots of a municipality: make, verify, restore, drill, serve in an emergency."
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
Keys = Annotated[
    Path, typer.Option("--keys", metavar="DIR", help="The folder with snapshot.key and snapshot-signing.pem.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The snapshot.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

KEY, SIGNING, PUBLIC = "snapshot.key", "snapshot-signing.pem", "snapshot-signing.pub"


@app.callback()
def _snapshot() -> None:
    """Copies that outlive the place they were made in. A restore never takes a revocation back."""


@app.command()
def keys(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the keys are made.")]) -> None:
    """Make the key that locks snapshots, and the key that signs them. Keep copies of both apart from the snapshots."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing = Ed25519PrivateKey.generate()
    write_secret(folder / KEY, secrets.token_hex(32).encode() + b"\n")
    pem = signing.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    write_secret(folder / SIGNING, pem)
    public = signing.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    (folder / PUBLIC).write_bytes(public)
    print(f"{folder / KEY}, {folder / SIGNING} (secret), {folder / PUBLIC}")


def _key(folder: Path) -> bytes:
    from pki.errors import InvalidValue

    try:
        key = bytes.fromhex(read_secret(folder / KEY).decode("ascii"))
    except ValueError:
        raise InvalidValue(f"{KEY} is a file with 64 hex digits") from None
    if len(key) != 32:
        raise InvalidValue(f"{KEY} is a file with 64 hex digits")
    return key


def _signing_key(folder: Path) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from pki.errors import InvalidValue

    try:
        key = load_pem_private_key(read_secret(folder / SIGNING), None)
    except (ValueError, TypeError):
        raise InvalidValue(f"{SIGNING} is an Ed25519 private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidValue(f"{SIGNING} is an Ed25519 private key in PEM")
    return key


def _with_database(folder: Path, work: "Callable[[Database, str], Any]") -> Any:
    from cli.database import Database
    from cli.settings import load_settings

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        return work(database, settings.municipality.code)
    finally:
        database.close()


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print("\n".join(f"{name:16} {value}" for name, value in told.items()))


@app.command()
def make(
    folder: Folder,
    keys: Keys,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the snapshot goes; never overwritten.")],
    owner: Annotated[str | None, typer.Option("--owner", help="Five digits; else this deployment's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy one municipality's residents, ledgers and flags as they are at this moment.

    Everybody who is in it has it in their own record first.
    """
    from cli.clock import SystemClock
    from enrollment import snapshot
    from enrollment.copying import Why
    from enrollment.store import peers

    key, signing, at = _key(keys), _signing_key(keys), SystemClock().now()

    def work(database: "Database", own: str) -> bytes:
        return _taken(database, owner or own, Why.BACKUP, at, key, signing)

    octets: bytes = _with_database(folder, work)
    loaded = snapshot.load(octets, key, _public(keys))  # what cannot be read back is not a copy
    _write_new(out, octets)
    made = peers.SnapshotMade(loaded.owner, hashlib.sha256(octets).hexdigest(), at, len(octets), len(loaded.people))
    _with_database(folder, lambda database, _: database.transaction(lambda conn: peers.add_snapshot(conn, made)))
    _tell({"file": str(out), "octets": len(octets), "as_of": at.iso()}, as_json)


def _taken(
    database: "Database", owner: str, why: "Why", at: "Instant", key: bytes, signing: "Ed25519PrivateKey"
) -> bytes:
    from getpass import getuser

    from enrollment import copying

    return copying.take(database, owner, why, f"support/{getuser()}", at, key, signing.sign, secrets.token_bytes)


def _write_new(file: Path, octets: bytes) -> None:
    """Under its name only once it is whole and on the disk; never over another one. Errors: OSError."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        write_secret(beside, octets)
        os.link(beside, file)  # unlike a rename it refuses to take the place of what is there
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _public(keys: Path) -> bytes:
    from pki.errors import InvalidValue

    try:
        return (keys / PUBLIC).read_bytes()
    except OSError:
        raise InvalidValue(f"{PUBLIC} cannot be read") from None


def _load(file: Path, keys: Path) -> Any:
    from enrollment import snapshot
    from pki.errors import InvalidValue

    try:
        octets = file.read_bytes()
    except OSError as error:
        raise InvalidValue(f"{Path(error.filename).name} cannot be read") from None
    return snapshot.load(octets, _key(keys), _public(keys))


def _summary(loaded: Any) -> dict[str, Any]:
    return {
        "owner": loaded.owner,
        "as_of": loaded.as_of.iso(),
        "people": len(loaded.people),
        "events": sum(len(chain) for chain in loaded.events.values()),
        "flags": len(loaded.flags),
        "ended_certificates": len(loaded.ended),
    }


@app.command()
def verify(file: File, keys: Keys, as_json: AsJson = False) -> None:
    """Signature, key, digest, form, and every person's chain. Names and addresses are not printed."""
    _tell({"ok": True, **_summary(_load(file, keys))}, as_json)


@app.command()
def restore(file: File, folder: Folder, keys: Keys, as_json: AsJson = False) -> None:
    """Put back what is missing in this deployment. What is there already stays; doing it again changes nothing.

    First the journal outside the database is replayed: what was revoked after the backup that this database may come
    from is revoked here too, before anything is put back.
    """
    from ca import restore as journal_restore
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.clock import SystemClock
    from cli.settings import load_settings
    from enrollment import snapshot

    loaded, at = _load(file, keys), SystemClock().now()
    settings = load_settings(folder)
    journal = JournalFile(settings.path(settings.status.journal))

    def work(database: "Database", _own: str) -> Any:
        replayed = journal_restore.restore(database, journal)
        journaled = JournaledDatabase(database, journal)
        return replayed, journaled.transaction(lambda conn: snapshot.restore(conn, loaded, at, secrets.token_bytes))

    replayed, done = _with_database(folder, work)
    told = {"people": done.people, "events": done.events, "flags": done.flags, "ended": done.ended}
    _tell({**told, "replayed": replayed.applied}, as_json)


@app.command()
def serve(
    file: File,
    keys: Keys,
    looks: Annotated[Path, typer.Option("--looks", metavar="FILE", help="Every look is written here first.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:8090",
    public_url: Annotated[
        str | None, typer.Option(help="What officers' requests are signed for; else http://…")
    ] = None,
    clock: Annotated[str | None, typer.Option(metavar="TIME", help="Begin at this time (RFC 3339).")] = None,
    as_json: AsJson = False,
) -> None:
    """Read-only emergency service from a snapshot, for officers with their cards; every answer says as of when."""
    from cli.clock import SystemClock
    from cli.listening import address_of, open_socket, run_server
    from enrollment.canonical import digest
    from enrollment.emergency import Emergency, LookRecord, read_looks
    from pki.instant import Instant
    from web.application import Frame, compose
    from web.emergency import make_emergency_router

    loaded = _load(file, keys)
    at = SystemClock() if clock is None else SystemClock.starting_at(Instant.parse(clock))
    with open_socket(listen) as listener, _appended(looks) as append:
        before = read_looks(looks.read_bytes().splitlines(keepends=True))
        record = LookRecord(loaded.owner, append, digest(before[-1]) if before else "0" * 64)
        url = public_url or f"http://{address_of(listener)}"
        router = make_emergency_router(Emergency(loaded), record, url, at)
        frame = Frame(secrets.token_bytes, time.monotonic)
        ready = {"ready": True, "url": url, "as_of": loaded.as_of.iso()}

        def say() -> None:
            print(json.dumps(ready) if as_json else f"{url}  as of {loaded.as_of}, read only", flush=True)

        run_server(compose("Jitsuin (emergency)", [router], frame), listener, say, lambda: False)


@contextmanager
def _appended(file: Path) -> "Iterator[Callable[[bytes], None]]":
    """One line on the disk before it returns; a line that a crash cut off is cut away, for nobody was answered."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        octets = file.read_bytes()
        os.ftruncate(descriptor, octets.rfind(b"\n") + 1)

        def append(line: bytes) -> None:
            whole = line + b"\n"
            before = os.fstat(descriptor).st_size
            if os.write(descriptor, whole) != len(whole):
                os.ftruncate(descriptor, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
            os.fsync(descriptor)

        yield append
    finally:
        os.close(descriptor)


@app.command("enter-looks")
def enter_looks(
    folder: Folder,
    looks: Annotated[Path, typer.Argument(metavar="FILE", help="What an emergency service wrote.")],
    as_json: AsJson = False,
) -> None:
    """Enter the looks of an emergency into people's own records, now that there is a registry again."""
    from cli.clock import SystemClock
    from enrollment import emergency

    found, at = emergency.read_looks(looks.read_bytes().splitlines(keepends=True)), SystemClock().now()

    def work(database: "Database", _own: str) -> Any:
        return database.transaction(lambda conn: emergency.enter_looks(conn, found, at, secrets.token_bytes))

    entered, left = _with_database(folder, work)
    _tell({"entered": entered, "left": left}, as_json)


@app.command()
def drill(
    folder: Folder,
    keys: Keys,
    existing: Annotated[
        Path | None, typer.Option("--snapshot", metavar="FILE", help="Drill with this copy, as after a real loss.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a copy into an empty database beside this one: how long it took, and what would have been lost.

    Without --snapshot a new one is made for it. Every drill's figures are kept in DIR/drills.jsonl.
    """
    from cli.clock import SystemClock
    from cli.snapshot_drill import carry_out, keep
    from enrollment import snapshot
    from enrollment.copying import Why

    key, public, clock = _key(keys), _public(keys), SystemClock()
    began = time.perf_counter()
    if existing is not None:
        octets = existing.read_bytes()
    else:
        signing, at = _signing_key(keys), clock.now()

        def make(database: "Database", own: str) -> bytes:
            return _taken(database, own, Why.DRILL, at, key, signing)

        octets = _with_database(folder, make)
    made = round(time.perf_counter() - began, 3)
    loaded = snapshot.load(octets, key, public)
    figures = _with_database(folder, lambda database, _: carry_out(database, octets, key, public, clock))
    told = {**figures, "make_seconds": made if existing is None else None, "as_of": loaded.as_of.iso()}
    keep(folder, told)
    _tell(told, as_json)
    if not told["ok"]:
        raise typer.Exit(1)
