"""What each step of guided work does: the enrollment's own procedure and the work's next state in one transaction."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from threading import Event as Pause
from typing import Any, Final

from enrollment import catalogue, confirmations, deciding, issuing, ledger, loss, procedures, unlocking, visits
from enrollment.application import ApplicationState
from enrollment.approvals import LIFETIME
from enrollment.channels import Channel
from enrollment.counterside import counterside, require_level
from enrollment.errors import NotSignedYet, NotYours
from enrollment.events import EventId
from enrollment.evidence import DocumentSeen, InPersonEvidence
from enrollment.person import PersonId
from enrollment.registry import View
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as card_rows
from pki.card_state import CardState
from pki.errors import InvalidValue
from pki.instant import Instant, end_of_japanese_day, years_later
from pki.purpose import Purpose
from web.desk import work as works
from web.desk.cards import EnoughForNow, KeysOnly, ReaderCards
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.work import Event, Kind, State, Work
from web.errors import ReaderRefused, WorkRefused
from web.readers.lines import Line
from web.store import desk as rows

PIN_SECONDS: Final = 200.0
_CARD_YEARS: Final = 10
_SIGNING_PATIENCE: Final = 300
"""Tenths of a second to wait for the signing process."""
BLANK: Final = frozenset({Kind.FIRST_ISSUE, Kind.REISSUE})
"""What uses up a blank card."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the clerk entered of the check."""

    documents: tuple[DocumentSeen, ...]
    photo_matched: bool


@dataclass(frozen=True, slots=True)
class Guided:
    """The steps."""

    desk: Desk

    # -- beginning and giving up -----------------------------------------------------------------------------------

    def begin(self, officer: Officer, person: PersonId, kind: Kind) -> Work:
        """New work with somebody of this municipality. Errors: those of the desk and the operator; NotYours."""
        at = self.desk.clock.now()
        body: dict[str, Any] = {"municipal": officer.counter.kind.is_municipal}
        if officer.counter.kind.needs_confirmation:
            body["card"] = self.present_card(officer, person)

        def write(conn: Connection) -> Work:
            self._require(conn, officer, person, kind, at)
            return works.begin(
                conn,
                kind,
                person,
                officer.operator.owner,
                officer.counter.counter,
                officer.operator.operator,
                at,
                self.desk.random,
                body,
                training=self.desk.training,
            )

        return self.desk.database.transaction(write)

    def _require(self, conn: Connection, officer: Officer, person: PersonId, kind: Kind, at: Instant) -> None:
        if people_rows.owner_of(conn, person) != officer.operator.owner:
            raise NotYours(officer.operator.owner)
        counterside(conn, officer.operator.operator).require(kind.affair, at, person)

    def present_card(self, officer: Officer, person: PersonId) -> str:
        """The person's own card, which lies in the reader now: at a post office only who is present is dealt with.

        Errors: ReaderRefused, NotPaired, ReaderSilent; NotYours for somebody else's card.
        """
        line, reader = self.desk.residents_reader(officer)
        card_id = next((one.card for one in line.readers.readers if one.reader == reader), "")
        card = self.desk.database.read(lambda conn: card_rows.find_card(conn, card_id))
        if card is None or card.person != person:
            raise NotYours(officer.operator.owner)
        return card_id

    def give_up(self, officer: Officer, work: Work, reason: str) -> None:
        """Stop; what was promised is revoked. Errors: WorkRefused, WrongState."""
        at = self.desk.clock.now()

        def write(conn: Connection) -> None:
            application = work.body.get("application")
            if application:
                issuing.withdraw(conn, application, officer.operator.operator, at, reason, self.desk.random)
            works.move(conn, work, Event.GIVE_UP, at, given_up_by=officer.operator.operator, why=reason)
            if work.kind in BLANK and work.body.get("card") and not work.row.training:
                self._stock(conn, officer, work, "voided", at)

        self.desk.database.transaction(write)

    # -- what was shown --------------------------------------------------------------------------------------------

    def record(self, officer: Officer, work: Work, shown: Shown) -> Work:
        """The check in person, and what follows from it at once. Errors: those of the procedures."""
        at = self.desk.clock.now()
        evidence = self._evidence(officer, work, shown, at)
        random = self.desk.random

        def write(conn: Connection) -> Work:
            if work.state is not State.EVIDENCE:
                raise WorkRefused(work.state.value)
            self._require(conn, officer, work.person, work.kind, at)
            match work.kind:
                case Kind.CHECK if officer.counter.kind.needs_confirmation:
                    require_level(conn, evidence, officer.counter)
                    return works.move(
                        conn,
                        work,
                        Event.NEXT,
                        at,
                        evidence=evidence.body(),
                        level=catalogue.level(conn, evidence).value,
                    )
                case Kind.CHECK:
                    checked = visits.check(conn, evidence, officer.operator.operator, at, random)
                    return works.move(conn, work, Event.AT_ONCE, at, **self._seen(checked, at))
                case Kind.RESUMPTION:
                    card = self.suspended_card(conn, work.person)
                    procedures.resume(conn, card, evidence, officer.operator.operator, at, random)
                    return works.move(conn, work, Event.NEXT, at, card=card, finished_at=at.seconds)
                case _:
                    return self._apply(conn, officer, work, evidence, at)

        return self._done(self.desk.database.transaction(write))

    def _evidence(self, officer: Officer, work: Work, shown: Shown, at: Instant) -> InPersonEvidence:
        return InPersonEvidence(
            person=work.person,
            presented_by=work.person,
            counter=officer.counter.counter,
            officer=officer.operator.operator,
            at=at,
            documents=shown.documents,
            photo_matched=shown.photo_matched,
        )

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

    @staticmethod
    def _seen(checked: visits.Checked, at: Instant) -> dict[str, Any]:
        decision = checked.decision
        by = decision.next_in_person_by
        return {
            "recorded": checked.event.event,
            "used": decision.used,
            "limit": decision.limit,
            "by": by.isoformat() if by else None,
            "finished_at": at.seconds,
        }

    @staticmethod
    def suspended_card(conn: Connection, person: PersonId) -> str:
        """The person's card that is on hold. Errors: WorkRefused."""
        found = [card for card in card_rows.cards_of(conn, person) if card.state is CardState.SUSPENDED]
        if not found:
            raise WorkRefused("no card is suspended")
        return found[-1].card_id

    # -- details instead of a check --------------------------------------------------------------------------------

    def details(self, officer: Officer, work: Work, chosen: str, reason: str) -> Work:
        """A card to stop, an event to take back, or why an address must be seen. Errors: those of the procedures."""
        at, random, operator = self.desk.clock.now(), self.desk.random, officer.operator
        if not reason or len(reason) > 200:
            raise InvalidValue("a reason of 1 to 200 characters")

        def write(conn: Connection) -> Work:
            if work.state is not State.DETAILS:
                raise WorkRefused(work.state.value)
            self._require(conn, officer, work.person, work.kind, at)
            match work.kind:
                case Kind.LOSS | Kind.SUSPENSION:
                    if card_rows.card_of(conn, chosen).person != work.person:
                        raise NotYours(operator.owner)
                    if work.kind is Kind.LOSS:
                        ended = len(loss.report(conn, chosen, operator.operator, at, random).ended)
                    else:
                        procedures.suspend(conn, chosen, operator.operator, at, random, Channel.IN_PERSON)
                        ended = 0
                    return works.move(conn, work, Event.NEXT, at, card=chosen, ended=ended, finished_at=at.seconds)
                case Kind.CORRECTION:
                    if chosen not in {event.event for event in ledger.history(conn, work.person)}:
                        raise WorkRefused("another person's event")
                    asked = procedures.propose_correction(
                        conn, work.person, EventId(chosen), operator, at, random, reason
                    )
                    more: dict[str, object] = {"chosen": chosen}
                case _:
                    asked = unlocking.propose(conn, work.person, operator, reason, at, random)
                    more = {}
            until = (at + LIFETIME).seconds
            return works.move(conn, work, Event.NEXT, at, approval=asked.approval, until=until, why=reason, **more)

        return self._done(self.desk.database.transaction(write))

    # -- the second person -----------------------------------------------------------------------------------------

    def decide(self, officer: Officer, work: Work, reason: str, *, yes: bool) -> Work:
        """Another operator's word, with a reason. Errors: SamePerson, RoleMissing, ApprovalExpired, WrongState, …"""
        at, random, operator = self.desk.clock.now(), self.desk.random, officer.operator
        if not reason or len(reason) > 200:
            raise InvalidValue("a reason of 1 to 200 characters")
        said = {"decided_by": operator.operator, "decided_at": at.seconds, "decision": reason}

        def write(conn: Connection) -> Work:
            approval = str(work.body.get("approval"))
            application = work.body.get("application")
            if work.state is State.CONFIRMATION:
                if not yes:
                    counterside(conn, operator.operator).require(Kind.CHECK.affair, at, work.person)
                    return works.move(conn, work, Event.REFUSE, at, **said)
                confirmed = confirmations.confirm(conn, operator, work.person, work.row.counter, at, random)
                return works.move(conn, work, Event.NEXT, at, confirmation=confirmed.confirmation, **said)
            if work.state is not State.APPROVAL:
                raise WorkRefused(work.state.value)
            if not yes:
                if application:
                    issuing.refuse(conn, application, operator.operator, at, reason)
                else:
                    deciding.reject(conn, approval, operator, at, reason)
                return works.move(conn, work, Event.REFUSE, at, **said)
            if application:
                issuing.approve(conn, application, operator.operator, at)
            elif work.kind is Kind.UNLOCK:
                unlock = unlocking.approve(conn, work.person, approval, operator, at, random)
                return works.move(conn, work, Event.NEXT, at, unlock=unlock.unlock, **said)
            else:
                deciding.approve(conn, approval, operator, at, reason)
            return works.move(conn, work, Event.NEXT, at, **said)

        return self.desk.database.transaction(write)

    # -- carrying out what was decided -----------------------------------------------------------------------------

    def carry_out(self, officer: Officer, work: Work) -> Work:
        """A confirmed check is recorded, an approved correction made. Errors: those of the procedures."""
        at, random, operator = self.desk.clock.now(), self.desk.random, officer.operator

        def write(conn: Connection) -> Work:
            if work.state is not State.CARRY_OUT:
                raise WorkRefused(work.state.value)
            if work.kind is Kind.CHECK:
                evidence = _evidence_of(work)
                checked = visits.check(conn, evidence, operator.operator, at, random, work.body["confirmation"])
                return works.move(conn, work, Event.NEXT, at, **self._seen(checked, at))
            if work.kind is Kind.CORRECTION:
                event = EventId(work.body["chosen"])
                procedures.correct(conn, work.person, event, work.body["approval"], operator, at, random)
                return works.move(conn, work, Event.NEXT, at, finished_at=at.seconds)
            raise WorkRefused(work.kind.value)

        return self._done(self.desk.database.transaction(write))

    def see(self, officer: Officer, work: Work) -> View:
        """The one look at a protected address that two people agreed on. Errors: WorkRefused, NeedsApproval."""
        if work.kind is not Kind.UNLOCK or work.state is not State.CARRY_OUT:
            raise WorkRefused(work.state.value)
        at = self.desk.clock.now()
        unlock = str(work.body["unlock"])
        view = unlocking.see(self.desk.database, work.person, unlock, officer.operator, at, self.desk.random)
        self.desk.database.transaction(lambda conn: works.move(conn, work, Event.NEXT, at, finished_at=at.seconds))
        return view

    # -- with the card in the agent's reader -----------------------------------------------------------------------

    def with_card(self, officer: Officer, work: Work) -> None:
        """Begin the step that the work waits for, beside the page. Errors: ReaderRefused, NotPaired, ReaderSilent."""
        steps: dict[State, tuple[str, Callable[[Officer, Work, Line, str, ReaderCards], None]]] = {
            State.KEYS: ("keys", self._keys),
            State.PINS: ("pins", self._pins),
            State.CERTIFICATES: ("certificates", self._certificates),
        }
        if work.state not in steps:
            raise WorkRefused(work.state.value)
        if self.desk.cards is None:
            raise ReaderRefused("no-card-keys")
        what, step = steps[work.state]
        line, reader = self.desk.residents_reader(officer)
        cards = self.desk.cards
        self.desk.errands.start(work.id, what, lambda: step(officer, work, line, reader, cards))

    def _keys(self, officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """Keys are made on the card, and the certificates promised."""
        slot = KeysOnly(cards.slot(line, reader))
        card_id = slot.card_id()
        with suppress(NotSignedYet, EnoughForNow):
            self.desk.issuing.continue_(work.body["application"], slot, self.desk.clock.now())

        def write(conn: Connection) -> Work:
            at = self.desk.clock.now()
            moved = works.move(conn, work, Event.NEXT, at, card=card_id)
            if work.kind in BLANK and not work.row.training:
                self._stock(conn, officer, work, "used", at)
            return moved

        self.desk.database.transaction(write)

    def _pins(self, _officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """The resident chooses both PINs on the agent's page; the card's management lets the agent write them."""
        purposes = self.desk.database.read(lambda conn: tuple(card_rows.requests_of(conn, work.body["application"])))
        ordered = tuple(sorted(purposes, key=lambda one: one is Purpose.SIGNATURE))
        line.call("ask-pins", {"purposes": [one.value for one in ordered]}, PIN_SECONDS)
        cards.set_pins(line, reader, work.body["card"], ordered, 0)
        at = self.desk.clock.now()
        self._done(
            self.desk.database.transaction(lambda conn: works.move(conn, work, Event.NEXT, at, finished_at=at.seconds))
        )

    def _certificates(self, _officer: Officer, work: Work, line: Line, reader: str, cards: ReaderCards) -> None:
        """Written to the card, read back, compared, handed over."""
        slot = cards.slot(line, reader)
        pause = Pause()
        for _ in range(_SIGNING_PATIENCE):
            try:
                done = self.desk.issuing.continue_(work.body["application"], slot, self.desk.clock.now())
                break
            except NotSignedYet:
                pause.wait(0.1)
        else:
            raise NotSignedYet(work.body["application"])
        assert done.state is ApplicationState.DELIVERED
        at = self.desk.clock.now()
        self._done(
            self.desk.database.transaction(lambda conn: works.move(conn, work, Event.NEXT, at, finished_at=at.seconds))
        )

    # -- the end ---------------------------------------------------------------------------------------------------

    def _done(self, work: Work) -> Work:
        """A receipt for what is done."""
        if work.state is State.DONE and work.kind is not Kind.UNLOCK:
            at = self.desk.clock.now()
            number = self.desk.random(10).hex().upper()
            self.desk.database.transaction(lambda conn: rows.add_receipt(conn, number, work.row, at))
        return work

    def _stock(self, conn: Connection, officer: Officer, work: Work, movement: str, at: Instant) -> None:
        cards = -1 if movement == "used" else 0
        rows.move_stock(
            conn,
            self.desk.random(12).hex(),
            work.row.counter,
            movement,
            cards,
            officer.operator.operator,
            at,
            work.id,
        )


def _evidence_of(work: Work) -> InPersonEvidence:
    body = work.body["evidence"]
    return InPersonEvidence(
        person=PersonId(body["person"]),
        presented_by=PersonId(body["presented_by"]),
        counter=body["counter"],
        officer=body["officer"],
        at=Instant.parse(body["at"]),
        documents=tuple(
            DocumentSeen(one["kind"], date.fromisoformat(one["expires_on"]) if one["expires_on"] else None)
            for one in body["documents"]
        ),
        photo_matched=body["photo_matched"],
    )
