"""The days on which municipal offices work, in Japan's calendar.

Closed are Saturdays, Sundays, the public holidays (国民の祝日に関する法律: with computed equinoxes, substitute holidays
and the day between two holidays) and 29 December to 3 January (地方自治法 4 条の 2 2 項).
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from holidays.countries.japan import Japan

from pki.instant import Instant

NOON: Final = 12


@lru_cache(maxsize=256)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(Japan(years=year))


def is_holiday(day: date) -> bool:
    """Whether it is a public holiday, a substitute for one, or a day between two of them."""
    return day in _holidays(day.year)


def is_open(day: date) -> bool:
    """Whether a municipal office works on that day."""
    new_year = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() < 5 and not new_year and not is_holiday(day)


def on_or_after(day: date) -> date:
    """`day`, or the next day on which offices work: so a legal period ends (地方自治法 4 条の 2 4 項)."""
    while not is_open(day):
        day += timedelta(days=1)
    return day


def next_noon(at: Instant, hour: int = NOON) -> Instant:
    """Noon in Japan (or another `hour`) of the next day on which offices work."""
    return Instant.of_japan(on_or_after(at.jst_date() + timedelta(days=1)), hour)
