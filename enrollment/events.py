"""What can happen between a person and the registry, as the ledger counts it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from enrollment.canonical import Json, digest
from enrollment.person import PersonId
from pki.instant import Instant

EventId = NewType("EventId", str)

GENESIS = "0" * 64
"""What the first event of a person stands on."""


class EventKind(StrEnum):
    """The kinds of events."""

    ANCHOR = "anchor"
    """Seen in person: trust begins anew."""
    REMOTE_MOVE = "remote-move"
    REMOTE_REISSUE = "remote-reissue"
    REMOTE_RENEWAL = "remote-renewal"
    OFFICIAL_CHANGE = "official-change"
    """The office renamed a street: the person did nothing, nothing is consumed."""
    CORRECTION = "correction"
    """Takes a named event back; the place that it had is never given to another."""
    CONTACT = "contact"
    """A use, a visit, a letter that came back: counts for the level of assurance, never for the cap."""

    @property
    def is_remote(self) -> bool:
        """Whether the person acted without being seen."""
        return self in (EventKind.REMOTE_MOVE, EventKind.REMOTE_REISSUE, EventKind.REMOTE_RENEWAL)


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """One line of a person's ledger; it is never changed.

    `position` counts the person's events from 0; `anchor` numbers the period it falls into (0: before the first check).
    `seq` is the place taken in that period, 1 upwards, None for what takes none, and `cap` the number of places under
    the policy named. `adjustment` says how far the count of used places differs from `seq`: less than zero for places
    given back by corrections, more than zero for those that a reversed check left behind. seq + adjustment <= cap.
    `evidence` names documents by SHA-256; `channel` is the kind of desk, or "online"; `hash` covers all other fields.
    """

    person: PersonId
    position: int
    event: EventId
    owner: str
    kind: EventKind
    at: Instant
    anchor: int
    seq: int | None
    adjustment: int
    cap: int | None
    policy_owner: str
    policy_version: str
    actor: str
    channel: str
    level: str
    evidence: tuple[str, ...]
    corrects: EventId | None
    previous: str

    def body(self) -> dict[str, Json]:
        """The record that is hashed."""
        return {
            "actor": self.actor,
            "adjustment": self.adjustment,
            "anchor": self.anchor,
            "at": self.at.iso(),
            "cap": self.cap,
            "channel": self.channel,
            "corrects": self.corrects,
            "event": self.event,
            "evidence": list(self.evidence),
            "kind": self.kind.value,
            "level": self.level,
            "owner": self.owner,
            "person": self.person,
            "policy": [self.policy_owner, self.policy_version],
            "position": self.position,
            "previous": self.previous,
            "seq": self.seq,
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the record, which holds the hash of the event before it; hex."""
        return digest(self.body())
