"""`jitsuin verify certificate` and `… status`: one certificate's path, policies and status."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.verify_inputs import (
    EXIT,
    Anchors,
    Ask,
    At,
    Certificates,
    Crls,
    Json,
    Lang,
    NoStatus,
    Ocsps,
    Policies,
    anchors_in,
    evidence_from,
    fetcher_for,
    moment,
    system_random,
    tongue_of,
    used_well,
)
from pki.errors import Malformed
from pki.instant import Instant

if TYPE_CHECKING:
    from verifier.evidence import Evidence
    from verifier.validator import Result


@used_well
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
    lang: Lang = None,
) -> None:
    """Judge one certificate: path, policies and status."""
    from cli.verify_words import JUDGED, STATUS, WHY

    tongue = tongue_of(lang)
    result, when = _judged(file, anchor, evidence_from(certificate, crl, ocsp), at, policy, usage, ask, no_status)
    if as_json:
        typer.echo(json.dumps(_certificate_json(result, when), ensure_ascii=False, indent=2))
    else:
        why = f": {WHY[result.sub_indication].in_(tongue)}" if result.sub_indication else ""
        code = "/".join(filter(None, (result.indication, result.sub_indication)))
        typer.echo(f"{JUDGED[result.indication].in_(tongue)}{why} ({code})")
        if result.reason:
            typer.echo(f"  {result.reason}")
        for check in result.checks:
            typer.echo(f"  {'ok' if check.holds else 'NO'}  {check.clause}{': ' if check.detail else ''}{check.detail}")
        for row in _certificate_json(result, when)["statuses"]:
            typer.echo(f"  {STATUS[row['status']].in_(tongue)} ({row['source']}, {row['this_update']})")
    raise typer.Exit(EXIT[result.indication])


@used_well
def status(
    file: Annotated[Path, typer.Argument(help="The certificate (DER or PEM).")],
    anchor: Anchors = [],  # noqa: B006
    certificate: Certificates = [],  # noqa: B006
    crl: Crls = [],  # noqa: B006
    ocsp: Ocsps = [],  # noqa: B006
    at: At = None,
    ask: Ask = [],  # noqa: B006
    as_json: Json = False,
    lang: Lang = None,
) -> None:
    """Is a certificate revoked? Exit 0 good, 1 revoked, 2 not known."""
    from cli.verify_words import DETAIL, STATUS

    tongue = tongue_of(lang)
    result, when = _judged(file, anchor, evidence_from(certificate, crl, ocsp), at, [], "any", ask, no_status=False)
    rows = _certificate_json(result, when)["statuses"]
    first = rows[0] if rows else {"status": "unknown", "why": result.reason}
    if as_json:
        typer.echo(json.dumps(first, ensure_ascii=False, indent=2))
    else:
        lines = [STATUS[first["status"]].in_(tongue)]
        for name, value in first.items():
            if name != "status" and value not in (None, []):
                shown = ", ".join(value) if isinstance(value, list) else value
                lines.append(f"  {DETAIL[name].in_(tongue)}: {shown}")
        typer.echo("\n".join(lines))
    raise typer.Exit({"good": 0, "revoked": 1}.get(first["status"], 2))


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
    from pki.certificate import Certificate
    from verifier.certificate import parse
    from verifier.evidence import Evidence
    from verifier.inputs import PathInputs, Usage
    from verifier.inquiry import ask_status
    from verifier.pem import objects_in
    from verifier.sources import RevocationMode, StatusRules
    from verifier.validator import Validator

    try:
        wanted = Usage(usage)
    except ValueError:
        raise Malformed("a usage out of any, signature, authentication, tls-client, tls-server expected") from None
    when, past = moment(at)
    # the engine's own reader: it judges certificates that other readers refuse, such as those with odd serial numbers
    first, *others = objects_in(file.read_bytes())
    leaf, evidence = parse(first), evidence + Evidence(tuple(others))
    mode = RevocationMode.OFF if no_status else RevocationMode.REQUIRED
    inputs = PathInputs(frozenset(policies) or None, require_explicit_policy=bool(policies), usage=wanted)
    rules = StatusRules(mode)
    validator = Validator(anchors_in(anchors), inputs, rules)
    result = validator.validate(leaf, when, evidence)
    fetcher = None if past else fetcher_for(ask)
    if fetcher is not None and result.valid_path is not None and not no_status:
        nonce = None
        for index, answer in enumerate(result.statuses):
            issuer = result.valid_path.issuer_of(index)[2]
            if answer.this_update is None and issuer is not None:
                asked = Certificate(result.valid_path.certificates[index].der)
                answers = ask_status(asked, Certificate(issuer.der), fetcher, system_random() if index == 0 else None)
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
