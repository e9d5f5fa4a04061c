"""Incidents that everybody may read about; to whoever is concerned and logged in, which of their records it was."""

from collections.abc import Callable

from fastapi import Response

from enrollment import incidents
from enrollment.disclosure import Line, Member, disclose
from enrollment.errors import UnknownIncident
from enrollment.incident import Incident
from enrollment.store import Connection, people
from web.citizen.parts import Citizen
from web.citizen.resident import Resident
from web.desk.incident_paper import notice_paper
from web.desk.paper import receipt_pdf
from web.errors_citizen import OutputWithheld
from web.pages.naming import names_of
from web.pages.rendering import minute
from web.pages.router import ANYBODY, SOMEBODY, Pages, Visit
from web.pages.wording import plain_speaker


def _told(line: Line, named: Callable[[str], str]) -> str:
    return f"{minute(line.first)} {named(line.members[Member.TO])} · {named(line.members[Member.REASON])}"


def incident_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""

    def published(conn: Connection) -> list[Incident]:
        return [one for town in people.municipalities(conn) for one in incidents.published(conn, town.code)]

    def asked(visit: Visit) -> Incident:
        """Errors: UnknownIncident, also for one that nobody was told of yet, and for a drill."""
        name = str(visit.request.path_params["incident"])[:64]
        found = next((one for one in citizen.database.read(published) if one.incident == name), None)
        if found is None:
            raise UnknownIncident(name)
        return found

    def concerned(visit: Visit, incident: Incident) -> tuple[int, list[Line]]:
        """How many of the visitor's records it concerns, and the lines of their history that hold them: fewer once
        records were kept long enough and destroyed."""
        if visit.who is None:
            return 0, []
        resident: Resident = visit.who

        def body(conn: Connection) -> tuple[int, list[Line]]:
            mine = set(incidents.records_of(conn, incident.incident, resident.person))
            lines = disclose(conn, resident.person).lines if mine else ()
            return len(mine), [line for line in lines if mine & set(line.records)]

        return citizen.database.read(body)

    @pages.get("/incidents", ANYBODY)
    def all_of_them(visit: Visit) -> Response:
        found = citizen.database.read(published)
        return pages.page(visit, "citizen/incidents.html", found=found, towns=citizen.database.read(names_of).towns)

    @pages.get("/incidents/{incident}", ANYBODY)
    def one(visit: Visit) -> Response:
        incident = asked(visit)
        mine, lines = concerned(visit, incident)
        names = citizen.database.read(names_of)
        return pages.page(
            visit,
            "citizen/incident.html",
            told=citizen.database.read(lambda conn: incidents.public_notice(conn, incident.incident)),
            mine=mine,
            lines=lines,
            named=names.teller(pages.renderer.book, pages.renderer.language(visit.request)),
            towns=names.towns,
            timeline=citizen.database.read(lambda conn: incidents.timeline(conn, incident.incident)),
        )

    @pages.get("/citizen/incidents/{incident}/notice.pdf", SOMEBODY)
    def on_paper(visit: Visit) -> Response:
        """Errors: UnknownIncident for one that does not concern the visitor; OutputWithheld: it says whose town it
        is, and which offices looked."""
        incident = asked(visit)
        mine, lines = concerned(visit, incident)
        if not mine:
            raise UnknownIncident(incident.incident)
        if visit.who.protected:
            raise OutputWithheld
        language = pages.renderer.language(visit.request)
        say, names = plain_speaker(pages.renderer.book, language), citizen.database.read(names_of)
        named = names.teller(pages.renderer.book, language)
        town = (say("incident-owner"), names.towns.get(incident.owner, incident.owner))
        told = [_told(line, named) for line in lines] or [say("record-destroyed")]
        octets = receipt_pdf(notice_paper(incident, (town,), told, say, citizen.service))
        headers = {"content-disposition": 'inline; filename="notice.pdf"'}
        return Response(octets, media_type="application/pdf", headers=headers)
