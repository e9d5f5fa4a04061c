"""Cases, incidents, notices, and the end of records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, literal, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from enrollment.case import Case, CaseState, Finding
from enrollment.errors import Stale, UnknownCase, UnknownIncident
from enrollment.incident import Incident, IncidentKind, IncidentState, Scope
from enrollment.person import PersonId
from enrollment.store import tables_disclosure as t
from enrollment.store.connection import Connection, is_unique_violation
from enrollment.store.tables import access_records
from pki.instant import Instant

DESTROYED = "destroyed"


def _case(row: Any) -> Case:
    return Case(
        row["case_id"],
        PersonId(row["person"]),
        row["owner"],
        row["record"],
        CaseState(row["state"]),
        row["version"],
        Instant(row["opened_at"]),
        Instant(row["due_at"]),
        None if row["finding"] is None else Finding(row["finding"]),
        row["answer"],
        tuple(json.loads(row["answered_by"])),
        row["incident"],
    )


def _values(case: Case) -> dict[str, Any]:
    return {
        "state": case.state.value,
        "version": case.version,
        "due_at": case.due_at.seconds,
        "finding": None if case.finding is None else case.finding.value,
        "answer": case.answer,
        "answered_by": json.dumps(case.answered_by),
        "incident": case.incident,
    }


def add_case(conn: Connection, case: Case) -> None:
    """Errors: Stale where the same question was asked at the same moment."""
    try:
        conn.execute(
            insert(t.cases).values(
                case_id=case.case,
                person=case.person,
                owner=case.owner,
                record=case.record,
                opened_at=case.opened_at.seconds,
                **_values(case),
            )
        )
    except IntegrityError as error:
        if is_unique_violation(error):
            raise Stale("the question about this record") from error
        raise


def case_of(conn: Connection, case_id: str) -> Case:
    """Errors: UnknownCase."""
    row = conn.execute(select(t.cases).where(t.cases.c.case_id == case_id)).mappings().one_or_none()
    if row is None:
        raise UnknownCase(case_id)
    return _case(row)


def case_about(conn: Connection, person: PersonId, record: str) -> Case | None:
    """The question that a person already asked about a record."""
    query = select(t.cases).where(t.cases.c.person == person, t.cases.c.record == record)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else _case(row)


def cases_of(conn: Connection, person: PersonId) -> tuple[Case, ...]:
    """A person's cases, oldest first."""
    query = select(t.cases).where(t.cases.c.person == person).order_by(t.cases.c.opened_at, t.cases.c.case_id)
    return tuple(_case(row) for row in conn.execute(query).mappings())


def waiting_cases(conn: Connection, owner: str) -> tuple[Case, ...]:
    """What the owner has to answer, by the day on which it is due."""
    c = t.cases.c
    query = select(t.cases).where(c.owner == owner, c.state.in_(("open", "disputed"))).order_by(c.due_at, c.case_id)
    return tuple(_case(row) for row in conn.execute(query).mappings())


def cases_of_owner(conn: Connection, owner: str) -> tuple[Case, ...]:
    """Every case of an owner, the newest first."""
    c = t.cases.c
    query = select(t.cases).where(c.owner == owner).order_by(c.opened_at.desc(), c.case_id)
    return tuple(_case(row) for row in conn.execute(query).mappings())


def cases_behind(conn: Connection, incident: str) -> tuple[Case, ...]:
    """The cases that an incident began with."""
    query = select(t.cases).where(t.cases.c.incident == incident).order_by(t.cases.c.case_id)
    return tuple(_case(row) for row in conn.execute(query).mappings())


def change_case(conn: Connection, case: Case) -> None:
    """Errors: Stale."""
    where = (t.cases.c.case_id == case.case, t.cases.c.version == case.version - 1)
    if conn.execute(update(t.cases).where(*where).values(**_values(case))).rowcount != 1:
        raise Stale("the question")


def add_incident(conn: Connection, incident: Incident) -> None:
    """Write a new incident."""
    conn.execute(
        insert(t.incidents).values(
            incident=incident.incident,
            owner=incident.owner,
            kind=incident.kind.value,
            drill=incident.drill,
            state=incident.state.value,
            version=incident.version,
            found_at=incident.found_at.seconds,
            found_by=incident.found_by,
        )
    )


def _incident(row: Any) -> Incident:
    return Incident(
        row["incident"],
        row["owner"],
        IncidentKind(row["kind"]),
        bool(row["drill"]),
        IncidentState(row["state"]),
        row["version"],
        Instant(row["found_at"]),
        row["found_by"],
        row["affected"],
        row["records"],
    )


def incident_of(conn: Connection, incident_id: str) -> Incident:
    """Errors: UnknownIncident."""
    row = conn.execute(select(t.incidents).where(t.incidents.c.incident == incident_id)).mappings().one_or_none()
    if row is None:
        raise UnknownIncident(incident_id)
    return _incident(row)


def incidents_of_owner(conn: Connection, owner: str) -> tuple[Incident, ...]:
    """Newest first."""
    c = t.incidents.c
    query = select(t.incidents).where(c.owner == owner).order_by(c.found_at.desc(), c.incident)
    return tuple(_incident(row) for row in conn.execute(query).mappings())


def change_incident(conn: Connection, incident: Incident) -> None:
    """Errors: Stale."""
    where = (t.incidents.c.incident == incident.incident, t.incidents.c.version == incident.version - 1)
    values = {
        "state": incident.state.value,
        "version": incident.version,
        "affected": incident.affected,
        "records": incident.records,
    }
    if conn.execute(update(t.incidents).where(*where).values(**values)).rowcount != 1:
        raise Stale("the incident")


def add_moment(conn: Connection, incident_id: str, at: Instant, what: str, operator: str) -> None:
    """Append to the timeline."""
    m = t.incident_moments.c
    last = conn.execute(select(func.max(m.position)).where(m.incident == incident_id)).scalar_one()
    values = {"incident": incident_id, "position": 0 if last is None else last + 1, "at": at.seconds}
    conn.execute(insert(t.incident_moments).values(**values, what=what, operator=operator))


def moments(conn: Connection, incident_id: str) -> list[tuple[Instant, str, str]]:
    """The timeline, in order."""
    m = t.incident_moments.c
    query = select(m.at, m.what, m.operator).where(m.incident == incident_id).order_by(m.position)
    return [(Instant(row.at), row.what, row.operator) for row in conn.execute(query)]


def affected(conn: Connection, owner: str, scope: Scope) -> list[tuple[PersonId, str]]:
    """(person, record) of every record of the owner within the scope."""
    a = access_records.c
    wanted = [a.provider == owner, a.at >= scope.since.seconds, a.at <= scope.until.seconds, a.result != DESTROYED]
    for column, value in ((a.function, scope.function), (a.recipient, scope.recipient), (a.affairs, scope.affairs)):
        if value is not None:
            wanted.append(column == value)
    if scope.records:
        wanted.append(a.record.in_(scope.records))
    query = select(a.person, a.record).where(*wanted).order_by(a.person, a.position)
    return [(PersonId(row.person), row.record) for row in conn.execute(query)]


def set_affected(conn: Connection, incident_id: str, found: Sequence[tuple[PersonId, str]]) -> None:
    """Whom the incident concerns, instead of what was computed before."""
    conn.execute(delete(t.incident_records).where(t.incident_records.c.incident == incident_id))
    if found:
        conn.execute(
            insert(t.incident_records),
            [{"incident": incident_id, "person": person, "record": record} for person, record in found],
        )


def affected_people(conn: Connection, incident_id: str) -> list[PersonId]:
    """Whom the incident concerns."""
    r = t.incident_records.c
    query = select(r.person).where(r.incident == incident_id).distinct().order_by(r.person)
    return [PersonId(person) for person in conn.execute(query).scalars()]


def affected_records(conn: Connection, incident_id: str, person: PersonId) -> tuple[str, ...]:
    """Which of a person's records an incident concerns."""
    r = t.incident_records.c
    query = select(r.record).where(r.incident == incident_id, r.person == person).order_by(r.record)
    return tuple(conn.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice as it is kept."""

    notice: str
    kind: str
    about: str
    at: Instant
    read_at: Instant | None


def has_notice(conn: Connection, person: PersonId, kind: str, about: str) -> bool:
    """Whether the person was told this already."""
    n = t.notices.c
    query = select(n.notice).where(n.person == person, n.kind == kind, n.about == about)
    return conn.execute(query).first() is not None


def add_notice(conn: Connection, notice: str, person: PersonId, kind: str, about: str, at: Instant) -> None:
    """Write a notice."""
    values = {"notice": notice, "person": person, "kind": kind, "about": about, "at": at.seconds}
    conn.execute(insert(t.notices).values(**values))


def notices_of(conn: Connection, person: PersonId) -> list[NoticeRow]:
    """A person's notices, newest first."""
    n = t.notices.c
    query = select(t.notices).where(n.person == person).order_by(n.at.desc(), n.notice)
    return [
        NoticeRow(
            row.notice, row.kind, row.about, Instant(row.at), None if row.read_at is None else Instant(row.read_at)
        )
        for row in conn.execute(query)
    ]


def mark_notices_read(conn: Connection, person: PersonId, at: Instant) -> None:
    """Those up to `at` that were not read before."""
    n = t.notices.c
    conn.execute(
        update(t.notices).where(n.person == person, n.at <= at.seconds, n.read_at.is_(None)).values(read_at=at.seconds)
    )


Place = tuple[int, str, int]
"""Time, person and position of a record: the order in which records are gone through."""


@dataclass(frozen=True, slots=True)
class DueRecord:
    """A record of access that may be old enough."""

    person: PersonId
    position: int
    owner: str
    record: str
    at: Instant

    @property
    def place(self) -> Place:
        """Where it stands among all records."""
        return (self.at.seconds, self.person, self.position)


def due_records(conn: Connection, before: Instant, after: Place | None, limit: int) -> list[DueRecord]:
    """Records up to `before` whose opening still exists, oldest first, behind the place `after`."""
    a = access_records.c
    wanted = [a.at <= before.seconds, a.result != DESTROYED]
    if after is not None:
        wanted.append(tuple_(a.at, a.person, a.position) > tuple_(*(literal(part) for part in after)))
    query = (
        select(a.person, a.position, a.provider, a.record, a.at)
        .where(*wanted)
        .order_by(a.at, a.person, a.position)
        .limit(limit)
    )
    return [
        DueRecord(PersonId(row.person), row.position, row.provider, row.record, Instant(row.at))
        for row in conn.execute(query)
    ]


def is_needed(conn: Connection, record: str) -> bool:
    """Whether an open case, or an incident whose people are not told yet, is about this record."""
    case = select(t.cases.c.case_id).where(t.cases.c.record == record, t.cases.c.state != "closed")
    incident = (
        select(t.incidents.c.incident)
        .join(t.incident_records, t.incident_records.c.incident == t.incidents.c.incident)
        .where(t.incident_records.c.record == record, t.incidents.c.state != "closed")
    )
    return conn.execute(case).first() is not None or conn.execute(incident).first() is not None


def destroy_record(conn: Connection, person: PersonId, position: int, record: str) -> None:
    """Leave of a record its place, its hour and its hashes."""
    a = access_records.c
    conn.execute(
        update(access_records)
        .where(a.person == person, a.position == position)
        .values(
            record=record,
            function="",
            reason="",
            affairs="",
            recipient="",
            provided="[]",
            legal_basis="",
            result=DESTROYED,
        )
    )
