"""What a clerk wrote down of a change, for as long as its work is open; in the caller's transaction."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from pki.instant import Instant
from web.store.tables_entries import ENTRIES
from web.store.tables_pages import WORK

_KEPT: Final = 30 * 86_400
"""Seconds after which what was written down for work that nobody went on with is forgotten."""


def write(conn: Connection, work: str, entry: Mapping[str, Any], at: Instant) -> None:
    """Keep it; what was written before is gone, and so is what lay too long."""
    forget(conn, work)
    left = select(WORK.c.work).where(WORK.c.changed_at < at.seconds - _KEPT)
    conn.execute(delete(ENTRIES).where(ENTRIES.c.work.in_(left)))
    conn.execute(insert(ENTRIES).values(work=work, document=json.dumps(dict(entry), sort_keys=True)))


def read(conn: Connection, work: str) -> dict[str, Any]:
    """What was written; nothing, if nothing was."""
    found = conn.execute(select(ENTRIES.c.document).where(ENTRIES.c.work == work)).scalar_one_or_none()
    return {} if found is None else dict(json.loads(found))


def forget(conn: Connection, work: str) -> None:
    """It is over."""
    conn.execute(delete(ENTRIES).where(ENTRIES.c.work == work))
