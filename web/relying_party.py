"""The verification API for relying parties.

POST /v1/verifications      a filing and its signature → the verdict with every check
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from pki.instant import Clock
from web.filing_check import FilingCheck
from web.verification_request import VerificationRequest


def make_relying_party_router(check: FilingCheck, clock: Clock) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1", tags=["verification"])

    @router.post("/verifications", summary="Verify a signature")
    async def verify(request: VerificationRequest) -> dict[str, object]:
        """Verify one signature over a document or its digest, now or as of an earlier time."""
        now = clock.now()
        at = request.instant(now)
        report = await run_in_threadpool(
            check.filing,
            request.what_was_signed(),
            request.signature_octets(),
            at,
            policy=request.narrowed(check.policy[request.purpose]),
            evidence=request.evidence_at_hand(),
            # an answer of today says nothing about then: a time in the past is judged by the evidence sent along
            online=at == now,
        )
        return report.to_json()

    return router
