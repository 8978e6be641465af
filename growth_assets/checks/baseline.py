"""What a day should have been: weekday, trend and level of the eight weeks before it, estimated robustly.

Values are on a scale on which their variance is known up to a factor. The judged day has no part in its own baseline;
days off are left out, past incidents are found by their distance and left out; a level that has lasted for two weeks
and has settled is the new normal, before that it is an incident.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from growth_assets.checks.noise import pooled
from growth_assets.checks.window import AGES, DAYS, WEEKS, Flags, Floats, weekdays

HALF_LIFE = 28.0
"""Days after which a day says half as much."""

NEW_NORMAL = 14
"""Days that a new level has to last before it is what is expected."""

_BISQUARE = 4.685  # Tukey's: 95 % of the efficiency of least squares, where nothing is wrong
_INCIDENT = 3.0  # standard deviations from which a past day is left out
_TREND = 0.02  # a week; before the days are asked a site may as well shrink as grow, by 3 % too
_TREND_APART = 0.01  # a week; by how much series differ in their growth
_SHIFT = 2.5  # standard deviations between two levels
_SETTLED = 1.0  # standard deviations between the last week and the one before, at most, after a shift
_ABOVE_MEDIAN = 1.7  # times
_FROM_OTHERS = 8.0  # days for which the noise of other series counts beside a series' own days
_WEEKDAYS, _SLOPE, _STEP = slice(0, 7), 7, 8

_DESIGN = np.zeros((DAYS, 9))
_DESIGN[np.arange(DAYS), np.arange(DAYS) % 7] = 1.0
_DESIGN[:, _SLOPE] = -AGES / 7
_RECENCY = 0.5 ** (AGES / HALF_LIFE)


@dataclass(frozen=True)
class Baseline:
    """By series."""

    spread: Floats
    """Variance of a day, in units of the one given."""
    freedom: Floats
    """Degrees of freedom behind the spread."""
    shifted: Flags
    """The level has changed for good, and is the new one."""
    _growth: Floats
    _coefficients: Floats
    _covariance: Floats

    def of_days(self, ages: int) -> tuple[Floats, Floats]:
        """What is expected of the judged day and the days before it, newest first, and the variance of their mean."""
        design = np.zeros((len(self.spread), ages, 9))
        design[:, np.arange(ages), -np.arange(ages) % 7] = 1.0
        design[:, :, _SLOPE] = -np.arange(ages) / 7 * self._growth[:, None]
        mean = design.mean(axis=1)
        return (
            np.einsum("htp,hp->ht", design, self._coefficients),
            np.einsum("hp,hpq,hq->h", mean, self._covariance, mean),
        )


def expect(
    values: Floats, variance: Floats, known: Flags, growth: Floats, relative: Floats, least: float, voices: Flags
) -> Baseline:
    """What the judged day should be.

    Args:
        values: by series and day, on a scale where days of the same weekday vary alike.
        variance: by series and day; what counting and the least noise explain.
        known: by series and day; the day may speak.
        growth: by series, what a relative growth of 1 adds on this scale.
        relative: by series, the variance that a relative noise of 1 has on this scale.
        least: the least relative noise.
        voices: series that tell something of the others; not those that repeat one that does.
    """
    step = _shift(values, variance, known)
    design = np.broadcast_to(_DESIGN, (*values.shape, 9)).copy()
    design[:, :, _SLOPE] *= growth[:, None]
    design[:, :, _STEP] = np.where(step > 0, -1.0, 0.0)[:, None] * (AGES[None, :] > step[:, None])
    weight = known * _RECENCY / variance
    robust = _near_medians(values, variance, known, step)
    spread, trend = np.ones(len(values)), (np.zeros(len(values)), np.full(len(values), _TREND**2))
    deviation = np.sqrt(variance)
    for turn in range(8):
        coefficients, inverse = _solve(design, values, weight * robust, spread, trend)
        residual = (values - (design @ coefficients[:, :, None])[:, :, 0]) / deviation
        hard = turn >= 5
        own = _spread(residual, known, robust if hard else None)
        spread = np.maximum(own, 1)
        far = np.abs(residual) / np.sqrt(spread)[:, None]
        robust = np.where(far < _INCIDENT, 1.0, 0.0) if hard else np.clip(1 - (far / _BISQUARE) ** 2, 0, None) ** 2
        if turn == 5:
            trend = _trend_of_others(coefficients[:, _SLOPE], inverse[:, _SLOPE, _SLOPE] * spread, voices)
    kept = (known & (robust > 0)).sum(axis=1)
    parameters = 1 + weekdays(known).any(axis=2).sum(axis=1) + (step > 0)
    usual = median(variance, known)
    noise = pooled(
        own, np.maximum(kept - parameters, 0.0), np.maximum(usual - least**2 * relative, 1e-12), relative, least,
        voices & (kept > parameters), _FROM_OTHERS,
    )  # fmt: skip
    covariance = inverse * noise.spread[:, None, None]
    return Baseline(noise.spread, noise.freedom, step > 0, growth, coefficients, covariance)


def _solve(
    design: Floats, values: Floats, weight: Floats, spread: Floats, trend: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Least squares, with the trend drawn to its centre; the inverse has the variances, over the spread."""
    weighted = design * weight[:, :, None]
    left = weighted.swapaxes(1, 2) @ design
    right = (values[:, None, :] @ weighted)[:, 0]
    centre, apart = trend
    drawn = spread / apart
    # A weekday that was never seen, or a step that is none, has no say: next to nothing keeps the matrix regular.
    left[:, np.arange(9), np.arange(9)] += 1e-9 * (1 + np.einsum("hpp->h", left)[:, None])
    left[:, _SLOPE, _SLOPE] += drawn
    right[:, _SLOPE] += drawn * centre
    inverse = np.asarray(np.linalg.inv(left), dtype=np.float64)
    return (inverse @ right[:, :, None])[:, :, 0], inverse


def _near_medians(values: Floats, variance: Floats, known: Flags, step: Floats) -> Floats:
    """First weights: 1 near the median of the weekday, less with the distance, 0 far away."""
    residual = _from_medians(values, known, step) / np.sqrt(variance)
    scale = np.maximum(median(np.abs(residual), known) / 0.6745, 1)
    return np.asarray(np.clip(1 - (residual / scale[:, None] / _BISQUARE) ** 2, 0, None) ** 2, dtype=np.float64)


def _from_medians(values: Floats, known: Flags, step: Floats) -> Floats:
    """Distance from the median of the weekday, the two sides of a step apart."""
    residual = np.zeros_like(values)
    older = (AGES[None, :] > step[:, None]) & (step > 0)[:, None]
    for side in (known & ~older, known & older):
        # Incidents are losses more often than gains: the upper one of two medians.
        middle = median(weekdays(values), weekdays(side), upper=True)
        residual = np.where(side, values - np.tile(middle, (1, WEEKS)), residual)
    return residual


def _spread(residual: Floats, known: Flags, kept: Floats | None) -> Floats:
    """Variance of the residuals: by their median at first, later of those that are kept."""
    parameters = 1 + weekdays(known).any(axis=2).sum(axis=1)
    count, found = known.sum(axis=1), median(residual**2, known) / 0.455
    if kept is not None:
        used = known & (kept > 0)
        count = used.sum(axis=1)
        # What lies beyond three standard deviations is cut off, and with it 2.7 % of the variance.
        squares = (residual**2 * used).sum(axis=1) / np.maximum(count, 1) / 0.973
        # Far above what the median says, they are of incidents that are still among the kept.
        found = np.minimum(squares, _ABOVE_MEDIAN * found)
    return np.asarray(found * count / np.maximum(count - parameters, 1), dtype=np.float64)


def _trend_of_others(slope: Floats, variance: Floats, voices: Flags) -> tuple[Floats, Floats]:
    """The growth that the other series share, and the variance of a series' own around it."""
    information = np.maximum(1 / variance - 1 / _TREND**2, 1e-9 / _TREND**2)
    alone = slope / variance / information
    weight = voices / (1 / information + _TREND_APART**2)
    rest = weight.sum() - weight + 1 / _TREND**2
    return ((alone * weight).sum() - alone * weight) / rest, 1 / rest + _TREND_APART**2


def _shift(values: Floats, variance: Floats, known: Flags) -> Floats:
    """Days since the level changed for good; 0 where it did not, or has not settled for long enough."""
    residual = _from_medians(values, known, np.zeros(len(values))) / np.sqrt(variance)
    both = known[:, 1:] & known[:, :-1]
    # Neighbours are of one level but once, so their differences tell the noise whatever the level does.
    noise = np.maximum(median(np.abs(np.diff(residual, axis=1)), both) / 0.6745 / np.sqrt(2), 1)
    scaled = np.where(known, np.clip(residual / noise[:, None], -6, 6), 0)[:, ::-1]
    days, sums = np.cumsum(known[:, ::-1], axis=1), np.cumsum(scaled, axis=1)
    rest: npt.NDArray[np.int64] = days[:, -1:] - days
    apart = np.abs(sums / np.maximum(days, 1) - (sums[:, -1:] - sums) / np.maximum(rest, 1))
    likely = np.where(
        (days >= NEW_NORMAL) & (rest >= NEW_NORMAL), apart * np.sqrt(days * rest / np.maximum(days[:, -1:], 1)), 0
    )
    start = np.argmax(likely, axis=1)
    series = np.arange(len(values))
    week, fortnight = (
        sums[:, 6] / np.maximum(days[:, 6], 1),
        (sums[:, 13] - sums[:, 6]) / np.maximum(days[:, 13] - days[:, 6], 1),
    )
    found = (likely[series, start] > 6) & (apart[series, start] > _SHIFT) & (np.abs(week - fortnight) < _SETTLED)
    return np.where(found, start + 1.0, 0.0)


def median(values: Floats, known: Flags, *, upper: bool = False) -> Floats:
    """Along the last axis, of what is known; 0 where nothing is."""
    count = known.sum(axis=-1, keepdims=True)
    ordered = np.sort(np.where(known, values, np.inf), axis=-1)
    last = values.shape[-1] - 1
    low = np.take_along_axis(ordered, np.clip((count - (not upper)) // 2, 0, last), axis=-1)
    high = np.take_along_axis(ordered, np.clip(count // 2, 0, last), axis=-1)
    return np.where(count > 0, (np.where(count > 0, low, 0) + np.where(count > 0, high, 0)) / 2, 0)[..., 0]
