"""The certificates that signed verdicts are checked against, for anybody: a third party needs nothing else of us.

GET /v1/verdict-certificates    PEM, youngest first; the older ones stay, for what they signed
"""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Response

from pki.certificate import Certificate


def make_verdict_certificates_router(known: Callable[[], Sequence[Certificate]]) -> APIRouter:
    """The route above."""
    router = APIRouter(prefix="/v1", tags=["verifications"])

    @router.get(
        "/verdict-certificates",
        summary="Who signs verdicts",
        description="Needs no assertion.\n\n"
        '```sh\ncurl -sS -o verdicts.pem "$JITSUIN/v1/verdict-certificates"\n'
        "jitsuin verify verdict VERDICT --service verdicts.pem\n```",
        response_class=Response,
        responses={
            200: {
                "description": "Certificates in PEM.",
                "content": {"application/pem-certificate-chain": {"example": "-----BEGIN CERTIFICATE-----\n…"}},
            }
        },
    )
    def certificates() -> Response:
        text = b"".join(one.x509.public_bytes(Encoding.PEM) for one in known())
        return Response(text, media_type="application/pem-certificate-chain")

    return router
