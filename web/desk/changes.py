"""A new address, a new name, a mistake in the record: written down, approved, made, and on the card in one sitting.

    EVIDENCE ── DETAILS ── written down, proposed ── APPROVAL ── CARRY_OUT: the record, the old signature certificate
      ── card in use ──▶ CERTIFICATES: the new one on the same card ──▶ DONE
      └─ none, or too young for one ─────────────────────────────────▶ DONE

The authentication certificate stays. What the office itself changed (a renamed street) ends no certificate and counts
for nothing: that is its own kind of work, and it is done at once.
"""

from dataclasses import dataclass

from enrollment import counter_change, procedures
from enrollment.acts import What
from enrollment.approvals import LIFETIME
from enrollment.counterside import require_level
from enrollment.store import Connection
from enrollment.store import people as people_rows
from pki.attributes import Attributes
from pki.errors import InvalidValue
from pki.instant import Instant
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.checks import Shown, evidence_from, evidence_of, kept
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.work import Event, Kind, State, Work
from web.desk.writing import Typed, typed_from
from web.errors import WorkRefused
from web.store import entries


@dataclass(frozen=True, slots=True)
class Changes:
    """The steps."""

    desk: Desk

    def record(self, officer: Officer, work: Work, shown: Shown) -> Work:
        """Who stands there, signed. Errors: EvidenceTooWeak; those of the desk and of signing."""
        desk = self.desk
        if (work.kind, work.state) != (Kind.CHANGE, State.EVIDENCE):
            raise WorkRefused(work.state.value)
        evidence = signing.evidence(desk, officer, evidence_from(officer, work.person, shown, desk.clock.now()))

        def write(conn: Connection) -> Work:
            at = desk.clock.now()
            require_desk(conn, officer, work.person, work.kind, at)
            level = require_level(conn, evidence, officer.counter)
            return works.move(conn, work, Event.NEXT, at, level=level.value, **kept(evidence))

        return desk.database.transaction(write)

    def write_down(self, officer: Officer, work: Work, typed: Typed) -> Work:
        """What shall be so from now on; a second person is asked for just that. Errors: those of
        `enrollment.counter_change.propose` and of signing; InvalidValue if nothing would change."""
        desk, owner, operator = self.desk, officer.operator.owner, officer.operator.operator
        if (work.kind, work.state) != (Kind.CHANGE, State.DETAILS):
            raise WorkRefused(work.state.value)
        evidence = evidence_of(work)
        new = desk.database.read(lambda conn: attributes_after(conn, work, typed))
        about = counter_change.content_of(evidence, owner, new)

        def write(conn: Connection, at: Instant) -> Work:
            asked = counter_change.propose(conn, evidence, owner, new, operator, at, desk.random)
            entries.write(conn, work.id, typed.entry(), at)
            until = (at + LIFETIME).seconds
            return works.move(conn, work, Event.NEXT, at, approval=asked.approval, until=until)

        return signing.do(desk, officer, Deed(What.PROPOSE, work.person, about), write)

    def carry_out(self, officer: Officer, work: Work) -> Work:
        """Make it so. Errors: those of `enrollment.counter_change.change` and of signing."""
        desk, owner, operator = self.desk, officer.operator.owner, officer.operator.operator
        if (work.kind, work.state) != (Kind.CHANGE, State.CARRY_OUT):
            raise WorkRefused(work.state.value)
        evidence = evidence_of(work)

        def attributes(conn: Connection) -> Attributes:
            return attributes_after(conn, work, typed_from(entries.read(conn, work.id)))

        about = counter_change.content_of(evidence, owner, desk.database.read(attributes))

        def write(conn: Connection, at: Instant) -> Work:
            new, approval = attributes(conn), str(work.body["approval"])
            done = counter_change.change(conn, evidence, owner, new, approval, operator, at, desk.random)
            if done.application is None:
                ended = works.move(conn, work, Event.AT_ONCE, at, recorded=done.event.event, finished_at=at.seconds)
                return with_receipt(desk, conn, ended)
            waiting = done.application
            return works.move(
                conn,
                work,
                Event.NEXT,
                at,
                recorded=done.event.event,
                waiting=waiting.application,
                card=waiting.card_id,
            )

        return signing.do(desk, officer, Deed(What.ATTRIBUTE_CHANGE, work.person, about), write)

    def later(self, officer: Officer, work: Work) -> Work:
        """The card was not brought: what was changed stands, and its certificate waits (`Kind.WAITING_CARD`)."""
        desk = self.desk

        def write(conn: Connection, at: Instant) -> Work:
            ended = works.move(conn, work, Event.LATER, at, later=True, finished_at=at.seconds)
            return with_receipt(desk, conn, ended)

        about = signing.content("card-later", work=work.id)
        return signing.do(desk, officer, Deed(What.CARD_WORK, work.person, about), write)

    def official(self, officer: Officer, work: Work, typed: Typed) -> Work:
        """The office's own new wording of a name or an address. Errors: those of `procedures.official_change`."""
        desk = self.desk
        if (work.kind, work.state) != (Kind.OFFICIAL_CHANGE, State.DETAILS):
            raise WorkRefused(work.state.value)
        if typed.gender or typed.born:
            raise InvalidValue("the office's own change is one of wording: a name or an address")
        new = desk.database.read(lambda conn: attributes_after(conn, work, typed))

        def write(conn: Connection, at: Instant) -> Work:
            require_desk(conn, officer, work.person, work.kind, at)
            event = procedures.official_change(conn, work.person, new, officer.operator, at, desk.random)
            ended = works.move(conn, work, Event.NEXT, at, recorded=event.event, finished_at=at.seconds)
            return with_receipt(desk, conn, ended)

        about = procedures.official_content(work.person, new)
        return signing.do(desk, officer, Deed(What.OFFICIAL_CHANGE, work.person, about), write)


def attributes_after(conn: Connection, work: Work, typed: Typed) -> Attributes:
    """The person's attributes as they would be. Errors: InvalidValue if nothing would change."""
    old = people_rows.person_of(conn, work.person).attributes
    new = typed.applied_to(old)
    if new == old:
        raise InvalidValue("something that changes")
    return new
