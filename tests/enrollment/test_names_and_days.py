"""Names as people write them, days as people say them: what is kept, what a certificate carries, what is refused."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment import registry
from enrollment.characters import MISSING, certified, for_certificate, is_certifiable
from enrollment.errors import NoReceipt
from enrollment.person import age_at
from enrollment.registry import FOUR_ATTRIBUTES, Access, AccessReceipt, Field
from enrollment.wareki import japanese, parse_day
from pki.attributes import Attributes, Gender
from pki.certificate import parse_certificate
from pki.errors import InvalidValue
from pki.purpose import Purpose
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, TOWN, found, hanako, resident

TSUJI = "辻\U000e0100"
"""U+8FBB with the selector for its form of one dot."""


@pytest.mark.parametrize(
    ("name", "carried", "flags"),
    [
        ("実印　花子", "実印　花子", ""),
        ("𠮷野　花子", "吉野　花子", "10000"),
        ("髙﨑　德子", "高崎　徳子", "11010"),
        (f"{TSUJI}　花子", "辻　花子", "1000"),
        ("\U00031350　花子", f"{MISSING}　花子", "1000"),  # in no JIS standard, and without a relative
        ("神\ufa19　花子", "神神　花子", "01000"),  # a compatibility ideograph
        ("ANNA MÜLLER", "ANNA MÜLLER", ""),
        ("濵邉　彌", "濵邉　彌", ""),  # JIS X 0212 has them
        ("か\u3099　e\u0301", "が　é", ""),  # the same letters, their marks apart
        ("カ\u309a　花子", "カ　花子", "1000"),  # no code point has this one
        (f"辻\u3099{TSUJI[1]}", "辻", "1"),
    ],
)
def test_what_a_certificate_carries(name, carried, flags):
    assert certified(name) == (carried, flags)


def test_an_address_written_with_a_keyboard_is_no_substitute():
    assert certified("１－２～３")[1] == ""


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Zl", "Zp")), min_size=1, max_size=60))
def test_whatever_is_written_the_certificate_can_carry(text):
    carried, flags = certified(text)
    assert all(is_certifiable(character) or character.isascii() for character in carried)
    assert flags == "" or len(flags) == len(carried)
    assert certified(carried) == (carried, "")


def test_flags_of_the_register_stay():
    kept = Attributes("〓野　花子", date(1980, 2, 17), Gender.FEMALE, "𠮷", name_substitutes="10000")
    told = for_certificate(kept)
    assert (told.name_substitutes, told.address, told.address_substitutes) == ("10000", "吉", "1")
    ivs = Attributes(f"{TSUJI}　〓", date(1980, 2, 17), Gender.FEMALE, "区", name_substitutes="0001")
    assert for_certificate(ivs).name_substitutes == "101"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "あ" * 101,
        "あ\u0000",
        "あ\u200b子",
        "\ue000",
        "あ\ud83d",
        "\U000e0100辻",
        f"{TSUJI}\U000e0101",
        "あ\u2028い",
        "\u3099か",
        "か" + "\u3099" * 4,
    ],
)
def test_what_is_no_name(name):
    with pytest.raises(InvalidValue):
        hanako(name=name)


def test_a_hundred_characters_are_a_hundred_with_their_selectors_too(database, random):
    database.transaction(found)
    for name in ("あ" * 100, TSUJI * 100, "𠮷" * 100, "か\u3099" * 100):
        person = database.transaction(lambda c, n=name: resident(c, random, name=n))
        access = Access("desk", "look", "jpki", TOWN, "main", frozenset({Field.NAME}), "law")
        assert registry.look(database, person, access, AT, random).shown[Field.NAME] == name
    with pytest.raises(InvalidValue):
        hanako(name=TSUJI * 101)


def test_the_register_keeps_what_the_certificate_cannot(sqlite_database, tmp_path):
    office = open_office(sqlite_database, tmp_path, "names")
    name = f"𠮷{TSUJI}　花子"
    person, card = office.enrolled(name=name)
    subject = parse_certificate(card.read(Purpose.SIGNATURE) or b"").der
    assert "吉辻　花子".encode() in subject
    assert "𠮷".encode() not in subject
    assert b"11000" in subject
    office.move(card, "東京都見本区𠮷町１番")
    from enrollment.store import people

    kept = sqlite_database.read(lambda c: people.person_of(c, person)).attributes
    assert (kept.name, kept.address) == (name, "東京都見本区𠮷町１番")
    assert "東京都見本区吉町１番".encode() in (card.read(Purpose.SIGNATURE) or b"")


def test_no_read_without_a_receipt_that_was_made_before(database, random):
    database.transaction(found)
    person = database.transaction(lambda c: resident(c, random))
    access = Access("desk", "look", "jpki", TOWN, "main", FOUR_ATTRIBUTES, "law")
    made_up = AccessReceipt("0" * 32, person, 0, access, AT, "0" * 64)
    for read in (registry.read, registry.whole):
        with pytest.raises(NoReceipt):
            database.read(lambda c, read=read: read(c, made_up))
    receipt = database.transaction(lambda c: registry.record_access(c, person, access, AT, random))
    assert database.read(lambda c: registry.read(c, receipt)).shown[Field.NAME] == hanako().name


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("昭和55年2月17日", date(1980, 2, 17)),
        ("S55.2.17", date(1980, 2, 17)),
        ("s55-02-17", date(1980, 2, 17)),
        ("昭和 ５５年 ２月 １７日", date(1980, 2, 17)),
        ("昭和五十五年二月十七日", date(1980, 2, 17)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("R1/5/1", date(2019, 5, 1)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("平成元年1月8日", date(1989, 1, 8)),
        ("大正15年12月24日", date(1926, 12, 24)),
        ("昭和元年12月25日", date(1926, 12, 25)),
        ("明治45年7月29日", date(1912, 7, 29)),
        ("大正元年7月30日", date(1912, 7, 30)),
        ("令和2年2月29日", date(2020, 2, 29)),
        ("1980-02-17", date(1980, 2, 17)),
        ("2026年11月23日", date(2026, 11, 23)),
        ("二〇二六年十一月二十三日", date(2026, 11, 23)),
    ],
)
def test_days_as_people_write_them(text, day):
    assert parse_day(text) == day


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("昭和64年1月8日", "平成元年1月8日"),
        ("平成31年5月1日", "令和元年5月1日"),
        ("昭和元年12月24日", "大正15年12月24日"),
        ("平成31年2月29日", "no such day"),
        ("令和3年2月29日", "no such day"),
        ("2100-02-29", "no such day"),
        ("令和0年1月1日", "nought"),
        ("55-2-17", "four digits"),
        ("明治5年1月1日", "1872"),
        ("昭和55年13月1日", "no such day"),
        ("昭和55年2月", "written like"),
        ("", "written like"),
        ("tomorrow", "written like"),
        ("-55", "written like"),
    ],
)
def test_days_that_are_none(text, said):
    with pytest.raises(InvalidValue) as wrong:
        parse_day(text)
    assert said in str(wrong.value)


@given(st.dates(date(1873, 1, 1), date(2200, 12, 31)))
def test_every_day_is_read_back_as_it_was_written(day):
    assert parse_day(japanese(day)) == day
    assert parse_day(day.isoformat()) == day


def test_born_on_the_29th_of_february():
    born = parse_day("平成12年2月29日")
    days = (date(2015, 2, 27), date(2015, 2, 28), date(2016, 2, 28), date(2016, 2, 29))
    assert [age_at(born, day) for day in days] == [14, 15, 15, 16]
    assert age_at(born, date(2015, 2, 28) - timedelta(days=1)) == 14
