"""The counter desk of a deployment: its pages, its doors for reader agents, and the cards at the other end."""

from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter

from ca.issuance import Registrar
from ca.orders import Assurance
from ca.profiles import PROFILES, Kind
from ca.store.inventory import waiting
from cli.card_outbox import KeptKeys
from cli.desk_cards import LineCards
from cli.errors import TrainingMismatch
from enrollment.issuing import Issuing
from pki.instant import Instant
from pki.purpose import Purpose
from verifier.challenge import canonical_origin
from web.desk.desk import DeskRoutes, desk_door, desk_routes
from web.desk.notes import Paper
from web.desk.parts import Desk
from web.store import training

if TYPE_CHECKING:
    from cli.planes import Planes

NOTES: Final = Path("desk-notes")
"""In the deployment's folder: what was noted while the database was away."""


def desk_plane(planes: "Planes") -> list[APIRouter]:
    """The routers of the desk."""
    return list(desk_parts(planes).routers)


def desk_parts(planes: "Planes") -> DeskRoutes:
    """The desk with what it guards, for who serves it and for the test of role × route.

    Errors: TrainingMismatch: nobody practises on the real registry, and nothing real is done under a watermark.
    """
    from cli.card_desk import pin_reset_rule

    settings = planes.settings
    made = planes.database.read(training.is_marked)
    if made != settings.desk.training:
        raise TrainingMismatch(settings.desk.training, made)
    issuers = {one.purpose: one.certificate.der for one in planes.authorities() if one.certificate is not None}
    database = planes.journaled
    cards = LineCards(lambda session: KeptKeys(database, planes.clock, planes.random, sleep, lambda: session.identity))
    desk = Desk(
        database=database,
        clock=planes.clock,
        random=planes.random,
        door=desk_door(database, planes.clock, planes.random, planes.pairings, planes.lines),
        issuing=Issuing(database, Registrar(PROFILES, planes.directory, planes.random), issuers, planes.random),
        cards=cards,
        service=settings.public_url,
        training=settings.desk.training,
        pin_rule=pin_reset_rule(settings),
        paper=Paper(settings.path(NOTES), planes.random),
        unsigned_since=lambda: _instant(database.read(waiting)[1]),
    )
    origin = canonical_origin(settings.public_url)
    return desk_routes(desk, planes.check(), operator_policies(planes), origin, settings.desk.agent)


def _instant(seconds: int | None) -> Instant | None:
    return None if seconds is None else Instant(seconds)


def operator_policies(planes: "Planes") -> frozenset[str]:
    """The certificate policies that operators' certificates carry."""
    return frozenset(
        one.parameters.policy(*PROFILES[Kind.OPERATOR, one.variant].policy[Assurance.IN_PERSON])
        for one in planes.authorities()
        if one.purpose is Purpose.AUTHENTICATION
    )
