"""The new signature certificate goes onto the card at home: after a move that was filed from here and accepted.

    waits ─the holder agrees beside the reader, the card makes a key▶ promised ─signed▶ written, read back ▶ there

Only for the filing of whoever is logged in, only onto the card with which they are, only while it waits. Every step is
in the database: after a pulled card, a closed browser or a lost line the same button goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Response

from enrollment import card_waiting
from enrollment.application import Application, ApplicationKind, ApplicationState
from enrollment.errors import NotSignedYet, RemoteBlocked, UnknownApplication, WrongCard
from enrollment.issuing import Issuing
from enrollment.store import Connection, work
from pki.purpose import Purpose
from web.citizen.parts import Citizen
from web.citizen.resident import CARD, Resident
from web.desk.cards import ReaderCards
from web.desk.errands import Errands
from web.errors import ReaderRefused
from web.errors_citizen import NoSuchMove
from web.language import Language
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.problems import problem_of
from web.readers.lines import Line, Lines

AGREE_SECONDS: Final = 190.0
"""How long the person may read and think on the agent's page: a little longer than its own patience."""
_SIGNING_LOOKS, _SIGNING_PAUSE = 300, 0.1
"""How often it is asked whether the authority has signed, and the seconds in between."""
_READER_LOOKS: Final = 30
STEPS: Final = (
    (ApplicationState.APPROVED,),
    (ApplicationState.KEYS_PROVEN, ApplicationState.INTENDED),
    (ApplicationState.SIGNED,),
    (ApplicationState.INSTALLED, ApplicationState.DELIVERED),
)
"""What a person is told, in order: a key is made, the certificate is made, it is written, it is there."""


@dataclass(frozen=True, slots=True)
class HomeCards:
    """Cards in people's own readers. `cards` computes no more than the cards' keys allow at home."""

    issuing: Issuing
    cards: ReaderCards
    lines: Lines
    wait: Callable[[float], object]
    """Waits some seconds."""
    errands: Errands = field(default_factory=Errands)


def waiting_for(conn: Connection, resident: Resident) -> tuple[Application, ...]:
    """Moves of theirs whose certificate is not yet on the card."""
    return tuple(
        one
        for one in work.applications_of(conn, resident.person)
        if one.kind is ApplicationKind.REMOTE_MOVE and one.card_id is not None and _position(one) is not None
        and one.state is not ApplicationState.DELIVERED
    )  # fmt: skip


def certificate_pages(pages: Pages, citizen: Citizen, home: HomeCards) -> None:
    """The routes."""

    def mine(visit: Visit) -> Application:
        """The application of the path. Errors: NoSuchMove for one of somebody else, or of another kind."""
        resident: Resident = visit.who
        name = str(visit.request.path_params["application"])[:64]
        try:
            found = citizen.database.read(lambda conn: work.application_of(conn, name))
        except UnknownApplication:
            raise NoSuchMove from None
        if found.person != resident.person or found.kind is not ApplicationKind.REMOTE_MOVE or _position(found) is None:
            raise NoSuchMove
        return found

    def version(found: Application) -> str:
        return f"{found.state.value}-{home.errands.running(found.application) or ''}"

    @pages.get("/citizen/certificates/{application}", SOMEBODY)
    def show(visit: Visit) -> Response:
        found = mine(visit)
        failure = home.errands.failure(found.application)
        language = pages.renderer.language(visit.request)
        held = citizen.database.read(
            lambda conn: work.certificates_of_application(conn, found.application).get(Purpose.SIGNATURE)
        )
        return pages.page(
            visit,
            "citizen/certificate.html",
            application=found,
            position=_position(found),
            done=found.state is ApplicationState.DELIVERED,
            until=held.not_after.jst_date() if held is not None and held.not_after is not None else None,
            running=home.errands.running(found.application) is not None,
            version=version(found),
            failure=problem_of(failure, Language.JA if language.is_japanese else Language.EN) if failure else None,
            **citizen.pairings.offered(visit.session.handle, pages.sessions.realm),
        )

    @pages.get("/citizen/certificates/{application}/now", SOMEBODY)
    def now(visit: Visit) -> Response:
        """Asked every second while it goes on: the page is told to look again once there is something else to see."""
        same = visit.request.query_params.get("seen") == version(mine(visit))
        return Response(status_code=204, headers={} if same else {"hx-refresh": "true"})

    @pages.post("/citizen/certificates/{application}", CARD)
    def begin(visit: Visit) -> Response:
        """Go on from wherever it stands; what stops it on the way is said on the page.

        Errors: WrongCard if they are here with another card; NotPaired, ReaderSilent.
        """
        resident: Resident = visit.who
        found = mine(visit)
        if resident.protected:
            raise RemoteBlocked("look-at-counter")
        if found.state is not ApplicationState.DELIVERED:
            citizen.database.read(lambda conn: _require_own_card(conn, resident, found))
            channel = citizen.pairings.of_session(visit.session.handle)
            line = home.lines.of(channel.channel if channel else None)
            home.errands.start(found.application, "certificate", lambda: carry(found, line))
        return see_other(f"/citizen/certificates/{found.application}")

    def carry(found: Application, line: Line) -> None:
        reader = reader_of(line, str(found.card_id))
        agreed: dict[str, Any] = line.call("agree", {"reader": reader}, AGREE_SECONDS)
        if agreed.get("card") != found.card_id:
            raise WrongCard(str(found.card_id), str(agreed.get("card"))[:16])
        slot = home.cards.slot(line, reader)
        for _ in range(_SIGNING_LOOKS):
            try:
                card_waiting.present(home.issuing, found.application, slot, citizen.clock.now())
            except NotSignedYet:
                home.wait(_SIGNING_PAUSE)
            else:
                return
        raise NotSignedYet(found.application)

    def reader_of(line: Line, card: str) -> str:
        for _ in range(_READER_LOOKS):  # whoever has just put the card in is ahead of the news of it
            found = [one.reader for one in line.readers.readers if one.ours and one.card == card]
            if len(found) == 1:
                return found[0]
            home.wait(_SIGNING_PAUSE)
        raise ReaderRefused("no-card")


def _position(found: Application) -> int | None:
    """Which of STEPS it waits for; None for what was refused or given up."""
    return next((number for number, states in enumerate(STEPS) if found.state in states), None)


def _require_own_card(conn: Connection, resident: Resident, found: Application) -> None:
    """See that they came with the card for which it waits. Errors: WrongCard."""
    held = work.certificate_by_fingerprint(conn, resident.session.row.fingerprint)
    if held is None or held.card_id != found.card_id:
        raise WrongCard(str(found.card_id), held.card_id if held is not None else "")
