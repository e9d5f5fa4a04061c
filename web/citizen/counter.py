"""Prepared at home for the counter: where to, since when, who moves; and the code that fills in the desk's form."""

import io
from datetime import date

import segno
from fastapi import Response
from markupsafe import Markup

from enrollment import gateway
from enrollment.errors import NotProtected, RemoteBlocked
from enrollment.person import PersonId
from enrollment.store import Connection, people
from pki.errors import InvalidValue
from web.citizen.moves import own_name
from web.citizen.parts import Citizen
from web.citizen.resident import Resident
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.prefills import Prefills, code_of


def counter_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""
    prefills = Prefills(citizen.database, citizen.clock, citizen.random)

    def roster(conn: Connection, resident: Resident) -> list[str]:
        told = gateway.household_of(conn, resident.owner, resident.person)
        return sorted(told[1]) if told is not None else [resident.person]

    @pages.post("/citizen/counter", SOMEBODY)
    def prepare(visit: Visit) -> Response:
        """Nothing is filed by it: the desk sees who comes, and asks each one who moves."""
        resident: Resident = visit.who
        if resident.protected:
            raise RemoteBlocked("look-at-counter")
        form, owner = visit.form, visit.form.get("municipality", "")
        address = form.get("address", "").strip()
        if not 0 < len(address) <= 200:
            raise InvalidValue("the new address")
        try:
            moved_on = date.fromisoformat(form.get("moved_on", "")).isoformat()
        except ValueError:
            raise InvalidValue("the day on which you moved") from None
        citizen.database.read(lambda conn: people.municipality_of(conn, owner))
        told, ticked = [str(resident.person)], set(form.all("member"))
        if resident.has_card:  # whoever came in with a code from the counter speaks for themselves
            told = citizen.database.read(lambda conn: roster(conn, resident))
        members = [one for one in told if one == resident.person or own_name(visit, one) in ticked]
        document = {"address": address, "moved_on": moved_on, "members": members}
        prefills.give(PersonId(resident.person), owner, document)
        return see_other("/citizen/counter")

    @pages.get("/citizen/counter", SOMEBODY)
    def code(visit: Visit) -> Response:
        """The code, until it is used or too old; a new one makes the old one void."""
        resident: Resident = visit.who
        if resident.protected:
            raise NotProtected  # a page that nobody was shown
        one = prefills.waiting_of(PersonId(resident.person))
        shown = None if one is None else code_of(one)
        return pages.page(visit, "citizen/counter.html", prefill=one, code=shown, drawn=shown and _drawn(shown))


def _drawn(code: str) -> Markup:
    """The same as a picture that a scanner types: capital letters, digits and hyphens."""
    picture = io.BytesIO()
    segno.make(code, error="m", micro=False).save(
        picture, kind="svg", xmldecl=False, svgns=False, scale=5, border=4, omitsize=True
    )
    return Markup(picture.getvalue().decode())  # noqa: S704 - drawn by the library from letters and digits
