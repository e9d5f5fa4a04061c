"""The counter desk put together: its parts in, its routes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from pki.errors import Error
from verifier.challenge import Challenges
from web.desk.cases import case_pages
from web.desk.day import day_pages
from web.desk.entry import Entry, entry_pages
from web.desk.incidents import incident_pages
from web.desk.officer import Door, Officer
from web.desk.outage import Outages, note_pages
from web.desk.parts import Desk
from web.desk.people import people_pages
from web.desk.queue import queue_pages
from web.desk.visits_today import visit_pages
from web.desk.words import WORDS
from web.desk.working import working_pages
from web.filing_check import FilingCheck
from web.pages.card_login import CardLogin
from web.pages.coming_in import ComingIn
from web.pages.forms import Form
from web.pages.passkeys import Passkeys
from web.pages.rendering import Renderer
from web.pages.router import Guarded, Pages
from web.pages.sessions import Session, Sessions
from web.pages.static import static_files
from web.readers.lines import Lines
from web.readers.pairings import Pairings

REALM = "desk"
NEAR_MISSES = frozenset({"enrollment.self-dealing", "enrollment.same-person", "enrollment.not-yours"})
"""Refusals that are worth a look by a supervisor: an act on oneself, one's own proposal, somebody else's resident."""


@dataclass(frozen=True, slots=True)
class DeskRoutes:
    """Everything to serve, and who may call what."""

    routers: Sequence[APIRouter]
    guarded: Sequence[Guarded]


def desk_door(desk_database: Any, clock: Any, random: Any, pairings: Pairings, lines: Lines) -> Door:
    """The door with its sessions; the same one for `Desk` and `desk_routes`. Pairings and lines are the process's own,
    whichever pages the agents belong to."""
    sessions = Sessions(REALM, desk_database, clock, random)
    door = Door(desk_database, sessions, pairings, lines, clock)
    lines.changed.append(door.heard)
    return door


def desk_routes(desk: Desk, check: FilingCheck, policies: frozenset[str], origin: str, agent: str) -> DeskRoutes:
    """The desk's routes. `policies`: of operators' certificates. `agent`: where a PC's agent mostly is,
    like http://127.0.0.1:27980."""
    door = desk.door

    def agents_socket(session: Session | None) -> tuple[str, ...]:
        channel = door.pairings.of_session(session.handle) if session else None
        return (channel.agent.replace("http", "ws", 1),) if channel else ()

    renderer = Renderer(
        WORDS,
        static_files(),
        desk.random,
        connect=agents_socket,
        common={
            "agent": agent,
            "training": desk.training,
            "home": "/desk/",
            "base_template": "desk/page.html",
            "who": None,
        },
    )
    outages = Outages(desk, origin)
    renderer.live = outages.banner

    def admit(session: Session) -> Officer:
        officer = door.admit(session)
        outages.remember(session, officer)
        return officer

    def away(request: Request, form: Form, error: Error) -> Response | None:
        return outages.away(request, form, error, renderer, door.sessions.cookie_name)

    def on_error(error: Error, who: Any) -> None:
        if isinstance(who, Officer) and error.code in NEAR_MISSES:
            desk.near_miss(who, error.code)

    pages = Pages(door.sessions, renderer, origin, admit, door.allow, "/desk/login", on_error=on_error, away=away)
    login = CardLogin(check, policies, origin, Challenges(desk.random), desk.clock)
    passkeys = Passkeys(REALM, origin, desk.database, desk.clock, desk.random)
    entry_pages(Entry(ComingIn(pages, login, door.pairings, "/desk/"), door, passkeys))
    people_pages(pages, desk, passkeys, outages)
    working_pages(pages, desk)
    visit_pages(pages, desk, outages)
    queue_pages(pages, desk)
    day_pages(pages, desk)
    note_pages(pages, desk)
    case_pages(pages, desk)
    incident_pages(pages, desk)
    return DeskRoutes((pages.router,), tuple(pages.guarded))
