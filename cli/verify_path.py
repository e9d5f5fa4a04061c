"""`jitsuin verify path`: certification paths in bulk, one JSON object a line in, one out, in order."""

import io
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pki.instant import Instant
from pki.json_text import NameTwice, each_once

if TYPE_CHECKING:
    from cli.path_case import Files
    from verifier.engine_cache import EngineCache
    from verifier.validator import Result

app = typer.Typer(add_completion=False)

IN_WORDS = {
    "RFC 5937 3.2": "the trust anchor is valid, and binds what stands below it",
    "RFC 5280 6.1.3 (a)": "signature, validity and the issuer's name",
    "RFC 5280 6.1.3 (a)(3)": "revocation",
    "RFC 5280 6.1.3 (b), (c)": "its names lie within the constraints above it",
    "RFC 5280 6.1.4": "it may issue certificates",
    "RFC 5280 6.1.5": "policies, usage and critical extensions",
}
"""What the steps of `--explain` are about; a step that failed tells it by itself."""


@app.command("path")
def path(
    batch: Annotated[
        Path, typer.Option(help="Cases, one JSON object a line (see docs/verify-path.md).", exists=True, dir_okay=False)
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Tell the steps for people instead of JSON.")] = False,
) -> None:
    """Judge certification paths: PASSED, FAILED or INDETERMINATE for each case, with the reason."""
    from cli.clock import SystemClock

    if isinstance(sys.stdout, io.TextIOWrapper):
        # an id may hold half of a surrogate pair, or characters that the terminal has not
        sys.stdout.reconfigure(errors="backslashreplace")
    for line in answers(batch, SystemClock().now, explain=explain):
        typer.echo(line)


def answers(batch: Path, now: Callable[[], Instant], *, explain: bool = False) -> Iterator[str]:
    """One line (with `explain`: one text) for each line of `batch` that is not empty. Errors: none for any content."""
    from cli.path_case import Files
    from verifier.engine_cache import EngineCache

    cache, files = EngineCache(), Files(batch.parent)
    with batch.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                started = time.perf_counter()
                identifier, result = _judge(line, files, now, cache)
                millis = round((time.perf_counter() - started) * 1000, 3)
                yield _explained(identifier, result, number) if explain else _line(identifier, result, millis)


def _judge(
    line: bytes, files: "Files", now: Callable[[], Instant], cache: "EngineCache"
) -> "tuple[object, Result | str]":
    from cli.errors import CaseUnusable

    identifier: object = None
    try:
        case: Any = json.loads(line, object_pairs_hook=each_once, parse_float=_finite, parse_constant=_finite)
        if not isinstance(case, dict):
            return None, "a case must be a JSON object"
        identifier = case.get("id")
        return identifier, _validate(case, files, now, cache)
    except CaseUnusable as unusable:
        return identifier, unusable.reason
    except NameTwice:
        return identifier, "a field stands twice in one object"
    except ValueError:
        return identifier, "the line is not JSON"
    except Exception as fault:
        return identifier, f"the case could not be judged: {type(fault).__name__}"


def _finite(written: str) -> float:
    """NaN and infinities, which Python reads, are no JSON (RFC 8259 6); given back in an id they would be none."""
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


def _validate(
    case: dict[str, object], files: "Files", now: Callable[[], Instant], cache: "EngineCache"
) -> "Result | str":
    from cli.path_case import read_case
    from pki.errors import Malformed
    from verifier.anchors import anchor_of
    from verifier.sources import StatusRules
    from verifier.validator import Validator

    found = read_case(case, files)
    # A file that cannot be parsed fails the case, though the engine could do without it: whoever listed it meant it.
    for what, ders, read in (
        ("anchor", found.anchors, cache.certificate),
        ("leaf", (found.leaf,), cache.certificate),
        ("intermediate", found.evidence.certificates, cache.certificate),
        ("CRL", found.evidence.crls, lambda der: cache.crl(der).index()),
        ("OCSP answer", found.evidence.ocsp, cache.ocsp),
    ):
        for der in ders:
            try:
                read(der)
            except Malformed as bad:
                return f"a file that cannot be parsed ({what}): {bad.reason}"
    anchors = [anchor_of(cache.certificate(der)) for der in found.anchors]
    validator = Validator(anchors, found.inputs, StatusRules(found.revocation), cache=cache)
    return validator.validate(found.leaf, found.at or now(), found.evidence, name=found.name)


def _line(identifier: object, result: "Result | str", millis: float) -> str:
    answer: dict[str, object]
    if isinstance(result, str):
        answer = {"indication": "FAILED", "sub_indication": "FORMAT_FAILURE", "reason": result}
        answer |= {"policies": [], "path": []}
    else:
        answer = {
            "indication": result.indication,
            "sub_indication": result.sub_indication,
            "reason": result.reason,
            "policies": list(result.policies),
            "path": list(result.path),
        }
    return json.dumps({"id": identifier, **answer, "millis": millis})


def _explained(identifier: object, result: "Result | str", number: int) -> str:
    title = f"{identifier if identifier is not None else f'line {number}'}: "
    if isinstance(result, str):
        return f"{title}FAILED (FORMAT_FAILURE)\n  {result}\n"
    verdict = result.indication.value + (f" ({result.sub_indication})" if result.sub_indication else "")
    lines = [title + verdict]
    if result.reason:
        lines.append(f"  {result.reason}")
    places = {fingerprint: place for place, fingerprint in enumerate(result.path)}
    for check in result.checks:
        mark = "ok  " if check.holds else "NO  "
        where = ""
        if check.certificate is not None:
            place = places.get(check.certificate.hex())
            where = " leaf" if place == 0 else f" {place} above the leaf" if place is not None else ""
            where += f" [{check.certificate.hex()[:16]}]"
        told = "; ".join(filter(None, (IN_WORDS.get(check.clause), check.detail)))
        lines.append(f"  {mark}{check.clause}{where}{': ' if told else ''}{told}")
    for place, answer in enumerate(result.statuses):
        if answer.this_update is not None:
            lines.append(f"  status of certificate {place}: {answer.source}, as of {answer.this_update.iso()}")
    if result.policies:
        lines.append("  policies: " + ", ".join(result.policies))
    return "\n".join(lines) + "\n"
