"""The harness of alarms: its rivals are what they are said to be, and a small run keeps the bounds."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import alarm_tables, alarms, rules
from benchmarks.alarm_sites import HOSTS, site

RUNS = 12


@pytest.fixture(scope="module")
def found():
    return alarms.measure(RUNS, seed=7)


def shares(found, kind, measure, **where):
    return [
        row[measure]
        for row in alarms.cells(found, kind)
        if row["rule"] == alarms.OURS and all(row[name] == value for name, value in where.items())
    ]


def test_a_small_run_keeps_the_bounds(found):
    assert statistics.mean(shares(found, "volume", "false alarms")) < 0.01
    assert statistics.mean(shares(found, "volume", "outage")) > 0.97
    assert shares(found, "volume", "-50 %", weeks=8, events_a_day="300")[0] >= 0.8
    assert min(shares(found, "volume", "-50 %", events_a_day="demo")) == 1
    assert min(shares(found, "volume", "fading", events_a_day="demo")) >= 0.9
    assert statistics.mean(shares(found, "conversion", "false alarms")) < 0.01
    assert min(shares(found, "conversion", "broken form", events_a_day="10,000")) == 1
    assert 0.92 < statistics.mean(shares(found, "conversion", "interval")) < 0.98


def test_a_small_run_agrees_with_the_numbers_that_are_kept(found):
    kept = json.loads(alarm_tables.KEPT.read_text(encoding="utf-8"))
    mine = json.loads(json.dumps(alarm_tables.as_json(found, RUNS, 7)))
    compared = 0
    for kind in ("volume", "conversion"):
        for one, other in zip(mine[kind], kept[kind], strict=True):
            for measure, share in one.items():
                if not isinstance(share, float):
                    assert share == other[measure]
                    continue
                # Days of one site are alike, so that its runs count and not its days; one odd run is no contradiction.
                usual = min(max(other[measure], 0.01), 0.99)
                assert abs(share - other[measure]) <= 3.9 * (usual * (1 - usual) / RUNS) ** 0.5 + 1 / RUNS, (one, other)
                compared += 1
    assert compared > 300
    assert [row["site"] for row in mine["outside"]] == [row["site"] for row in kept["outside"]]


def test_the_same_seed_gives_the_same_numbers():
    one, other = (alarm_tables.as_json(alarms.measure(1, seed=3), 1, 3) for _ in range(2))
    assert one == other
    assert json.loads(json.dumps(one)) == one


def test_the_command_prints_numbers_and_tables(capsys):
    command.main(["alarms", "--runs", "1", "--seed", "2", "--json"])
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["runs"], numbers["seed"]) == (1, 2)
    rows = len(HOSTS) * len(alarms.RULES) * len(alarms.WEEKS)
    assert [len(numbers[kind]) for kind in ("volume", "conversion")] == [rows, rows]
    command.main(["alarms", "--runs", "1", "--seed", "2"])
    assert capsys.readouterr().out.startswith("1 runs a cell, seed 2; per cent, with 4 / 8 weeks of history")


def test_a_simulated_site_is_as_it_is_said_to_be():
    worlds = [site(np.random.default_rng(seed), 8, seed) for seed in range(40)]
    for number, mean in enumerate((30, 300, 10_000)):
        first_weeks = [world.events[number, :28].mean() for world in worlds]
        assert 0.9 < statistics.median(first_weeks) / mean < 1.15
    weekend = [
        world.means[:, [at for at in range(84) if world.day(at).weekday() >= 5 and world.day(at) not in world.days_off]]
        for world in worlds
    ]
    ratio = [each.mean(axis=1) / world.means.mean(axis=1) for each, world in zip(weekend, worlds, strict=True)]
    assert np.all((np.median(ratio, axis=0) > 0.5) & (np.median(ratio, axis=0) < 0.75))
    off = statistics.mean(len(world.days_off) / 84 for world in worlds)
    assert 1 / 60 < off < 1 / 15
    assert 0.028 < np.mean([world.signups.sum() / world.events.sum() for world in worlds]) < 0.032


DAYS = [1170, 1200, 1190, 1160, 1080, 600, 600] * 8


@pytest.mark.parametrize("today", [0, 600, 900, 1190, 1300, 5000])
def test_the_rivals_are_what_they_are_said_to_be(today):
    series = [*DAYS, today]

    def told(name):
        return bool(rules.RIVALS[name](np.array([series], dtype=float))[0])

    training = series[-14:]
    assert told("Elementary, default") == (abs(today - statistics.mean(training)) > 3 * statistics.stdev(training))
    same = [series[-1 - 7 * week] for week in range(1, 9)]
    assert told("Elementary, weekday, day excluded") == (
        abs(today - statistics.mean(same)) > 3 * statistics.stdev(same)
    )
    for tolerance in (20, 50):
        assert told(f"week over week +-{tolerance} %") == (abs(today / series[-8] - 1) > tolerance / 100)


def test_elementarys_default_does_not_see_an_outage_where_weekends_are_quiet():
    assert not rules.elementary_default(np.array([[*DAYS, 0]], dtype=float))[0]
