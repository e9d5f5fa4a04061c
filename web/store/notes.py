"""Notes that were carried out; in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from pki.errors import Retryable
from pki.instant import Instant
from web.store.tables_notes import NOTES


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One note and what became of it. `act`: which; `card`: its number, empty for a visit."""

    note: str
    owner: str
    counter: str
    operator: str
    act: str
    card: str
    noted_at: Instant
    carried_at: Instant
    outcome: str


def add_note(conn: Connection, row: NoteRow) -> bool:
    """Keep it; False if this note was here before: then nothing of it happens again. Errors: Retryable if another
    process keeps it just now."""
    known = conn.execute(select(NOTES.c.note).where(NOTES.c.note == row.note)).scalar_one_or_none()
    if known is not None:
        return False
    values = {
        "note": row.note,
        "owner": row.owner,
        "counter": row.counter,
        "operator": row.operator,
        "act": row.act,
        "card": row.card,
        "noted_at": row.noted_at.seconds,
        "carried_at": row.carried_at.seconds,
        "outcome": row.outcome,
    }
    try:
        conn.execute(insert(NOTES).values(values))
    except IntegrityError as lost:
        raise Retryable("the note") from lost
    return True


def notes_of(conn: Connection, counter: str, since: Instant, until: Instant) -> list[NoteRow]:
    """Those of one desk that were carried out then, oldest first."""
    n = NOTES.c
    query = (
        select(NOTES)
        .where(n.counter == counter, n.carried_at >= since.seconds, n.carried_at < until.seconds)
        .order_by(n.noted_at, n.note)
    )
    return [
        NoteRow(
            r["note"],
            r["owner"],
            r["counter"],
            r["operator"],
            r["act"],
            r["card"],
            Instant(r["noted_at"]),
            Instant(r["carried_at"]),
            r["outcome"],
        )
        for r in conn.execute(query).mappings()
    ]
