"""Shares of a day's events that are of one kind, such as of unknown country, against what they usually are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from growth_assets.checks import baseline
from growth_assets.checks.tails import share_range, student_widening
from growth_assets.checks.window import DAYS, Flags, Floats, Window, amounts, grid

LEAST_NOISE = 0.05
"""Relative noise of a day's share that is always allowed for."""

TAILS = (0.004, 0.004)
"""Chance of a false alarm by a fall, and by a rise."""

WORTH_TELLING = 0.005
"""A share that is off by no more than half a percentage point is nobody's trouble."""

SCHEMA = pl.Schema(
    {
        "share_of": pl.String(), "share": pl.Float64(), "expected": pl.Float64(), "low": pl.Float64(),
        "high": pl.Float64(), "state": pl.String(), "reason": pl.String(),
    }
)  # fmt: skip


def judge(history: pl.DataFrame, ds: str, names: Sequence[str], days_off: Collection[dt.date]) -> pl.DataFrame:
    """One row for each of `names`, in their order; none of them says anything of another.

    Args:
        history: ds, share_of, m_events (of all kinds), m_part (of the one kind) of the judged day and the 56 before it.
        ds: the judged day.
        names: the shares to judge, as `share_of` names them.
        days_off: days that are like no other of their weekday.

    Returns:
        share_of, share, expected, low, high (the range of usual shares), state and reason. What cannot be told is null.
    """
    window = Window.of(ds, days_off)
    columns, of = window.columns(history["ds"]), history["share_of"].to_list()
    events, part = (grid(of, columns, amounts(history[value]), names) for value in ("m_events", "m_part"))
    part = np.minimum(part, events)
    share = part[:, DAYS] / np.maximum(events[:, DAYS], 1)
    known = (events[:, :DAYS] > 0) & ~window.off
    told: list[tuple[float | None, _Range | None, str, str] | None] = []
    for number in range(len(names)):
        too_little = window.too_little(int(known[number].sum()), int(known[number, ::7].sum()))
        if events[number, DAYS] == 0:
            told.append((None, None, "cannot_tell", "no events"))
        else:
            told.append((float(share[number]), None, "cannot_tell", too_little) if too_little else None)
    at = [number for number, each in enumerate(told) if each is None]
    ranges = _usual(events[at], part[at], known[at]) if at else []
    for number, usual in zip(at, ranges, strict=True):
        told[number] = (share[number], usual, *_verdict(float(share[number]), events[number, DAYS], usual, window))
    rows = [
        (name, each[0], *(each[1] or (None, None, None)), *each[2:])
        for name, each in zip(names, told, strict=True)
        if each
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


_Range: TypeAlias = tuple[float, float, float]
"""What is expected, the lowest and the highest usual share."""


def _usual(events: Floats, part: Floats, known: Flags) -> list[_Range]:
    """By row of counts by day, of which the last is the judged one."""
    before, total = events[:, :DAYS], events[:, DAYS]
    # The angle of a share: on this scale a binomial share's variance is 1 / events, whatever the share.
    values = 2 * np.arcsin(np.sqrt((part[:, :DAYS] + 0.375) / (before + 0.75)))
    usual = np.clip(((part[:, :DAYS] * known).sum(axis=1) + 0.375) / ((before * known).sum(axis=1) + 0.75), 0, 0.95)
    odds = usual / (1 - usual)
    variance = 1 / np.maximum(before, 1) + LEAST_NOISE**2 * odds[:, None]
    # No share has a voice in what is expected of another.
    voices = np.zeros(len(events), dtype=np.bool_)
    found = baseline.expect(values, variance, known, np.sqrt(odds), odds, LEAST_NOISE, voices)
    angle, error = found.of_days(1)
    expected = np.sin(np.clip(angle[:, 0], 0, np.pi) / 2) ** 2
    today = found.spread * (1 / total + LEAST_NOISE**2 * odds) + error
    size = 1 / (today * student_widening(found.freedom, TAILS[0]))
    low, high = share_range(expected, size, TAILS)
    lows, highs = np.maximum(low - WORTH_TELLING, 0.0), np.minimum(high + WORTH_TELLING, 1.0)
    return list(zip(expected.tolist(), lows.tolist(), highs.tolist(), strict=True))


def _verdict(share: float, total: float, usual: _Range, window: Window) -> tuple[str, str]:
    """State and reason."""
    expected, low, high = usual
    about = f"{expected:.1%} was expected, {low:.1%} to {high:.1%} is usual"
    if low <= share <= high:
        if low == 0 and high == 1:
            return "cannot_tell", f"too few events: any share of {total:.0f} would be usual"
        return "ok", ""
    if window.day_off:
        return "cannot_tell", f"a day off: {share:.1%}, where on an ordinary day {about}"
    return "breached", f"{share:.1%} of {total:.0f} events: {about}"
