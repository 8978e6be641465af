"""The guardrail's judgement once more, for one host without incidents, in plain Python and by numerical integration."""

from __future__ import annotations

import math

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.checks import guardrail
from growth_assets_tests.checks.judged_days import DS, before

LEAST, USUAL, BELIEF, ALWAYS_DRAWN = 0.03, 0.075, 4.0, 0.5
ALARM = 0.01


def integral(density, low, high, steps=4000):
    """Simpson's rule."""
    width = (high - low) / steps
    inner = sum((4 if n % 2 else 2) * density(low + n * width) for n in range(1, steps))
    return (density(low) + inner + density(high)) * width / 3


def share_at_most(count, share, size):
    """Chance of at most so many of `size` trials, which need be no whole number: a Beta distribution's tail."""
    a, b = count + 1, size - count
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    # The integrand may be infinite at its ends only where a or b is below 1; b is not, in what is tried here.
    return integral(
        lambda t: math.exp((a - 1) * math.log(max(t, 1e-300)) + (b - 1) * math.log(max(1 - t, 1e-300)) - log_beta),
        share, 1,
    )  # fmt: skip


def student(freedom, tail):
    """The quantile of Student's distribution, by bisection of its integral."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    low, high = 0.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        inside = integral(lambda t: scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2), 0, middle, 2000)
        low, high = (middle, high) if 0.5 - inside > tail else (low, middle)
    return low


def fallen(above, below, margin):
    """The chance that the last day's rate came about although the true one has fallen by no more than the margin."""
    recency = [0.5 ** (7 * week / 28) for week in range(len(above) - 1, 0, -1)]
    past = list(zip(above[:-1], below[:-1], recency, strict=True))
    rate = sum(k * w for k, _, w in past) / sum(n * w for _, n, w in past)
    odds = rate / (1 - rate)
    variances = [1 / n + LEAST**2 * odds for _, n, _ in past]
    angles = [2 * math.asin(math.sqrt((k + 0.375) / (n + 0.75))) for k, n, _ in past]
    weights = [w / v for (_, _, w), v in zip(past, variances, strict=True)]
    mean = sum(a * w for a, w in zip(angles, weights, strict=True)) / sum(weights)
    freedom = len(past) - 1
    own = sum((a - mean) ** 2 / v for a, v in zip(angles, variances, strict=True)) / freedom
    counting = sum(1 / n for _, n, _ in past) / len(past)
    speaks = USUAL**2 * odds / (counting + USUAL**2 * odds)
    usual = (counting + USUAL**2 * odds) / (counting + LEAST**2 * odds)
    beyond = max((own / usual - 1) * math.sqrt(freedom / 2), 0)
    agrees = 1 / (1 + (beyond / 4) ** 4)
    drawn = ALWAYS_DRAWN * agrees * (1 + min(1 / speaks**2 - 1, 1000) * agrees**2)
    spread = max((freedom * own + drawn * usual) / (freedom + drawn), 1)
    trials = sum(n * w for _, n, w in past)
    error = spread * sum((n * w) ** 2 * v for (_, n, w), v in zip(past, variances, strict=True)) / trials**2
    today = spread * (1 / below[-1] + LEAST**2 * odds)
    certain = (freedom + drawn) ** 2 / (freedom + drawn**2 * speaks**2 / BELIEF)
    widening = (student(certain, ALARM) / 2.3263478740408408) ** 2
    size = 1 / ((today + error) * widening)
    return share_at_most(above[-1] / below[-1] * size, rate * (1 - margin), size), rate


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(0.02, 0.3),
    below=st.lists(st.integers(300, 3000), min_size=5, max_size=9),
    wobble=st.lists(st.floats(0.95, 1.05), min_size=9, max_size=9),
    kept=st.floats(0.4, 1.1),
    margin=st.sampled_from([0.0, 0.1, 0.25]),
)
def test_the_plain_judgement_is_the_same(rate, below, wobble, kept, margin):
    above = [round(n * rate * by) for n, by in zip(below, wobble, strict=False)]
    above[-1] = round(below[-1] * rate * kept)
    weeks = len(below) - 1
    rows = [
        (before(7 * (weeks - week)).isoformat(), "overall", None, above[week], below[week]) for week in range(weeks + 1)
    ]
    history = pl.DataFrame(
        rows, schema=["ds", "aggregation_level", "dim_hostname", "numerator", "denominator"], orient="row"
    )
    (row,) = guardrail.judge(history, DS, margin, ()).to_dicts()
    chance, usual = fallen(above, below, margin)
    assert math.isclose(row["baseline"], usual, rel_tol=1e-9)
    if abs(math.log(chance / ALARM)) > 1e-3:
        assert (row["state"] == "breached") == (chance < ALARM)
