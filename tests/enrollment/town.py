"""A small town for the tests of this package: two municipalities, desks, operators, the common policy, residents."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from enrollment import registry, rules
from enrollment.counters import Affair, Counter, CounterKind
from enrollment.evidence import DocumentSeen, InPersonEvidence
from enrollment.operators import Operator, Role
from enrollment.person import PersonId
from enrollment.policy import CapPolicy
from enrollment.store import people as rows
from pki.attributes import Attributes, Gender
from pki.instant import Instant, Validity
from pki.municipality import Municipality

AT = Instant.parse("2026-11-23T00:00:00Z")
TOWN = "13113"
OTHER_TOWN = "14104"
START = Instant.parse("2015-01-01T00:00:00Z")
ALWAYS = Validity(START, Instant.parse("2060-01-01T00:00:00Z"))

MUNICIPALITIES = (
    Municipality(TOWN, "Tokyo-to", "Mihon-ku", "見本区"),
    Municipality(OTHER_TOWN, "Kanagawa-ken", "Kaku-shi", "架空市"),
)
ALL_AFFAIRS = frozenset(Affair)
COUNTERS = (
    Counter("main", TOWN, CounterKind.MUNICIPAL_MAIN, "見本区役所", ALL_AFFAIRS),
    Counter("branch", TOWN, CounterKind.BRANCH, "見本区東出張所", ALL_AFFAIRS),
    Counter(
        "post",
        TOWN,
        CounterKind.POST_OFFICE,
        "見本駅前郵便局",
        frozenset({Affair.IN_PERSON_CHECK, Affair.RENEWAL, Affair.FIRST_ISSUE}),
        Validity(Instant.parse("2026-04-01T00:00:00Z"), Instant.parse("2031-03-31T14:59:59Z")),
        "令和8年議決第12号",
    ),
    Counter("kiosk", TOWN, CounterKind.KIOSK, "見本店", ALL_AFFAIRS),
    Counter("other-main", OTHER_TOWN, CounterKind.MUNICIPAL_MAIN, "架空市役所", ALL_AFFAIRS),
)


def operator(name: str, counter: str, *roles: Role, owner: str = TOWN, person: PersonId | None = None) -> Operator:
    """An operator at a desk, with a card of that name."""
    return Operator(name, owner, frozenset(roles or (Role.CLERK,)), name.encode().hex().ljust(64, "0"), counter, ALWAYS)


OPERATORS = (
    operator("clerk", "main"),
    operator("boss", "main", Role.CLERK, Role.SUPERVISOR, Role.PROTECTION),
    operator("boss2", "main", Role.CLERK, Role.SUPERVISOR, Role.PROTECTION),
    operator("postclerk", "post"),
    operator("machine", "kiosk"),
    operator("branchclerk", "branch"),
    operator("other-clerk", "other-main", owner=OTHER_TOWN),
    operator("other-boss", "other-main", Role.CLERK, Role.SUPERVISOR, Role.PROTECTION, owner=OTHER_TOWN),
)

COMMON_POLICY = CapPolicy("2026-01", START)


def found(conn: Any, policy: CapPolicy = COMMON_POLICY) -> None:
    """Write the town into a fresh database."""
    for municipality in MUNICIPALITIES:
        rows.add_municipality(conn, municipality)
    for counter in COUNTERS:
        rows.add_counter(conn, counter)
    for one in OPERATORS:
        rows.add_operator(conn, one)
    rules.adopt(conn, policy, START, "founder")


def hanako(**changes: Any) -> Attributes:
    """A grown-up resident who does not exist."""
    born = Attributes("実印　花子", date(1980, 2, 17), Gender.FEMALE, "東京都見本区見本町一丁目２番３号")
    return replace(born, **changes)


def resident(
    conn: Any, random: Callable[[int], bytes], owner: str = TOWN, at: Instant = AT, **changes: Any
) -> PersonId:
    """Enter somebody."""
    return registry.register(conn, owner, hanako(**changes), at, random)


def seen(person: PersonId, officer: str = "clerk", counter: str = "main", at: Instant = AT, **changes: Any) -> Any:
    """Evidence of a check with one photo document."""
    evidence = InPersonEvidence(
        person=person,
        presented_by=person,
        counter=counter,
        officer=officer,
        at=at,
        documents=(DocumentSeen("driving-licence", (at + timedelta(days=400)).jst_date()),),
        photo_matched=True,
    )
    return replace(evidence, **changes)
