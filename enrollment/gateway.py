"""The gate to the resident-record systems: held, looked at, then let through; and stopped when there is too much.

    octets ─ signature of the municipality ─ parse, validate, rebuild ─▶ HELD ─ hold window ─▶ RELEASED
                        └─▶ QUARANTINED, with the reason               └─ retraction ─▶ RETRACTED

A wrong entry that spreads at once cannot be called back; so changes wait until the next working day's noon. What must
not wait does not: a death stops the person's cards, and a protection begins, the moment the message is in.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from enrollment import certificates, ledger, outbox, procedures, protection, registry
from enrollment.canonical import Json
from enrollment.errors import Braked, GatewayRefused, NotYours, SignatureInvalid, UnknownPerson, WrongState
from enrollment.events import EventKind
from enrollment.gateway_schema import GatewayMessage, MessageKind, parse_message
from enrollment.ledger import Happening
from enrollment.operators import Operator, Role
from enrollment.person import Person, PersonId, PersonStatus, Random
from enrollment.signed import OwnerKeys
from enrollment.store import Connection, work
from enrollment.store import gate as rows
from enrollment.store import people as people_rows
from pki.attributes import Attributes, Gender
from pki.instant import JAPAN, Instant
from pki.purpose import Purpose
from pki.revocation import Reason


class MessageState(StrEnum):
    """Where a message stands."""

    HELD = "held"
    RELEASED = "released"
    RETRACTED = "retracted"
    QUARANTINED = "quarantined"


AT_ONCE: Final = frozenset({MessageKind.PROTECTION, MessageKind.CORRECTION, MessageKind.HOUSEHOLD})
"""What waits for nothing. (A death stops the cards at once; the end of the record waits.)"""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Bounds of one municipality's flow. `holidays`: days of the year that are no working days, besides week-ends."""

    noon: int = 12
    holidays: frozenset[date] = frozenset()
    per_minute: int = 600
    brake_share: float = 0.02
    """More changes than this share of the residents within an hour pull the brake,"""
    brake_least: int = 20
    """but never so few, or a village could not change anything."""
    skew: timedelta = timedelta(minutes=10)
    """How far a sender's clock may be ahead of ours."""

    def due(self, kind: MessageKind, at: Instant) -> Instant:
        """When a message of this kind may take effect: now, or at noon of the next working day in Japan."""
        if kind in AT_ONCE:
            return at
        day = at.datetime.astimezone(JAPAN).date() + timedelta(days=1)
        while day.weekday() >= 5 or day in self.holidays:
            day += timedelta(days=1)
        return Instant.of_japan(day, self.noon)


@dataclass(frozen=True, slots=True)
class Received:
    """The receipt. `reason` says why a message lies in quarantine."""

    message: str
    state: MessageState
    due_at: Instant
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gate with what it needs. Nothing here trusts the transport: each message proves itself."""

    keys: OwnerKeys
    random: Random
    policies: Mapping[str, GatePolicy] = field(default_factory=dict)

    def policy(self, owner: str) -> GatePolicy:
        """The bounds for one municipality."""
        return self.policies.get(owner, GatePolicy())

    def receive(self, conn: Connection, owner: str, octets: bytes, signature: bytes, at: Instant) -> Received:
        """Take a message in, in the caller's transaction; `owner` is who the transport says it comes from.

        Never raises for what came in: what may not pass is kept in quarantine as a digest and a reason. The same
        message again has the same receipt.
        """
        try:
            message = self._checked(conn, owner, octets, signature, at)
        except (GatewayRefused, SignatureInvalid, NotYours, UnknownPerson) as refused:
            reason = refused.what if isinstance(refused, GatewayRefused) else refused.code
            return self._quarantine(conn, owner, octets, reason, at)
        known = rows.find(conn, owner, message.message)
        digest = hashlib.sha256(message.octets()).hexdigest()
        if known is not None:
            if known.digest != digest:
                return self._quarantine(conn, owner, octets, "this id was used for another message", at)
            return Received(message.message, MessageState(known.state), known.due_at, known.reason)
        due = self.policy(owner).due(message.kind, at)
        rows.add(
            conn,
            rows.GateRow(
                owner, message.message, message.kind.value, message.person, MessageState.HELD.value, digest,
                message.octets().decode(), at, due, None, _supersedes(message), "",
            ),
        )  # fmt: skip
        self._watch(conn, owner, at)
        self._at_once(conn, message, at)
        held = rows.find(conn, owner, message.message)
        state = MessageState(held.state) if held else MessageState.HELD
        return Received(message.message, state, due)

    def _checked(self, conn: Connection, owner: str, octets: bytes, signature: bytes, at: Instant) -> GatewayMessage:
        policy = self.policy(owner)
        if rows.count_since(conn, owner, at + timedelta(seconds=-60)) >= policy.per_minute:
            raise GatewayRefused("too many messages in a minute")
        message = parse_message(octets)
        if message.owner != owner:
            raise GatewayRefused("it names another municipality than the one that sends it")
        self.keys.verify(owner, message.octets(), signature)
        if message.sent_at > at + policy.skew:
            raise GatewayRefused("it was sent in the future")
        if people_rows.owner_of(conn, PersonId(message.person)) != owner:
            raise NotYours(owner)
        return message

    def _quarantine(self, conn: Connection, owner: str, octets: bytes, reason: str, at: Instant) -> Received:
        digest = hashlib.sha256(octets).hexdigest()
        name = f"q:{digest[:30]}"
        if rows.find(conn, owner, name) is None:
            rows.add(
                conn,
                rows.GateRow(
                    owner, name, "", None, MessageState.QUARANTINED.value, digest, "", at, at, at, None, reason
                ),
            )
        return Received(name, MessageState.QUARANTINED, at, reason)

    def _at_once(self, conn: Connection, message: GatewayMessage, at: Instant) -> None:
        person = PersonId(message.person)
        if message.kind is MessageKind.DEATH:
            people_rows.hold_person(conn, person)
            for card in work.cards_of(conn, person):
                if card.state.usable:
                    procedures.suspend(conn, card.card_id, f"gateway:{message.message}", at, self.random)
        elif message.kind is MessageKind.CORRECTION:
            self._correct(conn, message, at)
        elif message.kind is MessageKind.PROTECTION:
            self._protect(conn, message, at)
        elif message.kind is MessageKind.HOUSEHOLD:
            rows.settle(conn, message.owner, message.message, MessageState.RELEASED.value, at, "")

    def _protect(self, conn: Connection, message: GatewayMessage, at: Instant) -> None:
        if protection.standing(conn, PersonId(message.person)) is None:
            protection.apply_from_register(conn, PersonId(message.person), message.owner, at, self.random)
        rows.settle(conn, message.owner, message.message, MessageState.RELEASED.value, at, "")

    def _correct(self, conn: Connection, message: GatewayMessage, at: Instant) -> None:
        """Before the original took effect it never will; after that, the right values are written over the wrong."""
        original = rows.find(conn, message.owner, str(message.values["supersedes"]))
        if original is None or original.person != message.person:
            rows.settle(
                conn, message.owner, message.message, MessageState.QUARANTINED.value, at, "it corrects nothing known"
            )
            return
        if original.state == MessageState.HELD.value:
            rows.settle(conn, message.owner, original.message, MessageState.RETRACTED.value, at, message.message)
        elif original.state == MessageState.RELEASED.value:
            self._apply(conn, message, at)
        rows.settle(conn, message.owner, message.message, MessageState.RELEASED.value, at, "")

    def _watch(self, conn: Connection, owner: str, at: Instant) -> None:
        """Pull the brake when more changes came within an hour than a normal day can explain."""
        policy = self.policy(owner)
        limit = max(policy.brake_least, int(policy.brake_share * people_rows.count_people(conn, owner)))
        count = rows.count_changes_since(conn, owner, at + timedelta(hours=-1), rows.last_go(conn, owner))
        if count > limit and rows.brake_of(conn, owner) is None:
            reason = f"{count} changes within an hour, more than {limit}"
            rows.pull_brake(conn, owner, at, reason)
            outbox.put(conn, f"owner:{owner}", "gateway.braked", {"owner": owner, "reason": reason}, at, self.random)

    def release_due(self, conn: Connection, owner: str, at: Instant, limit: int = 100) -> int:
        """Let through what has waited long enough, oldest first; how many. Errors: Braked, and then nothing passes."""
        reason = rows.brake_of(conn, owner)
        if reason is not None:
            raise Braked(owner, reason)
        due = rows.due(conn, owner, at, limit)
        for row in due:
            message = parse_message(row.body.encode())
            self._apply(conn, message, at)
            rows.settle(conn, owner, row.message, MessageState.RELEASED.value, at, "")
        return len(due)

    def _apply(self, conn: Connection, message: GatewayMessage, at: Instant) -> None:
        person = PersonId(message.person)
        people_rows.hold_person(conn, person)
        kept = people_rows.person_of(conn, person)
        if message.kind is MessageKind.DEATH:
            procedures.finish(conn, kept, PersonStatus.DEAD, at, self.random, keep_certificates=False)
            return
        self._change(conn, message, kept, at)

    def _change(self, conn: Connection, message: GatewayMessage, kept: Person, at: Instant) -> None:
        attributes = _attributes(message.values)
        owner = str(message.values.get("municipality", kept.owner))
        if (owner, attributes) == (kept.owner, kept.attributes):
            return
        registry.move(conn, kept, owner, attributes, at, self.random)
        for held in certificates.held_by(conn, kept.person, Purpose.SIGNATURE):
            certificates.end(conn, held, Reason.AFFILIATION_CHANGED, at, message.kind.value, self.random)
        what = Happening(
            kept.person,
            EventKind.OFFICIAL_CHANGE,
            actor=f"municipality:{message.owner}",
            channel="gateway",
            evidence=(hashlib.sha256(message.octets()).hexdigest(),),
        )
        ledger.record(conn, what, at, self.random)
        body: dict[str, Json] = {"kind": message.kind.value, "message": message.message, "owner": owner}
        outbox.put(conn, kept.person, "person.changed", body, at, self.random)


def _supersedes(message: GatewayMessage) -> str | None:
    return str(message.values["supersedes"]) if message.kind is MessageKind.CORRECTION else None


def _attributes(values: Mapping[str, Any]) -> Attributes:
    return Attributes(
        values["name"],
        date.fromisoformat(values["date_of_birth"]),
        Gender(values["gender"]),
        values["address"],
        values["name_substitutes"],
        values["address_substitutes"],
    )


def retract(conn: Connection, owner: str, message: str, operator: Operator, at: Instant) -> None:
    """A clerk takes back a message that has not taken effect. Errors: NotYours, RoleMissing, WrongState."""
    if operator.owner != owner:
        raise NotYours(operator.owner)
    operator.require(Role.CLERK, at)
    row = rows.find(conn, owner, message)
    if row is None or row.state != MessageState.HELD.value:
        raise WrongState("message", row.state if row else "unknown", "retract")
    rows.settle(conn, owner, message, MessageState.RETRACTED.value, at, operator.operator)


def let_go(conn: Connection, owner: str, operator: Operator, at: Instant) -> bool:
    """A supervisor who has looked releases the brake; False if it was not pulled. Errors: NotYours, RoleMissing."""
    if operator.owner != owner:
        raise NotYours(operator.owner)
    operator.require(Role.SUPERVISOR, at)
    return rows.release_brake(conn, owner, at, operator.operator)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who was given a value that was later corrected."""

    at: Instant
    recipient: str
    fields: frozenset[registry.Field]


def who_received(conn: Connection, owner: str, message: str) -> tuple[Recipient, ...]:
    """Who was shown this person's data while the values of a wrong message stood: from its release to its correction.

    Errors: WrongState for a message that was never released.
    """
    row = rows.find(conn, owner, message)
    if row is None or row.person is None or row.state != MessageState.RELEASED.value or row.settled_at is None:
        raise WrongState("message", row.state if row else "unknown", "look for its recipients")
    corrected = rows.correction_of(conn, owner, message)
    return tuple(
        Recipient(line.at, line.access.recipient, line.access.fields)
        for line in registry.own_lines(conn, PersonId(row.person))
        if line.result in (registry.PROVIDED, registry.UNLOCKED)
        and row.settled_at <= line.at
        and (corrected is None or line.at <= corrected)
    )


def household_of(conn: Connection, owner: str, person: PersonId) -> tuple[int, dict[str, str]] | None:
    """The newest household that the municipality told for `person`: its version and members."""
    newest = rows.newest(conn, owner, person, MessageKind.HOUSEHOLD.value)
    if newest is None:
        return None
    values = json.loads(newest.body)["values"]
    return values["version"], values["members"]
