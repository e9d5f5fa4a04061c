"""Who comes today: codes made at home that fill in a form once, and visits that were booked."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from enrollment import bookings, protection
from enrollment.booking import BookingState
from enrollment.counters import Affair
from enrollment.person import PersonId
from enrollment.store import people as people_rows
from pki.instant import Instant
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, resident
from tests.support.chance import SetClock
from tests.web.desk_world import LICENCE, DeskWorld, desk_world, main_of
from web.desk.work import Kind, State
from web.prefills import LIFE, Prefills, code_of

NEW = "東京都見本区新町九丁目８番７号"


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    clock.set(AT)
    with desk_world(sqlite_database, tmp_path, clock, "desk visits") as one:
        yield one


def prepared(world: DeskWorld, person: PersonId, *others: PersonId, owner: str = TOWN) -> str:
    prefills = Prefills(world.desk.database, world.desk.clock, world.desk.random)
    document = {"address": NEW, "moved_on": "2026-11-20", "members": [person, *others]}
    return code_of(prefills.give(person, owner, document))


def test_a_code_from_home_fills_in_the_form_once(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    code = prepared(world, person)
    assert person not in code and len(code) == 39
    clerk = world.seat("clerk")
    opened = clerk.post("/desk/prefills", code=code)
    assert opened.status_code == 303
    path = opened.headers["location"]
    assert world.work(path).kind is Kind.CHANGE and world.work(path).person == person
    shown = clerk.go_on(path, "evidence", **LICENCE)
    assert f'value="{NEW}"' in shown.text and "自宅で入力された" in main_of(shown)
    again = clerk.post("/desk/prefills", code=code)
    assert again.status_code == 409 and "すでに使われています(2026-11-23 09:00)" in again.text
    stored = world.desk.database.read(lambda conn: conn.exec_driver_sql("SELECT document FROM web_prefills").all())
    assert NEW not in str(stored), "what was prepared is gone with its use"


def test_for_several_the_household_is_opened_with_those_who_were_named(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    other = world.desk.database.transaction(lambda conn: resident(conn, world.office.random, name="実印　太郎"))
    clerk = world.seat("clerk")
    path = clerk.post("/desk/prefills", code=prepared(world, person, other).lower().replace("-", " ")).headers[
        "location"
    ]
    assert world.work(path).kind is Kind.HOUSEHOLD
    page = clerk.get(path)
    assert f'value="{NEW}"' in page.text and 'value="2026-11-20"' in page.text


@pytest.mark.parametrize("place", [0, 7, 20, 38])
def test_a_changed_letter_is_no_code_of_ours(world: DeskWorld, place: int) -> None:
    person, _ = world.office.enrolled()
    code = prepared(world, person)
    changed = code[:place] + ("B" if code[place] != "B" else "C") + code[place + 1 :]
    for wrong in (changed, "", "A" * 31, code + "AAAAAAAA", "１" * 32, "<script>"):
        answer = world.seat("clerk").post("/desk/prefills", code=wrong)
        assert answer.status_code == 400 and "当方が発行したものではない" in answer.text
        assert NEW not in answer.text
    assert world.seat("clerk").post("/desk/prefills", code=code).status_code == 303, "the real one is unharmed"


def test_a_code_is_good_for_a_week_and_a_newer_one_voids_it(world: DeskWorld, clock: SetClock) -> None:
    person, _ = world.office.enrolled()
    old = prepared(world, person)
    code = prepared(world, person)
    assert world.seat("clerk").post("/desk/prefills", code=old).status_code == 400
    clock.advance(seconds=int(LIFE / timedelta(seconds=1)) + 1)
    late = world.seat("boss").post("/desk/prefills", code=code)
    assert late.status_code == 409 and "期限" in late.text


def test_a_code_is_for_one_municipality_and_no_post_office(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    code = prepared(world, person, owner=OTHER_TOWN)
    assert world.seat("clerk").post("/desk/prefills", code=code).status_code == 403
    assert world.seat("postclerk").post("/desk/prefills", code=code).status_code == 422
    assert world.seat("other-clerk").post("/desk/prefills", code=code).status_code == 403, "no transfer was announced"
    other = world.desk.database.transaction(lambda conn: resident(conn, world.office.random, name="実印　太郎"))
    world.desk.database.transaction(
        lambda conn: protection.apply(conn, other, people_rows.operator_of(conn, "boss"), AT, world.office.random)
    )
    path = world.seat("clerk").post("/desk/prefills", code=prepared(world, other)).headers["location"]
    page = world.seat("clerk").go_on(path, "evidence", **LICENCE)
    assert "data-protected" in page.text and NEW not in page.text, "protected since: the clerk types it anew"


# -- booked visits -------------------------------------------------------------------------------------------------


def booked(world: DeskWorld, person: PersonId, clock: SetClock, counter: str = "main") -> str:
    slot = Instant.parse("2026-11-24T01:00:00Z")
    ticket = world.desk.database.transaction(
        lambda conn: bookings.book(
            conn, person, counter, slot, frozenset({Affair.IN_PERSON_CHECK}), AT, world.office.random
        )
    ).ticket
    clock.set(slot)
    return ticket


def test_who_comes_with_a_ticket_is_led_to_what_remains(world: DeskWorld, clock: SetClock) -> None:
    person, _ = world.office.enrolled()
    ticket = booked(world, person, clock)
    clerk = world.seat("clerk")
    page = clerk.get("/desk/bookings")
    assert "実印　花子" in page.text and "本人確認" in main_of(page)
    came = clerk.post("/desk/bookings", ticket=f"https://desk.example/visit#{ticket}")
    assert came.status_code == 303
    path = came.headers["location"]
    assert world.work(path).kind is Kind.CHECK and world.work(path).person == person
    assert world.desk.database.read(lambda conn: bookings.standing(conn, person)) is None
    assert "予約はありません" in main_of(clerk.get("/desk/bookings"))
    clerk.go_on(path, "evidence", **LICENCE)
    assert world.state(path) is State.DONE
    assert clerk.post("/desk/bookings", ticket=ticket).status_code == 409, "a visit is kept once"


def test_what_is_under_way_already_is_gone_on_with(world: DeskWorld, clock: SetClock) -> None:
    person, _ = world.office.enrolled()
    ticket = booked(world, person, clock)
    path = world.seat("clerk").begin(person, Kind.CHANGE)
    assert world.seat("clerk").post("/desk/bookings", ticket=ticket).headers["location"] == path


def test_a_ticket_of_another_desk_day_or_nobody_opens_nothing(world: DeskWorld, clock: SetClock) -> None:
    person, _ = world.office.enrolled()
    ticket = booked(world, person, clock)
    for who, typed in (("branchclerk", ticket), ("clerk", "0" * 32), ("clerk", ""), ("other-clerk", ticket)):
        answer = world.seat(who).post("/desk/bookings", ticket=typed)
        assert answer.status_code == 404 and "花子" not in answer.text
    clock.advance(days=1)
    assert world.seat("boss").post("/desk/bookings", ticket=ticket).status_code == 404, "that day is over"
    found = world.desk.database.read(lambda conn: bookings.standing(conn, person))
    assert found is not None and found.state is BookingState.BOOKED


def test_a_post_office_takes_only_the_ticket_of_who_is_present(world: DeskWorld, clock: SetClock) -> None:
    person, _ = world.office.enrolled()
    ticket = booked(world, person, clock, "post")
    post = world.seat("postclerk")
    assert "花子" not in post.get("/desk/bookings").text, "nobody is named who is not there"
    answer = post.post("/desk/bookings", ticket=ticket)
    assert answer.status_code == 409, "no reader tells that their card is there"
    found = world.desk.database.read(lambda conn: bookings.standing(conn, person))
    assert found is not None, "and the visit is not counted as kept"


def test_while_nobody_signs_no_code_from_home_is_used_up(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    code = prepared(world, person)
    world.desk.unsigned_since = lambda: Instant(AT.seconds - 86_400)
    refused = world.seat("clerk").post("/desk/prefills", code=code)
    assert refused.status_code == 503 and "web.signing-silent" in refused.text
    prefills = Prefills(world.desk.database, world.desk.clock, world.desk.random)
    assert prefills.look(code, TOWN).used_at is None
