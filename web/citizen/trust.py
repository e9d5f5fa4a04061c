"""How far I am from being seen: moves left, the timeline, what resets it, where, and booking one visit for it."""

import io

import segno
from fastapi import Response
from markupsafe import Markup

from enrollment import bookings, ledger, rules
from enrollment.assurance import AssuranceLevel, assess
from enrollment.booking import Booking
from enrollment.caps import Decision
from enrollment.counters import Affair, Counter
from enrollment.errors import NoPolicy, NotProtected
from enrollment.events import EventKind, LedgerEvent
from enrollment.store import Connection
from pki.errors import InvalidValue
from pki.instant import Instant
from web.citizen.parts import Citizen
from web.citizen.resident import Resident
from web.desk.timeline import timeline
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.pages.wording import plain_speaker

VISIT = frozenset({Affair.IN_PERSON_CHECK})
"""What a booked visit is for: being seen. Everything else that waits is done in the same visit."""
_TIMES_SHOWN = 40
_Standing = tuple[Decision, AssuranceLevel]


def trust_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""

    @pages.get("/citizen/trust", SOMEBODY)
    def trust(visit: Visit) -> Response:
        resident: Resident = visit.who
        at = citizen.clock.now()
        chosen = visit.request.query_params.get("desk", "")

        def read(
            conn: Connection,
        ) -> tuple[_Standing | None, tuple[LedgerEvent, ...], list[Counter], Booking | None, list[Instant]]:
            history = ledger.history(conn, resident.person)
            try:
                decision = ledger.judge(conn, resident.person, EventKind.REMOTE_MOVE, at)
                standing = decision, assess(rules.in_force(conn, resident.owner, at), history, at)
            except NoPolicy:
                standing = None
            desks = [] if resident.protected else bookings.desks(conn, resident.owner, VISIT, at)
            desk = next((one for one in desks if one.counter == chosen), None)
            times = bookings.free(conn, desk, at)[:_TIMES_SHOWN] if desk is not None else []
            booked = None if resident.protected else bookings.standing(conn, resident.person)
            return standing, history, desks, booked, times

        standing, history, desks, booked, times = citizen.database.read(read)
        decision, assurance = standing or (None, None)
        by = decision.next_in_person_by if decision else None
        say = plain_speaker(pages.renderer.book, pages.renderer.language(visit.request))
        return pages.page(
            visit,
            "citizen/trust.html",
            decision=decision,
            assurance=assurance,
            history=history,
            timeline=timeline(history, by, at, say),
            desks=desks,
            chosen=chosen,
            times=times,
            booked=booked,
            desk_names={one.counter: one.name_ja for one in desks},
            ticket=None if booked is None else ticket(citizen.service, booked),
        )

    @pages.post("/citizen/visits", SOMEBODY)
    def book(visit: Visit) -> Response:
        resident: Resident = visit.who
        if resident.protected:
            raise NotProtected  # a page that nobody was shown
        try:
            slot = Instant.parse(visit.form.get("slot", ""))
        except ValueError:
            raise InvalidValue("a time out of the list") from None
        desk, at = visit.form.get("desk", ""), citizen.clock.now()
        citizen.database.transaction(
            lambda conn: bookings.book(conn, resident.person, desk, slot, VISIT, at, citizen.random)
        )
        return see_other("/citizen/trust")

    @pages.post("/citizen/visits/cancel", SOMEBODY)
    def cancel(visit: Visit) -> Response:
        citizen.database.transaction(lambda conn: bookings.cancel(conn, visit.who.person))
        return see_other("/citizen/trust")


def ticket(service: str, booked: Booking) -> Markup:
    """The code that the desk reads: a random number behind this service's address, and nothing about anybody."""
    drawn = io.BytesIO()
    segno.make(f"{service}/visit#{booked.ticket}", error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=False, scale=5, border=2, omitsize=True
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn by the library from hexadecimal digits
