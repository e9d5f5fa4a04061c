"""Whose certificate it is and how far that person is from trust, over the real registry and ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from enrollment import ledger, registry
from enrollment.assurance import Grade
from enrollment.canonical import digest
from enrollment.events import EventKind
from enrollment.ledger import Happening
from enrollment.person import PersonId
from enrollment.store import work as work_rows
from enrollment.store.work import HeldCertificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.town import AT, TOWN, found, resident
from tests.web.test_relying_api import CITY
from transparency import store as log
from transparency.entry import EntryKind, entry
from web.subjects import NOTHING_KNOWN, Level, Nobody, Recorded, RegisteredSubjects

FINGERPRINT = bytes(range(32))


@pytest.fixture
def person(database: Any, random: Callable[[int], bytes]) -> PersonId:
    def body(conn: Any) -> PersonId:
        found(conn)
        return resident(conn, random)

    made: PersonId = database.transaction(body)
    return made


@pytest.fixture
def subjects(database: Any, random: Callable[[int], bytes]) -> RegisteredSubjects:
    return RegisteredSubjects(database, random)


def happen(database: Any, random: Callable[[int], bytes], person: PersonId, kind: EventKind, at: Instant) -> None:
    database.transaction(lambda conn: ledger.record(conn, Happening(person, kind, "clerk"), at, random))


def test_a_certificate_leads_to_its_person_also_when_it_has_ended(
    subjects: RegisteredSubjects, person: PersonId, database: Any
) -> None:
    assert subjects.person_of(FINGERPRINT) is None
    recorded = subjects.record(person, CITY, "status of a certificate", frozenset(), AT, "住民基本台帳法")
    assert subjects.certificate_of(recorded, FINGERPRINT) is None

    def body(conn: Any) -> None:
        work_rows.add_certificate(
            conn, HeldCertificate("intent-1", "application-1", person, Purpose.SIGNATURE, "card-1")
        )
        work_rows.certificate_signed(
            conn, "intent-1", "signature-1", "1" * 40, FINGERPRINT.hex(), AT, AT + timedelta(days=9)
        )

    database.transaction(body)
    assert subjects.person_of(FINGERPRINT) == person
    database.transaction(lambda conn: work_rows.end_certificate(conn, "intent-1", AT, "affiliationChanged:move"))
    assert subjects.person_of(FINGERPRINT) == person
    assert subjects.current_certificate(recorded, Purpose.SIGNATURE, AT) is None


def test_the_level_falls_with_time_and_remote_changes(
    subjects: RegisteredSubjects, person: PersonId, database: Any, random: Callable[[int], bytes]
) -> None:
    assert subjects.assurance_of(Recorded(person, frozenset()), AT).level is Level.AT_CAP, "never seen in person"
    happen(database, random, person, EventKind.ANCHOR, AT)
    fresh = subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=1))
    assert (fresh.level, fresh.in_person_within_years, fresh.remote_changes) == (Level.FRESH, 1, "none")
    older = subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=400))
    assert (older.level, older.in_person_within_years) == (Level.WITHIN_CAP, 3)
    assert subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=366 * 6)).level is Level.AT_CAP
    for number in range(3):
        happen(database, random, person, EventKind.REMOTE_MOVE, AT + timedelta(days=2 + number))
        told = subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=2 + number, hours=1))
        assert told.remote_changes == "some"
        assert told.level is (Level.AT_CAP if number == 2 else Level.WITHIN_CAP)
    assert subjects.assurance_of(Recorded("nobody", frozenset()), AT) == NOTHING_KNOWN


def test_the_record_is_in_the_persons_own_history(
    subjects: RegisteredSubjects, person: PersonId, database: Any
) -> None:
    told = subjects.record(person, CITY, "転居の届出", frozenset({"name"}), AT, "住民基本台帳法")
    assert told.shown == {"name"}
    (line,) = database.read(lambda conn: registry.own_lines(conn, person))
    assert line.access.provider == TOWN
    assert line.access.affairs == "転居の届出"
    assert "見本市" in line.access.recipient
    assert line.access.fields == frozenset({registry.Field.NAME})
    assert line.access.legal_basis == "住民基本台帳法"
    assert database.read(lambda conn: registry.broken_accesses(conn, person)) == ()


def test_what_the_log_shows_gives_two_parties_nothing_to_join_by(
    subjects: RegisteredSubjects, person: PersonId, database: Any, random: Callable[[int], bytes]
) -> None:
    """They know everything of what they asked, the person's id and place in the chain even; each record's identifier
    of 128 random bits they do not: no entry can be told to be of one person, or of the other."""
    bank = replace(CITY, party="bank", name_ja="見本銀行")
    people = [person, database.transaction(lambda conn: resident(conn, random))]
    for one in (0, 1, 1, 0):
        for party in (CITY, bank):
            subjects.record(people[one], party, "x", frozenset(), AT, "法")
    shown = [one.entry for one in database.read(lambda conn: log.waiting(conn, TOWN, 100))]
    assert len(shown) == len(set(shown)) == 8
    assert len({(len(one), one[: one.index(b"\n")]) for one in shown}) == 1, "all of one kind and length"
    mine: list[set[bytes]] = [set(), set()]
    for one, who in enumerate(people):
        for body in database.read(lambda conn, who=who: registry.bodies(conn, who)):
            mine[one].add(entry(EntryKind.ACCESS, bytes.fromhex(digest(body))))
            secret = str(body["record"])
            assert len(secret) == 32 and not any(bytes.fromhex(secret) in octets for octets in shown)
            for guess in ("", "0" * 32, secret[::-1] if secret[::-1] != secret else "f" * 32, str(body["previous"])):
                assert entry(EntryKind.ACCESS, bytes.fromhex(digest({**body, "record": guess}))) not in shown
    assert mine[0] | mine[1] == set(shown) and not mine[0] & mine[1], "who holds the records can tell, and nobody else"


def test_a_use_is_noted_once_a_month_and_never_for_whom(
    subjects: RegisteredSubjects, person: PersonId, database: Any, random: Callable[[int], bytes]
) -> None:
    happen(database, random, person, EventKind.ANCHOR, AT)
    before = subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=1))
    subjects.record(person, CITY, "log-in", frozenset(), AT, "住民基本台帳法")
    for days in (1, 2, 40):
        subjects.used(person, AT + timedelta(days=days))
    history = database.read(lambda conn: ledger.history(conn, person))
    assert [(one.kind, one.level) for one in history[1:]] == [(EventKind.CONTACT, "authenticated-use")] * 2
    assert [one.at for one in history[1:]] == [AT + timedelta(days=days) for days in (1, 40)]
    assert subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=1)) == before, (
        "the level of the cap stays"
    )
    with database.engine.connect() as conn:
        for table in ("enrollment_ledger", "enrollment_outbox"):
            rows = str(conn.execute(text(f"SELECT * FROM {table}")).all())
            assert person in rows or table != "enrollment_ledger"
            assert not any(word in rows for word in (CITY.party, CITY.name_ja, CITY.name_en, "log-in")), table


def test_a_use_that_cannot_be_noted_stops_nothing(
    subjects: RegisteredSubjects, person: PersonId, database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    subjects.used("nobody", AT)
    assert "UnknownPerson" in caplog.text
    with database.engine.begin() as conn:
        conn.execute(text("DELETE FROM enrollment_policies"))
    subjects.used(person, AT)
    assert "NoPolicy" in caplog.text
    assert person not in caplog.text
    assert database.read(lambda conn: ledger.history(conn, person)) == ()


def test_the_grade_rises_and_falls_beside_the_level(
    subjects: RegisteredSubjects, person: PersonId, database: Any, random: Callable[[int], bytes]
) -> None:
    assert subjects.assurance_of(Recorded(person, frozenset()), AT).grade is Grade.LOW
    checked = Happening(person, EventKind.ANCHOR, "clerk", level="ial2")
    database.transaction(lambda conn: ledger.record(conn, checked, AT, random))
    assert subjects.assurance_of(Recorded(person, frozenset()), AT).grade is Grade.SUBSTANTIAL, "no photo was compared"
    for month in range(12):
        subjects.used(person, AT + timedelta(days=31 * month))
    told = subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=342))
    assert told.grade is Grade.SUBSTANTIAL
    assert told.to_json()["grade"] == "substantial"
    assert subjects.assurance_of(Recorded(person, frozenset()), AT + timedelta(days=365 * 6)).grade is Grade.LOW


def test_levels_are_ordered_and_nobody_knows_nothing() -> None:
    ranked = sorted(Level, key=lambda level: level.rank)
    assert ranked == [Level.UNKNOWN, Level.AT_CAP, Level.WITHIN_CAP, Level.FRESH]
    nobody = Nobody()
    assert nobody.person_of(FINGERPRINT) is None
    recorded = nobody.record("x", CITY, "x", frozenset({"name"}), AT, "x")
    assert recorded.shown == frozenset()
    assert nobody.certificate_of(recorded, FINGERPRINT) is None
    assert nobody.current_certificate(recorded, Purpose.SIGNATURE, AT) is None
    nobody.used("x", AT)
    assert nobody.assurance_of(recorded, AT) == NOTHING_KNOWN
