"""One filing for a household: each member by the same rules as alone, nobody held up by another.

    roster     the municipality says, signed, who lives together and how they belong together
    filing     one member names the others and the new address, and signs
    consent    every grown-up member signs for themselves; for children the parents file
    outcome    done online (all of them in one transaction), or in person and by when, with the reason

Every member's own count moves: their residence changed without their being seen. A member's certificate is made when
their own card is at hand; until then the old one is revoked and the application waits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from ca.issuance import Registrar
from enrollment import (
    certificates,
    channels,
    deadlines,
    issuing,
    ledger,
    outbox,
    protection,
    registry,
    residence,
    transfers,
)
from enrollment.application import ApplicationKind
from enrollment.canonical import Json, canonical
from enrollment.card_waiting import await_card
from enrollment.channels import Channel, Procedure
from enrollment.counters import Affair
from enrollment.deadline import DeadlineKind, in_person_by, online_window
from enrollment.errors import (
    CertificateEnded,
    FilingMalformed,
    FilingReplayed,
    FilingVoid,
    NotGranted,
    RemoteBlocked,
    ResidenceUnproven,
)
from enrollment.events import EventKind
from enrollment.filing import Consent, HouseholdFiling, VerifiedFiling, parse_filing
from enrollment.grants import acting_for
from enrollment.idempotency import answer_to, once
from enrollment.ledger import Happening
from enrollment.person import Person, PersonId, PersonStatus, Random, age_at
from enrollment.proofs import Piece, Proof
from enrollment.signed import OwnerKeys
from enrollment.signers import signer_of
from enrollment.store import Connection, Database, care
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from pki.instant import Instant, end_of_japanese_day
from pki.purpose import Purpose
from pki.revocation import Reason

ADULT: Final = 18


class Relation(StrEnum):
    """How a member belongs to the head of the household."""

    HEAD = "head"
    SPOUSE = "spouse"
    CHILD = "child"
    PARENT = "parent"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class HouseholdAssertion:
    """The municipality's word on who lives together, for a short time. `signature` is over `octets()`."""

    owner: str
    members: Mapping[PersonId, Relation]
    version: int
    valid_until: Instant
    signature: bytes = b""

    def octets(self) -> bytes:
        """What the municipality signs."""
        record: dict[str, Json] = {
            "members": {person: relation.value for person, relation in self.members.items()},
            "owner": self.owner,
            "valid_until": self.valid_until.iso(),
            "version": self.version,
        }
        return canonical(record)


class Outcome(StrEnum):
    """What becomes of one member."""

    ONLINE = "online"
    IN_PERSON = "in-person"


@dataclass(frozen=True, slots=True)
class MemberResult:
    """One member's outcome. For IN_PERSON: why, the decision if it was the cap, and the last day to come."""

    person: PersonId
    outcome: Outcome
    reason: str
    by: date | None
    decision: dict[str, Any] | None
    application: str | None

    def to_json(self) -> dict[str, Json]:
        """The same as data."""
        return {
            "application": self.application,
            "by": self.by.isoformat() if self.by else None,
            "decision": self.decision,
            "outcome": self.outcome.value,
            "person": self.person,
            "reason": self.reason,
        }


def _result(record: Mapping[str, Any]) -> MemberResult:
    return MemberResult(
        PersonId(record["person"]),
        Outcome(record["outcome"]),
        record["reason"],
        date.fromisoformat(record["by"]) if record["by"] else None,
        record["decision"],
        record["application"],
    )


@dataclass(frozen=True, slots=True)
class Households:
    """The parts that a household's filing needs."""

    database: Database
    registrar: Registrar
    keys: OwnerKeys
    random: Random

    def accept(
        self,
        verified: VerifiedFiling,
        assertion: HouseholdAssertion,
        consents: Mapping[PersonId, VerifiedFiling],
        key: str,
        at: Instant,
    ) -> tuple[MemberResult, ...]:
        """Decide for every member; do online what can be done, all of it in one transaction, and say the rest.

        Errors: FilingMalformed for another document; FilingVoid, FilingReplayed, UnknownCertificate, CertificateEnded,
        CertificateExpired for the filer's signature; SignatureInvalid for the roster; NotGranted if the filer is not in
        it, or it is too old; IdempotencyMismatch. Then nothing has changed.
        """
        self.keys.verify(assertion.owner, assertion.octets(), assertion.signature)
        return self.accept_known(verified, assertion, consents, key, at)

    def accept_known(
        self,
        verified: VerifiedFiling,
        assertion: HouseholdAssertion,
        consents: Mapping[PersonId, VerifiedFiling],
        key: str,
        at: Instant,
    ) -> tuple[MemberResult, ...]:
        """The same with a roster that this service itself took in from the municipality. Errors: as `accept`."""
        filing = verified.filing
        if not isinstance(filing, HouseholdFiling):
            raise FilingMalformed("a household's filing is expected here")
        asked: dict[str, Json] = {"document": hashlib.sha256(verified.document).hexdigest()}

        def body(conn: Connection) -> dict[str, Any]:
            for member in filing.members:  # sorted: two households that share members never wait for each other
                people_rows.hold_person(conn, PersonId(member))
            return once(
                conn,
                f"household:{filing.filing}",
                key,
                asked,
                at,
                lambda: {
                    "members": [one.to_json() for one in self._accept(conn, verified, filing, assertion, consents, at)]
                },
            )

        outcome = self.database.transaction(body)
        return tuple(_result(record) for record in outcome["members"])

    def answered(self, document: bytes, key: str) -> tuple[str, tuple[MemberResult, ...]] | None:
        """The filing's id and what was answered to this very document under this key, or None: its own acceptance ends
        the certificate that signed it, so the signature cannot be judged twice. Errors: FilingMalformed,
        IdempotencyMismatch.
        """
        filing = parse_filing(document)
        if not isinstance(filing, HouseholdFiling):
            raise FilingMalformed("a household's filing is expected here")
        asked: dict[str, Json] = {"document": hashlib.sha256(document).hexdigest()}
        client = f"household:{filing.filing}"
        kept = self.database.read(lambda conn: answer_to(conn, client, key, asked))
        return None if kept is None else (filing.filing, tuple(_result(record) for record in kept["members"]))

    def _accept(
        self,
        conn: Connection,
        verified: VerifiedFiling,
        filing: HouseholdFiling,
        assertion: HouseholdAssertion,
        consents: Mapping[PersonId, VerifiedFiling],
        at: Instant,
    ) -> list[MemberResult]:
        if care.members_of(conn, filing.filing):
            raise FilingReplayed(filing.filing)
        if at > filing.void_after:
            raise FilingVoid(filing.void_after.iso())
        held = signer_of(conn, verified, at)
        if not rows.card_of(conn, held.card_id).state.usable:
            raise CertificateEnded(verified.serial)
        filer = held.person
        if filer not in filing.members or filer not in assertion.members or at > assertion.valid_until:
            raise NotGranted(Affair.MOVE.value)
        outward = transfers.announced(conn, filer, filing.municipality)
        planned_on = outward.planned_on if outward else None
        online_window(_procedure(filing, assertion.owner), filing.moved_on, planned_on).require(at)
        results = []
        for member in filing.members:
            person = issuing.person_for_issuing(
                conn, PersonId(member), people_rows.owner_of(conn, PersonId(member)), filing.kind, at, self.random
            )
            reason = self._obstacle(conn, verified, assertion, consents, filer, person, at)
            reason = reason or _unproven(conn, filing, person, at)
            if reason is None:
                results.append(self._judge(conn, verified, filing, filer, person, at))
            else:
                results.append(_in_person(person.person, filing, reason, None))
        for result in results:
            told = canonical(result.to_json()).decode()
            care.add_member(conn, filing.filing, result.person, filer, result.outcome.value, told, at)
            body: dict[str, Json] = {"filing": filing.filing, "outcome": result.outcome.value}
            outbox.put(conn, result.person, "household.member", body, at, self.random)
            if result.by is not None:
                due = end_of_japanese_day(result.by)
                deadlines.run(conn, result.person, DeadlineKind.IN_PERSON, filing.filing, due, at)
        return results

    def _obstacle(
        self,
        conn: Connection,
        verified: VerifiedFiling,
        assertion: HouseholdAssertion,
        consents: Mapping[PersonId, VerifiedFiling],
        filer: PersonId,
        person: Person,
        at: Instant,
    ) -> str | None:
        """Why this member cannot be filed for at all; None if they can. It never says that somebody is protected."""
        if person.person not in assertion.members or person.owner != assertion.owner:
            return "not-in-household"
        if person.status is not PersonStatus.RESIDENT or protection.standing(conn, person.person) is not None:
            return "look-at-counter"
        if person.person == filer:
            return None
        if self._may_file_for(conn, verified, assertion, consents, filer, person, at):
            return None
        return "consent-missing"

    def _may_file_for(
        self,
        conn: Connection,
        verified: VerifiedFiling,
        assertion: HouseholdAssertion,
        consents: Mapping[PersonId, VerifiedFiling],
        filer: PersonId,
        person: Person,
        at: Instant,
    ) -> bool:
        parents = (Relation.HEAD, Relation.SPOUSE)
        is_child = age_at(person.attributes.date_of_birth, at.jst_date()) < ADULT
        own_child = is_child and assertion.members[person.person] is Relation.CHILD
        if own_child and assertion.members[filer] in parents:
            return True
        try:
            acting_for(conn, person.person, filer, Affair.MOVE, at)
        except NotGranted:
            consent = consents.get(person.person)
            return consent is not None and self._consents(conn, consent, verified, person.person, at)
        return True

    def _consents(
        self, conn: Connection, consent: VerifiedFiling, verified: VerifiedFiling, person: PersonId, at: Instant
    ) -> bool:
        """Whether `person` signed, with their own card, a consent to exactly this document."""
        said = consent.filing
        if not isinstance(said, Consent) or at > said.void_after:
            return False
        if (said.filing, said.document_digest) != (
            verified.filing.filing,
            hashlib.sha256(verified.document).hexdigest(),
        ):
            return False
        held = rows.certificate_by_fingerprint(conn, consent.signer)
        return held is not None and held.person == person and held.ended_at is None

    def _judge(
        self,
        conn: Connection,
        verified: VerifiedFiling,
        filing: HouseholdFiling,
        filer: PersonId,
        person: Person,
        at: Instant,
    ) -> MemberResult:
        decision = ledger.judge(conn, person.person, EventKind.REMOTE_MOVE, at)
        if not decision.allowed:
            return _in_person(person.person, filing, "cap-reached", json.loads(canonical(decision.to_json())))
        evidence = hashlib.sha256(verified.document).hexdigest()
        _, decided = ledger.record(
            conn, Happening(person.person, EventKind.REMOTE_MOVE, actor=filer, evidence=(evidence,)), at, self.random
        )
        moved = registry.move(
            conn, person, filing.municipality, person.attributes.moved_to(filing.address), at, self.random
        )
        for held in certificates.held_by(conn, person.person, Purpose.SIGNATURE):
            certificates.end(conn, held, Reason.AFFILIATION_CHANGED, at, filing.kind, self.random)
        waiting = await_card(conn, moved, ApplicationKind.REMOTE_MOVE, filer, at, self.random)
        application = waiting.application if waiting else None
        told = json.loads(canonical(decided.to_json())) if decided else None
        return MemberResult(person.person, Outcome.ONLINE, "", None, told, application)


def results_of(conn: Connection, filing: str) -> tuple[MemberResult, ...]:
    """What became of each member of an accepted filing."""
    return tuple(_result(json.loads(told)) for _, _, told in care.members_of(conn, filing))


def _in_person(person: PersonId, filing: HouseholdFiling, reason: str, decision: dict[str, Any] | None) -> MemberResult:
    return MemberResult(person, Outcome.IN_PERSON, reason, in_person_by(filing.moved_on), decision, None)


def _procedure(filing: HouseholdFiling, owner: str) -> Procedure:
    return Procedure.MOVE_WITHIN if filing.municipality == owner else Procedure.MOVE_IN


def _unproven(conn: Connection, filing: HouseholdFiling, person: Person, at: Instant) -> str | None:
    """Why the municipality does not take this member's move online: a closed channel, or evidence that is missing."""
    procedure = _procedure(filing, person.owner)
    signed = Piece(Proof.CARD_SIGNATURE, at)
    try:
        if procedure is Procedure.MOVE_IN and transfers.announced(conn, person.person, filing.municipality) is None:
            channels.require(conn, person.owner, Procedure.MOVE_OUT, Channel.ONLINE, at)
        residence.require(
            conn, person.person, filing.municipality, procedure, Channel.ONLINE, filing.address, [signed],
            filing.filing, at,
        )  # fmt: skip
    except RemoteBlocked:
        return "look-at-counter"
    except ResidenceUnproven:
        return "residence-unproven"
    return None
