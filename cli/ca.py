"""`jitsuin ca …`: what the authorities issued: search, show, export, report; issue in bulk."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import status

if TYPE_CHECKING:
    from ca.inventory import Listed, Query
    from ca.journal_file import JournaledDatabase
    from cli.settings import Settings
    from pki.instant import Instant

app = typer.Typer(no_args_is_help=True, help="What the authorities issued: search, show, export, report; bulk issue.")
app.registered_commands += status.app.registered_commands  # revoke, hold, release, crl, ocsp-check, restore


class Form(StrEnum):
    """How a listing is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


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

COLUMNS = (
    "authority", "serial", "serial_decimal", "kind", "state", "assurance", "owner", "card_id", "not_before",
    "not_after", "issued_at", "revoked_at", "reason", "invalidity_date", "partition", "fingerprint",
)  # fmt: skip


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
    from pki.errors import InvalidValue

    query = _query(authority, serial, kind, state, owner, card, fingerprint, issued_from, issued_until, expires_until)
    moment = _moment(at)
    if not 1 <= limit < inventory.MOST_A_PAGE:
        raise InvalidValue(f"a page has 1 to {inventory.MOST_A_PAGE - 1} lines")
    with _deployment(folder) as (_, database):
        place = None if after is None else inventory.Cursor.parse(after)
        # One line more than asked for tells whether there is another page.
        found = inventory.search(database, query, moment, after=place, limit=limit + 1)
    more = str(found[limit - 1].cursor) if len(found) > limit else None
    _write(form, found[:limit], more)


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
    from enrollment import protection
    from enrollment.card_keys import evidence_of
    from enrollment.person import PersonId
    from pki.certificate import Certificate

    query = _query(authority, serial)
    with _deployment(folder) as (_, database):
        found = inventory.search(database, query, _moment(at), der=True)
        proofs = [database.read(lambda conn, der=one.der or b"": evidence_of(conn, der)) for one in found]  # type: ignore[misc]
        if pem:
            for one in found:
                database.read(partial(protection.require_output, person=PersonId(one.owner)))
    if not found:
        typer.echo("no such certificate", err=True)
        raise typer.Exit(1)
    for one, proof in zip(found, proofs, strict=True):
        certificate = Certificate(one.der or b"")
        if pem:
            typer.echo(_pem(one.der or b""), nl=False)
            continue
        findings = [f"{finding.rule}: {finding.detail}" for finding in judge(certificate)]
        told = {**_line(one), "octets": len(one.der or b""), "findings": findings}
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

    query = _query(authority, None, kind, state, issued_from=issued_from, issued_until=issued_until)
    if certificates is not None:
        certificates.mkdir(parents=True, exist_ok=True)
    with _deployment(folder) as (_, database):
        found = inventory.export(database, query, _moment(at), der=certificates is not None)
        left: list[str] = []
        _write(form, _saving(found, certificates, lambda one: _is_masked(database, one), left), None, lines=True)
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

    moment = _moment(at)
    with _deployment(folder) as (_, database):
        told = inventory.report(database, moment)
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


@app.command("issue-batch")
def issue_batch(
    folder: Folder,
    orders: Annotated[Path, typer.Argument(metavar="ORDERS", help="One order a line (docs/formats/orders.md).")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="One outcome a line is appended, as JSON.")],
    group: Annotated[int, typer.Option("--group", min=1, max=1000, help="Orders that share a commit.")] = 250,
    processes: Annotated[int, typer.Option("--processes", min=1, max=64, help="Processes that work at it.")] = 1,
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue for every order of a file. Cut short, run it again: what is in RESULTS is left out, what was issued but
    not written is found by its idempotency key. Exit status 1 when any order was refused."""
    from cli.batch_worker import issue_all

    moment = _moment(at)
    total, wanted = _orders(orders, _finished(results))
    counted = {"issued": 0, "refused": 0, "before": total - len(wanted)}
    groups = [wanted[start : start + group] for start in range(0, len(wanted), group)]
    with results.open("a", encoding="utf-8") as out, _progress(len(wanted), quiet=as_json) as advance:
        for outcomes in issue_all(folder, groups, moment, min(processes, max(1, len(groups)))):
            out.writelines(line + "\n" for _, line in outcomes)
            out.flush()
            issued = sum(good for good, _ in outcomes)
            counted["issued"] += issued
            counted["refused"] += len(outcomes) - issued
            advance(len(outcomes))
    if as_json:
        typer.echo(json.dumps(counted))
    else:
        typer.echo(f"issued {counted['issued']}, refused {counted['refused']}, done before {counted['before']}")
    if counted["refused"]:
        raise typer.Exit(1)


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


def _moment(at: str | None) -> "Instant":
    from cli.clock import SystemClock
    from pki.instant import Instant

    return SystemClock().now() if at is None else Instant.parse(at)


def _query(
    authority: str | None = None,
    serial: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    owner: str | None = None,
    card: str | None = None,
    fingerprint: str | None = None,
    issued_from: str | None = None,
    issued_until: str | None = None,
    expires_until: str | None = None,
) -> "Query":
    from ca.inventory import Query
    from ca.lifecycle import CertificateState
    from ca.profiles import Kind
    from pki.errors import InvalidValue
    from pki.instant import Instant
    from pki.serial import SerialNumber

    try:
        found_kind = None if kind is None else Kind(kind)
        found_state = None if state is None else CertificateState(state)
    except ValueError as error:
        raise InvalidValue(str(error)) from error
    return Query(
        authority=authority,
        serial=None if serial is None else SerialNumber.parse(serial),
        kind=found_kind,
        state=found_state,
        owner=owner,
        card_id=card,
        fingerprint=None if fingerprint is None else _fingerprint(fingerprint),
        issued_from=None if issued_from is None else Instant.parse(issued_from),
        issued_until=None if issued_until is None else Instant.parse(issued_until),
        expires_until=None if expires_until is None else Instant.parse(expires_until),
    )


def _fingerprint(text: str) -> str:
    from pki.errors import InvalidValue

    digits = text.replace(":", "").lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise InvalidValue("a fingerprint is SHA-256: 64 hexadecimal digits, with or without colons")
    return digits


def _line(one: "Listed") -> dict[str, Any]:
    revoked = one.revoked
    return dict(
        zip(
            COLUMNS,
            (
                one.authority,
                f"0x{one.serial.hex}",
                str(int(one.serial)),
                one.kind.value,
                one.state.value,
                one.assurance,
                one.owner,
                one.card_id,
                one.validity.not_before.iso(),
                one.validity.not_after.iso(),
                one.issued_at.iso(),
                revoked.since.iso() if revoked else None,
                revoked.reason.standard_name if revoked else None,
                revoked.invalidity_date.iso() if revoked and revoked.invalidity_date else None,
                one.partition,
                one.fingerprint,
            ),
            strict=True,
        )
    )


def _write(form: Form, found: "Iterable[Listed]", more: str | None, *, lines: bool = False) -> None:
    """`lines`: JSON as one object a line, for listings that have no end."""
    if form is Form.CSV:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_harmless(_line(one)) for one in found)
    elif form is Form.JSON and lines:
        for one in found:
            typer.echo(json.dumps(_line(one), ensure_ascii=False))
    elif form is Form.JSON:
        document = {"certificates": [_line(one) for one in found], "next": more}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    else:
        for one in found:
            typer.echo(
                f"{one.serial.hex}  {one.authority:18} {one.kind.value:15} {one.state.value:8} "
                f"until {one.validity.not_after.iso()}  {one.owner}"
            )
    if more is not None:
        typer.echo(f"more: --after {more}", err=form is Form.CSV)


def _harmless(line: dict[str, Any]) -> dict[str, Any]:
    """A spreadsheet takes text that begins like a formula for one: such text gets an apostrophe before it."""
    return {
        name: f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
        for name, value in line.items()
    }


def _saving(
    found: "Iterator[Listed]", folder: Path | None, is_masked: "Callable[[Listed], bool]", left: list[str]
) -> "Iterator[Listed]":
    for one in found:
        if folder is not None and is_masked(one):
            left.append(one.serial.hex)
        elif folder is not None:
            (folder / f"{one.authority}-{one.serial.hex}.cer").write_bytes(one.der or b"")
        yield one


def _is_masked(database: "JournaledDatabase", one: "Listed") -> bool:
    """Whether its octets would tell where somebody under protection lives: a signature certificate carries it."""
    from enrollment import protection
    from enrollment.person import PersonId

    return database.read(lambda conn: protection.standing(conn, PersonId(one.owner))) is not None


def _pem(der: bytes) -> str:
    import base64
    import textwrap

    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def _finished(results: Path) -> set[str]:
    """Idempotency keys of the outcomes that are there. A line cut short by a crash is cut off, its order done again."""
    if not results.exists():
        return set()
    content = results.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with results.open("r+b") as file:
            file.truncate(whole)
    return {json.loads(line)["idempotency_key"] for line in content[:whole].splitlines()}


def _orders(file: Path, done: set[str]) -> tuple[int, list[bytes]]:
    """How many orders the file has, and the lines of those that are not done. Every line is read before anything is
    issued. Errors: InvalidValue naming the first wrong one."""
    from ca.batch import parse_order
    from pki.errors import InvalidValue

    total = 0
    wanted: list[bytes] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            total += 1
            try:
                order = parse_order(line)
            except InvalidValue as error:
                raise InvalidValue(f"line {number}: {error.what}") from error
            if order.idempotency_key not in done:
                wanted.append(line)
    return total, wanted


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Any]:
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("issuing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("issuing", total=total)
        yield lambda number: bar.advance(task, number)
