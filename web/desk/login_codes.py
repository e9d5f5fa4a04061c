"""A code for one log-in at home, for somebody without a reader: given after a check in person, shown once."""

from dataclasses import dataclass

from enrollment import visits
from enrollment.acts import What
from enrollment.store import Connection
from pki.instant import Instant
from web.citizen.codes import LoginCodes, shown
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import require_desk
from web.desk.checks import Shown, evidence_from, seen_body
from web.desk.ending import with_receipt
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.work import Event, Kind, State, Work
from web.errors import WorkRefused


@dataclass(frozen=True, slots=True)
class GivenCodes:
    """The steps."""

    desk: Desk

    def record(self, officer: Officer, work: Work, shown_here: Shown) -> Work:
        """The check in person, which counts like any other. Errors: those of `enrollment.visits.check`, of signing."""
        desk, operator = self.desk, officer.operator.operator
        if (work.kind, work.state) != (Kind.LOGIN_CODE, State.EVIDENCE):
            raise WorkRefused(work.state.value)
        evidence = signing.evidence(desk, officer, evidence_from(officer, work.person, shown_here, desk.clock.now()))

        def write(conn: Connection, at: Instant) -> Work:
            require_desk(conn, officer, work.person, work.kind, at)
            checked = visits.check(conn, evidence, operator, at, desk.random)
            return works.move(conn, work, Event.NEXT, at, **seen_body(checked, at))

        return signing.do(desk, officer, Deed(What.RECORD_CHECK, work.person, evidence.digest()), write)

    def give(self, officer: Officer, work: Work) -> tuple[Work, str]:
        """The code, in groups of four; it is nowhere but in this answer. Errors: WorkRefused the second time."""
        desk = self.desk
        if (work.kind, work.state) != (Kind.LOGIN_CODE, State.CARRY_OUT):
            raise WorkRefused(work.state.value)
        codes = self._codes()

        def write(conn: Connection, at: Instant) -> tuple[Work, str]:
            code = codes.give_in(conn, work.person, officer.operator, at)
            ended = works.move(conn, work, Event.NEXT, at, finished_at=at.seconds)
            return with_receipt(desk, conn, ended), shown(code)

        about = signing.content("login-code", work=work.id, person=work.person)
        return signing.do(desk, officer, Deed(What.GIVE_CODE, work.person, about), write)

    def stands(self, work: Work, code: str) -> bool:
        """Whether this code of the work's person may still be printed."""
        return self._codes().stands(work.person, code)

    def _codes(self) -> LoginCodes:
        return LoginCodes(self.desk.database, self.desk.clock, self.desk.random)
