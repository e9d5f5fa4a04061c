"""Messages at the gate, and the brake."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.errors import Stale
from enrollment.person import PersonId
from enrollment.store import tables_care as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant

_NEVER = Instant(0)


@dataclass(frozen=True, slots=True)
class GateRow:
    """A stored message; `body` holds rebuilt octets, never those that came in."""

    owner: str
    message: str
    kind: str
    person: str | None
    state: str
    digest: str
    body: str
    received_at: Instant
    due_at: Instant
    settled_at: Instant | None
    supersedes: str | None
    reason: str
    sent_at: Instant = _NEVER


def _row(row: Any) -> GateRow:
    return GateRow(
        row["owner"],
        row["message"],
        row["kind"],
        row["person"],
        row["state"],
        row["digest"],
        row["body"],
        Instant(row["received_at"]),
        Instant(row["due_at"]),
        None if row["settled_at"] is None else Instant(row["settled_at"]),
        row["supersedes"],
        row["reason"],
        Instant(row["sent_at"]),
    )


def add(conn: Connection, row: GateRow) -> None:
    """Errors: Stale if the same message was taken in at the same moment."""
    try:
        conn.execute(
            insert(t.gateway).values(
                owner=row.owner,
                message=row.message,
                kind=row.kind,
                person=row.person,
                state=row.state,
                digest=row.digest,
                body=row.body,
                received_at=row.received_at.seconds,
                due_at=row.due_at.seconds,
                settled_at=None if row.settled_at is None else row.settled_at.seconds,
                supersedes=row.supersedes,
                reason=row.reason,
                sent_at=row.sent_at.seconds,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the message") from error
        raise


def find(conn: Connection, owner: str, message: str) -> GateRow | None:
    """One message."""
    query = select(t.gateway).where(t.gateway.c.owner == owner, t.gateway.c.message == message)
    row = conn.execute(query).mappings().one_or_none()
    return _row(row) if row else None


def settle(conn: Connection, owner: str, message: str, state: str, at: Instant, reason: str) -> None:
    """A held message becomes something else. Errors: Stale if it is held no longer."""
    g = t.gateway.c
    done = conn.execute(
        update(t.gateway)
        .where(g.owner == owner, g.message == message, g.state == "held")
        .values(state=state, settled_at=at.seconds, reason=reason)
    )
    if done.rowcount != 1:
        raise Stale("the message")


def due(conn: Connection, owner: str, at: Instant, limit: int) -> list[GateRow]:
    """What may take effect, in the order in which it was sent, whatever the line did to it."""
    g = t.gateway.c
    query = (
        select(t.gateway)
        .where(g.owner == owner, g.state == "held", g.due_at <= at.seconds)
        .order_by(g.sent_at, g.message)
        .limit(limit)
    )
    return [_row(row) for row in conn.execute(query).mappings()]


def held(conn: Connection, owner: str, kind: str) -> list[GateRow]:
    """Every message of a kind that waits."""
    g = t.gateway.c
    query = select(t.gateway).where(g.owner == owner, g.state == "held", g.kind == kind).order_by(g.message)
    return [_row(row) for row in conn.execute(query).mappings()]


def waiting_for(conn: Connection, owner: str, message: str) -> list[GateRow]:
    """Corrections and retractions that came before what they name, the newest first."""
    g = t.gateway.c
    query = (
        select(t.gateway)
        .where(g.owner == owner, g.supersedes == message, g.state == "held")
        .order_by(g.sent_at.desc(), g.message.desc())
    )
    return [_row(row) for row in conn.execute(query).mappings()]


def put_off(conn: Connection, owner: str, message: str, due_at: Instant) -> None:
    """A held message takes effect at another time."""
    g = t.gateway.c
    conn.execute(
        update(t.gateway).where(g.owner == owner, g.message == message, g.state == "held").values(due_at=due_at.seconds)
    )


def newest_applied(conn: Connection, owner: str, person: str, kinds: Collection[str]) -> tuple[Instant, str] | None:
    """When the last message of these kinds that took effect for `person` was sent, and which it is."""
    g = t.gateway.c
    query = (
        select(g.sent_at, g.message)
        .where(g.owner == owner, g.person == person, g.state == "released", g.kind.in_(kinds))
        .order_by(g.sent_at.desc(), g.message.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return (Instant(row[0]), row[1]) if row else None


def count_since(conn: Connection, owner: str, since: Instant) -> int:
    """Messages of any kind, quarantined ones too."""
    g = t.gateway.c
    query = select(func.count()).where(g.owner == owner, g.received_at > since.seconds)
    return conn.execute(query).scalar_one()


def count_changes_since(conn: Connection, owner: str, since: Instant, after: Instant | None) -> int:
    """Changes within the hour that came after the brake was last let go."""
    g = t.gateway.c
    start = max(since.seconds, after.seconds) if after else since.seconds
    kinds = ("attributes-changed", "move", "death", "correction")
    query = select(func.count()).where(g.owner == owner, g.received_at > start, g.kind.in_(kinds))
    return conn.execute(query).scalar_one()


def correction_of(conn: Connection, owner: str, message: str) -> Instant | None:
    """When a correction of this message took effect."""
    g = t.gateway.c
    query = select(func.min(g.settled_at)).where(
        g.owner == owner, g.supersedes == message, g.state == "released", g.kind == "correction"
    )
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else Instant(found)


def newest(conn: Connection, owner: str, person: PersonId, kind: str) -> GateRow | None:
    """The last released message of a kind about a person."""
    g = t.gateway.c
    query = (
        select(t.gateway)
        .where(g.owner == owner, g.person == person, g.kind == kind, g.state == "released")
        .order_by(g.sent_at.desc(), g.message.desc())
        .limit(1)
    )
    row = conn.execute(query).mappings().one_or_none()
    return _row(row) if row else None


def quarantined(conn: Connection, owner: str, limit: int = 1000) -> list[GateRow]:
    """What was stopped, the newest first."""
    g = t.gateway.c
    query = (
        select(t.gateway)
        .where(g.owner == owner, g.state == "quarantined")
        .order_by(g.received_at.desc(), g.message)
        .limit(limit)
    )
    return [_row(row) for row in conn.execute(query).mappings()]


def count_by_state(conn: Connection, owner: str) -> dict[str, int]:
    """How many messages are in each state."""
    g = t.gateway.c
    query = select(g.state, func.count()).where(g.owner == owner).group_by(g.state)
    return {row[0]: row[1] for row in conn.execute(query)}


def owners_with_held(conn: Connection, at: Instant) -> list[str]:
    """Municipalities with something that may take effect."""
    g = t.gateway.c
    query = select(g.owner).where(g.state == "held", g.due_at <= at.seconds).distinct().order_by(g.owner)
    return list(conn.execute(query).scalars())


def brake_since(conn: Connection, owner: str) -> tuple[int, Instant, str] | None:
    """Number, time and reason of the brake that is pulled."""
    b = t.brakes.c
    query = select(b.number, b.pulled_at, b.reason).where(b.owner == owner, b.released_at.is_(None))
    row = conn.execute(query).one_or_none()
    return (row[0], Instant(row[1]), row[2]) if row else None


def brake_of(conn: Connection, owner: str) -> str | None:
    """Why the flow is stopped, if it is."""
    b = t.brakes.c
    return conn.execute(select(b.reason).where(b.owner == owner, b.released_at.is_(None))).scalar_one_or_none()


def last_go(conn: Connection, owner: str) -> Instant | None:
    """When the brake was last let go."""
    b = t.brakes.c
    found = conn.execute(select(func.max(b.released_at)).where(b.owner == owner)).scalar_one_or_none()
    return None if found is None else Instant(found)


def pull_brake(conn: Connection, owner: str, at: Instant, reason: str) -> None:
    """Stop the flow. Errors: Stale if it was stopped at the same moment."""
    b = t.brakes.c
    number = conn.execute(select(func.coalesce(func.max(b.number), 0)).where(b.owner == owner)).scalar_one() + 1
    try:
        conn.execute(insert(t.brakes).values(owner=owner, number=number, pulled_at=at.seconds, reason=reason))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the brake") from error
        raise


def release_brake(conn: Connection, owner: str, at: Instant, by: str) -> bool:
    """Let the flow go on; False if it was not stopped."""
    b = t.brakes.c
    done = conn.execute(
        update(t.brakes).where(b.owner == owner, b.released_at.is_(None)).values(released_at=at.seconds, released_by=by)
    )
    return done.rowcount == 1
