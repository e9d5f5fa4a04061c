"""What is said on the command line of `jitsuin verify`, and how it becomes values of the verifier.

Exit status: 0 passed, 1 failed, 2 indeterminate, 3 not understood or a file that cannot be used.
"""

import json
import time
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pki.errors import Error, Malformed
from pki.instant import Instant
from pki.purpose import Purpose

if TYPE_CHECKING:
    from pki.certificate import Certificate
    from verifier.anchors import TrustAnchor
    from verifier.evidence import Evidence
    from verifier.fetch import HttpFetcher

EXIT = {"PASSED": 0, "FAILED": 1, "INDETERMINATE": 2}
USAGE = 3

Anchors = Annotated[list[Path], typer.Option("--anchor", help="CA certificate to trust (DER or PEM); repeat for more.")]
StampAnchors = Annotated[
    list[Path], typer.Option("--tsa-anchor", help="CA certificate to trust for time-stamps; repeat for more.")
]
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


def used_well(command: Callable[..., None]) -> Callable[..., None]:
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


def anchors_in(files: list[Path]) -> "list[TrustAnchor]":
    """Every certificate in some files as an anchor. Errors: Malformed, OSError."""
    from verifier.anchors import anchor_of
    from verifier.pem import objects_in

    return [anchor_of(der) for each in files for der in objects_in(each.read_bytes())]


def moment(at: str | None) -> tuple[Instant, bool]:
    """The time to judge for, and whether it lies in the past (then nobody is asked)."""
    from cli.clock import SystemClock

    return (SystemClock().now(), False) if at is None else (Instant.parse(at), True)


def evidence_from(
    certificates: list[Path], crls: list[Path], ocsp: list[Path], stored: Path | None = None
) -> "Evidence":
    from verifier.evidence import Evidence
    from verifier.pem import objects_in

    found = Evidence(
        *(tuple(der for each in kind for der in objects_in(each.read_bytes())) for kind in (certificates, crls, ocsp))
    )
    if stored is None:
        return found
    kept = json_object(stored)
    inner = kept.get("evidence", kept)
    if not isinstance(inner, dict):
        raise Malformed("evidence as an object expected")
    return found + Evidence.from_json(inner)


class HashName(StrEnum):
    """Digests that a bare value may be over."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


def certificate_in(file: Path) -> "Certificate":
    """The one certificate of a file. Errors: Malformed, OSError."""
    from pki.certificate import Certificate
    from verifier.pem import objects_in

    found = objects_in(file.read_bytes())
    if len(found) != 1:
        raise Malformed("one certificate expected")
    return Certificate(found[0])


def policies_in(named: list[str]) -> tuple[tuple[str, bytes], ...]:
    """Signature policies said as ID=FILE. Errors: Malformed, OSError."""
    pairs = [one.partition("=") for one in named]
    if not all(identifier and file for identifier, _, file in pairs):
        raise Malformed("a signature policy as ID=FILE expected")
    return tuple((identifier.removeprefix("urn:oid:"), Path(file).read_bytes()) for identifier, _, file in pairs)


def json_object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as bad:
        raise Malformed("a file in JSON expected") from bad
    if not isinstance(found, dict):
        raise Malformed("an object in JSON expected")
    return found


def fetcher_for(hosts: list[str]) -> "HttpFetcher | None":
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


def system_random() -> Callable[[int], bytes]:
    import secrets

    return secrets.token_bytes


def tongue_of(wanted: str | None) -> Any:
    from cli.language import Language, spoken

    if wanted not in (None, "ja", "en"):
        raise Malformed("a language out of ja and en expected")
    return spoken(None if wanted is None else Language(wanted)).value
