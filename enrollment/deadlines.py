"""A person's deadlines in the database: set, kept, missed, dropped."""

from enrollment.deadline import Deadline, DeadlineKind, DeadlineOutcome
from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import terms as rows
from pki.instant import Instant


def run(conn: Connection, person: PersonId, kind: DeadlineKind, subject: str, due: Instant, at: Instant) -> Deadline:
    """Let it run. The same one again changes nothing."""
    deadline = Deadline(person, kind, subject, at, due)
    rows.add_deadline(conn, deadline)
    return deadline


def end(
    conn: Connection,
    person: PersonId,
    kind: DeadlineKind,
    at: Instant,
    outcome: DeadlineOutcome = DeadlineOutcome.MET,
    subject: str | None = None,
) -> int:
    """End those that run: of this kind, about `subject` or about anything; how many."""
    return rows.end_deadlines(conn, person, kind, subject, outcome, at)


def running(conn: Connection, person: PersonId) -> tuple[Deadline, ...]:
    """What this person has to keep, the next one first."""
    return rows.deadlines_of(conn, person, running=True)


def history(conn: Connection, person: PersonId) -> tuple[Deadline, ...]:
    """Every deadline of a person."""
    return rows.deadlines_of(conn, person, running=False)
