"""Whose certificate it is, how far that person is from trust, and the record that somebody asked: ports and adapter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from ca.orders import Assurance as Issuance
from enrollment import assurance, certificates, ledger, protection, registry, rules
from enrollment.assurance import Grade
from enrollment.caps import Decision, standing
from enrollment.errors import EnrollmentError
from enrollment.events import EventKind, LedgerEvent
from enrollment.person import PersonId
from enrollment.policy import CapPolicy
from enrollment.store import Connection, Database
from enrollment.store import people as people_rows
from enrollment.store import work as work_rows
from pki.instant import Instant, years_later
from pki.purpose import Purpose
from web.parties import RelyingParty

_LOG = logging.getLogger(__name__)


class Level(StrEnum):
    """Distance from the last in-person check, coarse on purpose: a finer answer would be a fingerprint."""

    FRESH = "fresh"
    """Seen in person within a year, nothing changed remotely since, and the certificate was not issued remotely."""
    WITHIN_CAP = "within-cap"
    """Seen in person, and another remote change would still be accepted."""
    AT_CAP = "at-cap"
    """The next change needs a visit in person."""
    UNKNOWN = "unknown"
    """Nothing is known here of the person behind the certificate."""

    @property
    def rank(self) -> int:
        """Higher is closer to trust."""
        return [Level.UNKNOWN, Level.AT_CAP, Level.WITHIN_CAP, Level.FRESH].index(self)


@dataclass(frozen=True, slots=True)
class Assurance:
    """What a relying party learns of the ledger."""

    level: Level
    in_person_within_years: int | None
    """1, 3, 5 or 10; None: longer ago, or never."""
    remote_changes: str
    """`none`, `some` or `unknown`."""
    issued: Issuance | None = None
    """How the certificate in question was issued, as its policy says; None: it does not say."""
    grade: Grade | None = None
    """How sure one may be of the person now, contacts included; None: nothing is known."""

    def of_certificate(self, issued: Issuance | None) -> Assurance:
        """The same in the light of how the certificate was issued: one re-issued remotely is never `fresh`."""
        level = Level.WITHIN_CAP if issued is Issuance.REMOTE and self.level is Level.FRESH else self.level
        return replace(self, level=level, issued=issued)

    def to_json(self) -> dict[str, object]:
        """{"level", "grade", "in_person_within_years", "remote_changes", "certificate_issued"}"""
        return {
            "level": self.level.value,
            "grade": None if self.grade is None else self.grade.value,
            "in_person_within_years": self.in_person_within_years,
            "remote_changes": self.remote_changes,
            "certificate_issued": None if self.issued is None else self.issued.value,
        }


NOTHING_KNOWN: Final = Assurance(Level.UNKNOWN, None, "unknown")
_BUCKETS: Final = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class Recorded:
    """That a person's record says who is about to be told of them: made by `Subjects.record` alone, and what is known
    of a person is read with it.

    `shown`: what may be told of the fields that were recorded, without the address of somebody under protection.
    """

    person: str
    shown: frozenset[str]
    protected: bool = False
    """Whether nothing that carries the address may be told either: a signature certificate does."""


class Subjects(Protocol):
    """The people behind certificates. `record` is durable when it returns, before anything is read or told."""

    def person_of(self, fingerprint: bytes) -> str | None:
        """The registry's id of whoever holds or held the certificate with this SHA-256; None if unknown."""
        ...

    def certificate_of(self, recorded: Recorded, fingerprint: bytes) -> bytes | None:
        """The person's certificate with this SHA-256 in DER; None if unknown."""
        ...

    def current_certificate(self, recorded: Recorded, purpose: Purpose, at: Instant) -> bytes | None:
        """What the person holds now for that purpose, after however many renewals; None if nothing."""
        ...

    def assurance_of(self, recorded: Recorded, at: Instant) -> Assurance:
        """How far the person is from the last in-person check."""
        ...

    def used(self, person: str, at: Instant) -> None:
        """Note that the person used their card, at most once a month and never for whom. It never fails: what asked
        for the card goes on without the note."""
        ...

    def record(
        self, person: str, party: RelyingParty, affairs: str, fields: frozenset[str], at: Instant, basis: str
    ) -> Recorded:
        """Write into the person's record who asks, on what `basis`, and what is about to be told."""
        ...


@dataclass(frozen=True, slots=True)
class Nobody:
    """For a verifier without a registry: no certificate is anybody's, no record can be kept."""

    def person_of(self, fingerprint: bytes) -> str | None:
        """See Subjects."""
        del fingerprint
        return None

    def certificate_of(self, recorded: Recorded, fingerprint: bytes) -> bytes | None:
        """See Subjects."""
        del recorded, fingerprint
        return None

    def current_certificate(self, recorded: Recorded, purpose: Purpose, at: Instant) -> bytes | None:
        """See Subjects."""
        del recorded, purpose, at
        return None

    def assurance_of(self, recorded: Recorded, at: Instant) -> Assurance:
        """See Subjects."""
        del recorded, at
        return NOTHING_KNOWN

    def used(self, person: str, at: Instant) -> None:
        """See Subjects."""
        del person, at

    def record(
        self, person: str, party: RelyingParty, affairs: str, fields: frozenset[str], at: Instant, basis: str
    ) -> Recorded:
        """See Subjects. Of nobody nothing is told."""
        del party, affairs, fields, at, basis
        return Recorded(person, frozenset())


_FIELDS: Final = {
    "name": registry.Field.NAME,
    "date_of_birth": registry.Field.DATE_OF_BIRTH,
    "gender": registry.Field.GENDER,
    "address": registry.Field.ADDRESS,
}


@dataclass(frozen=True, slots=True)
class RegisteredSubjects:
    """Subjects over the registry and the ledger of this deployment."""

    database: Database
    random: Callable[[int], bytes]

    def person_of(self, fingerprint: bytes) -> str | None:
        """See Subjects. Renewal keeps the answer: old and new certificate lead to one person."""
        held = self.database.read(lambda conn: work_rows.certificate_by_fingerprint(conn, fingerprint.hex()))
        return None if held is None else held.person

    def certificate_of(self, recorded: Recorded, fingerprint: bytes) -> bytes | None:
        """See Subjects."""

        def body(conn: Connection) -> bytes | None:
            held = work_rows.certificate_by_fingerprint(conn, fingerprint.hex())
            theirs = held is not None and held.person == recorded.person
            return certificates.octets_of(conn, held) if held is not None and theirs else None

        return self.database.read(body)

    def current_certificate(self, recorded: Recorded, purpose: Purpose, at: Instant) -> bytes | None:
        """See Subjects."""

        def body(conn: Connection) -> bytes | None:
            held = certificates.live(conn, PersonId(recorded.person), purpose, at)
            return None if held is None else certificates.octets_of(conn, held)

        return self.database.read(body)

    def assurance_of(self, recorded: Recorded, at: Instant) -> Assurance:
        """See Subjects."""
        person = PersonId(recorded.person)

        def body(conn: Connection) -> tuple[tuple[LedgerEvent, ...], Decision, CapPolicy]:
            decision = ledger.judge(conn, person, EventKind.REMOTE_MOVE, at)
            policy = rules.in_force(conn, people_rows.owner_of(conn, person), at)
            return ledger.history(conn, person), decision, policy

        try:
            history, decision, policy = self.database.read(body)
        except EnrollmentError:
            return NOTHING_KNOWN
        now = standing(history)
        years = None if now.anchor is None else _within_years(now.anchor.at.jst_date(), at.jst_date())
        changes = "some" if now.since_anchor else "none"
        grade = assurance.assess(policy, history, at).grade
        if not decision.allowed:
            return Assurance(Level.AT_CAP, years, changes, grade=grade)
        fresh = years == 1 and not now.since_anchor
        return Assurance(Level.FRESH if fresh else Level.WITHIN_CAP, years, changes, grade=grade)

    def used(self, person: str, at: Instant) -> None:
        """See Subjects."""
        note_use(self.database, PersonId(person), at, self.random)

    def record(
        self, person: str, party: RelyingParty, affairs: str, fields: frozenset[str], at: Instant, basis: str
    ) -> Recorded:
        """See Subjects."""

        def body(conn: Connection) -> Recorded:
            known = PersonId(person)
            access = registry.Access(
                "relying-party",
                "verification",
                affairs,
                people_rows.owner_of(conn, known),
                f"{party.party} {party.name_ja}",
                frozenset(_FIELDS[name] for name in fields),
                basis,
            )
            registry.record_access(conn, known, access, at, self.random)
            # What is told comes out of the certificate: of the record only whether there is a flag is needed.
            protected = protection.standing(conn, known) is not None
            return Recorded(person, fields - {"address"} if protected else fields, protected)

        return self.database.transaction(body)


def note_use(database: Database, person: PersonId, at: Instant, random: Callable[[int], bytes]) -> None:
    """Keep that the person used their card today, at most once a month, and not where. A failure is written into the
    program's own log by its kind, and stops nothing: a log-in does not wait for a note about it."""
    try:
        database.transaction(
            lambda conn: assurance.note_contact(conn, person, assurance.Signal.AUTHENTICATED_USE, person, at, random)
        )
    except Exception as error:  # whatever it is, the log-in has happened
        _LOG.warning("a use of a card was not noted: %s", type(error).__name__)


def _within_years(then: date, now: date) -> int | None:
    return next((years for years in _BUCKETS if now < years_later(then, years)), None)
