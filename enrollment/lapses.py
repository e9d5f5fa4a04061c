"""What happens when a deadline passes: done by a daily or hourly run, each in a transaction of its own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from enrollment import card_life, code_letters, deadlines, outbox, transfers
from enrollment.canonical import Json
from enrollment.code_letter import LetterEvent
from enrollment.deadline import Deadline, DeadlineKind, DeadlineOutcome
from enrollment.person import Random
from enrollment.store import Connection, Database, terms, work
from enrollment.store.people import hold_person
from pki.card_state import CardEvent, CardState
from pki.instant import Instant


def _transfer_in(conn: Connection, missed: Deadline, at: Instant, _random: Random) -> None:
    transfers.lapse(conn, missed.person, missed.subject, at)


def _continued_use(conn: Connection, missed: Deadline, at: Instant, random: Random) -> None:
    card = work.card_of(conn, missed.subject)
    if card.state in (CardState.ACTIVE, CardState.SUSPENDED):
        card_life.change(conn, card, CardEvent.END, at, "not-continued", random)


def _code_letter(conn: Connection, missed: Deadline, at: Instant, _random: Random) -> None:
    letter = terms.letter_of(conn, missed.subject)
    if letter.is_open:
        code_letters.settle(conn, letter, LetterEvent.EXPIRE, DeadlineOutcome.MISSED, at)


def _told_only(_conn: Connection, _missed: Deadline, _at: Instant, _random: Random) -> None:
    """Late, but still accepted at the counter: the municipality is told, nothing else happens."""


EFFECTS: Final[Mapping[DeadlineKind, Callable[[Connection, Deadline, Instant, Random], None]]] = {
    DeadlineKind.TRANSFER_IN: _transfer_in,
    DeadlineKind.CONTINUED_USE: _continued_use,
    DeadlineKind.CODE_LETTER: _code_letter,
    DeadlineKind.IN_PERSON: _told_only,
}
"""What a missed deadline of each kind does."""


def settle(database: Database, at: Instant, random: Random, limit: int = 100) -> int:
    """Let what ran out take effect; how many. May run at once in two places: the second finds it done."""
    over = database.read(lambda conn: terms.deadlines_over(conn, at, limit))
    return sum(database.transaction(partial(_settle, missed=missed, at=at, random=random)) for missed in over)


def _settle(conn: Connection, missed: Deadline, at: Instant, random: Random) -> int:
    hold_person(conn, missed.person)
    if missed not in deadlines.running(conn, missed.person):
        return 0
    EFFECTS[missed.kind](conn, missed, at, random)
    deadlines.end(conn, missed.person, missed.kind, at, DeadlineOutcome.MISSED, missed.subject)
    body: dict[str, Json] = {"due": missed.due_at.iso(), "kind": missed.kind.value, "subject": missed.subject}
    outbox.put(conn, missed.person, "deadline.missed", body, at, random)
    return 1
