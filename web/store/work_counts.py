"""How much guided work there was, counted where it lies: a page of numbers reads no single piece of work."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from pki.instant import JAPAN, Instant
from web.store.tables_pages import STOCK, WORK

_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)
_AHEAD: Final = (JAPAN.utcoffset(None) or timedelta()) // timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """So many pieces of work of a kind that were begun at a desk on a day in Japan, and stand where `state` says."""

    day: date
    counter: str
    kind: str
    state: str
    count: int


def work_counts(
    conn: Connection, owner: str, since: Instant, until: Instant, counter: str | None = None
) -> list[Counted]:
    """The work of a municipality (or of one desk) that was begun from `since` until before `until`."""
    w = WORK.c
    day = ((w.started_at + _AHEAD) // _DAY).label("day")
    query = (
        select(day, w.counter, w.kind, w.state, func.count().label("count"))
        .where(w.owner == owner, w.started_at >= since.seconds, w.started_at < until.seconds)
        .group_by(day, w.counter, w.kind, w.state)
        .order_by(day, w.counter, w.kind, w.state)
    )
    if counter is not None:
        query = query.where(w.counter == counter)
    return [
        Counted(_EPOCH + timedelta(days=days), desk, kind, state, count)
        for days, desk, kind, state, count in conn.execute(query)
    ]


def voided_cards(conn: Connection, counter: str, since: Instant, until: Instant) -> int:
    """Blank cards of a desk that were begun and given up then."""
    s = STOCK.c
    query = select(func.count()).where(
        s.counter == counter, s.movement == "voided", s.at >= since.seconds, s.at < until.seconds
    )
    return int(conn.execute(query).scalar_one())
