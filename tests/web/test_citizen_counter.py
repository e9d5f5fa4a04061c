"""Preparing at home what the counter will ask: what is in the code, whose it is, and that it files nothing."""

import re
from pathlib import Path
from typing import Any

import pytest

from enrollment.person import PersonId
from enrollment.store import people as people_rows
from tests.enrollment.office import open_office
from tests.enrollment.town import TOWN
from tests.web.test_citizen import SERVICE, Pages, _protect, _tell_household, open_pages
from web.prefills import Prefills

NEW = "東京都見本区新町九丁目８番７号"
FORM = {"municipality": TOWN, "address": NEW, "moved_on": "2026-11-20"}


@pytest.fixture
def pages(sqlite_database: Any, tmp_path: Path) -> Pages:
    return open_pages(open_office(sqlite_database, tmp_path, "citizen counter"))


def code_on(page: str) -> str:
    found = re.search(r"<code>([A-Z2-7-]{39})</code>", page)
    assert found is not None, page
    return found.group(1)


def looked_up(pages: Pages, code: str) -> Any:
    office = pages.office
    return Prefills(office.database, pages.clock, office.random).look(code, TOWN)


def test_a_code_by_whoever_has_no_reader_is_about_themselves_and_files_nothing(pages: Pages) -> None:
    person, _ = pages.office.enrolled()
    visitor = pages.logged_in(PersonId(person))
    assert "no QR code" in visitor.see("/citizen/counter")
    offered = visitor.see("/citizen/moves")
    assert 'action="/citizen/counter"' in offered and "can be made without the card" in offered
    assert visitor.send("/citizen/counter", **FORM).status_code == 303
    page = visitor.see("/citizen/counter")
    assert NEW in page and "Nothing is filed yet" in page and "<svg" in page
    found = looked_up(pages, code_on(page))
    assert (found.person, found.document["members"], found.document["address"]) == (person, [person], NEW)
    kept = pages.office.database.read(lambda conn: people_rows.person_of(conn, PersonId(person)))
    assert kept.attributes.address != NEW
    first = code_on(page)
    visitor.send("/citizen/counter", **{**FORM, "address": "別の町１番"})
    assert code_on(visitor.see("/citizen/counter")) != first


def test_with_the_card_those_of_the_household_who_were_ticked_are_in_it(pages: Pages) -> None:
    person, _ = pages.office.enrolled()
    other, stranger = (PersonId(pages.office.enrolled(card_id=f"CARD000{n}")[0]) for n in (2, 3))
    _tell_household(pages, {PersonId(person): "head", other: "spouse"})
    visitor = pages.with_card(PersonId(person))
    names = re.findall(r'name="member" value="([0-9a-f]{24})"', visitor.see("/citizen/moves"))
    assert len(names) == 2
    body = {"form": str(visitor.form), **FORM, "member": [*names, stranger, "x"]}
    answer = visitor.client.post("/citizen/counter", data=body, headers={"origin": SERVICE})
    assert answer.status_code == 303
    found = looked_up(pages, code_on(visitor.see("/citizen/counter")))
    assert sorted(found.document["members"]) == sorted([person, other]), "the household as it was told, and nobody else"
    visitor.send("/citizen/counter", **FORM)
    alone = looked_up(pages, code_on(visitor.see("/citizen/counter")))
    assert alone.document["members"] == [person]


@pytest.mark.parametrize(
    "wrong", [{"address": ""}, {"address": "x" * 201}, {"moved_on": "yesterday"}, {"municipality": "00000"}]
)
def test_what_cannot_be_opened_at_a_desk_is_not_prepared(pages: Pages, wrong: dict[str, str]) -> None:
    person, _ = pages.office.enrolled()
    visitor = pages.logged_in(PersonId(person))
    assert visitor.send("/citizen/counter", **{**FORM, **wrong}).status_code in (400, 422)
    assert "no QR code" in visitor.see("/citizen/counter")


def test_of_a_protected_person_nothing_is_prepared_or_shown(pages: Pages) -> None:
    person, _ = pages.office.enrolled()
    visitor = pages.logged_in(PersonId(person))
    visitor.send("/citizen/counter", **FORM)
    _protect(pages, PersonId(person))
    assert NEW not in visitor.client.get("/citizen/counter").text
    assert visitor.send("/citizen/counter", **FORM).status_code in (403, 422)
