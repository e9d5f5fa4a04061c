"""`jitsuin verify`: decide whether to believe a signature or a certificate, offline unless told whom to ask.

    jitsuin verify FILE [--signature SIG] --anchor CA.cer [--ocsp R.der] [--at TIME] [--json | --html]
    jitsuin verify certificate|status|path|explain …

Exit status: 0 passed, 1 failed, 2 indeterminate, 3 not understood or a file that cannot be used.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.verify_path import path as verify_path
from pki.errors import Error, Malformed
from pki.instant import Instant
from pki.purpose import Purpose

if TYPE_CHECKING:
    from verifier.evidence import Evidence
    from verifier.fetch import HttpFetcher
    from verifier.validator import Result

EXIT = {"PASSED": 0, "FAILED": 1, "INDETERMINATE": 2}
USAGE = 3
_FILE = "file"


class _FileOrCommand(TyperGroup):
    """`verify FILE` without a word in between; what is no command is the file, or an option before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See the class."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [_FILE, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """The exit status of a wrong command line must not be that of an indeterminate verdict."""
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except Exception as error:
            if getattr(error, "exit_code", None) == EXIT["INDETERMINATE"]:
                error.exit_code = USAGE  # type: ignore[attr-defined]
            raise


app = typer.Typer(
    cls=_FileOrCommand,
    no_args_is_help=True,
    add_completion=False,
    subcommand_metavar="FILE | COMMAND [ARGS]...",
    help="Decide whether to believe a signature or a certificate.",
    epilog="`jitsuin verify FILE` is short for `jitsuin verify file FILE`. "
    "Exit status: 0 passed, 1 failed, 2 indeterminate, 3 not understood.",
)
app.command("path", help="Certification paths in bulk.")(verify_path)

Anchors = Annotated[list[Path], typer.Option("--anchor", help="CA certificate to trust (DER or PEM); repeat for more.")]
Certificates = Annotated[list[Path], typer.Option("--certificate", help="Further certificates at hand.")]
Crls = Annotated[list[Path], typer.Option("--crl", help="CRLs at hand (DER).")]
Ocsps = Annotated[list[Path], typer.Option("--ocsp", help="OCSP answers at hand (DER).")]
At = Annotated[str | None, typer.Option("--at", help="Judge as of this time (RFC 3339). Default: now.")]
Policies = Annotated[list[str], typer.Option("--policy", help="Certificate policy (OID) that the path must assert.")]
For = Annotated[Purpose, typer.Option("--purpose", help="Which of a person's two certificates it must be.")]
Ask = Annotated[
    list[str], typer.Option("--ask", metavar="HOST[:PORT]", help="Host that may be asked for OCSP and CRLs.")
]
NoStatus = Annotated[bool, typer.Option("--no-status", help="Do not ask whether certificates are revoked.")]
Json = Annotated[bool, typer.Option("--json", help="The whole report as JSON.")]
Lang = Annotated[str | None, typer.Option("--lang", help="ja or en; default: as the shell's locale says.")]


def _used_well(command: Callable[..., None]) -> Callable[..., None]:
    """Exit 3 for what is wrong with the question itself: no verdict may be read out of a file that was not found."""

    @wraps(command)
    def guarded(*args: Any, **options: Any) -> None:
        from cli.__main__ import named, report

        try:
            command(*args, **options)
        except Error as error:
            report(error, as_json=bool(options.get("as_json")))
        except OSError as error:
            report(named(error), as_json=bool(options.get("as_json")))
        else:
            return
        raise typer.Exit(USAGE)

    return guarded


@app.command(_FILE)
@_used_well
def file(
    file: Annotated[Path, typer.Argument(help="The document, or a file that holds its own signature.")],
    signature: Annotated[Path | None, typer.Option("--signature", help="The detached signature.")] = None,
    anchor: Anchors = [],  # noqa: B006 - typer takes it as the default and never keeps it
    tsa_anchor: Annotated[
        list[Path], typer.Option("--tsa-anchor", help="CA certificate to trust for time-stamps.")
    ] = [],  # noqa: B006
    certificate: Certificates = [],  # noqa: B006
    crl: Crls = [],  # noqa: B006
    ocsp: Ocsps = [],  # noqa: B006
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="Evidence of an earlier report (JSON; the report itself will do).")
    ] = None,
    at: At = None,
    policy: Policies = [],  # noqa: B006
    purpose: For = Purpose.SIGNATURE,
    minimum_level: Annotated[str, typer.Option("--level", help="Ask for B, T, LT or LTA.")] = "B",
    ask: Ask = [],  # noqa: B006
    no_status: NoStatus = False,
    as_json: Json = False,
    as_html: Annotated[bool, typer.Option("--html", help="The report as a page.")] = False,
    lang: Lang = None,
) -> None:
    """Verify a signature on a document: CMS, XML, PDF or JSON."""
    from verifier.anchors import anchor_of, split_pem
    from verifier.judge import Trust
    from verifier.page import render_page
    from verifier.policy import Policy, SignatureLevel
    from verifier.verify import verify_filing

    try:
        level = SignatureLevel(minimum_level)
    except ValueError:
        raise Malformed("a level out of B, T, LT and LTA expected") from None
    trust = Trust(
        [anchor_of(der) for each in anchor for der in split_pem(each.read_bytes())],
        [anchor_of(der) for each in tsa_anchor for der in split_pem(each.read_bytes())],
    )
    wanted = Policy(
        name="command line",
        purpose=purpose,
        certificate_policies=frozenset(policy),
        minimum_level=level,
        require_revocation_information=not no_status,
        require_time_stamp_status=not no_status,
    )
    when, past = _moment(at)
    report = verify_filing(
        file.read_bytes(),
        None if signature is None else signature.read_bytes(),
        anchors=trust,
        policy=wanted,
        at=when,
        evidence=_evidence(certificate, crl, ocsp, evidence),
        fetcher=None if past else _fetcher(ask),
        random=_random() if ask else None,
    )
    told = report.to_json()
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif as_html:
        typer.echo(render_page(told, _tongue(lang)), nl=False)
    else:
        _print_report(told, _tongue(lang))
    raise typer.Exit(EXIT[report.indication])


@app.command("certificate")
@_used_well
def certificate(
    file: Annotated[Path, typer.Argument(help="The certificate (DER or PEM).")],
    anchor: Anchors = [],  # noqa: B006
    certificate: Certificates = [],  # noqa: B006
    crl: Crls = [],  # noqa: B006
    ocsp: Ocsps = [],  # noqa: B006
    at: At = None,
    policy: Policies = [],  # noqa: B006
    usage: Annotated[str, typer.Option(help="any, signature, authentication, tls-client or tls-server.")] = "any",
    ask: Ask = [],  # noqa: B006
    no_status: NoStatus = False,
    as_json: Json = False,
) -> None:
    """Judge one certificate: path, policies and status."""
    result, when = _judged(file, anchor, _evidence(certificate, crl, ocsp), at, policy, usage, ask, no_status)
    if as_json:
        typer.echo(json.dumps(_certificate_json(result, when), ensure_ascii=False, indent=2))
    else:
        verdict = result.indication + (f" ({result.sub_indication})" if result.sub_indication else "")
        typer.echo(f"{verdict}{': ' if result.reason else ''}{result.reason}")
        for check in result.checks:
            typer.echo(f"  {'ok' if check.holds else 'NO'}  {check.clause}{': ' if check.detail else ''}{check.detail}")
        for row in _certificate_json(result, when)["statuses"]:
            typer.echo(f"  {row['status']} by {row['source']} as of {row['this_update']}")
    raise typer.Exit(EXIT[result.indication])


@app.command("status")
@_used_well
def status(
    file: Annotated[Path, typer.Argument(help="The certificate (DER or PEM).")],
    anchor: Anchors = [],  # noqa: B006
    certificate: Certificates = [],  # noqa: B006
    crl: Crls = [],  # noqa: B006
    ocsp: Ocsps = [],  # noqa: B006
    at: At = None,
    ask: Ask = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Is a certificate revoked? Exit 0 good, 1 revoked, 2 not known."""
    result, when = _judged(file, anchor, _evidence(certificate, crl, ocsp), at, [], "any", ask, no_status=False)
    rows = _certificate_json(result, when)["statuses"]
    first = rows[0] if rows else {"status": "unknown", "why": result.reason}
    if as_json:
        typer.echo(json.dumps(first, ensure_ascii=False, indent=2))
    else:
        details = [f"{name}: {value}" for name, value in first.items() if value is not None and name != "status"]
        typer.echo("\n  ".join([first["status"], *details]))
    raise typer.Exit({"good": 0, "revoked": 1}.get(first["status"], 2))


@app.command("explain")
@_used_well
def explain(
    what: Annotated[str, typer.Argument(help="A report in JSON, or a word from one such as REVOKED_NO_POE.")],
    as_html: Annotated[bool, typer.Option("--html", help="As a page.")] = False,
    lang: Lang = None,
    as_json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
) -> None:
    """Say in plain words what a verdict means and what to do."""
    from verifier.indication import Indication, SubIndication
    from verifier.page import render_page
    from verifier.words import MEANINGS, VERDICTS

    del as_json
    tongue = _tongue(lang)
    if what in Indication.__members__:
        typer.echo(VERDICTS[Indication(what)].in_(tongue))
    elif what in SubIndication.__members__:
        meaning = MEANINGS[SubIndication(what)]
        typer.echo(f"{meaning.what.in_(tongue)}\n{meaning.todo.in_(tongue)}")
    else:
        report = _json_object(Path(what))
        try:
            page = render_page(report, tongue)
        except (KeyError, ValueError, TypeError) as bad:
            raise Malformed("a report of `jitsuin verify --json` expected") from bad
        if as_html:
            typer.echo(page, nl=False)
        else:
            _print_report(report, tongue)


# ---- from words on the command line to values


def _moment(at: str | None) -> tuple[Instant, bool]:
    """The time to judge for, and whether it lies in the past (then nobody is asked)."""
    from cli.clock import SystemClock

    return (SystemClock().now(), False) if at is None else (Instant.parse(at), True)


def _evidence(certificates: list[Path], crls: list[Path], ocsp: list[Path], stored: Path | None = None) -> "Evidence":
    from verifier.anchors import split_pem
    from verifier.evidence import Evidence

    found = Evidence(
        tuple(der for each in certificates for der in split_pem(each.read_bytes())),
        tuple(_der(each, "X509 CRL") for each in crls),
        tuple(each.read_bytes() for each in ocsp),
    )
    if stored is None:
        return found
    kept = _json_object(stored)
    inner = kept.get("evidence", kept)
    if not isinstance(inner, dict):
        raise Malformed("evidence as an object expected")
    return found + Evidence.from_json(inner)


def _der(file: Path, label: str) -> bytes:
    octets = file.read_bytes()
    if not octets.lstrip().startswith(b"-----BEGIN"):
        return octets
    import base64

    lines = octets.strip().splitlines()
    if lines[0] != f"-----BEGIN {label}-----".encode() or lines[-1] != f"-----END {label}-----".encode():
        raise Malformed(f"one {label} in PEM expected")
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except ValueError as bad:
        raise Malformed(f"one {label} in PEM expected") from bad


def _json_object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as bad:
        raise Malformed("a file in JSON expected") from bad
    if not isinstance(found, dict):
        raise Malformed("an object in JSON expected")
    return found


def _fetcher(hosts: list[str]) -> "HttpFetcher | None":
    """Whoever names a host on the command line may mean one in the own network."""
    from verifier.fetch import AllowedHost, HttpFetcher

    if not hosts:
        return None
    allowed = set()
    for host in hosts:
        name, _, port = host.partition(":")
        if port and not port.isdigit():
            raise Malformed("a host as HOST or HOST:PORT expected")
        allowed.add(AllowedHost(name, int(port) if port else None, private=True))
    return HttpFetcher(frozenset(allowed), time.monotonic)


def _random() -> Callable[[int], bytes]:
    import secrets

    return secrets.token_bytes


def _judged(
    file: Path,
    anchors: list[Path],
    evidence: "Evidence",
    at: str | None,
    policies: list[str],
    usage: str,
    ask: list[str],
    no_status: bool,
) -> "tuple[Result, Instant]":
    from pki.certificate import Certificate, parse_certificate
    from verifier.anchors import anchor_of, split_pem
    from verifier.inputs import PathInputs, Usage
    from verifier.inquiry import ask_status
    from verifier.sources import RevocationMode, StatusRules
    from verifier.validator import Validator

    try:
        wanted = Usage(usage)
    except ValueError:
        raise Malformed("a usage out of any, signature, authentication, tls-client, tls-server expected") from None
    when, past = _moment(at)
    leaf = parse_certificate(file.read_bytes())
    mode = RevocationMode.OFF if no_status else RevocationMode.REQUIRED
    inputs = PathInputs(frozenset(policies) or None, require_explicit_policy=bool(policies), usage=wanted)
    rules = StatusRules(mode)
    validator = Validator([anchor_of(der) for each in anchors for der in split_pem(each.read_bytes())], inputs, rules)
    result = validator.validate(leaf, when, evidence)
    fetcher = None if past else _fetcher(ask)
    if fetcher is not None and result.valid_path is not None and not no_status:
        nonce = None
        for index, answer in enumerate(result.statuses):
            issuer = result.valid_path.issuer_of(index)[2]
            if answer.this_update is None and issuer is not None:
                asked = Certificate(result.valid_path.certificates[index].der)
                answers = ask_status(asked, Certificate(issuer.der), fetcher, _random() if index == 0 else None)
                evidence += answers.evidence
                nonce = answers.nonce if index == 0 else nonce
        result = validator.validate(leaf, when, evidence, rules=replace(rules, nonce=nonce))
    return result, when


def _certificate_json(result: "Result", at: Instant) -> dict[str, Any]:
    from verifier.certificate_verdict import told

    return {
        "indication": result.indication,
        "sub_indication": result.sub_indication,
        "reason": result.reason,
        "at": at.iso(),
        "policies": list(result.policies),
        "path": list(result.path),
        "statuses": [told(answer, at) for answer in result.statuses],
    }


# ---- telling it


def _tongue(wanted: str | None) -> Any:
    from cli.language import Language, spoken

    if wanted not in (None, "ja", "en"):
        raise Malformed("a language out of ja and en expected")
    return spoken(None if wanted is None else Language(wanted)).value


def _print_report(report: dict[str, Any], tongue: Any) -> None:
    from verifier.indication import Indication, SubIndication
    from verifier.report import CheckName, Outcome
    from verifier.words import CHECKS, MEANINGS, OUTCOMES, VERDICTS

    for part in report.get("parts") or [report]:
        sub = part["sub_indication"]
        code = part["indication"] + (f"/{sub}" if sub else "")
        typer.echo(f"{VERDICTS[Indication(part['indication'])].in_(tongue)} ({code})")
        if sub:
            meaning = MEANINGS[SubIndication(sub)]
            typer.echo(f"  {meaning.what.in_(tongue)}\n  {meaning.todo.in_(tongue)}\n  {part['reason']}")
        for check in part["checks"]:
            outcome = OUTCOMES[Outcome(check["outcome"])].in_(tongue)
            typer.echo(f"  [{outcome}] {CHECKS[CheckName(check['name'])].in_(tongue)}: {check['why']}")
