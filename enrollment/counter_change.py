"""A move or a new name told at a counter, in person: the signature certificate ends, trust begins anew.

The new certificate is made on the same card, at once if it lies there, or later (`enrollment.card_waiting`). Who comes
from another municipality without the card has ninety days to present it, or it lapses.
"""

from dataclasses import dataclass

from enrollment import acts, certificates, deadlines, deciding, ledger, outbox, registry, residence
from enrollment.application import Application, ApplicationKind
from enrollment.approvals import Approval
from enrollment.assurance import Signal, note_contact
from enrollment.canonical import Json, digest
from enrollment.card_waiting import await_card
from enrollment.channels import Channel, Procedure
from enrollment.counters import Affair
from enrollment.counterside import Counterside, counterside, require_level, require_resident
from enrollment.deadline import DeadlineKind, card_continued_by
from enrollment.errors import EvidenceTooWeak, EvidenceUsed, NotYours
from enrollment.events import EventKind, LedgerEvent
from enrollment.evidence import InPersonEvidence
from enrollment.ledger import Happening
from enrollment.officers import require_own_signature
from enrollment.person import PersonId, Random
from enrollment.proofs import Piece, Proof
from enrollment.store import Connection, records
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from pki.attributes import Attributes
from pki.card_state import CardState
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason


@dataclass(frozen=True, slots=True)
class Changed:
    """What was recorded; `application` waits for the card, if the person has one in use."""

    event: LedgerEvent
    application: Application | None


def content_of(evidence: InPersonEvidence, owner: str, attributes: Attributes) -> str:
    """What two people answer for: this check, this municipality, these attributes."""
    record: dict[str, Json] = {
        "act": "attribute-change",
        "address": attributes.address,
        "address_substitutes": attributes.address_substitutes,
        "date_of_birth": attributes.date_of_birth.isoformat(),
        "evidence": evidence.digest(),
        "gender": attributes.gender.value,
        "name": attributes.name,
        "name_substitutes": attributes.name_substitutes,
        "owner": owner,
    }
    return digest(record)


def _procedure(before: str, owner: str, old: Attributes, new: Attributes) -> Procedure:
    if owner != before:
        return Procedure.MOVE_IN
    return Procedure.MOVE_WITHIN if old.address != new.address else Procedure.ATTRIBUTE_CHANGE


def _at_desk(conn: Connection, evidence: InPersonEvidence, owner: str, operator: str, at: Instant) -> Counterside:
    """The desk and its officer, if they may do this for this person. The caller holds the person's turn from here."""
    at_desk = counterside(conn, operator)
    at_desk.require(Affair.ATTRIBUTE_CHANGE, at, evidence.person)
    before = people_rows.hold_person(conn, evidence.person)
    if at_desk.operator.owner not in (before, owner):
        raise NotYours(before)
    require_resident(conn, evidence.person, "attribute-change")
    if (evidence.officer, evidence.counter) != (operator, at_desk.counter.counter):
        raise EvidenceTooWeak("the check must be recorded by the officer and desk that make the change")
    require_own_signature(conn, evidence, at_desk.operator, at)
    return at_desk


def propose(
    conn: Connection,
    evidence: InPersonEvidence,
    owner: str,
    attributes: Attributes,
    operator: str,
    at: Instant,
    random: Random,
) -> Approval:
    """The first of two people: who saw the person and wrote the change down.

    Errors: NotPresent, EvidenceTooWeak, SignatureInvalid; those of the desk; NotYours; WrongState for an ended record.
    """
    at_desk = _at_desk(conn, evidence, owner, operator, at)
    require_level(conn, evidence, at_desk.counter)
    people_rows.municipality_of(conn, owner)
    content = content_of(evidence, owner, attributes)
    return deciding.propose(conn, at_desk.operator, Affair.ATTRIBUTE_CHANGE, evidence.person, content, at, random)


def change(
    conn: Connection,
    evidence: InPersonEvidence,
    owner: str,
    attributes: Attributes,
    approval: str,
    operator: str,
    at: Instant,
    random: Random,
) -> Changed:
    """Do it, once a second operator has approved just that. Never too late at a counter.

    Another municipality's desk may do it for somebody who moves there: `owner` is then its own code.
    Errors: those of `propose`; NeedsApproval, ApprovalExpired, ActNotSigned; ResidenceUnproven; EvidenceUsed.
    """
    at_desk = _at_desk(conn, evidence, owner, operator, at)
    person = evidence.person
    level = require_level(conn, evidence, at_desk.counter)
    content = content_of(evidence, owner, attributes)
    deciding.use(conn, approval, Affair.ATTRIBUTE_CHANGE, person, content, at)
    act = acts.use(conn, at_desk.operator, acts.What.ATTRIBUTE_CHANGE, person, content, at)
    if not records.add_evidence(conn, evidence, f"change:{approval}"):
        raise EvidenceUsed(evidence.digest())
    who = f"{at_desk.counter.counter}/{operator}"
    kept = registry.to_change(conn, person, "desk", "attribute-change", who, at, random)
    before = kept.owner
    procedure = _procedure(before, owner, kept.attributes, attributes)
    residence.require(
        conn, person, owner, procedure, Channel.IN_PERSON, attributes.address, [Piece(Proof.DESK, at)], approval, at
    )
    moved = registry.move(conn, kept, owner, attributes, at, random)
    for held in certificates.held_by(conn, person, Purpose.SIGNATURE):
        certificates.end(conn, held, Reason.AFFILIATION_CHANGED, at, procedure.value, random)
    what = Happening(
        person,
        EventKind.ANCHOR,
        operator,
        channel=at_desk.counter.kind.value,
        level=level.value,
        evidence=tuple(one for one in (evidence.digest(), act) if one is not None),
    )
    event, _ = ledger.record(conn, what, at, random)
    waiting = await_card(
        conn,
        moved,
        ApplicationKind.COUNTER_CHANGE,
        operator,
        at,
        random,
        at_desk.counter.counter,
        approval,
        evidence.digest(),
    )
    if owner != before:
        for card in rows.cards_of(conn, person):
            if card.state in (CardState.ACTIVE, CardState.SUSPENDED):
                due = card_continued_by(at.jst_date())
                deadlines.run(conn, person, DeadlineKind.CONTINUED_USE, card.card_id, due, at)
    body: dict[str, Json] = {"event": event.event, "from": before, "procedure": procedure.value, "to": owner}
    outbox.put(conn, person, "person.changed", body, at, random)
    return Changed(event, waiting)


def continue_content(person: PersonId, card_id: str) -> str:
    """What an officer signs who has the card on the desk."""
    record: dict[str, Json] = {"act": "continue-card", "card_id": card_id, "person": person}
    return digest(record)


def continue_card(conn: Connection, person: PersonId, card_id: str, operator: str, at: Instant, random: Random) -> bool:
    """The card was presented with its PIN and goes on in the new municipality (継続利用); False if nothing was running.

    Errors: those of the desk; NotYours; UnknownCard; ActNotSigned.
    """
    at_desk = counterside(conn, operator)
    at_desk.require(Affair.ATTRIBUTE_CHANGE, at, person)
    owner = people_rows.hold_person(conn, person)
    if owner != at_desk.operator.owner or rows.card_of(conn, card_id).person != person:
        raise NotYours(at_desk.operator.owner)
    content = continue_content(person, card_id)
    acts.use(conn, at_desk.operator, acts.What.CONTINUE_CARD, person, content, at)
    note_contact(conn, person, Signal.COUNTER_VISIT, operator, at, random, content)
    return deadlines.end(conn, person, DeadlineKind.CONTINUED_USE, at, subject=card_id) > 0
