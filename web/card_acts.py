"""What officers do about cards, by HTTP: a change in a card's life, and the permission to set a PIN anew.

    POST /v1/cards/{card}/changes                {event, act, signature, evidence?, …}      → {state, may}
    POST /v1/cards/{card}/pin-permissions/draft  {purpose, operator, evidence, …}           → {permission, content}
    POST /v1/cards/{card}/pin-permissions        {…, act, signature, evidence, approval?}   → {permission}

Nobody is logged in here: what counts is the act that the officer's own card signed minutes ago (`enrollment.acts`),
for exactly this, once. Signatures and octets are in hex; acts and evidence are the records that were signed,
each behind its prefix (`pki.officer_signature`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ca.revocation import HoldPolicy
from enrollment import acts, card_procedures, loss, pin_reset, procedures
from enrollment.act import parse_act
from enrollment.acts import SignedAct, What
from enrollment.canonical import canonical
from enrollment.errors import ActNotSigned, EvidenceTooWeak
from enrollment.evidence import InPersonEvidence, parse_evidence
from enrollment.pin_reset import PinResetRule
from enrollment.store import Connection, Database
from enrollment.store import work as rows
from enrollment.store.permissions import PinPermission
from pki.card_state import CardChangeRefused, CardEvent, allowed
from pki.instant import Clock, Instant
from pki.purpose import Purpose

Hex = Annotated[str, Field(max_length=4096, pattern=r"^([0-9A-Fa-f]{2})+$")]
Record = Annotated[dict[str, Any], Field(max_length=32)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Seen(_Body):
    evidence: Record | None = None
    evidence_signature: Hex | None = None

    def seen(self) -> InPersonEvidence:
        """Errors: EvidenceTooWeak without any, or with one that is none."""
        if self.evidence is None:
            raise EvidenceTooWeak("the holder in person")
        signature = bytes.fromhex(self.evidence_signature) if self.evidence_signature else None
        try:
            return parse_evidence(canonical(self.evidence).decode(), signature)
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceTooWeak("a record of the check that can be read") from error


class _Signed(_Seen):
    act: Record
    signature: Hex

    def signed(self) -> SignedAct:
        """Errors: InvalidValue."""
        return SignedAct(parse_act(self.act), bytes.fromhex(self.signature))


class ChangeBody(_Signed):
    """A step of the card's life. `evidence`: to resume, for the holder has come."""

    event: CardEvent


class DraftBody(_Seen):
    """What an officer would permit."""

    purpose: Purpose
    operator: Annotated[str, Field(max_length=100)]


class PermissionBody(_Signed):
    """A drafted permission with the officer's act about it; `approval`: the second officer's, where one is wanted."""

    purpose: Purpose
    number: Annotated[int, Field(ge=1, lt=1 << 32)]
    given_at: Annotated[str, Field(max_length=40)]
    expires_at: Annotated[str, Field(max_length=40)]
    approval: Annotated[str, Field(max_length=64)] | None = None


@dataclass(frozen=True, slots=True)
class CardActs:
    """What the routes do. `holds`: whether a hold may be released."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    holds: HoldPolicy
    rule: PinResetRule

    def change(self, card: str, body: ChangeBody) -> dict[str, Any]:
        """Errors: UnknownCard, CardChangeRefused; those of `enrollment.acts` and of the procedure."""
        at, signed, event = self.clock.now(), body.signed(), body.event
        operator = signed.act.operator

        def change(conn: Connection) -> dict[str, Any]:
            held = rows.card_of(conn, card)
            what, content = self._named(card, body)
            if (signed.act.what, signed.act.subject, signed.act.content) != (what, held.person, content):
                raise ActNotSigned(operator, what.value)
            acts.record(conn, signed, at)
            match event:
                case CardEvent.SUSPEND:
                    procedures.suspend(conn, card, operator, at, self.random)
                case CardEvent.RESUME:
                    procedures.resume(conn, card, body.seen(), operator, at, self.random, holds=self.holds)
                case CardEvent.LOSE:
                    loss.report(conn, card, operator, at, self.random)
                case CardEvent.DAMAGE | CardEvent.RETURN | CardEvent.END:
                    card_procedures.note(conn, card, event, operator, at, self.random)
                case _:
                    raise CardChangeRefused(held.state, event)
            now = rows.card_of(conn, card).state
            return {"card": card, "state": now.value, "may": [one.value for one in allowed(now)]}

        return self.database.transaction(change)

    @staticmethod
    def _named(card: str, body: ChangeBody) -> tuple[What, str]:
        """What the officer must have signed for."""
        match body.event:
            case CardEvent.SUSPEND:
                return What.SUSPEND, procedures.content_of("suspend", card_id=card)
            case CardEvent.RESUME:
                return What.RESUME, procedures.content_of("resume", card_id=card, evidence=body.seen().digest())
            case CardEvent.LOSE:
                return What.REPORT_LOSS, loss.content_of(card)
        return What.CHANGE_CARD, card_procedures.content(card, body.event)

    def draft(self, card: str, body: DraftBody) -> dict[str, Any]:
        """Errors: those of `pin_reset.draft`."""
        at, seen = self.clock.now(), body.seen()
        drafted = self.database.read(
            lambda conn: pin_reset.draft(conn, card, body.purpose, seen, body.operator, at, self.rule)
        )
        return {"permission": _shown(drafted), "content": pin_reset.content(drafted)}

    def permit(self, card: str, body: PermissionBody) -> dict[str, Any]:
        """Errors: those of `pin_reset.permit`."""
        at, seen, signed = self.clock.now(), body.seen(), body.signed()

        def permit(conn: Connection) -> PinPermission:
            held = rows.card_of(conn, card)
            drafted = PinPermission(
                card_id=card,
                number=body.number,
                person=held.person,
                owner=held.owner,
                purpose=body.purpose,
                officer=signed.act.operator,
                counter=signed.act.counter,
                evidence=seen.digest(),
                act="",
                approval=None,
                given_at=Instant.parse(body.given_at),
                expires_at=Instant.parse(body.expires_at),
            )
            return pin_reset.permit(conn, drafted, seen, signed, at, self.random, self.rule, body.approval)

        return {"permission": _shown(self.database.transaction(permit))}


def _shown(permission: PinPermission) -> dict[str, Any]:
    return {
        "number": permission.number,
        "purpose": permission.purpose.value,
        "given_at": permission.given_at.iso(),
        "expires_at": permission.expires_at.iso(),
    }


def card_acts_router(
    database: Database, clock: Clock, random: Callable[[int], bytes], holds: HoldPolicy, rule: PinResetRule
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/cards", tags=["cards"])
    desk = CardActs(database, clock, random, holds, rule)

    @router.post("/{card}/changes")
    def change(card: str, body: ChangeBody) -> dict[str, Any]:
        """A change in the card's life; its certificates follow."""
        return desk.change(card, body)

    @router.post("/{card}/pin-permissions/draft")
    def draft(card: str, body: DraftBody) -> dict[str, Any]:
        """What there would be to sign, before anything is permitted."""
        return desk.draft(card, body)

    @router.post("/{card}/pin-permissions", status_code=201)
    def permit(card: str, body: PermissionBody) -> dict[str, Any]:
        """Permit that one PIN is set anew, once."""
        return desk.permit(card, body)

    return router
