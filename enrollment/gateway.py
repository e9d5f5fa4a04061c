"""The gate to the resident-record systems: what comes in is held, quarantined, or stops something at once.

    octets ─ signature of the municipality ─ parse, validate, rebuild ─▶ HELD ─ hold window ─▶ RELEASED
                        └─▶ QUARANTINED, with the reason               └─ retraction ─▶ RETRACTED

A wrong entry that spreads at once cannot be called back; so changes wait until the next working day's noon. What must
not wait does not: a death stops the person's cards, and a protection begins, the moment the message is in. What has
waited is let through by `enrollment.gateway_release`; people act on it by `enrollment.gateway_desk`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from enrollment import outbox, plausibility, procedures, protection, registry, workdays
from enrollment.errors import GatewayRefused, NotYours, SignatureInvalid, UnknownPerson
from enrollment.errors.gate import GatewayFlooded
from enrollment.gateway_schema import GatewayMessage, MessageKind, parse_message
from enrollment.person import Person, PersonId, Random
from enrollment.signed import OwnerKeys
from enrollment.store import Connection, work
from enrollment.store import gate as rows
from enrollment.store import people as people_rows
from pki.instant import Instant


class MessageState(StrEnum):
    """Where a message stands."""

    HELD = "held"
    RELEASED = "released"
    RETRACTED = "retracted"
    QUARANTINED = "quarantined"


AT_ONCE: Final = frozenset(
    {MessageKind.PROTECTION, MessageKind.CORRECTION, MessageKind.RETRACTION, MessageKind.HOUSEHOLD}
)
"""What waits for nothing. (A death stops the cards at once; the end of the record waits.)"""
NAMES_ANOTHER: Final = frozenset({MessageKind.CORRECTION, MessageKind.RETRACTION})
"""What is about an earlier message and says which."""
ORIGINAL_WITHIN: Final = timedelta(days=1)
"""So long a correction waits for what it corrects: a bad line may bring them the wrong way round."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Bounds of one municipality's flow. `holidays`: days on which its offices are closed besides the usual ones."""

    noon: int = workdays.NOON
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
        due = workdays.next_noon(at, self.noon)
        while due.jst_date() in self.holidays:
            due = workdays.next_noon(due, self.noon)
        return due

    def brake_limit(self, residents: int) -> int:
        """So many changes an hour are normal for so many residents."""
        return max(self.brake_least, int(self.brake_share * residents))


@dataclass(frozen=True, slots=True)
class Received:
    """The receipt. `reason` says why a message lies in quarantine, or what retracted it."""

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

        What may not pass is kept in quarantine as a digest and a reason; the same message again has the same receipt.
        Errors: GatewayFlooded above the agreed number a minute, and then nothing is kept.
        """
        digest = hashlib.sha256(octets).hexdigest()
        try:
            message = parse_message(octets)
            if message.owner != owner:
                raise GatewayRefused("it names another municipality than the one that sends it")
            self.keys.verify(owner, message.octets(), signature)
            digest = hashlib.sha256(message.octets()).hexdigest()
            known = rows.find(conn, owner, message.message)
            if known is not None and known.digest == digest:
                return _receipt(known)
            self._look_at(conn, message, known, at)
        except (GatewayRefused, SignatureInvalid, NotYours, UnknownPerson) as refused:
            reason = refused.what if isinstance(refused, GatewayRefused) else refused.code
            return self._quarantine(conn, owner, digest, reason, at)
        self._shed(conn, owner, at)
        due = self.policy(owner).due(message.kind, at)
        supersedes = str(message.values["supersedes"]) if message.kind in NAMES_ANOTHER else None
        rows.add(
            conn,
            rows.GateRow(
                owner, message.message, message.kind.value, message.person, MessageState.HELD.value, digest,
                message.octets().decode(), at, due, None, supersedes, "", message.sent_at,
            ),
        )  # fmt: skip
        self._watch(conn, owner, at)
        self._at_once(conn, message, at)
        kept = rows.find(conn, owner, message.message)
        return _receipt(kept) if kept else Received(message.message, MessageState.HELD, due)

    def _look_at(self, conn: Connection, message: GatewayMessage, known: rows.GateRow | None, at: Instant) -> None:
        if known is not None:
            raise GatewayRefused("this id was used for another message")
        if message.sent_at > at + self.policy(message.owner).skew:
            raise GatewayRefused("it was sent in the future")
        person = PersonId(message.person)
        if people_rows.hold_person(conn, person) != message.owner:
            raise NotYours(message.owner)
        plausibility.check(conn, message, look_at(conn, message, at, self.random), at)

    def _shed(self, conn: Connection, owner: str, at: Instant) -> None:
        limit = self.policy(owner).per_minute
        if rows.count_since(conn, owner, at + timedelta(seconds=-60)) >= limit:
            raise GatewayFlooded(owner, limit)

    def _quarantine(self, conn: Connection, owner: str, digest: str, reason: str, at: Instant) -> Received:
        name = f"q:{digest[:30]}"
        known = rows.find(conn, owner, name)
        if known is not None:
            return _receipt(known)
        self._shed(conn, owner, at)
        rows.add(
            conn,
            rows.GateRow(owner, name, "", None, MessageState.QUARANTINED.value, digest, "", at, at, at, None, reason),
        )
        return Received(name, MessageState.QUARANTINED, at, reason)

    def _watch(self, conn: Connection, owner: str, at: Instant) -> None:
        """Pull the brake when more changes came within an hour than a normal day can explain."""
        limit = self.policy(owner).brake_limit(people_rows.count_people(conn, owner))
        count = rows.count_changes_since(conn, owner, at + timedelta(hours=-1), rows.last_go(conn, owner))
        if count > limit and rows.brake_of(conn, owner) is None:
            reason = f"{count} changes within an hour, more than {limit}"
            rows.pull_brake(conn, owner, at, reason)
            outbox.put(conn, f"owner:{owner}", "gateway.braked", {"owner": owner, "reason": reason}, at, self.random)

    def _at_once(self, conn: Connection, message: GatewayMessage, at: Instant) -> None:
        person = PersonId(message.person)
        settled = MessageState.RELEASED
        if message.kind in NAMES_ANOTHER:
            self._name_another(conn, message, at)
            return
        if self._called_back_already(conn, message, at):
            return
        if message.kind is MessageKind.DEATH:
            if rows.brake_of(conn, message.owner) is None:  # a hold is for good: not by hundreds, unseen
                stop_cards(conn, person, message.message, at, self.random)
            return
        if message.kind is MessageKind.PROTECTION:
            if protection.standing(conn, person) is None:
                protection.apply_from_register(conn, person, message.owner, at, self.random)
        elif message.kind is not MessageKind.HOUSEHOLD:
            return
        rows.settle(conn, message.owner, message.message, settled.value, at, "")

    def _called_back_already(self, conn: Connection, message: GatewayMessage, at: Instant) -> bool:
        """Whether a correction or retraction of this message was here before it. Then it never takes effect."""
        if message.kind not in CALLED_BACK:
            return False
        before = [one for one in rows.waiting_for(conn, message.owner, message.message) if one.person == message.person]
        if not before:
            return False
        rows.settle(conn, message.owner, message.message, MessageState.RETRACTED.value, at, before[0].message)
        due = self.policy(message.owner).due(message.kind, at)
        for one in before:
            self._in_its_place(conn, one, due, at)
        return True

    def _name_another(self, conn: Connection, message: GatewayMessage, at: Instant) -> None:
        """Before the original took effect it never will, and right values wait in its place; after that, they are
        written over the wrong ones when the message is released."""
        own = rows.find(conn, message.owner, message.message)
        original = rows.find(conn, message.owner, str(message.values["supersedes"]))
        if own is None:
            return
        if original is None:
            rows.put_off(conn, message.owner, message.message, at + ORIGINAL_WITHIN)
            return
        if original.person != message.person or original.kind not in CALLED_BACK:
            rows.settle(conn, own.owner, own.message, MessageState.QUARANTINED.value, at, "it corrects nothing known")
        elif original.state == MessageState.HELD.value:
            rows.settle(conn, own.owner, original.message, MessageState.RETRACTED.value, at, own.message)
            self._in_its_place(conn, own, original.due_at, at)
        elif message.kind is MessageKind.RETRACTION:
            settled, reason = MessageState.RELEASED, ""
            if original.state == MessageState.RELEASED.value:
                settled, reason = MessageState.QUARANTINED, "the original took effect: send a correction"
            rows.settle(conn, own.owner, own.message, settled.value, at, reason)

    def _in_its_place(self, conn: Connection, one: rows.GateRow, due: Instant, at: Instant) -> None:
        if one.kind == MessageKind.RETRACTION.value:
            rows.settle(conn, one.owner, one.message, MessageState.RELEASED.value, at, "")
        else:
            rows.put_off(conn, one.owner, one.message, max(due, at))


CALLED_BACK: Final = frozenset(
    {MessageKind.ATTRIBUTES_CHANGED, MessageKind.MOVE, MessageKind.DEATH, MessageKind.CORRECTION}
)
"""What can be corrected or retracted."""


def look_at(conn: Connection, message: GatewayMessage, at: Instant, random: Random) -> Person:
    """The record that a message is to be held against; that it was looked at is written down first."""
    recipient = f"municipality:{message.owner}"
    return registry.to_change(conn, PersonId(message.person), "gateway", message.kind.value, recipient, at, random)


def stop_cards(conn: Connection, person: PersonId, message: str, at: Instant, random: Random) -> None:
    """A death was told: the person's cards in use stop until somebody has looked; again, it changes nothing."""
    people_rows.hold_person(conn, person)
    for card in work.cards_of(conn, person):
        if card.state.usable:
            procedures.suspend(conn, card.card_id, f"gateway:{message}", at, random, None)


def _receipt(row: rows.GateRow) -> Received:
    return Received(row.message, MessageState(row.state), row.due_at, row.reason)


def household_of(conn: Connection, owner: str, person: PersonId) -> tuple[int, dict[str, str]] | None:
    """The newest household that the municipality told for `person`: its version and members."""
    newest = rows.newest(conn, owner, person, MessageKind.HOUSEHOLD.value)
    if newest is None:
        return None
    values = json.loads(newest.body)["values"]
    return values["version"], values["members"]
