"""What two people decide over: proposed with a reason, decided at another seat, then carried out."""

from dataclasses import dataclass

from enrollment import confirmations, deciding, issuing, ledger, loss, procedures, protection, unlocking, visits
from enrollment.acts import What
from enrollment.approvals import LIFETIME, ApprovalEvent
from enrollment.channels import Channel
from enrollment.counterside import counterside
from enrollment.errors import NotYours
from enrollment.events import EventId
from enrollment.registry import View
from enrollment.store import Connection, Within, records
from enrollment.store import work as card_rows
from pki.errors import InvalidValue
from pki.instant import Instant
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.checks import evidence_of, seen_body
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.work import Event, Kind, State, Work
from web.errors import WorkRefused


@dataclass(frozen=True, slots=True)
class Decisions:
    """The steps."""

    desk: Desk

    # -- details instead of a check --------------------------------------------------------------------------------

    def details(self, officer: Officer, work: Work, chosen: str, reason: str) -> Work:
        """A card to stop, an event to take back, or why an address must be seen. Errors: those of the procedures."""
        random, operator = self.desk.random, officer.operator
        if not reason or len(reason) > 200:
            raise InvalidValue("a reason of 1 to 200 characters")
        if work.state is not State.DETAILS:
            raise WorkRefused(work.state.value)

        def write(conn: Connection, at: Instant) -> Work:
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

        return signing.do(
            self.desk,
            officer,
            _detailed(work, chosen, reason),
            lambda conn, at: with_receipt(self.desk, conn, write(conn, at)),
        )

    # -- the second person -----------------------------------------------------------------------------------------

    def decide(self, officer: Officer, work: Work, reason: str, *, yes: bool) -> Work:
        """Another operator's word, with a reason. Errors: SamePerson, RoleMissing, ApprovalExpired, WrongState, …"""
        random, operator = self.desk.random, officer.operator
        if not reason or len(reason) > 200:
            raise InvalidValue("a reason of 1 to 200 characters")
        approval, application = str(work.body.get("approval")), work.body.get("application")

        def write(conn: Connection, at: Instant) -> Work:
            said = {"decided_by": operator.operator, "decided_at": at.seconds, "decision": reason}
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

        return signing.do(self.desk, officer, self._decided(work, reason, yes=yes), write)

    def _decided(self, work: Work, reason: str, *, yes: bool) -> Deed:
        """What the second one signs. Errors: WorkRefused where nothing waits for them."""
        if work.state is State.CONFIRMATION:
            if yes:
                return Deed(What.CONFIRM_CHECK, work.person, confirmations.content_of(work.person, work.row.counter))
            return Deed(What.REFUSE_CHECK, work.person, signing.content("refuse-check", reason=reason, work=work.id))
        approval = str(work.body.get("approval"))
        found = self.desk.database.read(lambda conn: records.find_approval(conn, approval))
        if work.state is not State.APPROVAL or found is None:
            raise WorkRefused(work.state.value)
        event = ApprovalEvent.APPROVE if yes else ApprovalEvent.REJECT
        return Deed(What.APPROVE if yes else What.REJECT, approval, deciding.decision_content(found, event))

    # -- carrying out what was decided -----------------------------------------------------------------------------

    def carry_out(self, officer: Officer, work: Work) -> Work:
        """A confirmed check is recorded, an approved correction made. Errors: those of the procedures."""
        random, operator = self.desk.random, officer.operator
        if work.state is not State.CARRY_OUT or work.kind not in (Kind.CHECK, Kind.CORRECTION):
            raise WorkRefused(work.state.value)

        def write(conn: Connection, at: Instant) -> Work:
            if work.kind is Kind.CHECK:
                evidence = evidence_of(work)
                checked = visits.check(conn, evidence, operator.operator, at, random, work.body["confirmation"])
                return works.move(conn, work, Event.NEXT, at, **seen_body(checked, at))
            event = EventId(work.body["chosen"])
            procedures.correct(conn, work.person, event, work.body["approval"], operator, at, random)
            return works.move(conn, work, Event.NEXT, at, finished_at=at.seconds)

        if work.kind is Kind.CHECK:
            about = signing.content(
                "record-check", confirmation=work.body["confirmation"], evidence=evidence_of(work).digest()
            )
            deed = Deed(What.RECORD_CHECK, work.person, about)
        else:
            deed = Deed(What.CORRECT, work.person, _correction(work, work.body["chosen"]))
        return signing.do(self.desk, officer, deed, lambda conn, at: with_receipt(self.desk, conn, write(conn, at)))

    def see(self, officer: Officer, work: Work) -> View:
        """The one look at a protected address that two people agreed on. Errors: WorkRefused, NeedsApproval."""
        if work.kind is not Kind.UNLOCK or work.state is not State.CARRY_OUT:
            raise WorkRefused(work.state.value)
        unlock = str(work.body["unlock"])

        def write(conn: Connection, at: Instant) -> View:
            view = unlocking.see(Within(conn), work.person, unlock, officer.operator, at, self.desk.random)
            works.move(conn, work, Event.NEXT, at, finished_at=at.seconds)
            return view

        about = signing.content("see-address", unlock=unlock, work=work.id)
        return signing.do(self.desk, officer, Deed(What.SEE_ADDRESS, work.person, about), write)


def _detailed(work: Work, chosen: str, reason: str) -> Deed:
    match work.kind:
        case Kind.LOSS:
            return Deed(What.REPORT_LOSS, work.person, loss.content_of(chosen))
        case Kind.SUSPENSION:
            return Deed(What.SUSPEND, work.person, procedures.content_of("suspend", card_id=chosen))
        case Kind.CORRECTION:
            return Deed(What.PROPOSE, work.person, _correction(work, chosen))
        case _:
            return Deed(What.PROPOSE, work.person, protection.unlock_content(work.person, reason))


def _correction(work: Work, event: str) -> str:
    return procedures.content_of("correction", person=work.person, event=event)
