"""Whether a database is there to practise with; in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select

from pki.instant import Instant
from web.store.tables_training import TRAINING


def mark(conn: Connection, at: Instant) -> None:
    """For practice from now on; nothing takes that back."""
    conn.execute(insert(TRAINING).values(made_at=at.seconds))


def is_marked(conn: Connection) -> bool:
    """Whether it was made to practise with."""
    return bool(conn.execute(select(func.count()).select_from(TRAINING)).scalar_one())
