"""The end of the day: counts, stock, closing; statistics and near misses for supervisors."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from fastapi import Response

from enrollment import registry
from enrollment.acts import What
from pki.errors import InvalidValue
from pki.instant import Instant
from web.desk import signing
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.timeline import bars
from web.desk.work import OPEN, Kind, State, Work
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.pages.wording import plain_speaker
from web.store import desk as rows
from web.store import notes as note_rows
from web.store.work_counts import Counted, voided_cards, work_counts

SUPERVISOR = "supervisor"
_MONTH = timedelta(days=30)


class Period(StrEnum):
    """How far back statistics look, today included."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    @property
    def days(self) -> int:
        """The days that are counted."""
        return {Period.WEEK: 7, Period.MONTH: 30, Period.YEAR: 365}[self]

    def bar(self, day: date) -> str:
        """Which bar a day belongs to: its own, or its month's."""
        return day.isoformat()[:7] if self is Period.YEAR else day.isoformat()


@dataclass(frozen=True, slots=True)
class Count:
    """Of one kind on one day at one desk."""

    done: int
    open: int
    refused: int


def day_pages(pages: Pages, desk: Desk) -> None:
    """The routes."""

    def day_page(visit: Visit, **values: object) -> Response:
        officer: Officer = visit.who
        desk_id = officer.counter.counter
        today = desk.clock.now().jst_date()
        begin = Instant.of_japan(today)
        end = begin + timedelta(days=1)
        owner, still_open = officer.operator.owner, [state.value for state in OPEN]
        counted = desk.database.read(lambda conn: work_counts(conn, owner, begin, end, desk_id))
        unfinished = desk.database.read(lambda conn: rows.work_in(conn, owner, still_open, desk_id))
        opening = desk.database.read(lambda conn: rows.stock_before(conn, desk_id, begin))
        moves = desk.database.read(lambda conn: rows.stock_moves(conn, desk_id, begin, end))
        return pages.page(
            visit,
            "desk/day.html",
            day=today.isoformat(),
            counts={kind: _count(counted, kind) for kind in Kind},
            unfinished=[Work(row) for row in unfinished],
            opening=opening,
            moves=moves,
            voided=desk.database.read(lambda conn: voided_cards(conn, desk_id, begin, end)),
            expected=opening + sum(moves.values()),
            notes=desk.database.read(lambda conn: note_rows.notes_of(conn, desk_id, begin, end)),
            closing=desk.database.read(lambda conn: rows.closing(conn, desk_id, today.isoformat())),
            **values,
        )

    @pages.get("/desk/day", SOMEBODY)
    def day(visit: Visit) -> Response:
        return day_page(visit)

    @pages.post("/desk/day", SOMEBODY)
    def close(visit: Visit) -> Response:
        """It closes only when the count is right, or somebody says why it is not."""
        officer: Officer = visit.who
        counted, note = _number(visit, "counted", 0, 100_000), visit.form.get("note", "")[:200]
        now = desk.clock.now()
        counter, day = officer.counter.counter, now.jst_date().isoformat()
        expected = desk.database.read(lambda conn: rows.stock_before(conn, counter, now + timedelta(seconds=1)))
        if counted != expected and not note:
            desk.near_miss(officer, "day-does-not-balance")
            return day_page(visit, wrong=True)
        about = signing.content("close-day", counted=counted, counter=counter, day=day, expected=expected, note=note)
        signing.do(
            desk,
            officer,
            Deed(What.CLOSE_DAY, counter, about),
            lambda conn, at: rows.close_day(conn, counter, day, counted, expected, note, officer.operator.operator, at),
        )
        return see_other("/desk/day")

    @pages.post("/desk/stock", SOMEBODY)
    def receive(visit: Visit) -> Response:
        officer: Officer = visit.who
        cards = _number(visit, "cards", 1, 10_000)
        name = desk.random(12).hex()
        counter, operator = officer.counter.counter, officer.operator.operator
        about = signing.content("receive-stock", cards=cards, counter=counter, name=name)
        signing.do(
            desk,
            officer,
            Deed(What.RECEIVE_STOCK, counter, about),
            lambda conn, at: rows.move_stock(conn, name, counter, "received", cards, operator, at, None),
        )
        return see_other("/desk/day")

    @pages.get("/desk/statistics", SUPERVISOR)
    def statistics(visit: Visit) -> Response:
        officer: Officer = visit.who
        asked = visit.request.query_params.get("period", "")
        period = Period(asked) if asked in tuple(Period) else Period.WEEK
        today = desk.clock.now().jst_date()
        days = [today - timedelta(days=back) for back in range(period.days - 1, -1, -1)]
        begin, end = Instant.of_japan(days[0]), Instant.of_japan(today + timedelta(days=1))
        counted = desk.database.read(lambda conn: work_counts(conn, officer.operator.owner, begin, end))
        by_bar = _tally(counted, lambda one: period.bar(one.day))
        by_desk = _tally(counted, lambda one: one.counter)
        by_kind = _tally(counted, lambda one: one.kind)
        say = plain_speaker(pages.renderer.book, pages.renderer.language(visit.request))
        over_time = [(bar, by_bar[bar]) for bar in dict.fromkeys(map(period.bar, days))]
        kinds = [(say(f"work-{kind.value}"), by_kind[kind.value]) for kind in Kind if by_kind[kind.value]]
        charts = [
            (key, bars(shown, say(key)))
            for key, shown in (("per-time", over_time), ("per-desk", sorted(by_desk.items())), ("per-kind", kinds))
        ]
        return pages.page(visit, "desk/statistics.html", charts=charts, period=period, periods=tuple(Period))

    @pages.get("/desk/near-misses", SUPERVISOR)
    def near_misses(visit: Visit) -> Response:
        officer: Officer = visit.who
        since = desk.clock.now() + -_MONTH
        owner = officer.operator.owner
        masked = desk.database.read(lambda conn: registry.near_misses(conn, owner, since))
        misses = desk.database.read(lambda conn: rows.near_misses(conn, owner, since))
        return pages.page(visit, "desk/near_misses.html", misses=misses[:200], masked=masked)


def _tally(counted: Iterable[Counted], by: Callable[[Counted], str]) -> Tally[str]:
    tally: Tally[str] = Tally()
    for one in counted:
        tally[by(one)] += one.count
    return tally


def _count(counted: Iterable[Counted], kind: Kind) -> Count:
    by_state = _tally((one for one in counted if one.kind == kind.value), lambda one: one.state)
    still = sum(by_state[state.value] for state in OPEN)
    done = by_state[State.DONE.value]
    return Count(done, still, by_state.total() - done - still)


def _number(visit: Visit, name: str, least: int, most: int) -> int:
    text = visit.form.get(name, "")
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise InvalidValue(f"a number from {least} to {most}")
    return int(text)
