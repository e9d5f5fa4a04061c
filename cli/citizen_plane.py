"""People's own pages in a deployment: their parts put together."""

from time import sleep
from typing import TYPE_CHECKING

from fastapi import APIRouter

from ca.issuance import Registrar
from ca.profiles import PROFILES
from cli.card_outbox import KeptKeys
from cli.desk_cards import LineCards
from enrollment.households import Households
from enrollment.issuing import Issuing
from enrollment.signed import OwnerKeys, StoredKeys
from pki.errors import InvalidValue
from pki.purpose import Purpose
from transparency.folder import KEY
from verifier.challenge import canonical_origin
from web.citizen.certificates import HomeCards
from web.citizen.citizen import REALM, CitizenRoutes, citizen_routes
from web.citizen.parts import Citizen
from web.citizen.resident import Door
from web.consents import Consents
from web.filings import VerifiedByUs
from web.pages.sessions import Sessions
from web.parties import Parties
from web.subjects import RegisteredSubjects

if TYPE_CHECKING:
    from cli.planes import Planes


def citizen_plane(planes: "Planes") -> list[APIRouter]:
    """The routers of people's own pages."""
    return list(citizen_parts(planes).routers)


def citizen_parts(planes: "Planes") -> CitizenRoutes:
    """The pages with what they guard, for who serves them and for the test of role × route."""
    settings, database, check = planes.settings, planes.journaled, planes.check()
    registrar = Registrar(PROFILES, planes.directory, planes.random)
    parties = Parties(planes.database, settings.public_url)
    issuers = {one.purpose: one.certificate.der for one in planes.authorities() if one.certificate is not None}
    cards = LineCards(
        lambda session: KeptKeys(database, planes.clock, planes.random, sleep, lambda: session.identity, at_home=True)
    )
    citizen = Citizen(
        database=database,
        clock=planes.clock,
        random=planes.random,
        door=Door(database, Sessions(REALM, database, planes.clock, planes.random)),
        pairings=planes.pairings,
        consents=Consents(check, database, RegisteredSubjects(database, planes.random), planes.clock, planes.random),
        service=canonical_origin(settings.public_url),
        log_key=lambda owner: _log_key(planes, owner),
        party_name=lambda party: _party_name(parties, party),
    )
    return citizen_routes(
        citizen,
        check,
        frozenset(planes.policies(Purpose.AUTHENTICATION)),
        settings.desk.agent,
        Households(database, registrar, OwnerKeys(StoredKeys(planes.database)), planes.random),
        VerifiedByUs(check),
        HomeCards(Issuing(database, registrar, issuers, planes.random), cards, planes.lines, sleep),
    )


def _log_key(planes: "Planes", owner: str) -> str:
    """The verifier key of an owner's log, as it is published beside it."""
    if not owner.isdigit():
        raise InvalidValue("an owner's code")
    return (planes.settings.path(planes.settings.log.folder) / owner / KEY).read_text("utf-8").strip()


def _party_name(parties: Parties, party: str) -> str:
    """As people know the party; its id where it is registered no more."""
    found = parties.registered(party)
    return party if found is None else found.name_ja
