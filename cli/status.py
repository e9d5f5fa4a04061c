"""`jitsuin ca revoke, hold, release, crl, ocsp-check, restore`: what changes or tells the status of certificates.

A serial is written as 0x… or with colons for hexadecimal, or in decimal, and always told back in both forms.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ca.authority import Authority
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.settings import Settings
    from pki.instant import Instant
    from pki.revocation import Reason, Revoked
    from pki.serial import SerialNumber

app = typer.Typer(no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
SerialText = Annotated[str, typer.Argument(metavar="SERIAL", help="0x… or decimal.")]
AuthorityId = Annotated[str | None, typer.Option("--authority", help="Its id, where several know the serial.")]
At = Annotated[str | None, typer.Option("--clock", metavar="TIME", help="Act at this time (RFC 3339): for trials.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]
Cause = Annotated[str, typer.Option("--cause", help="A short word for the record; nothing personal.")]


@app.command("revoke")
def revoke(
    folder: Folder,
    serial: SerialText,
    reason: Annotated[str, typer.Option("--reason", help="As RFC 5280 calls it, like keyCompromise.")],
    invalidity_date: Annotated[
        str | None, typer.Option("--invalidity-date", metavar="TIME", help="Since when the key is suspect.")
    ] = None,
    authority: AuthorityId = None,
    cause: Cause = "operator",
    dry_run: DryRun = False,
    clock: At = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a certificate. Asked again it changes nothing; what is stronger stands."""
    from pki.instant import Instant

    suspect = None if invalidity_date is None else Instant.parse(invalidity_date)
    _change(folder, serial, authority, _reason(reason), suspect, cause, dry_run, clock, as_json)


@app.command("hold")
def hold(
    folder: Folder,
    serial: SerialText,
    authority: AuthorityId = None,
    cause: Cause = "operator",
    dry_run: DryRun = False,
    clock: At = None,
    as_json: AsJson = False,
) -> None:
    """Put a certificate on hold; whether a hold can be released is the deployment's policy."""
    from pki.revocation import Reason

    _change(folder, serial, authority, Reason.CERTIFICATE_HOLD, None, cause, dry_run, clock, as_json)


@app.command("release")
def release(
    folder: Folder,
    serial: SerialText,
    authority: AuthorityId = None,
    dry_run: DryRun = False,
    clock: At = None,
    as_json: AsJson = False,
) -> None:
    """Release a hold, where the deployment's policy allows it."""
    from ca.revocation import HoldPolicy
    from ca.revocation import release as lift

    with _opened(folder, clock) as here:
        found, number = here.find(serial, authority)
        policy = HoldPolicy(releasable=here.settings.status.release_holds)
        here.tried(lambda conn: lift(conn, found.id, number, here.at, policy), dry_run)
        _tell(found, number, None, dry_run, as_json)


@app.command("crl")
def crl(
    folder: Folder,
    authority: AuthorityId = None,
    scope: Annotated[str, typer.Option("--scope", help="`full`, or a partition's number.")] = "full",
    delta: Annotated[bool, typer.Option("--delta", help="Only what changed since the published full one.")] = False,
    clock: At = None,
    as_json: AsJson = False,
) -> None:
    """Sign and publish CRLs now: of one authority, or of all. Needs the authorities' keys."""
    from ca.crl import CrlKind
    from ca.errors import UnknownAuthority
    from cli.keys import open_authority_keys
    from cli.publishing import make_crl_maker

    with _opened(folder, clock) as here:
        keys = open_authority_keys(here.settings, secrets.token_bytes)
        maker = make_crl_maker(here.settings, here.database, keys, "command")
        kind = CrlKind.DELTA if delta else CrlKind.FULL
        chosen = [one.id for one in here.authorities() if authority in (None, one.id)]
        if not chosen:
            raise UnknownAuthority(authority or "")
        made = [maker.make(one, here.at, scope, kind).row for one in chosen]
    if as_json:
        document = [
            {"authority": row.issuer, "scope": row.partition, "kind": row.kind, "number": row.number} for row in made
        ]
        typer.echo(json.dumps({"crls": document}))
        return
    for row in made:
        typer.echo(f"{row.issuer}/{row.partition}: {row.kind} CRL {row.number} published")


@app.command("ocsp-check")
def ocsp_check(
    folder: Folder,
    serial: SerialText,
    url: Annotated[str | None, typer.Option("--url", help="Of the responder; else the deployment's own.")] = None,
    authority: AuthorityId = None,
    clock: At = None,
    as_json: AsJson = False,
) -> None:
    """Ask the responder as a relying party would, judge its answer, compare it with the database.

    Exit status 1 when they differ or the answer breaks a rule.
    """
    import httpx

    from ca.findings import Severity
    from ca.lint_ocsp import judge_ocsp
    from ca.ocsp_reading import parse_response, response_status
    from ca.status import look_up
    from cli.errors import ServiceSilent
    from pki import der
    from pki.certid import certid_of
    from pki.revocation import Good, Revoked

    with _opened(folder, clock) as here:
        found, number = here.find(serial, authority)
        known = here.database.read(lambda conn: look_up(conn, found.id, [number]))[0]
        address = url or f"{here.settings.public_url}/ocsp/{found.id}"
        at = here.at
    assert found.certificate is not None
    cert_id = certid_of(number, found.certificate, "sha256").der
    request = der.sequence(der.sequence(der.sequence(der.sequence(cert_id))))
    try:
        came = httpx.post(address, content=request, headers={"content-type": "application/ocsp-request"}, timeout=10)
        came.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceSilent(f"the OCSP responder at {address}") from error
    findings = judge_ocsp(came.content, issuer=found.certificate, request=request, at=at)
    status = response_status(came.content)
    says = parse_response(came.content).singles[0].status if status == 0 else _unsuccessful(status)
    stands = "good" if isinstance(known, Good) else "revoked" if isinstance(known, Revoked) else "unknown"
    bad = [one for one in findings if one.severity >= Severity.WARNING]
    agree = says == stands and not bad
    if as_json:
        document = {
            "serial": number.both,
            "responder": says,
            "database": stands,
            "agree": agree,
            "findings": [{"rule": one.rule, "clause": one.clause, "detail": one.detail} for one in findings],
        }
        typer.echo(json.dumps(document))
    else:
        typer.echo(f"{found.id} {number.both}: the responder says {says}, the database {stands}")
        for one in findings:
            typer.echo(f"  {one.severity.name.lower()} {one.rule} [{one.clause}] {one.detail}")
    raise typer.Exit(0 if agree else 1)


def _unsuccessful(status: int) -> str:
    from ca.ocsp_response import ResponseStatus

    known = {int(one): one.name.lower().replace("_", " ") for one in ResponseStatus}
    return f"no status ({known.get(status, status)})"


@app.command("restore")
def restore(folder: Folder, as_json: AsJson = False) -> None:
    """After a restore from a backup: replay the journal into the database, so that status is served again."""
    from ca.restore import restore as replay

    with _opened(folder, None) as here:
        done = replay(here.plain, here.file)
    if as_json:
        typer.echo(json.dumps({"common": done.common, "applied": done.applied, "moved": done.moved}))
        return
    typer.echo(f"{done.common} entries shared, {done.applied} applied from the journal, {done.moved} put behind them")


@dataclass(frozen=True, slots=True)
class _Deployment:
    """An opened deployment, without any key."""

    settings: "Settings"
    plain: Any
    database: "JournaledDatabase"
    file: "JournalFile"
    at: "Instant"

    def authorities(self) -> "list[Authority]":
        from ca.directory import Directory

        return [one for one in self.database.read(Directory().all) if one.certificate is not None]

    def find(self, text: str, authority: str | None) -> "tuple[Authority, SerialNumber]":
        """The one authority that ordered this serial. Errors: NeverIssued, UnknownAuthority; usage when several did."""
        from ca.errors import UnknownAuthority
        from ca.status_errors import NeverIssued
        from ca.store.status import find_certificate
        from pki.serial import SerialNumber

        number = SerialNumber.parse(text)
        asked = [one for one in self.authorities() if authority in (None, one.id)]
        if not asked:
            raise UnknownAuthority(authority or "")
        known = [
            one
            for one in asked
            if self.database.read(lambda conn, one=one: find_certificate(conn, one.id, number.hex))  # type: ignore[misc]
        ]
        if not known:
            raise NeverIssued(authority or "this deployment", number.both)
        if len(known) > 1:
            raise typer.BadParameter(f"several know this serial: {', '.join(one.id for one in known)}")
        return known[0], number

    def tried(self, body: "Callable[[Any], Any]", dry_run: bool) -> Any:
        """Run `body`, and with `dry_run` roll everything back."""
        if not dry_run:
            return self.database.transaction(body)
        return self.plain.transaction(lambda conn: _undone(conn, body))


def _undone(conn: Any, body: "Callable[[Any], Any]") -> Any:
    inside = conn.begin_nested()
    result = body(conn)
    inside.rollback()
    return result


@contextmanager
def _opened(folder: Path, clock: str | None) -> Iterator[_Deployment]:
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.settings import load_settings
    from pki.instant import Instant

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        file = JournalFile(settings.path(settings.status.journal))
        at = SystemClock().now() if clock is None else Instant.parse(clock)
        yield _Deployment(settings, database, JournaledDatabase(database, file), file, at)
    finally:
        database.close()


def _change(
    folder: Path,
    serial: str,
    authority: str | None,
    reason: "Reason",
    suspect: "Instant | None",
    cause: str,
    dry_run: bool,
    clock: str | None,
    as_json: bool,
) -> None:
    from ca.revocation import By
    from ca.revocation import revoke as put

    with _opened(folder, clock) as here:
        found, number = here.find(serial, authority)
        stands = here.tried(
            lambda conn: put(conn, found.id, number, reason, here.at, suspect, cause, by=By.AUTHORITY), dry_run
        )
        _tell(found, number, stands, dry_run, as_json)


def _tell(
    authority: "Authority", serial: "SerialNumber", stands: "Revoked | None", dry_run: bool, as_json: bool
) -> None:
    status = "good" if stands is None else "revoked"
    if as_json:
        document: dict[str, object] = {
            "authority": authority.id,
            "serial": serial.both,
            "status": status,
            "since": None if stands is None else stands.since.iso(),
            "reason": None if stands is None else stands.reason.standard_name,
            "dry_run": dry_run,
        }
        typer.echo(json.dumps(document))
        return
    told = "" if stands is None else f" since {stands.since} ({stands.reason.standard_name})"
    typer.echo(f"{authority.id} {serial.both}: {status}{told}{'; nothing was changed' if dry_run else ''}")


def _reason(text: str) -> "Reason":
    from pki.revocation import Reason

    for reason in Reason:
        if text.lower() in (reason.standard_name.lower(), str(int(reason))):
            return reason
    raise typer.BadParameter(f"reasons are {', '.join(reason.standard_name for reason in Reason)}")
