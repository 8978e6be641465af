"""What every process waits for before it begins: the seconds of importing, each module in a process of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from benchmarks.machine import as_line, machine
from benchmarks.processes import Cost, median, python, ran

MODULES = (
    "sys", "polars", "pandera.polars", "duckdb", "dagster", "growth_assets.cli", "growth_assets.orchestration.run",
    "growth_assets.definitions",
)  # fmt: skip
"""The first is there already: what is left is Python itself."""

BUILD = "growth_assets.orchestration.run"
"""What `growth-assets build` imports."""

SHOWN = 12
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


@dataclass(frozen=True)
class Imports:
    """Module to what importing it costs; and of what a build imports, each package's own seconds."""

    costs: Mapping[str, Cost]
    packages: Mapping[str, float]
    modules: Mapping[str, int]
    """How many modules of each package were imported."""


def measure(rounds: int) -> Imports:
    """Import each module in turns, so many rounds."""
    runs: dict[str, list[Cost]] = {name: [] for name in MODULES}
    for _ in range(rounds):
        for name in MODULES:
            runs[name].append(ran(python("-c", f"import {name}"))[0])
    # The times are told on standard error, of which nothing is kept.
    timed = f"[sys.executable, '-X', 'importtime', '-c', 'import {BUILD}']"
    _, said = ran(python("-c", f"import subprocess, sys; subprocess.run({timed}, stderr=sys.stdout, check=True)"))
    packages: dict[str, float] = defaultdict(float)
    modules: dict[str, int] = defaultdict(int)
    for microseconds, module in _LINE.findall(said):
        package = module.partition(".")[0]
        packages[package] += int(microseconds) / 1e6
        modules[package] += 1
    return Imports({name: median(each) for name, each in runs.items()}, packages, modules)


def as_json(imports: Imports) -> dict[str, object]:
    """All numbers, for a program."""
    return {
        "seconds": {name: asdict(cost) for name, cost in imports.costs.items()},
        "packages": dict(imports.packages),
        "modules": dict(imports.modules),
        "machine": machine(),
    }


def as_text(imports: Imports) -> str:
    """Tables for people."""
    rows = [f"{'import, in a process of its own':40}{'seconds':>9}{'CPU':>9}{'peak GB':>9}"]
    rows += [
        f"{name:40}{cost.seconds:9.2f}{cost.cpu_seconds:9.2f}{cost.peak_bytes / 1e9:9.2f}"
        for name, cost in imports.costs.items()
    ]
    rows += ["", f"{f'packages that {BUILD} imports':48}{'own seconds':>12}{'modules':>9}"]
    largest = sorted(imports.packages.items(), key=lambda each: -each[1])[:SHOWN]
    rows += [f"{name:48}{seconds:12.2f}{imports.modules[name]:9,}" for name, seconds in largest]
    return "\n".join([*rows, "", as_line(machine())])
