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
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from ca.issuance import Registrar
from enrollment import certificates, issuing, ledger, outbox, protection, registry
from enrollment.application import Application, ApplicationEvent, ApplicationKind, ApplicationState
from enrollment.canonical import Json, canonical
from enrollment.card_keys import require_made_on
from enrollment.counters import Affair
from enrollment.errors import (
    CertificateEnded,
    CertificateExpired,
    FilingMalformed,
    FilingReplayed,
    FilingVoid,
    NotGranted,
    UnknownCertificate,
    WrongState,
)
from enrollment.events import EventKind
from enrollment.filing import Consent, HouseholdFiling, VerifiedFiling
from enrollment.grants import acting_for
from enrollment.idempotency import once
from enrollment.ledger import Happening
from enrollment.moves import promise_signature
from enrollment.person import MINOR_AGE, Person, PersonId, PersonStatus, Random, age_at, draw_id
from enrollment.signed import OwnerKeys
from enrollment.store import Connection, Database, care
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason

ADULT: Final = 18
IN_PERSON_WITHIN: Final = timedelta(days=14)
"""A move is told within fourteen days (住民基本台帳法 22 条): so long there is to come in person."""


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
        filing = verified.filing
        if not isinstance(filing, HouseholdFiling):
            raise FilingMalformed("a household's filing is expected here")
        self.keys.verify(assertion.owner, assertion.octets(), assertion.signature)
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
        filer = self._signer(conn, verified, at)
        if filer not in filing.members or filer not in assertion.members or at > assertion.valid_until:
            raise NotGranted(Affair.MOVE.value)
        results = []
        for member in filing.members:
            person = issuing.person_for_issuing(
                conn, PersonId(member), people_rows.owner_of(conn, PersonId(member)), filing.kind, at, self.random
            )
            reason = self._obstacle(conn, verified, assertion, consents, filer, person, at)
            if reason is None:
                results.append(self._judge(conn, verified, filing, filer, person, at))
            else:
                results.append(_in_person(person.person, filing, reason, None))
        for result in results:
            told = canonical(result.to_json()).decode()
            care.add_member(conn, filing.filing, result.person, filer, result.outcome.value, told, at)
            body: dict[str, Json] = {"filing": filing.filing, "outcome": result.outcome.value}
            outbox.put(conn, result.person, "household.member", body, at, self.random)
        return results

    def _signer(self, conn: Connection, verified: VerifiedFiling, at: Instant) -> PersonId:
        held = rows.certificate_by_fingerprint(conn, verified.signer)
        if held is None or held.purpose is not Purpose.SIGNATURE:
            raise UnknownCertificate(verified.serial)
        if held.ended_at is not None or not rows.card_of(conn, held.card_id).state.usable:
            raise CertificateEnded(verified.serial)
        if held.not_after is None or at > held.not_after:
            raise CertificateExpired(verified.serial)
        return held.person

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
        application = self._await_card(conn, moved, filer, at)
        told = json.loads(canonical(decided.to_json())) if decided else None
        return MemberResult(person.person, Outcome.ONLINE, "", None, told, application)

    def _await_card(self, conn: Connection, person: Person, filer: PersonId, at: Instant) -> str | None:
        """An application that waits for the member's own card; None for who has none, or is under fifteen."""
        active = [card for card in rows.cards_of(conn, person.person) if card.state.usable]
        if not active or age_at(person.attributes.date_of_birth, at.jst_date()) < MINOR_AGE:
            return None
        application = Application(
            application=draw_id(self.random),
            owner=person.owner,
            person=person.person,
            kind=ApplicationKind.REMOTE_MOVE,
            state=ApplicationState.APPROVED,
            version=1,
            filed_by=filer,
            filed_at=at,
            changed_at=at,
            card_not_after=active[-1].not_after,
            card_id=active[-1].card_id,
        )
        rows.add_application(conn, application)
        return application.application

    def certify(self, application: str, request: bytes, at: Instant) -> Application:
        """A member's own card has made its new key: promise the certificate. Asked again, it changes nothing.

        That the key was made on the card of just this application stands for the member's presence with the card.
        Errors: UnknownApplication, WrongState; KeyNotFromCard, RemoteBlocked, CardNotUsable; what the
        authority says of the request.
        """

        def body(conn: Connection) -> Application:
            found = rows.application_of(conn, application)
            people_rows.hold_person(conn, found.person)
            found = rows.application_of(conn, application)
            if found.state.has_intents or found.state is ApplicationState.DELIVERED:
                return found
            if found.kind is not ApplicationKind.REMOTE_MOVE or found.state is not ApplicationState.APPROVED:
                raise WrongState("application", found.state.value, ApplicationEvent.INTEND.value)
            require_made_on(conn, str(found.card_id), Purpose.SIGNATURE, request)
            person = issuing.person_for_issuing(conn, found.person, found.owner, "household-move", at, self.random)
            promise_signature(conn, self.registrar, found, person, request, at)
            proven = certificates.change(conn, found, ApplicationEvent.PROVE_KEYS, at)
            return certificates.change(conn, proven, ApplicationEvent.INTEND, at)

        return self.database.transaction(body)


def results_of(conn: Connection, filing: str) -> tuple[MemberResult, ...]:
    """What became of each member of an accepted filing."""
    return tuple(_result(json.loads(told)) for _, _, told in care.members_of(conn, filing))


def _in_person(person: PersonId, filing: HouseholdFiling, reason: str, decision: dict[str, Any] | None) -> MemberResult:
    return MemberResult(person, Outcome.IN_PERSON, reason, filing.moved_on + IN_PERSON_WITHIN, decision, None)
