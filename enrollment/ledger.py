"""The ledger: what brought a person closer to, or further from, having been seen. Append-only, chained, capped."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from enrollment import rules
from enrollment.caps import Decision, Standing, decide, standing
from enrollment.errors import CapReached, NotReversible, UnknownEvent
from enrollment.events import GENESIS, EventId, EventKind, LedgerEvent
from enrollment.person import PersonId, Random, draw_id
from enrollment.store import Connection
from enrollment.store import ledger as rows
from enrollment.store.people import hold_person, owner_of
from pki.instant import Instant
from transparency import entry as log

ONLINE = "online"
"""The channel of everything that is done without a desk."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What is to be recorded. `actor` is who did it: an operator, the person, or a relative who filed for them."""

    person: PersonId
    kind: EventKind
    actor: str
    channel: str = ONLINE
    level: str = ""
    evidence: tuple[str, ...] = ()
    corrects: EventId | None = None


def history(conn: Connection, person: PersonId) -> tuple[LedgerEvent, ...]:
    """Every event of `person`, oldest first."""
    return rows.events_of(conn, person)


def required_history(conn: Connection, person: PersonId) -> tuple[LedgerEvent, ...]:
    """As `history`. Errors: UnknownPerson."""
    owner_of(conn, person)
    return rows.events_of(conn, person)


def people(conn: Connection, page: int = 1000) -> Iterator[PersonId]:
    """Everybody who has a ledger, in order of id, read page by page."""
    last = None
    while found := rows.people_with_events(conn, last, page):
        yield from found
        last = found[-1]


def everybody(conn: Connection) -> Iterator[tuple[LedgerEvent, ...]]:
    """Each person's events."""
    for person in people(conn):
        yield rows.events_of(conn, person)


def judge(conn: Connection, person: PersonId, procedure: EventKind, at: Instant) -> Decision:
    """What would be decided now. Nothing is recorded. Errors: UnknownPerson, NoPolicy."""
    policy = rules.in_force(conn, owner_of(conn, person), at)
    return decide(policy, rows.events_of(conn, person), procedure, at)


def record(conn: Connection, what: Happening, at: Instant, random: Random) -> tuple[LedgerEvent, Decision | None]:
    """Append `what` to the person's ledger, in the caller's transaction; for remote procedures also the decision.

    The decision is taken over the events up to one position and the event takes the next: whoever took that position
    meanwhile makes this one PlaceTaken (Retryable), and the decision is taken anew. So no two events were ever decided
    over the same history, whatever the engine's isolation, and even where the person's turn (`hold_person`) is not
    kept. The database itself holds the place and the cap once more.
    Errors: UnknownPerson, NoPolicy, CapReached, UnknownEvent, NotReversible.
    """
    owner = hold_person(conn, what.person)
    policy = rules.in_force(conn, owner, at)
    past = rows.events_of(conn, what.person)
    now = standing(past)
    decision = None
    if what.kind.is_remote:
        decision = decide(policy, past, what.kind, at)
        if not decision.allowed:
            raise CapReached(decision)
    if what.kind is EventKind.CORRECTION:
        _require_reversible(past, what.corrects)
    takes_place = what.kind in policy.consumes
    seq = now.places + 1 if takes_place else None
    used = decision.used if decision else 0
    event = LedgerEvent(
        person=what.person,
        position=len(past),
        event=EventId(draw_id(random)),
        owner=owner,
        kind=what.kind,
        at=max(at, now.now_at_least) if now.now_at_least else at,
        anchor=_period(now, past, what),
        seq=seq,
        adjustment=used + 1 - seq if seq is not None else 0,
        cap=policy.max_consecutive if takes_place else None,
        policy_owner=policy.owner,
        policy_version=policy.version,
        actor=what.actor,
        channel=what.channel,
        level=what.level,
        evidence=what.evidence,
        corrects=what.corrects,
        previous=past[-1].hash if past else GENESIS,
    )
    rows.append(conn, event)
    log.record(conn, owner, log.EntryKind.LEDGER, event.event, bytes.fromhex(event.hash), event.at)
    return event, replace(decision, used=used + 1) if decision and takes_place else decision


def _period(now: Standing, past: tuple[LedgerEvent, ...], what: Happening) -> int:
    """A check opens a period; taking a check back opens one too, so that no place is ever numbered twice."""
    opens = what.kind is EventKind.ANCHOR or any(
        event.event == what.corrects and event.kind is EventKind.ANCHOR for event in past
    )
    return now.period + 1 if opens else now.period


def _require_reversible(past: tuple[LedgerEvent, ...], corrects: EventId | None) -> None:
    named = [event for event in past if event.event == corrects]
    if corrects is None or not named:
        raise UnknownEvent(str(corrects))
    if named[0].kind is EventKind.CORRECTION:
        raise NotReversible(corrects, "it is a correction itself")
    if any(event.corrects == corrects for event in past):
        raise NotReversible(corrects, "it was reversed already")


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Where a person's chain does not hold: the position, and what is wrong there."""

    position: int
    what: str


def verify(events: tuple[LedgerEvent, ...], stored: tuple[str, ...]) -> tuple[ChainFault, ...]:
    """Check a person's chain: positions without gap, every hash over its row and the one before. Empty: it holds."""
    faults = []
    previous = GENESIS
    for index, (event, kept) in enumerate(zip(events, stored, strict=True)):
        if event.position != index:
            faults.append(ChainFault(index, f"position {event.position} stands where {index} belongs"))
        if event.previous != previous:
            faults.append(ChainFault(index, "it does not name the hash of the event before it"))
        if event.hash != kept:
            faults.append(ChainFault(index, "its content is not what was hashed when it was written"))
        previous = kept
    return tuple(faults)


def verify_person(conn: Connection, person: PersonId) -> tuple[ChainFault, ...]:
    """`verify` over what is stored of `person`. Errors: UnknownPerson."""
    owner_of(conn, person)
    return verify(rows.events_of(conn, person), rows.stored_hashes(conn, person))


def anchor_date(conn: Connection, person: PersonId) -> date | None:
    """The day in Japan on which the person was last seen."""
    anchor = standing(rows.events_of(conn, person)).anchor
    return anchor.at.jst_date() if anchor else None
