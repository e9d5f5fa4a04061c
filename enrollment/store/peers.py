"""Keys of municipalities' systems and channels, nonces of signed requests, alarms, comparisons, snapshots made."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.errors import Stale
from enrollment.store import tables_care as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant


def add_key(conn: Connection, kind: str, peer: str, kid: str, spki: bytes, at: Instant) -> None:
    """A new key."""
    conn.execute(insert(t.peer_keys).values(kind=kind, peer=peer, kid=kid, spki=spki, added_at=at.seconds))


def end_key(conn: Connection, kind: str, peer: str, kid: str, at: Instant) -> bool:
    """Note the end; False if there was nothing to end."""
    k = t.peer_keys.c
    done = conn.execute(
        update(t.peer_keys)
        .where(k.kind == kind, k.peer == peer, k.kid == kid, k.ended_at.is_(None))
        .values(ended_at=at.seconds)
    )
    return done.rowcount == 1


def keys_of(conn: Connection, kind: str, peer: str, *, ended_too: bool = False) -> list[tuple[str, bytes]]:
    """(name, SubjectPublicKeyInfo) of each key in force, or of all."""
    k = t.peer_keys.c
    query = select(k.kid, k.spki).where(k.kind == kind, k.peer == peer).order_by(k.added_at, k.kid)
    if not ended_too:
        query = query.where(k.ended_at.is_(None))
    return [(row[0], bytes(row[1])) for row in conn.execute(query)]


def peers_with_keys(conn: Connection, kind: str) -> list[str]:
    """Who has a key in force."""
    k = t.peer_keys.c
    query = select(k.peer).where(k.kind == kind, k.ended_at.is_(None)).distinct().order_by(k.peer)
    return list(conn.execute(query).scalars())


def use_nonce(conn: Connection, who: str, nonce: str, expires: Instant) -> bool:
    """Note that a request was answered; False if it was before. Errors: Stale for two at the same moment."""
    n = t.nonces.c
    if conn.execute(select(n.nonce).where(n.who == who, n.nonce == nonce)).one_or_none() is not None:
        return False
    try:
        conn.execute(insert(t.nonces).values(who=who, nonce=nonce, expires_at=expires.seconds))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the request") from error
        raise
    return True


def count_nonces(conn: Connection, who: str) -> int:
    """How many requests of `who` are remembered: as many as came while a request lives."""
    return conn.execute(select(func.count()).select_from(t.nonces).where(t.nonces.c.who == who)).scalar_one()


def forget_nonces(conn: Connection, at: Instant, limit: int = 10_000) -> int:
    """Drop nonces of requests that are too old to be sent again; how many."""
    n = t.nonces.c
    old = select(n.who, n.nonce).where(n.expires_at < at.seconds).limit(limit)
    found = conn.execute(old).all()
    for who, nonce in found:
        conn.execute(delete(t.nonces).where(n.who == who, n.nonce == nonce))
    return len(found)


@dataclass(frozen=True, slots=True)
class Alarm:
    """What somebody must look at, until it has ended."""

    kind: str
    subject: str
    owner: str
    detail: str
    raised_at: Instant
    ended_at: Instant | None


def _alarm(row: Any) -> Alarm:
    ended = None if row["ended_at"] is None else Instant(row["ended_at"])
    return Alarm(row["kind"], row["subject"], row["owner"], row["detail"], Instant(row["raised_at"]), ended)


def raise_alarm(conn: Connection, kind: str, subject: str, owner: str, detail: str, at: Instant) -> bool:
    """Begin an alarm; False while the same one stands. Errors: Stale for two at the same moment."""
    a = t.alarms.c
    rows = conn.execute(select(a.number, a.ended_at).where(a.kind == kind, a.subject == subject)).all()
    if any(ended is None for _, ended in rows):
        return False
    number = max((number for number, _ in rows), default=0) + 1
    try:
        conn.execute(
            insert(t.alarms).values(
                kind=kind, subject=subject, number=number, owner=owner, detail=detail, raised_at=at.seconds
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the alarm") from error
        raise
    return True


def end_alarm(conn: Connection, kind: str, subject: str, at: Instant) -> bool:
    """The reason is gone; False if there was no such alarm."""
    a = t.alarms.c
    done = conn.execute(
        update(t.alarms).where(a.kind == kind, a.subject == subject, a.ended_at.is_(None)).values(ended_at=at.seconds)
    )
    return done.rowcount > 0


def alarms_of(conn: Connection, owner: str) -> list[Alarm]:
    """A municipality's alarms that stand, oldest first."""
    a = t.alarms.c
    query = select(t.alarms).where(a.owner == owner, a.ended_at.is_(None)).order_by(a.raised_at, a.kind, a.subject)
    return [_alarm(row) for row in conn.execute(query).mappings()]


def standing_alarms(conn: Connection, kind: str) -> list[Alarm]:
    """Every alarm of a kind that stands."""
    a = t.alarms.c
    query = select(t.alarms).where(a.kind == kind, a.ended_at.is_(None)).order_by(a.raised_at, a.subject)
    return [_alarm(row) for row in conn.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a day's comparison with a channel gave, in numbers."""

    channel: str
    day: str
    at: Instant
    missing: int
    outdated: int
    unknown: int


def compared(conn: Connection, channel: str, day: str) -> bool:
    """Whether the comparison of that day is done."""
    c = t.comparisons.c
    query = select(c.day).where(c.channel == channel, c.day == day)
    return conn.execute(query).one_or_none() is not None


def add_comparison(conn: Connection, one: Comparison) -> None:
    """Errors: Stale if another instance was first."""
    try:
        conn.execute(
            insert(t.comparisons).values(
                channel=one.channel,
                day=one.day,
                at=one.at.seconds,
                missing=one.missing,
                outdated=one.outdated,
                unknown=one.unknown,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the comparison") from error
        raise


def last_comparison(conn: Connection, channel: str) -> Comparison | None:
    """The newest one with a channel."""
    c = t.comparisons.c
    query = select(t.comparisons).where(c.channel == channel).order_by(c.day.desc()).limit(1)
    row = conn.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return Comparison(row["channel"], row["day"], Instant(row["at"]), row["missing"], row["outdated"], row["unknown"])


@dataclass(frozen=True, slots=True)
class SnapshotMade:
    """One snapshot that was made: its SHA-256, its moment, its size."""

    owner: str
    digest: str
    as_of: Instant
    octets: int
    people: int


def add_snapshot(conn: Connection, one: SnapshotMade) -> None:
    """Note a snapshot once it lies safely where it belongs."""
    conn.execute(
        insert(t.snapshots).values(
            owner=one.owner, digest=one.digest, as_of=one.as_of.seconds, octets=one.octets, people=one.people
        )
    )


def snapshots_of(conn: Connection, owner: str, limit: int = 30) -> list[SnapshotMade]:
    """The newest snapshots of a municipality, newest first."""
    s = t.snapshots.c
    query = select(t.snapshots).where(s.owner == owner).order_by(s.as_of.desc(), s.digest).limit(limit)
    return [
        SnapshotMade(row["owner"], row["digest"], Instant(row["as_of"]), row["octets"], row["people"])
        for row in conn.execute(query).mappings()
    ]
