"""`jitsuin verify verdict`: check offline that a service signed a verdict, and whether it was right."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.verify_inputs import (
    EXIT,
    Anchors,
    Json,
    Lang,
    Policies,
    StampAnchors,
    anchors_in,
    tongue_of,
    used_well,
)
from pki.errors import Malformed


@used_well
def verdict(
    file: Annotated[Path, typer.Argument(help="The signed verdict (JWS).")],
    service: Annotated[
        list[Path],
        typer.Option("--service", help="Certificates of services that are believed to verify (PEM or DER)."),
    ],
    document: Annotated[Path | None, typer.Option("--document", help="The signed document, to verify anew.")] = None,
    signature: Annotated[Path | None, typer.Option("--signature", help="Its detached signature.")] = None,
    anchor: Anchors = [],  # noqa: B006 - typer takes it as the default and never keeps it
    tsa_anchor: StampAnchors = [],  # noqa: B006
    policy: Policies = [],  # noqa: B006
    as_json: Json = False,
    lang: Lang = None,
) -> None:
    """Check a signed verdict offline: who said so; with the document, whether it is right by the evidence inside.

    The exit status is the verdict's own: 0 passed, 1 failed, 2 indeterminate. A verdict that no named service signed,
    or that verifying anew does not confirm, is 1.
    """
    from pki.certificate import Certificate
    from verifier.errors import FormatFailure
    from verifier.judge import Trust
    from verifier.pem import objects_in
    from verifier.verdict import check_verdict

    services = [Certificate(der) for each in service for der in objects_in(each.read_bytes())]
    again = document is not None or signature is not None
    if again and not anchor:
        raise Malformed("--anchor expected with --document or --signature")
    text = file.read_bytes().strip().decode("ascii", "replace")
    signed = None if document is None else document.read_bytes()
    value = None if signature is None else signature.read_bytes()
    trust = Trust(anchors_in(anchor), anchors_in(tsa_anchor)) if again else None
    try:
        found = check_verdict(text, services)
        if again and "evidence" not in found.report:
            raise Malformed("a verdict that carries its evidence expected: this one was made for who may not have it")
        if again:
            wanted = None if not policy else replace(found.policy, certificate_policies=frozenset(policy))
            found = check_verdict(text, services, document=signed, signature=value, trust=trust, policy=wanted)
    except FormatFailure as bad:
        _tell({"genuine": False, "why": bad.reason}, tongue_of(lang), as_json=as_json)
        raise typer.Exit(EXIT["FAILED"]) from None
    _tell(
        {
            "genuine": True,
            "issuer": found.issuer,
            "issued_at": found.issued_at.iso(),
            "indication": found.indication.value,
            "sub_indication": None if found.sub_indication is None else found.sub_indication.value,
            "at": found.at.iso(),
            "signature_sha256": found.signature_sha256,
            "confirmed": found.confirmed,
            "report": dict(found.report),
        },
        tongue_of(lang),
        as_json=as_json,
    )
    raise typer.Exit(EXIT["FAILED"] if found.confirmed is False else EXIT[found.indication])


def _tell(told: dict[str, Any], tongue: Any, *, as_json: bool) -> None:
    from verifier.indication import Indication, SubIndication
    from verifier.words import GENUINE, MEANINGS, NOT_GENUINE, VERDICTS

    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if not told["genuine"]:
        typer.echo(f"{NOT_GENUINE.in_(tongue)}\n  {told['why']}")
        return
    typer.echo(VERDICTS[Indication(told["indication"])].in_(tongue))
    if told["sub_indication"] is not None:
        typer.echo(f"  {MEANINGS[SubIndication(told['sub_indication'])].what.in_(tongue)}")
    typer.echo(f"  {GENUINE[told['confirmed']].in_(tongue)}\n  {told['issuer']} {told['issued_at']}")
