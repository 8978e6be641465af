"""Volume: outages are seen, ordinary days are not; what cannot be told is said to be so, and why."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from growth_assets.checks import volume
from growth_assets_tests.checks.judged_days import DAY, DS, before, traffic, volumes


def judged(hosts, days_off=()):
    return {row["dim_hostname"]: row for row in volume.judge(volumes(hosts), DS, days_off).to_dicts()}


def test_an_ordinary_day_is_ok_and_has_its_range():
    row = judged({"www.xx.com": traffic(300)})["www.xx.com"]
    assert (row["state"], row["reason"]) == ("ok", "")
    assert row["low"] < row["m_events"] < row["high"]
    assert abs(row["expected"] / 360 - 1) < 0.1


@pytest.mark.parametrize("weeks", [4, 8])
@pytest.mark.parametrize("mean", [30, 300, 10_000])
def test_a_host_without_any_row_is_breached(mean, weeks):
    gone = traffic(mean, weeks)
    gone[0] = 0
    rows = judged({"www.xx.com": traffic(1000, weeks, seed=2), "www.xxx.com": gone})
    assert rows["www.xx.com"]["state"] == "ok"
    assert (rows["www.xxx.com"]["state"], rows["www.xxx.com"]["m_events"]) == ("breached", 0)
    assert rows["www.xxx.com"]["reason"].startswith("no events")


def test_a_day_without_any_row_breaches_every_host():
    hosts = {name: traffic(300, seed=seed) | {0: 0} for seed, name in enumerate(("www.xx.com", "www.xxx.com"))}
    assert [row["state"] for row in judged(hosts).values()] == ["breached", "breached"]


def test_half_a_day_is_seen_and_so_is_twice_a_day():
    for times, word in ((0.5, "fewer"), (2, "more")):
        counts = traffic(300)
        counts[0] = int(counts[0] * times)
        row = judged({"www.xx.com": counts})["www.xx.com"]
        assert row["state"] == "breached"
        assert f"{counts[0]} events, {word} than usual" in row["reason"]


def test_past_incidents_are_kept_out_of_the_baseline():
    clean, dirty = traffic(300), traffic(300)
    # Two Tuesdays lost, three days doubled, and the day before the judged one gone.
    for age, times in {7: 0, 21: 0.1, 30: 2, 31: 2, 32: 2, 1: 0}.items():
        dirty[age] = int(dirty[age] * times)
    plain, robust = (judged({"www.xx.com": counts})["www.xx.com"] for counts in (clean, dirty))
    assert abs(robust["expected"] / plain["expected"] - 1) < 0.08
    assert (robust["high"] - robust["low"]) < 1.4 * (plain["high"] - plain["low"])


def test_the_judged_day_has_no_part_in_its_own_baseline():
    counts = traffic(300)
    rows = [judged({"www.xx.com": counts | {0: today}})["www.xx.com"] for today in (1, 300, 90_000)]
    assert len({(row["expected"], row["low"], row["high"]) for row in rows}) == 1


@pytest.mark.parametrize(("days", "state"), [(3, "cannot_tell"), (13, "cannot_tell"), (22, "ok"), (28, "ok")])
def test_judging_begins_in_the_fourth_week(days, state):
    counts = {age: n for age, n in traffic(300).items() if age <= days}
    row = judged({"www.xx.com": counts})["www.xx.com"]
    assert row["state"] == state
    if state == "cannot_tell":
        assert "too little history" in row["reason"]
        assert "Tuesday" in row["reason"]
        assert row["expected"] is row["low"] is row["high"] is None


def test_an_outage_after_one_week_is_told_without_a_range():
    counts = {age: n for age, n in traffic(300).items() if age <= 8} | {0: 0}
    row = judged({"www.xx.com": counts})["www.xx.com"]
    assert (row["state"], row["low"]) == ("breached", None)
    assert row["reason"] == "no events; 8 of 8 days before had 20 or more"


def test_a_host_too_small_for_any_outage_to_show_cannot_be_told():
    row = judged({"www.xx.com": traffic(1000), "tiny.xx.com": traffic(1, seed=3)})["tiny.xx.com"]
    assert row["state"] == "cannot_tell"
    assert row["reason"].startswith("too small")
    assert row["low"] == 0


def test_a_new_host_is_told_as_new():
    row = judged({"www.xx.com": traffic(300), "new.xx.com": {0: 40}})["new.xx.com"]
    assert (row["state"], row["reason"]) == ("cannot_tell", "too little history: first seen on this day")


@pytest.mark.parametrize("since", [0, 1])
def test_a_renamed_host_is_told_on_both_names(since):
    counts = traffic(300)
    old = {age: n for age, n in counts.items() if age > since}
    new = {age: n for age, n in counts.items() if age <= since}
    rows = judged({"www.xx.com": traffic(5000, seed=9), "old.xx.com": old, "new.xx.com": new})
    assert rows["old.xx.com"]["state"] == "breached"
    assert rows["old.xx.com"]["reason"].endswith("new.xx.com came with as many: renamed?")
    assert rows["new.xx.com"]["state"] == "cannot_tell"
    assert rows["new.xx.com"]["reason"].endswith("old.xx.com went with as many: renamed?")
    assert "renamed" not in rows["www.xx.com"]["reason"]


def test_a_renamed_host_is_known_by_a_trial_before_and_a_trickle_afterwards():
    counts = traffic(300)
    old, new = counts | {0: 4}, {0: counts[0], 1: 2, 5: 9}
    rows = judged({"www.xx.com": traffic(5000, seed=9), "old.xx.com": old, "new.xx.com": new})
    assert rows["old.xx.com"]["state"] == "breached"
    assert rows["old.xx.com"]["reason"].startswith("4 events, fewer than usual")
    assert rows["old.xx.com"]["reason"].endswith("new.xx.com came with as many: renamed?")
    assert rows["new.xx.com"]["reason"].endswith("old.xx.com went with as many: renamed?")


@pytest.mark.parametrize("length", [7, 10, 13, 14, 20])
def test_a_host_that_comes_back_after_an_outage_is_ok_at_its_level(length):
    usual = traffic(300)
    silent = {age: 0 if 1 <= age <= length else n for age, n in usual.items()}

    def state(counts):
        row = judged({"www.xx.com": traffic(300, seed=2), "www.xxx.com": counts})["www.xxx.com"]
        return row["state"], row["reason"].split(":")[0]

    assert state(silent) == ("ok", "")
    assert state(silent | {0: 120}) == ("breached", "120 events, fewer than usual")
    assert state(silent | {0: 900}) == ("breached", "900 events, more than usual")
    later = {age: 0 if 4 <= age <= length + 3 else n for age, n in usual.items()}
    assert state(later) == ("ok", "")
    if length <= 13:
        assert state(silent | {0: 0}) == ("breached", "no events, fewer than usual")


def test_a_host_that_is_silent_now_and_then_is_expected_to_be():
    """Hosts of offices at weekends, and small ones by chance: their days without events are as good as others."""
    office = {age: 0 if before(age).weekday() >= 5 else n for age, n in traffic(300).items()}
    assert judged({"www.xx.com": office})["www.xx.com"]["state"] == "ok"
    small = {age: 12 if age % 9 == 1 else 0 for age in range(57)}
    row = judged({"www.xx.com": traffic(300), "tiny.xx.com": small})["tiny.xx.com"]
    assert (row["state"], row["low"]) == ("cannot_tell", 0)


def test_a_host_closed_for_two_weeks_is_expected_no_more():
    counts = {age: n for age, n in traffic(300).items() if age > 14}
    row = judged({"www.xx.com": traffic(300), "old.xx.com": counts})["old.xx.com"]
    assert row["state"] == "cannot_tell"
    assert row["reason"] == f"no events from {before(14)} to the day before: none are expected"


@pytest.mark.parametrize("times", [0.4, 2.5])
def test_a_level_that_lasts_is_an_incident_first_and_then_the_new_normal(times):
    usual = traffic(300)

    def state(since):
        counts = {age: int(n * times) if age < since else n for age, n in usual.items()}
        return judged({"www.xx.com": counts})["www.xx.com"]["state"]

    assert [state(since) for since in (1, 2, 7, 12)] == ["breached"] * 4
    assert [state(since) for since in (17, 21, 28, 35, 42, 49)] == ["ok"] * 6


def test_a_level_that_has_not_settled_is_no_new_normal():
    fading = {age: int(n * min(1, 0.97 ** (24 - age))) for age, n in traffic(1000).items()}
    assert judged({"www.xx.com": fading})["www.xx.com"]["state"] == "breached"


def test_a_day_off_is_judged_leniently_and_has_no_part_in_later_baselines():
    counts = traffic(300)
    for age in (7, 14):
        counts[age] = 40
    christmas = {before(7), before(14)}
    assert judged({"www.xx.com": counts}, christmas)["www.xx.com"]["state"] == "ok"

    def on_a_day_off(today):
        return judged({"www.xx.com": traffic(300) | {0: today}}, [DAY])["www.xx.com"]

    quiet = on_a_day_off(110)
    assert (quiet["state"], quiet["reason"].split(":")[0]) == ("cannot_tell", "a day off")
    assert on_a_day_off(3)["state"] == "breached"
    assert on_a_day_off(900)["state"] == "breached"


def test_days_that_were_not_built_are_no_outages():
    counts = {age: n for age, n in traffic(300).items() if age not in range(5, 11)}
    assert judged({"www.xx.com": counts})["www.xx.com"]["state"] == "ok"


def test_rows_outside_the_window_and_without_host_or_events_are_not_looked_at():
    history = volumes({"www.xx.com": traffic(300)})
    later, older = (DAY + dt.timedelta(1)).isoformat(), before(60).isoformat()
    extra = history.vstack(
        history.head(3).with_columns(ds=pl.Series([later, older, DS]), dim_hostname=pl.Series(["a.com", "b.com", None]))
    )
    assert volume.judge(extra, DS, ()).equals(volume.judge(history, DS, ()))


def test_an_outage_shows_where_days_off_and_past_incidents_left_no_range():
    """Of four weeks of a small host, two of this weekday are days off, or rises and outages hide what is usual."""
    few = traffic(30, weeks=4) | {0: 0}
    row = judged({"www.xx.com": few}, [before(7), before(21)])["www.xx.com"]
    assert (row["state"], row["low"]) == ("breached", None)
    noisy = [
        22,
        17,
        16,
        7,
        17,
        28,
        39,
        18,
        24,
        46,
        34,
        42,
        89,
        86,
        24,
        8,
        26,
        39,
        52,
        41,
        28,
        15,
        12,
        45,
        48,
        31,
        31,
        32,
    ]
    row = judged({"www.xx.com": dict(zip(range(28, 0, -1), noisy, strict=True)) | {0: 0}})["www.xx.com"]
    assert (row["state"], row["low"]) == ("breached", 0)
    assert row["reason"] == "no events; 26 of 28 days before had 10 or more"


@pytest.mark.parametrize("length", [2, 8])
@pytest.mark.parametrize("days", [10, 26, 52])
def test_a_day_without_events_is_seldom_told_of_a_host_that_may_have_one(days, length):
    """Visits come by chance, and are of many events each; whatever their number, one day in 140 is too many."""
    rng = np.random.default_rng(days)
    for visits in (2, 3, 4, 5, 6):
        number = rng.poisson(visits, (400, days))
        counts = number + rng.negative_binomial(np.maximum(number, 1), 1 / length) * (number > 0)
        held_for_silent = np.mean([volume.never_silent(each.astype(float)) for each in counts])
        assert held_for_silent * np.exp(-visits) < 1 / 140
