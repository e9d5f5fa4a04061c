"""Documents that are signed from afar: the same fields always make the same octets, and only those are read back."""

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment.errors import FilingMalformed
from enrollment.filing import (
    FIELDS,
    MAX_MEMBERS,
    Consent,
    Filing,
    HouseholdFiling,
    MoveFiling,
    MoveOutFiling,
    ReissueFiling,
    RenewalFiling,
    ResidenceStatement,
    parse_filing,
)
from pki.instant import Instant

LETTERS = st.characters(min_codepoint=0x80, exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co", "Mn", "Zl", "Zp"))

KINDS = (MoveFiling, ReissueFiling, RenewalFiling, HouseholdFiling, Consent, MoveOutFiling, ResidenceStatement)
AT = Instant.parse("2026-04-01T00:00:00Z")
ADDRESS = "東京都千代田区𠮷野町１－２"


def of_hex(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=length, max_size=length)


days = st.dates(date(2020, 1, 1), date(2040, 12, 31))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "filing": of_hex(32),
    "municipality": st.text("0123456789", min_size=5, max_size=5),
    "address": st.text(
        st.characters(min_codepoint=0x80, exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co", "Mn", "Zl", "Zp")),
        min_size=1,
        max_size=100,
    ),
    "address_substitutes": st.just(""),
    "moved_on": days,
    "planned_on": days,
    "members": st.sets(of_hex(32), min_size=1, max_size=4).map(lambda members: tuple(sorted(members))),
    "request_digest": of_hex(64),
    "authentication_request_digest": of_hex(64),
    "document_digest": of_hex(64),
    "void_after": st.integers(0, 3600 * 24 * 30).map(lambda seconds: AT + timedelta(seconds=seconds)),
}
filings: st.SearchStrategy[Filing] = st.one_of(
    *(st.builds(kind, **{one.name: VALUES[one.name] for one in fields(kind)}) for kind in KINDS)
)


def test_the_octets_are_these() -> None:
    statement = ResidenceStatement("0f" * 16, "13101", "東京都", AT)
    assert statement.document().decode() == (
        '{"address":"東京都","filing":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","kind":"residence-statement",'
        '"municipality":"13101","void_after":"2026-04-01T00:00:00Z"}'
    )


@given(filings)
def test_what_is_written_is_read_back(filing: Filing) -> None:
    assert parse_filing(filing.document()) == filing
    assert repr(filing) == f"{type(filing).__name__}({filing.filing})"


@given(filings, st.data())
def test_octets_that_were_changed_are_another_document_or_none(filing: Filing, data: st.DataObject) -> None:
    octets = bytearray(filing.document())
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] ^= data.draw(st.integers(1, 255))
    try:
        other = parse_filing(bytes(octets))
    except FilingMalformed:
        return
    assert other != filing and other.document() == octets


def test_every_field_has_its_rule() -> None:
    assert {one.name for kind in KINDS for one in fields(kind)} == FIELDS.keys() == VALUES.keys()


MOVE = MoveFiling("0" * 32, "13101", ADDRESS, date(2026, 3, 1), "a" * 64, AT)
HOUSEHOLD = HouseholdFiling("0" * 32, "13101", ADDRESS, date(2026, 3, 1), ("1" * 32, "2" * 32), AT)


@pytest.mark.parametrize(
    ("filing", "field", "wrong"),
    [
        (MOVE, "filing", "0" * 31),
        (MOVE, "filing", "A" * 32),
        (MOVE, "municipality", "1310"),
        (MOVE, "municipality", "１３１０１"),
        (MOVE, "address", ""),
        (MOVE, "address", "東京都\x7f"),
        (MOVE, "address", "東" * 5000),
        (MOVE, "address_substitutes", "0"),
        (MOVE, "address_substitutes", "2" * len(ADDRESS)),
        (MOVE, "request_digest", "a" * 63),
        (HOUSEHOLD, "members", ()),
        (HOUSEHOLD, "members", ("2" * 32, "1" * 32)),
        (HOUSEHOLD, "members", ("1" * 32, "1" * 32)),
        (HOUSEHOLD, "members", ("1" * 31,)),
        (HOUSEHOLD, "members", tuple(f"{number:032x}" for number in range(MAX_MEMBERS + 1))),
    ],
)
def test_a_wrong_field_is_named_and_nothing_of_it_is_repeated(filing: Filing, field: str, wrong: Any) -> None:
    with pytest.raises(FilingMalformed) as refused:
        replace(filing, **{field: wrong})
    assert f"{field}: " in str(refused.value)
    assert not wrong or str(wrong) not in str(refused.value)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"kind":1}',
        b'{"kind":["move-out"]}',
        b'{"kind":"move-out"}',
        b'{"kind":"nothing"}',
        b"[" * 9000,
        b'{"filing":1e400}',
        MOVE.document() + b" ",
        MOVE.document().replace(b'"kind"', b' "kind"'),
        MOVE.document().replace(b"}", b',"zone":"9"}'),
        MOVE.document().replace(b"2026-03-01", b"2026-3-1"),
        MOVE.document().replace(ADDRESS.encode(), rb"\ud842"),
        MOVE.document().replace(ADDRESS.encode(), "東".encode() * 6000),
    ],
)
def test_anything_else_is_refused(document: bytes) -> None:
    with pytest.raises(FilingMalformed):
        parse_filing(document)
