"""How many events a host should have on a day, which counts are usual, and whether it fades from week to week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from growth_assets.checks import baseline
from growth_assets.checks.tails import count_range, student_widening
from growth_assets.checks.window import AGES, DAYS, Flags, Floats, Window

LEAST_NOISE = 0.04
"""Relative noise of a day that is always allowed for: the floor under what the days before say."""

TAILS = (0.007, 0.0015)
"""Chance of a false alarm by a fall, and by a rise: together less than 1 in 100, and falls are seen sooner."""

WEEK = 7
"""Days that are looked at together, for a loss too slow for any one of them to show."""

_FADING = 2.8  # standard deviations of a week's mean
_FADED = 0.1  # of the events; less is nobody's trouble
_ONE_DAY = 2.5  # standard deviations; more of a single day says no more about the week
_OFF_SHARE = 0.2  # a day off may bring as little as this of an ordinary day


@dataclass(frozen=True)
class UsualVolumes:
    """What is usual, by host."""

    expected: Floats
    low: Floats
    high: Floats
    fading: Floats
    """The share by which the last week together is below the weeks before it; 0 where this may be chance."""


def usual_volumes(counts: Floats, known: Flags, window: Window) -> UsualVolumes:
    """What the judged day should bring, by host.

    Args:
        counts: by host and day, the judged day last.
        known: by host and day before; the day may speak.
        window: of the judged day.
    """
    hosts, before = len(counts), counts[:, :DAYS]
    # On this scale, Anscombe's for counts whose variance is mean + (LEAST_NOISE * mean)^2, every day's variance is 1.
    values = 2 / LEAST_NOISE * np.arcsinh(LEAST_NOISE * np.sqrt(counts + 0.375))
    mean = (before * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1) + 0.375
    relative = np.tile(mean / (1 + LEAST_NOISE**2 * mean), 2)
    # Each host twice: by all days before, and by those before the last week alone.
    both = np.concatenate([known, known & (AGES >= WEEK)])
    twice = np.tile(values[:, :DAYS], (2, 1))
    found = baseline.expect(
        twice, np.ones_like(twice), both, np.sqrt(relative), relative, LEAST_NOISE, np.arange(2 * hosts) < hosts
    )
    angle, error = (each[:hosts] for each in found.of_days(1))
    expected = np.maximum(np.sinh(np.clip(angle[:, 0], 0, 1e3) * LEAST_NOISE / 2) ** 2 / LEAST_NOISE**2 - 0.375, 1e-3)
    variance = (found.spread[:hosts] + error) * (expected + (LEAST_NOISE * expected) ** 2)
    below, above = (variance * student_widening(found.freedom[:hosts], tail) for tail in TAILS)
    low, high = count_range(expected, below, above, TAILS)
    if window.day_off:
        low, _ = count_range(expected * _OFF_SHARE, below * _OFF_SHARE, above, TAILS)
    week = np.concatenate([known[:, -WEEK + 1 :], np.full((hosts, 1), not window.day_off)], axis=1)
    return UsualVolumes(expected, low, high, _fading(found, values[:, -WEEK:], week, np.sqrt(relative[:hosts])))


def _fading(found: baseline.Baseline, values: Floats, known: Flags, growth: Floats) -> Floats:
    """How far the last week is below the weeks before; single days, which have checks of their own, say little."""
    hosts = len(values)
    expected, error = (each[hosts:] for each in found.of_days(WEEK))
    deviation = np.sqrt(found.spread[hosts:])
    apart = (values - expected[:, ::-1]) / deviation[:, None]
    days = np.maximum(known.sum(axis=1), 1)
    mean = (np.clip(apart, -_ONE_DAY, _ONE_DAY) * known).sum(axis=1) / days
    doubt = np.sqrt((1 / days + error / deviation**2) * student_widening(found.freedom[hosts:], TAILS[0]))
    share = 1 - np.exp(np.minimum(mean * deviation / growth, 0))
    sure = (mean < -_FADING * doubt) & (apart[:, -1] < -1) & (days >= WEEK - 2) & (share > _FADED)
    return np.where(sure & ~found.shifted[:hosts], share, 0.0)
