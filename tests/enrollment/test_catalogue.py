"""Which documents a municipality accepts in person: dated, only ever stricter, and asked by everything that anchors."""

from dataclasses import replace
from datetime import timedelta

import pytest

from enrollment import catalogue, counter_change, issuing, procedures, visits
from enrollment.application import ApplicationKind
from enrollment.cards import Card
from enrollment.catalogue import Catalogue, parse_catalogue
from enrollment.errors import EvidenceTooWeak, LooserPolicy
from enrollment.evidence import CATALOGUE, DocumentSeen, Level
from enrollment.store import work
from pki.card_state import CardState
from pki.errors import InvalidValue
from tests.enrollment.town import ALWAYS, AT, TOWN, found, hanako, resident, seen

DAY = timedelta(days=1)
THREE = {"documents": {"pension-handbook": {}, "care-insurance": {}, "disability-handbook": {"strength": "plain"}},
         "documents_needed": 3}  # fmt: skip


@pytest.fixture
def person(database, random):
    def enter(conn):
        found(conn)
        return resident(conn, random)

    return database.transaction(enter)


def adopt(database, record, begins=AT, at=AT, owner=TOWN):
    policy = parse_catalogue(record)
    database.transaction(lambda conn: catalogue.adopt(conn, owner, policy, begins, at, "boss"))


def shown(person, *kinds, photo=False, at=AT, **changes):
    in_force = at.jst_date() + timedelta(days=400)
    documents = tuple(DocumentSeen(kind, in_force if CATALOGUE[kind].expires else None) for kind in kinds)
    return seen(person, at=at, documents=documents, photo_matched=photo, **changes)


def level(database, evidence):
    return database.read(lambda conn: catalogue.level(conn, evidence))


def test_without_a_word_of_its_own_the_common_catalogue_holds(database, person):
    assert database.read(lambda conn: catalogue.in_force(conn, TOWN, AT)) == Catalogue(CATALOGUE, 2)
    assert level(database, shown(person, "pension-handbook", "care-insurance")) is Level.IAL2
    assert level(database, shown(person, "disability-handbook", photo=True)) is Level.IAL3
    assert level(database, shown(person, "pension-handbook")) is Level.IAL1


def test_a_municipality_weighs_documents_less_and_asks_for_more_of_them(database, person):
    adopt(database, THREE, begins=AT + DAY)
    adopt(database, {"documents": {"passport": {}}}, begins=AT + 3 * DAY)
    two, three = ("pension-handbook", "care-insurance"), ("pension-handbook", "care-insurance", "disability-handbook")
    for days, two_are, three_are, licence in (
        (0, Level.IAL2, Level.IAL3, Level.IAL3),
        (1, Level.IAL1, Level.IAL2, Level.IAL1),
        (3, Level.IAL1, Level.IAL1, Level.IAL1),
    ):
        at = AT + days * DAY
        assert level(database, shown(person, *two, photo=True, at=at)) is two_are, days
        assert level(database, shown(person, *three, photo=True, at=at)) is three_are, days
        assert level(database, shown(person, "driving-licence", photo=True, at=at)) is licence, days
    elsewhere = shown(person, *two, at=AT + 3 * DAY, counter="other-main", officer="other-clerk")
    assert level(database, elsewhere) is Level.IAL2, "another municipality's desk goes by its own"


def test_a_day_of_expiry_may_be_asked_for(database, person):
    adopt(database, {"documents": {"disability-handbook": {"expires": True}}})
    without = shown(person, "disability-handbook", photo=True)
    assert level(database, without) is Level.IAL1
    dated = replace(without, documents=(DocumentSeen("disability-handbook", AT.jst_date()),))
    assert level(database, dated) is Level.IAL3


@pytest.mark.parametrize(
    ("record", "names"),
    [
        ({"documents": {"pension-handbook": {"strength": "photo"}}}, "pension-handbook: strength"),
        ({"documents": {"passport": {"expires": False}}}, "passport: expires"),
        ({"documents_needed": 1}, "documents_needed"),
        ({"documents_needed": 0}, "documents_needed"),
        ({"documents_needed": -1}, "documents_needed"),
    ],
)
def test_never_looser(database, person, record, names):
    with pytest.raises(LooserPolicy) as refused:
        adopt(database, record)
    assert names in str(refused.value)
    assert database.read(lambda conn: catalogue.in_force(conn, TOWN, AT)) == Catalogue()


@pytest.mark.parametrize(
    "record",
    [
        [], "x", None, {"more": 1}, {"documents": []}, {"documents": {"library-card": {}}}, {"documents": {}},
        {"documents": {"passport": []}}, {"documents": {"passport": {"colour": "red"}}},
        {"documents": {"passport": {"strength": "iron"}}}, {"documents": {"passport": {"expires": 1}}},
        {"documents_needed": True}, {"documents_needed": "2"}, {"documents_needed": 99},
        {"documents": {"pension-handbook": {}}}, {"documents": {"passport": {"strength": "plain"}}},
    ],
)  # fmt: skip
def test_what_is_no_catalogue_or_leaves_nothing(record):
    with pytest.raises(InvalidValue):
        parse_catalogue(record)


def test_what_was_written_is_read_back_and_no_check_is_judged_anew(database, person):
    policy = parse_catalogue(THREE)
    assert parse_catalogue(policy.body()) == policy
    with pytest.raises(InvalidValue):
        adopt(database, THREE, begins=AT, at=AT + timedelta(seconds=1))
    adopt(database, THREE, begins=AT + DAY)
    with pytest.raises(Exception, match=r"(?i)unique"):  # one version a moment
        adopt(database, THREE, begins=AT + DAY)


def test_everything_that_needs_a_person_asks_it(database, person, random):
    adopt(database, THREE)
    weak = shown(person, "pension-handbook", "care-insurance", photo=True)

    def attempt(act, *arguments):
        return database.transaction(lambda conn: act(conn, *arguments))

    moved = hanako(address="東京都見本区南町１番")
    database.transaction(
        lambda conn: work.add_card(conn, Card("CARD", person, TOWN, CardState.SUSPENDED, 1, ALWAYS.not_after, AT))
    )
    for act, *arguments in (
        (visits.check, weak, "clerk", AT, random),
        (issuing.file, ApplicationKind.FIRST_ISSUE, weak, ALWAYS.not_after, "clerk", AT, random),
        (counter_change.propose, weak, TOWN, moved, "clerk", AT, random),
        (procedures.resume, "CARD", weak, "clerk", AT, random),
    ):
        with pytest.raises(EvidenceTooWeak) as refused:
            attempt(act, *arguments)
        assert "3 documents" in refused.value.missing
    enough = shown(person, "pension-handbook", "care-insurance", "disability-handbook")
    assert attempt(visits.check, enough, "clerk", AT, random).event.level == "ial2"
