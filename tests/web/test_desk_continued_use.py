"""The card of somebody who moved in goes on once its holder entered the PIN at the new town's desk (継続利用): also a
child's, on which no certificate has to be made anew.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from enrollment import certificates, deadlines, transfers
from enrollment.channels import Channel
from enrollment.deadline import DeadlineKind
from enrollment.person import PersonId
from enrollment.store import work as card_rows
from pki.purpose import Purpose
from tests.enrollment.town import AT, OTHER_TOWN
from tests.support.chance import SetClock
from tests.web.desk_world import LICENCE, DeskWorld, Seat, desk_world, main_of
from web.desk.cards import ReaderCards
from web.desk.work import Kind, State
from web.errors import ReaderRefused
from web.readers.lines import Line, ReaderNow, ReadersNow

CARD, CHILD = "CARD0001", date(2016, 4, 2)
NEW = "架空市一丁目１番"


@dataclass(slots=True)
class PinLine(Line):
    """An agent beside a reader, in front of which the holder enters the PIN, or does not."""

    refuses: str = ""
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def call(self, operation: str, arguments: Mapping[str, Any], patience: float = 0.0) -> dict[str, Any]:
        self.asked.append((operation, dict(arguments)))
        if self.refuses:
            raise ReaderRefused(self.refuses)
        return {"card": self.readers.readers[0].card}


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    clock.set(AT)
    with desk_world(sqlite_database, tmp_path, clock, "continued use") as one:
        one.desk.cards = cast(ReaderCards, object())  # nothing is written to the card
        yield one


@pytest.fixture
def beside(world: DeskWorld) -> Iterator[Callable[[Seat, str], PinLine]]:
    """Put a card into a seat's reader."""
    loop = asyncio.new_event_loop()

    def put(seat: Seat, card: str) -> PinLine:
        door, handle = world.desk.door, seat.session.handle
        channel = door.pairings.redeem(door.pairings.code_for(handle, "desk"), 27980)
        readers = ReadersNow(True, (ReaderNow("R", True, True, card, "ab" * 32, 3, None, ""),))
        line = PinLine(channel.channel, handle, loop, lambda _message: None, readers)
        door.lines.add(line)
        door.lines.note(line)
        return line

    yield put
    loop.close()


def moved_in(world: DeskWorld, born: date = CHILD) -> PersonId:
    """Somebody from the other town, whose move was announced and is recorded here."""
    person, _ = world.office.enrolled(card_id=CARD, date_of_birth=born)
    database, there = world.desk.database, world.seat("other-clerk")
    held = database.read(lambda conn: {one.purpose for one in certificates.held_by(conn, person)})
    assert (held == {Purpose.AUTHENTICATION}) == (born == CHILD)
    day, random = date(2026, 11, 20), world.office.random
    database.transaction(
        lambda conn: transfers.announce(
            conn, person, "a" * 32, OTHER_TOWN, day, Channel.ASSISTED, b"{}", None, AT, random
        )
    )
    path = there.begin(person, Kind.CHANGE)
    there.go_on(path, "evidence", **LICENCE)
    there.go_on(path, "details", address=NEW)
    assert world.decide(path, who="other-boss").status_code == 303
    there.go_on(path, "carry-out")
    waits = world.work(path, OTHER_TOWN).state is State.CERTIFICATES
    assert waits == (born != CHILD), "a child has no certificate to make anew"
    return person


def running(world: DeskWorld, person: PersonId) -> list[DeadlineKind]:
    return [one.kind for one in world.desk.database.read(lambda conn: deadlines.running(conn, person))]


def ended(world: DeskWorld, path: str) -> None:
    until = time.monotonic() + 30
    while world.desk.errands.running(path.rpartition("/")[2]):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_childs_card_goes_on_when_its_pin_was_entered_here(
    world: DeskWorld, beside: Callable[[Seat, str], PinLine]
) -> None:
    person, there = moved_in(world), world.seat("other-clerk")
    page = there.get(f"/desk/people/{person}")
    assert "2027-02-22 までにカードと暗証番号を確認しないと" in main_of(page)
    assert 'value="continue-card"' in page.text and 'value="waiting-card"' not in page.text
    path = there.begin(person, Kind.CONTINUE_CARD)
    assert CARD in main_of(there.get(path)) and "2027-02-22" in main_of(there.get(path))
    line = beside(there, CARD)
    line.refuses = "cancelled"
    there.go_on(path, "card")
    ended(world, path)
    assert world.work(path, OTHER_TOWN).state is State.PRESENT and running(world, person)
    line.refuses = ""
    there.go_on(path, "card")
    ended(world, path)
    done = there.get(path)
    assert "引き続きこの市区町村で使えます" in main_of(done) and "受付票を印刷する" in main_of(done)
    assert [name for name, _ in line.asked] == ["check-pin"] * 2
    assert running(world, person) == []
    assert [one.state.value for one in world.desk.database.read(lambda c: card_rows.cards_of(c, person))] == ["active"]
    assert 'value="continue-card"' not in there.get(f"/desk/people/{person}").text
    again = there.post(f"/desk/people/{person}/work", kind="continue-card")
    assert again.status_code == 409, "nothing has to be presented any more"


def test_another_card_presents_nothing_and_nobody_is_asked_for_its_pin(
    world: DeskWorld, beside: Callable[[Seat, str], PinLine]
) -> None:
    person, there = moved_in(world), world.seat("other-clerk")
    path = there.begin(person, Kind.CONTINUE_CARD)
    line = beside(there, "CARD0009")
    there.go_on(path, "card")
    ended(world, path)
    assert line.asked == [] and running(world, person) == [DeadlineKind.CONTINUED_USE]
    assert "enrollment.wrong-card" in there.get(path).text


def test_whoever_has_a_certificate_waiting_presents_the_card_with_that(world: DeskWorld) -> None:
    person, there = moved_in(world, date(1980, 2, 17)), world.seat("other-clerk")
    assert running(world, person) == [DeadlineKind.CONTINUED_USE]
    page = there.get(f"/desk/people/{person}").text
    assert 'value="waiting-card"' in page and 'value="continue-card"' not in page
    assert there.post(f"/desk/people/{person}/work", kind="continue-card").status_code == 409
