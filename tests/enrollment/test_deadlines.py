"""Legal days in Japan: holidays, the days of offices, and until when a move may be told."""

from datetime import date, timedelta

import pytest

from enrollment import workdays
from enrollment.channels import Procedure
from enrollment.deadline import card_continued_by, in_person_by, online_window, transfer_in_by
from enrollment.errors import FilingTooEarly, FilingTooLate
from pki.instant import Instant

HOLIDAYS_2026 = {
    date(2026, month, day)
    for month, day in (
        (1, 1), (1, 12), (2, 11), (2, 23), (3, 20), (4, 29), (5, 3), (5, 4), (5, 5), (5, 6), (7, 20), (8, 11),
        (9, 21), (9, 22), (9, 23), (10, 12), (11, 3), (11, 23),
    )
}  # fmt: skip
"""As the Cabinet Office announced them on 2025-02-03: with a substitute for 3 May, and 22 September between two."""


def test_the_holidays_of_a_year_are_those_announced():
    every = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    assert {day for day in every if workdays.is_holiday(day)} == HOLIDAYS_2026


@pytest.mark.parametrize(
    ("day", "spring", "autumn"),
    [(2024, 20, 22), (2025, 20, 23), (2027, 21, 23), (2028, 20, 22), (2044, 20, 22), (2099, 20, 23)],
)
def test_equinoxes_are_computed(day, spring, autumn):
    assert next(one for one in range(15, 28) if workdays.is_holiday(date(day, 3, one))) == spring
    assert workdays.is_holiday(date(day, 9, autumn))


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2026, 11, 23), date(2026, 11, 24)),  # a holiday on a Monday
        (date(2026, 11, 21), date(2026, 11, 24)),  # Saturday before it
        (date(2026, 12, 29), date(2027, 1, 4)),  # offices close over the new year
        (date(2026, 5, 2), date(2026, 5, 7)),  # a Saturday, then four holidays
        (date(2026, 9, 19), date(2026, 9, 24)),
        (date(2026, 11, 24), date(2026, 11, 24)),
    ],
)
def test_the_next_day_with_offices(day, opens):
    assert workdays.on_or_after(day) == opens


def test_noon_of_the_next_working_day_is_noon_in_japan():
    friday = Instant.parse("2026-11-20T14:59:59Z")  # one second before Saturday in Japan
    assert workdays.next_noon(friday) == Instant.parse("2026-11-24T03:00:00Z")
    assert workdays.next_noon(Instant.parse("2026-11-23T15:00:00Z")) == Instant.parse("2026-11-25T03:00:00Z")
    assert workdays.next_noon(Instant.parse("2026-12-28T03:00:00Z")) == Instant.parse("2027-01-04T03:00:00Z")


def told(procedure, moved_on, day, planned_on=None):
    online_window(procedure, moved_on, planned_on).require(Instant.of_japan(day, 12))


MOVED = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("procedure", "planned", "first", "last"),
    [
        (Procedure.MOVE_OUT, None, date(2026, 5, 11), date(2026, 6, 20)),
        (Procedure.MOVE_WITHIN, None, MOVED, date(2026, 6, 24)),
        (Procedure.MOVE_IN, None, MOVED, date(2026, 6, 20)),  # both told at once: the shorter time
        (Procedure.MOVE_IN, MOVED, MOVED, date(2026, 6, 24)),
        (Procedure.MOVE_IN, date(2026, 5, 20), MOVED, date(2026, 6, 19)),  # thirty days after the plan come first
    ],
)
def test_a_move_is_told_online_on_these_days(procedure, planned, first, last):
    told(procedure, MOVED, first, planned)
    told(procedure, MOVED, last, planned)
    with pytest.raises(FilingTooEarly) as early:
        told(procedure, MOVED, first - timedelta(days=1), planned)
    assert early.value.opens == first
    with pytest.raises(FilingTooLate) as late:
        told(procedure, MOVED, last + timedelta(days=1), planned)
    assert late.value.until == last


def test_a_legal_period_that_ends_on_a_closed_day_ends_on_the_next_open_one():
    assert in_person_by(date(2026, 11, 9)) == date(2026, 11, 24)  # 23 November is a holiday
    assert in_person_by(date(2026, 12, 16)) == date(2027, 1, 4)
    assert transfer_in_by(date(2026, 11, 29)).jst_date() == date(2027, 1, 4)
    assert card_continued_by(date(2026, 2, 5)) == Instant.parse("2026-05-07T14:59:59Z")  # 6 May is a substitute


def test_days_are_days_in_japan_whatever_the_hour():
    last = Instant.parse("2026-06-24T14:59:59Z")
    online_window(Procedure.MOVE_WITHIN, MOVED).require(last)
    with pytest.raises(FilingTooLate):
        online_window(Procedure.MOVE_WITHIN, MOVED).require(last + timedelta(seconds=1))


def test_the_29th_of_february_and_a_window_over_it():
    told(Procedure.MOVE_OUT, date(2028, 3, 30), date(2028, 2, 29))
    told(Procedure.MOVE_WITHIN, date(2028, 2, 29), date(2028, 3, 14))
    with pytest.raises(ValueError):
        online_window(Procedure.RENEWAL, MOVED)
