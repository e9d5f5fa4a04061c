"""The officers' doors at the gate: what was stopped, what is taken back, the brake, who received a wrong value.

    GET  /v1/office/messages/{message}                       where it stands
    POST /v1/office/messages/{message}/retraction            take back what has not taken effect
    GET  /v1/office/messages/{message}/recipients            who was given the values of a wrong message
    GET  /v1/office/quarantine                               what was stopped, with the reasons
    GET  /v1/office/brake                                    whether changes flow
    POST /v1/office/brake/releases                           the first of two who let them flow again
    POST /v1/office/brake/releases/{approval}/approval       the second
    GET  /v1/office/alarms                                   what somebody must look at
    GET  /v1/office/channels                                 channels and their last daily comparison
    GET  /v1/office/snapshots                                which snapshots were made, and how old the newest is

Every request is signed by the officer's card (`web.callers`); each reaches their own municipality only.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from enrollment import gateway_desk
from enrollment.operators import Operator, Role
from enrollment.store import Connection, Database, care, peers
from enrollment.store import gate as rows
from pki.instant import Clock
from web.callers import Callers
from web.errors import NoSuchMessage
from web.gateway import PROBLEMS, Hex, stopped


class Reason(BaseModel):
    """Why; it is kept with the proposal, and names nobody."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, Field(min_length=1, max_length=200)]


def make_gate_desk_router(
    callers: Callers, database: Database, clock: Clock, random: Callable[[int], bytes]
) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1/office", tags=["gateway desk"], responses=PROBLEMS)
    Officer = Annotated[Operator, Depends(callers.officer())]  # noqa: N806 - a type

    @router.get("/messages/{message}", summary="Where a message stands")
    def look(officer: Officer, message: Hex) -> dict[str, Any]:
        """Kind, state and times; none of its values."""
        officer.require(Role.CLERK, clock.now())
        row = database.read(lambda conn: rows.find(conn, officer.owner, message))
        if row is None:
            raise NoSuchMessage
        return {
            "due_at": row.due_at.iso(),
            "kind": row.kind,
            "message": row.message,
            "reason": row.reason,
            "received_at": row.received_at.iso(),
            "settled_at": row.settled_at.iso() if row.settled_at else None,
            "state": row.state,
            "supersedes": row.supersedes,
        }

    @router.post("/messages/{message}/retraction", status_code=204, summary="Take a message back")
    def retract(officer: Officer, message: Hex) -> None:
        """Only what has not taken effect; after that the municipality's system sends a correction."""
        at = clock.now()
        database.transaction(lambda conn: gateway_desk.retract(conn, officer.owner, message, officer, at))

    @router.get("/messages/{message}/recipients", summary="Who received a wrong value")
    def recipients(officer: Officer, message: Hex) -> dict[str, Any]:
        """Everybody who was given the person's data from the message's release to its correction; nobody if it was
        called back in time."""
        officer.require(Role.CLERK, clock.now())
        found = database.read(lambda conn: gateway_desk.who_received(conn, officer.owner, message))
        return {
            "recipients": [
                {"at": one.at.iso(), "fields": sorted(one.fields), "recipient": one.recipient} for one in found
            ]
        }

    @router.get("/quarantine", summary="What was stopped")
    def quarantine(officer: Officer) -> dict[str, Any]:
        """Digests and reasons, newest first."""
        at = clock.now()
        return {"messages": stopped(database.read(lambda conn: gateway_desk.quarantine(conn, officer, at)))}

    @router.get("/brake", summary="Whether changes flow")
    def brake(officer: Officer) -> dict[str, Any]:
        """Since when and why they are stopped, and how many messages are in each state."""
        officer.require(Role.CLERK, clock.now())

        def read(conn: Connection) -> dict[str, Any]:
            pulled = rows.brake_since(conn, officer.owner)
            return {
                "braked": pulled is not None,
                "messages": rows.count_by_state(conn, officer.owner),
                "reason": pulled[2] if pulled else None,
                "since": pulled[1].iso() if pulled else None,
            }

        return database.read(read)

    @router.post("/brake/releases", status_code=201, summary="Propose to let changes flow")
    def propose(officer: Officer, body: Reason) -> dict[str, str]:
        """The first of two: the id that the second one approves."""
        at = clock.now()
        asked = database.transaction(lambda conn: gateway_desk.propose_go(conn, officer, at, random, body.reason))
        return {"approval": asked.approval, "expires_at": asked.expires_at.iso()}

    @router.post("/brake/releases/{approval}/approval", status_code=204, summary="Let changes flow")
    def let_go(officer: Officer, approval: Hex) -> None:
        """The second: a supervisor, with another card, who has looked."""
        at = clock.now()
        database.transaction(lambda conn: gateway_desk.let_go(conn, approval, officer, at))

    @router.get("/alarms", summary="What somebody must look at")
    def alarms(officer: Officer) -> dict[str, Any]:
        """Flags that no channel acknowledged, silent or differing channels, a brake."""
        found = database.read(lambda conn: peers.alarms_of(conn, officer.owner))
        return {
            "alarms": [
                {"detail": json.loads(one.detail), "kind": one.kind, "since": one.raised_at.iso()} for one in found
            ]
        }

    @router.get("/channels", summary="Channels and their last comparison")
    def channels(officer: Officer) -> dict[str, Any]:
        """Each with what the newest daily comparison found."""

        def read(conn: Connection) -> list[dict[str, Any]]:
            return [_channel(name, peers.last_comparison(conn, name)) for name in care.channels_of(conn, officer.owner)]

        return {"channels": database.read(read)}

    @router.get("/snapshots", summary="Which snapshots were made")
    def snapshots(officer: Officer) -> dict[str, Any]:
        """Newest first; `age_seconds` of the newest is what would be lost now."""
        at = clock.now()
        made = database.read(lambda conn: peers.snapshots_of(conn, officer.owner))
        return {
            "age_seconds": int((at - made[0].as_of).total_seconds()) if made else None,
            "snapshots": [
                {"as_of": one.as_of.iso(), "digest": one.digest, "octets": one.octets, "people": one.people}
                for one in made
            ],
        }

    return router


def _channel(name: str, last: peers.Comparison | None) -> dict[str, Any]:
    if last is None:
        return {"channel": name, "compared": None}
    numbers = {"missing": last.missing, "outdated": last.outdated, "unknown": last.unknown}
    return {"channel": name, "compared": {"day": last.day, "at": last.at.iso(), **numbers}}
