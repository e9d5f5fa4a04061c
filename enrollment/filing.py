"""The document of a remote filing, and proof that its signature was verified.

The octets that are signed are the canonical JSON of the fields: whoever reads the document reads everything that was
signed, and the same fields always make the same octets. Every field is text there; `FIELDS` is the one table of what
each may hold, how it is written and how it is read.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, ClassVar, Final, Protocol

from enrollment.canonical import canonical
from enrollment.errors import FilingMalformed
from pki.attributes import MAX_ADDRESS, check_address
from pki.errors import InvalidValue
from pki.instant import Instant

MAX_DOCUMENT = 16 * 1024
MAX_MEMBERS = 30
_HEX = frozenset("0123456789abcdef")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise FilingMalformed(what)


def _hex(text: str, length: int) -> bool:
    return len(text) == length and set(text) <= _HEX


def _is_address(text: str) -> bool:
    try:
        check_address(text)
    except InvalidValue:
        return False
    return True


def _are_members(members: tuple[str, ...]) -> bool:
    known = 0 < len(members) <= MAX_MEMBERS and all(_hex(member, 32) for member in members)
    return known and list(members) == sorted(set(members))


@dataclass(frozen=True, slots=True)
class _Field:
    """What a field may hold (`rule` says it), and its text in the document. `read`: ValueError, InvalidValue."""

    rule: str
    holds: Callable[[Any], bool] = lambda _value: True
    write: Callable[[Any], str] = str
    read: Callable[[str], Any] = str


_DIGEST: Final = _Field("SHA-256 in hex", lambda text: _hex(text, 64))
_DAY: Final = _Field("a day", write=date.isoformat, read=date.fromisoformat)

FIELDS: Final[Mapping[str, _Field]] = {
    "filing": _Field("32 hex digits", lambda text: _hex(text, 32)),
    "municipality": _Field("five digits", lambda text: len(text) == 5 and set(text) <= set("0123456789")),
    "address": _Field(f"1 to {MAX_ADDRESS} characters, no controls", _is_address),
    "address_substitutes": _Field("0 and 1", lambda text: set(text) <= {"0", "1"}),
    "moved_on": _DAY,
    "planned_on": _DAY,
    "members": _Field(
        "ids of 32 hex digits, sorted, each once", _are_members, ",".join, lambda text: tuple(text.split(","))
    ),
    "request_digest": _DIGEST,
    "authentication_request_digest": _DIGEST,
    "document_digest": _DIGEST,
    "void_after": _Field("a time", write=Instant.iso, read=Instant.parse),
}


@dataclass(frozen=True, slots=True, repr=False)
class _Document:
    """What is common to all that is signed from afar: fields checked when made, octets, and a name without contents."""

    kind: ClassVar[str]

    filing: str

    def __post_init__(self) -> None:
        for one in fields(self):
            _require(FIELDS[one.name].holds(getattr(self, one.name)), f"{one.name}: {FIELDS[one.name].rule}")

    def document(self) -> bytes:
        """The octets to sign."""
        record = {one.name: FIELDS[one.name].write(getattr(self, one.name)) for one in fields(self)}
        return canonical({"kind": self.kind, **record})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.filing})"


@dataclass(frozen=True, slots=True, repr=False)
class MoveFiling(_Document):
    """A person tells their new address and asks for a signature certificate that carries it.

    `filing`: one-time id, 32 hex digits. `municipality`: five digits of the municipality moved to. `request_digest`:
    SHA-256 in hex of the PKCS#10 request for the new key, so that nobody can put another key under the signed filing.
    `void_after`: the person's own word until when the filing may be used; a refused filing is worthless soon.
    `address_substitutes`: empty, or for each character of the address whether another stands for it.
    """

    kind: ClassVar[str] = "remote-move"

    municipality: str
    address: str
    moved_on: date
    request_digest: str
    void_after: Instant
    address_substitutes: str = ""

    def __post_init__(self) -> None:
        _Document.__post_init__(self)
        _require(len(self.address_substitutes) in (0, len(self.address)), "address_substitutes: as long as the address")


@dataclass(frozen=True, slots=True, repr=False)
class ReissueFiling(_Document):
    """A person asks for a new signature certificate on the same card, nothing else changed."""

    kind: ClassVar[str] = "remote-reissue"

    request_digest: str
    void_after: Instant


@dataclass(frozen=True, slots=True, repr=False)
class RenewalFiling(_Document):
    """A person asks, within the last months of both certificates, for new ones on the same card, nothing else changed.

    Each digest is SHA-256 in hex of the PKCS#10 request by the card's new key for that purpose.
    """

    kind: ClassVar[str] = "remote-renewal"

    request_digest: str
    authentication_request_digest: str
    void_after: Instant


@dataclass(frozen=True, slots=True, repr=False)
class HouseholdFiling(_Document):
    """One of a household tells the new address of all who are named. `members`: opaque ids, sorted, the filer's too."""

    kind: ClassVar[str] = "household-move"

    municipality: str
    address: str
    moved_on: date
    members: tuple[str, ...]
    void_after: Instant


@dataclass(frozen=True, slots=True, repr=False)
class Consent(_Document):
    """A grown-up member agrees that another files for them: to exactly the document of this digest (SHA-256, hex)."""

    kind: ClassVar[str] = "household-consent"

    document_digest: str
    void_after: Instant


@dataclass(frozen=True, slots=True, repr=False)
class MoveOutFiling(_Document):
    """A person tells that they will move, or have moved, to another municipality; the move in is told separately."""

    kind: ClassVar[str] = "move-out"

    municipality: str
    planned_on: date
    void_after: Instant


@dataclass(frozen=True, slots=True, repr=False)
class ResidenceStatement(_Document):
    """A person says, with their card and its PIN, that they live at an address; it changes nothing by itself.

    It is signed by the key for log-ins, at home or in a counter's reader: evidence beside the signature of a filing
    where a municipality asks for both, and for who has no signature certificate.
    """

    kind: ClassVar[str] = "residence-statement"

    municipality: str
    address: str
    void_after: Instant


Filing = MoveFiling | ReissueFiling | RenewalFiling | HouseholdFiling | Consent | MoveOutFiling | ResidenceStatement
_KINDS: Final[Mapping[str, type[Filing]]] = {
    one.kind: one
    for one in (MoveFiling, ReissueFiling, RenewalFiling, HouseholdFiling, Consent, MoveOutFiling, ResidenceStatement)
}


def parse_filing(document: bytes) -> Filing:
    """Read the signed octets. Errors: FilingMalformed unless they are exactly what `document()` would make."""
    _require(len(document) <= MAX_DOCUMENT, "too long")
    try:
        record: Any = json.loads(document, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise FilingMalformed("not JSON in UTF-8") from None
    _require(isinstance(record, Mapping), "not a JSON object")
    _require(all(isinstance(value, str) for value in record.values()), "a value is not text")
    kind = _KINDS.get(record.get("kind"))
    if kind is None:
        raise FilingMalformed("unknown kind")
    try:
        filing = kind(**{one.name: FIELDS[one.name].read(record[one.name]) for one in fields(kind)})
    except KeyError as error:
        raise FilingMalformed(f"{error.args[0]} is missing") from None
    except (ValueError, InvalidValue):
        raise FilingMalformed("a date or time is not ISO 8601") from None
    try:
        same = filing.document() == document
    except ValueError:  # a lone surrogate cannot be written as UTF-8
        same = False
    _require(same, "not the canonical octets of its fields")
    return filing


def _no_float(_text: str) -> None:
    raise ValueError("no fractions here")


@dataclass(frozen=True, slots=True)
class VerifiedFiling:
    """A filing whose signature, certificate path, policy and status were judged PASSED at `verified_at`.

    Made only by a FilingVerifier. `signer`: SHA-256 of the signer's certificate in hex; `serial`: its serial, for
    messages; `report`: the verifier's whole report as JSON text, kept beside the filing.
    """

    filing: Filing
    document: bytes
    signature: bytes
    signer: str
    serial: str
    report: str
    verified_at: Instant


class FilingVerifier(Protocol):
    """Whoever can judge a signed document; stands behind it: `verifier.verify` in the web floor."""

    def verify(self, document: bytes, signature: bytes, at: Instant) -> VerifiedFiling:
        """Judge `signature` (detached CMS, DER) over `document` at `at`.

        Fetches evidence of status (OCSP, CRL) by itself; changes nothing; may be called at once from many threads.
        Errors: FilingMalformed, FilingRejected with the report unless the verdict is PASSED.
        """
        ...
