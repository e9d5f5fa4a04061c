"""Who stands behind a counter: an operator at the desk that they are bound to, and whom they may deal with there."""

from dataclasses import dataclass

from enrollment import catalogue
from enrollment.counters import Affair, Counter
from enrollment.errors import EvidenceTooWeak, NotYours, OutOfScope, WrongState
from enrollment.evidence import InPersonEvidence, Level
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, PersonStatus
from enrollment.store import Connection
from enrollment.store import people as people_rows
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class Counterside:
    """Who files, where: an operator at a desk, both of one municipality."""

    operator: Operator
    counter: Counter

    def require(self, affair: Affair, at: Instant, subject: PersonId) -> None:
        """Errors: NotYours, OutOfScope, NotDesignated, RoleMissing, OperatorNotValid, SelfDealing."""
        if self.operator.owner != self.counter.owner:
            raise NotYours(self.counter.owner)
        if self.operator.counter != self.counter.counter:
            raise OutOfScope(self.counter.counter, affair.value)
        self.counter.require(affair, at)
        self.operator.require(Role.CLERK, at, subject)


def require_level(conn: Connection, evidence: InPersonEvidence, counter: Counter) -> Level:
    """How sure the check makes us, if that is enough for an ANCHOR at this kind of desk, in this municipality.

    Errors: NotPresent if somebody else came; EvidenceTooWeak.
    """
    level = catalogue.require_anchor(conn, evidence)
    if counter.kind.needs_photo and level is not Level.IAL3:
        raise EvidenceTooWeak("one photo document with the face compared; away from the office nothing else will do")
    return level


def counterside(conn: Connection, operator: str) -> Counterside:
    """An operator at the desk that they are bound to. Errors: UnknownOperator, UnknownCounter."""
    found = people_rows.operator_of(conn, operator)
    return Counterside(found, people_rows.counter_of(conn, found.counter))


def require_resident(conn: Connection, person: PersonId, act: str) -> None:
    """Errors: WrongState for a record that has ended."""
    status = people_rows.status_of(conn, person)
    if status is not PersonStatus.RESIDENT:
        raise WrongState("record", status.value, act)
