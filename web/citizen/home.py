"""The first page, cards and certificates with a countdown, a calendar file, notices, and the lock."""

from dataclasses import dataclass
from datetime import date, timedelta

from fastapi import Response

from enrollment import cases, ledger, notices, procedures
from enrollment.booking import Booking
from enrollment.bookings import standing
from enrollment.caps import Decision
from enrollment.cards import Card
from enrollment.case import CaseState
from enrollment.certificates import is_on_hold
from enrollment.channels import Channel
from enrollment.errors import NoPolicy
from enrollment.events import EventKind
from enrollment.notices import Notice
from enrollment.person import PersonId
from enrollment.store import Connection, work
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.purpose import Purpose
from web.citizen.calendar import Day, calendar
from web.citizen.certificates import waiting_for
from web.citizen.parts import Citizen
from web.citizen.resident import Resident
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.pages.wording import plain_speaker


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate as its owner sees it: `state` is good, on-hold, promised or over; `days` left, in Japan's days."""

    purpose: Purpose
    state: str
    until: date | None
    days: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the first page and the page of cards show."""

    cards: tuple[Card, ...]
    held: tuple[Held, ...]
    decision: Decision | None
    notices: tuple[Notice, ...]
    open_cases: int
    booking: Booking | None

    @property
    def lockable(self) -> tuple[Card, ...]:
        """Cards in use, which their owner can lock now."""
        return tuple(card for card in self.cards if card.state.usable)

    @property
    def unread(self) -> int:
        """Notices not yet seen."""
        return sum(one.read_at is None for one in self.notices)


def overview(conn: Connection, person: PersonId, at: Instant) -> Overview:
    """What is known of the person's cards, certificates and standing at `at`."""
    try:
        decision = ledger.judge(conn, person, EventKind.REMOTE_MOVE, at)
    except NoPolicy:
        decision = None
    held = tuple(_held(conn, one, at) for one in work.certificates_of(conn, person) if one.ended_at is None)
    return Overview(
        tuple(work.cards_of(conn, person)),
        held,
        decision,
        notices.notices_of(conn, person),
        sum(one.state is not CaseState.CLOSED for one in cases.cases_of(conn, person)),
        standing(conn, person),
    )


def _held(conn: Connection, one: work.HeldCertificate, at: Instant) -> Held:
    until = None if one.not_after is None else one.not_after.jst_date()
    days = None if until is None else (until - at.jst_date()).days
    if not one.is_signed or one.not_after is None:
        state = "promised"
    elif at > one.not_after:
        state = "over"
    else:
        state = "on-hold" if is_on_hold(conn, one) else "good"
    return Held(one.purpose, state, until, days)


def home_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""

    def seen(visit: Visit) -> Overview:
        resident: Resident = visit.who
        return citizen.database.read(lambda conn: overview(conn, resident.person, citizen.clock.now()))

    @pages.get("/citizen/", SOMEBODY)
    def home(visit: Visit) -> Response:
        return pages.page(visit, "citizen/home.html", seen=seen(visit))

    @pages.get("/citizen/card", SOMEBODY)
    def card(visit: Visit) -> Response:
        resident: Resident = visit.who
        waiting = citizen.database.read(lambda conn: waiting_for(conn, resident))
        return pages.page(visit, "citizen/card.html", seen=seen(visit), waiting=waiting)

    @pages.get("/citizen/calendar.ics", SOMEBODY)
    def days(visit: Visit) -> Response:
        """The days that matter, for the calendar of a telephone: no name, no place, no number of anything."""
        say = plain_speaker(pages.renderer.book, pages.renderer.language(visit.request))
        now = seen(visit)
        found = [
            Day(f"certificate-{one.purpose.value}", one.until, say(f"ends-{one.purpose.value}"))
            for one in now.held
            if one.until
        ]
        if now.decision is not None and now.decision.next_in_person_by is not None:
            found.append(Day("in-person", now.decision.next_in_person_by, say("come-by-then")))
        if now.booking is not None:
            found.append(Day("visit", now.booking.slot.jst_date(), say("visit-booked")))
        headers = {"content-disposition": 'attachment; filename="jitsuin.ics"'}
        return Response(
            calendar(found, citizen.clock.now()), media_type="text/calendar; charset=utf-8", headers=headers
        )

    @pages.get("/citizen/notices", SOMEBODY)
    def notices_page(visit: Visit) -> Response:
        resident: Resident = visit.who
        now = seen(visit)
        citizen.database.transaction(lambda conn: notices.mark_read(conn, resident.person, citizen.clock.now()))
        return pages.page(visit, "citizen/notices.html", seen=now)

    @pages.get("/citizen/lock", SOMEBODY)
    def lock_page(visit: Visit) -> Response:
        return pages.page(visit, "citizen/lock.html", seen=seen(visit))

    @pages.post("/citizen/lock", SOMEBODY)
    def lock(visit: Visit) -> Response:
        """From this moment nothing that the card signs is accepted; somebody at a counter lifts it, nobody else."""
        resident: Resident = visit.who
        card_id = visit.form.get("card", "")
        if card_id not in {one.card_id for one in seen(visit).lockable}:
            raise InvalidValue("a card of yours that is in use")
        at = citizen.clock.now()
        citizen.database.transaction(
            lambda conn: procedures.suspend(conn, card_id, resident.person, at, citizen.random, Channel.ONLINE)
        )
        return see_other("/citizen/card")


def soon(at: Instant, day: date, span: timedelta = timedelta(days=90)) -> bool:
    """Whether a day is near enough to be pointed at."""
    return day <= (at + span).jst_date()
