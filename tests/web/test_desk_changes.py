"""Changes at the desk: what is typed, who agrees, what ends and what stays; codes for home."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from enrollment import certificates, ledger, protection
from enrollment.events import EventKind
from enrollment.store import people as people_rows
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.town import AT, resident
from tests.support.chance import SetClock
from tests.web.desk_world import LICENCE, DeskWorld, desk_world, main_of
from web.citizen.codes import LoginCodes
from web.desk.work import Kind, State
from web.store import entries

NEW = "東京都見本区新町九丁目８番７号"


@pytest.fixture
def world(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[DeskWorld]:
    clock.set(AT)
    with desk_world(sqlite_database, tmp_path, clock, "desk changes") as one:
        yield one


def words_of(octets: bytes) -> str:
    """What a PDF says, by another reader."""
    return str(pypdfium2.PdfDocument(io.BytesIO(octets))[0].get_textpage().get_text_range())


def to_details(world: DeskWorld, person: str) -> str:
    path = world.seat("clerk").begin(person, Kind.CHANGE)
    world.seat("clerk").go_on(path, "evidence", **LICENCE)
    return path


def test_a_new_address_ends_the_signature_certificate_and_waits_for_the_persons_card(world: DeskWorld) -> None:
    person, card = world.office.enrolled()
    clerk, database = world.seat("clerk"), world.desk.database
    path = to_details(world, person)
    shown = clerk.get(path)
    assert "東京都見本区見本町一丁目２番３号" in shown.text, "what is written down until now stands beside the field"
    waiting = clerk.go_on(path, "details", address=NEW)
    assert NEW in waiting.text and world.state(path) is State.APPROVAL
    queue = world.seat("boss").get("/desk/queue")
    assert NEW in queue.text, "who agrees sees to what"
    assert world.decide(path).status_code == 303
    clerk.go_on(path, "carry-out")
    assert world.state(path) is State.CERTIFICATES
    kept = database.read(lambda conn: people_rows.person_of(conn, person))
    assert kept.attributes.address == NEW and kept.attributes.name == "実印　花子"
    live = database.read(lambda conn: {one.purpose for one in certificates.held_by(conn, person)})
    assert live == {Purpose.AUTHENTICATION}, "the authentication certificate stays"
    assert database.read(lambda conn: ledger.history(conn, person))[-1].kind is EventKind.ANCHOR
    assert database.read(lambda conn: entries.read(conn, world.work(path).id)), "kept while the work is open"
    done = clerk.go_on(path, "later")
    assert "カードを持ってきたとき" in main_of(done)
    assert not database.read(lambda conn: entries.read(conn, world.work(path).id)), "gone with its end"
    assert "待っている証明書" in clerk.get(f"/desk/people/{person}").text
    again = clerk.begin(person, Kind.WAITING_CARD)
    assert world.work(again).body["card"] == card.card_id()
    assert world.state(again) is State.CERTIFICATES


def test_whoever_has_no_card_is_done_when_it_is_recorded(world: DeskWorld) -> None:
    person = world.desk.database.transaction(lambda conn: resident(conn, world.office.random))
    clerk, path = world.seat("clerk"), to_details(world, person)
    clerk.go_on(path, "details", name="実印　花代", reading="じついん はなよ", born="S55.2.17")
    world.decide(path)
    done = clerk.go_on(path, "carry-out")
    assert world.state(path) is State.DONE and "受付票を印刷する" in main_of(done)
    kept = world.desk.database.read(lambda conn: people_rows.person_of(conn, person))
    assert kept.attributes.name == "実印　花代"
    refused = clerk.post(f"/desk/people/{person}/work", kind="waiting-card")
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "変わるところ"),
        ({"address": "ﾄｳｷｮｳ"}, "半角カナ"),
        ({"name": "実印　花代"}, "読みは"),
        ({"name": "実印　花代", "reading": "花"}, "読みは"),
        ({"name": "実印　花代", "reading": "はなよ"}, "読みは"),
        ({"name": "実印　\ue000", "reading": "ジツイン　ハナ"}, "外字"),
        ({"born": "昭和64年2月1日"}, "生年月日が読み取れません"),
        ({"gender": "7"}, "性別"),
    ],
)
def test_what_cannot_be_written_down_is_said_in_words_and_nothing_typed_is_lost(
    world: DeskWorld, fields: dict[str, str], said: str
) -> None:
    person, _ = world.office.enrolled()
    path = to_details(world, person)
    answer = world.seat("clerk").post(f"{path}/details", **fields)
    assert answer.status_code == 200 and said in main_of(answer)
    assert all(value in answer.text for value in fields.values() if value != "7")
    assert world.state(path) is State.DETAILS


def test_a_character_that_no_certificate_carries_is_shown_with_its_substitute_first(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    clerk, path = world.seat("clerk"), to_details(world, person)
    typed = {"name": "𠮷田 葛\U000e0100子", "reading": "よしだ かつこ"}
    asked = clerk.post(f"{path}/details", **typed)
    assert asked.status_code == 200 and "𠮷 → 吉" in main_of(asked) and "葛\U000e0100 → 葛" in main_of(asked)
    assert world.state(path) is State.DETAILS
    clerk.go_on(path, "details", **typed, shown="yes")
    world.decide(path)
    clerk.go_on(path, "carry-out")
    kept = world.desk.database.read(lambda conn: people_rows.person_of(conn, person))
    assert kept.attributes.name == "𠮷田　葛\U000e0100子", "the register keeps what the person writes"


def test_the_offices_own_wording_ends_nothing_and_uses_nothing_up(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    clerk, database = world.seat("clerk"), world.desk.database
    before = database.read(lambda conn: ledger.judge(conn, person, EventKind.REMOTE_MOVE, AT))
    path = clerk.begin(person, Kind.OFFICIAL_CHANGE)
    clerk.go_on(path, "details", address=NEW)
    assert world.state(path) is State.DONE
    after = database.read(lambda conn: ledger.judge(conn, person, EventKind.REMOTE_MOVE, AT))
    assert (after.used, after.next_in_person_by) == (before.used, before.next_in_person_by)
    held = database.read(lambda conn: certificates.held_by(conn, person))
    assert {one.purpose for one in held} == set(Purpose)


def test_a_protected_persons_addresses_old_and_new_are_shown_to_nobody(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    database = world.desk.database
    database.transaction(
        lambda conn: protection.apply(conn, person, people_rows.operator_of(conn, "clerk"), AT, world.office.random)
    )
    clerk, path = world.seat("clerk"), to_details(world, person)
    page = clerk.get(path)
    assert "data-protected" in page.text and "見本町一丁目" not in page.text
    after = clerk.go_on(path, "details", address=NEW)
    assert NEW not in after.text and "表示しません" in main_of(after)
    assert NEW not in world.seat("boss").get("/desk/queue").text
    world.decide(path)
    assert NEW not in clerk.get(path).text
    assert NEW not in clerk.go_on(path, "carry-out").text


def test_what_was_refused_or_given_up_is_forgotten(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    clerk, database = world.seat("clerk"), world.desk.database
    for end in (lambda path: world.decide(path, "no"), lambda path: clerk.post(f"{path}/give-up", reason="x")):
        path = to_details(world, person)
        clerk.go_on(path, "details", address=NEW)
        assert end(path).status_code == 303
        assert world.state(path).is_final
        assert not database.read(lambda conn, path=path: entries.read(conn, world.work(path).id))
    kept = database.read(lambda conn: people_rows.person_of(conn, person))
    assert kept.attributes.address != NEW


def test_what_lay_too_long_is_forgotten(world: DeskWorld, clock: SetClock) -> None:
    person, _ = world.office.enrolled()
    clerk, database = world.seat("clerk"), world.desk.database
    left = to_details(world, person)
    clerk.go_on(left, "details", address=NEW)
    clock.advance(days=31)
    later = Instant(AT.seconds + 31 * 86_400)
    database.transaction(lambda conn: entries.write(conn, "another", {}, later))
    assert not database.read(lambda conn: entries.read(conn, world.work(left).id))


def test_a_code_for_home_is_given_after_a_check_shown_once_and_printed(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    clerk, database = world.seat("clerk"), world.desk.database
    path = clerk.begin(person, Kind.LOGIN_CODE)
    clerk.go_on(path, "evidence", **LICENCE)
    assert database.read(lambda conn: ledger.history(conn, person))[-1].kind is EventKind.ANCHOR
    answer = clerk.post(f"{path}/code")
    code = answer.text.split('<strong class="code">')[1].split("<")[0]
    assert len(code) == 14 and code not in clerk.get(path).text
    assert clerk.post(f"{path}/code").status_code == 409, "it is shown once"
    printed = clerk.post(f"{path}/receipt", code=code)
    assert printed.headers["content-type"] == "application/pdf"
    without = clerk.post(f"{path}/receipt")
    assert code in words_of(printed.content) and code not in words_of(without.content)
    codes = LoginCodes(database, world.desk.clock, world.desk.random)
    assert codes.stands(person, code)
    assert codes.use(code) == person
    assert not codes.stands(person, code)
    assert clerk.post(f"{path}/receipt", code=code).status_code == 400, "a used code is on no paper"


def test_a_post_office_is_offered_none_of_it(world: DeskWorld) -> None:
    person, _ = world.office.enrolled()
    post = world.seat("postclerk")
    for kind in (Kind.CHANGE, Kind.HOUSEHOLD, Kind.OFFICIAL_CHANGE, Kind.LOGIN_CODE):
        refused = post.post(f"/desk/people/{person}/work", kind=kind.value)
        assert refused.status_code == 422 and "enrollment.out-of-scope" in refused.text
