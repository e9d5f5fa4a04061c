"""May this person do this remotely now? A pure decision over the ledger, which clerk, citizen and API all see alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from enrollment.canonical import Json
from enrollment.events import EventId, EventKind, LedgerEvent
from enrollment.policy import CapPolicy
from pki.instant import Instant, end_of_japanese_day, years_later


class ReasonCode(StrEnum):
    """Why not, or why soon not."""

    NEVER_SEEN = "cap.never-seen-in-person"
    CONSECUTIVE = "cap.consecutive"
    YEARS = "cap.years"
    TOTAL = "cap.total"
    PLACES_SOON = "cap.places-soon"
    YEARS_SOON = "cap.years-soon"


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence to read aloud in two languages, and where to go. `since`: when this limit was met."""

    code: ReasonCode
    since: Instant
    ja: str
    en: str
    where_ja: str
    where_en: str

    def to_json(self) -> dict[str, Json]:
        """The same as data."""
        return {
            "code": self.code.value,
            "en": self.en,
            "ja": self.ja,
            "since": self.since.iso(),
            "where": {"en": self.where_en, "ja": self.where_ja},
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says before any policy: the last check that still stands, and what came remotely since."""

    last: LedgerEvent | None
    anchor: LedgerEvent | None
    since_anchor: tuple[LedgerEvent, ...]
    remote: tuple[LedgerEvent, ...]
    period: int
    places: int

    @property
    def now_at_least(self) -> Instant | None:
        """No later event can be older than the last one: a clock that steps back changes nothing."""
        return self.last.at if self.last else None


def standing(history: Sequence[LedgerEvent]) -> Standing:
    """Read a person's events, in order of position. What a CORRECTION names does not count; its place stays taken.

    `places` is the highest place ever taken in the present period, `period` the number of that period.
    """
    reversed_events: set[EventId] = {event.corrects for event in history if event.corrects is not None}
    live = [event for event in history if event.event not in reversed_events]
    anchors = [event for event in live if event.kind is EventKind.ANCHOR]
    anchor = anchors[-1] if anchors else None
    remote = tuple(event for event in live if event.kind.is_remote)
    since = tuple(event for event in remote if anchor is not None and event.position > anchor.position)
    period = max((event.anchor for event in history), default=0)
    places = max((event.seq for event in history if event.anchor == period and event.seq is not None), default=0)
    return Standing(history[-1] if history else None, anchor, since, remote, period, places)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with the numbers. `reasons` is empty exactly if it is allowed; its first was the first to be met.

    `used` of `limit` places since `anchor_date` (day in Japan); `total_used` of `total_limit` within the window.
    `next_in_person_by` is the last day for remote procedures under the years' limit; once a limit is met, that day or
    the day on which the limit was met, whichever is earlier. `warnings` never stop anything.
    """

    allowed: bool
    procedure: EventKind
    at: Instant
    used: int
    limit: int
    total_used: int
    total_limit: int
    anchor_date: date | None
    next_in_person_by: date | None
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    policy_owner: str
    policy_version: str

    @property
    def left(self) -> int:
        """Remote procedures still possible by count."""
        return max(0, min(self.limit - self.used, self.total_limit - self.total_used))

    def to_json(self) -> dict[str, Json]:
        """The decision as data, the same for every reader."""
        return {
            "allowed": self.allowed,
            "anchor_date": self.anchor_date.isoformat() if self.anchor_date else None,
            "at": self.at.iso(),
            "limit": self.limit,
            "next_in_person_by": self.next_in_person_by.isoformat() if self.next_in_person_by else None,
            "policy": {"owner": self.policy_owner, "version": self.policy_version},
            "procedure": self.procedure.value,
            "reasons": [reason.to_json() for reason in self.reasons],
            "total_limit": self.total_limit,
            "total_used": self.total_used,
            "used": self.used,
            "warnings": [reason.to_json() for reason in self.warnings],
        }


def decide(policy: CapPolicy, history: Sequence[LedgerEvent], procedure: EventKind, at: Instant) -> Decision:
    """Whether `procedure` may be done remotely at `at`, after `history` (one person's events in order of position).

    Each limit stands alone and the first one met decides. Days are Japanese days: the years since a check end with the
    last second of its anniversary, 28 February standing for a missing 29th (民法 143 条 2 項).
    """
    now = standing(history)
    if now.now_at_least is not None:
        at = max(at, now.now_at_least)
    used = [event for event in now.since_anchor if event.kind in policy.consumes]
    in_window = _within_window(policy, now.remote, at)
    seen_on = now.anchor.at.jst_date() if now.anchor else None
    last_day = years_later(seen_on, policy.max_years_since_anchor) if seen_on else None
    consumes = procedure in policy.consumes
    reasons = _reasons(policy, used, in_window, seen_on, last_day, at) if consumes else ()
    met = [reason.since.jst_date() for reason in reasons]
    by = min([*met, last_day]) if last_day else min(met, default=None)
    return Decision(
        allowed=not reasons,
        procedure=procedure,
        at=at,
        used=len(used),
        limit=policy.max_consecutive,
        total_used=len(in_window),
        total_limit=policy.max_total,
        anchor_date=seen_on,
        next_in_person_by=by,
        reasons=reasons,
        warnings=_warnings(policy, len(used), len(in_window), last_day, at) if consumes and not reasons else (),
        policy_owner=policy.owner,
        policy_version=policy.version,
    )


def _within_window(policy: CapPolicy, remote: Sequence[LedgerEvent], at: Instant) -> list[LedgerEvent]:
    today = at.jst_date()
    return [
        event
        for event in remote
        if event.kind in policy.consumes and years_later(event.at.jst_date(), policy.total_window_years) > today
    ]


WHERE_JA = "お住まいの市区町村の窓口、または指定された郵便局に、本人確認書類を持ってご本人がお越しください。"
WHERE_EN = (
    "Please come yourself, with proof of identity, to a counter of your municipality or a designated post office."
)
LATER_JA = "お住まいの市区町村の窓口にご本人がお越しください。次の手続は窓口で受け付けます。"
LATER_EN = "Please come yourself to a counter of your municipality; this procedure is done there."


def japanese_day(day: date) -> str:
    """2028-03-31 → 2028年3月31日."""
    return f"{day.year}年{day.month}月{day.day}日"


def _reasons(
    policy: CapPolicy,
    used: Sequence[LedgerEvent],
    in_window: Sequence[LedgerEvent],
    seen_on: date | None,
    last_day: date | None,
    at: Instant,
) -> tuple[Reason, ...]:
    if seen_on is None or last_day is None:
        return (_never_seen(at),)
    found = []
    if len(used) >= policy.max_consecutive:
        since = used[policy.max_consecutive - 1].at if policy.max_consecutive else Instant.of_japan(seen_on)
        found.append(
            Reason(
                ReasonCode.CONSECUTIVE,
                since,
                f"前回の対面での本人確認（{japanese_day(seen_on)}）のあと、オンラインの手続を{len(used)}回なさいました。"
                f"続けてできるのは{policy.max_consecutive}回までです。",
                f"Since you were last seen in person on {seen_on.isoformat()}, you have used {len(used)} of "
                f"{policy.max_consecutive} remote procedures.",
                WHERE_JA,
                WHERE_EN,
            )
        )
    if at > end_of_japanese_day(last_day):
        found.append(
            Reason(
                ReasonCode.YEARS,
                end_of_japanese_day(last_day) + timedelta(seconds=1),
                f"前回の対面での本人確認（{japanese_day(seen_on)}）から{policy.max_years_since_anchor}年が過ぎました。"
                f"オンラインの手続ができたのは{japanese_day(last_day)}までです。",
                f"More than {policy.max_years_since_anchor} years have passed since you were last seen in person on "
                f"{seen_on.isoformat()}; remote procedures were possible until {last_day.isoformat()}.",
                WHERE_JA,
                WHERE_EN,
            )
        )
    if len(in_window) >= policy.max_total:
        since = in_window[policy.max_total - 1].at if policy.max_total else Instant.of_japan(seen_on)
        found.append(
            Reason(
                ReasonCode.TOTAL,
                since,
                f"この{policy.total_window_years}年間に、オンラインの手続を{len(in_window)}回なさいました。"
                f"{policy.total_window_years}年間にできるのは{policy.max_total}回までです。",
                f"Within the last {policy.total_window_years} years you have used {len(in_window)} of "
                f"{policy.max_total} remote procedures.",
                LATER_JA,
                LATER_EN,
            )
        )
    return tuple(sorted(found, key=lambda reason: reason.since))


def _never_seen(at: Instant) -> Reason:
    return Reason(
        ReasonCode.NEVER_SEEN,
        at,
        "対面での本人確認の記録がありません。オンラインの手続は、一度窓口で本人確認を受けてからご利用いただけます。",
        "There is no record that you were seen in person; remote procedures are possible after one check at a counter.",
        WHERE_JA,
        WHERE_EN,
    )


def _warnings(policy: CapPolicy, used: int, in_window: int, last_day: date | None, at: Instant) -> tuple[Reason, ...]:
    found = []
    left = min(policy.max_consecutive - used, policy.max_total - in_window)
    if left <= policy.warn_places_left:
        found.append(
            Reason(
                ReasonCode.PLACES_SOON,
                at,
                f"オンラインでできる手続は、あと{left}回です。そのあとは対面での本人確認が必要です。",
                f"{left} remote procedure(s) left before an in-person check is needed.",
                WHERE_JA,
                WHERE_EN,
            )
        )
    if last_day is not None and (last_day - at.jst_date()).days <= policy.warn_days:
        found.append(
            Reason(
                ReasonCode.YEARS_SOON,
                at,
                f"オンラインの手続ができるのは{japanese_day(last_day)}までです。"
                "それまでに対面での本人確認を受けてください。",
                f"Remote procedures are possible until {last_day.isoformat()}; please be seen in person before.",
                WHERE_JA,
                WHERE_EN,
            )
        )
    return tuple(found)
