"""What people prepared at home for the counter; in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from pki.instant import Instant
from web.store.tables_entries import PREFILLS

_KEPT: Final = 86_400
"""Seconds for which somebody who comes too late is told just that."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """`document`: address, day, members; `secret`: what the code is signed with. `repr` shows neither."""

    ticket: str
    person: str
    owner: str
    document: Mapping[str, Any]
    secret: bytes
    made_at: Instant
    void_after: Instant
    used_at: Instant | None = None

    def __repr__(self) -> str:
        return f"Prefill({self.owner}, {self.void_after.iso()})"


def add(conn: Connection, one: Prefill) -> None:
    """New; an older one of the same person is worth nothing from now on. What was void for a day goes, too."""
    conn.execute(delete(PREFILLS).where(PREFILLS.c.void_after < one.made_at.seconds - _KEPT))
    conn.execute(delete(PREFILLS).where(PREFILLS.c.person == one.person, PREFILLS.c.used_at.is_(None)))
    conn.execute(
        insert(PREFILLS).values(
            ticket=one.ticket,
            person=one.person,
            owner=one.owner,
            document=json.dumps(dict(one.document), sort_keys=True),
            secret=one.secret,
            made_at=one.made_at.seconds,
            void_after=one.void_after.seconds,
        )
    )


def find(conn: Connection, ticket: str) -> Prefill | None:
    """By its number."""
    row = conn.execute(select(PREFILLS).where(PREFILLS.c.ticket == ticket)).one_or_none()
    return None if row is None else _prefill(row)


def _prefill(row: Any) -> Prefill:
    return Prefill(
        row.ticket,
        row.person,
        row.owner,
        json.loads(row.document),
        bytes(row.secret),
        Instant(row.made_at),
        Instant(row.void_after),
        None if row.used_at is None else Instant(row.used_at),
    )


def unused_of(conn: Connection, person: str, at: Instant) -> Prefill | None:
    """What somebody prepared and has not yet brought."""
    p = PREFILLS.c
    row = conn.execute(
        select(PREFILLS).where(p.person == person, p.used_at.is_(None), p.void_after >= at.seconds)
    ).one_or_none()
    return None if row is None else _prefill(row)


def use(conn: Connection, ticket: str, work: str, at: Instant) -> bool:
    """Use it up: what was written in it is gone with that. False if somebody was faster."""
    where = (PREFILLS.c.ticket == ticket, PREFILLS.c.used_at.is_(None))
    done = conn.execute(update(PREFILLS).where(*where).values(used_at=at.seconds, used_by=work, document="{}"))
    return done.rowcount == 1
