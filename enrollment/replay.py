"""What another cap would have meant: the ledger as it happened, decided anew under a candidate policy.

Where the candidate refuses, the person would have been sent to a counter; so in that story they were seen on that day,
and everything after is judged from there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from enrollment.caps import ReasonCode, decide
from enrollment.counters import CounterKind
from enrollment.events import EventKind, LedgerEvent
from enrollment.policy import CapPolicy
from enrollment.simulation import Month
from pki.instant import Instant


@dataclass(slots=True)
class _Tally:
    """The counts of one month."""

    moves: int = 0
    reissues: int = 0
    renewals: int = 0
    remote: int = 0
    refused: int = 0
    by_reason: dict[ReasonCode, int] = field(default_factory=dict)
    desks: int = 0
    post: int = 0


def replay(
    people: Iterable[Sequence[LedgerEvent]],
    policies: Sequence[CapPolicy],
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Month]:
    """One `Month` for each policy and each month between the first and the last event of anybody.

    `people`: each person's events in order of position. Corrections are taken as done: what they name never happened.
    `tell` hears after each person's story under a policy how many are told, and of how many.
    """
    told: list[Month] = []
    stories = [_settled(events) for events in people]
    days = [event.at.jst_date() for events in stories for event in events]
    if not days:
        return []
    for number, policy in enumerate(policies):
        tallies: dict[str, _Tally] = {}
        anchors: list[list[date]] = []
        at_cap: list[list[tuple[date, int]]] = []
        for done, events in enumerate(stories, number * len(stories) + 1):
            seen, used = _retell(events, policy, tallies)
            anchors.append(seen)
            at_cap.append(used)
            tell(done, len(policies) * len(stories))
        told += [
            _month(policy, month, tallies.get(month, _Tally()), anchors, at_cap)
            for month in _months(min(days), max(days))
        ]
    return told


def _settled(events: Sequence[LedgerEvent]) -> list[LedgerEvent]:
    reversed_events = {event.corrects for event in events if event.corrects is not None}
    return [event for event in events if event.event not in reversed_events and event.kind is not EventKind.CORRECTION]


def _retell(
    events: Sequence[LedgerEvent], policy: CapPolicy, tallies: dict[str, _Tally]
) -> tuple[list[date], list[tuple[date, int]]]:
    """The days on which this person was seen in this story, and the places used after each day."""
    story: list[LedgerEvent] = []
    seen: list[date] = []
    used: list[tuple[date, int]] = []
    for event in events:
        day = event.at.jst_date()
        tally = tallies.setdefault(f"{day:%Y-%m}", _Tally())
        told = event
        if event.kind.is_remote:
            tally.moves += event.kind is EventKind.REMOTE_MOVE
            tally.reissues += event.kind is EventKind.REMOTE_REISSUE
            tally.renewals += event.kind is EventKind.REMOTE_RENEWAL
            decision = decide(policy, story, event.kind, event.at)
            if decision.allowed:
                tally.remote += 1
            else:
                tally.refused += 1
                tally.desks += 1
                for reason in decision.reasons:
                    tally.by_reason[reason.code] = tally.by_reason.get(reason.code, 0) + 1
                told = replace(event, kind=EventKind.ANCHOR, channel=CounterKind.MUNICIPAL_MAIN.value)
        elif event.kind is EventKind.ANCHOR:
            at_post = event.channel == CounterKind.POST_OFFICE.value
            tally.post += at_post
            tally.desks += not at_post
        story.append(replace(told, position=len(story)))
        if told.kind is EventKind.ANCHOR:
            seen.append(day)
        used.append((day, decide(policy, story, EventKind.REMOTE_MOVE, event.at).used))
    return seen, used


def _months(first: date, last: date) -> list[str]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers]


def _month(
    policy: CapPolicy,
    month: str,
    tally: _Tally,
    anchors: Sequence[Sequence[date]],
    used: Sequence[Sequence[tuple[date, int]]],
) -> Month:
    year, number = int(month[:4]), int(month[5:])
    end = date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1)
    distances = sorted((end - max(d for d in days if d <= end)).days for days in anchors if any(d <= end for d in days))
    places = [[count for day, count in days if day <= end] for days in used]
    return Month(
        policy=policy.version,
        month=month,
        moves=tally.moves,
        reissues=tally.reissues,
        renewals=tally.renewals,
        remote=tally.remote,
        refused=tally.refused,
        refused_consecutive=tally.by_reason.get(ReasonCode.CONSECUTIVE, 0),
        refused_years=tally.by_reason.get(ReasonCode.YEARS, 0),
        refused_total=tally.by_reason.get(ReasonCode.TOTAL, 0),
        counter_visits=tally.desks,
        post_office_visits=tally.post,
        waiting_minutes=None,
        waiting_days=None,
        distance_median_days=distances[len(distances) // 2] if distances else 0,
        distance_p90_days=distances[len(distances) * 9 // 10] if distances else 0,
        at_cap=sum(1 for counts in places if counts and counts[-1] >= policy.max_consecutive),
    )


def distances(people: Iterable[Sequence[LedgerEvent]], at: Instant) -> list[int]:
    """How many people are how far from their last check at `at`, in quarters of a year."""
    counts: list[int] = []
    for events in people:
        seen = [event.at for event in _settled(events) if event.kind is EventKind.ANCHOR and event.at <= at]
        if not seen:
            continue
        quarter = (at.jst_date() - max(seen).jst_date()).days * 4 // 365
        counts += [0] * (quarter + 1 - len(counts))
        counts[quarter] += 1
    return counts
