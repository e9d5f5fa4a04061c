"""`jitsuin verify`: decide whether to believe a signature or a certificate, offline unless told whom to ask.

    jitsuin verify FILE [--signature SIG] --anchor CA.cer [--ocsp R.der] [--at TIME] [--json | --html]
    jitsuin verify certificate|status|verdict|path|explain …

Exit status: 0 passed, 1 failed, 2 indeterminate, 3 not understood or a file that cannot be used.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.verify_certificate import certificate as verify_certificate
from cli.verify_certificate import status as verify_status
from cli.verify_inputs import (
    EXIT,
    USAGE,
    Anchors,
    Ask,
    At,
    Certificates,
    Crls,
    For,
    HashName,
    Json,
    Lang,
    NoStatus,
    Ocsps,
    Policies,
    StampAnchors,
    anchors_in,
    certificate_in,
    evidence_from,
    fetcher_for,
    json_object,
    moment,
    policies_in,
    system_random,
    tongue_of,
    used_well,
)
from cli.verify_path import path as verify_path
from cli.verify_verdict import verdict as verify_verdict
from pki.errors import Malformed
from pki.purpose import Purpose

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
app.command("certificate")(verify_certificate)
app.command("status")(verify_status)
app.command("verdict")(verify_verdict)


@app.command(_FILE)
@used_well
def file(
    file: Annotated[Path, typer.Argument(help="The document, or a file that holds its own signature.")],
    signature: Annotated[Path | None, typer.Option("--signature", help="The detached signature.")] = None,
    signer: Annotated[
        Path | None,
        typer.Option(
            "--signer", help="The signature is a bare PKCS#1 or ECDSA value, made with this certificate's key."
        ),
    ] = None,
    hash_name: Annotated[HashName, typer.Option("--hash", help="What a bare value was made over.")] = HashName.SHA256,
    anchor: Anchors = [],  # noqa: B006 - typer takes it as the default and never keeps it
    tsa_anchor: StampAnchors = [],  # noqa: B006
    certificate: Certificates = [],  # noqa: B006
    crl: Crls = [],  # noqa: B006
    ocsp: Ocsps = [],  # noqa: B006
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="Evidence of an earlier report (JSON; the report itself will do).")
    ] = None,
    at: At = None,
    policy: Policies = [],  # noqa: B006
    signature_policy: Annotated[
        list[str],
        typer.Option(
            "--signature-policy",
            metavar="ID=FILE",
            help="A signature policy that you know; one that a signer names and you do not is then a doubt.",
        ),
    ] = [],  # noqa: B006
    purpose: For = Purpose.SIGNATURE,
    minimum_level: Annotated[str, typer.Option("--level", help="Ask for B, T, LT or LTA.")] = "B",
    ask: Ask = [],  # noqa: B006
    no_status: NoStatus = False,
    as_json: Json = False,
    as_html: Annotated[bool, typer.Option("--html", help="The report as a page.")] = False,
    lang: Lang = None,
) -> None:
    """Verify a signature on a document: CMS, XML, PDF, JSON, or with --signer a bare value."""
    from verifier.judge import Trust
    from verifier.page import render_page
    from verifier.policy import Policy, SignatureLevel
    from verifier.verify import verify_filing, verify_raw

    try:
        level = SignatureLevel(minimum_level)
    except ValueError:
        raise Malformed("a level out of B, T, LT and LTA expected") from None
    trust = Trust(anchors_in(anchor), anchors_in(tsa_anchor))
    wanted = Policy(
        name="command line",
        purpose=purpose,
        certificate_policies=frozenset(policy),
        minimum_level=level,
        signature_policies=policies_in(signature_policy) if signature_policy else None,
        require_revocation_information=not no_status,
        require_time_stamp_status=not no_status,
    )
    when, past = moment(at)
    document, value = file.read_bytes(), None if signature is None else signature.read_bytes()
    how: dict[str, Any] = {
        "anchors": trust,
        "policy": wanted,
        "at": when,
        "evidence": evidence_from(certificate, crl, ocsp, evidence),
        "fetcher": None if past else fetcher_for(ask),
        "random": system_random() if ask else None,
    }
    if signer is None:
        report = verify_filing(document, value, **how)
    elif value is None:
        raise Malformed("--signature expected with --signer")
    else:
        report = verify_raw(document, value, certificate_in(signer), hash_name=hash_name.value, **how)
    told = report.to_json()
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif as_html:
        typer.echo(render_page(told, tongue_of(lang)), nl=False)
    else:
        _print_report(told, tongue_of(lang))
    raise typer.Exit(EXIT[report.indication])


@app.command("explain")
@used_well
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
    tongue = tongue_of(lang)
    if what in Indication.__members__:
        typer.echo(VERDICTS[Indication(what)].in_(tongue))
    elif what in SubIndication.__members__:
        meaning = MEANINGS[SubIndication(what)]
        typer.echo(f"{meaning.what.in_(tongue)}\n{meaning.todo.in_(tongue)}")
    else:
        report = json_object(Path(what))
        try:
            page = render_page(report, tongue)
        except (KeyError, ValueError, TypeError) as bad:
            raise Malformed("a report of `jitsuin verify --json` expected") from bad
        if as_html:
            typer.echo(page, nl=False)
        else:
            _print_report(report, tongue)


# ---- telling it


def _print_report(report: dict[str, Any], tongue: Any) -> None:
    from verifier.indication import Indication, SubIndication
    from verifier.report import CheckName, Outcome
    from verifier.sentences import in_tongue, told
    from verifier.words import CHECKS, MEANINGS, OUTCOMES, VERDICTS

    for part in report.get("parts") or [report]:
        sub = part["sub_indication"]
        code = part["indication"] + (f"/{sub}" if sub else "")
        typer.echo(f"{VERDICTS[Indication(part['indication'])].in_(tongue)} ({code})")
        if sub:
            meaning = MEANINGS[SubIndication(sub)]
            typer.echo(f"  {meaning.what.in_(tongue)}\n  {meaning.todo.in_(tongue)}")
            typer.echo(f"  {in_tongue(part['reason'], tongue, sub_indication=sub)}")
        for check in part["checks"]:
            outcome = OUTCOMES[Outcome(check["outcome"])].in_(tongue)
            typer.echo(f"  [{outcome}] {CHECKS[CheckName(check['name'])].in_(tongue)}: {told(check, tongue)}")
