"""The one service that runs when everything else is down: counters look people up in a snapshot.

    GET  /v1/emergency                              whose snapshot this is, and as of when
    POST /v1/emergency/people/{person}              {fields, reason}: looked up, masked as ever, written down first
    GET  /v1/emergency/people/{person}/decision     what the cap would have said then

Officers sign their requests with their cards, as always; their public keys came with the snapshot. Nothing can be
changed, no mask can be lifted, and every answer says in its body and in `As-Of` how old it is.
"""

from collections.abc import Awaitable, Callable
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from enrollment import registry
from enrollment.emergency import Emergency, LookRecord
from enrollment.errors import UnknownPerson
from enrollment.events import EventKind
from enrollment.operators import Role
from enrollment.person import PersonId
from enrollment.snapshot import Officer
from pki.instant import Clock, Instant
from web.callers import OFFICER, read_signed
from web.errors import NotAuthenticated
from web.gateway import PROBLEMS

Person = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Look(BaseModel):
    """What is to be seen, and why."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[list[registry.Field], Field(min_length=1, max_length=4)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class _Once:
    """Nonces of requests that were answered; one process, so they are kept here."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], Instant] = {}
        self._lock = Lock()

    def use(self, who: str, nonce: str, expires: Instant, at: Instant) -> bool:
        """False if it was used."""
        with self._lock:
            self._seen = {key: until for key, until in self._seen.items() if until >= at}
            first = (who, nonce) not in self._seen
            self._seen[who, nonce] = expires
            return first


def _officers(emergency: Emergency, service: str, clock: Clock) -> Callable[[Request], Awaitable[Officer]]:
    once = _Once()

    async def caller(request: Request) -> Officer:
        at = clock.now()
        signed = await read_signed(request, service, at)
        kind, _, name = signed.keyid.partition(":")
        officer = emergency.officer(name, at) if kind == OFFICER else None
        if officer is None or Role.CLERK not in officer.roles or not signed.signed_by(officer.spki):
            raise NotAuthenticated("the key is not known here, or the signature does not hold")
        if not once.use(name, signed.nonce, signed.expires, at):
            raise NotAuthenticated("the request was answered before")
        return officer

    return caller


def make_emergency_router(emergency: Emergency, looks: LookRecord, service: str, clock: Clock) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1/emergency", tags=["emergency"], responses=PROBLEMS)
    Caller = Annotated[Officer, Depends(_officers(emergency, service, clock))]  # noqa: N806 - a type
    turn = Lock()

    def dated(response: Response, told: dict[str, Any]) -> dict[str, Any]:
        response.headers["As-Of"] = emergency.as_of.iso()
        return {"as_of": emergency.as_of.iso(), "read_only": True, **told}

    @router.get("", summary="Whose snapshot this is")
    def about(response: Response) -> dict[str, Any]:
        """The municipality, and how many people there were then."""
        snapshot = emergency.snapshot
        return dated(response, {"owner": snapshot.owner, "people": len(snapshot.people)})

    @router.post("/people/{person}", summary="Look somebody up")
    def look(officer: Caller, person: Person, body: Look, response: Response) -> dict[str, Any]:
        """Written down before it is read. A protected address stays masked."""
        fields, at = frozenset(body.fields), clock.now()
        with turn:
            result = emergency.result(PersonId(person), fields)
            looks.record(PersonId(person), fields, result, officer, body.reason, at)
        view = emergency.look(PersonId(person), fields)
        if view is None:
            raise UnknownPerson(person)
        return dated(response, {"status": view.status.value, "shown": dict(view.shown)})

    @router.get("/people/{person}/decision", summary="What the cap would have said")
    def decision(officer: Caller, person: Person, response: Response) -> dict[str, Any]:
        """As of then; nothing can be done by it."""
        with turn:
            looks.record(PersonId(person), frozenset(), registry.PROVIDED, officer, "decision", clock.now())
        decided = emergency.decide(PersonId(person), EventKind.REMOTE_MOVE)
        if decided is None:
            raise UnknownPerson(person)
        return dated(response, {"decision": decided.to_json()})

    return router
