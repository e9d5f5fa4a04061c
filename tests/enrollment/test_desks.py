"""What may be done where: every kind of desk with every affair, its designation, its papers, its supervisors."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest

from enrollment import confirmations, deciding, issuing, ledger, visits
from enrollment.application import ApplicationKind
from enrollment.counters import POST_OFFICE_AFFAIRS, Affair, Counter, CounterKind
from enrollment.errors import (
    EvidenceTooWeak,
    KioskNeverAnchors,
    NotConfirmed,
    NotDesignated,
    NotPresent,
    NotYours,
    OutOfScope,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.evidence import DocumentSeen, Level
from enrollment.operators import Role
from enrollment.policy import CapPolicy
from enrollment.store import people as rows
from pki.errors import InvalidValue
from pki.instant import Validity
from tests.enrollment.town import ALL_AFFAIRS, ALWAYS, AT, OTHER_TOWN, TOWN, found, operator, resident, seen

PERIOD = Validity(AT + timedelta(days=-100), AT + timedelta(days=100))


def desk(kind, **changes):
    designated = (PERIOD, "令和8年議決第12号") if kind is CounterKind.POST_OFFICE else (None, "")
    return replace(Counter(f"the-{kind.value}", TOWN, kind, "見本", ALL_AFFAIRS, *designated), **changes)


@pytest.mark.parametrize(("kind", "affair"), [*product(CounterKind, Affair)])
def test_every_kind_of_desk_with_every_affair(kind, affair):
    if kind is CounterKind.KIOSK or (kind is CounterKind.POST_OFFICE and affair not in POST_OFFICE_AFFAIRS):
        with pytest.raises(OutOfScope):  # even where somebody wrote it into the desk's record
            desk(kind).require(affair, AT)
    else:
        desk(kind).require(affair, AT)
    with pytest.raises(OutOfScope):
        desk(kind, affairs=ALL_AFFAIRS - {affair}).require(affair, AT)


@pytest.mark.parametrize("kind", list(CounterKind))
@pytest.mark.parametrize("days", [-101, -100, 0, 100, 101])
def test_a_designation_has_a_first_and_a_last_day_and_only_post_offices_have_one(kind, days):
    at = AT + timedelta(days=days)
    if kind is CounterKind.POST_OFFICE and abs(days) > 100:
        with pytest.raises(NotDesignated):
            desk(kind).require(Affair.IN_PERSON_CHECK, at)
    elif kind is not CounterKind.KIOSK:
        desk(kind).require(Affair.IN_PERSON_CHECK, at)


def test_a_designation_names_what_it_rests_on():
    with pytest.raises(InvalidValue):
        desk(CounterKind.POST_OFFICE, designation_record="")
    with pytest.raises(NotDesignated):
        desk(CounterKind.POST_OFFICE, designation=None).require(Affair.RENEWAL, AT)


@pytest.fixture
def database(sqlite_database):
    """Nothing here depends on the engine."""
    return sqlite_database


@pytest.fixture
def person(database, random):
    def enter(conn):
        found(conn)
        for kind in CounterKind:
            rows.add_counter(conn, desk(kind))
            roles = (Role.CLERK, Role.SUPERVISOR)
            rows.add_operator(conn, operator(f"at-{kind.value}", f"the-{kind.value}", *roles))
        return resident(conn, random)

    return database.transaction(enter)


def evidence_at(kind, person, **changes):
    return seen(person, officer=f"at-{kind.value}", counter=f"the-{kind.value}", **changes)


def confirmed(database, random, person, kind, who="clerk", at=AT):
    return database.transaction(
        lambda c: (
            confirmations.confirm(c, rows.operator_of(c, who), person, f"the-{kind.value}", at, random).confirmation
        )
    )


def check(database, random, evidence, kind, confirmation=None):
    return database.transaction(
        lambda c: visits.check(c, evidence, f"at-{kind.value}", AT, random, confirmation=confirmation)
    )


PHOTO = {}
TWO_PAPERS = {
    "documents": (DocumentSeen("pension-handbook"), DocumentSeen("student-card", date(2027, 3, 31))),
    "photo_matched": False,
}
ONE_PAPER = {"documents": (DocumentSeen("pension-handbook"),), "photo_matched": False}
BY_PROXY = {"presented_by": "f" * 32}

MATRIX = {
    (CounterKind.MUNICIPAL_MAIN, "photo"): Level.IAL3,
    (CounterKind.MUNICIPAL_MAIN, "two papers"): Level.IAL2,
    (CounterKind.BRANCH, "photo"): Level.IAL3,
    (CounterKind.BRANCH, "two papers"): Level.IAL2,
    (CounterKind.POST_OFFICE, "photo"): Level.IAL3,
    (CounterKind.POST_OFFICE, "two papers"): EvidenceTooWeak,
    (CounterKind.MOBILE, "photo"): Level.IAL3,
    (CounterKind.MOBILE, "two papers"): EvidenceTooWeak,
    **{(kind, "one paper"): EvidenceTooWeak for kind in CounterKind if kind.sees_people},
    **{(kind, "a proxy"): NotPresent for kind in CounterKind if kind.sees_people},
    **{(CounterKind.KIOSK, what): KioskNeverAnchors for what in ("photo", "two papers", "one paper", "a proxy")},
}
SHOWN = {"photo": PHOTO, "two papers": TWO_PAPERS, "one paper": ONE_PAPER, "a proxy": BY_PROXY}


@pytest.mark.parametrize(("kind", "what"), [*product(CounterKind, SHOWN)])
def test_what_proves_a_person_at_which_desk(database, random, person, kind, what):
    evidence = evidence_at(kind, person, **SHOWN[what])
    confirmation = confirmed(database, random, person, kind)
    expected = MATRIX[kind, what]
    if isinstance(expected, Level):
        checked = check(database, random, evidence, kind, confirmation)
        assert (checked.event.kind, checked.event.level) == (EventKind.ANCHOR, expected)
        assert (checked.event.channel, checked.deadlines) == (kind.value, ())
    else:
        with pytest.raises(expected):
            check(database, random, evidence, kind, confirmation)
        assert database.read(lambda c: ledger.history(c, person)) == ()


def file(database, random, kind, what, evidence, confirmation=None):
    return database.transaction(
        lambda c: issuing.file(
            c, what, evidence, ALWAYS.not_after, f"at-{kind.value}", AT, random, confirmation=confirmation
        )
    )


def test_a_post_office_does_nothing_without_the_municipality(database, random, person):
    kind = CounterKind.POST_OFFICE
    evidence = evidence_at(kind, person)
    for attempt in (
        lambda confirmation: check(database, random, evidence, kind, confirmation),
        lambda confirmation: file(database, random, kind, ApplicationKind.RENEWAL, evidence, confirmation),
    ):
        with pytest.raises(NotConfirmed):
            attempt(None)
        with pytest.raises(NotConfirmed):  # for another desk
            attempt(confirmed(database, random, person, CounterKind.BRANCH))
    filed = file(database, random, kind, ApplicationKind.RENEWAL, evidence, confirmed(database, random, person, kind))
    assert filed.counter == f"the-{kind.value}"
    with pytest.raises(OutOfScope):
        file(database, random, kind, ApplicationKind.FIRST_ISSUE, evidence_at(kind, person))
    with pytest.raises(OutOfScope):  # nobody at a post office confirms for a post office
        confirmed(database, random, person, kind, who="at-post-office")


@pytest.mark.parametrize("kind", list(CounterKind))
def test_who_may_be_the_second_person(database, random, person, kind):
    """Somebody at a municipal office decides; a supervisor in the same car or at a post office does not."""

    def propose(conn):
        return deciding.propose(
            conn, rows.operator_of(conn, "clerk"), Affair.CORRECTION, person, "c", AT, random
        ).approval

    approval = database.transaction(propose)

    def decide(conn):
        return deciding.approve(conn, approval, rows.operator_of(conn, f"at-{kind.value}"), AT)

    if kind in (CounterKind.MUNICIPAL_MAIN, CounterKind.BRANCH):
        assert database.transaction(decide).decided_by == f"at-{kind.value}"
    else:
        with pytest.raises(OutOfScope):
            database.transaction(decide)


def test_an_operator_works_at_their_own_desk_for_their_own_town(database, random, person):
    with pytest.raises(EvidenceTooWeak):
        check(database, random, seen(person, officer="at-branch", counter="main"), CounterKind.BRANCH)
    stranger = database.transaction(lambda c: resident(c, random, owner=OTHER_TOWN))
    with pytest.raises(NotYours):
        check(database, random, evidence_at(CounterKind.BRANCH, stranger), CounterKind.BRANCH)


def test_no_policy_lets_a_kiosk_anchor():
    with pytest.raises(InvalidValue):
        CapPolicy("k", AT, anchors=frozenset({CounterKind.KIOSK}))
