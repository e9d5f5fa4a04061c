"""The end of the day: counts, stock, closing; statistics and near misses for supervisors."""

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import timedelta

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

SUPERVISOR = "supervisor"
_WEEK = 7
_MONTH = timedelta(days=30)


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
        work = [
            Work(row)
            for row in desk.database.read(lambda conn: rows.work_since(conn, officer.operator.owner, begin, end))
            if row.counter == desk_id
        ]
        opening = desk.database.read(lambda conn: rows.stock_before(conn, desk_id, begin))
        moves = desk.database.read(lambda conn: rows.stock_moves(conn, desk_id, begin, end))
        voided = sum(one.kind.application is not None and one.state is State.GIVEN_UP for one in work)
        return pages.page(
            visit,
            "desk/day.html",
            day=today.isoformat(),
            counts={kind: _count(work, kind) for kind in Kind},
            unfinished=[one for one in work if one.state in OPEN],
            opening=opening,
            moves=moves,
            voided=voided,
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
        today = desk.clock.now().jst_date()
        begin = Instant.of_japan(today - timedelta(days=_WEEK - 1))
        end = Instant.of_japan(today + timedelta(days=1))
        found = desk.database.read(lambda conn: rows.work_since(conn, officer.operator.owner, begin, end))
        by_day = Tally(row.started_at.jst_date() for row in found)
        days = [today - timedelta(days=back) for back in range(_WEEK - 1, -1, -1)]
        by_desk = Tally(row.counter for row in found)
        say = plain_speaker(pages.renderer.book, pages.renderer.language(visit.request))
        charts = [
            ("per-day", bars([(one.isoformat(), by_day[one]) for one in days], say("per-day"))),
            ("per-desk", bars(sorted(by_desk.items()), say("per-desk"))),
        ]
        return pages.page(visit, "desk/statistics.html", charts=charts)

    @pages.get("/desk/near-misses", SUPERVISOR)
    def near_misses(visit: Visit) -> Response:
        officer: Officer = visit.who
        since = desk.clock.now() + -_MONTH
        owner = officer.operator.owner
        masked = desk.database.read(lambda conn: registry.near_misses(conn, owner, since))
        misses = desk.database.read(lambda conn: rows.near_misses(conn, owner, since))
        return pages.page(visit, "desk/near_misses.html", misses=misses[:200], masked=masked)


def _count(work: list[Work], kind: Kind) -> Count:
    of_kind = [one for one in work if one.kind is kind]
    done = sum(one.state is State.DONE for one in of_kind)
    still = sum(one.state in OPEN for one in of_kind)
    return Count(done, still, len(of_kind) - done - still)


def _number(visit: Visit, name: str, least: int, most: int) -> int:
    text = visit.form.get(name, "")
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise InvalidValue(f"a number from {least} to {most}")
    return int(text)
