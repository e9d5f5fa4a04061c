"""`jitsuin lint`: judge certificates, CRLs and OCSP responses of anybody, told apart by themselves, in DER or PEM.

Exit status 0: nothing at warning or above. 1: findings. 3: the command line or a file beside it cannot be used.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

USAGE = 3


class LintCommand(TyperCommand):
    """A command whose usage errors have the exit status 3: 2 could be taken for two findings by scripts of pkilint."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the arguments."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except _USAGE_ERROR as error:
            error.show()
            raise typer.Exit(USAGE) from error


# typer brings a copy of click: the class that its parser raises is the base of the one it exports.
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]


app = typer.Typer(no_args_is_help=False)


@app.command(cls=LintCommand)
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Certificates, CRLs, OCSP responses.")],
    issuer: Annotated[Path | None, typer.Option("--issuer", help="The certificate that should have signed.")] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="The certificate that an OCSP response or CRL is asked about.")
    ] = None,
    request: Annotated[
        Path | None, typer.Option("--request", help="The OCSP request answered, or the certificate's PKCS#10 request.")
    ] = None,
    previous: Annotated[Path | None, typer.Option("--previous", help="The CRL published before this one.")] = None,
    base: Annotated[Path | None, typer.Option("--base", help="The full CRL that a delta adds to.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Judge as of then (RFC 3339); else now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge certificates, CRLs and OCSP responses by rules, each with its clause."""
    from ca.crl_reading import Crl, parse_crl
    from ca.lint_file import Judged, Neighbours, judge_file
    from cli.clock import moment
    from pki.certificate import Certificate, parse_certificate
    from pki.errors import Error

    def read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise _usage(f"{path}: {error.strerror}") from error

    def certificate_in(path: Path | None) -> Certificate | None:
        return None if path is None else parse_certificate(read(path))

    def crl_in(path: Path | None) -> Crl | None:
        return None if path is None else parse_crl(read(path))

    try:
        beside = Neighbours(
            certificate_in(issuer),
            certificate_in(certificate),
            None if request is None else read(request),
            crl_in(previous),
            crl_in(base),
            moment(at),
        )
        judged: list[tuple[Path, Judged]] = [(path, one) for path in files for one in judge_file(read(path), beside)]
    except Error as error:
        raise _usage(str(error)) from error
    clean = all(one.clean for _, one in judged)
    if as_json:
        typer.echo(json.dumps({"clean": clean, "files": [_document(path, one) for path, one in judged]}))
    else:
        for path, one in judged:
            for finding in one.findings:
                line = f"{path}: {finding.severity.name.lower()} {finding.rule} [{finding.clause}] {finding.detail}"
                typer.echo(line)
            if not one.findings:
                typer.echo(f"{path}: {one.kind.value}: nothing found")
    raise typer.Exit(0 if clean else 1)


def _usage(message: str) -> typer.Exit:
    typer.echo(f"jitsuin lint: {message}", err=True)
    return typer.Exit(USAGE)


def _document(path: Path, judged: Any) -> dict[str, object]:
    return {
        "file": str(path),
        "kind": judged.kind.value,
        "clean": judged.clean,
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.name.lower(),
                "clause": finding.clause,
                "detail": finding.detail,
            }
            for finding in judged.findings
        ],
    }
