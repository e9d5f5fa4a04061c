"""Signed acts, and where they are demanded."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from enrollment.act import Act, What
from enrollment.errors import Stale
from enrollment.store import tables_terms as t
from enrollment.store.connection import Connection, is_unique_violation
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class StoredAct:
    """An act as it is kept. `name`: the digest under which it was stored."""

    name: str
    owner: str
    act: Act
    card_fingerprint: str
    certificate: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    used_at: Instant | None = None


def _stored(row: Any) -> StoredAct:
    act = Act(
        What(row["what"]),
        row["subject"],
        row["content"],
        row["operator"],
        row["counter"],
        Instant(row["at"]),
        row["nonce"],
    )
    return StoredAct(
        row["act"],
        row["owner"],
        act,
        row["card_fingerprint"],
        bytes(row["certificate"]),
        bytes(row["signature"]),
        None if row["used_at"] is None else Instant(row["used_at"]),
    )


def add_act(
    conn: Connection, owner: str, act: Act, card_fingerprint: str, certificate: bytes, signature: bytes
) -> None:
    """Keep an act. Errors: Stale if the same act or nonce came at the same moment."""
    try:
        conn.execute(
            insert(t.acts).values(
                act=act.digest(),
                owner=owner,
                operator=act.operator,
                counter=act.counter,
                what=act.what.value,
                subject=act.subject,
                content=act.content,
                at=act.at.seconds,
                nonce=act.nonce,
                card_fingerprint=card_fingerprint,
                certificate=certificate,
                signature=signature,
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the act") from error
        raise


def find_act(conn: Connection, act: str) -> StoredAct | None:
    """One act, by its digest."""
    row = conn.execute(select(t.acts).where(t.acts.c.act == act)).mappings().one_or_none()
    return _stored(row) if row else None


def nonce_used(conn: Connection, operator: str, nonce: str) -> bool:
    """Whether this operator signed something with this nonce."""
    query = select(t.acts.c.act).where(t.acts.c.operator == operator, t.acts.c.nonce == nonce)
    return conn.execute(query).first() is not None


def unused_act(
    conn: Connection, operator: str, what: What, subject: str, content: str, since: Instant, until: Instant
) -> str | None:
    """The oldest unused act of exactly this kind and content between two moments."""
    a = t.acts.c
    query = (
        select(a.act)
        .where(
            a.operator == operator,
            a.content == content,
            a.what == what.value,
            a.subject == subject,
            a.at >= since.seconds,
            a.at <= until.seconds,
            a.used_at.is_(None),
        )
        .order_by(a.at, a.act)
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()


def use_act(conn: Connection, act: str, at: Instant) -> None:
    """Use it up. Errors: Stale if something else was faster."""
    a = t.acts.c
    done = conn.execute(update(t.acts).where(a.act == act, a.used_at.is_(None)).values(used_at=at.seconds))
    if done.rowcount != 1:
        raise Stale("the signed act")


def acts_after(conn: Connection, last: str | None, limit: int, subject: str | None = None) -> list[StoredAct]:
    """Acts in order of their names, page by page."""
    query = select(t.acts).order_by(t.acts.c.act).limit(limit)
    if last is not None:
        query = query.where(t.acts.c.act > last)
    if subject is not None:
        query = query.where(t.acts.c.subject == subject)
    return [_stored(row) for row in conn.execute(query).mappings()]


def certificates_used(conn: Connection, operator: str) -> list[bytes]:
    """The certificates (DER) of every card with which the operator signed an act."""
    query = select(t.acts.c.certificate).where(t.acts.c.operator == operator).distinct()
    return [bytes(row[0]) for row in conn.execute(query)]


def demand_signing(conn: Connection, owner: str, begins: Instant, by: str) -> None:
    """From then on; an earlier demand stays."""
    if signing_demanded_from(conn, owner) is None:
        conn.execute(insert(t.signing).values(owner=owner, required_from=begins.seconds, set_by=by))


def signing_demanded_from(conn: Connection, owner: str) -> Instant | None:
    """Since when a municipality demands it."""
    query = select(t.signing.c.required_from).where(t.signing.c.owner == owner)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else Instant(found)
