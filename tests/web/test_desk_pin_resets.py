"""A new PIN at the desk, beside the happy path (tests/browser): whose card, whose permission, what a crash left."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from enrollment import pin_reset
from enrollment.errors import PinPermissionExpired, WrongCard
from enrollment.person import PersonId
from enrollment.store import permissions
from pki.purpose import Purpose
from tests.enrollment.officers import officer, permitted
from tests.enrollment.town import AT
from tests.support.chance import SetClock
from tests.web.desk_world import LICENCE, DeskWorld, desk_world
from web.desk import work as works
from web.desk.pin_resets import PinResets
from web.desk.work import Event, Kind, State, Work
from web.readers.lines import ReaderNow, ReadersNow

CARD = "CARD0001"


@dataclass
class Beside:
    """The agent and whoever manages cards, as far as this step speaks with them."""

    world: DeskWorld
    card: str = CARD
    asked: list[str] = field(default_factory=list)

    @property
    def readers(self) -> ReadersNow:
        return ReadersNow(True, (ReaderNow("R", True, True, self.card, "", 0, 5, ""),))

    def call(self, operation: str, _arguments: Mapping[str, Any], _patience: float = 0) -> dict[str, Any]:
        self.asked.append(operation)
        return {}

    def slot(self, _line: Any, _reader: str) -> Any:
        raise AssertionError("no key is made for a PIN")

    def set_pins(self, _line: Any, _reader: str, card_id: str, purposes: tuple[Purpose, ...], number: int) -> None:
        """The card takes it, and tells whoever has its keys."""
        self.asked.append(f"set {card_id} {','.join(purposes)}")
        desk = self.world.desk
        desk.database.transaction(lambda conn: pin_reset.spend(conn, card_id, number, "talk", desk.clock.now()))
        desk.database.transaction(lambda conn: pin_reset.finish(conn, card_id, number, desk.clock.now(), desk.random))


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    clock.set(AT)
    with desk_world(sqlite_database, tmp_path, clock, "desk pins") as one:
        yield one


@pytest.fixture
def waiting(world: DeskWorld) -> Work:
    """Work that waits for the holder's fingers, with a permission that an officer's card signed."""
    person, _ = world.office.enrolled()
    database = world.desk.database
    who = database.transaction(lambda conn: officer(conn, "hana", "main"))
    given = permitted(database, who, person, CARD, world.office.random, Purpose.AUTHENTICATION)
    path = world.seat("clerk").begin(person, Kind.PIN_RESET)
    body = {"card": CARD, "purpose": Purpose.AUTHENTICATION.value, "number": given.number}
    return database.transaction(lambda conn: works.move(conn, world.work(path), Event.AT_ONCE, AT, **body))


def again(world: DeskWorld, work: Work) -> Work:
    return world.desk.database.read(lambda conn: works.load(conn, work.id, work.row.owner))


def test_the_holder_types_and_the_card_takes_it_once(world: DeskWorld, waiting: Work) -> None:
    beside = Beside(world)
    PinResets(world.desk).set(waiting, beside, "R", beside)  # type: ignore[arg-type]
    assert beside.asked == ["ask-pins", "set CARD0001 authentication"]
    assert again(world, waiting).state is State.DONE
    assert "受付票を印刷する" in world.seat("clerk").get(f"/desk/work/{waiting.id}").text


def test_another_card_is_said_before_anybody_types(world: DeskWorld, waiting: Work) -> None:
    beside = Beside(world, "CARD0009")
    with pytest.raises(WrongCard) as refused:
        PinResets(world.desk).set(waiting, beside, "R", beside)  # type: ignore[arg-type]
    assert (refused.value.expected, refused.value.found) == (CARD, "CARD0009")
    assert beside.asked == [] and again(world, waiting).state is State.PINS


def test_a_pin_that_was_set_before_the_power_went_is_not_asked_for_again(world: DeskWorld, waiting: Work) -> None:
    number = waiting.body["number"]
    Beside(world).set_pins(None, "R", CARD, (Purpose.AUTHENTICATION,), number)
    beside = Beside(world, "nothing in the reader")
    PinResets(world.desk).set(waiting, beside, "R", beside)  # type: ignore[arg-type]
    assert beside.asked == [] and again(world, waiting).state is State.DONE


def test_after_its_time_the_person_is_looked_at_again(world: DeskWorld, waiting: Work, clock: SetClock) -> None:
    clock.advance(minutes=16)
    beside = Beside(world)
    with pytest.raises(PinPermissionExpired):
        PinResets(world.desk).set(waiting, beside, "R", beside)  # type: ignore[arg-type]
    assert beside.asked == []
    seat = world.seat("boss")
    page = seat.go_on(f"/desk/work/{waiting.id}", "again")
    assert again(world, waiting).state is State.EVIDENCE and 'name="purpose"' in page.text
    assert seat.post(f"/desk/work/{waiting.id}/again").status_code == 409, "there is nothing to go back from"
    found = world.desk.database.read(lambda conn: permissions.find_permission(conn, CARD, waiting.body["number"]))
    assert found is not None and found.done_at is None


def test_nobody_permits_without_their_own_card(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    seat = world.seat("clerk")
    path = seat.begin(PersonId(person), Kind.PIN_RESET)
    asked = {**LICENCE, "chosen": CARD, "purpose": "authentication"}
    refused = seat.post(f"{path}/evidence", **asked)
    assert refused.status_code == 403 and "web.card-needed" in refused.text
    assert world.state(path) is State.EVIDENCE
    assert not world.desk.database.read(lambda conn: permissions.permissions_of(conn, CARD))
    for wrong in ({"purpose": "both"}, {"purpose": ""}):
        assert seat.post(f"{path}/evidence", **{**asked, **wrong}).status_code == 400
    assert seat.post(f"{path}/evidence", **{**asked, "chosen": "CARD0404"}).status_code == 404
    other, _ = world.office.enrolled(card_id="CARD0002", name="実印　太郎")
    theirs = seat.post(f"{path}/evidence", **{**asked, "chosen": "CARD0002"})
    assert theirs.status_code == 403 and other not in theirs.text, "somebody else's card"


def test_where_a_second_officer_is_wanted_nothing_is_permitted_before_their_word(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    world.desk.pin_rule = replace(world.desk.pin_rule, second_officer=pin_reset.SecondOfficer.ALWAYS)
    seat = world.seat("clerk")
    path = seat.begin(PersonId(person), Kind.PIN_RESET)
    seat.go_on(path, "evidence", **LICENCE, chosen=CARD, purpose="signature")
    assert world.state(path) is State.APPROVAL and world.work(path).steps[1] is State.APPROVAL
    assert world.decide(path, who="clerk").status_code == 403
    assert world.decide(path).status_code == 303
    refused = seat.post(f"{path}/carry-out")
    assert refused.status_code == 403 and "web.card-needed" in refused.text
    assert not world.desk.database.read(lambda conn: permissions.permissions_of(conn, CARD))
