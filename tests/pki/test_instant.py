"""Instants, legal days in Japan, and birthdays."""

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import InvalidValue
from pki.instant import Instant, Validity, anniversaries, end_of_japanese_day, years_later

EARLIEST, LATEST = (datetime(year, 1, 1) for year in (1900, 2200))  # noqa: DTZ001 -- hypothesis wants them bare


@given(st.datetimes(EARLIEST, LATEST))
def test_an_instant_is_the_second_a_moment_lies_in(moment: datetime) -> None:
    at = Instant.from_datetime(moment.replace(tzinfo=UTC))
    assert at.datetime == moment.replace(tzinfo=UTC, microsecond=0)
    assert Instant.parse(at.iso()) == at


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(InvalidValue):
        Instant.from_datetime(EARLIEST)
    with pytest.raises(InvalidValue):
        Instant.parse("2026-01-01T00:00:00")
    with pytest.raises(InvalidValue):
        Instant.parse("yesterday")


def test_a_legal_day_ends_at_14_59_59_utc() -> None:
    end = end_of_japanese_day(date(2026, 11, 23))
    assert end.iso() == "2026-11-23T14:59:59Z"
    assert (end.jst_date(), (end + timedelta(seconds=1)).jst_date()) == (date(2026, 11, 23), date(2026, 11, 24))


def test_both_ends_of_a_validity_count() -> None:
    validity = Validity(Instant(10), Instant(20))
    assert [validity.contains(Instant(second)) for second in (9, 10, 20, 21)] == [False, True, True, False]
    with pytest.raises(InvalidValue):
        Validity(Instant(2), Instant(1))


def test_birthdays_of_a_leap_day_fall_on_28_february_in_common_years() -> None:
    days = list(islice(anniversaries(date(2004, 2, 29), date(2026, 11, 23)), 3))
    assert days == [date(2027, 2, 28), date(2028, 2, 29), date(2029, 2, 28)]
    assert years_later(date(2024, 2, 29), 5) == date(2029, 2, 28)


@given(st.dates(date(1900, 1, 1), date(2020, 1, 1)), st.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_the_next_birthday_is_within_a_year(born: date, after: date) -> None:
    first, second = islice(anniversaries(born, after), 2)
    assert after < first <= years_later(after, 1) + timedelta(days=1)
    assert timedelta(days=365) <= second - first <= timedelta(days=366)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"])
def test_a_zone_that_leads_out_of_all_years_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Instant.parse(text)
    assert Instant.parse(text[:19] + "Z").iso() == text[:19] + "Z"


def test_instants_compare_copy_and_travel_as_the_seconds_they_are() -> None:
    one, two = Instant(1), Instant(2)
    assert one == Instant(1) != two
    assert hash(one) == hash(Instant(1))
    assert (one < two, one <= two, one > two, one >= two) == (True, True, False, False)
    assert one <= Instant(1) >= one
    assert one != 1
    with pytest.raises(TypeError):
        _ = one < 1
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
