"""Guardrails: a fall beyond the margin is seen, and one that could not be seen is said to be so."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from growth_assets.checks import guardrail
from growth_assets_tests.checks.judged_days import DAY, DS, before, rates

HITS = {"www.xx.com": 10_000, "www.xxx.com": 1_000}
SIGNUPS = {"www.xx.com": 0.03, "www.xxx.com": 0.03}


def judged(history, margin=0.1, days_off=()):
    rows = guardrail.judge(history, DS, margin, days_off).to_dicts()
    return {row["dim_hostname"] or row["aggregation_level"]: row for row in rows}


def with_today(history, host, numerator, denominator=None):
    at = (pl.col("ds") == DS) & (pl.col("dim_hostname") == host)
    return history.with_columns(
        numerator=pl.when(at).then(numerator).otherwise(pl.col("numerator")),
        denominator=pl.when(at & pl.lit(denominator is not None)).then(denominator).otherwise(pl.col("denominator")),
    )


@pytest.mark.parametrize("weeks", [3, 8])
def test_an_ordinary_day_is_ok_with_its_interval(weeks):
    rows = judged(rates(SIGNUPS, HITS, weeks))
    assert list(rows) == ["www.xx.com", "www.xxx.com", "overall"]
    for row in rows.values():
        assert (row["state"], row["reason"]) == ("ok", "")
        assert row["low"] < 0.03 < row["high"]
        assert abs(row["baseline"] - 0.03) < 0.004
    assert (
        rows["www.xx.com"]["high"] - rows["www.xx.com"]["low"]
        < rows["www.xxx.com"]["high"] - rows["www.xxx.com"]["low"]
    )


@pytest.mark.parametrize("weeks", [3, 8])
def test_a_broken_form_on_one_host_breaches_that_host_alone(weeks):
    rows = judged(with_today(rates(SIGNUPS, HITS, weeks), "www.xxx.com", 0))
    assert {name: row["state"] for name, row in rows.items()} == {
        "www.xx.com": "ok", "www.xxx.com": "breached", "overall": "ok",
    }  # fmt: skip
    assert rows["www.xxx.com"]["reason"].startswith("0.00% of 1000, a fall by more than 10%")
    assert rows["www.xxx.com"]["low"] == 0


def test_a_broken_form_shows_after_two_same_weekdays_and_no_smaller_fall():
    history = rates(SIGNUPS, HITS, weeks=2)
    none = judged(with_today(history, "www.xx.com", 0))["www.xx.com"]
    assert none["state"] == "breached"
    assert none["reason"] == "none of 10000; each of the 2 Tuesdays before it had 20 or more"
    assert judged(with_today(history, "www.xx.com", 0), days_off=[DAY])["www.xx.com"]["state"] == "cannot_tell"
    assert judged(with_today(history, "www.xx.com", 1))["www.xx.com"]["state"] == "cannot_tell"
    for few in (rates(SIGNUPS, HITS, weeks=1), rates({"www.xx.com": 0.001}, HITS, weeks=2)):
        assert judged(with_today(few, "www.xx.com", 0))["www.xx.com"]["state"] == "cannot_tell"


def test_a_rise_is_no_breach():
    assert judged(with_today(rates(SIGNUPS, HITS), "www.xx.com", 900))["www.xx.com"]["state"] == "ok"


def test_a_fall_within_the_margin_is_no_breach_however_sure():
    history = rates({"www.xx.com": 0.03}, {"www.xx.com": 10_000_000}, noise=0.01)
    fallen = with_today(history, "www.xx.com", 10_000_000 * 0.03 * 0.8)
    assert judged(fallen, margin=0.3)["www.xx.com"]["state"] == "ok"
    assert judged(fallen, margin=0.02)["www.xx.com"]["state"] == "breached"


def test_a_rate_above_one_is_judged_alike():
    purchases = rates({"www.xx.com": 1.3}, {"www.xx.com": 400})
    row = judged(purchases)["www.xx.com"]
    assert row["state"] == "ok"
    assert row["low"] < 1.3 < row["high"]
    assert judged(with_today(purchases, "www.xx.com", 200))["www.xx.com"]["state"] == "breached"


def test_one_lost_week_is_no_part_of_the_baseline():
    history = rates(SIGNUPS, HITS)
    lost = history.with_columns(
        numerator=pl.when(pl.col("ds") == before(14).isoformat()).then(0).otherwise(pl.col("numerator"))
    )
    one, other = judged(history)["www.xx.com"], judged(lost)["www.xx.com"]
    assert abs(one["baseline"] - other["baseline"]) < 0.002
    assert judged(with_today(lost, "www.xx.com", 120))["www.xx.com"]["state"] == "breached"


def with_broken(history, weeks, host="www.xx.com"):
    """The form has been broken on the last `weeks` same weekdays; the judged day is as it was."""
    broken = [before(7 * week).isoformat() for week in range(1, weeks + 1)]
    at = pl.col("ds").is_in(broken) & (pl.col("dim_hostname") == host)
    return history.with_columns(numerator=pl.when(at).then(0).otherwise(pl.col("numerator")))


@pytest.mark.parametrize(("weeks", "broken"), [(4, 1), (4, 2), (5, 3), (8, 3), (8, 4), (8, 6)])
def test_a_form_that_stays_broken_stays_breached_until_it_is_mended(weeks, broken):
    history = with_broken(rates(SIGNUPS, HITS, weeks), broken)
    mended = judged(history)["www.xx.com"]
    assert (mended["state"], mended["reason"]) == ("ok", "")
    assert abs(mended["baseline"] - 0.03) < 0.004
    still = judged(with_today(history, "www.xx.com", 0))["www.xx.com"]
    assert still["state"] == "breached"
    assert still["reason"].startswith("0.00% of 10000, a fall by more than 10%")
    half = judged(with_today(history, "www.xx.com", 60))["www.xx.com"]
    assert half["state"] == "breached"


def test_where_one_same_weekday_alone_had_any_none_are_expected_and_as_many_are_ok():
    history = with_broken(rates(SIGNUPS, HITS, weeks=4), 3)
    still = judged(with_today(history, "www.xx.com", 0))["www.xx.com"]
    assert (still["state"], still["baseline"]) == ("cannot_tell", 0)
    assert still["reason"] == "none on 3 of 4 Tuesdays before it, so none are expected"
    assert judged(with_today(history, "www.xx.com", 330))["www.xx.com"]["state"] == "ok"
    never = judged(with_today(with_broken(history, 4), "www.xx.com", 0))["www.xx.com"]
    assert (never["state"], never["reason"]) == ("cannot_tell", "none on any of 4 Tuesdays before it")


def test_one_day_with_any_makes_no_rate_of_those_without():
    """A trial, or a robot that signed up 300 times: the day after it is no fall."""
    history = with_broken(rates(SIGNUPS, HITS), 7)
    assert judged(with_today(history, "www.xx.com", 0))["www.xx.com"]["state"] == "cannot_tell"


def test_same_weekdays_that_disagree_are_said_to_do_so():
    rows = [(before(7 * week).isoformat(), above) for week, above in enumerate((300, 100, 300, 60, 150, 40, 300, 90))]
    wild = pl.DataFrame(rows, schema=["ds", "numerator"], orient="row").with_columns(
        aggregation_level=pl.lit("dim_hostname"), dim_hostname=pl.lit("www.xx.com"), denominator=pl.lit(10_000)
    )
    row = judged(wild)["www.xx.com"]
    assert row["state"] == "cannot_tell"
    assert row["reason"] == "the 7 Tuesdays before it disagree, 0.40% to 3.00%: no rate is usual"


def test_a_rate_that_lasts_is_the_new_normal_after_some_weeks():
    history = rates(SIGNUPS, HITS)

    def state(weeks):
        since = before(7 * weeks).isoformat()
        halved = history.with_columns(
            numerator=pl.when(pl.col("ds") > since).then(pl.col("numerator") // 2).otherwise(pl.col("numerator"))
        )
        return judged(halved)["www.xx.com"]["state"]

    assert [state(weeks) for weeks in (1, 2)] == ["breached"] * 2
    assert "breached" not in [state(weeks) for weeks in (5, 6)]
    assert state(7) == "ok"


def test_what_cannot_be_told_is_said():
    small = judged(rates({"www.xx.com": 0.03}, {"www.xx.com": 40}))["www.xx.com"]
    assert small["state"] == "cannot_tell"
    assert small["reason"].startswith("too small: not even 0 of 40 would show a fall by more than 10%")
    young = judged(rates(SIGNUPS, HITS, weeks=2))["www.xx.com"]
    assert young["state"] == "cannot_tell"
    assert young["reason"] == "too little history: 2 Tuesdays before it are known, 3 are needed"
    none = judged(with_today(rates(SIGNUPS, HITS), "www.xx.com", 0, 0))["www.xx.com"]
    assert (none["state"], none["reason"]) == ("cannot_tell", "nothing to divide by on this day")
    assert none["low"] is none["high"] is None
    off = judged(with_today(rates(SIGNUPS, HITS), "www.xx.com", 0), days_off=[DAY])["www.xx.com"]
    assert (off["state"], off["reason"]) == ("cannot_tell", "a day off")


def test_only_the_same_weekdays_are_looked_at_and_only_rows_of_the_day_answered():
    history = rates(SIGNUPS, HITS)
    other_days = history.filter(pl.col("ds") != DS).with_columns(
        ds=(pl.col("ds").str.to_date() + dt.timedelta(1)).dt.to_string(), numerator=pl.lit(0, pl.Int64)
    )
    gone = history.filter(pl.col("ds") != DS).with_columns(dim_hostname=pl.lit("gone.xx.com"))
    assert judged(pl.concat([history, other_days, gone])) == judged(history)
