"""Points in time as whole seconds of UTC, periods whose last second counts, and Japanese legal days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Protocol

from pki.errors import InvalidValue

JAPAN = timezone(timedelta(hours=9), "JST")
"""Asia/Tokyo: nine hours ahead, without summer time since 1951."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND


@lru_cache(maxsize=1024)
def _iso(seconds: int) -> str:
    """A report writes the same few times ten times over."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]}Z"


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """A point in time: whole seconds since 1970-01-01T00:00:00Z, without leap seconds.

    The comparisons are written out: those that a dataclass makes build two tuples each time, and are never compiled.
    """

    seconds: int

    @classmethod
    def from_datetime(cls, moment: datetime) -> "Instant":
        """The second that `moment` lies in. Errors: InvalidValue for a datetime without a zone."""
        if moment.tzinfo is None:
            raise InvalidValue("a moment must carry its time zone")
        return cls((moment - _EPOCH) // _SECOND)

    @classmethod
    def parse(cls, text: str) -> "Instant":
        """Read RFC 3339 with a zone, as in `2026-11-23T09:00:00Z`; fractions of a second are cut off."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidValue("a time must be written as RFC 3339, like 2026-11-23T09:00:00Z") from error
        found = cls.from_datetime(moment)
        if not _FIRST <= found.seconds <= _LAST:  # the zone can carry it out of the years 1 to 9999
            raise InvalidValue("a time in the years 1 to 9999 expected")
        return found

    @classmethod
    def of_japan(cls, day: date, hour: int = 0, minute: int = 0, second: int = 0) -> "Instant":
        """That time of day in Japan."""
        return cls.from_datetime(datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=JAPAN))

    @property
    def datetime(self) -> datetime:
        """This instant as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def iso(self) -> str:
        """RFC 3339 in UTC, `2026-11-23T00:00:00Z`."""
        return _iso(self.seconds)

    def jst_date(self) -> date:
        """The calendar day in Japan that this instant lies in."""
        return _japanese_date(self.seconds)

    def __eq__(self, other: object) -> bool:
        return self.seconds == other.seconds if isinstance(other, Instant) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.seconds)

    def __reduce__(self) -> "tuple[type[Instant], tuple[int]]":
        # What else copies it would set its field one by one, which a frozen class refuses once it is compiled.
        return Instant, (self.seconds,)

    def __lt__(self, other: object) -> bool:
        return self.seconds < other.seconds if isinstance(other, Instant) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.seconds <= other.seconds if isinstance(other, Instant) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.seconds > other.seconds if isinstance(other, Instant) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.seconds >= other.seconds if isinstance(other, Instant) else NotImplemented

    def __add__(self, span: timedelta) -> "Instant":
        return Instant(self.seconds + span // timedelta(seconds=1))

    def __sub__(self, other: "Instant") -> timedelta:
        if not isinstance(other, Instant):  # a span has seconds too, and means something else by them
            return NotImplemented
        return timedelta(seconds=self.seconds - other.seconds)

    def __str__(self) -> str:
        return self.iso()


@lru_cache(maxsize=1024)
def _japanese_date(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, JAPAN).date()


@lru_cache(maxsize=4096)
def end_of_japanese_day(day: date) -> Instant:
    """The last second of a legal day: 23:59:59 in Japan, 14:59:59Z."""
    return Instant.of_japan(day, 23, 59, 59)


def anniversaries(of: date, after: date) -> Iterator[date]:
    """The anniversaries of `of` that lie strictly after `after`, in order, without end.

    Somebody born on 29 February grows a year older at the end of 28 February in common years (年齢計算ニ関スル法律
    with 民法 143 条 2 項), so that day stands for the missing one.
    """
    year = after.year
    while True:
        try:
            day = of.replace(year=year)
        except ValueError:
            day = date(year, 2, 28)
        if day > after:
            yield day
        year += 1


def years_later(day: date, years: int) -> date:
    """The same day `years` later; 29 February becomes 28 February in a common year (民法 143 条 2 項)."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 2, 28)


@dataclass(frozen=True, slots=True)
class Validity:
    """A period that includes both its first and its last second (RFC 5280 4.1.2.5)."""

    not_before: Instant
    not_after: Instant

    def __post_init__(self) -> None:
        if self.not_after < self.not_before:
            raise InvalidValue("a validity must not end before it begins")

    def contains(self, at: Instant) -> bool:
        """Whether `at` lies within, ends included."""
        return self.not_before <= at <= self.not_after


class Clock(Protocol):
    """Whoever knows what time it is; only the wiring makes one that looks at the machine."""

    def now(self) -> Instant:
        """The present instant. It may stand still between two calls; it never goes back."""
        ...
