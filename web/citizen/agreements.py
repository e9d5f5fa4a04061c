"""Whom I let have what, and who may act for me: shown, and ended."""

from fastapi import Response

from enrollment import grants
from web.citizen.parts import Citizen
from web.citizen.resident import Resident
from web.errors_citizen import NoSuchConsent
from web.pages.router import SOMEBODY, Pages, Visit, see_other


def agreement_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""

    @pages.get("/citizen/consents", SOMEBODY)
    def consents(visit: Visit) -> Response:
        resident: Resident = visit.who
        given = citizen.consents.of_person(resident.person)
        now = citizen.clock.now()
        return pages.page(
            visit,
            "citizen/consents.html",
            given=given,
            now=now,
            names={one.party: citizen.party_name(one.party) for one in given},
        )

    @pages.post("/citizen/consents/{consent}/withdraw", SOMEBODY)
    def withdraw(visit: Visit) -> Response:
        """At once: the next request of that party gets nothing."""
        if not citizen.consents.withdraw(visit.who.person, str(visit.request.path_params["consent"])[:64]):
            raise NoSuchConsent
        return see_other("/citizen/consents")

    @pages.get("/citizen/grants", SOMEBODY)
    def granted(visit: Visit) -> Response:
        resident: Resident = visit.who
        found = citizen.database.read(lambda conn: grants.grants_of(conn, resident.person))
        return pages.page(visit, "citizen/grants.html", found=found, now=citizen.clock.now())

    @pages.post("/citizen/grants/{grant}/revoke", SOMEBODY)
    def revoke(visit: Visit) -> Response:
        resident: Resident = visit.who
        grant, at = str(visit.request.path_params["grant"])[:64], citizen.clock.now()
        citizen.database.transaction(lambda conn: grants.revoke(conn, resident.person, grant, resident.person, at))
        return see_other("/citizen/grants")
