"""The decision alone: limits, their order, days of Japan, and sentences to read aloud."""

from datetime import date, timedelta

import pytest

from enrollment.caps import ReasonCode, decide
from enrollment.counters import CounterKind
from enrollment.errors import LooserPolicy
from enrollment.events import GENESIS, EventId, EventKind, LedgerEvent
from enrollment.person import PersonId, age_at
from enrollment.policy import CapPolicy, parse_policy
from pki.errors import InvalidValue
from pki.instant import Instant

POLICY = CapPolicy("1", Instant.parse("2000-01-01T00:00:00Z"))


def history(*entries):
    """(kind, time) … → events; times as RFC 3339."""
    made, period, seq = [], 0, 0
    for position, (kind, at) in enumerate(entries):
        if kind is EventKind.ANCHOR:
            period, seq = period + 1, 0
        takes = kind.is_remote
        seq += takes
        made.append(
            LedgerEvent(
                PersonId("p"), position, EventId(f"e{position}"), "13113", kind, Instant.parse(at), period,
                seq if takes else None, 0, 3 if takes else None, "", "1", "a", "main", "ial3", (), None, GENESIS,
            )
        )  # fmt: skip
    return made


def move(*entries, at, policy=POLICY):
    return decide(policy, history(*entries), EventKind.REMOTE_MOVE, Instant.parse(at))


def test_the_years_end_with_the_last_second_of_the_anniversary_in_japan():
    seen = (EventKind.ANCHOR, "2021-11-23T14:59:59Z")  # 23 November, 23:59:59 in Japan
    assert move(seen, at="2026-11-23T14:59:59Z").allowed
    refused = move(seen, at="2026-11-23T15:00:00Z")
    assert [reason.code for reason in refused.reasons] == [ReasonCode.YEARS]
    assert refused.anchor_date == date(2021, 11, 23)
    assert refused.next_in_person_by == date(2026, 11, 23)
    assert refused.reasons[0].since == Instant.parse("2026-11-23T15:00:00Z")


def test_a_check_one_second_later_is_a_day_later_in_japan():
    seen = (EventKind.ANCHOR, "2021-11-23T15:00:00Z")
    assert move(seen, at="2026-11-24T14:59:59Z").allowed
    assert not move(seen, at="2026-11-24T15:00:00Z").allowed


def test_somebody_seen_on_29_february_has_until_28_february():
    seen = (EventKind.ANCHOR, "2024-02-28T15:00:00Z")
    decision = move(seen, at="2029-02-28T14:59:59Z")
    assert decision.allowed
    assert decision.next_in_person_by == date(2029, 2, 28)
    assert not move(seen, at="2029-02-28T15:00:00Z").allowed


def test_the_first_limit_met_is_told_first():
    entries = [(EventKind.ANCHOR, "2015-01-01T00:00:00Z")]
    entries += [(EventKind.REMOTE_MOVE, f"2015-0{month}-01T00:00:00Z") for month in (2, 3, 4)]
    both = move(*entries, at="2025-01-01T00:00:00Z")
    assert [reason.code for reason in both.reasons] == [ReasonCode.CONSECUTIVE, ReasonCode.YEARS]
    assert both.next_in_person_by == date(2015, 4, 1)


def test_an_event_leaves_the_window_on_its_anniversary():
    entries = []
    for year in (2015, 2016, 2017, 2018, 2019):
        entries += [(EventKind.ANCHOR, f"{year}-05-01T00:00:00Z"), (EventKind.REMOTE_MOVE, f"{year}-06-01T00:00:00Z")]
    entries.append((EventKind.ANCHOR, "2024-01-01T00:00:00Z"))
    assert [r.code for r in move(*entries, at="2025-05-31T14:59:59Z").reasons] == [ReasonCode.TOTAL]
    assert move(*entries, at="2025-05-31T15:00:00Z").allowed


def test_warnings_say_how_many_places_and_days_are_left():
    entries = [(EventKind.ANCHOR, "2022-01-01T00:00:00Z")]
    entries += [(EventKind.REMOTE_MOVE, "2022-02-01T00:00:00Z")] * 2
    warned = move(*entries, at="2026-12-01T00:00:00Z")
    assert warned.allowed
    assert [warning.code for warning in warned.warnings] == [ReasonCode.PLACES_SOON, ReasonCode.YEARS_SOON]
    assert not move(entries[0], at="2022-02-01T00:00:00Z").warnings


def test_every_reason_can_be_read_aloud_and_says_where_to_go():
    entries = [(EventKind.ANCHOR, "2015-01-01T00:00:00Z")]
    entries += [(EventKind.REMOTE_MOVE, "2016-02-01T00:00:00Z")] * 5
    told = [*move(*entries, at="2024-12-01T00:00:00Z").reasons, *move(at="2024-12-01T00:00:00Z").reasons]
    assert {reason.code for reason in told} == {
        ReasonCode.CONSECUTIVE, ReasonCode.YEARS, ReasonCode.TOTAL, ReasonCode.NEVER_SEEN,
    }  # fmt: skip
    for reason in told:
        assert reason.ja.endswith("。")
        assert reason.en.endswith(".")
        assert "窓口" in reason.where_ja
        assert "counter" in reason.where_en
        assert "{" not in reason.ja + reason.en


def test_what_the_policy_does_not_count_is_not_stopped():
    policy = CapPolicy("1", POLICY.effective_from, consumes=frozenset({EventKind.REMOTE_MOVE}), max_consecutive=0)
    events = history((EventKind.ANCHOR, "2022-01-01T00:00:00Z"))
    at = Instant.parse("2022-01-02T00:00:00Z")
    assert not decide(policy, events, EventKind.REMOTE_MOVE, at).allowed
    assert decide(policy, events, EventKind.REMOTE_RENEWAL, at).allowed


@pytest.mark.parametrize(
    ("field", "looser"),
    [
        ("max_consecutive", 4), ("max_years_since_anchor", 6), ("max_total", 6), ("total_window_years", 9),
        ("consumes", frozenset({EventKind.REMOTE_MOVE})), ("warn_places_left", 0), ("warn_days", 30),
    ],
)  # fmt: skip
def test_a_municipality_may_only_be_stricter(field, looser):
    theirs = CapPolicy("m", POLICY.effective_from, "13113", **{field: looser})
    assert theirs.loosened(POLICY) == (field,)
    with pytest.raises(LooserPolicy):
        theirs.require_not_looser(POLICY)


def test_stricter_in_every_field_is_fine():
    CapPolicy(
        "m", POLICY.effective_from, "13113", max_consecutive=1, max_years_since_anchor=3, max_total=2,
        total_window_years=15, anchors=frozenset({CounterKind.MUNICIPAL_MAIN}), municipal_every=2, warn_places_left=2,
        warn_days=180,
    ).require_not_looser(POLICY)  # fmt: skip


def test_a_policy_is_read_back_as_it_was_written():
    policy = CapPolicy("m", POLICY.effective_from, "13113", max_consecutive=1, municipal_every=2)
    assert parse_policy(policy.body()) == policy


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_consecutive": "3"}, {"max_consecutive": True}, {"max_consecutive": -1}, {"max_years_since_anchor": 0},
        {"anchors": ["kiosk"]}, {"anchors": ["moon"]}, {"consumes": ["anchor"]}, {"surprise": 1}, {"version": ""},
        {"effective_from": "yesterday"}, {"effective_from": None}, {"owner": 7},
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_by_name(wrong):
    with pytest.raises(InvalidValue):
        parse_policy({"version": "1", "effective_from": "2026-01-01T00:00:00Z", **wrong})


def test_age_counts_in_whole_years_of_japan():
    leap = date(2008, 2, 29)
    assert age_at(leap, date(2023, 2, 27)) == 14
    assert age_at(leap, date(2023, 2, 28)) == 15
    assert age_at(leap, date(2024, 2, 28)) == 15
    assert age_at(leap, date(2024, 2, 29)) == 16
    assert age_at(date(2010, 5, 1), date(2025, 4, 30)) == 14
    assert age_at(date(2010, 5, 1), date(2025, 5, 1)) == 15


def test_the_decision_as_data_carries_everything():
    decision = move((EventKind.ANCHOR, "2022-01-01T00:00:00Z"), at="2022-02-01T00:00:00Z")
    data = decision.to_json()
    assert data["allowed"] is True
    assert data["used"] == 0
    assert data["limit"] == 3
    assert data["next_in_person_by"] == "2027-01-01"
    assert data["policy"] == {"owner": "", "version": "1"}
    assert decision.left == 3
    later = Instant.parse("2022-02-01T00:00:00Z") + timedelta(days=1)
    assert decide(POLICY, history((EventKind.ANCHOR, "2022-01-01T00:00:00Z")), EventKind.REMOTE_MOVE, later).left == 3
