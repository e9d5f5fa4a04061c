"""Proposals and decisions in the database: the only maker of Approved."""

from dataclasses import replace

from enrollment import acts
from enrollment.approvals import DECIDERS, LIFETIME, Approval, ApprovalEvent, ApprovalState, Approved, advance
from enrollment.canonical import digest
from enrollment.counters import Affair
from enrollment.errors import ApprovalExpired, NeedsApproval, NotYours, OutOfScope, SamePerson
from enrollment.operators import Operator, Role
from enrollment.person import Random, draw_id
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import records as rows
from pki.instant import Instant


def propose(
    conn: Connection,
    operator: Operator,
    affair: Affair,
    subject: str,
    content: str,
    at: Instant,
    random: Random,
    reason: str = "",
    *,
    is_signed: bool = False,
) -> Approval:
    """Ask for a second operator. `content`: digest of exactly what shall be done. `is_signed`: the caller has used the
    operator's signed act for it.

    Errors: OperatorNotValid, RoleMissing, ActNotSigned.
    """
    operator.require(Role.CLERK, at)
    if not is_signed:
        acts.use(conn, operator, acts.What.PROPOSE, subject, content, at)
    approval = Approval(
        approval=draw_id(random),
        owner=operator.owner,
        affair=affair,
        subject=subject,
        content=content,
        state=ApprovalState.PROPOSED,
        proposed_by=operator.operator,
        proposed_card=operator.card_fingerprint,
        proposed_at=at,
        expires_at=at + LIFETIME,
        reason=reason,
    )
    rows.add_approval(conn, approval)
    return approval


def _load(conn: Connection, approval: str, affair: str) -> Approval:
    found = rows.find_approval(conn, approval)
    if found is None:
        raise NeedsApproval(affair)
    return found


def _decide(
    conn: Connection, approval: str, operator: Operator, event: ApprovalEvent, at: Instant, reason: str
) -> Approval:
    found = _load(conn, approval, approval)
    if found.owner != operator.owner:
        raise NotYours(operator.owner)
    operator.require(DECIDERS[found.affair], at)
    if operator.operator == found.proposed_by or operator.card_fingerprint == found.proposed_card:
        raise SamePerson(operator.operator)
    if not people_rows.counter_of(conn, operator.counter).kind.decides:
        raise OutOfScope(operator.counter, "approval")
    if at > found.expires_at:
        raise ApprovalExpired(approval)
    what = acts.What.APPROVE if event is ApprovalEvent.APPROVE else acts.What.REJECT
    acts.use(conn, operator, what, approval, decision_content(found, event), at)
    decided = replace(
        found,
        state=advance(found.state, event),
        decided_by=operator.operator,
        decided_card=operator.card_fingerprint,
        decided_at=at,
        reason=reason or found.reason,
    )
    rows.change_approval(conn, decided, found.state)
    return decided


def approve(conn: Connection, approval: str, operator: Operator, at: Instant, reason: str = "") -> Approved:
    """The second operator says yes.

    Errors: NeedsApproval if there is no such proposal; NotYours, RoleMissing, OperatorNotValid; OutOfScope at a desk
    where nobody decides; SamePerson for the proposer or the proposer's card; ApprovalExpired; WrongState if it was
    decided already; ActNotSigned.
    """
    return _approved(_decide(conn, approval, operator, ApprovalEvent.APPROVE, at, reason))


def reject(conn: Connection, approval: str, operator: Operator, at: Instant, reason: str) -> Approval:
    """The second operator says no, with a reason. Errors: as `approve`."""
    return _decide(conn, approval, operator, ApprovalEvent.REJECT, at, reason)


def decision_content(approval: Approval, event: ApprovalEvent) -> str:
    """What the one who decides signs: this proposal with just this content, and yes or no."""
    return digest(
        {
            "affair": approval.affair.value,
            "approval": approval.approval,
            "content": approval.content,
            "decision": event.value,
            "subject": approval.subject,
        }
    )


def withdraw(conn: Connection, approval: str, operator: Operator, at: Instant) -> Approval:
    """The proposer takes it back. Errors: NeedsApproval, NotYours, SamePerson for anybody else, WrongState."""
    found = _load(conn, approval, approval)
    if found.owner != operator.owner:
        raise NotYours(operator.owner)
    if operator.operator != found.proposed_by:
        raise SamePerson(operator.operator)
    acts.use(conn, operator, acts.What.WITHDRAW, approval, decision_content(found, ApprovalEvent.WITHDRAW), at)
    taken_back = replace(found, state=advance(found.state, ApprovalEvent.WITHDRAW))
    rows.change_approval(conn, taken_back, found.state)
    return taken_back


def use(conn: Connection, approval: str, affair: Affair, subject: str, content: str, at: Instant) -> Approved:
    """Use an approval up for exactly what was approved; it cannot be used again.

    Errors: NeedsApproval if it is not approved, or says something else; ApprovalExpired.
    """
    found = _load(conn, approval, affair.value)
    same = (found.affair, found.subject, found.content) == (affair, subject, content)
    if not same or found.state is not ApprovalState.APPROVED:
        raise NeedsApproval(affair.value)
    if at > found.expires_at:
        raise ApprovalExpired(approval)
    rows.change_approval(conn, replace(found, state=advance(found.state, ApprovalEvent.USE)), found.state)
    return _approved(found)


def expire(conn: Connection, owner: str, at: Instant) -> int:
    """Close what nobody decided in time; how many."""
    late = [found for found in rows.open_approvals(conn, owner) if at > found.expires_at]
    for found in late:
        rows.change_approval(conn, replace(found, state=advance(found.state, ApprovalEvent.EXPIRE)), found.state)
    return len(late)


def _approved(found: Approval) -> Approved:
    if found.decided_by is None:
        raise NeedsApproval(found.affair.value)
    return Approved(found.approval, found.affair, found.subject, found.content, found.proposed_by, found.decided_by)
