"""People's consent that a relying party receives attributes of theirs.

A consent names the party, the fields, the purpose in words, and an end; it is signed with the card or given by somebody
logged in, and can be withdrawn at any moment, which is effective with the next request. What a card signs:

    {"kind": "jitsuin-consent-1", "party": "bank", "fields": ["address"], "purpose": "口座の開設",
     "until": "2027-03-31T14:59:59Z", "nonce": 32 hex digits}

A signed consent counts once: handed in again after it was withdrawn, it stays withdrawn.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from pki.errors import InvalidValue, Malformed
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from web.errors_parties import ConsentRefused
from web.filing_check import FilingCheck
from web.parties import FIELDS
from web.store import Database
from web.store import consents as rows
from web.subjects import Subjects

KIND: Final = "jitsuin-consent-1"
LONGEST: Final = timedelta(days=366)
"""Consent is renewed at least once a year: nobody remembers longer what they agreed to."""
_MEMBERS: Final = {"kind", "party", "fields", "purpose", "until", "nonce"}


class GivenBy(StrEnum):
    """How a person showed that they agree."""

    CARD = "card"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent, as it was given."""

    id: str
    person: str
    party: str
    fields: frozenset[str]
    purpose: str
    given_at: Instant
    until: Instant
    given_by: GivenBy
    withdrawn_at: Instant | None = None

    def to_json(self) -> dict[str, object]:
        """Without the person: for pages and answers that know whose it is."""
        return {
            "id": self.id,
            "party": self.party,
            "fields": sorted(self.fields),
            "purpose": self.purpose,
            "given_at": self.given_at.iso(),
            "until": self.until.iso(),
            "given_by": self.given_by.value,
            "withdrawn_at": None if self.withdrawn_at is None else self.withdrawn_at.iso(),
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What is agreed to, before anybody has agreed. Errors: InvalidValue when made of what is none."""

    party: str
    fields: frozenset[str]
    purpose: str
    until: Instant

    def __post_init__(self) -> None:
        if not self.fields or not self.fields <= set(FIELDS):
            raise InvalidValue("one or more of the four attributes expected")
        if not 0 < len(self.purpose) <= 200 or not self.purpose.isprintable():
            raise InvalidValue("a purpose of 1 to 200 printable characters expected")

    def document(self, nonce: bytes) -> bytes:
        """What the person's card signs; `nonce` has 16 octets."""
        return json.dumps(
            {
                "kind": KIND,
                "party": self.party,
                "fields": sorted(self.fields),
                "purpose": self.purpose,
                "until": self.until.iso(),
                "nonce": nonce.hex(),
            },
            ensure_ascii=False,
            sort_keys=True,
        ).encode()


@dataclass(frozen=True, slots=True)
class Consents:
    """Giving, reading and withdrawing. Safe for threads; every look at what stands goes to the database."""

    check: FilingCheck
    database: Database
    subjects: Subjects
    clock: Clock
    random: Callable[[int], bytes]

    def give_by_card(self, party: str, document: bytes, signature: bytes) -> Consent:
        """Enter a consent that a person signed for `party`. The same one again gives what stands in the books.

        Errors: Malformed; ConsentRefused when signature, party, end or person do not fit, or it was withdrawn.
        """
        wish = _read(document)
        if wish.party != party:
            raise ConsentRefused("it is for another party")
        now = self.clock.now()
        report = self.check.filing(document, signature, now, policy=self.check.policy[Purpose.SIGNATURE])
        if not report.passed or report.signer is None or report.signature_id is None:
            raise ConsentRefused(f"its signature: {report.sub_indication}")
        person = self.subjects.person_of(report.signer.fingerprint)
        if person is None:
            raise ConsentRefused("the signer is not known here")
        told = {
            "document": base64.b64encode(document).decode(),
            "signature": base64.b64encode(signature).decode(),
        }
        return self._enter(f"k-{report.signature_id.hex()[:32]}", person, wish, GivenBy.CARD, now, told)

    def give_by_login(self, person: str, wish: Wish) -> Consent:
        """Enter a consent of somebody who is logged in. Errors: ConsentRefused."""
        return self._enter(f"k-{self.random(16).hex()}", person, wish, GivenBy.LOGIN, self.clock.now(), {})

    def withdraw(self, person: str, id_: str) -> bool:
        """End a consent at once; False if the person has no such consent standing."""
        now = self.clock.now()
        return self.database.transaction(lambda conn: rows.withdraw(conn, person, id_, now))

    def of_person(self, person: str) -> list[Consent]:
        """Everything the person ever agreed to, newest first."""
        return [_consent(row) for row in self.database.read(lambda conn: rows.of_person(conn, person))]

    def covering(self, person: str, party: str, fields: Iterable[str], purpose: str) -> dict[str, str]:
        """Which of `fields` the person lets `party` have for exactly that purpose, each with its consent's id."""
        now = self.clock.now()
        found = map(_consent, self.database.read(lambda conn: rows.standing(conn, person, party, now)))
        wanted = set(fields)
        return {field: one.id for one in found if one.purpose == purpose for field in sorted(one.fields & wanted)}

    def _enter(
        self, id_: str, person: str, wish: Wish, given_by: GivenBy, now: Instant, told: dict[str, str]
    ) -> Consent:
        if not now < wish.until <= now + LONGEST:
            raise ConsentRefused("its end is past, or more than a year away")
        row = {
            "id": id_,
            "person": person,
            "party": wish.party,
            "fields": json.dumps(sorted(wish.fields)),
            "purpose": wish.purpose,
            "given_at": now.seconds,
            "until": wish.until.seconds,
            "given_by": given_by.value,
            **told,
        }
        if self.database.transaction(lambda conn: rows.add(conn, row)):
            return _consent({**row, "withdrawn_at": None})
        (before,) = (one for one in self.of_person(person) if one.id == id_)
        if before.withdrawn_at is not None:
            raise ConsentRefused("it was withdrawn")
        return before


def _read(document: bytes) -> Wish:
    try:
        given = json.loads(document)
        if not isinstance(given, dict) or set(given) != _MEMBERS or given["kind"] != KIND:
            raise Malformed("a consent in its form expected")
        fields, nonce = given["fields"], given["nonce"]
        if not isinstance(fields, list) or not isinstance(given["party"], str) or len(nonce) != 32:
            raise Malformed("a consent in its form expected")
        wish = Wish(given["party"], frozenset(fields), given["purpose"], Instant.parse(given["until"]))
        if wish.document(bytes.fromhex(nonce)) != document:
            # two members of one name, or other spelling: what was shown may not be what was read
            raise Malformed("a consent in its one spelling expected")
    except (ValueError, TypeError, AttributeError, InvalidValue) as bad:
        raise Malformed("a consent in its form expected") from bad
    return wish


def _consent(row: dict[str, Any]) -> Consent:
    withdrawn = row["withdrawn_at"]
    return Consent(
        row["id"],
        row["person"],
        row["party"],
        frozenset(json.loads(row["fields"])),
        row["purpose"],
        Instant(row["given_at"]),
        Instant(row["until"]),
        GivenBy(row["given_by"]),
        None if withdrawn is None else Instant(withdrawn),
    )
