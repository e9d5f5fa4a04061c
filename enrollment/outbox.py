"""What others are to be told, kept in the transaction that made it true and delivered afterwards, at least once.

put ─▶ waits ─ its topic's handler takes it ─▶ delivered
         │  └─ the handler fails ─▶ waits again, longer each time; later ones of the same subject wait with it
         └─ nobody knows its topic, or it breaks its handler ─▶ set aside, with an alarm, until an officer has it
            tried again; later ones of the same subject go on
"""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from enrollment.canonical import Json
from enrollment.person import Random, draw_id
from enrollment.store import Connection, Database
from enrollment.store import messages as rows
from enrollment.store.messages import Message
from pki.errors import Error
from pki.instant import Instant

__all__ = ["EVENTS", "Message", "deliver", "put", "set_aside_unknown"]

log = logging.getLogger("jitsuin.outbox")

RETRY = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))
"""How long to wait after the first, second, third and every later failure."""

EVENTS: Final = frozenset(
    {
        "application.delivered",
        "application.intended",
        "card.damaged",
        "card.ended",
        "card.lost",
        "card.pin-reset-permitted",
        "card.pin-set-anew",
        "card.resumed",
        "card.returned",
        "card.suspended",
        "certificate.ended",
        "deadline.missed",
        "filing.accepted",
        "household.member",
        "ledger.corrected",
        "person.changed",
        "person.ended",
        "person.reinstated",
        "person.seen",
        "transfer.announced",
    }
)
"""Topics of what happened, for whoever asks for them: where nobody does, they are noted as told and hold up nothing."""

UNKNOWN_AFTER: Final = timedelta(minutes=10)
"""A topic that this version does not know may be a newer version's, which is being started beside it."""


def put(
    conn: Connection,
    subject: str,
    topic: str,
    body: Mapping[str, Json],
    at: Instant,
    random: Random,
    due: Instant | None = None,
) -> str:
    """Keep a message about `subject` (a person, a municipality); its id. Receivers drop an id that they know."""
    message = draw_id(random)
    rows.put(conn, subject, message, topic, body, at, due or at)
    return message


def deliver(
    database: Database,
    handlers: Mapping[str, Callable[[Message], None]],
    at: Instant,
    limit: int = 100,
    go_on: Callable[[], bool] = lambda: True,
) -> tuple[int, int]:
    """Hand what is due to the handler of its topic; (delivered, failed). Stops early once `go_on()` says no.

    A handler runs outside any transaction and may see a message again after a crash. Messages about one subject come
    in order: while one fails, the later ones of the same subject wait. One that breaks its handler (anything but an
    Error) would do so again: it is set aside. What has no handler here holds up nobody.
    """
    delivered = failed = 0
    due = database.read(lambda conn: rows.due(conn, at, limit, list(handlers)))
    for message in due:
        if not go_on():
            break
        try:
            handlers[message.topic](message)
        except Error:
            wait = RETRY[min(message.attempts, len(RETRY) - 1)]
            database.transaction(partial(rows.failed, message=message.message, retry_at=at + wait))
            failed += 1
        except Exception as broken:  # its body is not what its handler reads: the queue must go on without it
            because = f"broke its handler: {type(broken).__name__}"
            log.error("message %s on %s %s", message.message, message.topic, because)
            database.transaction(partial(rows.set_aside, message=message.message, because=because, at=at))
            failed += 1
        else:
            database.transaction(partial(rows.delivered, message=message.message, at=at))
            delivered += 1
    return delivered, failed


def set_aside_unknown(database: Database, handled: Collection[str], at: Instant, limit: int = 1000) -> int:
    """Note events as told, and set aside what has waited on a topic that nobody knows; how many of the latter.

    To be called by the process that has every handler there is.
    """

    def body(conn: Connection) -> int:
        rows.settle(conn, EVENTS, at)
        found = rows.unknown_due(conn, {*EVENTS, *handled}, at + -UNKNOWN_AFTER, limit)
        for message in found:
            rows.set_aside(conn, message, "no handler for its topic", at)
        return len(found)

    return database.transaction(body)
