"""The doors of other systems: a municipality's resident record, and channels that must know of every flag.

    POST /v1/gateway/messages                     one message; its own signature in `Gateway-Signature`
    GET  /v1/gateway/messages/{message}           where it stands
    GET  /v1/gateway/quarantine                   what was stopped, with the reason
    GET  /v1/channels/flags                       the flags that the asking channel should know
    POST /v1/channels/acknowledgements            it has this version of a flag
    PUT  /v1/channels/flags                       the daily comparison: all that it holds

Every request is signed (`web.callers`); a municipality's system and a channel each reach their own only.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from enrollment import protection, pushes, watch
from enrollment.gateway import Gateway, MessageState, Received
from enrollment.gateway_schema import MAX_OCTETS
from enrollment.protection import Reconciled
from enrollment.store import Connection, Database, care
from enrollment.store import gate as rows
from pki.errors import Malformed
from pki.instant import Clock
from web.callers import Callers
from web.errors import NoSuchMessage

Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": {"type": "object"}}}}
    for status, text in {
        400: "The request cannot be read; `detail` says what, `todo` what to do.",
        401: "Not a signed request that holds, or one that was answered before.",
        403: "Another municipality's, or not among one's own duties.",
        404: "There is no such thing here.",
        409: "Not possible in the present state.",
        429: "More requests than agreed; see `Retry-After`.",
    }.items()
}


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Acknowledgement(_Sent):
    """What a channel has."""

    flag: Hex
    version: Annotated[int, Field(ge=1, lt=2**31)]


class HeldFlags(_Sent):
    """All flags that a channel holds and masks by, with their versions."""

    flags: Annotated[dict[Hex, Annotated[int, Field(ge=1, lt=2**31)]], Field(max_length=100_000)]


def _told(received: Received) -> dict[str, Any]:
    return {
        "due_at": received.due_at.iso(),
        "message": received.message,
        "reason": received.reason,
        "state": received.state.value,
    }


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("Gateway-Signature is not base64") from None


def make_gateway_router(gateway: Gateway, callers: Callers, database: Database, clock: Clock) -> APIRouter:
    """The doors of municipalities' systems."""
    router = APIRouter(prefix="/v1/gateway", tags=["gateway"], responses=PROBLEMS)
    Municipality = Annotated[str, Depends(callers.municipality())]  # noqa: N806 - a type

    @router.post("/messages", status_code=202, summary="Tell of a change in the resident record")
    async def receive(
        municipality: Municipality,
        request: Request,
        response: Response,
        signature: Annotated[str, Header(alias="Gateway-Signature", max_length=2000)],
    ) -> dict[str, Any]:
        """202 with the receipt: held until `due_at`, released at once, or quarantined with the reason. The same message
        again has the same receipt."""
        octets, value, at = await request.body(), _signature(signature), clock.now()
        if len(octets) > MAX_OCTETS:
            raise Malformed(f"a message has at most {MAX_OCTETS} octets")
        received = await run_in_threadpool(
            database.transaction, lambda conn: gateway.receive(conn, municipality, octets, value, at)
        )
        if received.state is not MessageState.QUARANTINED:
            response.headers["Location"] = f"/v1/gateway/messages/{received.message}"
        return _told(received)

    @router.get("/messages/{message}", summary="Where a message stands")
    def look(municipality: Municipality, message: Hex) -> dict[str, Any]:
        """The receipt as it is now."""
        row = database.read(lambda conn: rows.find(conn, municipality, message))
        if row is None:
            raise NoSuchMessage
        return _told(Received(row.message, MessageState(row.state), row.due_at, row.reason))

    @router.get("/quarantine", summary="What was stopped")
    def quarantine(municipality: Municipality) -> dict[str, Any]:
        """Digests (SHA-256) and reasons of what did not pass, newest first; nothing of its content was kept."""
        return {"messages": stopped(database.read(lambda conn: rows.quarantined(conn, municipality)))}

    return router


def stopped(found: list[rows.GateRow]) -> list[dict[str, Any]]:
    """Messages in quarantine as JSON."""
    return [
        {"digest": row.digest, "message": row.message, "reason": row.reason, "received_at": row.received_at.iso()}
        for row in found
    ]


def make_channels_router(
    callers: Callers, database: Database, clock: Clock, random: Callable[[int], bytes]
) -> APIRouter:
    """The doors of channels."""
    router = APIRouter(prefix="/v1/channels", tags=["channels"], responses=PROBLEMS)
    Channel = Annotated[str, Depends(callers.channel())]  # noqa: N806 - a type

    @router.get("/flags", summary="The flags that this channel should know")
    def flags(channel: Channel) -> dict[str, Any]:
        """Each with its version: neither why, nor from whom, nor where anybody lives."""

        at = clock.now()

        def read(conn: Connection) -> list[dict[str, Any]]:
            owner = care.channel_owner(conn, channel)
            found = [flag for flag in protection.flags_for(conn, channel) if flag.state.masks]
            for flag in found:
                pushes.record_push(conn, channel, flag, at, random)
            return [dict(flag.notice() if flag.owner == owner else flag.notice_from(owner)) for flag in found]

        return {"flags": database.transaction(read)}

    @router.post("/acknowledgements", summary="This channel has a flag")
    def acknowledge(channel: Channel, body: Acknowledgement) -> dict[str, bool]:
        """`known` is false for a version that this channel was never told of."""
        at = clock.now()
        known = database.transaction(lambda conn: protection.acknowledge(conn, channel, body.flag, body.version, at))
        return {"known": known}

    @router.put("/flags", summary="The daily comparison")
    def compare(channel: Channel, body: HeldFlags) -> dict[str, Any]:
        """What is missing, old or unknown; what it lacks it is told again. Once a day; later ones change nothing."""
        at = clock.now()

        def run(conn: Connection) -> Reconciled:
            first = watch.compare(conn, channel, body.flags, at, random)
            told = first or protection.reconcile(conn, channel, body.flags, at.jst_date())
            for flag in protection.flags_for(conn, channel):
                if flag.flag in (*told.missing, *told.outdated):
                    pushes.record_push(conn, channel, flag, at, random)
            return told

        told = database.transaction(run)
        return {
            "agrees": told.agrees,
            "missing": list(told.missing),
            "outdated": list(told.outdated),
            "unknown": list(told.unknown),
        }

    return router
