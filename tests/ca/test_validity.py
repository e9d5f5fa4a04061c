"""How long certificates live: birthdays in Japan, the card's end, the years of a root."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import NothingLeftToCertify, TooYoung
from ca.profiles import PROFILES, Kind, Variant
from ca.validity import Birthdays, Years, birthday_end, check_age, person_validity, renewal_window, years_end
from pki.instant import Instant, Validity, anniversaries, end_of_japanese_day

FIVE = Birthdays(5, 6, 3, 15)
FAR = Instant.parse("2200-01-01T00:00:00Z")

births = st.dates(date(1900, 1, 1), date(2010, 12, 31))
moments = st.integers(Instant.parse("2026-01-01T00:00:00Z").seconds, Instant.parse("2090-01-01T00:00:00Z").seconds).map(
    Instant
)


def _end(born: date, at: str, renewed: bool = False) -> str:
    return birthday_end(FIVE, born, Instant.parse(at), renewed).iso()


def test_the_known_examples_of_real_certificates() -> None:
    # Issued in 2020-05 until December 2024, in 2023-05 until December 2027, on 2025-10-27 until 2030-02-17.
    assert _end(date(1980, 12, 5), "2020-05-20T03:00:00Z") == "2024-12-05T14:59:59Z"
    assert _end(date(1980, 12, 5), "2023-05-20T03:00:00Z") == "2027-12-05T14:59:59Z"
    assert _end(date(1980, 2, 17), "2025-10-27T03:00:00Z") == "2030-02-17T14:59:59Z"
    assert _end(date(1980, 2, 17), "2025-12-27T03:00:00Z", renewed=True) == "2031-02-17T14:59:59Z"


def test_the_day_of_issue_does_not_count_even_when_it_is_a_birthday() -> None:
    assert _end(date(1980, 2, 17), "2026-02-17T03:00:00Z") == "2031-02-17T14:59:59Z"
    assert _end(date(1980, 2, 17), "2026-02-16T14:59:59Z") == "2030-02-17T14:59:59Z"  # 23:59:59 the day before
    assert _end(date(1980, 2, 17), "2026-02-16T15:00:00Z") == "2031-02-17T14:59:59Z"  # midnight in Japan


def test_born_on_29_february() -> None:
    assert _end(date(1992, 2, 29), "2026-11-23T00:00:00Z") == "2031-02-28T14:59:59Z"
    assert _end(date(1992, 2, 29), "2027-11-23T00:00:00Z") == "2032-02-29T14:59:59Z"
    assert _end(date(1992, 2, 29), "2027-02-28T03:00:00Z") == "2032-02-29T14:59:59Z"  # issued on that day's birthday
    assert _end(date(1992, 2, 29), "2028-02-28T03:00:00Z") == "2032-02-29T14:59:59Z"  # leap year: the day before it


@given(births, moments, st.booleans())
def test_a_birthday_end_is_the_right_birthday(born: date, at: Instant, renewed: bool) -> None:
    end = birthday_end(FIVE, born, at, renewed)
    count, issued, last = (6 if renewed else 5), at.jst_date(), end.jst_date()
    assert end == end_of_japanese_day(last)
    passed = 0
    for day in anniversaries(born, issued):
        passed += 1
        if day == last:
            break
    assert passed == count
    assert (last.month, last.day) in ((born.month, born.day), (2, 28))
    assert count - 1 <= (last - issued).days / 365.2425 + 0.01 <= count + 0.02


@given(births, moments, st.booleans(), st.integers(0, 4000), st.one_of(st.none(), st.integers(0, 4000)))
def test_a_person_certificate_never_passes_any_limit(
    born: date, at: Instant, renewed: bool, card_days: int, other_days: int | None
) -> None:
    card_end = at + timedelta(days=card_days)
    not_past = None if other_days is None else at + timedelta(days=other_days)
    validity = person_validity(FIVE, born, at, renewed_in_window=renewed, card_not_after=card_end, not_past=not_past)
    limits = [birthday_end(FIVE, born, at, renewed), card_end, *([] if not_past is None else [not_past])]
    assert validity.not_before == at
    assert validity.not_after == min(limits)


@given(births, moments)
def test_nothing_is_left_once_a_limit_has_passed(born: date, at: Instant) -> None:
    for limits in ((at + timedelta(seconds=-1), None), (FAR, at + timedelta(seconds=-1))):
        with pytest.raises(NothingLeftToCertify):
            person_validity(FIVE, born, at, renewed_in_window=False, card_not_after=limits[0], not_past=limits[1])


@given(st.dates(date(2000, 1, 1), date(2060, 12, 31)), st.integers(-500, 500))
def test_the_age_of_fifteen_begins_with_the_birthday_in_japan(born: date, offset: int) -> None:
    try:
        fifteenth = born.replace(year=born.year + 15)
    except ValueError:
        fifteenth = date(born.year + 15, 2, 28)
    at = Instant.of_japan(fifteenth) + timedelta(days=offset)
    if offset < 0:
        with pytest.raises(TooYoung):
            check_age(FIVE, born, at)
        with pytest.raises(TooYoung):
            check_age(FIVE, born, Instant.of_japan(fifteenth) + timedelta(seconds=-1))
    else:
        check_age(FIVE, born, at)
    check_age(Birthdays(5, 6, 3, None), born, at)


@given(births, moments)
def test_the_renewal_window_opens_three_months_before_the_end(born: date, at: Instant) -> None:
    end = birthday_end(FIVE, born, at, False)
    window = renewal_window(FIVE, end)
    assert window.not_after == end
    assert window.contains(end)
    assert 89 <= (end.jst_date() - window.not_before.jst_date()).days <= 92
    assert not window.contains(window.not_before + timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("end", "opens"),
    [
        ("2030-05-31", "2030-02-28"),
        ("2032-05-31", "2032-02-29"),
        ("2030-02-17", "2029-11-17"),
        ("2030-03-31", "2029-12-31"),
    ],
)
def test_the_window_when_a_month_lacks_the_day(end: str, opens: str) -> None:
    window = renewal_window(FIVE, end_of_japanese_day(date.fromisoformat(end)))
    assert window == Validity(Instant.of_japan(date.fromisoformat(opens)), window.not_after)


@given(moments, st.integers(1, 30))
def test_a_root_never_lives_longer_than_its_years(at: Instant, years: int) -> None:
    end = years_end(Years(years), at)
    assert at + timedelta(days=365 * years - 2) < end
    assert end < at + timedelta(days=366 * years)


@pytest.mark.parametrize("variant", list(Variant))
@given(births, moments)
def test_a_root_outlives_whatever_it_issues_in_its_first_years(variant: Variant, born: date, at: Instant) -> None:
    root, leaf = PROFILES[Kind.ROOT, variant].lifetime, PROFILES[Kind.SIGNATURE, variant].lifetime
    assert isinstance(root, Years)
    assert isinstance(leaf, Birthdays)
    issued = at + timedelta(days=365 * (root.years - leaf.renewed - 1))
    assert birthday_end(leaf, born, issued, True) < years_end(root, at)
