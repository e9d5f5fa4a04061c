"""A witness over HTTP (c2sp.org/tlog-witness): machines talk here, and its statuses are those of the specification."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from pki.instant import Clock
from transparency.cosigning import SIZE_TYPE
from transparency.errors import (
    BadNote,
    BadProof,
    BadSubmission,
    ClockStepped,
    ForkDetected,
    NotSeenLast,
    TransparencyError,
    UnknownLog,
)
from transparency.witness import Witness, parse_submission
from web.problems import MEDIA_TYPE, Problem

STATUSES: Mapping[type[TransparencyError], HTTPStatus] = {
    BadSubmission: HTTPStatus.BAD_REQUEST,
    BadNote: HTTPStatus.FORBIDDEN,
    UnknownLog: HTTPStatus.NOT_FOUND,
    NotSeenLast: HTTPStatus.CONFLICT,
    ForkDetected: HTTPStatus.CONFLICT,
    BadProof: HTTPStatus.UNPROCESSABLE_ENTITY,
    ClockStepped: HTTPStatus.SERVICE_UNAVAILABLE,
}


def witness_router(witness: Witness, clock: Clock) -> APIRouter:
    """POST /add-checkpoint."""
    router = APIRouter()

    @router.post("/add-checkpoint", response_class=Response)
    async def add_checkpoint(request: Request) -> Response:
        octets = await request.body()
        try:
            line = await run_in_threadpool(lambda: witness.add_checkpoint(parse_submission(octets), clock.now()))
        except NotSeenLast as error:
            return Response(f"{error.size}\n", HTTPStatus.CONFLICT, media_type=SIZE_TYPE)
        except tuple(STATUSES) as error:
            return _refusal(error)
        return Response(line, media_type="text/plain; charset=utf-8")

    return router


def _refusal(error: TransparencyError) -> Response:
    status = STATUSES[type(error)]
    problem = Problem(int(status), error.code, status.phrase, error.reason, error.remedy)
    return Response(json.dumps(problem.document()).encode(), status, media_type=MEDIA_TYPE)
