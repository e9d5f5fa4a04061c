"""What was shown: the check in person as evidence, and what follows from it at once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from enrollment import catalogue, issuing, procedures, visits
from enrollment.acts import What
from enrollment.application import filing_content
from enrollment.approvals import LIFETIME
from enrollment.counterside import require_level
from enrollment.evidence import DocumentSeen, InPersonEvidence, parse_evidence
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import work as card_rows
from pki.card_state import CardState
from pki.instant import Instant, end_of_japanese_day, years_later
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
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
        """The check in person, signed by the officer's card, and what follows from it at once. Errors: those of the
        procedures and of signing."""
        desk, random, operator = self.desk, self.desk.random, officer.operator.operator
        if work.state is not State.EVIDENCE:
            raise WorkRefused(work.state.value)
        seen_at = desk.clock.now()
        desk.database.read(lambda conn: require_desk(conn, officer, work.person, work.kind, seen_at))
        evidence = signing.evidence(desk, officer, evidence_from(officer, work.person, shown, seen_at))

        def check(conn: Connection, at: Instant) -> Work:
            if officer.counter.kind.needs_confirmation:
                require_level(conn, evidence, officer.counter)
                level = catalogue.level(conn, evidence).value
                return works.move(conn, work, Event.NEXT, at, level=level, **kept(evidence))
            checked = visits.check(conn, evidence, operator, at, random)
            return works.move(conn, work, Event.AT_ONCE, at, **seen_body(checked, at))

        def do(deeds: Sequence[Deed], write: Callable[[Connection, Instant], Work]) -> Work:
            def step(conn: Connection, at: Instant) -> Work:
                require_desk(conn, officer, work.person, work.kind, at)
                return with_receipt(desk, conn, write(conn, at))

            return signing.do(desk, officer, deeds, step)

        if work.kind is Kind.CHECK:
            return do((), check)  # the evidence carries the officer's signature itself
        if work.kind is Kind.RESUMPTION:
            card = desk.database.read(lambda conn: suspended_card(conn, work.person))

            def resume(conn: Connection, at: Instant) -> Work:
                procedures.resume(conn, card, evidence, operator, at, random)
                return works.move(conn, work, Event.NEXT, at, card=card, finished_at=at.seconds)

            about = procedures.content_of("resume", card_id=card, evidence=evidence.digest())
            return do((Deed(What.RESUME, work.person, about),), resume)
        kind = work.kind.application
        if kind is None:
            raise WorkRefused(work.kind.value)
        end = desk.database.read(lambda conn: _card_end(conn, work, seen_at))

        def apply(conn: Connection, at: Instant) -> Work:
            filed = issuing.file(conn, kind, evidence, end, operator, at, random)
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

        return do((Deed(What.FILE, work.person, filing_content(kind, evidence.digest(), end)),), apply)


def _card_end(conn: Connection, work: Work, at: Instant) -> Instant:
    """A renewal goes as far as the card does, a new card ten years."""
    if work.kind is Kind.RENEWAL:
        active = [card for card in card_rows.cards_of(conn, work.person) if card.state is CardState.ACTIVE]
        if active:
            return active[-1].not_after
    return end_of_japanese_day(years_later(at.jst_date(), _CARD_YEARS))


def evidence_from(officer: Officer, person: PersonId, shown: Shown, at: Instant) -> InPersonEvidence:
    """The evidence as the officer at this desk gives it now."""
    return InPersonEvidence(
        person=person,
        presented_by=person,
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
    return evidence_in(work.body)


def evidence_in(body: Mapping[str, Any]) -> InPersonEvidence:
    """The same out of what `kept` made."""
    signature = body.get("evidence_signature")
    return parse_evidence(json.dumps(body["evidence"]), bytes.fromhex(signature) if signature else None)


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
