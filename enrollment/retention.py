"""After seven years nobody can tell any more who looked at whom: the openings of the log's entries are destroyed.

A record of access is an entry of the owner's log by its digest alone, with 128 random bits in it. Destroying the
record, its identifier included, leaves an entry that means nothing; the tree and every other record still verify. Of
the record its place in the person's chain stays: its hash, its hour, its number in the log.
"""

from dataclasses import dataclass
from typing import Final

from enrollment.registry import DESTROYED
from enrollment.store import Connection, Database
from enrollment.store import disclosure as rows
from pki.instant import Instant, years_later
from transparency import store as log

YEARS: Final = 7
"""Full years in Japan's calendar that a record is kept (jpki.md 6)."""
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What a round did."""

    records: int
    waiting: int
    """Due, but kept until their entries have a number in the log, or because an open case or incident needs them."""


def is_due(at: Instant, now: Instant) -> bool:
    """Whether a record of `at` has been kept long enough: until the same day seven years on has ended in Japan."""
    return years_later(at.jst_date(), YEARS) < now.jst_date()


def destroy_due(database: Database, now: Instant) -> Destroyed:
    """Destroy every opening that is due, batch by batch; may be cut short and called again at any time."""
    done, kept = 0, 0
    after: rows.Place | None = None
    while True:
        batch = database.read(lambda conn, after=after: rows.due_records(conn, _limit(now), after, BATCH))  # type: ignore[misc]
        due = [one for one in batch if is_due(one.at, now)]
        if not due:
            return Destroyed(done, kept)
        gone = database.transaction(lambda conn, due=due: _destroy(conn, due))  # type: ignore[misc]
        done, kept = done + gone, kept + len(due) - gone
        after = due[-1].place


def has_due(conn: Connection, now: Instant) -> bool:
    """Whether some record has been kept long enough."""
    return any(is_due(one.at, now) for one in rows.due_records(conn, _limit(now), None, 1))


def _limit(now: Instant) -> Instant:
    """No record after it is due; those before it may be."""
    return Instant(now.seconds - YEARS * 365 * 86_400)


def _destroy(conn: Connection, due: list[rows.DueRecord]) -> int:
    gone = 0
    for one in due:
        number = log.number_of(conn, one.owner, one.record)
        if number is None or rows.is_needed(conn, one.record):
            continue
        rows.destroy_record(conn, one.person, one.position, f"{DESTROYED}:{one.owner}:{number}")
        log.forget(conn, one.owner, number)
        gone += 1
    return gone
