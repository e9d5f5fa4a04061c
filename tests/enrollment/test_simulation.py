"""The simulation over arrays says what the decision says person by person; a replay says what another cap had meant."""

import json
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cli.policy_picture import Axes, chart, draw_all, named, nice_top
from enrollment.caps import decide
from enrollment.events import GENESIS, EventId, EventKind, LedgerEvent
from enrollment.person import PersonId
from enrollment.policy import CapPolicy
from enrollment.population import Population
from enrollment.replay import distances, replay
from enrollment.simulation import Lives, Simulation, be_seen, judge, take_place, years_later_days
from pki.errors import InvalidValue
from pki.instant import Instant, years_later

START = Instant.parse("2026-01-01T00:00:00Z")
REMOTE = (EventKind.REMOTE_MOVE, EventKind.REMOTE_REISSUE, EventKind.REMOTE_RENEWAL)


def event(position, kind, day, channel="municipal-main", corrects=None):
    at = Instant.of_japan(day, 12)
    return LedgerEvent(
        PersonId("p"), position, EventId(f"{position}"), "13113", kind, at, 0, None, 0, None, "", "1", "a", channel, "",
        (), corrects, GENESIS,
    )  # fmt: skip


def days(*dates):
    return np.array([(one - date(1970, 1, 1)).days for one in dates], dtype=np.int32)


def test_years_later_over_arrays_is_years_later():
    dates = [date(2020, 2, 27) + timedelta(days=step) for step in range(1500)]
    for years in (1, 3, 4, 5, 10):
        assert years_later_days(days(*dates), years).tolist() == days(*(years_later(d, years) for d in dates)).tolist()


@pytest.mark.parametrize(
    "policy",
    [
        CapPolicy("default", START),
        CapPolicy("tight", START, max_consecutive=1, max_years_since_anchor=1, max_total=2, total_window_years=3),
        CapPolicy("none", START, max_consecutive=0),
        CapPolicy("total", START, max_consecutive=50, max_total=3, total_window_years=2),
        CapPolicy("nothing at all", START, max_total=0),
        CapPolicy("moves alone", START, max_consecutive=1, consumes=frozenset({EventKind.REMOTE_MOVE})),
        CapPolicy("no moves", START, consumes=frozenset({EventKind.REMOTE_REISSUE, EventKind.REMOTE_RENEWAL})),
    ],
    ids=lambda policy: policy.version,
)
def test_every_verdict_is_the_one_that_decide_gives(policy):
    chance = np.random.default_rng(7)
    people = 40
    begin = date(2024, 2, 20)
    lives = Lives.begin(policy, days(*[begin] * people))
    histories = [[event(0, EventKind.ANCHOR, begin)] for _ in range(people)]
    today = begin
    for _ in range(60):
        today += timedelta(days=int(chance.integers(0, 90)))
        who = np.flatnonzero(chance.random(people) < 0.4)
        kind = list(REMOTE)[int(chance.integers(0, 3))]
        verdicts = judge(lives, who, np.full(who.size, days(today)[0], dtype=np.int32), kind)
        for index, person in enumerate(who):
            decision = decide(policy, histories[person], kind, Instant.of_japan(today, 12))
            assert decision.allowed == bool(verdicts.allowed[index])
            codes = {reason.code.value for reason in decision.reasons}
            assert ("cap.consecutive" in codes) == bool(verdicts.consecutive[index])
            assert ("cap.years" in codes) == bool(verdicts.years[index])
            assert ("cap.total" in codes) == bool(verdicts.total[index])
        remote = verdicts.allowed & (chance.random(who.size) < 0.8)
        for selected, done in ((remote, kind), (~remote, EventKind.ANCHOR)):
            when = np.full(int(selected.sum()), days(today)[0], dtype=np.int32)
            if done is EventKind.ANCHOR:
                be_seen(lives, who[selected], when)
            else:
                take_place(lives, who[selected], when, done)
            for person in who[selected]:
                histories[person].append(event(len(histories[person]), done, today))


def test_the_same_seed_tells_the_same_story_and_another_another():
    population = Population(people=2000, years=2)
    policies = [CapPolicy("a", START), CapPolicy("b", START, max_consecutive=1)]
    told = [list(Simulation(population, policies, seed).months()) for seed in (1, 1, 2)]
    assert told[0] == told[1] != told[2]
    assert len(told[0]) == 2 * 24


def test_people_move_as_often_as_the_parameters_say():
    population = Population(people=60_000, years=4, moves_per_year=0.1)
    months = list(Simulation(population, [CapPolicy("a", START)], 3).months())
    per_year = sum(month.moves for month in months) / population.people / population.years
    assert 0.095 < per_year < 0.105
    march = sum(month.moves for month in months if month.month.endswith("-03"))
    november = sum(month.moves for month in months if month.month.endswith("-11"))
    assert 3 < march / november < 4.5


def test_a_tighter_cap_sends_more_people_and_keeps_them_closer():
    population = Population(people=20_000, years=6, moves_per_year=0.4)
    policies = [CapPolicy(f"n{n}", START, max_consecutive=n, max_total=100) for n in (1, 3)]
    simulation = Simulation(population, policies, 5)
    months = list(simulation.months())
    refused = {p.version: sum(m.refused for m in months if m.policy == p.version) for p in policies}
    assert refused["n1"] > refused["n3"] > 0
    last = {month.policy: month for month in months}
    assert last["n1"].distance_median_days < last["n3"].distance_median_days
    assert all(sum(counts) == population.people for counts in simulation.distances().values())


def test_every_month_adds_up():
    for month in Simulation(Population(people=5000, years=3), [CapPolicy("a", START)], 9).months():
        wished = month.moves + month.reissues + month.renewals
        assert month.remote + month.counter_visits + month.post_office_visits == wished
        assert month.refused <= month.counter_visits + month.post_office_visits
        assert max(month.refused_consecutive, month.refused_years, month.refused_total) <= month.refused
        assert 0 <= month.distance_median_days <= month.distance_p90_days


def test_renewals_from_afar_take_places_and_nobody_is_seen_by_them():
    def last(**assumed):
        population = Population(people=20_000, years=6, moves_per_year=0.0, **assumed)
        return list(Simulation(population, [CapPolicy("a", START)], 5).months())[-1]

    seen = last(reissues_per_year=0.0)
    afar = last(reissues_per_year=0.0, renewal_online_share=1.0)
    assert (seen.remote, seen.at_cap, afar.counter_visits + afar.post_office_visits > 0) == (0, 0, True)
    assert afar.remote + afar.refused == afar.renewals
    assert afar.distance_p90_days > seen.distance_p90_days
    reissued = last(reissues_per_year=0.9)
    assert reissued.reissues > 0
    assert reissued.refused_consecutive > 0


@pytest.mark.parametrize(
    ("windows", "load", "minutes"),
    [(1, 0.5, 20.0), (1, 0.9, 180.0), (2, 0.5, 20 / 3), (4, 0.8, 14.91)],
)
def test_waiting_is_as_erlang_says(windows, load, minutes):
    """M/M/1 waits ρ/(1-ρ) service times; M/M/2 at a half a third of one; Erlang C's tables give 0.5964 for 4 at 0.8."""
    population = Population(windows=windows, minutes=20.0)
    assert population.waiting_minutes(round(load * population.desk_capacity)) == pytest.approx(minutes, rel=0.01)
    assert population.waiting_minutes(0) == 0


def test_more_people_sent_to_a_counter_wait_longer():
    policies = [CapPolicy("never", START, max_consecutive=0), CapPolicy("often", START, max_consecutive=9)]
    population = Population(people=30_000, years=2, moves_per_year=0.4)
    months = list(Simulation(population, policies, 5).months())
    mean = {p.version: np.mean([m.waiting_minutes for m in months if m.policy == p.version]) for p in policies}
    assert mean["never"] > mean["often"] > 0


def test_what_consumes_nothing_is_never_refused():
    moves_alone = CapPolicy("a", START, consumes=frozenset({EventKind.REMOTE_MOVE}))
    population = Population(people=5000, years=3, moves_per_year=0.0, reissues_per_year=2.0)
    months = list(Simulation(population, [moves_alone], 5).months())
    assert sum(month.refused for month in months) == 0 < sum(month.reissues for month in months)


def test_a_replay_under_the_same_policy_refuses_nothing_that_was_accepted():
    events = [event(0, EventKind.ANCHOR, date(2026, 1, 5))]
    events += [event(n, EventKind.REMOTE_MOVE, date(2026, n + 1, 5)) for n in (1, 2, 3)]
    same = replay([events], [CapPolicy("same", START)])
    assert sum(month.refused for month in same) == 0
    assert sum(month.remote for month in same) == 3
    assert same[-1].at_cap == 1


def test_a_replay_under_a_tighter_policy_names_whom_it_had_sent():
    events = [event(0, EventKind.ANCHOR, date(2026, 1, 5), "post-office")]
    events += [event(n, EventKind.REMOTE_MOVE, date(2026, n + 1, 5)) for n in (1, 2, 3)]
    told = []
    tight = replay([events], [CapPolicy("tight", START, max_consecutive=1)], lambda *heard: told.append(heard))
    assert told == [(1, 1)]
    assert [(month.month, month.refused) for month in tight if month.refused] == [("2026-03", 1)]
    assert tight[0].post_office_visits == 1
    assert tight[2].counter_visits == 1
    assert tight[-1].remote == 1  # seen in March in this story, so April may be remote


def test_what_was_corrected_never_happened_in_a_replay():
    events = [event(0, EventKind.ANCHOR, date(2026, 1, 5)), event(1, EventKind.REMOTE_MOVE, date(2026, 2, 5))]
    events.append(event(2, EventKind.CORRECTION, date(2026, 2, 6), corrects=EventId("1")))
    assert sum(month.remote for month in replay([events], [CapPolicy("same", START)])) == 0
    assert distances([events], Instant.of_japan(date(2026, 8, 1))) == [0, 0, 1]
    assert replay([], [CapPolicy("same", START)]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": 0}, {"years": 51}, {"seasons": (1.0,)}, {"online_share": 1.1}, {"household": 0.5},
        {"age_rates": (1.0,)}, {"desk_headroom": 0.0}, {"reissues_per_year": -0.1}, {"windows": 0},
        {"renewal_online_share": 2.0},
    ],
)  # fmt: skip
def test_impossible_assumptions_are_refused(wrong):
    with pytest.raises(InvalidValue):
        Population(**wrong)


def test_the_pictures_are_xml_and_say_what_they_show(tmp_path):
    policies = [CapPolicy("<a> & b", START), CapPolicy("c", START, max_consecutive=1)]
    simulation = Simulation(Population(people=500, years=1), policies, 1)
    months = list(simulation.months())
    written = draw_all(tmp_path, months, simulation.distances(), "from a test")
    for name in written[1::2]:
        octets = (tmp_path / name).read_bytes()
        assert octets[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = (int.from_bytes(octets[start : start + 4]) for start in (16, 20))
        assert (width, height) == (1920, 840)
    for name in written[::2]:
        root = ET.fromstring((tmp_path / name).read_text("utf-8"))
        texts = [part.text for part in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "<a> & b" in texts
        assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2
        assert "from a test" in texts
        assert {"人 / people", "件 / procedures", "分 / minutes", "日 / days", "年 / years"} & set(texts), "its unit"
        assert {"年月 / month", "年 / years"} & set(texts)
    assert ET.fromstring(chart(Axes("empty", "", ""), [], {}))  # nothing to draw is no error


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1), (1, 1), (1.1, 1.2), (3, 3.2), (990, 1000), (1001, 1200), (0.03, 0.032)]
)
def test_axes_end_at_round_numbers(largest, top):
    assert nice_top(largest) == pytest.approx(top)


@pytest.mark.parametrize("largest", [0.011, 0.3, 1, 1.1, 3, 7, 33, 990, 12_345])
def test_the_steps_of_an_axis_are_written_differently(largest):
    root = ET.fromstring(chart(Axes("t", "u", "a"), ["x"], {"p": [largest]}))
    ends = [one.text for one in root.iter() if one.get("text-anchor") == "end"][-5:]
    steps = [float(str(text).replace(",", "")) for text in ends]
    assert steps == pytest.approx([nice_top(largest) * step / 4 for step in range(5)])


def test_long_names_of_policies_go_on_below_and_are_cut_visibly():
    assert named("short") == ["short"]
    assert named("twice in three years") == ["twice in three years"]
    assert named("２年に２回まで（郵便局も可・試案その三）") == ["２年に２回まで（郵便", "局も可・試案その三）"]
    assert named("２年に２回まで（郵便局も可・試案その三の二）") == ["２年に２回まで（郵便", "局も可・試案その三…"]


def test_policies_that_differ_only_by_name_behave_alike():
    one = CapPolicy("one", START)
    months = list(Simulation(Population(people=1000, years=1), [one, replace(one, version="two")], 4).months())
    assert [replace(m, policy="") for m in months[::2]] == [replace(m, policy="") for m in months[1::2]]


TOML = 'version = "{}"\neffective_from = "2026-01-01T00:00:00Z"\nmax_consecutive = {}\n'


def run(*arguments):
    from typer.testing import CliRunner

    from cli.policy import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_writes_a_table_and_pictures(tmp_path):
    for n in (1, 3):
        (tmp_path / f"n{n}.toml").write_text(TOML.format(f"n{n}", n))
    (tmp_path / "people.toml").write_text("moves_per_year = 0.3\nonline_share = 1.0\n")
    out = tmp_path / "out"
    done = run(
        "simulate", "--people", 3000, "--years", 2, "--policy", tmp_path / "n1.toml", "--policy", tmp_path / "n3.toml",
        "--random-seed", 1, "--population", tmp_path / "people.toml", "--out", out, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["policies"]["n1"]["refused"] > told["policies"]["n3"]["refused"]
    lines = (out / "summary.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 24
    assert lines[0].startswith("policy,month,moves,reissues,renewals,remote,refused")
    assert {path.name for path in out.iterdir()} == {*told["pictures"], "summary.csv"}
    assert {path.stem for path in out.glob("*.svg")} == {path.stem for path in out.glob("*.png")}


def test_check_and_diff_from_the_command_line(tmp_path):
    for n in (2, 4):
        (tmp_path / f"n{n}.toml").write_text(TOML.format(f"n{n}", n))
    assert run("check", tmp_path / "n2.toml", "--common", tmp_path / "n4.toml").exit_code == 0
    refused = run("check", tmp_path / "n4.toml", "--common", tmp_path / "n2.toml")
    assert refused.exception.code == "enrollment.looser-policy"
    changes = json.loads(run("diff", tmp_path / "n2.toml", tmp_path / "n4.toml", "--json").output)["changes"]
    assert {change["field"]: change["direction"] for change in changes} == {
        "max_consecutive": "looser",
        "version": "other",
    }
    (tmp_path / "wrong.toml").write_text("version = ")
    assert run("check", tmp_path / "wrong.toml").exception.code == "pki.malformed"


def test_two_policies_of_one_name_are_refused(tmp_path):
    (tmp_path / "a.toml").write_text(TOML.format("same", 1))
    out = tmp_path / "out"
    refused = run("simulate", "--policy", tmp_path / "a.toml", "--policy", tmp_path / "a.toml", "--out", out)
    assert refused.exception.code == "pki.invalid-value"
    assert not out.exists()
