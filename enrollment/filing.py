"""The document of a remote filing, and proof that its signature was verified.

The octets that are signed are the canonical JSON of the fields: whoever reads the document reads everything that was
signed, and the same fields always make the same octets.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Protocol

from enrollment.canonical import Json, canonical
from enrollment.errors import FilingMalformed
from pki.attributes import MAX_ADDRESS
from pki.errors import InvalidValue
from pki.instant import Instant

MAX_DOCUMENT = 16 * 1024
MAX_MEMBERS = 30
_HEX = frozenset("0123456789abcdef")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise FilingMalformed(what)


def _require_address(address: str) -> None:
    controls = any(ord(character) < 0x20 or ord(character) == 0x7F for character in address)
    _require(0 < len(address) <= MAX_ADDRESS and not controls, "address")


def _hex(text: str, length: int) -> bool:
    return len(text) == length and set(text) <= _HEX


@dataclass(frozen=True, slots=True)
class MoveFiling:
    """A person tells their new address and asks for a signature certificate that carries it.

    `filing`: one-time id, 32 hex digits. `municipality`: five digits of the municipality moved to. `request_digest`:
    SHA-256 in hex of the PKCS#10 request for the new key, so that nobody can put another key under the signed filing.
    `void_after`: the person's own word until when the filing may be used; a refused filing is worthless soon.
    """

    kind: ClassVar[str] = "remote-move"

    filing: str
    municipality: str
    address: str
    moved_on: date
    request_digest: str
    void_after: Instant
    address_substitutes: str = ""

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(len(self.municipality) == 5 and set(self.municipality) <= set("0123456789"), "municipality")
        _require_address(self.address)
        _require(_hex(self.request_digest, 64), "request_digest is SHA-256 in hex")
        flags = self.address_substitutes
        _require(not flags or (len(flags) == len(self.address) and set(flags) <= {"0", "1"}), "address_substitutes")

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "address": self.address,
            "address_substitutes": self.address_substitutes,
            "filing": self.filing,
            "kind": self.kind,
            "moved_on": self.moved_on.isoformat(),
            "municipality": self.municipality,
            "request_digest": self.request_digest,
            "void_after": self.void_after.iso(),
        }
        return canonical(record)

    def __repr__(self) -> str:
        return f"MoveFiling({self.filing})"


@dataclass(frozen=True, slots=True)
class ReissueFiling:
    """A person asks for a new signature certificate on the same card, nothing else changed."""

    kind: ClassVar[str] = "remote-reissue"

    filing: str
    request_digest: str
    void_after: Instant

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(_hex(self.request_digest, 64), "request_digest is SHA-256 in hex")

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "filing": self.filing,
            "kind": self.kind,
            "request_digest": self.request_digest,
            "void_after": self.void_after.iso(),
        }
        return canonical(record)


@dataclass(frozen=True, slots=True)
class RenewalFiling:
    """A person asks, within the last months of both certificates, for new ones on the same card, nothing else changed.

    Each digest is SHA-256 in hex of the PKCS#10 request by the card's new key for that purpose.
    """

    kind: ClassVar[str] = "remote-renewal"

    filing: str
    request_digest: str
    authentication_request_digest: str
    void_after: Instant

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(_hex(self.request_digest, 64), "request_digest is SHA-256 in hex")
        _require(_hex(self.authentication_request_digest, 64), "authentication_request_digest is SHA-256 in hex")

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "authentication_request_digest": self.authentication_request_digest,
            "filing": self.filing,
            "kind": self.kind,
            "request_digest": self.request_digest,
            "void_after": self.void_after.iso(),
        }
        return canonical(record)


@dataclass(frozen=True, slots=True)
class HouseholdFiling:
    """One of a household tells the new address of all who are named. `members`: opaque ids, sorted, the filer's too."""

    kind: ClassVar[str] = "household-move"

    filing: str
    municipality: str
    address: str
    moved_on: date
    members: tuple[str, ...]
    void_after: Instant

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(len(self.municipality) == 5 and set(self.municipality) <= set("0123456789"), "municipality")
        _require_address(self.address)
        _require(0 < len(self.members) <= MAX_MEMBERS, "members")
        _require(all(_hex(member, 32) for member in self.members), "members are ids of 32 hex digits")
        _require(list(self.members) == sorted(set(self.members)), "members are sorted, each once")

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "address": self.address,
            "filing": self.filing,
            "kind": self.kind,
            "members": ",".join(self.members),
            "moved_on": self.moved_on.isoformat(),
            "municipality": self.municipality,
            "void_after": self.void_after.iso(),
        }
        return canonical(record)

    def __repr__(self) -> str:
        return f"HouseholdFiling({self.filing})"


@dataclass(frozen=True, slots=True)
class Consent:
    """A grown-up member agrees that another files for them: to exactly the document of this digest (SHA-256, hex)."""

    kind: ClassVar[str] = "household-consent"

    filing: str
    document_digest: str
    void_after: Instant

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(_hex(self.document_digest, 64), "document_digest is SHA-256 in hex")

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "document_digest": self.document_digest,
            "filing": self.filing,
            "kind": self.kind,
            "void_after": self.void_after.iso(),
        }
        return canonical(record)


@dataclass(frozen=True, slots=True)
class MoveOutFiling:
    """A person tells that they will move, or have moved, to another municipality; the move in is told separately."""

    kind: ClassVar[str] = "move-out"

    filing: str
    municipality: str
    planned_on: date
    void_after: Instant

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(len(self.municipality) == 5 and set(self.municipality) <= set("0123456789"), "municipality")

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "filing": self.filing,
            "kind": self.kind,
            "municipality": self.municipality,
            "planned_on": self.planned_on.isoformat(),
            "void_after": self.void_after.iso(),
        }
        return canonical(record)


@dataclass(frozen=True, slots=True)
class ResidenceStatement:
    """A person says, with their card and its PIN, that they live at an address; it changes nothing by itself.

    It is signed by the key for log-ins, at home or in a counter's reader: evidence beside the signature of a filing
    where a municipality asks for both, and for who has no signature certificate.
    """

    kind: ClassVar[str] = "residence-statement"

    filing: str
    municipality: str
    address: str
    void_after: Instant

    def __post_init__(self) -> None:
        _require(_hex(self.filing, 32), "filing is 32 hex digits")
        _require(len(self.municipality) == 5 and set(self.municipality) <= set("0123456789"), "municipality")
        _require_address(self.address)

    def document(self) -> bytes:
        """The octets to sign."""
        record: dict[str, Json] = {
            "address": self.address,
            "filing": self.filing,
            "kind": self.kind,
            "municipality": self.municipality,
            "void_after": self.void_after.iso(),
        }
        return canonical(record)

    def __repr__(self) -> str:
        return f"ResidenceStatement({self.filing})"


Filing = MoveFiling | ReissueFiling | RenewalFiling | HouseholdFiling | Consent | MoveOutFiling | ResidenceStatement


def parse_filing(document: bytes) -> Filing:
    """Read the signed octets. Errors: FilingMalformed unless they are exactly what `document()` would make."""
    _require(len(document) <= MAX_DOCUMENT, "too long")
    try:
        record: Any = json.loads(document, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise FilingMalformed("not JSON in UTF-8") from None
    _require(isinstance(record, Mapping), "not a JSON object")
    _require(all(isinstance(value, str) for value in record.values()), "a value is not text")
    kind = record.get("kind")
    readers = {
        MoveFiling.kind: _read_move,
        ReissueFiling.kind: _read_reissue,
        RenewalFiling.kind: _read_renewal,
        HouseholdFiling.kind: _read_household,
        Consent.kind: _read_consent,
        MoveOutFiling.kind: _read_move_out,
        ResidenceStatement.kind: _read_statement,
    }
    _require(kind in readers, "unknown kind")
    try:
        filing = readers[kind](record)
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


def _read_move(record: Mapping[str, str]) -> Filing:
    return MoveFiling(
        filing=record["filing"],
        municipality=record["municipality"],
        address=record["address"],
        moved_on=date.fromisoformat(record["moved_on"]),
        request_digest=record["request_digest"],
        void_after=Instant.parse(record["void_after"]),
        address_substitutes=record["address_substitutes"],
    )


def _read_reissue(record: Mapping[str, str]) -> Filing:
    return ReissueFiling(record["filing"], record["request_digest"], Instant.parse(record["void_after"]))


def _read_renewal(record: Mapping[str, str]) -> Filing:
    return RenewalFiling(
        record["filing"],
        record["request_digest"],
        record["authentication_request_digest"],
        Instant.parse(record["void_after"]),
    )


def _read_household(record: Mapping[str, str]) -> Filing:
    return HouseholdFiling(
        filing=record["filing"],
        municipality=record["municipality"],
        address=record["address"],
        moved_on=date.fromisoformat(record["moved_on"]),
        members=tuple(record["members"].split(",")),
        void_after=Instant.parse(record["void_after"]),
    )


def _read_consent(record: Mapping[str, str]) -> Filing:
    return Consent(record["filing"], record["document_digest"], Instant.parse(record["void_after"]))


def _read_move_out(record: Mapping[str, str]) -> Filing:
    return MoveOutFiling(
        record["filing"],
        record["municipality"],
        date.fromisoformat(record["planned_on"]),
        Instant.parse(record["void_after"]),
    )


def _read_statement(record: Mapping[str, str]) -> Filing:
    return ResidenceStatement(
        record["filing"], record["municipality"], record["address"], Instant.parse(record["void_after"])
    )


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
