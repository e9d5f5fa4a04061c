"""Who is logged in at a desk: an operator whose appointment stands, and whose card has not left the reader since."""

from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Final

from enrollment.counters import Counter
from enrollment.errors import EnrollmentError, RoleMissing
from enrollment.operators import Operator, Role
from enrollment.store import Connection, Database
from enrollment.store import people as people_rows
from pki.instant import Clock
from web.errors import NoSession
from web.pages.sessions import Session, Sessions
from web.readers.lines import Line, Lines, ReadersNow
from web.readers.pairings import Pairings
from web.store import sessions as rows

CARD: Final = "card"
"""The log-in method whose session ends with the card."""
GRACE: Final = timedelta(seconds=15)
"""How long a line may be cut, or pcscd away, before the session ends: a restart is not a pulled card."""


@dataclass(frozen=True, slots=True)
class Officer:
    """One operator at their desk, in one session."""

    operator: Operator
    counter: Counter
    session: Session

    @property
    def is_clerk(self) -> bool:
        """Whether they may work with residents."""
        return Role.CLERK in self.operator.roles

    @property
    def is_supervisor(self) -> bool:
        """Whether the pages of those who answer for the office are theirs."""
        return Role.SUPERVISOR in self.operator.roles

    @property
    def place(self) -> str:
        """As access records name the recipient."""
        return f"{self.counter.counter}/{self.operator.operator}"


@dataclass(slots=True)
class Door:
    """Lets officers in, and puts them out when their card leaves."""

    database: Database
    sessions: Sessions
    pairings: Pairings
    lines: Lines
    clock: Clock

    def admit(self, session: Session) -> Officer:
        """Errors: NoSession when the card is gone, the reader silent for too long, or the appointment over."""
        if session.row.method == CARD and not self.card_is_there(session):
            self.sessions.log_out(session, "card-gone")
            raise NoSession
        now = self.clock.now()
        try:
            operator, counter = self.database.read(lambda conn: _seated(conn, session.subject))
        except EnrollmentError:
            raise NoSession from None
        replaced = session.row.method == CARD and operator.card_fingerprint != session.row.fingerprint
        if replaced or not operator.validity.contains(now):
            self.sessions.log_out(session, "appointment-over")
            raise NoSession
        return Officer(operator, counter, session)

    def allow(self, officer: Officer, guard: str) -> None:
        """Whether an officer has one of the roles. Errors: RoleMissing."""
        if Role(guard) not in officer.operator.roles:
            raise RoleMissing(officer.operator.operator, guard)

    def heard(self, handle: str, readers: ReadersNow) -> None:
        """News of a session's readers: if its card was taken out, the session is over now, wherever the page is."""
        row = self.database.read(lambda conn: rows.session_by_handle(conn, handle))
        if row is None or row.realm != self.sessions.realm or row.method != CARD:
            return
        if not readers.empty() and not readers.holds(row.fingerprint):
            self.sessions.end(handle, "card-pulled")

    def line_of(self, session: Session, patience: int = 1) -> Line:
        """The line to the session's reader; a new one may take some of `patience` twentieths of a second to open.

        Errors: NotPaired, ReaderSilent.
        """
        channel = self.pairings.of_session(session.handle)
        pause = Event()
        for _ in range(patience - 1):
            if channel is None or self.lines.find(channel.channel) is not None:
                break
            pause.wait(0.05)
        return self.lines.of(channel.channel if channel else None)

    def card_is_there(self, session: Session) -> bool:
        """Whether the session's card lies in its reader, or was there a moment ago; asks no database."""
        channel = self.pairings.of_session(session.handle)
        if channel is None:
            return False
        line = self.lines.find(channel.channel)
        if line is None:
            lost = self.lines.lost_since(channel.channel)
            return lost is not None and self.clock.now() - lost < GRACE
        if line.readers.holds(session.row.fingerprint):
            return True
        # The readers are away for a moment (pcscd was restarted), or have not said anything yet. Longer, and it may be
        # somebody who unplugged the reader to take the card along and leave the session.
        return line.empty_since is not None and self.clock.now() - line.empty_since < GRACE


def _seated(conn: Connection, operator: str) -> tuple[Operator, Counter]:
    known = people_rows.operator_of(conn, operator)
    return known, people_rows.counter_of(conn, known.counter)
