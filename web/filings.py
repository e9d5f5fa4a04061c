"""The door for remote filings: a signed document in, the new certificate out.

    POST /v1/filings        {document, signature, request}   Idempotency-Key: …
                            and authentication_request, the other key's, for a renewal of both certificates
    GET  /v1/filings/{id}   where it stands; the certificates once they are signed

The filing's id is 128 random bits that only its maker and this service know: whoever has it may ask how it stands.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from enrollment.errors import FilingFromFuture, FilingRejected
from enrollment.filing import MAX_DOCUMENT, ResidenceStatement, VerifiedFiling, parse_filing
from enrollment.moves import FilingResult, Moves
from pki.errors import Malformed
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from verifier.indication import Indication
from verifier.report import CheckName
from web.filing_check import FilingCheck

MAX_SIGNATURE = 256 * 1024
MAX_REQUEST = 16 * 1024


@dataclass(frozen=True, slots=True)
class VerifiedByUs:
    """The FilingVerifier that `enrollment` asks for, over the project's own verifier and live status.

    Filings are signed by signature certificates, a statement of residence by the one for log-ins; each is judged
    against the anchors of its purpose alone.
    """

    check: FilingCheck

    def verify(self, document: bytes, signature: bytes, at: Instant) -> VerifiedFiling:
        """Errors: FilingMalformed before any signature is looked at; FilingRejected with the report."""
        filing = parse_filing(document)
        purpose = Purpose.AUTHENTICATION if isinstance(filing, ResidenceStatement) else Purpose.SIGNATURE
        report = self.check.filing(document, signature, at, policy=self.check.policy[purpose])
        told = json.dumps(report.to_json(), ensure_ascii=False, sort_keys=True)
        if report.indication is not Indication.PASSED or report.signer is None:
            sub = report.sub_indication.value if report.sub_indication else ""
            ahead = any(one.name is CheckName.CLAIMED_TIME and one.sub_indication for one in report.checks)
            raise (FilingFromFuture if ahead else FilingRejected)(report.indication.value, sub, told)
        signer = report.signer
        return VerifiedFiling(filing, document, signature, signer.fingerprint.hex(), f"{signer.serial:x}", told, at)


def octets_of(what: str, text: str, limit: int) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None
    if len(octets) > limit:
        raise Malformed(f"{what} is longer than {limit} octets")
    return octets


class FilingBody(BaseModel):
    """What is posted; all of it in base64."""

    model_config = ConfigDict(extra="forbid", strict=True)

    document: Annotated[str, Field(max_length=2 * MAX_DOCUMENT, description="the octets that were signed")]
    signature: Annotated[str, Field(max_length=2 * MAX_SIGNATURE, description="detached CMS SignedData in DER")]
    request: Annotated[str, Field(max_length=2 * MAX_REQUEST, description="PKCS#10 by the card's new key, in DER")]
    authentication_request: Annotated[
        str, Field(max_length=2 * MAX_REQUEST, description="of a renewal: PKCS#10 by the new key for log-ins, in DER")
    ] = ""


def _answer(result: FilingResult) -> dict[str, Any]:
    renewed = result.authentication_certificate
    return {
        "accepted_at": result.accepted_at.iso(),
        "application": result.application,
        "authentication_certificate": base64.b64encode(renewed).decode() if renewed else None,
        "certificate": base64.b64encode(result.certificate).decode() if result.certificate else None,
        "decision": result.decision,
        "event": result.event,
        "filing": result.filing,
        "state": result.state.value,
    }


Key = Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=128, pattern=r"^[A-Za-z0-9_.:-]+$")]


def filings_router(moves: Moves, verifier: VerifiedByUs, clock: Clock) -> APIRouter:
    """The routes of this door."""
    router = APIRouter(prefix="/v1/filings", tags=["filings"])

    @router.post("", status_code=201)
    def file(body: FilingBody, key: Key, response: Response) -> dict[str, Any]:
        """File a remote procedure. 201 with where it stands; 422 with the whole decision when a cap is reached."""
        at = clock.now()
        document = octets_of("document", body.document, MAX_DOCUMENT)
        signature = octets_of("signature", body.signature, MAX_SIGNATURE)
        request = octets_of("request", body.request, MAX_REQUEST)
        other = octets_of("authentication_request", body.authentication_request, MAX_REQUEST) or None
        # Asked again, the answer is the stored one: by now the filing's own acceptance has revoked its signer.
        result = moves.answered(document, request, key, at, other)
        if result is None:
            result = moves.accept(verifier.verify(document, signature, at), request, key, at, other)
        response.headers["Location"] = f"/v1/filings/{result.filing}"
        return _answer(result)

    @router.get("/{filing}")
    def look(filing: str) -> dict[str, Any]:
        """Where a filing stands, with the new certificate once it is signed."""
        return _answer(moves.result(filing, clock.now()))

    return router
