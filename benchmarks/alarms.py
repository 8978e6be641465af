"""How often a check cries wolf, and how often it sees what is wrong, beside the rules that are in use elsewhere."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.alarm_sites import AFTER, GROWTH, HOSTS, NOISE, SIGNUP_RATE, Range, Site, site
from benchmarks.rules import RIVALS, Alarms, Series
from growth_assets.checks import guardrail, volume
from growth_assets.checks.window import DAYS
from growth_assets.settings import Guardrails

OURS = "growth_assets"
RULES = (OURS, *RIVALS)
WEEKS = (4, 8)
MARGIN = Guardrails().margin
"""As it is shipped."""

OUTSIDE: Mapping[str, tuple[Range, Range]] = {
    "shrinks by 3 % a week": ((-0.03, -0.03), NOISE),
    "20 % of noise": (GROWTH, (0.2, 0.2)),
}
"""Sites that are otherwise than the judgement believes beforehand: growth and noise."""

FALSE_ALARMS = "false alarms"
FADING = "fading"
COVERAGE = "interval"
VOLUME: Mapping[str, float] = {"outage": 0.0, "-50 %": 0.5, "-30 %": 0.7}
CONVERSION: Mapping[str, float] = {"broken form": 0.0, "-50 %": 0.5}
VOLUME_MEASURES = (FALSE_ALARMS, *VOLUME, FADING)
CONVERSION_MEASURES = (FALSE_ALARMS, *CONVERSION, COVERAGE)

ONE_IN = 5
"""Of so many runs one is also of each site OUTSIDE."""

_FADE = 0.98  # a day
_CONFIDENCE = 0.95  # that so many alarms in AFTER days are more than there are without fading, whatever the rule
_EVERY = 2  # days: every weekday has its turn


@dataclass
class Tally:
    """Alarms and occasions by rule, measure and host."""

    plain: dict[str, list[npt.NDArray[np.int64]]] = field(default_factory=dict)
    """By rule and run, alarms of each host while nothing is wrong."""
    fading: dict[str, list[npt.NDArray[np.int64]]] = field(default_factory=dict)
    """The same on the same days, while the host fades."""

    alarms: dict[tuple[str, str], npt.NDArray[np.int64]] = field(default_factory=dict)
    occasions: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, rule: str, measure: str, alarms: Alarms) -> None:
        """One occasion for every host."""
        at = rule, measure
        self.alarms[at] = self.alarms.get(at, np.zeros(len(HOSTS), dtype=np.int64)) + alarms
        self.occasions[at] = self.occasions.get(at, 0) + 1

    def take_in(self, other: Tally) -> None:
        """Its alarms and occasions after one's own."""
        for mine, others in ((self.plain, other.plain), (self.fading, other.fading)):
            for rule, runs in others.items():
                mine.setdefault(rule, []).extend(runs)
        for at, alarms in other.alarms.items():
            self.alarms[at] = self.alarms.get(at, np.zeros_like(alarms)) + alarms
            self.occasions[at] = self.occasions.get(at, 0) + other.occasions[at]

    def share(self, rule: str, measure: str, host: int) -> float | None:
        """Of the occasions; None where a rule was not asked."""
        if measure == FADING:
            usual = np.quantile([each[host] for each in self.plain[rule]], _CONFIDENCE, method="higher")
            return float(np.mean([each[host] > usual for each in self.fading[rule]]))
        at = rule, measure
        return float(self.alarms[at][host]) / self.occasions[at] if at in self.alarms else None


@dataclass(frozen=True)
class Measured:
    """What one length of history came to."""

    weeks: int
    volume: Tally
    conversion: Tally
    outside: Mapping[str, Tally] = field(default_factory=lambda: {name: Tally() for name in OUTSIDE})
    """The volume of sites of another kind, of each fifth run."""


def measure(runs: int, seed: int, processes: int = 1) -> list[Measured]:
    """Judge the days of so many sites, for each length of history; the same whatever the number of processes."""
    places = [(seed, weeks, run) for weeks in WEEKS for run in range(runs)]
    if processes > 1:
        # Not by a fork: a copy of Polars' threads would wait for ever.
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            ones = pool.starmap(_measure_one, places, chunksize=8)
    else:
        ones = [_measure_one(*place) for place in places]
    found = [Measured(weeks, Tally(), Tally()) for weeks in WEEKS]
    for number, one in enumerate(ones):
        into = found[number // runs]
        into.volume.take_in(one.volume)
        into.conversion.take_in(one.conversion)
        for name, tally in one.outside.items():
            into.outside[name].take_in(tally)
    return found


def _measure_one(seed: int, weeks: int, run: int) -> Measured:
    """One site; its chances are its own, so that no other site changes them."""
    rng = np.random.default_rng([seed, weeks, run])
    one = Measured(weeks, Tally(), Tally())
    world = site(rng, weeks, seed * 1_000_003 + run)
    _volume(one.volume, world, weeks, run, rng)
    _conversion(one.conversion, world, weeks, run, rng)
    if run % ONE_IN == 0:
        for number, (name, (growth, noise)) in enumerate(OUTSIDE.items()):
            rng = np.random.default_rng([seed, weeks, run, number])
            other = site(rng, weeks, seed * 1_000_003 + run, growth, noise)
            _volume(one.outside[name], other, weeks, run // ONE_IN, rng)
    return one


def _volume(tally: Tally, world: Site, weeks: int, run: int, rng: np.random.Generator) -> None:
    history = 7 * weeks
    at = _ordinary(world, history, run)
    for name, left in VOLUME.items():
        events = world.events[:, at - history : at + 1].copy()
        events[:, -1] = _drawn(rng, world.means[:, at] * left)
        for rule, alarms in _alarms(world, events, at).items():
            tally.add(rule, name, alarms)
    fading = world.events.copy()
    fading[:, history:] = _drawn(rng, world.means[:, history:] * _FADE ** np.arange(1, AFTER + 1))
    plain = {rule: np.zeros(len(HOSTS), dtype=np.int64) for rule in RULES}
    seen = {rule: np.zeros(len(HOSTS), dtype=np.int64) for rule in RULES}
    for at in range(history, history + AFTER, _EVERY):
        found = _alarms(world, world.events[:, at - history : at + 1], at)
        for rule, alarms in found.items():
            tally.add(rule, FALSE_ALARMS, alarms)
        # Those who watch a host fade keep what they have seen, and so do those whose host does not.
        kept = slice(max(0, at - DAYS), at + 1)
        for rule, alarms in (found if history == DAYS else _alarms(world, world.events[:, kept], at)).items():
            plain[rule] += alarms
        for rule, alarms in _alarms(world, fading[:, kept], at).items():
            seen[rule] += alarms
    for rule in RULES:
        tally.plain.setdefault(rule, []).append(plain[rule])
        tally.fading.setdefault(rule, []).append(seen[rule])


def _conversion(tally: Tally, world: Site, weeks: int, run: int, rng: np.random.Generator) -> None:
    history = 7 * weeks
    for at in range(history, history + AFTER, _EVERY):
        found, covered = _rate_alarms(world, world.signups[:, at - history : at + 1], at)
        for rule, alarms in found.items():
            tally.add(rule, FALSE_ALARMS, alarms)
        tally.add(OURS, COVERAGE, covered)
    at = _ordinary(world, history, run)
    for name, left in CONVERSION.items():
        # One host at a time: a form is broken on one.
        signups = world.signups[:, at - history : at + 1]
        fallen = rng.binomial(world.events[:, at], world.signup_rates[:, at] * left)
        fell: dict[str, Alarms] = {rule: np.zeros(len(HOSTS), dtype=np.bool_) for rule in RULES}
        for host in range(len(HOSTS)):
            broken = signups.copy()
            broken[host, -1] = fallen[host]
            for rule, alarms in _rate_alarms(world, broken, at)[0].items():
                fell[rule][host] = alarms[host]
        for rule, alarms in fell.items():
            tally.add(rule, name, alarms)


def _ordinary(world: Site, history: int, run: int) -> int:
    """A day to judge that is no day off, of every weekday in turns."""
    days = (history + (run + more) % AFTER for more in range(AFTER))
    return next(day for day in days if world.day(day) not in world.days_off)


def _drawn(rng: np.random.Generator, means: Series) -> npt.NDArray[np.int64]:
    events = rng.poisson(means)
    events[-1] = np.round(means[-1])  # the demo world's noise is its own
    return events


def _alarms(world: Site, events: npt.NDArray[np.int64], at: int) -> dict[str, Alarms]:
    series = events.astype(np.float64)
    history = pl.DataFrame(_columns(world, events.shape[1], at) | {"m_events": events.ravel()})
    rows = volume.judge(history, world.day(at).isoformat(), world.days_off)
    breached = dict(zip(rows["dim_hostname"], rows["state"] == "breached", strict=True))
    ours = np.array([breached.get(name, False) for name in HOSTS])
    return {OURS: ours} | {rule: alarms(series) for rule, alarms in RIVALS.items()}


def _rate_alarms(world: Site, signups: npt.NDArray[np.int64], at: int) -> tuple[dict[str, Alarms], Alarms]:
    days = signups.shape[1]
    hits = world.events[:, at - days + 1 : at + 1]
    weekly = slice(-1, None, -7)
    columns = _columns(world, days, at)
    history = pl.DataFrame(
        {
            "ds": np.array(columns["ds"]).reshape(len(HOSTS), days)[:, weekly].ravel().tolist(),
            "dim_hostname": np.repeat(list(HOSTS), len(range(days)[weekly])).tolist(),
            "numerator": signups[:, weekly].ravel(),
            "denominator": hits[:, weekly].ravel(),
        }
    ).with_columns(aggregation_level=pl.lit("dim_hostname"))
    rows = guardrail.judge(history, world.day(at).isoformat(), MARGIN, world.days_off)
    found = {row["dim_hostname"]: row for row in rows.to_dicts()}
    ours = np.array([found[name]["state"] == "breached" for name in HOSTS])
    covered = np.array([(found[n]["low"] or 0) <= SIGNUP_RATE <= (found[n]["high"] or 1) for n in HOSTS])
    rates = signups / np.maximum(hits, 1)
    return {OURS: ours} | {rule: alarms(rates) for rule, alarms in RIVALS.items()}, covered


def _columns(world: Site, days: int, at: int) -> dict[str, list[str]]:
    dates = [world.day(at - age).isoformat() for age in range(days - 1, -1, -1)]
    return {"ds": dates * len(HOSTS), "dim_hostname": [name for name in HOSTS for _ in dates]}


def cells(found: Sequence[Measured], kind: str) -> list[dict[str, Any]]:
    """One row for each length of history, host and rule."""
    measures = VOLUME_MEASURES if kind == "volume" else CONVERSION_MEASURES
    return [
        {"weeks": one.weeks, "events_a_day": name, "rule": rule}
        | {each: getattr(one, kind).share(rule, each, host) for each in measures}
        for one in found
        for host, name in enumerate(HOSTS)
        for rule in RULES
    ]


def cells_outside(found: Sequence[Measured]) -> list[dict[str, Any]]:
    """One row for each length of history, kind of site and host of it."""
    return [
        {"weeks": one.weeks, "site": kind, "events_a_day": name}
        | {each: tally.share(OURS, each, host) for each in VOLUME_MEASURES}
        for one in found
        for kind, tally in one.outside.items()
        for host, name in enumerate(HOSTS)
        if name != "demo"
    ]
