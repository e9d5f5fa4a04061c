"""The verification API for relying parties.

POST /v1/verifications      a filing and its signature → the verdict with every check
"""

from __future__ import annotations

from functools import partial
from typing import Final

from fastapi import APIRouter, Response
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from pki.instant import Clock
from web.direct_route import DirectRoute
from web.filing_check import FilingCheck
from web.verification_request import VerificationRequest

_SHORT: Final = 256 * 1024
"""Octets of a request, in base64, that is judged without a thread: it takes a millisecond, and by the engine's budget
never more than some hundred."""


def make_relying_party_router(check: FilingCheck, clock: Clock) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1", tags=["verification"], route_class=DirectRoute)

    @router.post("/verifications", summary="Verify a signature", response_model=dict[str, object])
    async def verify(request: VerificationRequest) -> Response:
        """Verify one signature over a document or its digest, now or as of an earlier time."""
        now = clock.now()
        at = request.instant(now)
        judge = partial(
            check.filing,
            request.what_was_signed(),
            request.signature_octets(),
            at,
            policy=request.narrowed(check.policy[request.purpose]),
            evidence=request.evidence_at_hand(),
            # an answer of today says nothing about then: a time in the past is judged by the evidence sent along
            online=at == now,
        )
        # what asks nobody and is small is judged where it came in: a thread would cost more than the verdict
        is_short = (check.fetcher is None or at != now) and request.size <= _SHORT
        report = judge() if is_short else await run_in_threadpool(judge)
        return Response(to_json(report.to_json()), media_type="application/json")

    return router
