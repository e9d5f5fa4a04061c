"""When something was looked up or provided that should not have been: whom it concerns, what they are told, and when.

    FOUND ▶ SCOPED ▶ NOTIFIED ▶ CLOSED          each step is a line of the timeline, with its hour and who took it

Whom it concerns is computed from the records of access, never from a list that somebody keeps. A drill goes the same
way with the same records and tells nobody.
"""

from dataclasses import replace
from typing import Final

from enrollment.canonical import Json
from enrollment.errors import NotYours, SamePerson
from enrollment.incident import TRANSITIONS, Incident, IncidentEvent, IncidentKind, IncidentState, Moment, Scope
from enrollment.machine import step
from enrollment.notices import NoticeKind, add_notice
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random, draw_id
from enrollment.store import Connection
from enrollment.store import disclosure as rows
from pki.instant import Instant

SMALL: Final = 10
"""Below this the public notice says `fewer than`: the neighbours of a village must not count."""


def find(
    conn: Connection, kind: IncidentKind, operator: Operator, at: Instant, random: Random, *, drill: bool = False
) -> Incident:
    """Something was found to be wrong. Errors: RoleMissing, OperatorNotValid."""
    operator.require(Role.SUPERVISOR, at)
    incident = Incident(draw_id(random), operator.owner, kind, drill, IncidentState.FOUND, 1, at, operator.operator)
    rows.add_incident(conn, incident)
    rows.add_moment(conn, incident.incident, at, IncidentEvent.FIND.value, operator.operator)
    return incident


def scope(conn: Connection, incident_id: str, within: Scope, operator: Operator, at: Instant) -> Incident:
    """Compute whom it concerns; may be done again as more is known. Errors: UnknownIncident, NotYours, WrongState."""
    incident = theirs(conn, incident_id, operator, at)
    found = rows.affected(conn, incident.owner, within)
    rows.set_affected(conn, incident.incident, found)
    people = len({person for person, _ in found})
    return _advance(conn, incident, IncidentEvent.SCOPE, operator, at, affected=people, records=len(found))


def notify(conn: Connection, incident_id: str, operator: Operator, at: Instant, random: Random) -> Incident:
    """Tell everybody whom it concerns; decided by somebody else than who found it. A drill tells nobody.

    Errors: UnknownIncident, NotYours, SamePerson, WrongState.
    """
    incident = theirs(conn, incident_id, operator, at)
    if operator.operator == incident.found_by:
        raise SamePerson(operator.operator)
    if not incident.drill:
        for person in rows.affected_people(conn, incident.incident):
            add_notice(conn, person, NoticeKind.INCIDENT, incident.incident, at, random)
    return _advance(conn, incident, IncidentEvent.NOTIFY, operator, at)


def close(conn: Connection, incident_id: str, operator: Operator, at: Instant) -> Incident:
    """Errors: UnknownIncident, NotYours, WrongState."""
    return _advance(conn, theirs(conn, incident_id, operator, at), IncidentEvent.CLOSE, operator, at)


def theirs(conn: Connection, incident_id: str, operator: Operator, at: Instant) -> Incident:
    """An incident for a supervisor of its owner. Errors: UnknownIncident, NotYours, RoleMissing, OperatorNotValid."""
    operator.require(Role.SUPERVISOR, at)
    incident = rows.incident_of(conn, incident_id)
    if incident.owner != operator.owner:
        raise NotYours(operator.owner)
    return incident


def of_owner(conn: Connection, owner: str) -> tuple[Incident, ...]:
    """Every incident of an owner and every drill, the newest first."""
    return rows.incidents_of_owner(conn, owner)


def timeline(conn: Connection, incident_id: str) -> tuple[Moment, ...]:
    """What was done when, in order."""
    return tuple(Moment(at, IncidentEvent(what), by) for at, what, by in rows.moments(conn, incident_id))


def told_people(conn: Connection, incident_id: str, operator: Operator, at: Instant) -> tuple[PersonId, ...]:
    """Who was told, in an order that stays; of a drill nobody.

    Errors: UnknownIncident, NotYours, RoleMissing, OperatorNotValid.
    """
    incident = theirs(conn, incident_id, operator, at)
    if incident.waits or incident.drill:
        return ()
    return tuple(rows.affected_people(conn, incident.incident))


def records_of(conn: Connection, incident_id: str, person: PersonId) -> tuple[str, ...]:
    """Which of a person's records an incident concerns: what their own notice names."""
    return rows.affected_records(conn, incident_id, person)


def public_notice(conn: Connection, incident_id: str) -> dict[str, Json]:
    """What everybody may know: numbers, hours and kinds; no person, no operator.

    Errors: UnknownIncident.
    """
    incident = rows.incident_of(conn, incident_id)
    count = incident.affected
    return {
        "incident": incident.incident,
        "owner": incident.owner,
        "kind": incident.kind.value,
        "drill": incident.drill,
        "state": incident.state.value,
        "affected": None if count is None else f"<{SMALL}" if 0 < count < SMALL else str(count),
        "timeline": [{"at": one.at.iso(), "what": one.what.value} for one in timeline(conn, incident_id)],
    }


def published(conn: Connection, owner: str) -> tuple[Incident, ...]:
    """The incidents of an owner that everybody may read about: those whose people were told. No drills."""
    told = (IncidentState.NOTIFIED, IncidentState.CLOSED)
    return tuple(one for one in rows.incidents_of_owner(conn, owner) if one.state in told and not one.drill)


def _advance(
    conn: Connection,
    incident: Incident,
    event: IncidentEvent,
    operator: Operator,
    at: Instant,
    *,
    affected: int | None = None,
    records: int | None = None,
) -> Incident:
    done = replace(
        incident,
        state=step("incident", TRANSITIONS, incident.state, event),
        version=incident.version + 1,
        affected=incident.affected if affected is None else affected,
        records=incident.records if records is None else records,
    )
    rows.change_incident(conn, done)
    rows.add_moment(conn, incident.incident, at, event.value, operator.operator)
    return done
