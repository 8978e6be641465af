"""Simulated hosts, day by day: weekdays, growth, noise, days off, past incidents; and the demo world."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from growth_assets.simulate.rhythm import WEEKDAY, day_sizes

HOSTS = {"30": 30, "300": 300, "10,000": 10_000, "demo": 20_000}
"""By name, mean events a day; the demo world's has its own rhythm."""

SIGNUP_RATE = 0.03
AFTER = 28
"""Days after the history: those that are judged."""

Range = tuple[float, float]

GROWTH: Range = (0.01, 0.02)
"""Of a site, a week."""

NOISE: Range = (0.05, 0.1)
"""How much a day is more or less than its weekday says, beyond chance."""

_DAY_OFF = 1 / 30
_OFF_SHARE = 0.4
_INCIDENTS = 1 / 28  # a day; each of one to three days
_INCIDENT_FACTORS = (0.0, 0.3, 0.6, 2.5)


@dataclass(frozen=True)
class Site:
    """Some hosts; by host and day."""

    first: dt.date
    means: npt.NDArray[np.float64]
    """What a day's events are drawn around, with everything that makes days unlike each other but chance."""
    events: npt.NDArray[np.int64]
    signup_rates: npt.NDArray[np.float64]
    signups: npt.NDArray[np.int64]
    days_off: frozenset[dt.date]

    def day(self, at: int) -> dt.date:
        """The date of a column."""
        return self.first + dt.timedelta(at)


def site(rng: np.random.Generator, weeks: int, seed: int, growth: Range = GROWTH, noise: Range = NOISE) -> Site:
    """A site of all HOSTS with so many weeks of history, then AFTER days without incidents.

    `growth` and `noise` are of the hosts, but for the demo world's, which is as it is.
    """
    days = 7 * weeks + AFTER
    first = dt.date(2026, 1, 5) + dt.timedelta(int(rng.integers(7)))
    dates = [first + dt.timedelta(day) for day in range(days)]
    off = rng.random(days) < _DAY_OFF
    rows = [_host(rng, mean, dates, off, 7 * weeks, growth, noise) for name, mean in HOSTS.items() if name != "demo"]
    demo = np.array(day_sizes(days, HOSTS["demo"], seed, first))
    means = np.vstack([*rows, demo.astype(np.float64)])
    events = rng.poisson(means)
    events[-1] = demo  # its noise is its own
    wobble = rng.uniform(*NOISE, (len(HOSTS), 1))
    # A beta distribution of this mean and relative deviation.
    both = (1 - SIGNUP_RATE) / SIGNUP_RATE / wobble**2 - 1
    rates = rng.beta(np.broadcast_to(both * SIGNUP_RATE, means.shape), both * (1 - SIGNUP_RATE))
    dates_off = frozenset(date for date, holds in zip(dates, off, strict=True) if holds)
    return Site(first, means, events, rates, rng.binomial(events, rates), dates_off)


def _host(
    rng: np.random.Generator,
    mean: int,
    dates: list[dt.date],
    off: npt.NDArray[np.bool_],
    history: int,
    growing: Range,
    varying: Range,
) -> npt.NDArray[np.float64]:
    days = len(dates)
    weekday = np.array(WEEKDAY) / 1000 * np.exp(rng.normal(0, 0.05, 7))
    growth = np.exp(rng.uniform(*growing) * np.arange(days) / 7)
    noise = rng.uniform(*varying)
    means = mean * growth * weekday[[date.weekday() for date in dates]]
    means *= np.exp(rng.normal(-(noise**2) / 2, noise, days)) * np.where(off, _OFF_SHARE, 1)
    for _ in range(rng.poisson(_INCIDENTS * history)):
        length = int(rng.integers(1, 4))
        start = int(rng.integers(0, history - length))
        means[start : start + length] *= rng.choice(_INCIDENT_FACTORS)
    return np.asarray(means, dtype=np.float64)
