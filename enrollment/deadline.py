"""What must happen by when: legal days in Japan, kept beside the person they bind, and what became of each.

    told online     transfer out: from 30 days before the move to 10 days after it
                    transfer in, move within: within 14 days after the move (住民基本台帳法 22–24 条), and a transfer in
                    within 30 days after the day planned for moving out
    afterwards      the card is presented within 90 days of a transfer in, or it lapses
    before          a renewal is possible from three months before the end (`ca.validity`)

The last day of a legal period that falls on a day without offices is the next one with offices.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from enrollment import workdays
from enrollment.channels import Procedure
from enrollment.errors import FilingTooEarly, FilingTooLate
from enrollment.person import PersonId
from pki.instant import Instant, end_of_japanese_day

OUT_BEFORE: Final = timedelta(days=30)
OUT_AFTER: Final = timedelta(days=10)
MOVE_TOLD_WITHIN: Final = timedelta(days=14)
IN_AFTER_PLAN: Final = timedelta(days=30)
CARD_CONTINUED_WITHIN: Final = timedelta(days=90)


class DeadlineKind(StrEnum):
    """What runs out."""

    TRANSFER_IN = "transfer-in"
    """A transfer out was told: the transfer in must follow."""
    CONTINUED_USE = "continued-use"
    """A transfer in was told without the card: it must be presented, or it lapses."""
    CODE_LETTER = "code-letter"
    """A letter lies in somebody's box."""
    IN_PERSON = "in-person"
    """A member of a household is to come to a counter."""


class DeadlineOutcome(StrEnum):
    """What became of one; RUNNING is stored as no word at all."""

    RUNNING = ""
    MET = "met"
    MISSED = "missed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Deadline:
    """`subject`: the filing, letter, card or transfer that it is about. `due_at`: its last second."""

    person: PersonId
    kind: DeadlineKind
    subject: str
    set_at: Instant
    due_at: Instant
    outcome: DeadlineOutcome = DeadlineOutcome.RUNNING
    ended_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The days in Japan on which something may be told online, both included."""

    opens: date
    until: date

    def require(self, at: Instant) -> None:
        """Errors: FilingTooEarly, FilingTooLate."""
        day = at.jst_date()
        if day < self.opens:
            raise FilingTooEarly(self.opens)
        if day > self.until:
            raise FilingTooLate(self.until)


def online_window(procedure: Procedure, moved_on: date, planned_on: date | None = None) -> Window:
    """When a move may be told online. `planned_on`: the day planned in an earlier transfer out; a transfer in without
    one tells both at once, and so keeps to the shorter time of a transfer out.

    Errors: ValueError for what is no move.
    """
    told = workdays.on_or_after(moved_on + MOVE_TOLD_WITHIN)
    match procedure:
        case Procedure.MOVE_OUT:
            return Window(moved_on - OUT_BEFORE, moved_on + OUT_AFTER)
        case Procedure.MOVE_WITHIN:
            return Window(moved_on, told)
        case Procedure.MOVE_IN if planned_on is None:
            return Window(moved_on, moved_on + OUT_AFTER)
        case Procedure.MOVE_IN:
            assert planned_on is not None
            return Window(moved_on, min(told, workdays.on_or_after(planned_on + IN_AFTER_PLAN)))
    raise ValueError(procedure)


def in_person_by(moved_on: date) -> date:
    """The last day to tell a move at a counter without being late. It is still accepted afterwards."""
    return workdays.on_or_after(moved_on + MOVE_TOLD_WITHIN)


def transfer_in_by(planned_on: date) -> Instant:
    """The last second for the transfer in after a transfer out."""
    return end_of_japanese_day(workdays.on_or_after(planned_on + IN_AFTER_PLAN))


def card_continued_by(told_on: date) -> Instant:
    """The last second for presenting the card after a transfer in."""
    return end_of_japanese_day(workdays.on_or_after(told_on + CARD_CONTINUED_WITHIN))
