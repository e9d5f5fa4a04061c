"""What nobody may overlook, as alarms that stand until their reason is gone; and the daily comparison with channels."""

from collections.abc import Mapping, Set
from contextlib import suppress
from typing import Final

from enrollment import protection
from enrollment.canonical import Json, canonical
from enrollment.errors import UnknownChannel, UnknownPerson
from enrollment.person import PersonId, Random
from enrollment.protection import Reconciled
from enrollment.store import Connection, care, disclosure, gate, messages, people
from enrollment.store import peers as rows
from pki.instant import Instant

UNACKNOWLEDGED: Final = "flag-unacknowledged"
DISAGREES: Final = "channel-disagrees"
SILENT: Final = "channel-silent"
BRAKED: Final = "gateway-braked"
CASE_OVERDUE: Final = "case-overdue"
INCIDENT_OVERDUE: Final = "incident-overdue"
SET_ASIDE: Final = "message-set-aside"
"""The kinds of alarm."""


def look(conn: Connection, at: Instant, random: Random) -> tuple[int, int]:
    """Begin an alarm for everything that is wrong now, end those whose reason is gone; (begun, ended).

    A channel that has not acknowledged a flag in time is told once more.
    """
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for one in protection.alarms(conn, at):
        owner = care.channel_owner(conn, one.channel)
        detail = _detail(channel=one.channel, flag=one.flag, version=one.version, due_at=one.due_at.iso())
        found.setdefault((UNACKNOWLEDGED, f"{one.channel}/{one.flag}"), (owner, detail))
    for municipality in people.municipalities(conn):
        brake = gate.brake_since(conn, municipality.code)
        if brake is not None:
            detail = _detail(brake=brake[0], since=brake[1].iso(), reason=brake[2])
            found[BRAKED, municipality.code] = (municipality.code, detail)
        for case in disclosure.waiting_cases(conn, municipality.code):
            if case.overdue(at):
                detail = _detail(case=case.case, due_at=case.due_at.iso())
                found[CASE_OVERDUE, case.case] = (municipality.code, detail)
        for incident in disclosure.incidents_of_owner(conn, municipality.code):
            if incident.overdue(at) and not incident.drill:
                detail = _detail(incident=incident.incident, due_at=incident.due_at.iso())
                found[INCIDENT_OVERDUE, incident.incident] = (municipality.code, detail)
    for message in messages.all_set_aside(conn):
        owner = _owner_of(conn, message.subject)
        detail = _detail(topic=message.topic, because=message.because, since=message.set_aside_at.iso())
        found.setdefault((SET_ASIDE, f"{owner}/{message.topic}"), (owner, detail))
    begun = 0
    for (kind, subject), (owner, detail) in found.items():
        if rows.raise_alarm(conn, kind, subject, owner, detail, at):
            begun += 1
            if kind == UNACKNOWLEDGED:
                channel, _, flag = subject.partition("/")
                _tell_again(conn, channel, {flag}, at, random)
    ended = 0
    for kind in (UNACKNOWLEDGED, BRAKED, CASE_OVERDUE, INCIDENT_OVERDUE, SET_ASIDE):
        for alarm in rows.standing_alarms(conn, kind):
            if (alarm.kind, alarm.subject) not in found:
                ended += rows.end_alarm(conn, alarm.kind, alarm.subject, at)
    return begun, ended


def _detail(**record: Json) -> str:
    return canonical(record).decode()


def compare(conn: Connection, channel: str, held: Mapping[str, int], at: Instant, random: Random) -> Reconciled | None:
    """The comparison of this day, once: what a channel lacks or has old it is told again, and an alarm stands until a
    later comparison agrees. None if it was made today already. Errors: UnknownChannel.
    """
    day = at.jst_date()
    if rows.compared(conn, channel, day.isoformat()):
        return None
    told = protection.reconcile(conn, channel, held, day)
    counts = (len(told.missing), len(told.outdated), len(told.unknown))
    rows.add_comparison(conn, rows.Comparison(channel, day.isoformat(), at, *counts))
    rows.end_alarm(conn, SILENT, channel, at)
    waited_for = {one.flag for one in protection.alarms(conn, at) if one.channel == channel}
    _tell_again(conn, channel, {*told.missing, *told.outdated, *waited_for}, at, random)
    if told.agrees:
        rows.end_alarm(conn, DISAGREES, channel, at)
        return told
    owner = care.channel_owner(conn, channel)
    detail = _detail(channel=channel, missing=counts[0], outdated=counts[1], unknown=counts[2])
    rows.raise_alarm(conn, DISAGREES, channel, owner, detail, at)
    return told


def _tell_again(conn: Connection, channel: str, flags: Set[str], at: Instant, random: Random) -> None:
    for flag in protection.flags_for(conn, channel):
        if flag.flag in flags:
            protection.tell_again(conn, channel, flag, at, random)


def _owner_of(conn: Connection, subject: str) -> str:
    """The municipality that a message's subject belongs to; of what belongs to none, the first one here."""
    kind, _, name = subject.partition(":")
    if kind == "owner":
        return name
    with suppress(UnknownChannel, UnknownPerson):
        return care.channel_owner(conn, name) if kind == "flag" else people.owner_of(conn, PersonId(subject))
    return min((one.code for one in people.municipalities(conn)), default="")


def silent(conn: Connection, channel: str, at: Instant) -> bool:
    """A channel did not answer the comparison; True if that alarm begins now. Errors: UnknownChannel."""
    owner = care.channel_owner(conn, channel)
    return rows.raise_alarm(conn, SILENT, channel, owner, _detail(channel=channel, since=at.iso()), at)
