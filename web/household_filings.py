"""The door for a household's filing: one document for all, each member's own consent, each member's own outcome.

    POST /v1/household-filings                              {document, signature, roster, consents}   Idempotency-Key: …
    GET  /v1/household-filings/{filing}                     what became of each member
    POST /v1/household-filings/applications/{application}   {request}: a member's own card has made its new key
    GET  /v1/household-filings/applications/{application}   where it stands; the certificate once it is signed

Ids are 128 random bits that only those who filed and this service know: whoever has one may ask how it stands.
"""

import base64
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from ca.issuance import Registrar
from enrollment import card_waiting, certificates, households, protection
from enrollment.application import Application
from enrollment.errors import FilingMalformed, FilingRejected, UnknownFiling
from enrollment.filing import MAX_DOCUMENT, MAX_MEMBERS, VerifiedFiling
from enrollment.households import HouseholdAssertion, Households, MemberResult, Relation
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import work as rows
from pki.errors import InvalidValue, Malformed
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from web.filings import MAX_REQUEST, MAX_SIGNATURE, Key, VerifiedByUs, octets_of
from web.gateway import PROBLEMS, Hex


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Signed(_Sent):
    """A document and its signature, in base64."""

    document: Annotated[str, Field(max_length=2 * MAX_DOCUMENT)]
    signature: Annotated[str, Field(max_length=2 * MAX_SIGNATURE, description="detached CMS SignedData in DER")]


class Roster(BaseModel):
    """The municipality's word on who lives together; `signature` (base64) by its own system."""

    model_config = ConfigDict(extra="forbid")

    owner: Annotated[str, Field(pattern=r"^[0-9]{5}$")]
    members: Annotated[dict[Hex, Relation], Field(min_length=1, max_length=MAX_MEMBERS)]
    version: Annotated[int, Field(ge=0, lt=2**31, strict=True)]
    valid_until: Annotated[str, Field(max_length=40)]
    signature: Annotated[str, Field(max_length=2000)]

    def assertion(self) -> HouseholdAssertion:
        """As `enrollment` knows it. Errors: Malformed."""
        try:
            until = Instant.parse(self.valid_until)
        except (InvalidValue, OverflowError):
            raise Malformed("valid_until is not a time") from None
        members = {PersonId(person): relation for person, relation in self.members.items()}
        signature = octets_of("signature", self.signature, 1500)
        return HouseholdAssertion(self.owner, members, self.version, until, signature)


class HouseholdBody(Signed):
    """What is posted. `consents`: member → the consent that they signed with their own card."""

    roster: Roster
    consents: Annotated[dict[Hex, Signed], Field(max_length=MAX_MEMBERS)] = {}


class CardBody(_Sent):
    """A member's request."""

    request: Annotated[str, Field(max_length=2 * MAX_REQUEST, description="PKCS#10 by the card's new key, in DER")]


@dataclass(frozen=True, slots=True)
class HouseholdParts:
    """What the routes stand on."""

    households: Households
    registrar: Registrar
    verifier: VerifiedByUs
    clock: Clock


def _answer(filing: str, members: tuple[MemberResult, ...]) -> dict[str, Any]:
    return {"filing": filing, "members": [one.to_json() for one in members]}


def make_household_filings_router(parts: HouseholdParts) -> APIRouter:
    """The routes above."""
    router = APIRouter(prefix="/v1/household-filings", tags=["household filings"], responses=PROBLEMS)
    database = parts.households.database

    def verified(one: Signed, at: Instant) -> VerifiedFiling:
        document = octets_of("document", one.document, MAX_DOCUMENT)
        return parts.verifier.verify(document, octets_of("signature", one.signature, MAX_SIGNATURE), at)

    def consenting(body: HouseholdBody, at: Instant) -> dict[PersonId, VerifiedFiling]:
        found = {}
        for person, one in body.consents.items():
            with suppress(FilingRejected, FilingMalformed, Malformed):
                found[PersonId(person)] = verified(one, at)
        return found

    @router.post("", status_code=201, summary="File for a household")
    def file(body: HouseholdBody, key: Key, response: Response) -> dict[str, Any]:
        """201 with each member's outcome: done online, or in person, why and by when. A consent that does not hold
        sends that member to a counter and holds up nobody else."""
        at = parts.clock.now()
        stored = parts.households.answered(octets_of("document", body.document, MAX_DOCUMENT), key)
        if stored is None:
            filing = verified(body, at)
            results = parts.households.accept(filing, body.roster.assertion(), consenting(body, at), key, at)
            stored = filing.filing.filing, results
        response.headers["Location"] = f"/v1/household-filings/{stored[0]}"
        return _answer(*stored)

    @router.get("/{filing}", summary="What became of each member")
    def look(filing: Hex) -> dict[str, Any]:
        """The same as when it was filed."""
        found = database.read(lambda conn: households.results_of(conn, filing))
        if not found:
            raise UnknownFiling(filing)
        return _answer(filing, found)

    @router.post("/applications/{application}", summary="A member's card has made its new key")
    def certify(application: Hex, body: CardBody) -> dict[str, Any]:
        """The certificate is promised; ask for it. Asked again, it changes nothing."""
        at, request = parts.clock.now(), octets_of("request", body.request, MAX_REQUEST)
        card_waiting.certify(database, parts.registrar, parts.households.random, application, request, at)
        return _application(application, at)

    @router.get("/applications/{application}", summary="Where a member's certificate stands")
    def standing(application: Hex) -> dict[str, Any]:
        """With the new certificate, once it is signed; never of somebody under protection, for it holds the address."""
        return _application(application, parts.clock.now())

    def _application(application: str, at: Instant) -> dict[str, Any]:
        def body(conn: Connection) -> dict[str, Any]:
            found: Application = rows.application_of(conn, application)
            noted = certificates.note_signed(conn, found, at) if found.state.has_intents else found
            held = rows.certificates_of_application(conn, application).get(Purpose.SIGNATURE)
            octets = certificates.octets_of(conn, held) if held is not None and held.is_signed else None
            if protection.standing(conn, found.person) is not None:
                octets = None
            certificate = base64.b64encode(octets).decode() if octets else None
            return {"application": application, "certificate": certificate, "state": noted.state.value}

        return database.transaction(body)

    return router
