"""How long a certificate may live: whole years and days of Japan, and birthdays for people.

A person's certificate ends with the last second of a birthday in Japan. "After issue" means strictly after the day of
issue: a certificate issued on a birthday does not count that one. Somebody born on 29 February has their birthday on 28
February in common years (`pki.instant.anniversaries`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from ca.errors import NothingLeftToCertify, TooYoung
from pki.instant import Instant, Validity, anniversaries, end_of_japanese_day, years_later


@dataclass(frozen=True, slots=True)
class Birthdays:
    """Until the `first`-th birthday after issue; the `renewed`-th when renewed in the last `window_months` months."""

    first: int
    renewed: int
    window_months: int
    minimum_age: int | None


@dataclass(frozen=True, slots=True)
class Years:
    """That many years, to the end of the last day in Japan."""

    years: int


@dataclass(frozen=True, slots=True)
class Days:
    """That many days, counted to the second, named by a field of `ca.parameters.Parameters`."""

    parameter: str


@dataclass(frozen=True, slots=True)
class WithinIssuer:
    """As agreed in a ceremony, within the issuer's own life."""


Lifetime = Birthdays | Years | Days | WithinIssuer


def birthday_end(rule: Birthdays, date_of_birth: date, at: Instant, renewed_in_window: bool) -> Instant:
    """The last second of the birthday that ends a certificate issued at `at`."""
    count = rule.renewed if renewed_in_window else rule.first
    day = next(islice(anniversaries(date_of_birth, at.jst_date()), count - 1, None))
    return end_of_japanese_day(day)


def years_end(rule: Years, at: Instant) -> Instant:
    """The last second of the day before the anniversary: never longer than the years it names."""
    return end_of_japanese_day(years_later(at.jst_date(), rule.years) - timedelta(days=1))


def check_age(rule: Birthdays, date_of_birth: date, at: Instant) -> None:
    """Errors: TooYoung before the day of the birthday on which `minimum_age` is reached, in Japan."""
    if rule.minimum_age is None:
        return
    if at.jst_date() < years_later(date_of_birth, rule.minimum_age):
        raise TooYoung(rule.minimum_age)


def person_validity(
    rule: Birthdays,
    date_of_birth: date,
    at: Instant,
    *,
    renewed_in_window: bool,
    card_not_after: Instant,
    not_past: Instant | None,
) -> Validity:
    """From `at` to the earliest of birthday, the card's end, and the end that the order names.

    Errors: TooYoung; NothingLeftToCertify when one of those ends lies before `at`.
    """
    check_age(rule, date_of_birth, at)
    ends = [birthday_end(rule, date_of_birth, at, renewed_in_window), card_not_after]
    if not_past is not None:
        ends.append(not_past)
    end = min(ends)
    if end < at:
        raise NothingLeftToCertify
    return Validity(at, end)


def renewal_window(rule: Birthdays, not_after: Instant) -> Validity:
    """When a certificate that ends at `not_after` may be renewed with a birthday more: the last months of its life.

    The window opens with the day that lies `window_months` months before the last day (the last day of a shorter
    month where that day is missing) and closes with the certificate.
    """
    last = not_after.jst_date()
    months = last.year * 12 + last.month - 1 - rule.window_months
    year, month = divmod(months, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    day = min(last.day, (following - timedelta(days=1)).day)
    return Validity(Instant.of_japan(date(year, month + 1, day)), not_after)
