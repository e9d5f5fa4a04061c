"""A household's move at the desk, in one session: who is here is done now, whoever is not is told by when to come.

    DETAILS: where to, since when, who is here, each adult's consent
      ── EVIDENCE: each of them is looked at ── APPROVAL: one decision over all ── CARRY_OUT: all of them or none
      ── CERTIFICATES: one card after the other, in any order ──▶ DONE

Who lives together is what the municipality told and signed. Nobody holds up another, and nobody is passed over in
silence: of each member the page says what becomes of them and why. A protected member is dealt with apart, and of a
member whose documents are too weak the others do not have to wait. What was done for a member is work of its own
(`Kind.CHANGE`), with their own receipt; so what waits for a card that was not brought is found there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from enrollment import counter_change, deadlines, deciding, protection, transfers
from enrollment.acts import What
from enrollment.approvals import LIFETIME, ApprovalEvent
from enrollment.counterside import require_level
from enrollment.deadline import DeadlineKind, in_person_by
from enrollment.errors import EvidenceTooWeak, NeedsApproval, NotYours, UnknownPerson
from enrollment.households import ADULT
from enrollment.person import PersonId, PersonStatus, age_at
from enrollment.registry import Field
from enrollment.store import Connection, records
from enrollment.store import people as people_rows
from pki.errors import InvalidValue
from pki.instant import Instant, end_of_japanese_day
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.checks import Shown, evidence_from, evidence_in, kept
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.roster import Members
from web.desk.signing import Deed
from web.desk.work import Event, Kind, State, Work
from web.errors import WorkRefused
from web.store import desk as rows
from web.store import entries
from web.store.desk import WorkRow

APART: Final = "look-at-counter"
"""Why a protected member is not in it; the words say no more than that they come by themselves."""


_IN_A_ROSTER: Final = frozenset({Field.NAME, Field.DATE_OF_BIRTH})
STAYS: Final = "not-moving"
"""Of whoever stays behind nothing is asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the clerk entered, members by their number on the page. `here`: who is here; `consents`: of those, who
    agreed; `staying`: who does not move at all."""

    address: str
    moved_on: date
    here: frozenset[int]
    consents: frozenset[int]
    staying: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class HouseholdWork:
    """The steps."""

    desk: Desk

    def write_down(self, officer: Officer, work: Work, asked: Asked) -> Work:
        """Where to, and who is here. Errors: InvalidValue; those of the desk and of signing."""
        desk = self.desk
        _require(work, State.DETAILS)
        by = in_person_by(asked.moved_on)

        def write(conn: Connection, at: Instant) -> Work:
            require_desk(conn, officer, work.person, work.kind, at)
            members: Members = []
            for number, member in enumerate(members_of(work)):
                stays = STAYS if number in asked.staying else None
                reason = stays or obstacle(conn, member, officer.operator.owner)
                if reason is None and number not in asked.here:
                    reason = "not-here"
                if reason is None and _is_adult(conn, member, at) and number not in asked.consents:
                    reason = "consent-missing"
                members.append({**member, "reason": reason, "by": by.isoformat() if reason and not stays else None})
            if all(member["reason"] for member in members):
                raise InvalidValue("somebody who is here and can be dealt with")
            entries.write(conn, work.id, {"address": asked.address, "moved_on": asked.moved_on.isoformat()}, at)
            return works.move(conn, work, Event.NEXT, at, members=members)

        people = ",".join(sorted(member["person"] for member in members_of(work)))
        about = signing.content("household", work=work.id, moved_on=asked.moved_on.isoformat(), members=people)
        return signing.do(desk, officer, Deed(What.BEGIN_WORK, work.person, about), write)

    def record(self, officer: Officer, work: Work, shown: Mapping[int, Shown]) -> Work:
        """Each one who is here was looked at; a second person is asked for all of them at once.

        Errors: EvidenceTooWeak if nobody's documents are enough; those of `counter_change.propose` and of signing.
        """
        desk, owner, operator = self.desk, officer.operator.owner, officer.operator.operator
        _require(work, State.EVIDENCE)
        at = desk.clock.now()
        entry = desk.database.read(lambda conn: entries.read(conn, work.id))
        members, deeds = members_of(work), []
        for number, member in enumerate(members):
            if member["reason"]:
                continue
            person = PersonId(member["person"])
            if number not in shown:
                raise InvalidValue("the documents of everybody who is here")
            evidence = signing.evidence(desk, officer, evidence_from(officer, person, shown[number], at))
            try:
                desk.database.read(lambda conn, one=evidence: require_level(conn, one, officer.counter))  # type: ignore[misc]
            except EvidenceTooWeak:
                by = in_person_by(date.fromisoformat(entry["moved_on"])).isoformat()
                members[number] = {**member, "reason": "evidence-too-weak", "by": by}
                continue
            members[number] = {**member, **kept(evidence)}
            new = desk.database.read(lambda conn, one=person: _moved(conn, one, entry))  # type: ignore[misc]
            deeds.append(Deed(What.PROPOSE, person, counter_change.content_of(evidence, owner, new)))
        if not deeds:
            raise EvidenceTooWeak("one photo document with the face compared, or two documents in force, for somebody")

        def write(conn: Connection, now: Instant) -> Work:
            asked: Members = []
            for member in members:
                if member["reason"]:
                    asked.append(member)
                    continue
                person, evidence = PersonId(member["person"]), evidence_in(member)
                new = _moved(conn, person, entry)
                made = counter_change.propose(conn, evidence, owner, new, operator, now, desk.random)
                asked.append({**member, "approval": made.approval})
            until = (now + LIFETIME).seconds
            return works.move(conn, work, Event.NEXT, now, members=asked, until=until)

        return signing.do(desk, officer, deeds, write)

    def decide(self, officer: Officer, work: Work, reason: str, *, yes: bool) -> Work:
        """Another operator's one word over all of them. Errors: those of `enrollment.deciding` and of signing."""
        desk = self.desk
        _require(work, State.APPROVAL)
        if not reason or len(reason) > 200:
            raise InvalidValue("a reason of 1 to 200 characters")
        approvals = [str(member["approval"]) for member in members_of(work) if not member["reason"]]
        event, what = (ApprovalEvent.APPROVE, What.APPROVE) if yes else (ApprovalEvent.REJECT, What.REJECT)

        def deed(conn: Connection, approval: str) -> Deed:
            found = records.find_approval(conn, approval)
            if found is None:
                raise NeedsApproval(Kind.HOUSEHOLD.affair.value)
            return Deed(what, approval, deciding.decision_content(found, event))

        deeds = desk.database.read(lambda conn: [deed(conn, one) for one in approvals])

        def write(conn: Connection, at: Instant) -> Work:
            for one in approvals:
                if yes:
                    deciding.approve(conn, one, officer.operator, at, reason)
                else:
                    deciding.reject(conn, one, officer.operator, at, reason)
            said = {"decided_by": officer.operator.operator, "decided_at": at.seconds, "decision": reason}
            return works.move(conn, work, Event.NEXT if yes else Event.REFUSE, at, **said)

        return signing.do(desk, officer, deeds, write)

    def carry_out(self, officer: Officer, work: Work) -> Work:
        """All who are here, in one transaction, and for the others the day by which they come.

        Errors: those of `enrollment.counter_change.change` and of signing; then nothing has changed.
        """
        desk, owner = self.desk, officer.operator.owner
        _require(work, State.CARRY_OUT)
        entry = desk.database.read(lambda conn: entries.read(conn, work.id))
        deeds = []
        for member in members_of(work):
            if not member["reason"]:
                person, evidence = PersonId(member["person"]), evidence_in(member)
                new = desk.database.read(lambda conn, one=person: _moved(conn, one, entry))  # type: ignore[misc]
                deeds.append(Deed(What.ATTRIBUTE_CHANGE, person, counter_change.content_of(evidence, owner, new)))

        def write(conn: Connection, at: Instant) -> Work:
            members = members_of(work)
            for person in sorted(PersonId(member["person"]) for member in members):
                people_rows.hold_person(conn, person)
            done = [self._member(conn, officer, work, member, entry, at) for member in members]
            event = Event.NEXT if any(member.get("waits") for member in done) else Event.AT_ONCE
            ended = {"finished_at": at.seconds} if event is Event.AT_ONCE else {}
            return with_receipt(desk, conn, works.move(conn, work, event, at, members=done, **ended))

        return signing.do(desk, officer, deeds, write)

    def _member(
        self,
        conn: Connection,
        officer: Officer,
        work: Work,
        member: dict[str, Any],
        entry: Mapping[str, Any],
        at: Instant,
    ) -> dict[str, Any]:
        desk, person = self.desk, PersonId(member["person"])
        if member["reason"]:
            if member["by"] and people_rows.owner_of(conn, person) == officer.operator.owner:
                due = end_of_japanese_day(date.fromisoformat(member["by"]))
                deadlines.run(conn, person, DeadlineKind.IN_PERSON, work.id, due, at)
            return member
        evidence, owner, operator = evidence_in(member), officer.operator.owner, officer.operator.operator
        new, approval = _moved(conn, person, entry), str(member["approval"])
        done = counter_change.change(conn, evidence, owner, new, approval, operator, at, desk.random)
        waiting = done.application
        body: dict[str, Any] = {"household": work.id, "recorded": done.event.event, "municipal": True}
        state = State.DONE
        if waiting is not None:
            body.update(waiting=waiting.application, card=waiting.card_id)
            state = State.CERTIFICATES
        else:
            body["finished_at"] = at.seconds
        name, counter = desk.random(16).hex(), officer.counter.counter
        row = WorkRow(
            name, owner, counter, Kind.CHANGE.value, state.value, 1, person, operator, at, at, body, work.row.training
        )
        own = works.Work(row)
        rows.add_work(conn, row)
        with_receipt(desk, conn, own)
        told = {name: value for name, value in member.items() if not name.startswith("evidence")}
        return {**told, "work": own.id, "waits": waiting is not None}

    def roster(self, officer: Officer, work: Work) -> list[dict[str, Any]]:
        """The members with what may be seen of them: each look is in that member's record. Nobody, for other work."""
        if work.kind is not Kind.HOUSEHOLD:
            return []
        return [
            {**member, "number": number, **self._shown(officer, member), "waits_for": self._awaited(work, member)}
            for number, member in enumerate(members_of(work))
        ]

    def _shown(self, officer: Officer, member: Mapping[str, Any]) -> dict[str, Any]:
        try:
            view = self.desk.look(officer, PersonId(member["person"]), "work:household", _IN_A_ROSTER)
        except (NotYours, UnknownPerson):  # nobody whom we may look at: said so, and not named
            return {"name": None, "born": None, "flag": None}
        return {"name": view.shown[Field.NAME], "born": view.shown[Field.DATE_OF_BIRTH], "flag": view.flag}

    def _awaited(self, work: Work, member: Mapping[str, Any]) -> str | None:
        """The card that a member's certificate waits for."""
        if not member.get("work"):
            return None
        own = self.desk.database.read(lambda conn: works.load(conn, str(member["work"]), work.row.owner))
        return None if own.state.is_final else own.body.get("card")

    def own_work(self, work: Work, card_id: str) -> Work | None:
        """The open work of the member whose card that is."""
        found = self.desk.database.read(lambda conn: self._open(conn, work))
        return next((one for one in found if one.body.get("card") == card_id), None)

    def end_if_done(self, work: Work, at: Instant) -> None:
        """After a card: the household's work ends with the last of its members', and says how far it is till then."""

        def write(conn: Connection) -> None:
            now = works.load(conn, work.id, work.row.owner)
            if now.state is not State.CERTIFICATES:
                return
            left = len(self._open(conn, now))
            if left:
                works.note(conn, now, at, left=left)
            else:
                with_receipt(self.desk, conn, works.move(conn, now, Event.NEXT, at, left=0, finished_at=at.seconds))

        self.desk.database.transaction(write)

    def later(self, officer: Officer, work: Work) -> Work:
        """The other cards come another day: what waits for them is found with each member."""
        desk = self.desk
        _require(work, State.CERTIFICATES)

        def write(conn: Connection, at: Instant) -> Work:
            for own in self._open(conn, work):
                ended = works.move(conn, own, Event.LATER, at, later=True, finished_at=at.seconds)
                with_receipt(desk, conn, ended)
            return with_receipt(desk, conn, works.move(conn, work, Event.LATER, at, later=True, finished_at=at.seconds))

        about = signing.content("card-later", work=work.id)
        return signing.do(desk, officer, Deed(What.CARD_WORK, work.person, about), write)

    @staticmethod
    def _open(conn: Connection, work: Work) -> list[Work]:
        found = [works.load(conn, str(one["work"]), work.row.owner) for one in members_of(work) if one.get("work")]
        return [one for one in found if not one.state.is_final]


def members_of(work: Work) -> Members:
    """The members as the last step left them."""
    return [dict(member) for member in work.body["members"]]


def obstacle(conn: Connection, member: Mapping[str, Any], owner: str) -> str | None:
    """Why this member cannot be dealt with in this session, here or not; None if they can."""
    try:
        person = people_rows.person_of(conn, PersonId(member["person"]))
    except UnknownPerson:
        return "not-in-household"
    if person.status is not PersonStatus.RESIDENT:
        return "not-in-household"
    if protection.standing(conn, person.person) is not None:
        return APART
    if person.owner != owner and transfers.announced(conn, person.person, owner) is None:
        return "not-announced"
    return None


def _is_adult(conn: Connection, member: Mapping[str, Any], at: Instant) -> bool:
    born = people_rows.person_of(conn, PersonId(member["person"])).attributes.date_of_birth
    return age_at(born, at.jst_date()) >= ADULT


def _moved(conn: Connection, person: PersonId, entry: Mapping[str, Any]) -> Any:
    return people_rows.person_of(conn, person).attributes.moved_to(str(entry["address"]))


def _require(work: Work, state: State) -> None:
    if (work.kind, work.state) != (Kind.HOUSEHOLD, state):
        raise WorkRefused(work.state.value)
