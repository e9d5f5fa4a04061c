"""The officers' doors to protection flags: set by one at once, seen and released by two.

    POST   /v1/office/protection/{person}                                  mask from now on
    GET    /v1/office/protection/{person}                                  the flag
    POST   /v1/office/protection/{person}/confirmation                     the measure stands
    POST   /v1/office/protection/{person}/renewal                          another year
    POST   /v1/office/protection/{person}/unlocks                          why the address must be seen: the first
    POST   /v1/office/protection/{person}/unlocks/{approval}/approval      the second agrees
    POST   /v1/office/protection/{person}/address                          the first looks, once
    POST   /v1/office/protection/{person}/releases                         unmask: the first
    POST   /v1/office/protection/{person}/releases/{approval}/approval     the second; the time to think begins
    DELETE /v1/office/protection/{person}/releases                         stop it while there is time
    POST   /v1/office/protection/{person}/release                          unmask, once the time is over
    GET    /v1/office/near-misses                                          how often a masked address was asked for

Every request is signed by the officer's card (`web.callers`); each reaches their own municipality only.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from enrollment import protection, pushes, registry, unlocking
from enrollment.counters import Affair
from enrollment.errors import NotProtected, NotYours
from enrollment.flags import Flag
from enrollment.operators import Operator, Role
from enrollment.person import PersonId
from enrollment.registry import Access
from enrollment.store import Database
from enrollment.store import people as people_rows
from pki.instant import Clock
from web.callers import Callers
from web.gate_desk import Reason
from web.gateway import PROBLEMS, Hex

Person = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The person's opaque id.")]


class UseUnlock(BaseModel):
    """The permission that two gave."""

    model_config = ConfigDict(extra="forbid", strict=True)

    unlock: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


def _told(flag: Flag) -> dict[str, Any]:
    return {
        "contact_desk": flag.contact_desk,
        "flag": flag.flag,
        "masks": flag.state.masks,
        "release_after": flag.release_after.iso() if flag.release_after else None,
        "since": flag.since.iso(),
        "state": flag.state.value,
        "until": flag.until.iso(),
        "version": flag.version,
    }


def make_protection_desk_router(
    callers: Callers, database: Database, clock: Clock, random: Callable[[int], bytes]
) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1/office", tags=["protection"], responses=PROBLEMS)
    Officer = Annotated[Operator, Depends(callers.officer())]  # noqa: N806 - a type

    def do(act: Callable[..., Flag], person: str, operator: Operator) -> dict[str, Any]:
        at = clock.now()
        return _told(database.transaction(lambda conn: act(conn, PersonId(person), operator, at, random)))

    @router.post("/protection/{person}", status_code=201, summary="Mask from now on")
    def begin(officer: Officer, person: Person) -> dict[str, Any]:
        """One clerk is enough and nothing is waited for; every channel is told."""
        return do(protection.apply, person, officer)

    @router.get("/protection/{person}", summary="The flag")
    def look(officer: Officer, person: Person) -> dict[str, Any]:
        """Where it stands, until when, and when a release that two approved may happen."""
        at = clock.now()
        officer.require(Role.CLERK, at)
        if database.read(lambda conn: people_rows.owner_of(conn, PersonId(person))) != officer.owner:
            raise NotYours(officer.owner)
        place = f"{officer.counter}/{officer.operator}"
        affairs = Affair.PROTECTION.value
        access = Access("desk", "support-measure", affairs, officer.owner, place, frozenset(), pushes.LEGAL_BASIS)
        flag = registry.look(database, PersonId(person), access, at, random).flag
        if flag is None:
            raise NotProtected
        return _told(flag)

    @router.post("/protection/{person}/confirmation", summary="The measure stands")
    def confirm(officer: Officer, person: Person) -> dict[str, Any]:
        """After the consultation with police or a support centre."""
        return do(protection.confirm, person, officer)

    @router.post("/protection/{person}/renewal", summary="Another year")
    def renew(officer: Officer, person: Person) -> dict[str, Any]:
        """From a month before the end, and at any time after it: it has masked all the while."""
        return do(protection.renew, person, officer)

    @router.post("/protection/{person}/unlocks", status_code=201, summary="Ask to see the address")
    def propose_unlock(officer: Officer, person: Person, body: Reason) -> dict[str, str]:
        """The first of two, with the reason."""
        at = clock.now()
        asked = database.transaction(
            lambda conn: unlocking.propose(conn, PersonId(person), officer, body.reason, at, random)
        )
        return {"approval": asked.approval, "expires_at": asked.expires_at.iso()}

    @router.post("/protection/{person}/unlocks/{approval}/approval", status_code=201, summary="Agree")
    def approve_unlock(officer: Officer, person: Person, approval: Hex) -> dict[str, str]:
        """The second, with another card. The permission is for who asked, once, for ten minutes."""
        at = clock.now()
        made = database.transaction(
            lambda conn: unlocking.approve(conn, PersonId(person), approval, officer, at, random)
        )
        return {"unlock": made.unlock, "expires_at": made.expires_at.iso()}

    @router.post("/protection/{person}/address", summary="See the address")
    def see(officer: Officer, person: Person, body: UseUnlock) -> dict[str, Any]:
        """The look is recorded before the address is read; used up or too late, it stays masked."""
        view = unlocking.see(database, PersonId(person), body.unlock, officer, clock.now(), random)
        return {"address": view.shown[registry.Field.ADDRESS]}

    @router.post("/protection/{person}/releases", status_code=201, summary="Propose to unmask")
    def propose_release(officer: Officer, person: Person, body: Reason) -> dict[str, str]:
        """The first of two."""
        at = clock.now()
        asked = database.transaction(
            lambda conn: protection.propose_release(conn, PersonId(person), officer, at, random, body.reason)
        )
        return {"approval": asked.approval, "expires_at": asked.expires_at.iso()}

    @router.post("/protection/{person}/releases/{approval}/approval", summary="Agree to unmask")
    def approve_release(officer: Officer, person: Person, approval: Hex) -> dict[str, Any]:
        """The second, with another card. A week to think begins; anybody who works with flags may stop it."""
        at = clock.now()
        return _told(
            database.transaction(
                lambda conn: protection.approve_release(conn, PersonId(person), approval, officer, at, random)
            )
        )

    @router.delete("/protection/{person}/releases", summary="Stop a release")
    def stop_release(officer: Officer, person: Person) -> dict[str, Any]:
        """It masks on; a later release needs two people again."""
        return do(protection.stop_release, person, officer)

    @router.post("/protection/{person}/release", summary="Unmask")
    def release(officer: Officer, person: Person) -> dict[str, Any]:
        """Only after two approved and the week is over."""
        return do(protection.release_by, person, officer)

    @router.get("/near-misses", summary="How often a masked address was asked for")
    def near_misses(officer: Officer, days: Annotated[int, Query(ge=1, le=366)] = 30) -> dict[str, int]:
        """In the last days: a number, no names."""
        at = clock.now()
        officer.require(Role.PROTECTION, at)
        since = at + timedelta(days=-days)
        return {
            "days": days,
            "near_misses": database.read(partial(registry.near_misses, owner=officer.owner, since=since)),
        }

    return router
