"""Which procedure may be done how: online, with help, in person; and what a municipality switches off or asks for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from enrollment.canonical import Json, canonical
from enrollment.errors import LooserPolicy, RemoteBlocked
from enrollment.proofs import COMMON_MINIMUM, Requirement, parse_requirement
from enrollment.store import Connection, care
from pki.errors import InvalidValue
from pki.instant import Instant


class Channel(StrEnum):
    """How a procedure is done. ASSISTED: with an officer's help, without the person being checked."""

    ONLINE = "online"
    ASSISTED = "assisted"
    IN_PERSON = "in-person"


class Procedure(StrEnum):
    """Every procedure of this service."""

    FIRST_ISSUE = "first-issue"
    RENEWAL = "renewal"
    REISSUE_AFTER_LOSS = "reissue-after-loss"
    REMOTE_REISSUE = "remote-reissue"
    REMOTE_RENEWAL = "remote-renewal"
    PIN_RESET = "pin-reset"
    MOVE_OUT = "move-out"
    MOVE_IN = "move-in"
    MOVE_WITHIN = "move-within"
    ATTRIBUTE_CHANGE = "attribute-change"
    SUSPENSION = "suspension"
    END_OF_SUSPENSION = "end-of-suspension"
    END_OF_SERVICE = "end-of-service"
    CORRECTION = "correction"


CHANNELS: Final[Mapping[Procedure, frozenset[Channel]]] = {
    Procedure.FIRST_ISSUE: frozenset({Channel.IN_PERSON}),
    Procedure.RENEWAL: frozenset({Channel.IN_PERSON}),
    Procedure.REISSUE_AFTER_LOSS: frozenset({Channel.IN_PERSON}),
    Procedure.REMOTE_REISSUE: frozenset({Channel.ONLINE}),
    Procedure.REMOTE_RENEWAL: frozenset({Channel.ONLINE}),
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

NEVER_CLOSED: Final = frozenset(
    {(procedure, Channel.IN_PERSON) for procedure in Procedure} | {(Procedure.SUSPENSION, Channel.ONLINE)}
)
"""What no municipality switches off: its own counter, and the way to stop a card at any hour."""


@dataclass(frozen=True, slots=True)
class ProcedurePolicy:
    """What one municipality says of one procedure: channels it closed, and the evidence of residence it asks for."""

    closed: frozenset[Channel] = frozenset()
    residence: Requirement = COMMON_MINIMUM

    def require_allowed(self, procedure: Procedure) -> None:
        """Errors: LooserPolicy for a channel that must stay open."""
        for channel in sorted(self.closed):
            if (procedure, channel) in NEVER_CLOSED and channel in CHANNELS[procedure]:
                raise LooserPolicy(f"{procedure.value} stays open {channel.value}")

    def body(self) -> dict[str, Json]:
        """The policy as canonical data; `parse_procedure_policy` reads it back."""
        return {"closed": sorted(self.closed), "residence": self.residence.body()}


def parse_procedure_policy(record: Any) -> ProcedurePolicy:
    """Read {"closed": ["online"], "residence": [["card-signature", "code-letter"], ["desk"]]}; both may be left out.

    Errors: InvalidValue naming the field, LooserPolicy.
    """
    if not isinstance(record, Mapping) or not set(record) <= {"closed", "residence"}:
        raise InvalidValue("a procedure's policy has the fields closed and residence")
    try:
        closed = frozenset(Channel(name) for name in record.get("closed", ()))
    except (TypeError, ValueError):
        raise InvalidValue(f"closed is a list of {', '.join(Channel)}") from None
    residence = parse_requirement(record["residence"]) if "residence" in record else COMMON_MINIMUM
    return ProcedurePolicy(closed, residence)


def adopt(
    conn: Connection, owner: str, procedure: Procedure, policy: ProcedurePolicy, begins: Instant, at: Instant, by: str
) -> None:
    """Keep what a municipality says of a procedure from `begins` on. Errors: LooserPolicy."""
    policy.require_allowed(procedure)
    care.add_residence_policy(conn, owner, procedure.value, begins, canonical(policy.body()).decode(), at, by)


def in_force(conn: Connection, owner: str, procedure: Procedure, at: Instant) -> ProcedurePolicy:
    """What the municipality says now; without a word of its own every channel is open and the minimum is asked for."""
    body = care.residence_policy(conn, owner, procedure.value, at)
    return ProcedurePolicy() if body is None else parse_procedure_policy(json.loads(body))


def require(conn: Connection, owner: str, procedure: Procedure, channel: Channel, at: Instant) -> ProcedurePolicy:
    """The policy, if the procedure may be done by `channel` there and now. Errors: RemoteBlocked."""
    policy = in_force(conn, owner, procedure, at)
    if channel not in CHANNELS[procedure] or channel in policy.closed:
        raise RemoteBlocked(f"{procedure.value} is not done {channel.value}")
    return policy
