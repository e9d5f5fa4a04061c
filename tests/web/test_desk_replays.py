"""The same form twice, from a second tab, later, by somebody else: it counts once. No log or address names anybody."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enrollment import ledger, protection
from enrollment.store import people as people_rows
from tests.enrollment.town import resident
from tests.support.chance import SeededOctets, SetClock
from tests.web.desk_world import LICENCE, DeskWorld, desk_world, main_of
from web.desk.work import Kind, State

NAME, BORN = "実印　花子", "1980-02-17"
PRIVATE = ("実印", "花子", BORN, "見本町", "driving-licence 2031", "裁判所")


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    with desk_world(sqlite_database, tmp_path, clock, "replays") as one:
        yield one


@pytest.fixture
def person(world: DeskWorld) -> str:
    return str(world.desk.database.transaction(lambda conn: resident(conn, SeededOctets("somebody"))))


def test_an_approval_counts_once_and_not_after_its_time(world: DeskWorld, person: str, clock: SetClock) -> None:
    clerk = world.seat("clerk")
    path = clerk.begin(person, Kind.FIRST_ISSUE)
    clerk.go_on(path, "evidence", **LICENCE)
    assert world.decide(path).status_code == 303
    version = world.work(path).row.version
    for who, decision in (("boss", "yes"), ("boss", "no"), ("boss2", "yes"), ("boss2", "no")):
        again = world.decide(path, decision, who)
        assert again.status_code == 409 and "web.work-refused" in again.text, (who, decision)
    assert world.work(path).row.version == version and world.state(path) is State.KEYS
    other = str(world.desk.database.transaction(lambda conn: resident(conn, SeededOctets("another"))))
    late = clerk.begin(other, Kind.FIRST_ISSUE)
    clerk.go_on(late, "evidence", **LICENCE)
    clock.advance(hours=9)
    world._seats.clear()  # the next morning everybody logs in again
    answer = world.seat("boss2").post(f"/desk/queue/{late.rpartition('/')[2]}", reason="x", decision="yes")
    assert answer.status_code == 410 and "enrollment.approval-expired" in answer.text
    assert world.state(late) is State.APPROVAL, "an approval that came too late opens nothing"


def test_a_second_tab_repeats_nothing(world: DeskWorld, person: str) -> None:
    clerk = world.seat("clerk")
    path = clerk.begin(person, Kind.CHECK)
    assert clerk.post(f"{path}/evidence", **LICENCE).status_code == 303
    events = world.desk.database.read(lambda conn: len(ledger.history(conn, person)))  # type: ignore[arg-type]
    for step in ("evidence", "details", "carry-out", "see", "card", "give-up"):
        again = clerk.post(f"{path}/{step}", **LICENCE, reason="x", chosen="x")
        assert again.status_code in (400, 409), (step, again.status_code)
        assert world.state(path) is State.DONE, step
    assert world.desk.database.read(lambda conn: len(ledger.history(conn, person))) == events  # type: ignore[arg-type]


def test_an_old_tab_of_a_session_that_ended_does_nothing(world: DeskWorld, person: str) -> None:
    clerk = world.seat("clerk")
    path = clerk.begin(person, Kind.CHECK)
    old = clerk.session
    assert clerk.post("/desk/logout").status_code == 303
    for step in ("evidence", "give-up"):
        answer = clerk.post(f"{path}/{step}", **LICENCE, reason="x")
        assert answer.status_code in (303, 403) and answer.headers.get("location", "/desk/login") == "/desk/login"
    world._seats.clear()
    fresh = world.seat("clerk")
    assert fresh.session.cookie != old.cookie and fresh.session.form_token != old.form_token
    answer = fresh.world.http.post(
        f"{path}/give-up",
        headers={
            "origin": "https://desk.example",
            "cookie": f"{world.desk.door.sessions.cookie_name}={fresh.session.cookie}",
        },
        data={"form": old.form_token, "reason": "x"},
    )
    assert answer.status_code == 403 and "web.form-refused" in answer.text
    assert world.state(path) is State.EVIDENCE


def test_the_stories_leave_no_name_in_any_address_or_log_line(
    world: DeskWorld, person: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    clerk = world.seat("clerk")
    addresses: list[str] = []

    def look(path: str, answer: Any) -> None:
        addresses.extend((path, answer.headers.get("location", "")))
        addresses.extend(re.findall(r'(?:href|action|src|hx-get)="([^"]*)"', answer.text))

    look("/desk/search", clerk.post("/desk/search", name=NAME, born=BORN, reason="counter"))
    look("/desk/person", clerk.get(f"/desk/people/{person}"))
    for kind in Kind:
        begun = clerk.post(f"/desk/people/{person}/work", kind=kind.value)
        look("/begin", begun)
        if begun.status_code != 303:
            continue
        path = begun.headers["location"]
        look(path, clerk.get(path))
        for step in ("evidence", "details"):
            fields = {**LICENCE, "reason": "裁判所 花子", "name": NAME, "address": "見本町", "chosen": "x"}
            look(path, clerk.post(f"{path}/{step}", **fields))
        look(path, world.decide(path, who="boss"))
        look(path, clerk.post(f"{path}/give-up", reason="花子 裁判所"))
        look(path, clerk.post(f"{path}/receipt"))
    boss = world.seat("boss")
    for page in ("/desk/queue", "/desk/day", "/desk/statistics", "/desk/near-misses", "/desk/cases", "/desk/incidents"):
        look(page, boss.get(page))
    assert len(addresses) > 150 and len(caplog.records) > 30
    for word in PRIVATE:
        assert not [one for one in addresses if word in one], word
        assert word not in caplog.text, word


def test_a_receipt_is_printed_twice_with_two_numbers_and_never_of_a_protected_person(
    world: DeskWorld, person: str
) -> None:
    clerk = world.seat("clerk")
    path = clerk.begin(person, Kind.CHECK)
    clerk.go_on(path, "evidence", **LICENCE)
    for number in (1, 2):
        printed = clerk.post(f"{path}/receipt")
        assert printed.headers["content-type"] == "application/pdf"
        assert main_of(clerk.get(path)).split("印刷回数")[-1].strip(" :").startswith(str(number))

    def protect(conn: Any) -> None:
        at, random = world.desk.clock.now(), world.desk.random
        protection.apply(conn, person, people_rows.operator_of(conn, "boss"), at, random)  # type: ignore[arg-type]

    world.desk.database.transaction(protect)
    refused = clerk.post(f"{path}/receipt")
    assert refused.status_code == 403 and "PDF" not in refused.text[:8]
    assert "print-of-protected" in world.seat("boss").get("/desk/near-misses").text
