"""What was shown at a counter, and by whom it was seen: the only thing from which an ANCHOR is made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from enrollment.canonical import Json, canonical
from enrollment.canonical import digest as digest_of
from enrollment.errors import EvidenceTooWeak, NotPresent
from enrollment.person import PersonId
from pki import officer_signature
from pki.instant import Instant


class Strength(StrEnum):
    """PHOTO: official, with a photo, one is enough. PLAIN: official without one, two are needed."""

    PHOTO = "photo"
    PLAIN = "plain"


class Level(StrEnum):
    """How sure the check makes us. IAL3: seen by trained staff with proof; IAL1: told, not proven (jpki.md 5)."""

    IAL3 = "ial3"
    IAL2 = "ial2"
    IAL1 = "ial1"


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A kind of document that a desk may accept. `expires`: whether one without a date of expiry is refused."""

    code: str
    name_ja: str
    name_en: str
    strength: Strength
    expires: bool


CATALOGUE: Mapping[str, DocumentKind] = {
    kind.code: kind
    for kind in (
        DocumentKind("my-number-card", "マイナンバーカード", "My Number card", Strength.PHOTO, True),
        DocumentKind("driving-licence", "運転免許証", "driving licence", Strength.PHOTO, True),
        DocumentKind("driving-record", "運転経歴証明書", "driving record certificate", Strength.PHOTO, False),
        DocumentKind("passport", "旅券", "passport", Strength.PHOTO, True),
        DocumentKind("residence-card", "在留カード", "residence card", Strength.PHOTO, True),
        DocumentKind("disability-handbook", "身体障害者手帳", "disability handbook", Strength.PHOTO, False),
        DocumentKind(
            "health-eligibility", "資格確認書", "health insurance eligibility certificate", Strength.PLAIN, True
        ),
        DocumentKind("pension-handbook", "年金手帳", "pension handbook", Strength.PLAIN, False),
        DocumentKind("care-insurance", "介護保険被保険者証", "care insurance certificate", Strength.PLAIN, False),
        DocumentKind("student-card", "学生証", "student card", Strength.PLAIN, True),
        DocumentKind("inquiry-letter", "照会書兼回答書", "letter of inquiry sent to the address", Strength.PLAIN, True),
    )
}
"""Documents that desks accept unless a municipality narrows the list (`enrollment.catalogue`)."""

DOCUMENTS_NEEDED: Final = 2
"""How many documents in force are enough where no photo was compared."""


@dataclass(frozen=True, slots=True)
class DocumentSeen:
    """One document as the officer saw it. Neither its number nor a copy is kept."""

    kind: str
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class InPersonEvidence:
    """One person, seen by one officer, at one desk, at one moment.

    `presented_by` is who stood at the desk: only a person's own presence proves anything about them.
    `signature` is made over `to_be_signed()` by the officer's card (raw signature, by the key named in the officer's
    record).
    """

    person: PersonId
    presented_by: PersonId
    counter: str
    officer: str
    at: Instant
    documents: tuple[DocumentSeen, ...]
    photo_matched: bool
    signature: bytes | None = field(default=None, repr=False)

    def body(self) -> dict[str, Json]:
        """The record that is signed, stored and hashed."""
        return {
            "at": self.at.iso(),
            "counter": self.counter,
            "documents": [
                {"expires_on": seen.expires_on.isoformat() if seen.expires_on else None, "kind": seen.kind}
                for seen in self.documents
            ],
            "officer": self.officer,
            "person": self.person,
            "photo_matched": self.photo_matched,
            "presented_by": self.presented_by,
        }

    def octets(self) -> bytes:
        """The record as it is stored and hashed."""
        return canonical(self.body())

    def to_be_signed(self) -> bytes:
        """What the officer's card signs: the record behind its prefix, so that it is never taken for anything else."""
        return officer_signature.EVIDENCE + self.octets()

    def digest(self) -> str:
        """The name of this evidence in the ledger: SHA-256 of `octets()`, hex."""
        return digest_of(self.body())

    def level(self, catalogue: Mapping[str, DocumentKind] = CATALOGUE, needed: int = DOCUMENTS_NEEDED) -> Level:
        """How sure these documents make us; documents unknown to `catalogue` or past their day count for nothing."""
        day = self.at.jst_date()
        good = {
            seen.kind
            for seen in self.documents
            if seen.kind in catalogue and not _is_stale(seen, catalogue[seen.kind], day)
        }
        photos = {kind for kind in good if catalogue[kind].strength is Strength.PHOTO}
        if photos and self.photo_matched:
            return Level.IAL3
        return Level.IAL2 if len(good) >= needed else Level.IAL1

    def require_anchor(
        self, catalogue: Mapping[str, DocumentKind] = CATALOGUE, needed: int = DOCUMENTS_NEEDED
    ) -> Level:
        """The level, if it can carry an ANCHOR: a compared photo, or as many documents as are `needed` without one.

        Errors: NotPresent if somebody else came; EvidenceTooWeak naming what is missing.
        """
        if self.presented_by != self.person:
            raise NotPresent(self.counter)
        level = self.level(catalogue, needed)
        if level is Level.IAL1:
            raise EvidenceTooWeak(f"one photo document with the face compared, or {needed} documents in force")
        return level


def parse_evidence(body: str, signature: bytes | None) -> InPersonEvidence:
    """Read back what `octets()` wrote and the registry stored."""
    record: dict[str, Any] = json.loads(body)
    return InPersonEvidence(
        person=PersonId(record["person"]),
        presented_by=PersonId(record["presented_by"]),
        counter=record["counter"],
        officer=record["officer"],
        at=Instant.parse(record["at"]),
        documents=tuple(
            DocumentSeen(seen["kind"], date.fromisoformat(seen["expires_on"]) if seen["expires_on"] else None)
            for seen in record["documents"]
        ),
        photo_matched=record["photo_matched"],
        signature=signature,
    )


def _is_stale(seen: DocumentSeen, kind: DocumentKind, day: date) -> bool:
    if seen.expires_on is None:
        return kind.expires
    return seen.expires_on < day
