"""How sure one may be of a person now: from the last check, what came remotely since, and the contacts in between.

Contacts (a use of the card, a talk at a counter, a letter that came back) raise or lower the level and fade with time.
They never touch the cap: nothing here is read by `enrollment.caps`. Of a use only the day and the kind are kept, once a
month, and never for whom it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from enrollment import ledger
from enrollment.caps import decide, standing
from enrollment.errors import SelfDealing
from enrollment.events import EventKind, LedgerEvent
from enrollment.ledger import Happening
from enrollment.person import PersonId, Random
from enrollment.policy import CapPolicy
from enrollment.store import Connection
from pki.instant import Instant


class Signal(StrEnum):
    """Kinds of contact."""

    AUTHENTICATED_USE = "authenticated-use"
    COUNTER_VISIT = "counter-visit"
    LETTER_DELIVERED = "letter-delivered"
    LETTER_RETURNED = "letter-returned"
    DISPUTED_USE = "disputed-use"


WEIGHTS: Final[Mapping[Signal, int]] = {
    Signal.AUTHENTICATED_USE: 1,
    Signal.COUNTER_VISIT: 4,
    Signal.LETTER_DELIVERED: 2,
    Signal.LETTER_RETURNED: -8,
    Signal.DISPUTED_USE: -12,
}
"""What one contact of each kind is worth when it is new."""

HALF_LIFE: Final = timedelta(days=180)
"""After so long a contact counts half."""
MOST: Final = 10.0
"""More than this contacts alone cannot give: a thousand uses are not a visit."""


class Grade(StrEnum):
    """What a relying party may be told: no count, no date, no reason."""

    HIGH = "high"
    SUBSTANTIAL = "substantial"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class AssuranceLevel:
    """`score` (tenths, never below 0) for clerk and holder; `grade` is all that anybody else sees.

    `remind_at`: when to remind the holder of the check that is due; contacts put it off, but never past the day itself.
    """

    grade: Grade
    score: int
    contact_score: int
    remind_at: Instant | None


def contact_score(history: Sequence[LedgerEvent], at: Instant) -> float:
    """The contacts of a person, faded: each halves with every `HALF_LIFE`. Between -∞ and `MOST`."""
    reversed_events = {event.corrects for event in history if event.corrects is not None}
    total = 0.0
    for event in history:
        if event.kind is EventKind.CONTACT and event.event not in reversed_events and event.at <= at:
            total += WEIGHTS[Signal(event.level)] * 0.5 ** ((at - event.at) / HALF_LIFE)
    return min(MOST, total)


def assess(policy: CapPolicy, history: Sequence[LedgerEvent], at: Instant) -> AssuranceLevel:
    """The level now. Pure; monotone: another remote procedure or a later day never raises it.

    A check is worth 50 and loses 5 with each remote procedure since and 5 with each year; a check without a compared
    photo begins at 35. Without a check, or past a limit of the policy, the grade is LOW whatever the contacts say.
    """
    now = standing(history)
    contacts = contact_score(history, at)
    if now.anchor is None:
        return AssuranceLevel(Grade.LOW, 0, round(10 * contacts), None)
    decision = decide(policy, history, EventKind.REMOTE_MOVE, at)
    years = max(0.0, (at - now.anchor.at) / timedelta(days=365.25))
    score = (50.0 if now.anchor.level == "ial3" else 35.0) - 5.0 * len(now.since_anchor) - 5.0 * years + contacts
    score = max(0.0, score)
    grade = Grade.HIGH if score >= 40 else Grade.SUBSTANTIAL if score >= 20 else Grade.LOW
    if not decision.allowed:
        grade = Grade.LOW
    return AssuranceLevel(
        grade, round(10 * score), round(10 * contacts), _remind_at(policy, decision.next_in_person_by, contacts)
    )


def _remind_at(policy: CapPolicy, by: date | None, contacts: float) -> Instant | None:
    if by is None:
        return None
    put_off = min(policy.warn_days, round(max(0.0, contacts) * policy.warn_days / (2 * MOST)))
    return Instant.of_japan(by - timedelta(days=policy.warn_days - put_off))


def note_contact(
    conn: Connection, person: PersonId, signal: Signal, actor: str, at: Instant, random: Random, evidence: str = ""
) -> LedgerEvent | None:
    """Keep a contact, at most one of a kind in a month of Japan: None if there is one already.

    No relying party's name comes near it. Errors: UnknownPerson, NoPolicy; SelfDealing if the holder reports a visit or
    a delivered letter of their own.
    """
    if actor == person and signal in (Signal.COUNTER_VISIT, Signal.LETTER_DELIVERED):
        raise SelfDealing(actor)
    day = at.jst_date()
    for event in ledger.history(conn, person):
        same = event.kind is EventKind.CONTACT and event.level == signal.value
        if same and (event.at.jst_date().year, event.at.jst_date().month) == (day.year, day.month):
            return None
    what = Happening(
        person,
        EventKind.CONTACT,
        actor,
        channel="contact",
        level=signal.value,
        evidence=(evidence,) if evidence else (),
    )
    event, _ = ledger.record(conn, what, at, random)
    return event
