"""Names, addresses and days of birth as people have them, through every door: told by the resident record, typed at a
counter, filed with a card; kept as they are written, carried by the certificate as it can, read back, shown."""

import html
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from enrollment import gateway_release, registry
from enrollment.application import ApplicationKind
from enrollment.registry import FOUR_ATTRIBUTES, Access, Field
from pki.attributes import Attributes, Gender
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, TOWN
from tests.web.desk_world import LICENCE, desk_world
from tests.web.doors_world import Doors
from tests.web.test_filings import Town
from verifier.person import read_attributes
from web.desk.work import Kind

TSUJI = "辻\U000e0100"
GA = "か\u3099"
"""が as two code points: the letter and its mark."""
DUE = Instant.parse("2026-11-24T03:00:00Z")


@dataclass(frozen=True)
class Case:
    """`name` and `address` as they are written; `carried…`: what a certificate says, with the flags of substitutes;
    `era`: the day of birth as a clerk types it."""

    name: str
    carried_name: str
    name_flags: str
    address: str
    carried_address: str
    address_flags: str
    era: str
    born: date


CASES = {
    "a hundred short-stroked 𠮷": Case(
        "𠮷" * 100, "吉" * 100, "1" * 100, "𠮷" * 200, "吉" * 200, "1" * 200, "昭和64年1月7日", date(1989, 1, 7),
    ),
    "a hundred chosen forms": Case(
        TSUJI * 100, "辻" * 100, "1" * 100, TSUJI * 200, "辻" * 200, "1" * 200, "平成元年1月8日", date(1989, 1, 8),
    ),
    "variants beside plain letters": Case(
        "髙﨑　德子", "高崎　徳子", "11010", "東京都見本区𠮷町１番", "東京都見本区吉町１番", "0000001000",
        "昭和元年12月25日", date(1926, 12, 25),
    ),
    "in no standard of JIS": Case(
        "\U00031350　花子", "〓　花子", "1000", "\U00031350町１番", "〓町１番", "1000", "S55.2.29", date(1980, 2, 29),
    ),
    "letters with their marks apart": Case(
        f"み{GA}　花子", "みが　花子", "", f"{GA}町１番", "が町１番", "", "昭和55年2月29日", date(1980, 2, 29),
    ),
    "a mark that no letter has": Case(
        "カ\u309a　花子", "カ　花子", "1000", "セ\u309a町１番", "セ町１番", "1000", "明治45年7月29日",
        date(1912, 7, 29),
    ),
    "Latin letters with marks": Case(
        "ANNA MU\u0308LLER", "ANNA MÜLLER", "", "ÅNGSTRÖM HOUSE 1", "ÅNGSTRÖM HOUSE 1", "", "H16.2.29",
        date(2004, 2, 29),
    ),
}  # fmt: skip


@pytest.fixture
def office(sqlite_database, tmp_path, request):
    return open_office(sqlite_database, tmp_path, request.node.nodeid)


def kept(office, person):
    """What the registry shows, through the record of the look."""
    access = Access("desk", "look", "jpki", TOWN, "main", FOUR_ATTRIBUTES, "law")
    return registry.look(office.database, person, access, DUE, office.random).shown


def carried(octets):
    told = read_attributes(Certificate(octets))
    assert told is not None
    return told


def with_flags(told):
    """Name and address of a certificate, each with its flags; none is the same as all zero."""
    return tuple(
        (text, flags if "1" in flags else "")
        for text, flags in ((told.name, told.name_substitutes), (told.address, told.address_substitutes))
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_resident_record_tells_it_and_the_next_certificate_carries_it(office, case):
    doors = Doors(office.database, office.folder, "names", office=office)
    person, _ = office.enrolled()
    told = {
        "address": case.address, "address_substitutes": "", "date_of_birth": case.born.isoformat(), "gender": "2",
        "name": case.name, "name_substitutes": "",
    }  # fmt: skip
    for day in ("1980-02-17", case.born.isoformat()):  # a name and a birthday at once would be somebody else
        assert doors.tell("attributes-changed", person, {**told, "date_of_birth": day}).json()["state"] == "held"
        assert gateway_release.release_due(office.database, TOWN, DUE, office.random) == 1
        doors.clock.advance(seconds=1)
    shown = kept(office, person)
    assert (shown[Field.NAME], shown[Field.ADDRESS]) == (case.name, case.address), "as their holder writes them"
    assert shown[Field.DATE_OF_BIRTH] == case.born.isoformat()
    card, at = office.card("CARD0002"), DUE + timedelta(hours=1)
    office.issuing.continue_(office.filed(person, at, ApplicationKind.REISSUE), card, at)
    read = carried(card.read(Purpose.SIGNATURE))
    assert with_flags(read) == ((case.carried_name, case.name_flags), (case.carried_address, case.address_flags))
    assert (read.date_of_birth, read.gender) == (case.born, Gender.FEMALE)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_clerk_types_it_another_agrees_and_both_see_it_as_it_was_typed(sqlite_database, tmp_path, clock, case):
    clock.set(AT)
    with desk_world(sqlite_database, tmp_path, clock, "names") as world:
        office, clerk = world.office, world.seat("clerk")
        person, _ = office.enrolled()
        path = clerk.begin(person, Kind.CHANGE)
        clerk.go_on(path, "evidence", **LICENCE)
        reading = "よみ　かた" if "　" in case.name or " " in case.name else "よみ"
        typed = {"name": case.name, "reading": reading, "address": case.address, "born": case.era}
        substituted = "1" in case.name_flags + case.address_flags
        if substituted:
            asked = clerk.post(f"{path}/details", **typed)
            assert asked.status_code == 200
            assert "→" in asked.text, "what a certificate shows instead is told first"
        clerk.go_on(path, "details", **typed, **({"shown": "yes"} if substituted else {}))
        queue = html.unescape(world.seat("boss").get("/desk/queue").text)
        name = case.name.replace(" ", "　")
        assert name in queue
        assert case.address in queue
        assert world.decide(path).status_code == 303
        clerk.go_on(path, "carry-out")
        page = html.unescape(clerk.get(f"/desk/people/{person}").text)
        assert name in page
        assert case.address in page
        shown = kept(office, person)
        assert (shown[Field.NAME], shown[Field.ADDRESS]) == (name, case.address)
        assert shown[Field.DATE_OF_BIRTH] == case.born.isoformat()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_holder_files_it_and_reads_it_back_from_the_new_certificate(office, case):
    town = Town(office.database, office.folder, "names", office)
    answer = town.move(case.address, "key-00000001")
    assert answer["decision"]["used"] == 1
    assert kept(office, town.person)[Field.ADDRESS] == case.address
    read = carried(town.card.read(Purpose.SIGNATURE))
    assert with_flags(read)[1] == (case.carried_address, case.address_flags)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_character_more_or_a_day_that_is_none_is_refused_in_words_at_every_door(office, case):
    doors, town = Doors(office.database, office.folder, "names", office=office), None
    person, _ = office.enrolled(card_id="CARD0009")
    values = {
        "address": case.address, "address_substitutes": "", "date_of_birth": case.born.isoformat(), "gender": "2",
        "name": case.name, "name_substitutes": "",
    }  # fmt: skip
    wrong = {
        "name": "𠮷" * 101, "address": TSUJI * 201, "date_of_birth": "1981-02-29",
    }  # fmt: skip
    for field, value in wrong.items():
        told = doors.tell("attributes-changed", person, {**values, field: value}).json()
        assert (told["state"], bool(told["reason"])) == ("quarantined", True), field
    town = Town(office.database, office.folder, "names", office)
    document = town.filing(case.address)
    longer = document["document"].replace(case.address.encode(), (case.address + "町" * 201).encode())
    assert longer != document["document"]
    refused = town.post({**document, "document": longer, "signature": town.sign(longer)})
    assert refused.status_code in (400, 422)
    assert refused.json()["detail"]


def test_the_table_has_what_it_says():
    assert unicodedata.normalize("NFC", GA) == "が"
    assert {len(one.name) for one in CASES.values()} >= {100, 200}
    for case in CASES.values():
        Attributes(case.name, case.born, Gender.FEMALE, case.address)
