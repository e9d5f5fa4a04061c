"""Which documents a municipality's desks accept as proof of who stands there, and how many of them are enough.

The common catalogue (`enrollment.evidence`) is the most; a municipality's own, versioned by the day on which it begins,
takes away from it: fewer documents, less weight, a date of expiry asked for, more documents without a compared photo.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from enrollment.canonical import Json, canonical
from enrollment.errors import LooserPolicy
from enrollment.evidence import CATALOGUE, DOCUMENTS_NEEDED, DocumentKind, InPersonEvidence, Level, Strength
from enrollment.store import Connection, care
from enrollment.store import people as people_rows
from pki.errors import InvalidValue
from pki.instant import Instant

KIND: Final = "in-person-documents"
"""Under this name the versions stand among the municipality's procedure policies."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The documents by their codes; `documents_needed`: how many in force are enough without a compared photo."""

    documents: Mapping[str, DocumentKind] = field(default_factory=lambda: CATALOGUE)
    documents_needed: int = DOCUMENTS_NEEDED

    def require_not_looser(self) -> None:
        """Compare with what is common to all. Errors: LooserPolicy naming every field."""
        loosened = [
            f"{code}: {what}"
            for code, kind in sorted(self.documents.items())
            for what, is_looser in (
                ("strength", (CATALOGUE[code].strength, kind.strength) == (Strength.PLAIN, Strength.PHOTO)),
                ("expires", CATALOGUE[code].expires and not kind.expires),
            )
            if is_looser
        ]
        if self.documents_needed < DOCUMENTS_NEEDED:
            loosened.append("documents_needed")
        if loosened:
            raise LooserPolicy(", ".join(loosened))

    def body(self) -> dict[str, Json]:
        """The catalogue as canonical data; `parse_catalogue` reads it back."""
        return {
            "documents": {
                code: {"expires": kind.expires, "strength": kind.strength.value}
                for code, kind in sorted(self.documents.items())
            },
            "documents_needed": self.documents_needed,
        }


def parse_catalogue(record: Any) -> Catalogue:
    """Read {"documents": {"passport": {}, "student-card": {"expires": true}}, "documents_needed": 3}.

    Only what is listed is accepted; strength and expires are the common ones where they are left out.
    Errors: InvalidValue naming the field, also for a catalogue by which nobody could be checked at all.
    """
    if not isinstance(record, Mapping) or not set(record) <= {"documents", "documents_needed"}:
        raise InvalidValue("a catalogue has the fields documents and documents_needed")
    listed, needed = record.get("documents", {code: {} for code in CATALOGUE}), record.get("documents_needed", 2)
    if not isinstance(listed, Mapping) or not set(listed) <= set(CATALOGUE):
        raise InvalidValue(f"documents is a table of some of {', '.join(CATALOGUE)}")
    if type(needed) is not int or needed > len(CATALOGUE):
        raise InvalidValue("documents_needed is a number of documents")
    documents = {code: _kind(CATALOGUE[code], terms) for code, terms in listed.items()}
    if len(documents) < needed and not any(kind.strength is Strength.PHOTO for kind in documents.values()):
        raise InvalidValue("documents leaves nothing by which anybody could be checked")
    return Catalogue(documents, needed)


def _kind(common: DocumentKind, terms: Any) -> DocumentKind:
    if not isinstance(terms, Mapping) or not set(terms) <= {"strength", "expires"}:
        raise InvalidValue(f"documents.{common.code} has the fields strength and expires")
    expires = terms.get("expires", common.expires)
    try:
        strength = Strength(terms.get("strength", common.strength))
    except ValueError:
        raise InvalidValue(f"documents.{common.code}.strength is one of {', '.join(Strength)}") from None
    if not isinstance(expires, bool):
        raise InvalidValue(f"documents.{common.code}.expires is true or false")
    return replace(common, strength=strength, expires=expires)


def adopt(conn: Connection, owner: str, catalogue: Catalogue, begins: Instant, at: Instant, by: str) -> None:
    """Keep a municipality's catalogue from `begins` on, which has not passed.

    Errors: LooserPolicy; InvalidValue.
    """
    catalogue.require_not_looser()
    if begins < at:
        raise InvalidValue("a catalogue begins later than now: checks that were made stay what they were")
    care.add_residence_policy(conn, owner, KIND, begins, canonical(catalogue.body()).decode(), at, by)


def in_force(conn: Connection, owner: str, at: Instant) -> Catalogue:
    """The municipality's own at `at`, or else the common one."""
    body = care.residence_policy(conn, owner, KIND, at)
    return Catalogue() if body is None else parse_catalogue(json.loads(body))


def of_check(conn: Connection, evidence: InPersonEvidence) -> Catalogue:
    """By what a check is judged: the catalogue of the desk's municipality when it was made. Errors: UnknownCounter."""
    return in_force(conn, people_rows.counter_of(conn, evidence.counter).owner, evidence.at)


def level(conn: Connection, evidence: InPersonEvidence) -> Level:
    """How sure the check makes us where it was made. Errors: UnknownCounter."""
    own = of_check(conn, evidence)
    return evidence.level(own.documents, own.documents_needed)


def require_anchor(conn: Connection, evidence: InPersonEvidence) -> Level:
    """The level, if it can carry an ANCHOR there. Errors: NotPresent, EvidenceTooWeak, UnknownCounter."""
    own = of_check(conn, evidence)
    return evidence.require_anchor(own.documents, own.documents_needed)
