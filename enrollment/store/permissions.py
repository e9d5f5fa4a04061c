"""Permissions to set a PIN anew."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.errors import Stale
from enrollment.person import PersonId
from enrollment.store import tables_cards as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class PinPermission:
    """One PIN of one card may be set anew, once, until `expires_at`. `act`: the officer's signed act; `number` grows
    with each permission for the card, and the card itself remembers the last one that was used.
    """

    card_id: str
    number: int
    person: PersonId
    owner: str
    purpose: Purpose
    officer: str
    counter: str
    evidence: str
    act: str
    approval: str | None
    given_at: Instant
    expires_at: Instant
    spent_by: str | None = None
    spent_at: Instant | None = None
    done_at: Instant | None = None


def _permission(row: Any) -> PinPermission:
    def instant(name: str) -> Instant | None:
        return None if row[name] is None else Instant(row[name])

    return PinPermission(
        row["card_id"],
        row["number"],
        PersonId(row["person"]),
        row["owner"],
        Purpose(row["purpose"]),
        row["officer"],
        row["counter"],
        row["evidence"],
        row["act"],
        row["approval"],
        Instant(row["given_at"]),
        Instant(row["expires_at"]),
        row["spent_by"],
        instant("spent_at"),
        instant("done_at"),
    )


def last_number(conn: Connection, card_id: str) -> int:
    """The highest number for this card; 0 if there is none."""
    query = select(func.max(t.permissions.c.number)).where(t.permissions.c.card_id == card_id)
    return int(conn.execute(query).scalar_one() or 0)


def add_permission(conn: Connection, permission: PinPermission) -> None:
    """Keep it. Errors: Stale if the number was taken at the same moment."""
    try:
        conn.execute(
            insert(t.permissions).values(
                card_id=permission.card_id,
                number=permission.number,
                person=permission.person,
                owner=permission.owner,
                purpose=permission.purpose.value,
                officer=permission.officer,
                counter=permission.counter,
                evidence=permission.evidence,
                act=permission.act,
                approval=permission.approval,
                given_at=permission.given_at.seconds,
                expires_at=permission.expires_at.seconds,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the permission") from error
        raise


def find_permission(conn: Connection, card_id: str, number: int) -> PinPermission | None:
    """One permission."""
    c = t.permissions.c
    query = select(t.permissions).where(c.card_id == card_id, c.number == number)
    row = conn.execute(query).mappings().one_or_none()
    return _permission(row) if row else None


def permissions_of(conn: Connection, card_id: str) -> list[PinPermission]:
    """Every permission that a card ever had, oldest first."""
    query = select(t.permissions).where(t.permissions.c.card_id == card_id).order_by(t.permissions.c.number)
    return [_permission(row) for row in conn.execute(query).mappings()]


def spend(conn: Connection, permission: PinPermission, conversation: str, at: Instant) -> bool:
    """Open the card with it in this conversation, if it still stands as `permission` says; False if it does not."""
    c = t.permissions.c
    before = c.spent_by.is_(None) if permission.spent_by is None else c.spent_by == permission.spent_by
    done = conn.execute(
        update(t.permissions)
        .where(c.card_id == permission.card_id, c.number == permission.number, c.done_at.is_(None), before)
        .values(spent_by=conversation, spent_at=at.seconds)
    )
    return done.rowcount == 1


def finish(conn: Connection, card_id: str, number: int, at: Instant) -> bool:
    """The PIN was set; False if that was known."""
    c = t.permissions.c
    done = conn.execute(
        update(t.permissions)
        .where(c.card_id == card_id, c.number == number, c.done_at.is_(None), c.spent_by.is_not(None))
        .values(done_at=at.seconds)
    )
    return done.rowcount == 1
