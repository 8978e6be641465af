"""Events of each host, against what its weekday, trend and noise of the eight weeks before let expect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from growth_assets.checks import baseline
from growth_assets.checks.tails import count_range, student_widening
from growth_assets.checks.window import AGES, DAYS, LEAST_SAME_WEEKDAYS, Flags, Floats, Window, grid

LEAST_NOISE = 0.04
"""Relative noise of a day that is always allowed for: the floor under what the days before say."""

LEAST_DAYS = 18
"""Days before the judged one that have to be there."""

TAILS = (0.007, 0.0015)
"""Chance of a false alarm by a fall, and by a rise: together less than 1 in 100, and falls are seen sooner."""

_WORTH_A_NAME = 10
"""Events a day from which on a host that goes is looked for under another name."""

_ALWAYS = 7  # days, of which nine in ten had events worth speaking of: then none at all is an outage
_WORTH_A_WORD = 5  # events a day
_WEEK = 7
_FADING = 2.8  # standard deviations of a week's mean
_FADED = 0.1  # of the events; less is nobody's trouble
_ONE_DAY = 2.5  # standard deviations; more of a single day says no more about the week
_OFF_SHARE = 0.2  # a day off may bring as little as this of an ordinary day

SCHEMA = pl.Schema(
    {
        "dim_hostname": pl.String(), "m_events": pl.Int64(), "expected": pl.Float64(), "low": pl.Int64(),
        "high": pl.Int64(), "state": pl.String(), "reason": pl.String(),
    }
)  # fmt: skip


def judge(history: pl.DataFrame, ds: str, days_off: Collection[dt.date]) -> pl.DataFrame:
    """One row for each host that has events on the day or in the eight weeks before it, also where it has vanished.

    Args:
        history: ds, dim_hostname, m_events of the judged day and the 56 days before it. A day without any row is not
            known; a host without a row on a day that is known had no events.
        ds: the judged day.
        days_off: days that are like no other of their weekday.

    Returns:
        dim_hostname, m_events, expected, low, high (the range of usual counts, both usual themselves), state and
        reason, by dim_hostname. What cannot be told is null.
    """
    window = Window.of(ds, days_off)
    rows = window.columns(history.select("ds", "dim_hostname", "m_events")).filter(
        pl.col("dim_hostname").is_not_null() & (pl.col("m_events") > 0)
    )
    hosts = sorted(set(rows["dim_hostname"].to_list()))
    if not hosts:
        return pl.DataFrame(schema=SCHEMA)
    counts = grid(rows, hosts, "dim_hostname", "m_events")
    before = counts[:, :DAYS]
    seen = before > 0
    first = np.where(seen.any(axis=1), np.argmax(seen, axis=1), DAYS)
    known = seen.any(axis=0) & ~window.off & (np.arange(DAYS) >= first[:, None])
    usual = _usual(counts, known, window)
    renamed = _renamed(before, counts[:, DAYS], usual.expected)
    found: dict[str, list[object]] = {name: [] for name in SCHEMA}
    for number, name in enumerate(hosts):
        host = _Host(
            window, int(counts[number, DAYS]), before[number], known[number],
            usual.expected[number], int(usual.low[number]), int(usual.high[number]), usual.fading[number],
        )  # fmt: skip
        state, reason = host.verdict()
        if (other := renamed.get(number)) is not None and state != "ok":
            reason += f"; {hosts[other]} {'came' if counts[number, DAYS] == 0 else 'went'} with as many: renamed?"
        numbers = (host.expected, host.low, host.high) if host.enough else (None, None, None)
        for column, value in zip(SCHEMA, (name, host.today, *numbers, state, reason), strict=True):
            found[column].append(value)
    return pl.DataFrame(found, schema=SCHEMA)


def _renamed(before: Floats, today: Floats, expected: Floats) -> dict[int, int]:
    """Hosts that vanished when another appeared with about as many events, and the other way round."""
    seen = before > 0
    last = np.where(seen.any(axis=1), DAYS - 1 - np.argmax(seen[:, ::-1], axis=1), -1)
    first = np.where(seen.any(axis=1), np.argmax(seen, axis=1), DAYS)
    gone = np.flatnonzero((today == 0) & (expected >= _WORTH_A_NAME))
    came = np.flatnonzero(today > 0)
    pairs: dict[int, int] = {}
    for old in gone:
        alike = [
            new for new in came
            if 0 < first[new] - last[old] <= 2 and 0.5 < today[new] / expected[old] < 2 and new not in pairs
        ]  # fmt: skip
        if alike:
            new = min(alike, key=lambda each: abs(np.log(today[each] / expected[old])))
            pairs[int(old)], pairs[int(new)] = int(new), int(old)
    return pairs


@dataclass(frozen=True)
class _Usual:
    """What is usual, by host."""

    expected: Floats
    low: Floats
    high: Floats
    fading: Floats
    """The share by which the last week together is below the weeks before it; 0 where this may be chance."""


def _usual(counts: Floats, known: Flags, window: Window) -> _Usual:
    hosts, before = len(counts), counts[:, :DAYS]
    # On this scale, Anscombe's for counts whose variance is mean + (LEAST_NOISE * mean)^2, every day's variance is 1.
    values = 2 / LEAST_NOISE * np.arcsinh(LEAST_NOISE * np.sqrt(counts + 0.375))
    mean = (before * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1) + 0.375
    relative = np.tile(mean / (1 + LEAST_NOISE**2 * mean), 2)
    # Each host twice: by all days before, and by those before the last week alone.
    both = np.concatenate([known, known & (AGES >= _WEEK)])
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
    week = np.concatenate([known[:, -_WEEK + 1 :], np.full((hosts, 1), not window.day_off)], axis=1)
    return _Usual(expected, low, high, _fading(found, values[:, -_WEEK:], week, np.sqrt(relative[:hosts])))


def _fading(found: baseline.Baseline, values: Floats, known: Flags, growth: Floats) -> Floats:
    """How far the last week is below the weeks before; single days, which have checks of their own, say little."""
    hosts = len(values)
    expected, error = (each[hosts:] for each in found.of_days(_WEEK))
    deviation = np.sqrt(found.spread[hosts:])
    apart = (values - expected[:, ::-1]) / deviation[:, None]
    days = np.maximum(known.sum(axis=1), 1)
    mean = (np.clip(apart, -_ONE_DAY, _ONE_DAY) * known).sum(axis=1) / days
    doubt = np.sqrt((1 / days + error / deviation**2) * student_widening(found.freedom[hosts:], TAILS[0]))
    share = 1 - np.exp(np.minimum(mean * deviation / growth, 0))
    sure = (mean < -_FADING * doubt) & (apart[:, -1] < -1) & (days >= _WEEK - 2) & (share > _FADED)
    return np.where(sure & ~found.shifted[:hosts], share, 0.0)


@dataclass(frozen=True)
class _Host:
    """All that a verdict on a host rests on."""

    window: Window
    today: int
    before: Floats
    known: Flags
    expected: float
    low: int
    high: int
    fading: float

    @property
    def days(self) -> tuple[int, int]:
        """Days that are known, and those among them that are of the judged day's weekday."""
        return int(self.known.sum()), int(self.known[::7].sum())

    @property
    def enough(self) -> bool:
        """So many days are known that the range means something."""
        days, same = self.days
        return days >= LEAST_DAYS and same >= LEAST_SAME_WEEKDAYS and not self.closed

    @property
    def closed(self) -> bool:
        """Without events for so long that none are expected."""
        lately = self.before[self.known][-baseline.NEW_NORMAL :]
        return len(lately) == baseline.NEW_NORMAL and not lately.any()

    @property
    def silent(self) -> bool:
        """No events at all, of a host that had some on every ordinary day before."""
        known = self.before[self.known]
        return (
            self.today == 0 and not self.window.day_off and len(known) >= _ALWAYS
            and bool((known < _WORTH_A_WORD).mean() <= 0.1)
        )  # fmt: skip

    @property
    def silence(self) -> str:
        """What is said of it."""
        known = self.before[self.known]
        return f"no events; {(known >= _WORTH_A_WORD).sum()} of {len(known)} days before had {_WORTH_A_WORD} or more"

    def verdict(self) -> tuple[str, str]:
        """State and reason."""
        if not self.enough:
            return self._without_range()
        few, mean = self.today < self.low, f"{self.expected:.0f}"
        range_ = f"{mean} were expected, {self.low} to {self.high} are usual"
        for holds, state, reason in (
            (self.today > self.high, "breached", f"{self.today} events, more than usual: {range_}"),
            (self.window.day_off and few, "breached",
             f"{self.today or 'no'} events, too few even for a day off; an ordinary day has {mean}"),
            (self.window.day_off, "cannot_tell", "a day off: only a fall far below an ordinary day would show"),
            (few, "breached", f"{self.today or 'no'} events, fewer than usual: {range_}"),
            (self.silent, "breached", self.silence),
            (self.fading > 0, "breached",
             f"fading: the last {_WEEK} days together are {self.fading:.0%} below the weeks before; {range_}"),
            (self.low == 0, "cannot_tell", f"too small: {mean} were expected, and a day without events would be usual"),
        ):  # fmt: skip
            if holds:
                return state, reason
        return "ok", ""

    def _without_range(self) -> tuple[str, str]:
        if self.closed:
            last = self.window.before(int(AGES[self.before > 0].min()))
            return "cannot_tell", f"no events from {last + dt.timedelta(1)} to the day before: none are expected"
        days, same = self.days
        if self.silent:
            return "breached", self.silence
        if not self.before.any():
            return "cannot_tell", "too little history: first seen on this day"
        return "cannot_tell", (
            f"too little history: {days} days before it are known, {same} of them a {self.window.weekday}; "
            f"{LEAST_DAYS} and {LEAST_SAME_WEEKDAYS} are needed"
        )
