"""Reading and writing people's consents. Every function runs in the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from pki.instant import Instant
from web.store.tables import CONSENTS


def add(conn: Connection, row: dict[str, Any]) -> bool:
    """Enter a consent; False if one of that id was ever given, also where it was withdrawn."""
    try:
        with conn.begin_nested():
            conn.execute(insert(CONSENTS).values(**row))
    except IntegrityError:
        return False
    return True


def withdraw(conn: Connection, person: str, id_: str, at: Instant) -> bool:
    """From now on it holds nothing; False if the person has no such consent standing."""
    standing = (CONSENTS.c.id == id_) & (CONSENTS.c.person == person) & CONSENTS.c.withdrawn_at.is_(None)
    return conn.execute(update(CONSENTS).where(standing).values(withdrawn_at=at.seconds)).rowcount == 1


def standing(conn: Connection, person: str, party: str, at: Instant) -> list[dict[str, Any]]:
    """What the person lets that party have at this moment."""
    query = select(CONSENTS).where(
        CONSENTS.c.person == person,
        CONSENTS.c.party == party,
        CONSENTS.c.withdrawn_at.is_(None),
        CONSENTS.c.given_at <= at.seconds,
        CONSENTS.c.until >= at.seconds,
    )
    return [dict(row) for row in conn.execute(query.order_by(CONSENTS.c.given_at, CONSENTS.c.id)).mappings()]


def of_person(conn: Connection, person: str) -> list[dict[str, Any]]:
    """Every consent the person ever gave, newest first."""
    query = select(CONSENTS).where(CONSENTS.c.person == person)
    return [dict(row) for row in conn.execute(query.order_by(CONSENTS.c.given_at.desc(), CONSENTS.c.id)).mappings()]
