"""JSON and base64url as JWS has them, each in its one form (RFC 7515 2, RFC 8259).

Two readers that take one text differently are how a signed header becomes another: names that stand twice, padding,
stray bits and numbers that are none are refused here.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Final

from pki.json_text import each_once, no_constant
from verifier.errors import FormatFailure

URL_TEXT: Final = re.compile(rb"[A-Za-z0-9_-]*\Z")
_DEPTH: Final = 16


def strict_json(text: bytes) -> dict[str, object]:
    """A JSON object: UTF-8, each name once at every level, only numbers, not deep. Errors: FormatFailure."""
    if len(text) > 1 << 26 or _depth(text) > _DEPTH:
        raise FormatFailure("JSON that is too large or too deep", "limits")
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=each_once, parse_constant=no_constant)
    except (ValueError, RecursionError) as bad:
        raise FormatFailure("it is not JSON with each name once", "RFC 7515 4; RFC 8259") from bad
    if not isinstance(value, dict):
        raise FormatFailure("it is not a JSON object", "RFC 7515 4")
    return value


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for bracket in re.findall(rb'[\[{\]}]|"(?:[^"\\]|\\.)*"', text):
        if bracket in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in (b"]", b"}"):
            depth -= 1
    return deepest


def from_base64url(text: bytes) -> bytes:
    """Octets from base64url without padding, in its one form: no stray bits at the end. Errors: FormatFailure."""
    if not URL_TEXT.match(text) or len(text) % 4 == 1:
        raise FormatFailure("it is not base64url", "RFC 7515 2")
    octets = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if to_base64url(octets) != text:
        raise FormatFailure("base64url with stray bits at its end", "RFC 4648 3.5")
    return octets


def to_base64url(octets: bytes) -> bytes:
    """base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
