"""“I don't recognise this”: a case at the owner of the record, with a day by which it is answered.

    OPEN ▶ ANSWERED ▶ CLOSED
            ▲    ▼
            DISPUTED          a second answer is given by somebody else, and ends the matter here

The person says which record; the owner finds out and says what it was. Where it was a mistake, an incident
(`enrollment.incidents`) begins with the answer, and finds everybody else whom it concerns too. Whoever answers sees the
record that is asked about and not the person.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from enrollment import incidents
from enrollment.case import TRANSITIONS, Case, CaseEvent, CaseState, Finding
from enrollment.errors import AnswerUnfit, NotYours, SameAnswerer, SamePerson, UnknownCase
from enrollment.incident import IncidentKind
from enrollment.machine import step
from enrollment.notices import NoticeKind, add_notice
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random, draw_id
from enrollment.registry import AccessLine, own_lines
from enrollment.store import Connection
from enrollment.store import disclosure as rows
from pki.instant import Instant, end_of_japanese_day

ANSWER_DAYS: Final = 15
"""Days of Japan within which the owner answers, and answers again (jpki.md 6: about 14 to 15 for such decisions)."""
LONGEST: Final = 1000
"""Characters of an answer."""


def open_case(conn: Connection, person: PersonId, record: str, at: Instant, random: Random) -> Case:
    """The person does not recognise one of their records. Asked twice, it is the same case.

    Errors: UnknownCase where the record is not theirs; UnknownPerson.
    """
    found = _line(conn, person, record)
    if found is None:
        raise UnknownCase(record)
    existing = rows.case_about(conn, person, record)
    if existing is not None:
        return existing
    case = Case(draw_id(random), person, found.access.provider, record, CaseState.OPEN, 1, at, _due(at))
    rows.add_case(conn, case)
    return case


def answer(
    conn: Connection, case_id: str, operator: Operator, finding: Finding, text: str, at: Instant, random: Random
) -> Case:
    """The owner's answer; never by whoever looked, and the second one by somebody who did not give the first.

    Errors: UnknownCase, NotYours, RoleMissing, OperatorNotValid, WrongState, AnswerUnfit, SamePerson, SameAnswerer,
    Stale.
    """
    case, line = asked(conn, case_id, operator, at)
    event = CaseEvent.ANSWER_FINALLY if case.state is CaseState.DISPUTED else CaseEvent.ANSWER
    state = step("case", TRANSITIONS, case.state, event)
    if not text.strip() or len(text) > LONGEST:
        raise AnswerUnfit(LONGEST)
    if line is not None and line.access.recipient.rpartition("/")[2] == operator.operator:
        raise SamePerson(operator.operator)
    if operator.operator in case.answered_by:
        raise SameAnswerer(case.case)
    done = replace(
        case,
        state=state,
        version=case.version + 1,
        finding=finding,
        answer=text.strip(),
        answered_by=(*case.answered_by, operator.operator),
    )
    if finding.is_incident and case.incident is None:
        found = incidents.find(conn, IncidentKind.MISTAKEN_INQUIRY, operator, at, random)
        done = replace(done, incident=found.incident)
    rows.change_case(conn, done)
    add_notice(conn, case.person, NoticeKind.CASE_ANSWERED, case.case, at, random)
    return done


def respond(conn: Connection, person: PersonId, case_id: str, *, accept: bool, at: Instant) -> Case:
    """The person is content with the answer, or is not. Errors: UnknownCase for another's; WrongState, Stale."""
    case = rows.case_of(conn, case_id)
    if case.person != person:
        raise UnknownCase(case_id)
    state = step("case", TRANSITIONS, case.state, CaseEvent.ACCEPT if accept else CaseEvent.DISPUTE)
    done = replace(case, state=state, version=case.version + 1, due_at=case.due_at if accept else _due(at))
    rows.change_case(conn, done)
    return done


def cases_of(conn: Connection, person: PersonId) -> tuple[Case, ...]:
    """A person's cases, oldest first."""
    return rows.cases_of(conn, person)


def asked(conn: Connection, case_id: str, operator: Operator, at: Instant) -> tuple[Case, AccessLine | None]:
    """A case and the record that it asks about, for a supervisor of its owner.

    Errors: UnknownCase, NotYours, RoleMissing, OperatorNotValid.
    """
    case = rows.case_of(conn, case_id)
    if case.owner != operator.owner:
        raise NotYours(operator.owner)
    operator.require(Role.SUPERVISOR, at)
    return case, record_of(conn, case)


def record_of(conn: Connection, case: Case) -> AccessLine | None:
    """The record that a case asks about; None once it was destroyed (`enrollment.retention`): a closed case stays."""
    return _line(conn, case.person, case.record)


def of_owner(conn: Connection, owner: str) -> tuple[Case, ...]:
    """Every case of an owner, the newest first."""
    return rows.cases_of_owner(conn, owner)


def behind(conn: Connection, incident: str) -> tuple[Case, ...]:
    """The cases whose answers began an incident."""
    return rows.cases_behind(conn, incident)


def waiting(conn: Connection, owner: str) -> tuple[Case, ...]:
    """What an owner has to answer, the most urgent first."""
    return rows.waiting_cases(conn, owner)


def _line(conn: Connection, person: PersonId, record: str) -> AccessLine | None:
    return next((line for line in own_lines(conn, person) if line.record == record), None)


def _due(at: Instant) -> Instant:
    return end_of_japanese_day(at.jst_date() + timedelta(days=ANSWER_DAYS))
