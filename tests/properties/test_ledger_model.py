"""The ledger under random stories, against a model of a few lines that shares no code with it."""

from datetime import UTC, datetime, timedelta, timezone
from secrets import token_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment import ledger, rules
from enrollment.errors import CapReached, NotReversible
from enrollment.events import EventKind
from enrollment.ledger import Happening
from enrollment.policy import CapPolicy
from enrollment.store import ledger as rows
from pki.instant import Instant
from tests.enrollment.town import found, resident

JST = timezone(timedelta(hours=9))
BEGIN = Instant.parse("2016-02-28T14:00:00Z")
REMOTE = {EventKind.REMOTE_MOVE, EventKind.REMOTE_REISSUE, EventKind.REMOTE_RENEWAL}


def day(at):
    return datetime.fromtimestamp(at.seconds, UTC).astimezone(JST).date()


def plus(date, years):
    year = date.year + years
    if (date.month, date.day) == (2, 29) and year % 4:
        return date.replace(year=year, day=28)
    return date.replace(year=year)


class Model:
    """What may be done, from a plain list of what happened."""

    def __init__(self, consecutive=3, years=5, total=5, window=10, counted=REMOTE):
        self.caps = consecutive, years, total, window
        self.counted = counted
        self.live = []

    def allowed(self, kind, at):
        if kind not in self.counted:
            return True
        consecutive, years, total, window = self.caps
        seen = [index for index, (kind, _, _) in enumerate(self.live) if kind is EventKind.ANCHOR]
        if not seen:
            return False
        since = [one for one in self.live[seen[-1] + 1 :] if one[0] in self.counted]
        recent = [one for one in self.live if one[0] in self.counted and plus(day(one[1]), window) > day(at)]
        in_time = day(at) <= plus(day(self.live[seen[-1]][1]), years)
        return len(since) < consecutive and len(recent) < total and in_time


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*EventKind, EventKind.REMOTE_MOVE, EventKind.REMOTE_MOVE, EventKind.ANCHOR]),
        st.integers(0, 9),
        st.sampled_from([0, 1, 3600, 86_399, 86_400, 40 * 86_400, 366 * 86_400, 3 * 365 * 86_400]),
    ),
    max_size=25,
)


@pytest.fixture(scope="module", params=[REMOTE, REMOTE - {EventKind.REMOTE_RENEWAL}], ids=["all", "renewals-free"])
def counting(request, tmp_path_factory):
    """(a town, the kinds that its policy counts)."""
    from cli.database import Database

    database = Database(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db")
    database.migrate()
    policy = CapPolicy("counting", Instant.parse("2015-01-01T00:00:00Z"), consumes=frozenset(request.param))
    database.transaction(lambda conn: found(conn, policy))
    yield database, request.param
    database.engine.dispose()


@settings(max_examples=40)
@given(steps=STEPS)
def test_random_stories_agree_with_the_model(counting, steps):
    place, counted = counting
    random = token_bytes  # the same story may be told twice, by two people
    person = place.transaction(lambda conn: resident(conn, random))
    model, at, everything = Model(counted=counted), BEGIN, []
    for kind, pick, pause in steps:
        at = at + timedelta(seconds=pause)
        corrects = everything[pick % len(everything)].event if everything and kind is EventKind.CORRECTION else None
        if kind is EventKind.CORRECTION and corrects is None:
            continue
        what = Happening(person, kind, actor="somebody", corrects=corrects)
        expected = model.allowed(kind, at)
        try:
            event, decision = place.transaction(lambda conn, w=what, t=at: ledger.record(conn, w, t, random))
        except CapReached:
            assert not expected
            continue
        except NotReversible:
            assert corrects not in [one[2] for one in model.live]
            continue
        assert expected
        everything.append(event)
        if kind is EventKind.CORRECTION:
            model.live = [one for one in model.live if one[2] != corrects]
        else:
            model.live.append((kind, at, event.event))
        if kind in counted:
            assert event.seq + event.adjustment == decision.used <= event.cap == 3
        else:
            assert (event.seq, event.cap) == (None, None)
    stored = place.read(lambda conn: rows.events_of(conn, person))
    assert list(stored) == everything
    taken = [(one.anchor, one.seq) for one in stored if one.seq is not None]
    assert len(taken) == len(set(taken))
    assert place.read(lambda conn: ledger.verify(rows.events_of(conn, person), rows.stored_hashes(conn, person))) == ()


@given(
    consecutive=st.integers(0, 6), years=st.integers(1, 8), total=st.integers(0, 8), window=st.integers(1, 12),
    counted=st.frozensets(st.sampled_from(sorted(REMOTE))), steps=STEPS,
)  # fmt: skip
@settings(max_examples=60)
def test_any_policy_agrees_with_the_model(consecutive, years, total, window, counted, steps):
    from enrollment.caps import decide
    from enrollment.events import GENESIS, EventId, LedgerEvent

    policy = CapPolicy(
        "p",
        BEGIN,
        max_consecutive=consecutive,
        max_years_since_anchor=years,
        max_total=total,
        total_window_years=window,
        consumes=counted,
    )
    model, at, events = Model(consecutive, years, total, window, counted), BEGIN, []
    for position, (kind, pick, pause) in enumerate(steps):
        at = at + timedelta(seconds=pause)
        corrects = None
        if kind is EventKind.CORRECTION:
            reversible = [one for one in events if one.kind is not kind and one.event in [e[2] for e in model.live]]
            if not reversible:
                continue
            corrects = reversible[pick % len(reversible)].event
            model.live = [one for one in model.live if one[2] != corrects]
        if kind in REMOTE:
            assert decide(policy, events, kind, at).allowed == model.allowed(kind, at)
            if not model.allowed(kind, at):
                continue
        events.append(
            LedgerEvent(
                "p", len(events), EventId(str(position)), "13113", kind, at, 0, None, 0, None, "", "p", "a", "", "", (),
                corrects, GENESIS,
            )
        )  # fmt: skip
        if corrects is None:
            model.live.append((kind, at, str(position)))
    for kind in REMOTE:
        assert decide(policy, events, kind, at).allowed == model.allowed(kind, at)


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "max_consecutive": st.integers(0, 9), "max_years_since_anchor": st.integers(1, 9),
            "max_total": st.integers(0, 9), "total_window_years": st.integers(1, 20),
        },
    ),
    steps=STEPS,
)  # fmt: skip
@settings(max_examples=60)
def test_a_policy_that_is_not_looser_never_allows_what_the_common_one_refuses(fields, steps):
    from enrollment.caps import decide
    from enrollment.events import GENESIS, EventId, LedgerEvent

    common, theirs = CapPolicy("c", BEGIN), CapPolicy("t", BEGIN, "13113", **fields)
    if theirs.loosened(common):
        return
    at, events = BEGIN, []
    for position, (kind, _, pause) in enumerate(steps):
        at = at + timedelta(seconds=pause)
        if kind is EventKind.CORRECTION:
            continue
        if kind in REMOTE and decide(theirs, events, kind, at).allowed:
            assert decide(common, events, kind, at).allowed
        events.append(
            LedgerEvent(
                "p", position, EventId(str(position)), "13113", kind, at, 0, None, 0, None, "", "p", "a", "", "", (),
                None, GENESIS,
            )
        )  # fmt: skip


def test_two_policies_in_one_town_and_when_they_hold():
    common = CapPolicy("later", Instant.parse("2030-01-01T00:00:00Z"), max_consecutive=2)
    theirs = CapPolicy("own", Instant.parse("2027-01-01T00:00:00Z"), "13113", max_consecutive=1)
    policies = (CapPolicy("first", BEGIN), common, theirs)
    assert rules.pick(policies, "13113", Instant.parse("2016-01-01T00:00:00Z")) is None
    assert rules.pick(policies, "13113", Instant.parse("2026-12-31T23:59:59Z")).version == "first"
    assert rules.pick(policies, "13113", Instant.parse("2031-01-01T00:00:00Z")).version == "own"
    assert rules.pick(policies, "14104", Instant.parse("2031-01-01T00:00:00Z")).version == "later"
