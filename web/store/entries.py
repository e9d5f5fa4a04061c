"""What a clerk wrote down of a change, for as long as its work is open; in the caller's transaction."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from web.store.tables_entries import ENTRIES


def write(conn: Connection, work: str, entry: Mapping[str, Any]) -> None:
    """Keep it; what was written before is gone."""
    forget(conn, work)
    conn.execute(insert(ENTRIES).values(work=work, document=json.dumps(dict(entry), sort_keys=True)))


def read(conn: Connection, work: str) -> dict[str, Any]:
    """What was written; nothing, if nothing was."""
    found = conn.execute(select(ENTRIES.c.document).where(ENTRIES.c.work == work)).scalar_one_or_none()
    return {} if found is None else dict(json.loads(found))


def forget(conn: Connection, work: str) -> None:
    """It is over."""
    conn.execute(delete(ENTRIES).where(ENTRIES.c.work == work))
