"""What others are to be told, kept in the transaction that made it true and delivered afterwards, at least once."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from enrollment.canonical import Json
from enrollment.person import Random, draw_id
from enrollment.store import Connection, Database
from enrollment.store import records as rows
from enrollment.store.records import Message
from pki.errors import Error
from pki.instant import Instant

__all__ = ["Message", "deliver", "put"]

RETRY = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))
"""How long to wait after the first, second, third and every later failure."""


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
    rows.put_message(conn, subject, message, topic, body, at, due or at)
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
    in order: while one fails, the later ones of the same subject wait. What has no handler here waits for a process
    that has one, and holds up nobody.
    """
    delivered = failed = 0
    due = database.read(lambda conn: rows.messages_due(conn, at, limit, list(handlers)))
    for message in due:
        if not go_on():
            break
        try:
            handlers[message.topic](message)
        except Error:
            wait = RETRY[min(message.attempts, len(RETRY) - 1)]
            database.transaction(partial(rows.message_failed, message=message.message, retry_at=at + wait))
            failed += 1
        else:
            database.transaction(partial(rows.message_delivered, message=message.message, at=at))
            delivered += 1
    return delivered, failed
