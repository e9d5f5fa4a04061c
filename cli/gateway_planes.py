"""The planes of the gateway: what municipalities' systems, channels, and the officers who watch both may reach."""

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from cli.planes import Planes
    from web.callers import Callers


def _callers(planes: "Planes") -> "Callers":
    from web.callers import Callers

    return Callers(planes.database, planes.settings.public_url, planes.clock)


def peers_doors(planes: "Planes") -> list[APIRouter]:
    """For other systems. No keys: what comes in is judged by registered public keys."""
    from enrollment.gateway import Gateway
    from enrollment.signed import OwnerKeys, StoredKeys
    from web.gateway import make_channels_router, make_gateway_router

    gateway = Gateway(OwnerKeys(StoredKeys(planes.database)), planes.random)
    callers = _callers(planes)
    return [
        make_gateway_router(gateway, callers, planes.journaled, planes.clock),
        make_channels_router(callers, planes.database, planes.clock, planes.random),
    ]


def officers_doors(planes: "Planes") -> list[APIRouter]:
    """For officers, by their cards."""
    from web.gate_desk import make_gate_desk_router
    from web.protection_desk import make_protection_desk_router

    callers = _callers(planes)
    return [
        make_gate_desk_router(callers, planes.database, planes.clock, planes.random),
        make_protection_desk_router(callers, planes.database, planes.clock, planes.random),
    ]


def households_doors(planes: "Planes") -> list[APIRouter]:
    """For households. No keys: what is promised is signed by the signing process."""
    from ca.issuance import Registrar
    from ca.profiles import PROFILES
    from enrollment.households import Households
    from enrollment.signed import OwnerKeys, StoredKeys
    from web.filings import VerifiedByUs
    from web.household_filings import HouseholdParts, make_household_filings_router

    registrar = Registrar(PROFILES, planes.directory, planes.random)
    households = Households(planes.journaled, registrar, OwnerKeys(StoredKeys(planes.database)), planes.random)
    parts = HouseholdParts(households, registrar, VerifiedByUs(planes.check()), planes.clock)
    return [make_household_filings_router(parts)]


def about_page(planes: "Planes") -> list[APIRouter]:
    """Who can see what, for everybody."""
    from web.about import make_about_router
    from web.language import Language

    return [make_about_router(planes.database, planes.clock, Language(planes.settings.service.language))]
