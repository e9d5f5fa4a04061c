"""The ledger's rows: written once, read in order, and the policies that they stand under."""

import json
from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from enrollment.canonical import canonical
from enrollment.errors import AlreadyAdopted, PlaceTaken
from enrollment.events import EventId, EventKind, LedgerEvent
from enrollment.person import PersonId
from enrollment.policy import COMMON, CapPolicy, parse_policy
from enrollment.store import tables as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant


def events_of(conn: Connection, person: PersonId) -> tuple[LedgerEvent, ...]:
    """All events of `person` in order of position."""
    rows = conn.execute(select(t.ledger).where(t.ledger.c.person == person).order_by(t.ledger.c.position)).mappings()
    return tuple(
        LedgerEvent(
            person=PersonId(row["person"]),
            position=row["position"],
            event=EventId(row["event"]),
            owner=row["owner"],
            kind=EventKind(row["kind"]),
            at=Instant(row["at"]),
            anchor=row["anchor"],
            seq=row["seq"],
            adjustment=row["adjustment"],
            cap=row["cap"],
            policy_owner=row["policy_owner"],
            policy_version=row["policy_version"],
            actor=row["actor"],
            channel=row["channel"],
            level=row["level"],
            evidence=tuple(json.loads(row["evidence"])),
            corrects=EventId(row["corrects"]) if row["corrects"] else None,
            previous=row["previous"],
        )
        for row in rows
    )


def stored_hashes(conn: Connection, person: PersonId) -> tuple[str, ...]:
    """The hashes as they were stored, in order of position: what `verify` compares with the rows."""
    query = select(t.ledger.c.hash).where(t.ledger.c.person == person).order_by(t.ledger.c.position)
    return tuple(conn.execute(query).scalars())


def append(conn: Connection, event: LedgerEvent) -> None:
    """Errors: PlaceTaken (Retryable) if another event took its position or place first; the engine's own error if the
    cap's check or the policy's key does not hold, for then the caller decided wrongly.
    """
    row = {
        "person": event.person,
        "position": event.position,
        "event": event.event,
        "owner": event.owner,
        "kind": event.kind.value,
        "at": event.at.seconds,
        "anchor": event.anchor,
        "seq": event.seq,
        "adjustment": event.adjustment,
        "cap": event.cap,
        "policy_owner": event.policy_owner,
        "policy_version": event.policy_version,
        "actor": event.actor,
        "channel": event.channel,
        "level": event.level,
        "evidence": canonical(event.evidence).decode(),
        "corrects": event.corrects,
        "previous": event.previous,
        "hash": event.hash,
    }
    try:
        conn.execute(insert(t.ledger).values(row))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise PlaceTaken(event.person, event.position) from error
        raise


def people_with_events(conn: Connection, after: PersonId | None, limit: int) -> Sequence[PersonId]:
    """Ids in order, for walks over the whole ledger page by page."""
    query = select(t.ledger.c.person).distinct().order_by(t.ledger.c.person).limit(limit)
    if after is not None:
        query = query.where(t.ledger.c.person > after)
    return [PersonId(person) for person in conn.execute(query).scalars()]


def add_policy(conn: Connection, policy: CapPolicy, at: Instant, adopted_by: str) -> None:
    """Keep a version for ever. Errors: AlreadyAdopted for a version or a date that is taken."""
    try:
        conn.execute(
            insert(t.policies).values(
                owner=policy.owner,
                version=policy.version,
                effective_from=policy.effective_from.seconds,
                max_consecutive=policy.max_consecutive,
                body=canonical(policy.body()).decode(),
                adopted_at=at.seconds,
                adopted_by=adopted_by,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise AlreadyAdopted(policy.version) from error
        raise


def policies_of(conn: Connection, owner: str) -> tuple[CapPolicy, ...]:
    """The versions of this owner and the common ones, in the order in which they come into force."""
    query = (
        select(t.policies.c.body)
        .where(t.policies.c.owner.in_([COMMON, owner]))
        .order_by(t.policies.c.effective_from, t.policies.c.version)
    )
    return tuple(parse_policy(json.loads(body)) for body in conn.execute(query).scalars())


def policy_owners(conn: Connection) -> tuple[str, ...]:
    """Every municipality with a policy of its own."""
    query = select(t.policies.c.owner).where(t.policies.c.owner != COMMON).distinct().order_by(t.policies.c.owner)
    return tuple(conn.execute(query).scalars())
