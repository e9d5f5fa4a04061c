"""What was shown: the check in person as evidence, and what follows from it at once."""

import json
from dataclasses import dataclass
from typing import Any, Final

from enrollment import catalogue, issuing, procedures, visits
from enrollment.approvals import LIFETIME
from enrollment.counterside import require_level
from enrollment.evidence import DocumentSeen, InPersonEvidence, parse_evidence
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import work as card_rows
from pki.card_state import CardState
from pki.instant import Instant, end_of_japanese_day, years_later
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.work import Event, Kind, State, Work
from web.errors import WorkRefused

_CARD_YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """What the clerk entered of the check."""

    documents: tuple[DocumentSeen, ...]
    photo_matched: bool


@dataclass(frozen=True, slots=True)
class Checks:
    """The step at which somebody is looked at."""

    desk: Desk

    def record(self, officer: Officer, work: Work, shown: Shown) -> Work:
        """The check in person, and what follows from it at once. Errors: those of the procedures."""
        at = self.desk.clock.now()
        evidence = evidence_from(officer, work, shown, at)
        random = self.desk.random

        def write(conn: Connection) -> Work:
            if work.state is not State.EVIDENCE:
                raise WorkRefused(work.state.value)
            require_desk(conn, officer, work.person, work.kind, at)
            match work.kind:
                case Kind.CHECK if officer.counter.kind.needs_confirmation:
                    require_level(conn, evidence, officer.counter)
                    return works.move(
                        conn,
                        work,
                        Event.NEXT,
                        at,
                        level=catalogue.level(conn, evidence).value,
                        **kept(evidence),
                    )
                case Kind.CHECK:
                    checked = visits.check(conn, evidence, officer.operator.operator, at, random)
                    return works.move(conn, work, Event.AT_ONCE, at, **seen_body(checked, at))
                case Kind.RESUMPTION:
                    card = suspended_card(conn, work.person)
                    procedures.resume(conn, card, evidence, officer.operator.operator, at, random)
                    return works.move(conn, work, Event.NEXT, at, card=card, finished_at=at.seconds)
                case _:
                    return self._apply(conn, officer, work, evidence, at)

        return self.desk.database.transaction(lambda conn: with_receipt(self.desk, conn, write(conn)))

    def _apply(self, conn: Connection, officer: Officer, work: Work, evidence: InPersonEvidence, at: Instant) -> Work:
        kind = work.kind.application
        if kind is None:
            raise WorkRefused(work.kind.value)
        end = end_of_japanese_day(years_later(at.jst_date(), _CARD_YEARS))
        if work.kind is Kind.RENEWAL:
            active = [card for card in card_rows.cards_of(conn, work.person) if card.state is CardState.ACTIVE]
            end = active[-1].not_after if active else end
        filed = issuing.file(conn, kind, evidence, end, officer.operator.operator, at, self.desk.random)
        return works.move(
            conn,
            work,
            Event.NEXT,
            at,
            application=filed.application,
            approval=filed.approval,
            level=catalogue.level(conn, evidence).value,
            until=(at + LIFETIME).seconds,
        )


def evidence_from(officer: Officer, work: Work, shown: Shown, at: Instant) -> InPersonEvidence:
    """The evidence as the officer at this desk gives it now."""
    return InPersonEvidence(
        person=work.person,
        presented_by=work.person,
        counter=officer.counter.counter,
        officer=officer.operator.operator,
        at=at,
        documents=shown.documents,
        photo_matched=shown.photo_matched,
    )


def kept(evidence: InPersonEvidence) -> dict[str, Any]:
    """What a later step of the work needs of the evidence: `evidence_of` reads it back."""
    signature = evidence.signature.hex() if evidence.signature is not None else None
    return {"evidence": evidence.body(), "evidence_signature": signature}


def evidence_of(work: Work) -> InPersonEvidence:
    """The evidence that an earlier step kept."""
    signature = work.body.get("evidence_signature")
    return parse_evidence(json.dumps(work.body["evidence"]), bytes.fromhex(signature) if signature else None)


def seen_body(checked: visits.Checked, at: Instant) -> dict[str, Any]:
    """What the last page and the receipt say of a check that counts."""
    decision = checked.decision
    by = decision.next_in_person_by
    return {
        "recorded": checked.event.event,
        "used": decision.used,
        "limit": decision.limit,
        "by": by.isoformat() if by else None,
        "finished_at": at.seconds,
    }


def suspended_card(conn: Connection, person: PersonId) -> str:
    """The person's card that is on hold. Errors: WorkRefused."""
    found = [card for card in card_rows.cards_of(conn, person) if card.state is CardState.SUSPENDED]
    if not found:
        raise WorkRefused("no card is suspended")
    return found[-1].card_id
