"""Who is measured on one large day: each is a command, a process of its own, and reads the same landing files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import worlds
from benchmarks.machine import SPARK_PYTHON, goaccess_version, spark_version
from benchmarks.processes import Cost, TooLongError, python, ran
from growth_assets.simulate.files import Format

PRODUCT, NOTHING = "growth-assets build", "growth-assets build, nothing to do"
BARE, BARE_RAW = "bare script", "bare script that keeps raw events"
ROWS, GOACCESS, SPARK = "row by row, geoip2 and user_agents", "GoAccess", "PySpark, local[2]"

SAMPLE_LINES = 10_000
"""Lines that the loop row by row reads; all lines would take it hours. What it takes is multiplied."""


PATIENCE = 1_100
"""Seconds after which another tool is stopped, unless others are given: it is said to take more than that, and is not
asked again."""


@dataclass(frozen=True)
class Run:
    """One run of a contender."""

    cost: Cost
    scaled: float = 1.0
    """What was measured is multiplied by this, since it was a sample."""
    stopped: bool = False
    """It was not done when it was stopped: it takes more than that."""


Contender = Callable[[Path, Path, Format, int], Run]
"""Landing folder, a folder of its own to write into, format and number of events."""


def build(landing: Path, folder: Path, file_format: Format, events: int) -> Run:  # noqa: ARG001 - see Contender
    """The whole way, with checks and Dagster, as a user does it."""
    return Run(ran(product(worlds.site(folder, landing)))[0])


def product(site: Path) -> list[str]:
    """The command of a user."""
    return python("-m", "growth_assets", "build", "--data", str(site))


def bare(landing: Path, folder: Path, file_format: Format, events: int) -> Run:  # noqa: ARG001 - see Contender
    """The same tables without all that."""
    return Run(ran(python("benchmarks/bare_script.py", str(landing), str(folder), file_format))[0])


def bare_raw(landing: Path, folder: Path, file_format: Format, events: int) -> Run:  # noqa: ARG001 - see Contender
    """The same, which also keeps what was received."""
    return Run(ran(python("benchmarks/bare_script.py", str(landing), str(folder), file_format, "raw"))[0])


def rows(landing: Path, folder: Path, file_format: Format, events: int) -> Run:
    """Row by row, on a sample."""
    command = python("benchmarks/row_loop.py", str(landing), str(folder), file_format, str(SAMPLE_LINES))
    cost, said = ran(command)
    found = json.loads(said)
    return Run(Cost(found["seconds"], found["cpu_seconds"], cost.peak_bytes), events / found["events"])


def goaccess(
    landing: Path, folder: Path, file_format: Format, events: int,  # noqa: ARG001 - see Contender
    patience: float = PATIENCE,
) -> Run:  # fmt: skip
    """The report of an access log as JSON; so many seconds are waited for it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(path) for path in sorted(landing.glob("*.log"))]
    settings = ["--log-format=COMBINED", "--no-global-config", "--no-progress", "--output", str(folder / "report.json")]
    try:
        return Run(ran(["goaccess", *paths, *settings], patience=patience)[0])
    except TooLongError as error:
        return Run(error.cost, stopped=True)


def spark(landing: Path, folder: Path, file_format: Format, events: int) -> Run:  # noqa: ARG001 - see Contender
    """The same steps in Spark on one machine."""
    command = [os.environ[SPARK_PYTHON], "-m", "benchmarks.spark_script", str(landing), str(folder), file_format]
    return Run(ran(command)[0])


def all_for(file_format: Format, patience: float = PATIENCE) -> Mapping[str, tuple[Contender, str]]:
    """Name to contender, and why it cannot be measured, or ""; another tool is waited for so many seconds."""
    found: dict[str, tuple[Contender, str]] = {PRODUCT: (build, ""), BARE: (bare, ""), BARE_RAW: (bare_raw, "")}
    if file_format != "parquet":
        found[ROWS] = rows, ""
    if file_format == "combined":
        waited_for = partial(goaccess, patience=patience)
        found[GOACCESS] = waited_for, "" if goaccess_version() else "GoAccess is not installed (Debian: goaccess)"
    if file_format != "combined":
        found[SPARK] = spark, "" if spark_version() else f"{SPARK_PYTHON} names no Python with PySpark"
    return found


def run(contender: Contender, landing: Path, file_format: Format, events: int) -> Run:
    """Run a contender in a folder that is removed afterwards, on the disk of the landing folder."""
    folder = Path(tempfile.mkdtemp(prefix=".run-", dir=landing.parent))
    try:
        return contender(landing, folder / "site", file_format, events)
    finally:
        shutil.rmtree(folder)
