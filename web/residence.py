"""The door for statements of residence by card and PIN: evidence that a later filing may need.

    POST /v1/residence-statements   {document, signature}

The document names an address and is signed by the card's key for log-ins, at home or in a counter's reader. The same
statement again has the same answer and no second effect.
"""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from enrollment import residence
from enrollment.filing import MAX_DOCUMENT
from enrollment.person import Random
from enrollment.proofs import LIFETIMES
from enrollment.store import Database
from pki.instant import Clock
from web.filings import MAX_SIGNATURE, VerifiedByUs, octets_of


class StatementBody(BaseModel):
    """What is posted, in base64."""

    model_config = ConfigDict(extra="forbid", strict=True)

    document: Annotated[str, Field(max_length=2 * MAX_DOCUMENT, description="the octets that were signed")]
    signature: Annotated[str, Field(max_length=2 * MAX_SIGNATURE, description="detached CMS SignedData in DER")]


def residence_router(database: Database, verifier: VerifiedByUs, clock: Clock, random: Random) -> APIRouter:
    """The route of this door."""
    router = APIRouter(prefix="/v1/residence-statements", tags=["filings"])

    @router.post("", status_code=201)
    def state(body: StatementBody) -> dict[str, Any]:
        """Keep a statement. 201 with the evidence that it became, and until when that is fresh enough to be used."""
        at = clock.now()
        document = octets_of("document", body.document, MAX_DOCUMENT)
        signature = octets_of("signature", body.signature, MAX_SIGNATURE)
        verified = verifier.verify(document, signature, at)
        piece = database.transaction(lambda conn: residence.state(conn, verified, at, random))
        return {
            "piece": piece.piece,
            "proof": piece.proof.value,
            "seen_at": piece.at.iso(),
            "until": (piece.at + LIFETIMES[piece.proof]).iso(),
        }

    return router
