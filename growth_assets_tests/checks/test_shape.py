"""The shape of the hours: what is lost or moved is seen, whatever the day's volume."""

from __future__ import annotations

import numpy as np
import pytest

from growth_assets.checks import shape
from growth_assets_tests.checks.judged_days import DAY, DS, hours, shaped


def judged(by_age, days_off=()):
    (row,) = shape.judge(shaped(by_age), DS, days_off).to_dicts()
    return row


@pytest.mark.parametrize("weeks", [4, 8])
def test_an_ordinary_day_is_ok_whatever_its_volume(weeks):
    by_age = hours(1000, weeks)
    assert judged(by_age)["state"] == "ok"
    for times in (0.5, 3):
        assert judged(by_age | {0: hours(1000 * times, 1)[0]})["state"] == "ok"


def test_lost_hours_are_seen_and_the_hour_is_named():
    by_age = hours(1000)
    by_age[0] = by_age[0].copy()
    by_age[0][11:15] = 0
    row = judged(by_age)
    assert row["state"] == "breached"
    assert row["distance"] > row["threshold"]
    assert "most at hour 11, with 0.0% of the day" in row["reason"]


@pytest.mark.parametrize("by", [1, 5, -3])
def test_moved_hours_are_seen_as_such(by):
    by_age = hours(10_000)
    by_age[0] = np.roll(by_age[0], by)
    row = judged(by_age)
    assert row["state"] == "breached"
    assert f"the usual ones moved by {by:+d}:" in row["reason"]


def test_an_hour_that_lasts_is_new_for_two_weeks_and_then_the_usual_one():
    usual = hours(10_000)

    def state(since):
        return judged({age: np.roll(n, 2) if age < since else n for age, n in usual.items()})["state"]

    assert [state(since) for since in (1, 6, 8, 14)] == ["breached"] * 4
    assert [state(since) for since in (15, 22, 29, 36, 43, 50)] == ["ok"] * 6


def test_past_incidents_do_not_widen_the_threshold():
    clean, dirty = hours(1000), hours(1000)
    for age in (7, 21, 22, 40):
        dirty[age] = np.eye(24, dtype=int)[3] * 500
    one, other = judged(clean), judged(dirty)
    assert other["threshold"] < 1.3 * one["threshold"]
    assert abs(one["distance"] - other["distance"]) < 0.01


def test_what_cannot_be_told_is_said():
    few = judged(hours(12))
    assert (few["state"], few["reason"][:9]) == ("cannot_tell", "too small")
    young = judged({age: n for age, n in hours(1000).items() if age < 15})
    assert young["state"] == "cannot_tell"
    assert "too little history: 14 days" in young["reason"]
    nothing = judged(hours(1000) | {0: np.zeros(24, dtype=int)})
    assert (nothing["state"], nothing["reason"]) == ("cannot_tell", "no events")
    off = judged(hours(1000), [DAY])
    assert (off["state"], off["reason"]) == ("cannot_tell", "a day off")
    rng = np.random.default_rng(1)
    random = judged({age: np.eye(24, dtype=int)[rng.integers(24)] * n.sum() for age, n in hours(1000).items()})
    assert random["state"] in {"ok", "cannot_tell"}
