"""A guardrail metric against the same weekdays before: has its rate fallen by more than the margin?

A day's rate varies by more than its counts alone explain: visitors of one day are alike. So the variance is estimated
from the same weekdays, pooled over hosts, and counts are taken for as many as that variance leaves of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from growth_assets.checks import tails
from growth_assets.checks.baseline import HALF_LIFE, median
from growth_assets.checks.noise import Noise, pooled
from growth_assets.checks.window import AGES, DAYS, LEAST_SAME_WEEKDAYS, Flags, Floats, Window, amounts, grid

LEAST_NOISE = 0.03
"""Relative noise of a day's rate that is always allowed for."""

CONFIDENCE = 0.95
"""Of the interval of the day's own rate."""

FALSE_ALARM = 0.01
"""Chance of a breach where the rate has fallen by exactly the margin; where it has not fallen it is far less."""

_ALWAYS, _MANY = 2, 20  # same weekdays, each with so many counted: after them none at all is no chance
_FROM_OTHERS = 0.5  # days for which the noise of other hosts counts beside a host's own days
_INCIDENT = 3.5  # standard deviations from which a past day is left out
_HARDLY = 0.1  # of what the best days let expect; so little where _MANY are expected is a broken form, not a rate

SCHEMA = pl.Schema(
    {
        "aggregation_level": pl.String(), "dim_hostname": pl.String(), "baseline": pl.Float64(), "low": pl.Float64(),
        "high": pl.Float64(), "state": pl.String(), "reason": pl.String(),
    }
)  # fmt: skip


def judge(history: pl.DataFrame, ds: str, margin: float, days_off: Collection[dt.date]) -> pl.DataFrame:
    """One row for each (aggregation_level, dim_hostname) of the judged day.

    Args:
        history: ds, aggregation_level, dim_hostname, numerator, denominator of the judged day and of the same weekdays
            of the eight weeks before it; other days are not looked at.
        ds: the judged day.
        margin: the relative fall that is no breach; 0.1 lets a rate of 3 % fall to 2.7 %.
        days_off: days that are like no other of their weekday.

    Returns:
        aggregation_level, dim_hostname, baseline (the rate of the same weekdays), low, high (the interval of the day's
        own rate), state and reason, by level and host. What cannot be told is null.
    """
    window = Window.of(ds, days_off)
    columns = window.columns(history["ds"])
    # Of other weekdays nothing is read, so that a late event of theirs changes nothing here.
    columns = np.where(columns % 7 == 0, columns, -1)
    names = list(zip(history["aggregation_level"].to_list(), history["dim_hostname"].to_list(), strict=True))
    today = sorted({name for name, column in zip(names, columns.tolist(), strict=True) if column == DAYS}, key=_order)
    above, below = (grid(names, columns, amounts(history[of]), today)[:, ::7] for of in ("numerator", "denominator"))
    if not today:
        return pl.DataFrame(schema=SCHEMA)
    found = _Found(above, below, np.array([host is not None for _, host in today]), window, margin)
    rows = [
        (*name, *numbers, state, reason) for name, (numbers, state, reason) in zip(today, found.verdicts(), strict=True)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _order(name: tuple[str | None, str | None]) -> tuple[str, str]:
    level, host = name
    return level or "", host or ""


@dataclass(frozen=True)
class _Rates:
    """By row: what the same weekdays say."""

    rate: Floats
    relative: Floats
    """Variance that a relative noise of 1 has on the scale of the angle."""
    noise: Noise
    error: Floats
    """Variance of the rate, on the scale of the angle."""
    days: Floats
    kept: Flags
    """By row and week: the days that it rests on."""


class _Found:
    """Counts by row and week; the last week is the judged day."""

    def __init__(self, above: Floats, below: Floats, hosts: Flags, window: Window, margin: float) -> None:
        self.hosts, self.above, self.below, self.window, self.margin = hosts, above, below, window, margin
        self.known = (below[:, :-1] > 0) & ~window.off[::7]
        # A purchase need not be one of the day's signups: then the rate is no share, and may exceed 1.
        self.ratio: Flags = np.asarray((above > below).any(axis=1))
        self.rates = self._rates()

    def verdicts(self) -> list[tuple[tuple[float | None, ...], str, str]]:
        """Numbers, state and reason of each row."""
        rates, below, ratio = self.rates, np.maximum(self.below[:, -1], 1e-9), self.ratio
        found = self.above[:, -1] / below
        own = rates.noise.spread * (1 / below + LEAST_NOISE**2 * rates.relative)
        tail = (1 - CONFIDENCE) / 2
        size = 1 / (own * tails.student_widening(rates.noise.freedom, tail))
        as_ratio, as_share = tails.ratio_interval(found, size, tail), tails.share_interval(found, size, tail)
        low, high = (np.where(ratio, one, other) for one, other in zip(as_ratio, as_share, strict=True))
        floor = np.clip(rates.rate * (1 - self.margin), 1e-12, np.where(ratio, np.inf, 1 - 1e-12))
        both = 1 / ((own + rates.error) * tails.student_widening(rates.noise.freedom, FALSE_ALARM))
        at_most = np.where(
            ratio, tails.ratio_at_most(found, floor, both), tails.share_at_most(np.minimum(found, 1), floor, both)
        )
        none, by_counts = (
            np.where(ratio, tails.ratio_at_most(0 * found, floor, size), tails.share_at_most(0 * found, floor, size))
            for size in (both, below)
        )
        rows: list[tuple[tuple[float | None, ...], str, str]] = []
        for row in range(len(found)):
            visible = "yes" if none[row] < FALSE_ALARM else "by counts" if by_counts[row] < FALSE_ALARM else "no"
            state, reason = self._verdict(row, found[row], at_most[row] < FALSE_ALARM, visible)
            baseline = float(rates.rate[row]) if rates.days[row] else None
            interval = (float(low[row]), float(high[row])) if self.below[row, -1] > 0 else (None, None)
            rows.append(((baseline, *interval), state, reason))
        return rows

    def _verdict(self, row: int, found: float, fallen: bool, visible: str) -> tuple[str, str]:  # noqa: FBT001
        days, of = int(self.rates.days[row]), int(self.below[row, -1])
        if of == 0:
            return "cannot_tell", "nothing to divide by on this day"
        if days < LEAST_SAME_WEEKDAYS:
            return self._after_few(row, found)
        if self.window.day_off:
            return "cannot_tell", "a day off"
        usual = f"{self.rates.rate[row]:.2%} is usual for a {self.window.weekday}"
        if fallen:
            return "breached", f"{found:.2%} of {of}, a fall by more than {self.margin:.0%}: {usual}"
        return ("ok", "") if visible == "yes" else self._unseen(row, found, visible, usual)

    def _unseen(self, row: int, found: float, visible: str, usual: str) -> tuple[str, str]:
        """Where not even a day without any would be sure to have fallen, and why."""
        counted, of = self.above[row, :-1][self.known[row]], self.below[row, :-1][self.known[row]]
        weekdays = f"{len(counted)} {self.window.weekday}s before it"
        if self.rates.rate[row] == 0 and counted.any():
            # One day with any, which alone is no proof of what is usual; but a day like it has not fallen.
            if self.above[row, -1] >= _MANY and found >= (counted / of).max() * (1 - self.margin):
                return "ok", ""
            return "cannot_tell", f"none on {(counted == 0).sum()} of {weekdays}, so none are expected"
        if self.rates.rate[row] == 0:
            return "cannot_tell", f"none on any of {weekdays}"
        if visible == "by counts":
            least, most = (counted / of).min(), (counted / of).max()
            return "cannot_tell", f"the {weekdays} disagree, {least:.2%} to {most:.2%}: no rate is usual"
        return (
            "cannot_tell",
            f"too small: not even 0 of {self.below[row, -1]:.0f} would show a fall by more than {self.margin:.0%}; "
            f"{usual}",
        )

    def _after_few(self, row: int, found: float) -> tuple[str, str]:
        """Where too few same weekdays are known for any fall but one to nothing."""
        counted = self.above[row, :-1][self.known[row]]
        days, weekday = len(counted), self.window.weekday
        if not self.window.day_off and found == 0 and days >= _ALWAYS and (counted >= _MANY).all():
            of = f"{self.below[row, -1]:.0f}"
            return "breached", f"none of {of}; each of the {days} {weekday}s before it had {_MANY} or more"
        return "cannot_tell", (
            f"too little history: {days} {weekday}s before it are known, {LEAST_SAME_WEEKDAYS} are needed"
        )

    def _rates(self) -> _Rates:
        above, below = self.above[:, :-1], self.below[:, :-1]
        known = self.known & ~self._broken()
        recency: Floats = known * 0.5 ** (AGES[::7] / HALF_LIFE)
        rate = (above * recency).sum(axis=1) / np.maximum((below * recency).sum(axis=1), 1e-9)
        angle = self._angle(above, below)
        kept = known
        for _ in range(3):
            relative = self._relative(rate)
            variance = 1 / np.maximum(below, 1e-9) + LEAST_NOISE**2 * relative[:, None]
            # Incidents are losses more often than gains: the upper one of two medians, however recent the lower one is.
            middle = median(angle, known, upper=True)
            residual = (angle - middle[:, None]) / np.sqrt(variance)
            # The median of so few distances is small by chance: half as much again, and never less than counting's own.
            scale = np.maximum(1.5 * _weighted_median(np.abs(residual), known.astype(np.float64)) / 0.6745, 1)
            kept = known & (np.abs(residual) <= _INCIDENT * scale[:, None])
            weight = recency * kept
            rate = (above * weight).sum(axis=1) / np.maximum((below * weight).sum(axis=1), 1e-9)
        count = kept.sum(axis=1)
        relative = self._relative(rate)
        variance = 1 / np.maximum(below, 1e-9) + LEAST_NOISE**2 * relative[:, None]
        weight = recency * kept
        total = np.maximum((weight / variance).sum(axis=1), 1e-12)
        mean = (angle * weight / variance).sum(axis=1) / total
        own = (kept * (angle - mean[:, None]) ** 2 / variance).sum(axis=1) / np.maximum(count - 1, 1)
        counting = (kept / np.maximum(below, 1e-9)).sum(axis=1) / np.maximum(count, 1)
        noise = pooled(
            own, count - 1.0, np.maximum(counting, 1e-12), relative, LEAST_NOISE, self.hosts & (count > 2), _FROM_OTHERS
        )
        trials = np.maximum((weight * below).sum(axis=1), 1e-9)
        error = noise.spread * (((weight * below) ** 2 * variance).sum(axis=1) / trials**2)
        return _Rates(rate, relative, noise, error, self.known.sum(axis=1).astype(np.float64), kept)

    def _broken(self) -> Flags:
        """Days with hardly any where the best two others let expect many: however many they are, they are no rate."""
        above, below = self.above[:, :-1], self.below[:, :-1]
        rates = np.where(self.known, above / np.maximum(below, 1), 0)
        best = np.sort(rates, axis=1)[:, -2:-1]  # one alone may be an incident itself
        expected = best * below
        return np.asarray(self.known & (expected >= _MANY) & (above < _HARDLY * expected))

    def _angle(self, above: Floats, below: Floats) -> Floats:
        """The scale on which counting gives every rate the variance 1 / denominator."""
        share = 2 * np.arcsin(np.sqrt(np.minimum((above + 0.375) / (below + 0.75), 1)))
        return np.where(self.ratio[:, None], 2 * np.sqrt((above + 0.375) / np.maximum(below, 1)), share)

    def _relative(self, rate: Floats) -> Floats:
        share = np.clip(rate, 1e-6, 0.95)
        return np.where(self.ratio, np.maximum(rate, 1e-6), share / (1 - share))


def _weighted_median(values: Floats, weight: Floats) -> Floats:
    """By row; 0 where nothing has a weight."""
    order = np.argsort(values, axis=1, kind="stable")
    running = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    at = (running >= running[:, -1:] / 2).argmax(axis=1)
    middle = np.take_along_axis(values, np.take_along_axis(order, at[:, None], axis=1), axis=1)[:, 0]
    return np.where(running[:, -1] > 0, middle, 0.0)
