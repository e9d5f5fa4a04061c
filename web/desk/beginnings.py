"""Beginning guided work with somebody, and giving it up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from enrollment import deadlines, issuing
from enrollment.acts import What
from enrollment.application import Application, withdrawal_content
from enrollment.card_waiting import WAITING
from enrollment.counterside import counterside
from enrollment.deadline import Deadline, DeadlineKind
from enrollment.errors import NotYours, OutOfScope
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import work as card_rows
from pki.instant import Instant
from web.desk import signing
from web.desk import work as works
from web.desk.ending import BLANK, move_stock
from web.desk.officer import Officer
from web.desk.parts import Desk, provider
from web.desk.roster import roster
from web.desk.signing import Deed
from web.desk.work import Event, Kind, Work
from web.errors import WorkRefused


@dataclass(frozen=True, slots=True)
class Beginnings:
    """The first step, and the way out of all others."""

    desk: Desk

    def begin(
        self,
        officer: Officer,
        person: PersonId,
        kind: Kind,
        more: Mapping[str, Any] | None = None,
        then: Callable[[Connection, Work], None] = lambda _conn, _work: None,
    ) -> Work:
        """New work with somebody of this municipality, or who moves into it. `more`: what is known beforehand; `then`:
        what belongs into the same transaction. Errors: those of the desk and the operator; NotYours."""
        if officer.counter.kind.needs_confirmation and kind not in AT_A_POST_OFFICE:
            raise OutOfScope(officer.counter.counter, kind.value)
        body: dict[str, Any] = {"municipal": officer.counter.kind.is_municipal, **(more or {})}
        if officer.counter.kind.needs_confirmation:
            body["card"] = self.present_card(officer, person)

        def write(conn: Connection, at: Instant) -> Work:
            require_desk(conn, officer, person, kind, at)
            if kind is Kind.WAITING_CARD:
                waiting = waiting_for_card(conn, person)
                if waiting is None:
                    raise WorkRefused("no certificate waits for a card")
                body.update(waiting=waiting.application, card=waiting.card_id)
            if kind is Kind.CONTINUE_CARD:
                due = card_to_continue(conn, person)
                if due is None:
                    raise WorkRefused("no card has to be presented")
                body.update(card=due.subject, by=due.due_at.jst_date().isoformat())
            if kind is Kind.HOUSEHOLD:
                body["members"] = roster(conn, people_rows.owner_of(conn, person), person)
            work = works.begin(
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
            then(conn, work)
            return work

        about = signing.content("begin-work", kind=kind.value, training=self.desk.training, **body)
        return signing.do(self.desk, officer, Deed(What.BEGIN_WORK, person, about), write)

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
        application = work.body.get("application")

        def write(conn: Connection, at: Instant) -> None:
            if application:
                issuing.withdraw(conn, application, officer.operator.operator, at, reason, self.desk.random)
            works.move(conn, work, Event.GIVE_UP, at, given_up_by=officer.operator.operator, why=reason)
            if work.kind in BLANK and work.body.get("card") and not work.row.training:
                move_stock(self.desk, conn, officer, work, "voided", at)

        if application:
            deed = Deed(What.WITHDRAW, work.person, withdrawal_content(application, reason))
        else:
            deed = Deed(What.GIVE_UP, work.person, signing.content("give-up", work=work.id, reason=reason))
        signing.do(self.desk, officer, deed, write)


AT_A_POST_OFFICE: Final = frozenset({Kind.CHECK, Kind.PIN_RESET})
"""What is guided there; everything else is done at the municipality's own desks."""
MOVING_IN: Final = frozenset({Kind.CHANGE, Kind.HOUSEHOLD})
"""What may be begun with somebody whom another municipality keeps, and whose transfer to us was announced."""


def waiting_for_card(conn: Connection, person: PersonId) -> Application | None:
    """What somebody's card must be brought for: an application whose certificate is made on it."""
    found = [one for one in card_rows.applications_of(conn, person) if one.kind in WAITING and not one.state.is_final]
    return found[-1] if found else None


def card_to_continue(conn: Connection, person: PersonId) -> Deadline | None:
    """The card of somebody who moved in that must be presented with its PIN, and by when; None where nothing but a new
    certificate on it waits, which presents it too."""
    if waiting_for_card(conn, person) is not None:
        return None
    due = deadlines.running(conn, person)
    return next((one for one in due if one.kind is DeadlineKind.CONTINUED_USE), None)


def require_desk(conn: Connection, officer: Officer, person: PersonId, kind: Kind, at: Instant) -> None:
    """Errors: NotYours; those of the desk and the operator."""
    kept_by, own = people_rows.owner_of(conn, person), officer.operator.owner
    if kept_by != (provider(conn, officer, person) if kind in MOVING_IN else own):
        raise NotYours(own)
    counterside(conn, officer.operator.operator).require(kind.affair, at, person)
