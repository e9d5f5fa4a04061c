"""The end of a day and the statistics count what the desk did; a page that waits takes nothing from whoever types."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from enrollment.store import Connection
from pki.instant import Instant
from tests.enrollment.town import TOWN, resident
from tests.support.chance import SeededOctets, SetClock
from tests.web.desk_world import DeskWorld, desk_world, main_of
from web.desk.ending import move_stock
from web.desk.work import Event, Kind, State, Work, advance
from web.desk.work import begin as begin_work
from web.desk.work import move as move_work
from web.store import desk as rows
from web.store.work_counts import voided_cards, work_counts


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    with desk_world(sqlite_database, tmp_path, clock, "the day") as one:
        yield one


@pytest.fixture
def in_both(database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    with desk_world(database, tmp_path, clock, "the day") as one:
        yield one


def settle(world: DeskWorld, begun: list[tuple[Kind, str, Instant, bool]]) -> list[rows.WorkRow]:
    """Work of each kind, at that desk and time; given up at once, or still open."""
    random = world.desk.random

    def write(conn: Connection) -> list[rows.WorkRow]:
        person, made = resident(conn, random), []
        for kind, counter, at, given_up in begun:
            work = begin_work(conn, kind, person, TOWN, counter, "clerk", at, random, {}, training=False)
            made.append((move_work(conn, work, Event.GIVE_UP, at) if given_up else work).row)
        return made

    return world.desk.database.transaction(write)


def test_counts_are_those_of_the_rows_by_the_japanese_day(in_both: DeskWorld, clock: SetClock) -> None:
    noon = Instant.of_japan(clock.now().jst_date(), 12)
    midnight = Instant.of_japan(clock.now().jst_date())
    spans = [timedelta(0), -timedelta(seconds=1), timedelta(seconds=1), -timedelta(days=3), -timedelta(days=40)]
    begun = [
        (kind, counter, start + span, given_up)
        for kind in (Kind.CHECK, Kind.FIRST_ISSUE)
        for counter in ("main", "branch")
        for start in (noon, midnight)
        for span in spans
        for given_up in (False, True)
    ]
    made = settle(in_both, begun)
    since, until = midnight + -timedelta(days=6), midnight + timedelta(days=1)
    expected = Counter(
        (row.started_at.jst_date(), row.counter, row.kind, row.state) for row in made if since <= row.started_at < until
    )
    assert 0 < expected.total() < len(made)
    for counter in (None, "main"):
        found = in_both.desk.database.read(lambda conn, c=counter: work_counts(conn, TOWN, since, until, c))  # type: ignore[misc]
        assert {(one.day, one.counter, one.kind, one.state): one.count for one in found} == {
            key: count for key, count in expected.items() if counter in (None, key[1])
        }
    assert in_both.desk.database.read(lambda conn: work_counts(conn, "13114", since, until)) == []


def test_statistics_of_three_periods_add_up(world: DeskWorld, clock: SetClock) -> None:
    now = clock.now()
    settle(world, [(Kind.CHECK, "main", now + -timedelta(days=back), True) for back in (0, 1, 6, 7, 29, 30, 364, 365)])
    for period, shown in (("week", 3), ("month", 5), ("year", 7), ("", 3), ("../x", 3)):
        page = world.seat("boss").get(f"/desk/statistics?period={period}")
        assert page.status_code == 200
        tables = re.findall(r"<table>(.*?)</table>", page.text, re.DOTALL)
        sums = [sum(map(int, re.findall(r'class="number">(\d+)<', table))) for table in tables]
        assert sums == [shown] * 3, (period, sums)
    assert world.seat("boss").get("/desk/statistics?period=month").text.count('<rect class="bar"') == 30 + 1 + 1
    year = world.seat("boss").get("/desk/statistics?period=year").text
    assert re.search(r'<th scope="row">\d{4}-\d{2}</th>', year)


def test_the_day_shows_what_is_left_from_before_and_only_cards_that_were_spoiled(
    world: DeskWorld, clock: SetClock
) -> None:
    now = clock.now()
    old, *_ = settle(
        world,
        [
            (Kind.CHECK, "main", now + -timedelta(days=2), False),
            (Kind.FIRST_ISSUE, "main", now, True),  # nobody had taken a card for it
            (Kind.FIRST_ISSUE, "main", now, False),
        ],
    )
    page = world.seat("clerk").get("/desk/day").text
    assert f"/desk/work/{old.work}" in page, "work of another day is not forgotten"
    begin, end = Instant.of_japan(now.jst_date()), Instant.of_japan(now.jst_date() + timedelta(days=1))
    read = world.desk.database.read
    assert read(lambda conn: voided_cards(conn, "main", begin, end)) == 0
    path = world.seat("clerk").begin(old.person, Kind.FIRST_ISSUE)
    officer = world.desk.door.admit(world.seat("clerk").session)
    world.desk.database.transaction(
        lambda conn: move_stock(world.desk, conn, officer, world.work(path), "voided", clock.now())
    )
    assert read(lambda conn: voided_cards(conn, "main", begin, end)) == 1
    assert "<dt>うち作成を中止したもの</dt><dd>1</dd>" in world.seat("clerk").get("/desk/day").text


@pytest.mark.parametrize("page", ["queue", "work"])
def test_news_wait_for_whoever_is_typing(world: DeskWorld, page: str) -> None:
    person = world.desk.database.transaction(lambda conn: resident(conn, SeededOctets("typing")))
    path = world.seat("clerk").begin(person, Kind.SUSPENSION)
    where, poll = {
        "queue": ("/desk/queue", "/desk/queue/list?known=another"),
        "work": (path, f"{path}/now?version=0"),
    }[page]
    seat = world.seat("clerk")
    loaded = seat.get(poll)
    assert (loaded.status_code, loaded.headers["hx-redirect"]) == (204, where)
    seat.headers = {"x-typing": "yes"}
    told = seat.get(poll)
    assert told.status_code == 200 and "hx-redirect" not in told.headers
    assert f'href="{where}"' in told.text and "<html" not in told.text and "data-changed" in told.text


def test_every_state_counts_once(world: DeskWorld, clock: SetClock) -> None:
    """Done, open and refused of a kind are together what was begun."""
    (row,) = settle(world, [(Kind.CHECK, "main", clock.now(), False)])
    assert advance(Kind.CHECK, State(row.state), Event.AT_ONCE) is State.DONE
    world.desk.database.transaction(lambda conn: move_work(conn, Work(row), Event.AT_ONCE, clock.now()))
    settle(world, [(Kind.CHECK, "main", clock.now(), False), (Kind.CHECK, "main", clock.now(), True)])
    line = main_of(world.seat("clerk").get("/desk/day")).split("本人確認")[1]
    assert re.findall(r"\d+", line)[:3] == ["1", "1", "1"]
