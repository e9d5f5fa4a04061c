"""Who is logged in: the person themselves, by their card or by a code from a counter."""

from dataclasses import dataclass
from typing import Final

from enrollment import protection
from enrollment.errors import EnrollmentError, RoleMissing
from enrollment.person import PersonId
from enrollment.store import Connection, people, work
from pki.purpose import Purpose
from verifier.errors import TokenRefused
from web.errors import NoSession
from web.pages.sessions import Session, Sessions
from web.store import Database

CARD: Final = "card"
CODE: Final = "code"
"""Log-in methods. With a code somebody looks and locks; what needs a signature needs the card."""


@dataclass(frozen=True, slots=True)
class Resident:
    """The person of this session. `protected`: no place is shown, and the way out is always there."""

    person: PersonId
    owner: str
    session: Session
    protected: bool

    @property
    def has_card(self) -> bool:
        """Whether they came with their card."""
        return self.session.row.method == CARD


@dataclass(frozen=True, slots=True)
class Door:
    """Lets people in to themselves."""

    database: Database
    sessions: Sessions

    def of_card(self, fingerprint: str) -> PersonId:
        """Whose authentication certificate that is, now. Errors: TokenRefused."""

        def body(conn: Connection) -> PersonId | None:
            held = work.certificate_by_fingerprint(conn, fingerprint)
            lives = held is not None and held.ended_at is None and held.purpose is Purpose.AUTHENTICATION
            return held.person if held is not None and lives else None

        person = self.database.read(body)
        if person is None:
            raise TokenRefused("holder", "unknown")
        return person

    def admit(self, session: Session) -> Resident:
        """Errors: NoSession when the certificate that opened it has ended since."""
        person = PersonId(session.subject)

        def body(conn: Connection) -> Resident | None:
            if session.row.method == CARD:
                held = work.certificate_by_fingerprint(conn, session.row.fingerprint)
                if held is None or held.ended_at is not None:
                    return None
            owner = people.owner_of(conn, person)
            return Resident(person, owner, session, protection.standing(conn, person) is not None)

        try:
            resident = self.database.read(body)
        except EnrollmentError:
            resident = None
        if resident is None:
            self.sessions.log_out(session, "certificate-ended")
            raise NoSession
        return resident

    def allow(self, resident: Resident, guard: str) -> None:
        """CARD is the only guard besides being logged in. Errors: RoleMissing."""
        if guard == CARD and not resident.has_card:
            raise RoleMissing(resident.person, CARD)
