"""What is done at a counter besides issuing: corrections, official changes, suspension, and the end of service.

A move or a new name told at a counter is in `enrollment.counter_change`."""

from ca.revocation import HoldPolicy
from enrollment import (
    acts,
    card_life,
    catalogue,
    certificates,
    channels,
    deadlines,
    deciding,
    ledger,
    outbox,
    registry,
)
from enrollment.application import ApplicationEvent
from enrollment.approvals import Approval
from enrollment.canonical import Json, digest
from enrollment.channels import Channel, Procedure
from enrollment.counters import Affair
from enrollment.counterside import counterside
from enrollment.deadline import DeadlineOutcome
from enrollment.errors import NotYours, RemoteBlocked
from enrollment.events import EventId, EventKind, LedgerEvent
from enrollment.evidence import InPersonEvidence
from enrollment.ledger import Happening
from enrollment.officers import require_own_signature
from enrollment.operators import Operator, Role
from enrollment.person import Person, PersonId, PersonStatus, Random, StatusEvent
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from pki.attributes import Attributes
from pki.card_state import CardEvent, CardState
from pki.instant import Instant


def content_of(act: str, **fields: Json) -> str:
    """The digest over an act and its parameters: what is proposed, approved and signed."""
    return digest({"act": act, **fields})


def _own(conn: Connection, person: PersonId, operator: Operator, role: Role, at: Instant) -> None:
    """Take the person's turn, if they are this operator's to deal with."""
    if people_rows.hold_person(conn, person) != operator.owner:
        raise NotYours(operator.owner)
    operator.require(role, at, person)


def _to_change(
    conn: Connection, person: PersonId, operator: Operator, reason: str, at: Instant, random: Random
) -> Person:
    """The record of somebody whom the operator may deal with, for an act that changes it; the look is recorded."""
    _own(conn, person, operator, Role.CLERK, at)
    recipient = f"{operator.counter}/{operator.operator}"
    return registry.to_change(conn, person, "desk", reason, recipient, at, random)


def propose_correction(
    conn: Connection, person: PersonId, event: EventId, operator: Operator, at: Instant, random: Random, reason: str
) -> Approval:
    """The first of two people who take an event back. Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing."""
    _own(conn, person, operator, Role.CLERK, at)
    content = content_of("correction", person=person, event=event)
    return deciding.propose(conn, operator, Affair.CORRECTION, person, content, at, random, reason)


def correct(
    conn: Connection, person: PersonId, event: EventId, approval: str, operator: Operator, at: Instant, random: Random
) -> LedgerEvent:
    """Take an event back once a second operator has approved just that. The event stays where it is; its place too.

    Errors: NeedsApproval, ApprovalExpired, ActNotSigned; UnknownEvent, NotReversible; NotYours, RoleMissing,
    SelfDealing.
    """
    _own(conn, person, operator, Role.CLERK, at)
    content = content_of("correction", person=person, event=event)
    approved = deciding.use(conn, approval, Affair.CORRECTION, person, content, at)
    act = acts.use(conn, operator, acts.What.CORRECT, person, content, at)
    what = Happening(
        person,
        EventKind.CORRECTION,
        actor=operator.operator,
        channel=people_rows.counter_of(conn, operator.counter).kind.value,
        evidence=tuple(one for one in (approved.content, act) if one is not None),
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
    kept = _to_change(conn, person, operator, "official-change", at, random)
    content = official_content(person, attributes)
    act = acts.use(conn, operator, acts.What.OFFICIAL_CHANGE, person, content, at)
    registry.move(conn, kept, kept.owner, attributes, at, random)
    event, _ = ledger.record(
        conn,
        Happening(
            person,
            EventKind.OFFICIAL_CHANGE,
            operator.operator,
            channel=people_rows.counter_of(conn, operator.counter).kind.value,
            evidence=(act or content,),
        ),
        at,
        random,
    )
    return event


def official_content(person: PersonId, attributes: Attributes) -> str:
    """What an officer signs for an official change."""
    return content_of(
        "official-change",
        person=person,
        address=attributes.address,
        address_substitutes=attributes.address_substitutes,
        name=attributes.name,
        name_substitutes=attributes.name_substitutes,
    )


def suspend(
    conn: Connection,
    card_id: str,
    reported_by: str,
    at: Instant,
    random: Random,
    channel: Channel | None = Channel.ASSISTED,
) -> None:
    """Stop a card at once, by telephone or online, at any hour: its certificates are on hold. Stopping it again changes
    nothing. `reported_by`: an operator, the holder's person id, or a service. `channel`: how it was asked for; None
    where nobody asked and the resident records gave the reason, which no municipality switches off.

    Errors: UnknownCard; CardChangeRefused for a card that is not in use; RemoteBlocked if the holder's municipality
    closed the channel; ActNotSigned for an operator.
    """
    owner = people_rows.hold_person(conn, rows.card_of(conn, card_id).person)
    card = rows.card_of(conn, card_id)
    if card.state is CardState.SUSPENDED:
        return
    if channel is not None:
        channels.require(conn, owner, Procedure.SUSPENSION, channel, at)
    reporter = people_rows.find_operator(conn, reported_by)
    if reporter is not None:
        content = content_of("suspend", card_id=card_id)
        acts.use(conn, reporter, acts.What.SUSPEND, card.person, content, at)
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
    catalogue.require_anchor(conn, evidence)
    people_rows.hold_person(conn, evidence.person)
    require_own_signature(conn, evidence, at_desk.operator, at)
    card = rows.card_of(conn, card_id)
    if card.person != evidence.person:
        raise NotYours(card.owner)
    content = content_of("resume", card_id=card_id, evidence=evidence.digest())
    acts.use(conn, at_desk.operator, acts.What.RESUME, evidence.person, content, at)
    ended = card_life.change(conn, card, CardEvent.RESUME, at, "card-resumed", random, holds=holds).ended
    body: dict[str, Json] = {"card_id": card_id, "by": operator, "ended": [held.intent for held in ended]}
    outbox.put(conn, card.person, "card.resumed", body, at, random)


def propose_end(
    conn: Connection,
    person: PersonId,
    status: PersonStatus,
    operator: Operator,
    at: Instant,
    random: Random,
    channel: Channel = Channel.ASSISTED,
) -> Approval:
    """The first of two people who end a record: death, or emigration. `channel`: how it was told.

    Errors: NotYours, RoleMissing, OperatorNotValid, SelfDealing; RemoteBlocked if the channel is closed there.
    """
    _own(conn, person, operator, Role.CLERK, at)
    channels.require(conn, operator.owner, Procedure.END_OF_SERVICE, channel, at)
    content = content_of("end", person=person, status=status.value)
    return deciding.propose(conn, operator, Affair.END_OF_SERVICE, person, content, at, random)


def end_of_service(
    conn: Connection,
    person: PersonId,
    status: PersonStatus,
    approval: str,
    operator: Operator,
    at: Instant,
    random: Random,
    channel: Channel = Channel.ASSISTED,
    *,
    keep_certificates: bool = False,
) -> None:
    """The record ends. At death everything is revoked; who emigrates may keep the certificates (since 2024-05-27, as
    the law lets them), and then only the address is no longer in the register.

    Errors: NeedsApproval, ApprovalExpired; NotYours, RoleMissing; RemoteBlocked for keeping a dead person's, or by
    a channel that is closed there.
    """
    kept = _to_change(conn, person, operator, "end-of-service", at, random)
    channels.require(conn, kept.owner, Procedure.END_OF_SERVICE, channel, at)
    content = content_of("end", person=person, status=status.value)
    deciding.use(conn, approval, Affair.END_OF_SERVICE, person, content, at)
    acts.use(conn, operator, acts.What.END_OF_SERVICE, person, content, at)
    if keep_certificates and status is PersonStatus.DEAD:
        raise RemoteBlocked("nobody keeps the certificates of the dead")
    finish(conn, kept, status, at, random, keep_certificates=keep_certificates)


def finish(
    conn: Connection, person: Person, status: PersonStatus, at: Instant, random: Random, *, keep_certificates: bool
) -> None:
    """End the record, and with it certificates, cards and what was under way. The caller holds the person's turn."""
    event = StatusEvent.DIE if status is PersonStatus.DEAD else StatusEvent.EMIGRATE
    registry.change_status(conn, person, event, at)
    for running in deadlines.running(conn, person.person):
        deadlines.end(conn, person.person, running.kind, at, DeadlineOutcome.DROPPED, running.subject)
    if not keep_certificates:
        for card in rows.cards_of(conn, person.person):
            if card.state in (CardState.PREPARED, CardState.ACTIVE, CardState.SUSPENDED):
                card_life.change(conn, card, CardEvent.END, at, status.value, random)
        for application in rows.applications_of(conn, person.person):
            if not application.state.is_final:
                certificates.change(conn, application, ApplicationEvent.WITHDRAW, at, status.value)
    outbox.put(conn, person.person, "person.ended", {"status": status.value}, at, random)


def propose_reinstatement(
    conn: Connection, person: PersonId, operator: Operator, at: Instant, random: Random, reason: str
) -> Approval:
    """The first of two people who say that a record was ended by mistake, or that an emigrant is back."""
    _own(conn, person, operator, Role.CLERK, at)
    content = content_of("reinstate", person=person)
    return deciding.propose(conn, operator, Affair.END_OF_SERVICE, person, content, at, random, reason)


def reinstate(
    conn: Connection, person: PersonId, approval: str, operator: Operator, at: Instant, random: Random
) -> Person:
    """The record goes on. What was revoked stays revoked: certificates are applied for anew, in person.

    Errors: NeedsApproval, ApprovalExpired, ActNotSigned; WrongState for a record that has not ended; NotYours,
    RoleMissing, SelfDealing.
    """
    kept = _to_change(conn, person, operator, "reinstate", at, random)
    content = content_of("reinstate", person=person)
    deciding.use(conn, approval, Affair.END_OF_SERVICE, person, content, at)
    acts.use(conn, operator, acts.What.REINSTATE, person, content, at)
    back = registry.change_status(conn, kept, StatusEvent.REINSTATE, at)
    outbox.put(conn, person, "person.reinstated", {"status": back.status.value}, at, random)
    return back
