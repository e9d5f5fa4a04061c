"""The verification API for registered relying parties, over HTTP.

    POST   /v1/verifications              verify; `Prefer: respond-async` answers 202 at once
    POST   /v1/verifications/batch        up to fifty at once
    GET    /v1/verifications/{verification}         the stored answer
    GET    /v1/verifications/{verification}/verdict the signed verdict (JWS)
    DELETE /v1/verifications/{verification}         delete answer and verdict for good
    POST   /v1/consents                   a person's signed consent that attributes are told
    POST   /v1/authentications/challenges a challenge for a log-in with a card
    POST   /v1/authentications            the log-in's token
    GET    /v1/status                     all that the party knows, page by page
    GET    /v1/status/{handle}            is a certificate revoked, or what does this person hold now
    POST   /v1/status                     the same for up to a hundred handles
    GET    /v1/calls                      the party's own calls, newest first

Every request carries an assertion (web/parties.py); every answer tells how many requests are left in this minute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, Header, Path, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from pki.errors import Error
from pki.instant import Clock, Instant
from web.consents import Consents
from web.direct_route import StrictRoute
from web.parties import Parties, RelyingParty
from web.party_logins import PartyLogins
from web.party_status import MOST, PartyStatus, Source
from web.relying_examples import (
    CALL,
    CHALLENGE,
    CONSENT,
    LOGIN,
    NOT_FOUND,
    PROBLEMS,
    RUNNING,
    STATUS,
    VERDICT,
    answered,
)
from web.store import Database
from web.store import relying as rows
from web.subjects import Level
from web.verification_request import Base64, Sent, VerificationRequest, decoded
from web.verifications import Verifications


@dataclass(frozen=True, slots=True)
class RelyingParts:
    """What the routes stand on."""

    parties: Parties
    verifications: Verifications
    logins: PartyLogins
    status: PartyStatus
    database: Database
    clock: Clock
    client_certificate: Callable[[Request], str | None] = lambda _request: None
    """SHA-256 in hex of the connection's client certificate, as whoever terminates TLS proved it; None without one."""
    consents: Consents | None = None


class Batch(Sent):
    """Several verifications, each answered by itself."""

    items: list[VerificationRequest] = Field(
        min_length=1, max_length=50, examples=[[{"document": "6Lui5bGF5bGKCg==", "signature": "MIIJ…"}]]
    )


class ConsentRequest(Sent):
    """A consent as the person signed it."""

    document: Base64 = Field(description="The consent; docs/relying-parties.md has its form.", examples=["eyJmaWVs…"])
    signature: Base64 = Field(
        description="The person's signature on it, by their card (CMS, detached).", examples=["MIIJ…"]
    )


class ChallengeRequest(Sent):
    """Where the person is about to log in."""

    origin: str = Field(max_length=200, examples=["https://city.example"])


class LoginRequest(Sent):
    """What the browser extension or the phone gave back."""

    challenge: str = Field(max_length=64, description="The id of the challenge.", examples=[CHALLENGE["id"]])
    token: str = Field(
        max_length=10_000,
        description="The token as it came, JSON as text (format web-eid:1).",
        examples=['{"unverifiedCertificate":"MIID…","algorithm":"ES256","signature":"…","format":"web-eid:1.0"}'],
    )
    required_assurance: Level | None = None


class StatusRequest(Sent):
    """Handles, as earlier answers gave them."""

    source: Source = Field(Source.ANY, description="`crl`: by the published CRLs alone, asking no responder.")

    handles: list[Annotated[str, Field(max_length=40)]] = Field(
        min_length=1, max_length=MOST, examples=[[VERDICT["certificate"]]]
    )


Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=8, max_length=128, pattern=r"^[A-Za-z0-9_.:-]+$",
           description="Asked again with the same key, the stored answer comes back and nothing is verified twice."),
]  # fmt: skip
Id = Annotated[str, Path(pattern=r"^v-[0-9a-f]{32}$")]


def make_relying_api(parts: RelyingParts) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1", responses=PROBLEMS, route_class=StrictRoute)

    async def caller(request: Request) -> RelyingParty:
        body, now = await request.body(), parts.clock.now()
        party, left = await run_in_threadpool(
            parts.parties.of_request,
            request.headers.get("authorization"),
            parts.client_certificate(request),
            body,
            now,
        )
        # of whatever becomes of the request, a refusal too: see web/application.py
        request.scope["jitsuin.headers"] = [
            (b"ratelimit-limit", str(party.a_minute).encode()),
            (b"ratelimit-remaining", str(left).encode()),
            (b"ratelimit-reset", str(60 - now.seconds % 60).encode()),
        ]
        return party

    Caller = Annotated[RelyingParty, Depends(caller)]  # noqa: N806 - a type

    @router.post(
        "/verifications",
        tags=["verifications"],
        summary="Verify a signature",
        description="Verifies one signature over a document or its digest, now or as of an earlier time.\n\n"
        + _curl("/v1/verifications", "request.json"),
        responses=answered("The verdict.", VERDICT) | answered("It is being made; ask at `Location`.", RUNNING, 202),
    )
    async def verify(
        party: Caller,
        body: VerificationRequest,
        request: Request,
        response: Response,
        later: BackgroundTasks,
        key: Key = None,
        prefer: Annotated[str | None, Header(description="`respond-async` for large documents.")] = None,
    ) -> dict[str, Any]:
        begun = await run_in_threadpool(parts.verifications.begin, party, body, await request.body(), key)
        response.headers["Location"] = f"/v1/verifications/{begun.id}"
        if begun.stored is not None:
            response.headers["Idempotency-Replayed"] = "true"
            return begun.stored
        if prefer is not None and "respond-async" in prefer:
            later.add_task(parts.verifications.carry_out_later, party, body, begun)
            response.status_code = 202
            response.headers["Preference-Applied"] = "respond-async"
            return parts.verifications.progress_of(begun)
        return await run_in_threadpool(parts.verifications.carry_out, party, body, begun)

    @router.post(
        "/verifications/batch",
        tags=["verifications"],
        summary="Verify several signatures",
        responses=answered("One answer for each, in order.", {"items": [VERDICT]}),
        description="Each item is answered by itself, in order; one that cannot be read does not spoil the others.\n\n"
        + _curl("/v1/verifications/batch", "batch.json"),
    )
    def verify_batch(party: Caller, body: Batch) -> dict[str, Any]:
        parts.parties.spend(party, len(body.items) - 1, parts.clock.now())
        answers: list[dict[str, Any]] = []
        for item in body.items:
            try:
                begun = parts.verifications.begin(party, item, item.model_dump_json().encode(), None)
                answers.append(parts.verifications.carry_out(party, item, begun))
            except Error as error:
                answers.append({"error": {"code": error.code, "why": error.reason, "todo": error.remedy}})
        return {"items": answers}

    @router.get(
        "/verifications/{verification}",
        tags=["verifications"],
        summary="A stored verdict",
        description=_curl("/v1/verifications/v-…", "/dev/null"),
        responses={**answered("The verdict, or how far it has come.", VERDICT), 404: NOT_FOUND},
    )
    def find(party: Caller, verification: Id) -> dict[str, Any]:
        return parts.verifications.find(party, verification)

    @router.get(
        "/verifications/{verification}/verdict",
        tags=["verifications"],
        summary="The signed verdict",
        description="A JWS that anyone can check offline.\n\n" + _curl("/v1/verifications/v-…/verdict", "/dev/null"),
        response_class=Response,
        responses={
            200: {"description": "The verdict.", "content": {"application/jose": {"example": "eyJhbGciOiJFUzI1NiIs…"}}},
            404: NOT_FOUND,
        },
    )
    def verdict(party: Caller, verification: Id) -> Response:
        return Response(parts.verifications.verdict(party, verification), media_type="application/jose")

    @router.delete(
        "/verifications/{verification}",
        tags=["verifications"],
        summary="Delete a stored verdict",
        description=_curl("/v1/verifications/v-…", "/dev/null", " -X DELETE"),
        status_code=204,
        responses={404: NOT_FOUND},
    )
    def delete(party: Caller, verification: Id) -> None:
        parts.verifications.delete(party, verification)

    if parts.consents is not None:
        consents = parts.consents

        @router.post(
            "/consents",
            tags=["consents"],
            summary="A person's consent",
            description="Signed by the person's card, for this party, its fields and its purpose; until it ends or is "
            "withdrawn, verifications with that purpose in `affairs` tell those fields.\n\n"
            + _curl("/v1/consents", "consent.json"),
            status_code=201,
            responses=answered("The consent as it stands.", CONSENT, 201),
        )
        def consent(party: Caller, body: ConsentRequest) -> dict[str, object]:
            document, signature = decoded("document", body.document), decoded("signature", body.signature)
            return consents.give_by_card(party.party, document, signature).to_json()

    @router.post(
        "/authentications/challenges",
        tags=["authentications"],
        summary="A challenge for a log-in",
        description="Good for five minutes and one attempt.\n\n"
        + _curl("/v1/authentications/challenges", "origin.json"),
        status_code=201,
        responses=answered("The challenge.", CHALLENGE, 201),
    )
    def challenge(party: Caller, body: ChallengeRequest) -> dict[str, str]:
        return parts.logins.challenge(party, body.origin)

    @router.post(
        "/authentications",
        tags=["authentications"],
        summary="Check a log-in",
        description="403 with the check that failed when the log-in does not hold.\n\n"
        + _curl("/v1/authentications", "login.json"),
        responses=answered("The log-in holds.", LOGIN),
    )
    def authenticate(party: Caller, body: LoginRequest) -> dict[str, Any]:
        return parts.logins.verify(party, body.challenge, body.token, body.required_assurance)

    @router.get(
        "/status/{handle}",
        tags=["status"],
        summary="Is it revoked?",
        description="By the handle of a certificate, or of a person: then of what the person holds now.\n\n"
        + _curl("/v1/status/c-…", "/dev/null"),
        responses=answered("The status, with its source and age.", STATUS),
    )
    def status(
        party: Caller, handle: Annotated[str, Path(pattern=r"^[cp]-[a-z2-7]{20,40}$")], source: Source = Source.ANY
    ) -> dict[str, Any]:
        return parts.status.of(party, handle, source)

    @router.get(
        "/status",
        tags=["status"],
        summary="Which of all that you know are revoked?",
        description="Page by page, by handle: hand the answer's `next` in as `after` until it is null. A page costs as "
        "many requests as it holds.\n\n" + _curl("/v1/status?kind=p&limit=100&source=crl", "/dev/null"),
        responses=answered("One page.", {"items": [STATUS], "next": None}),
    )
    def status_of_all(
        party: Caller,
        kind: Annotated[Literal["c", "p"], Query(description="Certificates or persons.")] = "p",
        after: Annotated[str, Query(max_length=40, description="`next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
        source: Source = Source.ANY,
    ) -> dict[str, Any]:
        page = parts.status.page(party, kind, after, limit, source)
        parts.parties.spend(party, len(page["items"]) - 1, parts.clock.now())
        return page

    @router.post(
        "/status",
        tags=["status"],
        summary="Are they revoked?",
        description=_curl("/v1/status", "handles.json"),
        responses=answered("One for each handle, in order.", {"items": [STATUS]}),
    )
    def status_of_many(party: Caller, body: StatusRequest) -> dict[str, Any]:
        parts.parties.spend(party, len(body.handles) - 1, parts.clock.now())
        return {"items": parts.status.of_many(party, body.handles, body.source)}

    @router.get(
        "/calls",
        tags=["calls"],
        summary="Your own calls",
        description="Newest first; no content and no person in it.\n\n" + _curl("/v1/calls", "/dev/null"),
        responses=answered("The calls.", {"items": [CALL]}),
    )
    def calls(
        party: Caller,
        before: Annotated[str | None, Query(description="RFC 3339; default: now.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> dict[str, Any]:
        moment = parts.clock.now() if before is None else Instant.parse(before)
        found = parts.database.read(lambda conn: rows.calls_of(conn, party.party, moment, limit))
        return {
            "items": [
                {
                    "at": Instant(row["at"]).iso(),
                    "operation": row["operation"],
                    "reference": row["reference"],
                    "outcome": row["outcome"],
                }
                for row in found
            ]
        }

    return router


def _curl(path: str, body: str, more: str = "") -> str:
    sent = "" if body == "/dev/null" else f" \\\n  -H 'Content-Type: application/json' --data-binary @{body}"
    return (
        f'```sh\ncurl -sS "$JITSUIN{path}"{more} \\\n'
        f'  -H "Authorization: Bearer $(python -m jitsuin_client assertion {body})"{sent}\n```'
    )
