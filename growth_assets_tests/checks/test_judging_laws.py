"""Laws of all judgements, on any history whatever."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.checks import guardrail, shape, shares, tails, volume
from growth_assets_tests.checks.judged_days import DAY, DS, PART, before, hours, parts, rates, shaped, traffic, volumes

STATES = {"ok", "breached", "cannot_tell"}
JUDGES = {
    "volume": lambda history, off, ds=DS: volume.judge(history, ds, off),
    "shape": lambda history, off, ds=DS: shape.judge(history, ds, off),
    "shares": lambda history, off, ds=DS: shares.judge(history, ds, [PART, "another"], off),
    "guardrail": lambda history, off, ds=DS: guardrail.judge(history, ds, 0.1, off),
}
SCHEMAS = {
    "volume": {"ds": pl.String, "dim_hostname": pl.String, "m_events": pl.Int64},
    "shape": {"ds": pl.String, "event_hour": pl.Int32, "m_events": pl.Int64},
    "shares": {"ds": pl.String, "share_of": pl.String, "m_events": pl.Int64, "m_part": pl.Int64},
    "guardrail": {
        "ds": pl.String, "aggregation_level": pl.String, "dim_hostname": pl.String,
        "numerator": pl.Int64, "denominator": pl.Int64,
    },
}  # fmt: skip

counts = st.one_of(st.integers(0, 50), st.sampled_from([0, 1, 10_000, 10**12]), st.none())
values = {
    "ds": st.integers(-2, 60).map(lambda age: before(age).isoformat()),
    "dim_hostname": st.sampled_from(["a.com", "b.com", "c.com", None]),
    "share_of": st.sampled_from([PART, "another", None]),
    "event_hour": st.one_of(st.integers(0, 23), st.none()),
    "aggregation_level": st.sampled_from(["overall", "dim_hostname"]),
}


@pytest.mark.parametrize("name", JUDGES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_history_has_a_judgement_without_nan(name, data):
    schema = SCHEMAS[name]
    rows = data.draw(st.lists(st.tuples(*(values.get(column, counts) for column in schema)), max_size=120))
    if data.draw(st.booleans()):
        # Enough days to be judged by, of one host and hour.
        steady = data.draw(st.integers(0, 300))
        filler = {
            "ds": None,
            "dim_hostname": "a.com",
            "share_of": PART,
            "event_hour": 5,
            "aggregation_level": "overall",
        }
        for age in range(57):
            rows.append(
                tuple(filler.get(column, steady) if column != "ds" else before(age).isoformat() for column in schema)
            )
    history = pl.DataFrame(rows, schema=schema, orient="row")
    off = data.draw(st.sets(st.integers(0, 56).map(before), max_size=8))
    found = JUDGES[name](history, off)
    assert set(found["state"]) <= STATES
    for row in found.to_dicts():
        assert (row["state"] == "ok") == (row["reason"] == "")
        numbers = [value for value in row.values() if isinstance(value, int | float)]
        assert all(math.isfinite(value) for value in numbers)
        if "low" in row and row["low"] is not None:
            assert 0 <= row["low"] <= row["high"]
        if row["state"] != "cannot_tell" and name in {"shape", "shares", "guardrail"}:
            assert None not in {value for column, value in row.items() if column != "dim_hostname"}
    shuffled = history.sample(fraction=1, shuffle=True, seed=data.draw(st.integers(0, 9)))
    assert JUDGES[name](shuffled, off).equals(found)


@pytest.mark.parametrize("name", JUDGES)
def test_an_empty_history_is_judged_and_a_missing_column_is_named(name):
    empty = pl.DataFrame(schema=SCHEMAS[name])
    found = JUDGES[name](empty, ())
    assert set(found["state"]) <= {"cannot_tell"}
    assert found.height == {"shape": 1, "shares": 2}.get(name, 0)
    for column in SCHEMAS[name]:
        with pytest.raises(pl.exceptions.ColumnNotFoundError, match=column):
            JUDGES[name](empty.drop(column), ())


@given(seed=st.integers(0, 99), names=st.permutations(["a.com", "b.com", "c.com"]))
@settings(max_examples=20, deadline=None)
def test_a_hosts_name_says_nothing(seed, names):
    series = [traffic(mean, seed=seed + n) for n, mean in enumerate((20, 300, 9000))]

    def by_size(hosts):
        found = volume.judge(volumes(dict(zip(hosts, series, strict=True))), DS, ())
        return {row["dim_hostname"]: row for row in found.to_dicts()}

    plain, renamed = by_size(["a.com", "b.com", "c.com"]), by_size(names)
    for one, other in zip(["a.com", "b.com", "c.com"], names, strict=True):
        assert math.isclose(plain[one]["expected"], renamed[other]["expected"], rel_tol=1e-9)
        assert all(plain[one][column] == renamed[other][column] for column in ("low", "high", "state", "m_events"))


@given(seed=st.integers(0, 99), times=st.sampled_from([2, 10, 100]))
@settings(max_examples=20, deadline=None)
def test_what_is_larger_all_the_time_is_judged_hardly_less_narrowly(seed, times):
    counts = traffic(400, seed=seed)
    one, more = (
        volume.judge(volumes({"a.com": {age: n * by for age, n in counts.items()}}), DS, ()).to_dicts()[0]
        for by in (1, times)
    )
    assert math.isclose(more["expected"], times * one["expected"], rel_tol=0.03)
    assert more["low"] >= times * one["low"] * 0.92
    assert more["high"] <= times * one["high"] * 1.08


@given(seed=st.integers(0, 99), weeks=st.integers(1, 50))
@settings(max_examples=15, deadline=None)
def test_a_week_later_the_same_history_has_the_same_judgement(seed, weeks):
    by = dt.timedelta(weeks=weeks)
    for name, history in {
        "volume": volumes({"a.com": traffic(50, seed=seed), "b.com": traffic(900, seed=seed + 1)}),
        "shape": shaped(hours(500, seed=seed)),
        "shares": parts(0.1, seed=seed),
        "guardrail": rates({"a.com": 0.1}, {"a.com": 500}, seed=seed),
    }.items():
        later = history.with_columns(ds=(pl.col("ds").str.to_date() + by).dt.to_string())
        found = JUDGES[name](later, (), (DAY + by).isoformat())
        assert found.equals(JUDGES[name](history, ()))


@given(mean=st.floats(0.5, 60), beyond=st.floats(0.01, 40), tail=st.sampled_from([0.001, 0.01, 0.1]))
@settings(max_examples=40, deadline=None)
def test_the_range_of_counts_is_that_of_the_negative_binomial_summed_up(mean, beyond, tail):
    variance = mean + beyond
    size, success = mean**2 / beyond, mean / variance
    chances, total, count = [], 0.0, 0
    while total < 1 - tail * 1e-3 and count < 20_000:
        log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        total += math.exp(log + size * math.log(success) + count * math.log(1 - success))
        chances.append(total)
        count += 1
    low, high = tails.count_range(np.array([mean]), np.array([variance]), np.array([variance]), (tail, tail))
    # Either side of the edge, but for rounding.
    for edge, level in ((int(low[0]), tail), (int(high[0]), 1 - tail)):
        assert chances[min(edge, len(chances) - 1)] >= level - 1e-6
        assert edge == 0 or chances[edge - 1] < level + 1e-6


@pytest.mark.parametrize("expected", [0.5, 1, 2, 5, 20])
def test_the_interval_of_a_share_or_ratio_covers_95_in_100_on_average_where_little_is_counted_too(expected):
    """By counting through every result, around this many expected ones; equal tails would cover 97 in 100 and more."""
    covered = []
    for size in (30, 100):
        for true in np.linspace(0.8, 1.25, 9) * expected / size:
            counts = np.arange(size + 1)
            chances = [math.comb(size, n) * true**n * (1 - true) ** (size - n) for n in counts.tolist()]
            low, high = tails.share_interval(counts / size, np.full(size + 1, float(size)), 0.025)
            covered.append(np.sum(chances, where=(low <= true) & (true <= high)))
            many = np.arange(200)
            mean = true * size
            chances = [math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in many.tolist()]
            low, high = tails.ratio_interval(many / size, np.full(200, float(size)), 0.025)
            covered.append(np.sum(chances, where=(low <= true) & (true <= high)))
    assert 0.93 < np.mean(covered) < 0.97
