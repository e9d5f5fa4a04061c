"""Who comes today: visits that were booked, and forms that were prepared at home."""

from dataclasses import dataclass
from typing import Final

from fastapi import Response

from enrollment import bookings
from enrollment.acts import What
from enrollment.booking import Booking
from enrollment.counters import Affair
from enrollment.errors import NotYours, OutOfScope, UnknownBooking
from enrollment.person import PersonId
from enrollment.registry import Field
from enrollment.store import Connection
from enrollment.store import bookings as booking_rows
from pki.instant import Instant
from web.desk import signing
from web.desk.beginnings import Beginnings, waiting_for_card
from web.desk.officer import Officer
from web.desk.outage import Outages
from web.desk.parts import Desk
from web.desk.people import CLERK
from web.desk.signing import Deed
from web.desk.work import OPEN, Kind, Work
from web.pages.rendering import minute
from web.pages.router import Pages, Visit, see_other
from web.prefills import Prefills
from web.store import desk as rows
from web.store import entries

WORK_FOR: Final = {
    Affair.IN_PERSON_CHECK: Kind.CHECK,
    Affair.RENEWAL: Kind.RENEWAL,
    Affair.PIN_RESET: Kind.PIN_RESET,
    Affair.ATTRIBUTE_CHANGE: Kind.CHANGE,
    Affair.FIRST_ISSUE: Kind.FIRST_ISSUE,
    Affair.REISSUE: Kind.REISSUE,
}
"""What a booked affair is done by."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of the day."""

    booking: Booking
    name: str
    flag: object
    time: str


def visit_pages(pages: Pages, desk: Desk, outages: Outages) -> None:
    """The routes."""
    beginnings, prefills = Beginnings(desk), Prefills(desk.database, desk.clock, desk.random)

    @pages.get("/desk/bookings", CLERK)
    def day(visit: Visit) -> Response:
        """Whom this desk expects today; each look at a name is recorded."""
        officer: Officer = visit.who
        today, counter = desk.clock.now().jst_date(), officer.counter.counter
        found = desk.database.read(lambda conn: bookings.of_day(conn, counter, today))
        return pages.page(visit, "desk/bookings.html", expected=[_line(officer, one) for one in found], today=today)

    def _line(officer: Officer, one: Booking) -> Expected:
        if officer.counter.kind.needs_confirmation:  # at a post office nobody is named who is not there
            return Expected(one, "–", None, minute(one.slot))
        try:
            view = desk.look(officer, one.person, "booking", frozenset({Field.NAME}))
        except NotYours:  # they moved away since
            return Expected(one, "–", None, minute(one.slot))
        return Expected(one, view.shown[Field.NAME], view.flag, minute(one.slot))

    @pages.post("/desk/bookings", CLERK)
    def come(visit: Visit) -> Response:
        """Somebody is there: the visit is kept, and what remains to be done is opened."""
        officer: Officer = visit.who
        ticket = visit.form.get("ticket", "").rpartition("#")[2].strip().lower()[:64]
        booking = desk.database.read(lambda conn: booking_rows.by_ticket(conn, ticket))
        here = booking is not None and booking.counter == officer.counter.counter
        if booking is None or not here or booking.slot.jst_date() != desk.clock.now().jst_date():
            raise UnknownBooking
        if officer.counter.kind.needs_confirmation:
            beginnings.present_card(officer, booking.person)

        def write(conn: Connection, _at: Instant) -> None:
            bookings.come(conn, ticket, officer.operator)

        about = signing.content("visit-kept", counter=officer.counter.counter, slot=booking.slot.iso())
        signing.do(desk, officer, Deed(What.BEGIN_WORK, booking.person, about), write)
        return _open_what_remains(officer, booking)

    def _open_what_remains(officer: Officer, booking: Booking) -> Response:
        """The one thing that remains, or, of several, the page where all of them stand."""

        def read(conn: Connection) -> tuple[list[Work], bool]:
            states = [state.value for state in OPEN]
            under_way = [Work(row) for row in rows.work_in(conn, officer.operator.owner, states)]
            return [one for one in under_way if one.person == booking.person], _waits(conn, booking.person)

        under_way, card_waits = desk.database.read(read)
        kinds = [WORK_FOR[affair] for affair in sorted(booking.affairs) if affair in WORK_FOR]
        if len(under_way) == 1 and not card_waits:
            return see_other(f"/desk/work/{under_way[0].id}")
        if under_way or card_waits or len(kinds) != 1:
            return see_other(f"/desk/people/{booking.person}")
        outages.require(kinds[0])
        work = beginnings.begin(officer, booking.person, kinds[0])
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/prefills", CLERK)
    def prefill(visit: Visit) -> Response:
        """What was prepared at home is opened with its person; the code is used up by that."""
        officer: Officer = visit.who
        if not officer.counter.kind.is_municipal:
            raise OutOfScope(officer.counter.counter, "prefill")
        one = prefills.look(visit.form.get("code", ""), officer.operator.owner)
        members = [str(member) for member in one.document["members"]]

        def fill(conn: Connection, work: Work) -> None:
            prefills.use(conn, one, work.id)
            entry = {name: one.document[name] for name in ("address", "moved_on")}
            entries.write(conn, work.id, entry, work.row.started_at)

        kind = Kind.HOUSEHOLD if len(members) > 1 else Kind.CHANGE
        outages.require(kind)
        more = {"prefilled": True, "planned": members}
        work = beginnings.begin(officer, PersonId(one.person), kind, more, fill)
        return see_other(f"/desk/work/{work.id}")


def _waits(conn: Connection, person: PersonId) -> bool:
    return waiting_for_card(conn, person) is not None
