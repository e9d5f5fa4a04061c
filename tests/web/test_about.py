"""Who can see what: every role and every kind of record of the table, in two languages, with numbers that move."""

import html

import pytest
from fastapi.testclient import TestClient

from enrollment import registry
from enrollment.isolation import LOCAL_PLANES, LOCAL_WORDS, ROLE_WORDS, WORDS
from enrollment.registry import FOUR_ATTRIBUTES, Access
from tests.enrollment.town import AT, TOWN, found, hanako, resident
from web.about import make_about_router
from web.application import Frame, compose
from web.language import Language


@pytest.fixture
def page(database, random, clock):
    database.transaction(found)
    router = make_about_router(database, clock, Language.JA)
    return TestClient(compose("about", [router], Frame(random, lambda: 0.0)))


def test_everything_of_the_table_is_there_with_numbers_that_move(page, database, random, clock):
    path = "/about/who-can-see-what"
    for language, pick in (("ja", lambda told: told.ja), ("en", lambda told: told.en)):
        text = html.unescape(page.get(path, params={"lang": language}).text)
        assert f'<html lang="{language}">' in text
        for told in (*WORDS.values(), *ROLE_WORDS.values()):
            assert pick(told) in text
        assert text.count(pick(LOCAL_WORDS)) == len(LOCAL_PLANES)
    person = database.transaction(lambda conn: resident(conn, random))
    access = Access("desk", "q", "tax", TOWN, "somebody", FOUR_ATTRIBUTES, "law")
    registry.look(database, person, access, AT, random)
    assert "<dt>desk</dt><dd>1</dd>" not in page.get(path).text, "counted less than a minute ago"
    clock.advance(minutes=1)
    text = page.get(path).text
    assert "<dt>desk</dt><dd>1</dd>" in text
    assert hanako().name not in text
    assert person not in text
