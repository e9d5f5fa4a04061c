"""The time-stamp authority over HTTP (RFC 3161 3.4): public, and it remembers nothing of what it stamped.

POST /tsa    a TimeStampReq in DER, application/timestamp-query → a TimeStampResp, application/timestamp-reply
"""

from collections.abc import Callable
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from ca.tsa import MAX_REQUEST
from pki.instant import Clock, Instant

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"

_THREADS = CapacityLimiter(8)
"""Threads of its own: a verification that asks us for a time-stamp waits in one of the common ones."""


def make_time_stamp_router(answer: Callable[[bytes, Instant], bytes], clock: Clock) -> APIRouter:
    """The route above. `answer` gives the TimeStampResp for a request, a refusal too; called from many threads."""
    router = APIRouter(tags=["time-stamps"])

    @router.post("/tsa", response_class=Response, summary="A time-stamp (RFC 3161)")
    async def stamp(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != QUERY:
            return Response(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers={"accept-post": QUERY})
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_REQUEST:
                return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"connection": "close"})
        reply = await to_thread.run_sync(answer, body, clock.now(), limiter=_THREADS)
        return Response(reply, media_type=REPLY, headers={"cache-control": "no-store"})

    return router
