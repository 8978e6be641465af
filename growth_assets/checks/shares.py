"""The share of a day's events that is of one kind, such as of unknown country, against what it usually is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import numpy as np
import polars as pl

from growth_assets.checks import baseline
from growth_assets.checks.tails import share_range, student_widening
from growth_assets.checks.window import DAYS, Window, amounts, grid

LEAST_NOISE = 0.05
"""Relative noise of a day's share that is always allowed for."""

TAILS = (0.004, 0.004)
"""Chance of a false alarm by a fall, and by a rise."""

WORTH_TELLING = 0.005
"""A share that is off by no more than half a percentage point is nobody's trouble."""

SCHEMA = pl.Schema(
    {
        "share": pl.Float64(), "expected": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(),
        "state": pl.String(), "reason": pl.String(),
    }
)  # fmt: skip


def judge(history: pl.DataFrame, ds: str, days_off: Collection[dt.date]) -> pl.DataFrame:
    """One row.

    Args:
        history: ds, m_events (of all kinds), m_part (of the one kind) of the judged day and the 56 days before it.
        ds: the judged day.
        days_off: days that are like no other of their weekday.

    Returns:
        share, expected, low, high (the range of usual shares), state and reason. What cannot be told is null.
    """
    window = Window.of(ds, days_off)
    columns, names = window.columns(history["ds"]), [""] * history.height
    events, part = (grid(names, columns, amounts(history[value]), [""]) for value in ("m_events", "m_part"))
    part = np.minimum(part, events)
    total, share = events[0, DAYS], float(part[0, DAYS] / max(events[0, DAYS], 1))
    before = events[:, :DAYS]
    known = (before > 0) & ~window.off
    days, same = int(known.sum()), int(known[:, ::7].sum())
    if total == 0:
        return _row(None, None, "cannot_tell", "no events")
    if too_little := window.too_little(days, same):
        return _row(share, None, "cannot_tell", too_little)
    # The angle of a share: on this scale a binomial share's variance is 1 / events, whatever the share.
    values = 2 * np.arcsin(np.sqrt((part[:, :DAYS] + 0.375) / (before + 0.75)))
    usual = np.clip(((part[:, :DAYS] * known).sum(axis=1) + 0.375) / ((before * known).sum(axis=1) + 0.75), 0, 0.95)
    odds = usual / (1 - usual)
    variance = 1 / np.maximum(before, 1) + LEAST_NOISE**2 * odds[:, None]
    found = baseline.expect(values, variance, known, np.sqrt(odds), odds, LEAST_NOISE, np.ones(1, dtype=np.bool_))
    angle, error = found.of_days(1)
    expected = np.sin(np.clip(angle[:, 0], 0, np.pi) / 2) ** 2
    today = found.spread * (1 / total + LEAST_NOISE**2 * odds) + error
    size = 1 / (today * student_widening(found.freedom, TAILS[0]))
    low, high = (edge.item() for edge in share_range(expected, size, TAILS))
    low, high = max(low - WORTH_TELLING, 0.0), min(high + WORTH_TELLING, 1.0)
    numbers = (expected.item(), low, high)
    about = f"{expected.item():.1%} was expected, {low:.1%} to {high:.1%} is usual"
    if low <= share <= high:
        if low == 0 and high == 1:
            return _row(share, numbers, "cannot_tell", f"too few events: any share of {total:.0f} would be usual")
        return _row(share, numbers, "ok", "")
    if window.day_off:
        return _row(share, numbers, "cannot_tell", f"a day off: {share:.1%}, where on an ordinary day {about}")
    return _row(share, numbers, "breached", f"{share:.1%} of {total:.0f} events: {about}")


def _row(share: float | None, numbers: tuple[float, float, float] | None, state: str, reason: str) -> pl.DataFrame:
    values = (share, *(numbers or (None, None, None)), state, reason)
    return pl.DataFrame([values], schema=SCHEMA, orient="row")
