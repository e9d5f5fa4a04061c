"""`jitsuin replay DIR`: recompute everything from the journal, the log and the published files; name what differs.

Exit status 0 only if nothing differs: neither the database, nor a published CRL or delta, nor an OCSP answer that was
kept, nor a decision of the ledger.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ca.replay import Difference, Replayed
    from cli.database import Database
    from cli.settings import Settings
    from pki.certificate import Certificate

app = typer.Typer()


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recompute every status, CRL number, delta, OCSP answer and ledger decision, and compare."""
    from ca.journal_file import JournalFile
    from ca.replay import Replayed
    from cli.database import Database
    from cli.settings import load_settings

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        told = Replayed.of(JournalFile(settings.path(settings.status.journal)).entries())
        found = list(_differences(settings, database, told))
        events = len(told.entries)
    finally:
        database.close()
    if as_json:
        listed = [{"code": one.code, "where": one.where, "detail": one.detail} for one in found]
        typer.echo(json.dumps({"clean": not found, "entries": events, "differences": listed}))
    else:
        for one in found:
            typer.echo(f"{one.code}: {one.where}: {one.detail}")
        typer.echo(f"{events} entries of the journal replayed, {len(found)} differences")
    raise typer.Exit(1 if found else 0)


def _differences(settings: "Settings", database: "Database", told: "Replayed") -> "Iterator[Difference]":
    from ca.directory import Directory
    from ca.replay_crl import compare_crls
    from ca.replay_database import compare_database
    from cli.publishing import open_shelf

    authorities = [one for one in database.read(Directory().all) if one.certificate is not None]
    issuers = {one.id: one.certificate for one in authorities if one.certificate is not None}
    yield from database.read(lambda conn: list(compare_database(told, conn)))
    yield from compare_crls(told, open_shelf(settings), issuers)
    yield from _copies(settings.folder, told)
    yield from _answers(settings.folder, told, issuers)
    yield from _ledger(settings, database)


def _copies(folder: Path, told: "Replayed") -> "Iterator[Difference]":
    """CRLs that lie about in `crl/`: each must be one that was signed."""
    import hashlib

    from ca.replay import Difference

    signed = {entry.event.detail["sha256"] for entry in told.crls}
    for path in sorted((folder / "crl").glob("*.crl")):
        if hashlib.sha256(path.read_bytes()).hexdigest() not in signed:
            yield Difference("crl.stranger", f"crl/{path.name}", "the journal does not know this CRL")


def _answers(folder: Path, told: "Replayed", issuers: "dict[str, Certificate]") -> "Iterator[Difference]":
    """Kept answers: `ocsp/*.resp.der`, and those signed ahead."""
    from ca.ocsp_pack import Pack
    from ca.replay import Difference
    from ca.replay_ocsp import compare_answer
    from cli.presigning import PACKS
    from pki.errors import Malformed

    for path in sorted((folder / "ocsp").glob("*.resp.der")):
        yield from compare_answer(told, path.read_bytes(), issuers, f"ocsp/{path.name}")
    for path in sorted((folder / PACKS).glob("[!.]*")):
        where = f"{PACKS}/{path.name}"
        try:
            for number, answer in enumerate(Pack(path).answers(), 1):
                yield from compare_answer(told, answer, issuers, f"{where} {number}")
        except Malformed as error:
            yield Difference("ocsp.unreadable", where, error.what)


def _ledger(settings: "Settings", database: "Database") -> "Iterator[Difference]":
    """Every chain, every decision, and every event's place in its municipality's published log."""
    from ca.replay import Difference
    from enrollment import ledger
    from enrollment.caps import decide

    logged = dict(_logged(settings))
    for owner, entries in logged.items():
        if isinstance(entries, str):
            yield Difference("log.broken", owner, entries)
    policies = database.read(_policies)
    for events in database.read(lambda conn: list(ledger.everybody(conn))):
        person = events[0].person
        for fault in database.read(lambda conn, person=person: ledger.verify_person(conn, person)):  # type: ignore[misc]
            yield Difference("ledger.chain", f"{person} position {fault.position}", fault.what)
        for index, event in enumerate(events):
            where = f"{person} position {event.position}"
            policy = policies.get((event.policy_owner, event.policy_version))
            if policy is None:
                yield Difference("ledger.policy", where, f"there is no policy {event.policy_version}")
            elif event.kind.is_remote and not decide(policy, events[:index], event.kind, event.at).allowed:
                yield Difference("ledger.decision", where, "the policy of its day refuses it")
            listed = logged.get(event.owner)
            if isinstance(listed, set) and bytes.fromhex(event.hash) not in listed:
                yield Difference("ledger.unlogged", where, "its record is not in the published log")


def _logged(settings: "Settings") -> "Iterator[tuple[str, set[bytes] | str]]":
    """Municipality → the digests of the ledger records in its published log, or why it cannot be believed."""
    from pki.errors import Error
    from transparency import monitor, tiles
    from transparency.entry import EntryKind
    from transparency.note import Verifier

    marker = EntryKind.LEDGER.encode() + b"\n"
    for folder in sorted(settings.path(settings.log.folder).glob("*")):
        if not (folder / "checkpoint").exists():
            continue

        def load(path: str, folder: Path = folder) -> bytes:
            return (folder / path).read_bytes()

        try:
            verifier = Verifier.parse((folder / "key").read_text("utf-8").strip())
            size = monitor.audit(load, verifier).checkpoint.size
            found: set[bytes] = set()
            for number in range(-(-size // tiles.WIDTH)):
                width = min(tiles.WIDTH, size - number * tiles.WIDTH)
                for entry in tiles.parse_entry_tile(load(tiles.tile_path(None, number, width))):
                    if entry.startswith(marker):
                        found.add(entry[len(marker) :])
            yield folder.name, found
        except (Error, OSError) as error:
            yield folder.name, str(error)


def _policies(conn: Any) -> dict[tuple[str, str], Any]:
    from enrollment.policy import COMMON
    from enrollment.store import ledger as rows

    owners = (COMMON, *rows.policy_owners(conn))
    return {(policy.owner, policy.version): policy for owner in owners for policy in rows.policies_of(conn, owner)}
