"""Incidents: whom one concerns is computed from the records, another supervisor has all told, a drill reaches nobody.

What the page shows of the people is their number. The notice that the public will read is shown before it is sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi import Response

from enrollment import cases, incidents, protection
from enrollment.acts import What
from enrollment.incident import Incident, IncidentKind, IncidentState, Scope
from enrollment.person import PersonId
from enrollment.registry import Field
from enrollment.store import Connection, people
from pki.errors import InvalidValue
from pki.instant import JAPAN, Instant
from web.desk import signing
from web.desk.incident_paper import notice_paper
from web.desk.officer import Officer
from web.desk.paper import papers_pdf
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.pages.forms import Form
from web.pages.router import Pages, Visit, see_other
from web.pages.wording import PageLanguage, plain_speaker

SUPERVISOR = "supervisor"
_LETTERS: Final = 100
"""Pages of one file."""
_ON_LETTERS: Final = frozenset({Field.NAME, Field.ADDRESS})
_MINUTE = timedelta(seconds=59)
"""A form says minutes; the last one is meant whole."""
_SCOPE = ("affairs", "function", "recipient", "records", "since", "until")
"""The fields of a scope, all of which are signed."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What the form of the scope begins with."""

    since: str
    until: str
    function: str = ""
    recipient: str = ""
    affairs: str = ""


def incident_pages(pages: Pages, desk: Desk) -> None:
    """The routes."""

    def mine(conn: Connection, visit: Visit) -> Incident:
        officer: Officer = visit.who
        return incidents.theirs(conn, _name(visit), officer.operator, desk.clock.now())

    def proposed(conn: Connection, incident: Incident) -> Proposed:
        """The day of the record that was asked about, and all by the same recipient; else the day it was found."""
        until = _local(desk.clock.now())
        for case in cases.behind(conn, incident.incident):
            line = cases.record_of(conn, case)
            if line is None:
                continue  # destroyed since: the case is over, and the incident goes on with what else is known
            access = line.access
            return Proposed(_local(_midnight(line.at)), until, access.function, access.recipient, access.affairs)
        return Proposed(_local(_midnight(incident.found_at)), until)

    def letters_of(visit: Visit) -> list[PersonId]:
        """To whom we may write: those whom we keep and whom no protection hides."""
        officer: Officer = visit.who
        owner = officer.operator.owner

        def body(conn: Connection) -> list[PersonId]:
            told = incidents.told_people(conn, _name(visit), officer.operator, desk.clock.now())
            ours = (one for one in told if people.owner_of(conn, one) == owner)
            return [one for one in ours if protection.standing(conn, one) is None]

        return desk.database.read(body)

    @pages.get("/desk/incidents", SUPERVISOR)
    def all_of_them(visit: Visit) -> Response:
        officer: Officer = visit.who
        found = desk.database.read(lambda conn: incidents.of_owner(conn, officer.operator.owner))
        return pages.page(visit, "desk/incidents.html", found=found, kinds=tuple(IncidentKind), at=desk.clock.now())

    @pages.post("/desk/incidents", SUPERVISOR)
    def begin(visit: Visit) -> Response:
        officer: Officer = visit.who
        try:
            kind = IncidentKind(visit.form.get("kind", ""))
        except ValueError:
            raise InvalidValue("a kind out of the list") from None
        drill = visit.form.get("drill") == "yes"
        made = signing.do(
            desk,
            officer,
            Deed(What.INCIDENT, officer.operator.owner, signing.content("begin", drill=drill, kind=kind.value)),
            lambda conn, at: incidents.find(conn, kind, officer.operator, at, desk.random, drill=drill),
        )
        return see_other(f"/desk/incidents/{made.incident}")

    @pages.get("/desk/incidents/{incident}", SUPERVISOR)
    def one(visit: Visit) -> Response:
        officer: Officer = visit.who
        incident = desk.database.read(lambda conn: mine(conn, visit))
        return pages.page(
            visit,
            "desk/incident.html",
            incident=incident,
            told=desk.database.read(lambda conn: incidents.public_notice(conn, incident.incident)),
            timeline=desk.database.read(lambda conn: incidents.timeline(conn, incident.incident)),
            proposed=desk.database.read(lambda conn: proposed(conn, incident)),
            letters=len(letters_of(visit)),
            each=_LETTERS,
            may_tell=incident.state is IncidentState.SCOPED and incident.found_by != officer.operator.operator,
            at=desk.clock.now(),
        )

    @pages.post("/desk/incidents/{incident}/scope", SUPERVISOR)
    def scope(visit: Visit) -> Response:
        officer: Officer = visit.who
        within = _scope(visit.form)

        name = _name(visit)

        def body(conn: Connection, at: Instant) -> Incident:
            return incidents.scope(conn, mine(conn, visit).incident, within, officer.operator, at)

        about = signing.content("scope", form={one: visit.form.get(one, "") for one in _SCOPE}, incident=name)
        return see_other(
            f"/desk/incidents/{signing.do(desk, officer, Deed(What.INCIDENT, name, about), body).incident}"
        )

    @pages.post("/desk/incidents/{incident}/notify", SUPERVISOR)
    def notify(visit: Visit) -> Response:
        officer: Officer = visit.who

        name = _name(visit)

        def body(conn: Connection, at: Instant) -> Incident:
            return incidents.notify(conn, mine(conn, visit).incident, officer.operator, at, desk.random)

        deed = Deed(What.INCIDENT, name, signing.content("notify", incident=name))
        return see_other(f"/desk/incidents/{signing.do(desk, officer, deed, body).incident}")

    @pages.post("/desk/incidents/{incident}/letters", SUPERVISOR)
    def letters(visit: Visit) -> Response:
        """A notice for each who was told, a page each, so many in one file; the record that we looked comes first.

        Who is under protection is told at a counter, not by a paper with their address.
        """
        officer: Officer = visit.who
        first = visit.form.get("first", "0")
        if not first.isascii() or not first.isdigit() or len(first) > 9:
            raise InvalidValue("the number of the first letter")
        incident = desk.database.read(lambda conn: mine(conn, visit))
        some = letters_of(visit)[int(first) : int(first) + _LETTERS]
        views = desk.look_all(officer, [(one, "incident-notice") for one in some], _ON_LETTERS)
        say = plain_speaker(pages.renderer.book, PageLanguage.JA)
        papers = [
            notice_paper(
                incident,
                ((say("name"), view.shown[Field.NAME]), (say("address"), view.shown[Field.ADDRESS])),
                (),
                say,
                desk.service,
            )
            for view in views
            if view.flag is None  # it may have been set this moment
        ]
        if not papers:
            raise InvalidValue("an incident whose people were told, and somebody to write to")
        headers = {"content-disposition": f'inline; filename="notices-{incident.incident}.pdf"'}
        return Response(papers_pdf(papers), media_type="application/pdf", headers=headers)

    @pages.post("/desk/incidents/{incident}/close", SUPERVISOR)
    def close(visit: Visit) -> Response:
        officer: Officer = visit.who

        name = _name(visit)

        def body(conn: Connection, at: Instant) -> Incident:
            return incidents.close(conn, mine(conn, visit).incident, officer.operator, at)

        deed = Deed(What.INCIDENT, name, signing.content("close", incident=name))
        return see_other(f"/desk/incidents/{signing.do(desk, officer, deed, body).incident}")


def _name(visit: Visit) -> str:
    """As the address of the page has it; whether there is such an incident here is seen when it is read."""
    return str(visit.request.path_params["incident"])[:64]


def _scope(form: Form) -> Scope:
    """Errors: InvalidValue, ScopeUnfit."""
    named = {name: form.get(name, "")[:200] or None for name in ("function", "recipient", "affairs")}
    records = tuple(form.get("records", "").split())[:1000]
    return Scope(_instant(form, "since"), _instant(form, "until") + _MINUTE, **named, records=records)


def _instant(form: Form, name: str) -> Instant:
    """A minute in Japan, as a browser's field says it: 2026-11-23T09:30. Errors: InvalidValue."""
    try:
        moment = datetime.fromisoformat(form.get(name, ""))
    except ValueError:
        raise InvalidValue("a day and a time") from None
    if moment.tzinfo is not None:
        raise InvalidValue("a time in Japan, without a zone")
    return Instant.from_datetime(moment.replace(tzinfo=JAPAN))


def _midnight(at: Instant) -> Instant:
    return Instant.of_japan(at.jst_date())


def _local(at: Instant) -> str:
    return at.datetime.astimezone(JAPAN).strftime("%Y-%m-%dT%H:%M")
