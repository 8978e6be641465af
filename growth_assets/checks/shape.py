"""At which hours a day's events come, against the usual shape of its weekday: a distance between distributions.

The distance is Hellinger's, from 0 for the same shape to 1 for no hour in common. Its threshold comes from the days
before: each is compared with the others of its weekday, allowing for the number of its events.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import numpy as np
import polars as pl

from growth_assets.checks.baseline import median
from growth_assets.checks.window import DAYS, WEEKS, Flags, Floats, Window, amounts, grid

LEAST_DISTANCE = 0.02
"""What two days of equally many, equally distributed events are allowed to differ by, beyond chance."""

_FACTOR = 3.5  # robust standard deviations of the logarithm of a usual distance, up to the threshold
_LEAST_DEVIATION = 0.14  # of it: that of a distance which is chance alone, over 24 hours
_HOURS = 24
_LOST_HOURS = 6  # an outage of the busiest hours has to show, or nothing can be told

SCHEMA = pl.Schema({"distance": pl.Float64(), "threshold": pl.Float64(), "state": pl.String(), "reason": pl.String()})


def judge(history: pl.DataFrame, ds: str, days_off: Collection[dt.date]) -> pl.DataFrame:
    """One row.

    Args:
        history: ds, event_hour, m_events of the judged day and the 56 days before it.
        ds: the judged day.
        days_off: days that are like no other of their weekday.

    Returns:
        distance, threshold, state and reason. What cannot be told is null.
    """
    window = Window.of(ds, days_off)
    columns, events_of = window.columns(history["ds"]), amounts(history["m_events"])
    counts = grid(history["event_hour"].to_list(), columns, events_of, range(_HOURS)).T
    events = counts.sum(axis=1)
    known = (events[:DAYS] > 0) & ~window.off
    days, same = int(known.sum()), int(known[::7].sum())
    if events[DAYS] == 0:
        return _row(None, None, "cannot_tell", "no events")
    if too_little := window.too_little(days, same):
        return _row(None, None, "cannot_tell", too_little)
    # Of square roots of shares, Hellinger's distance is Euclid's, and chance varies every hour alike.
    roots = np.sqrt(counts / np.maximum(events, 1)[:, None])
    usual = _Usual(roots[:DAYS], events[:DAYS], known)
    if usual.kept.sum() < 2:
        return _row(None, None, "cannot_tell", f"the {window.weekday}s before it are unlike each other")
    distance, threshold = usual.of(roots[DAYS], float(events[DAYS]))
    state, reason = "ok", ""
    if window.day_off:
        state, reason = "cannot_tell", "a day off"
    elif distance > threshold:
        state, reason = "breached", _in_words(roots[DAYS], usual.shape, distance, threshold)
    elif threshold >= usual.after_losing(_LOST_HOURS):
        lost = f"the loss of the {_LOST_HOURS} busiest hours"
        state, reason = "cannot_tell", f"too small: of {events[DAYS]:.0f} events not even {lost} would show"
    return _row(distance, threshold, state, reason)


class _Usual:
    """The usual shape of the judged day's weekday, and how far days are from theirs."""

    def __init__(self, roots: Floats, events: Floats, known: Flags) -> None:
        self.events = events[::7]
        apart, kept = _apart(roots, events, known)
        self.kept = kept[::7]
        self.shape = _unit(roots[::7][self.kept].sum(axis=0))
        self.lately = _unit(roots[::7][known[::7]][-2:].sum(axis=0))
        # Where no day is like another of its weekday, nothing is told.
        logs = np.log(np.maximum(apart[kept] if kept.any() else np.ones(1), 1e-6))
        middle = np.median(logs)
        deviation = max(float(np.median(np.abs(logs - middle))) / 0.6745, _LEAST_DEVIATION)
        self.limit = float(np.exp(middle + _FACTOR * deviation))
        pair = np.flatnonzero(known[::7])[-2:]
        near = _hellinger(*roots[::7][pair]) <= self.limit * _unit_of_chance(*self.events[pair])
        # Two weeks in a row that are like each other, and both unlike those before: summer time, or a new habit.
        self.changed = bool(near and not self.kept[pair].any())

    def of(self, roots: Floats, events: float) -> tuple[float, float]:
        """The day's distance and its threshold."""
        distance = _hellinger(roots, self.shape)
        threshold = self.limit * _unit_of_chance(events, float(self.events[self.kept].sum()))
        if self.changed and _hellinger(roots, self.lately) < distance:
            distance = _hellinger(roots, self.lately)
        return distance, min(float(threshold), 1.0)

    def after_losing(self, hours: int) -> float:
        """The distance of a day that lost its busiest hours."""
        busiest = max(range(_HOURS), key=lambda hour: (np.roll(self.shape, -hour)[:hours] ** 2).sum())
        lost = np.roll(self.shape, -busiest).copy()
        lost[:hours] = 0
        return _hellinger(_unit(np.roll(lost, busiest)), self.shape)


def _apart(roots: Floats, events: Floats, known: Flags) -> tuple[Floats, Flags]:
    """Each day's distance from the others of its weekday, in units of chance, and the days that are no incidents."""
    weeks = roots.reshape(WEEKS, 7, _HOURS)
    usable = known.reshape(WEEKS, 7)
    middle = median(weeks.transpose(1, 2, 0), np.broadcast_to(usable.T[:, None, :], (7, _HOURS, WEEKS)))
    middle /= np.maximum(np.sqrt((middle**2).sum(axis=1)), 1e-9)[:, None]
    far = np.sqrt(np.maximum(1 - (weeks * middle).sum(axis=2), 0)).reshape(DAYS) / _unit_of_chance(events, np.inf)
    logs = np.log(np.maximum(far, 1e-6))
    centre = np.median(logs[known])
    deviation = max(float(np.median(np.abs(logs[known] - centre))) / 0.6745, _LEAST_DEVIATION)
    kept = known & (logs <= centre + _FACTOR * deviation)
    sums = (weeks * kept.reshape(WEEKS, 7, 1)).sum(axis=0)
    counted = np.where(kept, events, 0).reshape(WEEKS, 7)
    rest = sums[None] - weeks * kept.reshape(WEEKS, 7, 1)
    rest = rest / np.maximum(np.sqrt((rest**2).sum(axis=2, keepdims=True)), 1e-9)
    apart = np.sqrt(np.maximum(1 - (weeks * rest).sum(axis=2), 0)).reshape(DAYS)
    others = (counted.sum(axis=0) - counted).reshape(DAYS)
    alone = others == 0
    return apart / _unit_of_chance(events, np.maximum(others, 1)), kept & ~alone


def _unit_of_chance(events: Floats | float, others: Floats | float) -> Floats:
    """The distance that chance and the least difference make between days of so many events, up to a factor."""
    return np.asarray(np.sqrt(_HOURS / 8 * (1 / np.maximum(events, 1) + 1 / np.maximum(others, 1)) + LEAST_DISTANCE**2))


def _hellinger(one: Floats, other: Floats) -> float:
    return float(np.sqrt(max(1 - float(one @ other), 0.0)))


def _unit(roots: Floats) -> Floats:
    return np.asarray(roots / max(float(np.sqrt((roots**2).sum())), 1e-9), dtype=np.float64)


def _in_words(roots: Floats, usual: Floats, distance: float, threshold: float) -> str:
    """What is different: moved hours, or the hour with most too few or too many."""
    said = f"the hours are unlike those of this weekday: distance {distance:.3f}, at most {threshold:.3f} is usual"
    moved = {by: _hellinger(np.roll(roots, -by), usual) for by in range(-11, 13) if by}
    by, left = min(moved.items(), key=lambda each: each[1])
    if left < threshold:
        return f"{said}; they are the usual ones moved by {by:+d}: a clock, a time zone or summer time"
    apart = roots**2 - usual**2
    hour = int(np.argmax(np.abs(apart)))
    return f"{said}; most at hour {hour}, with {roots[hour] ** 2:.1%} of the day and {usual[hour] ** 2:.1%} usually"


def _row(distance: float | None, threshold: float | None, state: str, reason: str) -> pl.DataFrame:
    return pl.DataFrame([(distance, threshold, state, reason)], schema=SCHEMA, orient="row")
