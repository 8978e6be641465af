"""Events of each host, against what its weekday, trend and noise of the eight weeks before let expect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from growth_assets.checks import baseline
from growth_assets.checks.usual_volume import WEEK, usual_volumes
from growth_assets.checks.window import AGES, DAYS, LEAST_DAYS, Flags, Floats, Window, amounts, grid

_LASTING = 7
"""Days in a row without any event that are no weekly rhythm: of a host never silent otherwise, an outage or closing."""

_WORTH_A_NAME = 10
"""Events a day from which on a host that goes is looked for under another name."""

_HARDLY = 0.1  # of the usual events; less is hardly there

_ALWAYS = 7  # days, of which nine in ten had events enough that none at all is no chance even where visits are long
_MANY, _MANY_FOR_LONG = 20, 10  # events a day: where few days are known, and where LEAST_DAYS are

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
    columns, events = window.columns(history["ds"]), amounts(history["m_events"])
    names = history["dim_hostname"].to_list()
    inside = (columns >= 0) & (events > 0)
    hosts = sorted({name for name, holds in zip(names, inside.tolist(), strict=True) if holds and name is not None})
    if not hosts:
        return pl.DataFrame(schema=SCHEMA)
    counts = grid(names, columns, events, hosts)
    before = counts[:, :DAYS]
    seen = before > 0
    first = np.where(seen.any(axis=1), np.argmax(seen, axis=1), DAYS)
    there = seen.any(axis=0) & ~window.off & (np.arange(DAYS) >= first[:, None])
    known = there & ~_lasting_silence(before, there)
    usual = usual_volumes(counts, known, window)
    renamed = _renamed(before, counts[:, DAYS], usual.expected)
    found: dict[str, list[object]] = {name: [] for name in SCHEMA}
    for number, name in enumerate(hosts):
        host = _Host(
            window, int(counts[number, DAYS]), before[number], there[number], known[number],
            usual.expected[number], int(usual.low[number]), int(usual.high[number]), usual.fading[number],
        )  # fmt: skip
        state, reason = host.verdict()
        if number in renamed and state != "ok":
            other, became = renamed[number]
            reason += f"; {hosts[other]} {became} with as many: renamed?"
        numbers = (host.expected, host.low, host.high) if host.enough else (None, None, None)
        for column, value in zip(SCHEMA, (name, host.today, *numbers, state, reason), strict=True):
            found[column].append(value)
    return pl.DataFrame(found, schema=SCHEMA)


def _lasting_silence(before: Floats, there: Flags) -> Flags:
    """Days without events, a week of them or more in a row, of hosts that are never silent otherwise.

    They tell nothing of a day on which the host is there, and are no new normal for it.
    """
    silent = np.zeros_like(there)
    for number in np.flatnonzero((there & (before == 0)).sum(axis=1) >= _LASTING):
        days = np.flatnonzero(there[number])
        runs = np.split(days, np.flatnonzero(np.diff(before[number, days] > 0)) + 1)
        for run in runs:
            silent[number, run] = len(run) >= _LASTING and before[number, run[0]] == 0
        if not never_silent(before[number, there[number] & ~silent[number]]):
            silent[number] = False
    return silent


def _renamed(before: Floats, today: Floats, expected: Floats) -> dict[int, tuple[int, str]]:
    """Hosts that vanished when another appeared with about as many events, and the other way round.

    By host the other one, and what became of it. A few events under the new name before, such as a trial's, or under
    the old one afterwards, are no presence.
    """
    there, there_before = before >= _HARDLY * today[:, None], before >= _HARDLY * expected[:, None]
    last = np.where(there_before.any(axis=1), DAYS - 1 - np.argmax(there_before[:, ::-1], axis=1), -1)
    first = np.where(there.any(axis=1), np.argmax(there, axis=1), DAYS)
    gone = np.flatnonzero((today < _HARDLY * expected) & (expected >= _WORTH_A_NAME))
    came = np.flatnonzero(today > 0)
    pairs: dict[int, tuple[int, str]] = {}
    for old in gone:
        alike = [
            new for new in came
            if 0 < first[new] - last[old] <= 2 and 0.5 < today[new] / expected[old] < 2 and new not in pairs
        ]  # fmt: skip
        if alike:
            new = min(alike, key=lambda each: abs(np.log(today[each] / expected[old])))
            pairs[int(old)], pairs[int(new)] = (int(new), "came"), (int(old), "went")
    return pairs


def never_silent(counts: Floats) -> bool:
    """Whether a host with so many events on the ordinary days before has some on every day, by these counts alone.

    It needs no weekday, trend or noise, which past incidents and days off may hide in a short history. A host without
    any visit on one day in a hundred seldom has many events on nine days of ten, however long its visits are.
    """
    return len(counts) >= _ALWAYS and bool((counts < _many(len(counts))).mean() <= 0.1)


def _many(days: int) -> int:
    return _MANY_FOR_LONG if days >= LEAST_DAYS else _MANY


@dataclass(frozen=True)
class _Host:
    """All that a verdict on a host rests on."""

    window: Window
    today: int
    before: Floats
    there: Flags
    """By day before: it is known."""
    known: Flags
    """By day before: it may speak."""
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
        return not self.window.too_little(days, same) and not self.closed

    @property
    def closed(self) -> bool:
        """Without events for so long that none are expected; open again where it comes back after a lasting silence."""
        lately = self.before[self.there][-baseline.NEW_NORMAL :]
        back = self.today > 0 and (self.there & ~self.known).any()
        return len(lately) == baseline.NEW_NORMAL and not lately.any() and not back

    @property
    def silent(self) -> bool:
        """No events at all, of a host that had some on every ordinary day before."""
        return self.today == 0 and not self.window.day_off and never_silent(self.before[self.known])

    @property
    def silence(self) -> str:
        """What is said of it."""
        known = self.before[self.known]
        many = _many(len(known))
        return f"no events; {(known >= many).sum()} of {len(known)} days before had {many} or more"

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
             f"fading: the last {WEEK} days together are {self.fading:.0%} below the weeks before; {range_}"),
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
        return "cannot_tell", self.window.too_little(days, same)
