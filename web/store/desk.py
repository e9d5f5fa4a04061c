"""The desk's own records: guided work, receipts, near misses, stock, closings; in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pki.errors import Retryable
from pki.instant import Instant
from web.store.tables_pages import CLOSINGS, NEAR_MISSES, RECEIPTS, STOCK, WORK


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One piece of guided work; `body` holds ids and dates, never a name, an address or a PIN."""

    work: str
    owner: str
    counter: str
    kind: str
    state: str
    version: int
    person: str
    started_by: str
    started_at: Instant
    changed_at: Instant
    body: Mapping[str, Any]
    training: bool


def add_work(conn: Connection, row: WorkRow) -> None:
    """New work."""
    conn.execute(insert(WORK).values(_written(row)))


def _written(row: WorkRow) -> dict[str, Any]:
    return {
        "work": row.work,
        "owner": row.owner,
        "counter": row.counter,
        "kind": row.kind,
        "state": row.state,
        "version": row.version,
        "person": row.person,
        "started_by": row.started_by,
        "started_at": row.started_at.seconds,
        "changed_at": row.changed_at.seconds,
        "body": json.dumps(dict(row.body), sort_keys=True),
        "training": int(row.training),
    }


def _work(row: Any) -> WorkRow:
    return WorkRow(
        row["work"],
        row["owner"],
        row["counter"],
        row["kind"],
        row["state"],
        row["version"],
        row["person"],
        row["started_by"],
        Instant(row["started_at"]),
        Instant(row["changed_at"]),
        json.loads(row["body"]),
        bool(row["training"]),
    )


def work_row(conn: Connection, work: str) -> WorkRow | None:
    """By id."""
    row = conn.execute(select(WORK).where(WORK.c.work == work)).mappings().one_or_none()
    return None if row is None else _work(row)


def change_work(conn: Connection, row: WorkRow) -> bool:
    """Write the next version over the one before it; False if somebody else was first."""
    w = WORK.c
    done = conn.execute(update(WORK).where(w.work == row.work, w.version == row.version - 1).values(_written(row)))
    return done.rowcount == 1


def work_in(conn: Connection, owner: str, states: Sequence[str], counter: str | None = None) -> list[WorkRow]:
    """The work of a municipality (or of one desk) in these states, oldest first."""
    w = WORK.c
    query = select(WORK).where(w.owner == owner, w.state.in_(states)).order_by(w.started_at, w.work)
    if counter is not None:
        query = query.where(w.counter == counter)
    return [_work(row) for row in conn.execute(query).mappings()]


def work_of_approval(conn: Connection, owner: str, approval: str) -> WorkRow | None:
    """The open work that waits for this approval."""
    waiting = work_in(conn, owner, ["approval"])
    return next((row for row in waiting if row.body.get("approval") == approval), None)


def add_receipt(conn: Connection, receipt: str, row: WorkRow, at: Instant) -> str:
    """The receipt of a piece of work: the one there is, or this new one."""
    known = conn.execute(select(RECEIPTS.c.receipt).where(RECEIPTS.c.work == row.work)).scalar_one_or_none()
    if known is not None:
        return str(known)
    try:
        conn.execute(
            insert(RECEIPTS).values(
                receipt=receipt,
                work=row.work,
                owner=row.owner,
                counter=row.counter,
                kind=row.kind,
                issued_at=at.seconds,
                prints=0,
            )
        )
    except IntegrityError as lost:
        raise Retryable("the receipt") from lost
    return receipt


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """What a receipt's code opens: no personal data."""

    receipt: str
    work: str
    owner: str
    counter: str
    kind: str
    issued_at: Instant
    prints: int


def receipt_row(conn: Connection, receipt: str) -> ReceiptRow | None:
    """By code."""
    return _receipt(conn.execute(select(RECEIPTS).where(RECEIPTS.c.receipt == receipt)).mappings().one_or_none())


def receipt_of_work(conn: Connection, work: str) -> ReceiptRow | None:
    """Of a piece of work."""
    return _receipt(conn.execute(select(RECEIPTS).where(RECEIPTS.c.work == work)).mappings().one_or_none())


def _receipt(r: Any) -> ReceiptRow | None:
    if r is None:
        return None
    at = Instant(r["issued_at"])
    return ReceiptRow(r["receipt"], r["work"], r["owner"], r["counter"], r["kind"], at, r["prints"])


def receipt_printed(conn: Connection, receipt: str, number: int) -> bool:
    """Count its print of that number; False if somebody printed it meanwhile."""
    r = RECEIPTS.c
    done = conn.execute(update(RECEIPTS).where(r.receipt == receipt, r.prints == number - 1).values(prints=number))
    return done.rowcount == 1


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something that nearly went wrong, and was stopped here."""

    id: str
    owner: str
    counter: str
    operator: str
    at: Instant
    what: str


def add_near_miss(conn: Connection, miss: NearMiss) -> None:
    """Note one."""
    conn.execute(
        insert(NEAR_MISSES).values(
            id=miss.id,
            owner=miss.owner,
            counter=miss.counter,
            operator=miss.operator,
            at=miss.at.seconds,
            what=miss.what,
        )
    )


def near_misses(conn: Connection, owner: str, since: Instant) -> list[NearMiss]:
    """Those of a municipality, the newest first."""
    n = NEAR_MISSES.c
    query = select(NEAR_MISSES).where(n.owner == owner, n.at >= since.seconds).order_by(n.at.desc(), n.id)
    return [
        NearMiss(r["id"], r["owner"], r["counter"], r["operator"], Instant(r["at"]), r["what"])
        for r in conn.execute(query).mappings()
    ]


def move_stock(
    conn: Connection, id_: str, counter: str, movement: str, cards: int, operator: str, at: Instant, work: str | None
) -> None:
    """Blank cards come, are used, or are voided; once for each piece of work and movement."""
    s = STOCK.c
    if work is not None:
        known = conn.execute(select(s.id).where(s.work == work, s.movement == movement)).scalar_one_or_none()
        if known is not None:
            return
    conn.execute(
        insert(STOCK).values(
            id=id_, counter=counter, at=at.seconds, movement=movement, cards=cards, operator=operator, work=work
        )
    )


def stock_before(conn: Connection, counter: str, until: Instant) -> int:
    """Blank cards that a desk should have at that time."""
    s = STOCK.c
    total = conn.execute(select(func.sum(s.cards)).where(s.counter == counter, s.at < until.seconds)).scalar_one()
    return int(total or 0)


def stock_moves(conn: Connection, counter: str, since: Instant, until: Instant) -> dict[str, int]:
    """Movement → cards, of one desk in a span."""
    s = STOCK.c
    query = (
        select(s.movement, func.sum(s.cards))
        .where(s.counter == counter, s.at >= since.seconds, s.at < until.seconds)
        .group_by(s.movement)
    )
    return {str(movement): int(cards) for movement, cards in conn.execute(query)}


def close_day(
    conn: Connection, counter: str, day: str, counted: int, expected: int, note: str, operator: str, at: Instant
) -> bool:
    """Close a day of a desk; False if it is closed already."""
    c = CLOSINGS.c
    known = conn.execute(select(c.day).where(c.counter == counter, c.day == day)).one_or_none()
    if known is not None:
        return False
    conn.execute(
        insert(CLOSINGS).values(
            counter=counter, day=day, counted=counted, expected=expected, note=note, operator=operator, at=at.seconds
        )
    )
    return True


def closing(conn: Connection, counter: str, day: str) -> dict[str, Any] | None:
    """How a day was closed."""
    c = CLOSINGS.c
    row = conn.execute(select(CLOSINGS).where(c.counter == counter, c.day == day)).mappings().one_or_none()
    return dict(row) if row else None
