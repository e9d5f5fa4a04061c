"""`jitsuin ca …`: what the authorities issued: search, show, export, report; issue in bulk."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import ca_batch, status
from cli.ca_listing import Form, line, query, write

if TYPE_CHECKING:
    from ca.inventory import Listed
    from ca.journal_file import JournaledDatabase
    from cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What the authorities issued: search, show, export, report; bulk issue.")
app.registered_commands += ca_batch.app.registered_commands  # issue-batch
app.registered_commands += status.app.registered_commands  # revoke, hold, release, crl, ocsp-check, restore


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
AtOption = Annotated[str | None, typer.Option("--at", metavar="TIME", help="As of then (RFC 3339); else now.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
AuthorityOption = Annotated[str | None, typer.Option("--authority", metavar="ID", help="Like signature-1.")]
SerialOption = Annotated[str | None, typer.Option("--serial", help="0x…, colon-separated octets, or decimal.")]
KindOption = Annotated[str | None, typer.Option("--kind", help="root, ocsp-responder, signature, authentication, …")]
StateOption = Annotated[str | None, typer.Option("--state", help="valid, on-hold, revoked or expired.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="The opaque id of a person or operator.")]
CardOption = Annotated[str | None, typer.Option("--card", help="A card's serial.")]
FingerprintOption = Annotated[str | None, typer.Option("--fingerprint", help="SHA-256 in hex; colons are allowed.")]
IssuedFrom = Annotated[str | None, typer.Option("--issued-from", metavar="TIME", help="Issued then or later.")]
IssuedUntil = Annotated[str | None, typer.Option("--issued-until", metavar="TIME", help="Issued then or earlier.")]
ExpiresUntil = Annotated[str | None, typer.Option("--expires-until", metavar="TIME", help="Ending then or earlier.")]
FormOption = Annotated[Form, typer.Option("--format", help="How it is written.")]


@app.command()
def search(
    folder: Folder,
    authority: AuthorityOption = None,
    serial: SerialOption = None,
    kind: KindOption = None,
    state: StateOption = None,
    owner: OwnerOption = None,
    card: CardOption = None,
    fingerprint: FingerprintOption = None,
    issued_from: IssuedFrom = None,
    issued_until: IssuedUntil = None,
    expires_until: ExpiresUntil = None,
    at: AtOption = None,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Behind an earlier page.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Lines a page, at most 999.")] = 50,
    form: FormOption = Form.TABLE,
) -> None:
    """One page of certificates, oldest first; the cursor of the next page is told at the end (CSV: standard error)."""
    from ca import inventory
    from cli.clock import moment
    from pki.errors import InvalidValue

    asked = query(authority, serial, kind, state, owner, card, fingerprint, issued_from, issued_until, expires_until)
    when = moment(at)
    if not 1 <= limit < inventory.MOST_A_PAGE:
        raise InvalidValue(f"a page has 1 to {inventory.MOST_A_PAGE - 1} lines")
    with _deployment(folder) as (_, database):
        place = None if after is None else inventory.Cursor.parse(after)
        # One line more than asked for tells whether there is another page.
        found = inventory.search(database, asked, when, after=place, limit=limit + 1)
    more = str(found[limit - 1].cursor) if len(found) > limit else None
    write(form, found[:limit], more)


@app.command()
def show(
    folder: Folder,
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="0x…, colon-separated octets, or decimal.")],
    authority: AuthorityOption = None,
    at: AtOption = None,
    pem: Annotated[bool, typer.Option("--pem", help="The certificate itself; it may hold personal data.")] = False,
    as_json: JsonOption = False,
) -> None:
    """All that is known of one certificate, without its holder's attributes unless --pem is given; of somebody under
    protection not even then.
    """
    from ca import inventory
    from ca.lint import judge
    from cli.clock import moment
    from enrollment import protection
    from enrollment.card_keys import evidence_of
    from enrollment.person import PersonId
    from pki.certificate import Certificate

    asked = query(authority, serial)
    with _deployment(folder) as (_, database):
        found = inventory.search(database, asked, moment(at), der=True)
        proofs = [database.read(lambda conn, der=one.der or b"": evidence_of(conn, der)) for one in found]  # type: ignore[misc]
        if pem:
            for one in found:
                database.read(partial(protection.require_output, person=PersonId(one.owner)))
                _record(database, one)
    if not found:
        typer.echo("no such certificate", err=True)
        raise typer.Exit(1)
    for one, proof in zip(found, proofs, strict=True):
        certificate = Certificate(one.der or b"")
        if pem:
            typer.echo(_pem(one.der or b""), nl=False)
            continue
        findings = [f"{finding.rule}: {finding.detail}" for finding in judge(certificate)]
        told = {**line(one), "octets": len(one.der or b""), "findings": findings}
        if proof.talks:
            told["card_evidence"] = proof.body()
        if as_json:
            typer.echo(json.dumps(told, ensure_ascii=False))
        else:
            typer.echo("\n".join(f"{name:16} {value}" for name, value in told.items()))


@app.command()
def export(
    folder: Folder,
    authority: AuthorityOption = None,
    kind: KindOption = None,
    state: StateOption = None,
    issued_from: IssuedFrom = None,
    issued_until: IssuedUntil = None,
    at: AtOption = None,
    form: FormOption = Form.CSV,
    certificates: Annotated[
        Path | None,
        typer.Option("--certificates", metavar="DIR", help="Also each one as AUTHORITY-SERIAL.cer."),
    ] = None,
) -> None:
    """Everything that is found, to standard output: as much as there is, in little memory."""
    from ca import inventory
    from cli.clock import moment

    asked = query(authority, None, kind, state, issued_from=issued_from, issued_until=issued_until)
    if certificates is not None:
        certificates.mkdir(parents=True, exist_ok=True)
    with _deployment(folder) as (_, database):
        found = inventory.export(database, asked, moment(at), der=certificates is not None)
        left: list[str] = []
        record = partial(_record, database)
        write(form, _saving(found, certificates, lambda one: _is_masked(database, one), left, record), None, lines=True)
    if left:
        typer.echo(f"{len(left)} certificates hold an address under protection and were not written", err=True)


@app.command()
def report(
    folder: Folder,
    at: AtOption = None,
    as_json: JsonOption = False,
    prometheus: Annotated[bool, typer.Option("--prometheus", help="In Prometheus' text format.")] = False,
) -> None:
    """Counts by authority, kind and state; what ends soon; what waits for a signature."""
    from ca import inventory
    from ca.metrics import exposition
    from cli.clock import moment

    when = moment(at)
    with _deployment(folder) as (_, database):
        told = inventory.report(database, when)
    if prometheus:
        typer.echo(exposition(told), nl=False)
        return
    if as_json:
        document = {
            "at": told.at.iso(),
            "certificates": [
                {"authority": c.authority, "kind": c.kind.value, "state": c.state.value, "number": c.number}
                for c in told.counts
            ],
            "authorities": [
                {
                    "authority": a.authority,
                    "state": a.state,
                    "variant": a.variant,
                    "until": a.until.iso(),
                    "responder_until": a.responder_until.iso() if a.responder_until else None,
                }
                for a in told.authorities
            ],
            "issued_last_day": told.issued_last_day,
            "expiring_30_days": told.expiring_30_days,
            "expiring_90_days": told.expiring_90_days,
            "waiting": told.waiting,
            "waiting_since": told.waiting_since.iso() if told.waiting_since else None,
            "blocked_keys": told.blocked_keys,
        }
        typer.echo(json.dumps(document))
        return
    for end in told.authorities:
        responder = end.responder_until.iso() if end.responder_until else "none"
        typer.echo(f"{end.authority:20} {end.variant:10} {end.state:8} until {end.until.iso()}, responder {responder}")
    for count in told.counts:
        typer.echo(f"{count.authority:20} {count.kind.value:16} {count.state.value:8} {count.number:>10}")
    typer.echo(f"issued within a day: {told.issued_last_day}")
    typer.echo(f"ending within 30 days: {told.expiring_30_days}, within 90 days: {told.expiring_90_days}")
    since = f", the oldest since {told.waiting_since.iso()}" if told.waiting_since else ""
    typer.echo(f"waiting for a signature: {told.waiting}{since}")
    typer.echo(f"compromised keys on the list: {told.blocked_keys}")


@contextmanager
def _deployment(folder: Path) -> "Iterator[tuple[Settings, JournaledDatabase]]":
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.database import Database
    from cli.settings import load_settings

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        yield settings, JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
    finally:
        database.close()


def _saving(
    found: "Iterator[Listed]",
    folder: Path | None,
    is_masked: "Callable[[Listed], bool]",
    left: list[str],
    record: "Callable[[Listed], None]",
) -> "Iterator[Listed]":
    for one in found:
        if folder is not None and is_masked(one):
            left.append(one.serial.hex)
        elif folder is not None:
            record(one)
            (folder / f"{one.authority}-{one.serial.hex}.cer").write_bytes(one.der or b"")
        yield one


def _is_masked(database: "JournaledDatabase", one: "Listed") -> bool:
    """Whether its octets would tell where somebody under protection lives: a signature certificate carries it."""
    from enrollment import protection
    from enrollment.person import PersonId

    return database.read(lambda conn: protection.standing(conn, PersonId(one.owner))) is not None


def _record(database: "JournaledDatabase", one: "Listed") -> None:
    """A certificate's octets leave this machine: its holder, if it has one, can read who took them."""
    import secrets

    from cli.clock import SystemClock
    from cli.support_looks import record_support
    from enrollment.errors import UnknownPerson
    from enrollment.registry import FOUR_ATTRIBUTES

    with suppress(UnknownPerson):  # an officer's, or an authority's own
        record_support(
            database, one.owner, "certificate-show", FOUR_ATTRIBUTES, SystemClock().now(), secrets.token_bytes
        )


def _pem(der: bytes) -> str:
    import base64
    import textwrap

    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
