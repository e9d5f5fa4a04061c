"""Incidents that everybody may read about; to whoever is concerned and logged in, which of their records it was."""

from fastapi import Response

from enrollment import incidents
from enrollment.errors import UnknownIncident
from enrollment.incident import Incident
from enrollment.store import Connection, people
from enrollment.store import disclosure as rows
from web.citizen.parts import Citizen
from web.pages.router import ANYBODY, Pages, Visit


def incident_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""

    def published(conn: Connection) -> list[Incident]:
        return [one for town in people.municipalities(conn) for one in incidents.published(conn, town.code)]

    @pages.get("/incidents", ANYBODY)
    def all_of_them(visit: Visit) -> Response:
        found = citizen.database.read(published)
        towns = {town.code: town.name_ja for town in citizen.database.read(people.municipalities)}
        return pages.page(visit, "citizen/incidents.html", found=found, towns=towns)

    @pages.get("/incidents/{incident}", ANYBODY)
    def one(visit: Visit) -> Response:
        """Errors: UnknownIncident, also for one that nobody was told of yet, and for a drill."""
        incident = str(visit.request.path_params["incident"])[:64]
        if incident not in {one.incident for one in citizen.database.read(published)}:
            raise UnknownIncident(incident)
        told = citizen.database.read(lambda conn: incidents.public_notice(conn, incident))
        mine = (
            ()
            if visit.who is None
            else citizen.database.read(lambda conn: rows.affected_records(conn, incident, visit.who.person))
        )
        towns = {town.code: town.name_ja for town in citizen.database.read(people.municipalities)}
        timeline = citizen.database.read(lambda conn: incidents.timeline(conn, incident))
        return pages.page(visit, "citizen/incident.html", told=told, mine=len(mine), towns=towns, timeline=timeline)
