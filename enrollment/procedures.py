"""What is done at a counter besides issuing: corrections, official changes, suspension, and the end of service."""

from enum import StrEnum

from ca.revocation import HoldPolicy
from enrollment import card_life, certificates, deciding, ledger, outbox, registry
from enrollment.application import ApplicationEvent
from enrollment.approvals import Approval
from enrollment.canonical import Json, digest
from enrollment.counters import Affair
from enrollment.errors import NotYours, RemoteBlocked
from enrollment.events import EventId, EventKind, LedgerEvent
from enrollment.evidence import InPersonEvidence
from enrollment.issuing import counterside
from enrollment.ledger import Happening
from enrollment.operators import Operator, Role
from enrollment.person import Person, PersonId, PersonStatus, Random
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from pki.attributes import Attributes
from pki.card_state import CardEvent, CardState
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason


class Channel(StrEnum):
    """How a procedure may be done."""

    ONLINE = "online"
    ASSISTED = "assisted"
    IN_PERSON = "in-person"


class Procedure(StrEnum):
    """Every procedure of this service."""

    FIRST_ISSUE = "first-issue"
    RENEWAL = "renewal"
    REISSUE_AFTER_LOSS = "reissue-after-loss"
    PIN_RESET = "pin-reset"
    MOVE_OUT = "move-out"
    MOVE_IN = "move-in"
    MOVE_WITHIN = "move-within"
    ATTRIBUTE_CHANGE = "attribute-change"
    SUSPENSION = "suspension"
    END_OF_SUSPENSION = "end-of-suspension"
    END_OF_SERVICE = "end-of-service"
    CORRECTION = "correction"


CHANNELS: dict[Procedure, frozenset[Channel]] = {
    Procedure.FIRST_ISSUE: frozenset({Channel.IN_PERSON}),
    Procedure.RENEWAL: frozenset({Channel.IN_PERSON}),
    Procedure.REISSUE_AFTER_LOSS: frozenset({Channel.IN_PERSON}),
    Procedure.PIN_RESET: frozenset({Channel.IN_PERSON}),
    Procedure.MOVE_OUT: frozenset(Channel),
    Procedure.MOVE_IN: frozenset(Channel),
    Procedure.MOVE_WITHIN: frozenset(Channel),
    Procedure.ATTRIBUTE_CHANGE: frozenset({Channel.IN_PERSON}),
    Procedure.SUSPENSION: frozenset(Channel),
    Procedure.END_OF_SUSPENSION: frozenset({Channel.IN_PERSON}),
    Procedure.END_OF_SERVICE: frozenset({Channel.ASSISTED, Channel.IN_PERSON}),
    Procedure.CORRECTION: frozenset({Channel.IN_PERSON}),
}
"""The most that each procedure may be opened to; a municipality's own switches only take away from it."""


def require_channel(procedure: Procedure, channel: Channel, closed: frozenset[tuple[Procedure, Channel]]) -> None:
    """`closed`: what this municipality switched off. Errors: RemoteBlocked."""
    if channel not in CHANNELS[procedure] or (procedure, channel) in closed:
        raise RemoteBlocked(f"{procedure.value} is not done {channel.value}")


def _content(act: str, **fields: Json) -> str:
    return digest({"act": act, **fields})


def _own(conn: Connection, person: PersonId, operator: Operator, role: Role, at: Instant) -> Person:
    """The person in their own turn, if they are this operator's to deal with."""
    if people_rows.hold_person(conn, person) != operator.owner:
        raise NotYours(operator.owner)
    operator.require(role, at, person)
    return people_rows.person_of(conn, person)


def propose_correction(
    conn: Connection, person: PersonId, event: EventId, operator: Operator, at: Instant, random: Random, reason: str
) -> Approval:
    """The first of two people who take an event back. Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing."""
    _own(conn, person, operator, Role.CLERK, at)
    content = _content("correction", person=person, event=event)
    return deciding.propose(conn, operator, Affair.CORRECTION, person, content, at, random, reason)


def correct(
    conn: Connection, person: PersonId, event: EventId, approval: str, operator: Operator, at: Instant, random: Random
) -> LedgerEvent:
    """Take an event back once a second operator has approved just that. The event stays where it is; its place too.

    Errors: NeedsApproval, ApprovalExpired; UnknownEvent, NotReversible; NotYours, RoleMissing, SelfDealing.
    """
    _own(conn, person, operator, Role.CLERK, at)
    approved = deciding.use(
        conn, approval, Affair.CORRECTION, person, _content("correction", person=person, event=event), at
    )
    what = Happening(
        person,
        EventKind.CORRECTION,
        actor=operator.operator,
        channel=people_rows.counter_of(conn, operator.counter).kind.value,
        evidence=(approved.content,),
        corrects=event,
    )
    recorded, _ = ledger.record(conn, what, at, random)
    body: dict[str, Json] = {"corrects": event, "event": recorded.event}
    outbox.put(conn, person, "ledger.corrected", body, at, random)
    return recorded


def official_change(
    conn: Connection, person: PersonId, attributes: Attributes, operator: Operator, at: Instant, random: Random
) -> LedgerEvent:
    """The office changed the wording of an address or a name (軽微な修正): certificates stay, nothing is consumed.

    Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing.
    """
    kept = _own(conn, person, operator, Role.CLERK, at)
    registry.move(conn, kept, kept.owner, attributes, at, random)
    event, _ = ledger.record(conn, Happening(person, EventKind.OFFICIAL_CHANGE, operator.operator), at, random)
    return event


def change_attributes(
    conn: Connection,
    evidence: InPersonEvidence,
    owner: str,
    attributes: Attributes,
    operator: str,
    at: Instant,
    random: Random,
) -> LedgerEvent:
    """A move or a new name told at a counter, in person: the signature certificate ends, trust begins anew.

    Another municipality's desk may do it for somebody who moves there: `owner` is then its own code.
    Errors: NotPresent, EvidenceTooWeak; OutOfScope, NotDesignated, NotYours, RoleMissing, SelfDealing.
    """
    at_desk = counterside(conn, operator)
    at_desk.require(Affair.ATTRIBUTE_CHANGE, at, evidence.person)
    level = evidence.require_anchor()
    before = people_rows.hold_person(conn, evidence.person)
    if at_desk.operator.owner not in (before, owner):
        raise NotYours(before)
    kept = people_rows.person_of(conn, evidence.person)
    registry.move(conn, kept, owner, attributes, at, random)
    for held in certificates.held_by(conn, evidence.person, Purpose.SIGNATURE):
        certificates.end(conn, held, Reason.AFFILIATION_CHANGED, at, "attribute-change", random)
    what = Happening(
        evidence.person,
        EventKind.ANCHOR,
        operator,
        channel=at_desk.counter.kind.value,
        level=level.value,
        evidence=(evidence.digest(),),
    )
    event, _ = ledger.record(conn, what, at, random)
    body: dict[str, Json] = {"event": event.event, "from": before, "to": owner}
    outbox.put(conn, evidence.person, "person.changed", body, at, random)
    return event


def suspend(conn: Connection, card_id: str, reported_by: str, at: Instant, random: Random) -> None:
    """Stop a card at once, by telephone or online, at any hour: its certificates are on hold. Stopping it again changes
    nothing. Errors: UnknownCard; CardChangeRefused for a card that is not in use.
    """
    people_rows.hold_person(conn, rows.card_of(conn, card_id).person)
    card = rows.card_of(conn, card_id)
    if card.state is CardState.SUSPENDED:
        return
    card_life.change(conn, card, CardEvent.SUSPEND, at, "card-suspended", random)
    body: dict[str, Json] = {"card_id": card_id, "reported_by": reported_by}
    outbox.put(conn, card.person, "card.suspended", body, at, random)


def resume(
    conn: Connection,
    card_id: str,
    evidence: InPersonEvidence,
    operator: str,
    at: Instant,
    random: Random,
    *,
    holds: HoldPolicy = card_life.NEVER_RELEASED,
) -> None:
    """Lift a suspension, which only the holder in person can have done. Where `holds` says that no hold is ever
    released, its certificates end here, and new ones are applied for as a renewal.

    Errors: NotPresent, EvidenceTooWeak; NotYours; those of the desk; UnknownCard, CardChangeRefused.
    """
    at_desk = counterside(conn, operator)
    at_desk.require(Affair.SUSPENSION, at, evidence.person)
    evidence.require_anchor()
    people_rows.hold_person(conn, evidence.person)
    card = rows.card_of(conn, card_id)
    if card.person != evidence.person:
        raise NotYours(card.owner)
    ended = card_life.change(conn, card, CardEvent.RESUME, at, "card-resumed", random, holds=holds).ended
    body: dict[str, Json] = {"card_id": card_id, "by": operator, "ended": [held.intent for held in ended]}
    outbox.put(conn, card.person, "card.resumed", body, at, random)


def propose_end(
    conn: Connection, person: PersonId, status: PersonStatus, operator: Operator, at: Instant, random: Random
) -> Approval:
    """The first of two people who end a record: death, or emigration."""
    _own(conn, person, operator, Role.CLERK, at)
    content = _content("end", person=person, status=status.value)
    return deciding.propose(conn, operator, Affair.END_OF_SERVICE, person, content, at, random)


def end_of_service(
    conn: Connection,
    person: PersonId,
    status: PersonStatus,
    approval: str,
    operator: Operator,
    at: Instant,
    random: Random,
    *,
    keep_certificates: bool = False,
) -> None:
    """The record ends. At death everything is revoked; who emigrates may keep the certificates (since 2024-05-27, as
    the law lets them), and then only the address is no longer in the register.

    Errors: NeedsApproval, ApprovalExpired; NotYours, RoleMissing; RemoteBlocked for keeping a dead person's.
    """
    kept = _own(conn, person, operator, Role.CLERK, at)
    deciding.use(conn, approval, Affair.END_OF_SERVICE, person, _content("end", person=person, status=status.value), at)
    if keep_certificates and status is PersonStatus.DEAD:
        raise RemoteBlocked("nobody keeps the certificates of the dead")
    finish(conn, kept, status, at, random, keep_certificates=keep_certificates)


def finish(
    conn: Connection, person: Person, status: PersonStatus, at: Instant, random: Random, *, keep_certificates: bool
) -> None:
    """End the record, and with it certificates, cards and what was under way. The caller holds the person's turn."""
    registry.end(conn, person, status, at)
    if not keep_certificates:
        for card in rows.cards_of(conn, person.person):
            if card.state in (CardState.PREPARED, CardState.ACTIVE, CardState.SUSPENDED):
                card_life.change(conn, card, CardEvent.END, at, status.value, random)
        for application in rows.applications_of(conn, person.person):
            if not application.state.is_final:
                certificates.change(conn, application, ApplicationEvent.WITHDRAW, at, status.value)
    outbox.put(conn, person.person, "person.ended", {"status": status.value}, at, random)
