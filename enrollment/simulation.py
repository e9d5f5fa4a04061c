"""What a cap would do: a population lives for years under several policies at once, month by month.

Every policy sees the same people moving on the same days with the same wishes; only what is allowed differs. The rule
is the one of `enrollment.caps.decide`, over arrays; a test holds the two against each other person by person.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enrollment.events import EventKind
from enrollment.policy import CapPolicy
from enrollment.population import AGE_BANDS, Population

Days = npt.NDArray[np.int32]
"""Days since 1970-01-01 in Japan."""
Mask = npt.NDArray[np.bool_]
NEVER = np.int32(-(10**6))
FIRST_YEAR = 2026


@dataclass(frozen=True, slots=True)
class Month:
    """One month under one policy: how many did what, and how far people are from having been seen.

    `moves`, `reissues` and `renewals` are those that fell into this month, `remote` all that were done from afar.
    `refused` filed online and were sent to a counter; the three after it say by which limits (one person may have met
    several). `waiting_minutes` is what people wait at a municipal office, `waiting_days` the backlog of more than the
    desks can do; both are None where nothing is known of the desks (a replayed ledger).
    """

    policy: str
    month: str
    moves: int
    reissues: int
    renewals: int
    remote: int
    refused: int
    refused_consecutive: int
    refused_years: int
    refused_total: int
    counter_visits: int
    post_office_visits: int
    waiting_minutes: float | None
    waiting_days: float | None
    distance_median_days: int
    distance_p90_days: int
    at_cap: int


@dataclass(slots=True)
class Lives:
    """Where everybody stands under one policy: last check, places used, days of the latest remote procedures."""

    policy: CapPolicy
    anchor: Days
    used: npt.NDArray[np.int16]
    recent: Days
    """One column for each procedure that `max_total` counts, the oldest first; NEVER where there is none."""
    backlog: float = 0.0

    @classmethod
    def begin(cls, policy: CapPolicy, anchor: Days) -> "Lives":
        """Everybody was seen on their day of `anchor` and has done nothing since."""
        columns = max(1, policy.max_total)
        recent = np.full((anchor.size, columns), NEVER, dtype=np.int32)
        return cls(policy, anchor.copy(), np.zeros(anchor.size, dtype=np.int16), recent)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The limits that each of some people has met on their day."""

    consecutive: Mask
    years: Mask
    total: Mask

    @property
    def allowed(self) -> Mask:
        """Whoever met none."""
        result: Mask = ~(self.consecutive | self.years | self.total)
        return result


def years_later_days(days: Days, years: int) -> Days:
    """The same day `years` later; 29 February becomes 28 February in a common year."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months).astype(np.int32)
    target = months + np.timedelta64(12 * years, "M")
    length = ((target + np.timedelta64(1, "M")).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(
        np.int32
    )
    result: Days = (target.astype("datetime64[D]").astype(np.int32) + np.minimum(day, length - 1)).astype(np.int32)
    return result


def judge(lives: Lives, who: npt.NDArray[np.intp], today: Days, kind: EventKind = EventKind.REMOTE_MOVE) -> Verdicts:
    """The rule of `caps.decide` for `who`, each on their own day of `today`: what consumes no place meets no limit."""
    policy = lives.policy
    if kind not in policy.consumes:
        none = np.zeros(who.size, dtype=np.bool_)
        return Verdicts(none, none, none)
    consecutive = lives.used[who] >= policy.max_consecutive
    years = today > years_later_days(lives.anchor[who], policy.max_years_since_anchor)
    if policy.max_total:
        oldest = lives.recent[who, 0]
        total = (oldest != NEVER) & (years_later_days(np.maximum(oldest, 0), policy.total_window_years) > today)
    else:
        total = np.ones(who.size, dtype=np.bool_)
    return Verdicts(consecutive, years, total)


def take_place(lives: Lives, who: npt.NDArray[np.intp], today: Days, kind: EventKind = EventKind.REMOTE_MOVE) -> None:
    """`who` did something remotely."""
    if kind not in lives.policy.consumes:
        return
    lives.used[who] += 1
    lives.recent[who] = np.concatenate([lives.recent[who, 1:], today[:, None]], axis=1)


def be_seen(lives: Lives, who: npt.NDArray[np.intp], today: Days) -> None:
    """`who` were seen in person."""
    lives.anchor[who] = today
    lives.used[who] = 0


def _month_start(number: int) -> "np.datetime64[Any]":
    start: np.datetime64[Any] = np.datetime64(f"{FIRST_YEAR + number // 12:04}-{number % 12 + 1:02}-01", "D")
    return start


@dataclass(frozen=True, slots=True)
class _People:
    """What people are, whatever the policy: moving rate per month of weight 1, household, day of renewal."""

    rate: npt.NDArray[np.float32]
    household: npt.NDArray[np.int32]
    first_of: npt.NDArray[np.intp]
    renewal_month: npt.NDArray[np.int16]


def _people(population: Population, chance: np.random.Generator) -> _People:
    n = population.people
    shares = np.array(population.age_shares) / sum(population.age_shares)
    band = chance.choice(len(AGE_BANDS) - 1, n, p=shares)
    rates = np.array(population.age_rates)
    seasons = sum(population.seasons) / 12
    per_month = population.moves_per_year / 12 / float(rates @ shares) / seasons
    # Who is taken along must not be counted twice. Sizes are 1 + Poisson(m): somebody has so many others at home.
    mean = population.household - 1
    others = (mean + mean * (1 + mean)) / (1 + mean)
    alone = per_month / (1 + population.move_together * others)
    sizes = 1 + chance.poisson(population.household - 1, n)
    first_of = np.concatenate([[0], np.cumsum(sizes)])
    first_of = first_of[: int(np.searchsorted(first_of, n))]
    household = np.repeat(np.arange(first_of.size), np.diff(np.append(first_of, n))).astype(np.int32)
    return _People(
        (rates[band] * alone).astype(np.float32),
        household,
        first_of.astype(np.intp),
        chance.integers(0, 12 * population.renewal_years, n).astype(np.int16),
    )


class Simulation:
    """One population under several policies. `months` is run once; `distances` says where everybody ended."""

    def __init__(self, population: Population, policies: Sequence[CapPolicy], seed: int) -> None:
        self._population = population
        self._chance = np.random.default_rng(seed)
        self._people = _people(population, self._chance)
        self._today = int(_month_start(0).astype(np.int32))
        cycle = 12 * population.renewal_years
        # the last check lies as far back as the renewal cycle says, so that the beginning is no special moment
        months_back = (cycle - self._people.renewal_month.astype(np.int32)) % cycle
        days_back = months_back * 30 + self._chance.integers(1, 29, population.people)
        anchor = (self._today - days_back).astype(np.int32)
        self._everybody = [Lives.begin(policy, anchor) for policy in policies]

    def months(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Iterator[Month]:
        """One `Month` for each month and policy, in order of time; `progress(done, of)` after each month."""
        last = 12 * self._population.years
        for number in range(last):
            wishes = self._wishes(number)
            for lives in self._everybody:
                yield _live(self._population, lives, number, wishes)
            self._today = wishes.last_day
            progress(number + 1, last)

    def _wishes(self, number: int) -> "_Wishes":
        chance, population = self._chance, self._population
        first = int(_month_start(number).astype(np.int32))
        length = int(_month_start(number + 1).astype(np.int32)) - first
        movers = _movers(population, self._people, number, chance)
        renewing = np.flatnonzero(self._people.renewal_month == number % (12 * population.renewal_years))
        last = first + length - 1
        expected = population.people * population.reissues_per_year / 12
        reissuing = np.unique(chance.integers(0, population.people, chance.poisson(expected))).astype(np.intp)

        def told(who: npt.NDArray[np.intp], kind: EventKind, days: Days, online: float) -> _Wish:
            wishes_online = chance.random(who.size) < online
            return _Wish(kind, who, days, wishes_online, chance.random(who.size) < population.post_office_share)

        days = (first + chance.integers(0, length, movers.size)).astype(np.int32)
        return _Wishes(
            told(renewing, EventKind.REMOTE_RENEWAL, np.full(renewing.size, first, np.int32),
                 population.renewal_online_share),
            told(movers, EventKind.REMOTE_MOVE, days, population.online_share),
            told(reissuing, EventKind.REMOTE_REISSUE, np.full(reissuing.size, last, np.int32), 1.0),
            last,
        )  # fmt: skip

    def distances(self) -> dict[str, list[int]]:
        """Policy → number of people by distance from their last check now, in quarters of a year."""
        return {
            lives.policy.version: np.bincount(np.maximum(0, self._today - lives.anchor) * 4 // 365).tolist()
            for lives in self._everybody
        }


@dataclass(frozen=True, slots=True)
class _Wish:
    """What some people want: who, each on which day, whether they would do it online, and whether a check of theirs
    would be at a post office."""

    kind: EventKind
    who: npt.NDArray[np.intp]
    today: Days
    online: Mask
    at_post: Mask


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What people want in one month, the same under every policy, in the order in which it happens: renewals on the
    first day (the check that they bring opens the way for a move), moves, re-issues on the last."""

    renewing: _Wish
    moving: _Wish
    reissuing: _Wish
    last_day: int


@dataclass(slots=True)
class _Count:
    """What came of the wishes of a month."""

    remote: int = 0
    refused: int = 0
    consecutive: int = 0
    years: int = 0
    total: int = 0
    desks: int = 0
    post: int = 0


def _movers(population: Population, people: _People, number: int, chance: np.random.Generator) -> npt.NDArray[np.intp]:
    """Who moves this month: those who want to, and the households that some of them take along."""
    weight = population.seasons[number % 12]
    moved = chance.random(population.people, dtype=np.float32) < people.rate * np.float32(weight)
    wishing = np.flatnonzero(moved)
    whole = wishing[chance.random(wishing.size) < population.move_together]
    if whole.size:
        houses = np.zeros(people.first_of.size, dtype=np.bool_)
        houses[people.household[whole]] = True
        moved |= houses[people.household]
    return np.flatnonzero(moved)


def _fulfil(lives: Lives, wish: _Wish, count: _Count) -> None:
    """Do from afar what may be; everybody else goes to a desk or a post office, and is seen there."""
    verdicts = judge(lives, wish.who, wish.today, wish.kind)
    remote, refused = wish.online & verdicts.allowed, wish.online & ~verdicts.allowed
    take_place(lives, wish.who[remote], wish.today[remote], wish.kind)
    be_seen(lives, wish.who[~remote], wish.today[~remote])
    at_post = int(np.count_nonzero(~remote & wish.at_post))
    count.remote += int(np.count_nonzero(remote))
    count.refused += int(np.count_nonzero(refused))
    count.consecutive += int(np.count_nonzero(refused & verdicts.consecutive))
    count.years += int(np.count_nonzero(refused & verdicts.years))
    count.total += int(np.count_nonzero(refused & verdicts.total))
    count.post += at_post
    count.desks += int(np.count_nonzero(~remote)) - at_post


def _live(population: Population, lives: Lives, number: int, wishes: _Wishes) -> Month:
    """One month under one policy."""
    count = _Count()
    for wish in (wishes.renewing, wishes.moving, wishes.reissuing):
        _fulfil(lives, wish, count)
    lives.backlog = max(0.0, lives.backlog + count.desks - population.desk_capacity)
    distance = np.bincount(np.maximum(0, wishes.last_day - lives.anchor))
    return Month(
        policy=lives.policy.version,
        month=f"{FIRST_YEAR + number // 12:04}-{number % 12 + 1:02}",
        moves=wishes.moving.who.size,
        reissues=wishes.reissuing.who.size,
        renewals=wishes.renewing.who.size,
        remote=count.remote,
        refused=count.refused,
        refused_consecutive=count.consecutive,
        refused_years=count.years,
        refused_total=count.total,
        counter_visits=count.desks,
        post_office_visits=count.post,
        waiting_minutes=round(population.waiting_minutes(count.desks), 2),
        waiting_days=round(30.0 * lives.backlog / population.desk_capacity, 2),
        distance_median_days=_quantile(distance, 0.5),
        distance_p90_days=_quantile(distance, 0.9),
        at_cap=int(np.count_nonzero(lives.used >= lives.policy.max_consecutive)),
    )


def _quantile(histogram: npt.NDArray[Any], share: float) -> int:
    """The day by which `share` of all lie; the whole distribution is counted, nothing is interpolated."""
    return int(np.searchsorted(np.cumsum(histogram), share * histogram.sum()))
