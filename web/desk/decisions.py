"""What two people decide over: proposed with a reason, decided at another seat, then carried out."""

from dataclasses import dataclass

from enrollment import confirmations, deciding, issuing, ledger, loss, procedures, unlocking, visits
from enrollment.approvals import LIFETIME
from enrollment.channels import Channel
from enrollment.counterside import counterside
from enrollment.errors import NotYours
from enrollment.events import EventId
from enrollment.registry import View
from enrollment.store import Connection
from enrollment.store import work as card_rows
from pki.errors import InvalidValue
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.checks import evidence_of, seen_body
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.work import Event, Kind, State, Work
from web.errors import WorkRefused


@dataclass(frozen=True, slots=True)
class Decisions:
    """The steps."""

    desk: Desk

    # -- details instead of a check --------------------------------------------------------------------------------

    def details(self, officer: Officer, work: Work, chosen: str, reason: str) -> Work:
        """A card to stop, an event to take back, or why an address must be seen. Errors: those of the procedures."""
        at, random, operator = self.desk.clock.now(), self.desk.random, officer.operator
        if not reason or len(reason) > 200:
            raise InvalidValue("a reason of 1 to 200 characters")

        def write(conn: Connection) -> Work:
            if work.state is not State.DETAILS:
                raise WorkRefused(work.state.value)
            require_desk(conn, officer, work.person, work.kind, at)
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

        return self.desk.database.transaction(lambda conn: with_receipt(self.desk, conn, write(conn)))

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
                evidence = evidence_of(work)
                checked = visits.check(conn, evidence, operator.operator, at, random, work.body["confirmation"])
                return works.move(conn, work, Event.NEXT, at, **seen_body(checked, at))
            if work.kind is Kind.CORRECTION:
                event = EventId(work.body["chosen"])
                procedures.correct(conn, work.person, event, work.body["approval"], operator, at, random)
                return works.move(conn, work, Event.NEXT, at, finished_at=at.seconds)
            raise WorkRefused(work.kind.value)

        return self.desk.database.transaction(lambda conn: with_receipt(self.desk, conn, write(conn)))

    def see(self, officer: Officer, work: Work) -> View:
        """The one look at a protected address that two people agreed on. Errors: WorkRefused, NeedsApproval."""
        if work.kind is not Kind.UNLOCK or work.state is not State.CARRY_OUT:
            raise WorkRefused(work.state.value)
        at = self.desk.clock.now()
        unlock = str(work.body["unlock"])
        view = unlocking.see(self.desk.database, work.person, unlock, officer.operator, at, self.desk.random)
        self.desk.database.transaction(lambda conn: works.move(conn, work, Event.NEXT, at, finished_at=at.seconds))
        return view
