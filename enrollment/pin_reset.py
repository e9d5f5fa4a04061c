"""A PIN set anew: one permission, for one PIN of one card, by an officer who saw its holder, used once and soon.

    draft ─ second officer, where the rule wants one ─ officer's card signs the act ─▶ permit ─▶ spend ─▶ finish

The permission's number goes to the card inside the secure channel. What opens is open until power or selection goes,
the holder's side sets the PIN, and with that write the card remembers the number: up to it nothing opens again. The PIN
itself never comes near us. `spend` binds the permission to one conversation with the card: of two at once one is
refused. Only after a conversation is over, with the PIN not set, may another one take it up again.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from enrollment import acts, catalogue, deciding, outbox
from enrollment.acts import SignedAct, What
from enrollment.approvals import Approval
from enrollment.canonical import Json, digest
from enrollment.counters import Affair, Counter
from enrollment.counterside import counterside
from enrollment.errors import (
    ActNotSigned,
    CardNotUsable,
    EvidenceTooWeak,
    EvidenceUsed,
    NeedsApproval,
    NotYours,
    PinNotPermitted,
    PinPermissionExpired,
    PinPermissionUsed,
)
from enrollment.evidence import InPersonEvidence
from enrollment.officers import require_own_signature, verify_own
from enrollment.person import Random
from enrollment.store import Connection, records
from enrollment.store import acts as act_rows
from enrollment.store import people as people_rows
from enrollment.store import permissions as rows
from enrollment.store import talks as talk_rows
from enrollment.store import work as work_rows
from enrollment.store.permissions import PinPermission
from pki.card_state import CardState
from pki.instant import Instant
from pki.purpose import Purpose


class SecondOfficer(StrEnum):
    """Where a second officer must approve."""

    NEVER = "never"
    POST_OFFICE = "post-office"
    """At desks that are not the municipality's own."""
    ALWAYS = "always"

    def wanted_at(self, counter: Counter) -> bool:
        """Whether this desk needs one."""
        return self is SecondOfficer.ALWAYS or (self is SecondOfficer.POST_OFFICE and not counter.kind.is_municipal)


@dataclass(frozen=True, slots=True)
class PinResetRule:
    """How a deployment gives permissions."""

    second_officer: SecondOfficer = SecondOfficer.POST_OFFICE
    lifetime: timedelta = timedelta(minutes=15)
    """The holder stands at the counter."""


DEFAULT = PinResetRule()


def draft(
    conn: Connection,
    card_id: str,
    purpose: Purpose,
    evidence: InPersonEvidence,
    operator: str,
    at: Instant,
    rule: PinResetRule = DEFAULT,
) -> PinPermission:
    """What would be permitted: for the officer's card to sign (`content`), and where wanted for a second officer.

    Errors: those of the desk (OutOfScope, NotDesignated, OperatorNotValid, RoleMissing, SelfDealing); NotYours;
    UnknownCard, CardNotUsable; NotPresent, EvidenceTooWeak; SignatureInvalid.
    """
    at_desk = counterside(conn, operator)
    at_desk.require(Affair.PIN_RESET, at, evidence.person)
    card = work_rows.card_of(conn, card_id)
    owner = people_rows.owner_of(conn, card.person)
    if owner != at_desk.operator.owner or card.person != evidence.person:
        raise NotYours(at_desk.operator.owner)
    if card.state is not CardState.ACTIVE:
        raise CardNotUsable(card_id, card.state.value)
    if (evidence.officer, evidence.counter) != (operator, at_desk.counter.counter):
        raise EvidenceTooWeak("the check must be recorded by the officer and desk that permit it")
    require_own_signature(conn, evidence, at_desk.operator, at)
    catalogue.require_anchor(conn, evidence)
    return PinPermission(
        card_id=card_id,
        # Seconds, so that whoever manages a card without this table (a bureau) is never behind by much.
        number=max(rows.last_number(conn, card_id) + 1, at.seconds),
        person=card.person,
        owner=at_desk.operator.owner,
        purpose=purpose,
        officer=operator,
        counter=at_desk.counter.counter,
        evidence=evidence.digest(),
        act="",
        approval=None,
        given_at=at,
        expires_at=at + rule.lifetime,
    )


def content(permission: PinPermission) -> str:
    """The digest that the officer's act and the second officer's approval are about."""
    record: dict[str, Json] = {
        "act": Affair.PIN_RESET.value,
        "card": permission.card_id,
        "counter": permission.counter,
        "evidence": permission.evidence,
        "expires_at": permission.expires_at.iso(),
        "number": permission.number,
        "officer": permission.officer,
        "person": permission.person,
        "purpose": permission.purpose.value,
    }
    return digest(record)


def propose(conn: Connection, permission: PinPermission, at: Instant, random: Random) -> Approval:
    """Ask a second officer for exactly this permission. Errors: OperatorNotValid, RoleMissing."""
    operator = people_rows.operator_of(conn, permission.officer)
    return deciding.propose(conn, operator, Affair.PIN_RESET, permission.person, content(permission), at, random)


def permit(
    conn: Connection,
    permission: PinPermission,
    evidence: InPersonEvidence,
    signed: SignedAct,
    at: Instant,
    random: Random,
    rule: PinResetRule = DEFAULT,
    approval: str | None = None,
    officer_certificate: bytes | None = None,
) -> PinPermission:
    """Give a drafted permission. `signed`: the officer's act `What.PIN_RESET` about the card, over `content`; the
    officer's certificate (DER) is looked up if not given.

    Errors: those of `draft`; ActNotSigned, ActRefused, SignatureInvalid; NeedsApproval, ApprovalExpired where the rule
    wants a second officer; EvidenceUsed; PinPermissionExpired; Stale (Retryable) if the number was taken meanwhile.
    """
    operator = people_rows.operator_of(conn, permission.officer)
    people_rows.hold_person(conn, permission.person)
    checked = draft(conn, permission.card_id, permission.purpose, evidence, permission.officer, at, rule)
    if at > permission.expires_at or permission.expires_at > permission.given_at + rule.lifetime:
        raise PinPermissionExpired(permission.number, permission.expires_at)
    same = (checked.person, checked.evidence, checked.counter, checked.owner)
    if same != (permission.person, permission.evidence, permission.counter, permission.owner):
        raise PinNotPermitted(permission.number)
    about = content(permission)
    act = signed.act
    if (act.what, act.subject, act.content, act.operator) != (
        What.PIN_RESET,
        permission.card_id,
        about,
        permission.officer,
    ):
        raise ActNotSigned(permission.officer, What.PIN_RESET.value)
    known = rows.find_permission(conn, permission.card_id, permission.number)
    if known is not None and known.act == act.digest() and content(known) == about:
        return known  # given before, and the answer was lost
    acts.record(conn, signed, at, officer_certificate)
    name = acts.use(conn, operator, What.PIN_RESET, permission.card_id, about, at)
    if rule.second_officer.wanted_at(people_rows.counter_of(conn, permission.counter)):
        if approval is None:
            raise NeedsApproval(Affair.PIN_RESET.value)
        deciding.use(conn, approval, Affair.PIN_RESET, permission.person, about, at)
    used_by = f"pin-reset:{permission.card_id}:{permission.number}"
    if not records.add_evidence(conn, evidence, used_by):
        raise EvidenceUsed(permission.evidence)
    given = replace(permission, act=str(name), approval=approval)
    rows.add_permission(conn, given)
    body: dict[str, Json] = {"card_id": given.card_id, "number": given.number, "officer": given.officer}
    outbox.put(conn, given.person, "card.pin-reset-permitted", body, at, random)
    return given


def require_open(conn: Connection, card_id: str, number: int, at: Instant) -> PinPermission:
    """The permission, if the card may be opened with it now. Errors: as `spend`."""
    found = rows.find_permission(conn, card_id, number)
    if found is None:
        raise PinNotPermitted(number)
    if found.done_at is not None:
        raise PinPermissionUsed(number)
    if at > found.expires_at:
        raise PinPermissionExpired(number, found.expires_at)
    card = work_rows.card_of(conn, card_id)
    if card.state is not CardState.ACTIVE or card.person != found.person:
        raise CardNotUsable(card_id, card.state.value)
    if found.spent_by is not None:
        before = talk_rows.find_conversation(conn, found.spent_by)
        if before is not None and before.state in ("keys", "card") and at < before.until:
            raise PinPermissionUsed(number)
    return found


def spend(conn: Connection, card_id: str, number: int, conversation: str, at: Instant) -> PinPermission:
    """Open the card with the permission in this conversation, and in no other; repeating it changes nothing.

    Whoever holds the cards' keys calls it, and takes nobody's word: the officer's signed act is verified again.
    Errors: PinNotPermitted, PinPermissionUsed, PinPermissionExpired; CardNotUsable; SignatureInvalid.
    """
    known = rows.find_permission(conn, card_id, number)
    if known is not None and known.spent_by == conversation and known.done_at is None:
        return known
    found = require_open(conn, card_id, number, at)
    act = act_rows.find_act(conn, found.act)
    if act is None or act.act.content != content(found) or act.act.digest() != found.act:
        raise PinNotPermitted(number)
    officer = people_rows.operator_of(conn, found.officer)
    verify_own(act.certificate, officer.card_fingerprint, found.officer, act.signature, act.act.to_be_signed())
    if not rows.spend(conn, found, conversation, at):
        raise PinPermissionUsed(number)
    return replace(found, spent_by=conversation, spent_at=at)


def spend_at_once(conn: Connection, card_id: str, number: int, by: str, at: Instant) -> PinPermission:
    """Use the permission up before the card is touched: for cards that keep no number themselves, a PIV card say.

    `by`: who does it, for the record. Torn, it takes another permission. Errors: as `spend`; PinPermissionUsed also if
    it was ever spent.
    """
    known = rows.find_permission(conn, card_id, number)
    if known is not None and known.spent_by is not None:
        raise PinPermissionUsed(number)
    return spend(conn, card_id, number, by, at)


def finish(conn: Connection, card_id: str, number: int, at: Instant, random: Random) -> None:
    """The card says that the PIN was set with it. Saying so again changes nothing."""
    if not rows.finish(conn, card_id, number, at):
        return
    found = rows.find_permission(conn, card_id, number)
    if found is not None:
        body: dict[str, Json] = {"card_id": card_id, "number": number, "officer": found.officer}
        outbox.put(conn, found.person, "card.pin-set-anew", body, at, random)
