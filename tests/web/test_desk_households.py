"""A household at the desk: who is done now, who comes later and why, one decision over all, each one's own card."""

import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from enrollment import certificates, deadlines, protection, transfers
from enrollment.channels import Channel
from enrollment.deadline import DeadlineKind
from enrollment.person import PersonId
from enrollment.store import gate as gate_rows
from enrollment.store import people as people_rows
from enrollment.store.gate import GateRow
from pki.purpose import Purpose
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, resident
from tests.support.chance import SetClock
from tests.web.desk_world import DeskWorld, desk_world, main_of
from web.desk.work import Kind, State

NEW = "東京都見本区新町九丁目８番７号"


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    clock.set(AT)
    with desk_world(sqlite_database, tmp_path, clock, "desk households") as one:
        yield one


def tell(world: DeskWorld, owner: str, members: dict[PersonId, str]) -> None:
    """As the municipality's system told it, signed, to the gateway."""
    body = json.dumps({"values": {"members": members, "version": 1}})
    for person in members:
        name = f"household-{owner}-{person}"
        row = GateRow(owner, name, "household", person, "released", "", body, AT, AT, AT, None, "", AT)
        world.desk.database.transaction(lambda conn, row=row: gate_rows.add(conn, row))


def fill(world: DeskWorld, path: str, here: set[int], *, agreed: set[int] | None = None, **more: str) -> Any:
    fields = {"address": NEW, "moved_on": "2026-11-20", **more}
    fields |= {f"part-{n}": "here" for n in here}
    fields |= {f"consent-{n}": "yes" for n in (here if agreed is None else agreed)}
    return world.seat("clerk").post(f"{path}/details", **fields)


def documents(numbers: set[int], **more: str) -> dict[str, str]:
    found = {"present": "yes", **more}
    for n in numbers:
        found |= {f"document1-{n}": "driving-licence", f"expires1-{n}": "2031-01-01", f"photo-{n}": "yes"}
    return found


def address(world: DeskWorld, person: PersonId) -> str:
    return str(world.desk.database.read(lambda conn: people_rows.person_of(conn, person)).attributes.address)


def test_whoever_is_here_is_done_and_everybody_else_is_told_when_and_why(world: DeskWorld) -> None:
    office, clerk, database = world.office, world.seat("clerk"), world.desk.database
    head, card = office.enrolled()
    spouse, _ = office.enrolled(card_id="CARD0002", name="実印　次郎")
    away, child, hidden = database.transaction(
        lambda conn: [
            resident(conn, office.random, name="実印　三郎"),
            resident(conn, office.random, name="実印　小春", date_of_birth=date(2020, 4, 2)),
            resident(conn, office.random, name="実印　静"),
        ]
    )
    boss = database.read(lambda conn: people_rows.operator_of(conn, "boss"))
    database.transaction(lambda conn: protection.apply(conn, hidden, boss, AT, office.random))
    told = {head: "head", spouse: "spouse", away: "parent", child: "child", hidden: "other"}
    tell(world, TOWN, told)
    path = clerk.begin(head, Kind.HOUSEHOLD)
    names = [member["person"] for member in world.work(path).body["members"]]
    at = {person: names.index(person) for person in told}
    page = clerk.get(path)
    assert "data-protected" in page.text and f'name="part-{at[hidden]}"' not in page.text
    here = {at[head], at[spouse], at[child]}
    assert fill(world, path, here | {at[hidden]}, agreed={at[head], at[spouse]}).status_code == 303
    told_now = {one["person"]: one["reason"] for one in world.work(path).body["members"]}
    assert told_now == {head: None, spouse: None, child: None, away: "not-here", hidden: "look-at-counter"}
    clerk.go_on(path, "evidence", **documents(here))
    assert world.state(path) is State.APPROVAL
    queue = world.seat("boss").get("/desk/queue")
    assert NEW in queue.text and "実印　次郎" in queue.text, "who decides sees for whom"
    assert "支援措置の対象者です" in main_of(queue), "and that one of them is protected"
    assert address(world, head) != NEW, "nothing has happened before the second person's word"
    assert world.decide(path).status_code == 303
    clerk.go_on(path, "carry-out")
    assert world.state(path) is State.CERTIFICATES
    assert {person: address(world, person) == NEW for person in told} == {
        head: True, spouse: True, child: True, away: False, hidden: False,
    }  # fmt: skip
    for person in (head, spouse):
        held = database.read(lambda conn, one=person: certificates.held_by(conn, one))
        assert {one.purpose for one in held} == {Purpose.AUTHENTICATION}
    due = database.read(lambda conn: deadlines.running(conn, away))
    assert [one.kind for one in due] == [DeadlineKind.IN_PERSON]
    own = {one["person"]: one.get("work") for one in world.work(path).body["members"]}
    assert own[away] is None and own[hidden] is None
    assert world.state(own[child]) is State.DONE, "below fifteen there is no signature certificate to make"
    assert world.work(own[head]).body["card"] == card.card_id() and world.state(own[head]) is State.CERTIFICATES
    printed = clerk.post(f"/desk/work/{own[child]}/receipt")
    assert printed.headers["content-type"] == "application/pdf", "each has their own receipt"
    done = clerk.go_on(path, "later")
    assert world.state(path) is State.DONE and world.state(own[head]) is State.DONE
    assert "2026-12-04" in main_of(done)
    receipt = clerk.post(f"{path}/receipt")
    words = str(pypdfium2.PdfDocument(io.BytesIO(receipt.content))[0].get_textpage().get_text_range())
    assert "実印　三郎" in words and "別に" not in words and "同意" not in words, "the paper says when, not why"


def test_a_grown_up_who_has_not_agreed_or_has_too_weak_papers_holds_up_nobody(world: DeskWorld) -> None:
    office, clerk, database = world.office, world.seat("clerk"), world.desk.database
    people = database.transaction(
        lambda conn: [resident(conn, office.random, name=f"実印　{name}") for name in ("一", "二", "三")]
    )
    tell(world, TOWN, dict(zip(people, ("head", "spouse", "other"), strict=True)))
    path = clerk.begin(people[0], Kind.HOUSEHOLD)
    at = {one["person"]: n for n, one in enumerate(world.work(path).body["members"])}
    fill(world, path, {0, 1, 2}, agreed={at[people[0]], at[people[2]]})
    weak = {f"document1-{at[people[2]]}": "student-card"}
    clerk.go_on(path, "evidence", **{**documents({at[people[0]]}), **weak})
    reasons = {one["person"]: one["reason"] for one in world.work(path).body["members"]}
    assert reasons == {people[0]: None, people[1]: "consent-missing", people[2]: "evidence-too-weak"}
    world.decide(path)
    clerk.go_on(path, "carry-out")
    assert world.state(path) is State.DONE, "nobody has a card in use"
    assert [address(world, one) == NEW for one in people] == [True, False, False]


def test_of_whoever_stays_behind_nothing_is_asked(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    stays = world.desk.database.transaction(lambda conn: resident(conn, world.office.random, name="実印　四郎"))
    tell(world, TOWN, {person: "head", stays: "child"})
    clerk = world.seat("clerk")
    path = clerk.begin(person, Kind.HOUSEHOLD)
    fill(world, path, {0}, **{"part-1": "stays"})
    clerk.go_on(path, "evidence", **documents({0}))
    world.decide(path)
    page = clerk.go_on(path, "carry-out")
    assert "引っ越しません" in main_of(page) and "CARD0001" in page.text, "which card is still awaited"
    assert not world.desk.database.read(lambda conn: deadlines.running(conn, stays))
    assert address(world, stays) != NEW
    clerk.go_on(path, "later")
    receipt = clerk.post(f"{path}/receipt")
    words = str(pypdfium2.PdfDocument(io.BytesIO(receipt.content))[0].get_textpage().get_text_range())
    assert "四郎" not in words and "花子" in words


def test_an_incomplete_form_says_what_is_missing_and_loses_nothing(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    path = world.seat("clerk").begin(person, Kind.HOUSEHOLD)
    early = fill(world, path, {0}, moved_on="2026-11-24")
    assert early.status_code == 200 and "引っ越した日" in main_of(early), "a move that has not been yet"
    answer = fill(world, path, set(), moved_on="")
    assert answer.status_code == 200 and NEW in answer.text
    assert "引っ越した日" in main_of(answer) and "来ている人を選んで" in main_of(answer)
    assert world.state(path) is State.DETAILS


def test_a_refusal_refuses_all_of_them(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    clerk = world.seat("clerk")
    path = clerk.begin(person, Kind.HOUSEHOLD)
    fill(world, path, {0})
    clerk.go_on(path, "evidence", **documents({0}))
    assert world.decide(path, who="clerk").status_code == 403, "never by who asked"
    world.decide(path, "no")
    assert world.state(path) is State.REFUSED and address(world, person) != NEW


def test_a_household_from_another_town_comes_in_as_far_as_it_was_announced(world: DeskWorld) -> None:
    office, database = world.office, world.desk.database
    person, card = office.enrolled()
    silent = database.transaction(lambda conn: resident(conn, office.random, name="実印　太郎"))
    tell(world, TOWN, {person: "head", silent: "spouse"})
    there = world.seat("other-clerk")
    assert there.post(f"/desk/people/{person}/work", kind="household").status_code == 403, "nobody announced it"
    operator = database.read(lambda conn: people_rows.operator_of(conn, "clerk"))
    database.transaction(
        lambda conn: transfers.announce(
            conn, person, "a" * 32, OTHER_TOWN, date(2026, 11, 20), Channel.ASSISTED, b"{}", None, AT, office.random
        )
    )
    assert operator.owner == TOWN
    assert there.post(f"/desk/people/{person}/work", kind="check").status_code == 403, "only a move in"
    page = there.get(f"/desk/people/{person}")
    assert "実印　花子" in page.text and 'value="household"' in page.text and 'value="renewal"' not in page.text
    path = there.begin(person, Kind.HOUSEHOLD)
    assert "実印　太郎" not in there.get(path).text, "whoever announced nothing is not named to us"
    fields = {"address": "架空市一丁目１番", "moved_on": "2026-11-20", "part-0": "here", "consent-0": "yes"}
    there.go_on(path, "details", **fields, **{"part-1": "here", "consent-1": "yes"})
    reasons = [one["reason"] for one in world.work(path, OTHER_TOWN).body["members"]]
    assert reasons == [None, "not-announced"]
    there.go_on(path, "evidence", **documents({0}))
    assert world.decide(path, who="other-boss").status_code == 303
    there.go_on(path, "carry-out")
    kept = database.read(lambda conn: people_rows.person_of(conn, person))
    assert (kept.owner, kept.attributes.address) == (OTHER_TOWN, "架空市一丁目１番")
    assert DeadlineKind.CONTINUED_USE in {
        one.kind for one in database.read(lambda conn: deadlines.running(conn, person))
    }
    assert world.seat("clerk").get(f"/desk/people/{person}").status_code == 403, "not ours any more"
    own = world.work(path, OTHER_TOWN).body["members"][0]["work"]
    assert world.work(own, OTHER_TOWN).body["card"] == card.card_id()
