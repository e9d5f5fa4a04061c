"""What people do at the gate: take a message back, let go of the brake by two, ask who received a wrong value."""

from dataclasses import dataclass

from enrollment import deciding, registry
from enrollment.approvals import Approval
from enrollment.canonical import Json, digest
from enrollment.counters import Affair
from enrollment.errors import NotYours, WrongState
from enrollment.gateway import MessageState
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random
from enrollment.registry import Field
from enrollment.store import Connection, work
from enrollment.store import gate as rows
from enrollment.store import people as people_rows
from pki.instant import Instant
from pki.purpose import Purpose


def _own(operator: Operator, owner: str, role: Role, at: Instant) -> None:
    if operator.owner != owner:
        raise NotYours(operator.owner)
    operator.require(role, at)


def retract(conn: Connection, owner: str, message: str, operator: Operator, at: Instant) -> None:
    """A clerk takes back a message that has not taken effect. Errors: NotYours, RoleMissing, WrongState."""
    _own(operator, owner, Role.CLERK, at)
    row = rows.find(conn, owner, message)
    if row is None or row.state != MessageState.HELD.value:
        raise WrongState("message", row.state if row else "unknown", "retract")
    if row.person:
        people_rows.hold_person(conn, PersonId(row.person))
    rows.settle(conn, owner, message, MessageState.RETRACTED.value, at, operator.operator)


def quarantine(conn: Connection, operator: Operator, at: Instant) -> list[rows.GateRow]:
    """What was stopped, with the reasons; nothing of what came in. Errors: RoleMissing, OperatorNotValid."""
    operator.require(Role.CLERK, at)
    return rows.quarantined(conn, operator.owner)


def _go_content(owner: str, number: int) -> str:
    record: dict[str, Json] = {"act": "let-go", "brake": number, "owner": owner}
    return digest(record)


def propose_go(conn: Connection, operator: Operator, at: Instant, random: Random, reason: str) -> Approval:
    """The first of two who let changes flow again. Errors: RoleMissing, OperatorNotValid; WrongState if they flow."""
    operator.require(Role.CLERK, at)
    brake = rows.brake_since(conn, operator.owner)
    if brake is None:
        raise WrongState("brake", "released", "let go")
    content = _go_content(operator.owner, brake[0])
    return deciding.propose(conn, operator, Affair.GATEWAY, f"brake:{operator.owner}", content, at, random, reason)


def let_go(conn: Connection, approval: str, operator: Operator, at: Instant) -> None:
    """The second one, a supervisor who has looked: changes flow again.

    Errors: those of `deciding.approve` (SamePerson for the proposer or their card); NeedsApproval when it was approved
    for another brake; WrongState if nothing is stopped.
    """
    operator.require(Role.SUPERVISOR, at)
    brake = rows.brake_since(conn, operator.owner)
    if brake is None:
        raise WrongState("brake", "released", "let go")
    approved = deciding.approve(conn, approval, operator, at)
    owner = operator.owner
    deciding.use(conn, approval, Affair.GATEWAY, f"brake:{owner}", _go_content(owner, brake[0]), at)
    rows.release_brake(conn, owner, at, f"{approved.proposed_by}+{approved.decided_by}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who was given a value that was later corrected."""

    at: Instant
    recipient: str
    fields: frozenset[Field]


def who_received(conn: Connection, owner: str, message: str) -> tuple[Recipient, ...]:
    """Who was given this person's data while the values of a wrong message stood: from its release to its correction,
    certificates that were made meanwhile included. Nobody, if it was called back in time.

    Errors: WrongState for a message that may still take effect, or that is not known.
    """
    row = rows.find(conn, owner, message)
    if row is not None and row.state in (MessageState.RETRACTED.value, MessageState.QUARANTINED.value):
        return ()
    if row is None or row.person is None or row.state != MessageState.RELEASED.value or row.settled_at is None:
        raise WrongState("message", row.state if row else "unknown", "look for its recipients")
    since, until = row.settled_at, rows.correction_of(conn, owner, message)

    def stood(at: Instant) -> bool:
        return since <= at and (until is None or at <= until)

    person = PersonId(row.person)
    shown = [
        Recipient(line.at, line.access.recipient, fields)
        for line in registry.own_lines(conn, person)
        if stood(line.at) and (fields := _given(line))
    ]
    made = [
        Recipient(held.not_before, f"certificate:{held.purpose.value}:{held.serial}", registry.FOUR_ATTRIBUTES)
        for held in work.certificates_of(conn, person)
        if held.not_before is not None and held.purpose is Purpose.SIGNATURE and stood(held.not_before)
    ]
    return tuple(sorted((*shown, *made), key=lambda one: (one.at, one.recipient)))


def _given(line: registry.AccessLine) -> frozenset[Field]:
    """What the recipient of a record got: a masked address they did not, the name beside it they did."""
    match line.result:
        case registry.PROVIDED | registry.UNLOCKED | registry.COPIED:
            return line.access.fields
        case registry.MASKED_RESULT:
            return line.access.fields - {Field.ADDRESS}
        case _:
            return frozenset()
