"""Unsigned headers of JAdES: etsiU, whose elements are added one after the other (TS 119 182-1 5.3).

An arcTst covers, each as it lies in the file (5.3.6.3.1, elements in base64url):

    payload as it was signed . protected header . signature value . the elements of etsiU before it, without a separator

Elements in clear would have to be brought into one form first, for which no algorithm is registered: what an arcTst
covers of those is not known here, and it proves nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from verifier.cades import wrap_basic_response
from verifier.candidate import Stamped
from verifier.errors import FormatFailure
from verifier.evidence import Evidence
from verifier.jws_text import from_base64url, strict_json
from verifier.policy import Policy

_OF_REVOCATION: Final = ("rVals", "arVals")
_OF_CERTIFICATES: Final = ("xVals", "axVals")
_CLAUSE: Final = "TS 119 182-1 5.3"


@dataclass(slots=True)
class Unsigned:
    """What etsiU holds; nothing of it is believed for being there."""

    evidence: Evidence = field(default_factory=Evidence)
    over_value: list[bytes] = field(default_factory=list)
    """Time-stamp tokens over the signature value."""
    long_term: bool = False
    void: list[str] = field(default_factory=list)
    """Why archive time-stamps cover nothing that is known."""
    _archives: list[tuple[bytes, bytes, frozenset[bytes]]] = field(default_factory=list)
    """(token, the elements before it, the tokens among them)"""

    def archived(self, before: bytes) -> tuple[Stamped, ...]:
        """The archive time-stamps, for a signature of which everything before etsiU is `before`."""
        return tuple(Stamped(token, before + elements, earlier) for token, elements, earlier in self._archives)


def read_unsigned(header: Mapping[str, object], policy: Policy) -> Unsigned:
    """The unsigned header of one signature. Errors: FormatFailure."""
    elements = header.get("etsiU", [])
    if not isinstance(elements, list) or len(elements) > policy.limits.attributes:
        raise FormatFailure("etsiU is not a list", "TS 119 182-1 5.3.1")
    found, before, tokens = Unsigned(), b"", list[bytes]()
    in_clear = not all(isinstance(element, str) for element in elements)
    for element in elements:
        fields = strict_json(from_base64url(element.encode())) if isinstance(element, str) else element
        if not isinstance(fields, dict):
            raise FormatFailure("etsiU holds something that is no object", "TS 119 182-1 5.3.1")
        for name, value in fields.items():
            if name == "sigTst":
                found.over_value += (new := _vals(value, "tstTokens"))
                tokens += new
            elif name == "arcTst":
                new = _vals(value, "tstTokens")
                why = _unknown_cover(value, in_clear or len(fields) != 1)
                if why:
                    found.void.append(why)
                else:
                    found._archives += [(token, before, frozenset(tokens)) for token in new]
                tokens += new
                _evidence(found, value.get("tstVD", {}) if isinstance(value, dict) else {}, False)
            elif name == "tstVD":
                _evidence(found, value, False)
            else:
                _evidence(found, {name: value}, True)
        if isinstance(element, str):
            before += element.encode()
        if len(tokens) > policy.limits.timestamps:
            raise FormatFailure(f"more than {policy.limits.timestamps} time-stamps", "limits")
    return found


def _unknown_cover(value: object, has_no_form: bool) -> str:
    """Why it is not known what an arcTst covers; empty if it is."""
    if has_no_form:
        return "it covers elements that have no one form"
    if not isinstance(value, dict) or value.get("timeStamped", "all") != "all":
        return "it covers something else than all that stands before it"
    return ""


def _evidence(found: Unsigned, fields: object, is_of_signature: bool) -> None:
    """Certificates and revocation data (5.3.5): of the signature itself, they make it one for the long term."""
    for name, value in fields.items() if isinstance(fields, dict) else ():
        if name in _OF_CERTIFICATES:
            found.evidence += Evidence(certificates=tuple(_val(row.get("x509Cert")) for row in _rows(value)))
        elif name in _OF_REVOCATION and isinstance(value, dict):
            crls = tuple(_vals(value, "crlVals"))
            ocsp = tuple(wrap_basic_response(basic) for basic in _vals(value, "ocspVals"))
            found.evidence += Evidence(crls=crls, ocsp=ocsp)
            found.long_term |= is_of_signature and bool(crls or ocsp)


def _rows(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value) or len(value) > 64:
        raise FormatFailure("a list of objects is missing in etsiU", _CLAUSE)
    return value


def _vals(value: object, name: str) -> list[bytes]:
    rows = value.get(name, []) if isinstance(value, dict) else None
    return [_val(row) for row in _rows(rows)]


def _val(row: object) -> bytes:
    text = row.get("val") if isinstance(row, dict) else None
    try:
        return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except (binascii.Error, ValueError) as bad:
        raise FormatFailure("etsiU holds something that is not base64", _CLAUSE) from bad
