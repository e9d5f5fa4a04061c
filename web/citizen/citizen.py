"""A person's own pages put together: their parts in, their routes out."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from enrollment.households import Households
from enrollment.person import PersonId
from verifier.challenge import Challenges
from web.citizen.agreements import agreement_pages
from web.citizen.certificates import HomeCards, certificate_pages
from web.citizen.codes import LoginCodes
from web.citizen.counter import counter_pages
from web.citizen.entry import Entry, entry_pages
from web.citizen.history import history_pages
from web.citizen.home import home_pages
from web.citizen.incidents import incident_pages
from web.citizen.moves import move_pages
from web.citizen.parts import Citizen
from web.citizen.trust import trust_pages
from web.citizen.words import WORDS
from web.filing_check import FilingCheck
from web.filings import VerifiedByUs
from web.pages.card_login import CardLogin
from web.pages.coming_in import ComingIn
from web.pages.rendering import Renderer
from web.pages.router import Guarded, Pages
from web.pages.sessions import Session
from web.pages.static import static_files
from web.subjects import note_use

REALM = "citizen"


@dataclass(frozen=True, slots=True)
class CitizenRoutes:
    """What to serve, and who may call what."""

    routers: Sequence[APIRouter]
    guarded: Sequence[Guarded]


def citizen_routes(
    citizen: Citizen,
    check: FilingCheck,
    policies: frozenset[str],
    agent: str,
    parts: Households,
    verifier: VerifiedByUs,
    home: HomeCards,
) -> CitizenRoutes:
    """The routes. `policies`: of people's authentication certificates. `agent`: where the reader's program is at home,
    like http://127.0.0.1:27980, mostly. The doors of agents and the static files come with the desk's, or apart.
    """

    def agents_socket(session: Session | None) -> tuple[str, ...]:
        channel = citizen.pairings.of_session(session.handle) if session else None
        return (channel.agent.replace("http", "ws", 1),) if channel else ()

    renderer = Renderer(
        WORDS,
        static_files(),
        citizen.random,
        connect=agents_socket,
        common={
            "agent": agent,
            "training": False,
            "home": "/citizen/",
            "base_template": "citizen/page.html",
            "who": None,
        },
    )
    door = citizen.door
    pages = Pages(door.sessions, renderer, citizen.service, door.admit, door.allow, "/citizen/login")
    login = CardLogin(check, policies, citizen.service, Challenges(citizen.random), citizen.clock)
    codes = LoginCodes(citizen.database, citizen.clock, citizen.random)

    def used(person: PersonId) -> None:
        note_use(citizen.database, person, citizen.clock.now(), citizen.random)

    entry_pages(Entry(ComingIn(pages, login, citizen.pairings, "/citizen/"), door, codes, used))
    home_pages(pages, citizen)
    trust_pages(pages, citizen)
    history_pages(pages, citizen)
    agreement_pages(pages, citizen)
    incident_pages(pages, citizen)
    move_pages(pages, citizen, parts, verifier)
    counter_pages(pages, citizen)
    certificate_pages(pages, citizen, home)
    return CitizenRoutes((pages.router,), tuple(pages.guarded))
