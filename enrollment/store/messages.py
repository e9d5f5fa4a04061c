"""SQL of the outbox: what others are to be told, in order of each subject."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.canonical import canonical
from enrollment.errors import Stale
from enrollment.store import tables as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant

_O = t.outbox.c


@dataclass(frozen=True, slots=True)
class Message:
    """Something others are to be told. `number` orders the messages about one subject."""

    subject: str
    number: int
    message: str
    topic: str
    body: str
    at: Instant
    due_at: Instant
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that nobody could deliver; what it says is not shown."""

    message: str
    subject: str
    topic: str
    because: str
    attempts: int
    at: Instant
    set_aside_at: Instant


def put(conn: Connection, subject: str, message: str, topic: str, body: Any, at: Instant, due: Instant) -> None:
    """Add to the outbox, after all other messages about `subject`. Errors: Stale if another came at the same moment."""
    query = select(func.coalesce(func.max(_O.number), 0)).where(_O.subject == subject)
    number = conn.execute(query).scalar_one() + 1
    try:
        conn.execute(
            insert(t.outbox).values(
                subject=subject,
                number=number,
                message=message,
                topic=topic,
                body=canonical(body).decode(),
                at=at.seconds,
                due_at=due.seconds,
                attempts=0,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the outbox") from error
        raise


def _waiting() -> ColumnElement[bool]:
    return and_(_O.delivered_at.is_(None), _O.set_aside_at.is_(None))


def due(conn: Connection, at: Instant, limit: int, topics: Collection[str]) -> list[Message]:
    """Undelivered messages on these topics whose time has come, oldest first; none before an earlier one of its subject
    that is on one of them too and was not set aside."""
    earlier = t.outbox.alias("earlier")
    blocked = (
        select(earlier.c.number)
        .where(
            earlier.c.subject == _O.subject,
            earlier.c.number < _O.number,
            earlier.c.delivered_at.is_(None),
            earlier.c.set_aside_at.is_(None),
            earlier.c.topic.in_(topics),
        )
        .exists()
    )
    query = (
        select(t.outbox)
        .where(_waiting(), _O.due_at <= at.seconds, _O.topic.in_(topics), ~blocked)
        .order_by(_O.due_at, _O.subject, _O.number)
        .limit(limit)
    )
    return [_message(row) for row in conn.execute(query).mappings()]


def any_due(conn: Connection, at: Instant) -> bool:
    """Whether anything waits whose time has come, on whatever topic."""
    query = select(_O.message).where(_waiting(), _O.due_at <= at.seconds).limit(1)
    return conn.execute(query).one_or_none() is not None


def delivered(conn: Connection, message: str, at: Instant) -> None:
    """Note the delivery; a second note changes nothing."""
    conn.execute(
        update(t.outbox).where(_O.message == message, _O.delivered_at.is_(None)).values(delivered_at=at.seconds)
    )


def failed(conn: Connection, message: str, retry_at: Instant) -> None:
    """Note a failed attempt and when to try again."""
    conn.execute(
        update(t.outbox)
        .where(_O.message == message, _O.delivered_at.is_(None))
        .values(attempts=_O.attempts + 1, due_at=retry_at.seconds)
    )


def settle(conn: Connection, topics: Collection[str], at: Instant) -> int:
    """Note as delivered whatever is due on these topics, all at once; how many."""
    query = update(t.outbox).where(_waiting(), _O.due_at <= at.seconds, _O.topic.in_(topics))
    return conn.execute(query.values(delivered_at=at.seconds)).rowcount


def set_aside(conn: Connection, message: str, because: str, at: Instant) -> None:
    """Nobody can deliver it: later ones of its subject no longer wait for it."""
    query = update(t.outbox).where(_O.message == message, _waiting())
    conn.execute(query.values(set_aside_at=at.seconds, set_aside_because=because))


def unknown_due(conn: Connection, known: Collection[str], before: Instant, limit: int) -> list[str]:
    """Messages on other topics than these that were due before that time, oldest first."""
    query = select(_O.message).where(_waiting(), _O.due_at < before.seconds, _O.topic.not_in(known))
    return list(conn.execute(query.order_by(_O.due_at, _O.message).limit(limit)).scalars())


def all_set_aside(conn: Connection) -> list[SetAside]:
    """What was set aside, oldest first."""
    query = select(t.outbox).where(_O.set_aside_at.is_not(None)).order_by(_O.set_aside_at, _O.message)
    return [
        SetAside(
            row["message"],
            row["subject"],
            row["topic"],
            row["set_aside_because"] or "",
            row["attempts"],
            Instant(row["at"]),
            Instant(row["set_aside_at"]),
        )
        for row in conn.execute(query).mappings()
    ]


def take_back(conn: Connection, message: str, at: Instant) -> bool:
    """Have a message that was set aside tried once more, from `at` on; False if there is no such one."""
    query = update(t.outbox).where(_O.message == message, _O.set_aside_at.is_not(None))
    done = conn.execute(query.values(set_aside_at=None, set_aside_because=None, due_at=at.seconds))
    return done.rowcount == 1


def numbers(conn: Connection) -> tuple[int, Instant | None, int]:
    """How many wait, since when the oldest of them was due, and how many were set aside."""
    waits = conn.execute(select(func.count(), func.min(_O.due_at)).where(_waiting())).one()
    aside = conn.execute(select(func.count()).where(_O.set_aside_at.is_not(None))).scalar_one()
    return waits[0], None if waits[1] is None else Instant(waits[1]), aside


def about(conn: Connection, subject: str) -> list[Message]:
    """Everything that was or will be told about `subject`, in order."""
    query = select(t.outbox).where(_O.subject == subject).order_by(_O.number)
    return [_message(row) for row in conn.execute(query).mappings()]


def _message(row: Any) -> Message:
    return Message(
        row["subject"],
        row["number"],
        row["message"],
        row["topic"],
        row["body"],
        Instant(row["at"]),
        Instant(row["due_at"]),
        row["attempts"],
    )
