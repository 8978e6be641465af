"""One large day from its file in landing to its metrics: beside scripts without checks, and step by step."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import contenders, steps, worlds
from benchmarks.contenders import BARE, BARE_RAW, GOACCESS, PRODUCT, ROWS
from benchmarks.machine import as_line, machine
from benchmarks.processes import Cost, median, python, ran
from growth_assets.simulate.files import Format

SHORT = (PRODUCT, BARE, BARE_RAW)
"""Those who are measured unless all are asked for."""


@dataclass(frozen=True)
class Measured:
    """What the runs of one contender came to."""

    runs: Sequence[Cost]
    scaled: float = 1.0
    absent: str = ""
    """Why it was not measured."""
    stopped: bool = False
    """It was not done when it was stopped, so that it takes more than what was measured."""

    @property
    def cost(self) -> Cost:
        """The medians, multiplied where it was a sample."""
        return median(self.runs) * self.scaled


ONCE = 120.0
"""Seconds after which nobody waits for another run: what varies from run to run is little beside that."""


@dataclass(frozen=True)
class Day:
    """One day of one format: each contender by name, and the steps of the pipeline."""

    file_format: Format
    events: int
    """As asked for: the lines of the files are a few more."""
    rounds: int
    found: Mapping[str, Measured]
    nothing: Cost
    """A build that finds nothing to do: imports, settings, Dagster's storage."""
    steps: Mapping[str, steps.Cost]

    def rate(self, name: str) -> float:
        """Events a second of a contender, from the start of its process to its end."""
        return self.events / self.found[name].cost.seconds

    def ratio(self, name: str) -> float:
        """The time of the pipeline over that of another."""
        return self.found[PRODUCT].cost.seconds / self.found[name].cost.seconds

    def cpu_ratio(self, name: str) -> float:
        """The same of the CPU seconds: what the machine does beside changes it less."""
        return self.found[PRODUCT].cost.cpu_seconds / self.found[name].cost.cpu_seconds


def measure(
    folder: Path, events: int, file_format: Format, rounds: int, names: Sequence[str] | None = SHORT,
    patience: float = contenders.PATIENCE,
) -> Day:  # fmt: skip
    """Run the contenders in turns, so many rounds; `None` stands for all of them.

    One that takes more than ONCE seconds runs in the first round alone, unless it is one of SHORT.
    """
    landing = worlds.day(folder, events, file_format)
    available = contenders.all_for(file_format, patience)
    chosen = {name: each for name, each in available.items() if names is None or name in names}
    runs: dict[str, list[contenders.Run]] = {name: [] for name in chosen}
    absent = {name: missing for name, (_, missing) in chosen.items() if missing}
    for _ in range(rounds):
        for name, (contender, _) in chosen.items():
            long = name not in SHORT and any(run.stopped or run.cost.seconds > ONCE for run in runs[name])
            if long or name in absent:
                continue
            try:
                runs[name].append(contenders.run(contender, landing, file_format, events))
            except RuntimeError as error:
                if name in SHORT:
                    raise
                # The others are compared all the same.
                runs[name], absent[name] = [], f"failed: {str(error).strip().splitlines()[-1]}"
    nothing, profile = _alone(landing)
    found = {
        name: Measured([run.cost for run in each], each[0].scaled, stopped=any(run.stopped for run in each))
        if each
        else Measured([], absent=absent[name])
        for name, each in runs.items()
    }
    return Day(file_format, events, rounds, found, nothing, profile)


def _alone(landing: Path) -> tuple[Cost, Mapping[str, steps.Cost]]:
    """The steps of a build, and then one with nothing to do."""
    folder = Path(tempfile.mkdtemp(prefix=".run-", dir=landing.parent))
    try:
        site = worlds.site(folder / "site", landing)
        _, said = ran(python("-m", "benchmarks.steps", str(site)))
        nothing, _ = ran(contenders.product(site))
    finally:
        shutil.rmtree(folder)
    return nothing, {name: steps.Cost(**cost) for name, cost in json.loads(said).items()}


def as_json(day: Day) -> dict[str, Any]:
    """All numbers, for a program."""
    shares, cpu = steps.Shares.of(day.steps), steps.Shares.of(day.steps, lambda cost: cost.cpu_seconds)
    product = day.found[PRODUCT].cost
    return {
        "format": day.file_format,
        "events": day.events,
        "rounds": day.rounds,
        "events_per_second": round(day.rate(PRODUCT)),
        "events_per_second_beyond_start": round(day.events / max(product.seconds - day.nothing.seconds, 1e-9)),
        "peak_memory_gb": round(product.peak_bytes / 1e9, 3),
        "ratio_to_bare_script": round(day.ratio(BARE), 3),
        "cpu_ratio_to_bare_script": round(day.cpu_ratio(BARE), 3),
        "ratio_to_bare_script_that_keeps_raw": round(day.ratio(BARE_RAW), 3),
        "checks_share": round(shares.checks, 3),
        "orchestration_share": round(shares.orchestration, 3),
        "checks_share_of_cpu": round(cpu.checks, 3),
        "orchestration_share_of_cpu": round(cpu.orchestration, 3),
        "contenders": {
            name: {
                "events_per_second": round(day.rate(name)),
                "times_as_fast": day.ratio(name),
                "scaled_by": round(each.scaled, 1),
                "stopped": each.stopped,
                **asdict(each.cost),
                "runs": [asdict(run) for run in each.runs],
            }
            if each.runs
            else {"absent": each.absent}
            for name, each in day.found.items()
        },
        "nothing_to_do": asdict(day.nothing),
        "steps": {name: asdict(cost) for name, cost in day.steps.items()},
        "machine": machine(),
    }


def as_text(day: Day) -> str:
    """Tables for people."""
    rows = [f"{day.events:,} events, {day.file_format}{'':30}"[:48].ljust(48) + _HEAD]
    rows += [as_row(name, each, day.rate(name) if each.runs else 0.0) for name, each in day.found.items()]
    rows.append(as_row(contenders.NOTHING, Measured([day.nothing]), 0.0))
    shares = steps.Shares.of(day.steps)
    told = [f"{day.ratio(name):.2f} times the time of the {name}" for name in (BARE, BARE_RAW)]
    told += [
        f"{'more than ' if day.found[name].stopped else ''}{1 / day.ratio(name):,.0f} times as fast as {name}"
        for name in (ROWS, GOACCESS)
        if _there(day, name)
    ]
    return "\n".join(
        [
            *rows, *told,
            f"checks take {shares.checks:.0%} of the whole, Dagster {shares.orchestration:.0%}",
            "", steps.as_text(day.steps), "", as_line(machine()),
        ]
    )  # fmt: skip


_HEAD = f"{'events/s':>12}{'seconds':>10}{'CPU':>10}{'peak GB':>9}"


def as_row(name: str, each: Measured, rate: float) -> str:
    """One contender."""
    if not each.runs:
        return f"{name:48}{each.absent}"
    cost, said = each.cost, f"{rate:12,.0f}" if rate else f"{'':12}"
    note = "  a sample, multiplied" if each.scaled != 1 else "  stopped, not done" if each.stopped else ""
    return f"{name:48}{said}{cost.seconds:10.2f}{cost.cpu_seconds:10.2f}{cost.peak_bytes / 1e9:9.2f}{note}"


def _there(day: Day, name: str) -> bool:
    return name in day.found and bool(day.found[name].runs)
