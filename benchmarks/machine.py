"""The machine and the versions that numbers were measured with."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from importlib import metadata
from pathlib import Path

PACKAGES = ("dagster", "duckdb", "pandera", "polars", "pyarrow", "ua-parser", "user-agents")

SPARK_PYTHON = "SPARK_PYTHON"
"""The variable that names a Python with PySpark: it must not be this one, since Pandera imports PySpark where it is."""


def machine() -> dict[str, str]:
    """By name, in words; what is not there is named as absent."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": platform.platform(aliased=True, terse=True),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "goaccess": goaccess_version() or "absent",
        "pyspark": spark_version() or "absent",
    }


def busy_cores(seconds: float = 3.0) -> float:
    """How many cores are busy now, looked at for so long; the load average, which remembers, where that is not told."""
    before = _ticks()
    if before is None:
        return os.getloadavg()[0]
    time.sleep(seconds)
    after = _ticks() or before
    return (after[0] - before[0]) / max(after[1] - before[1], 1) * (os.cpu_count() or 1)


def _ticks() -> tuple[int, int] | None:
    """Of all cores together since they began, as Linux tells: those at work, and all."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    every = [int(each) for each in line.split()[1:9]]
    idle, waiting = every[3:5]
    return sum(every) - idle - waiting, sum(every)


def as_line(found: dict[str, str]) -> str:
    """The same in one line."""
    return ", ".join(f"{name} {value}" for name, value in found.items() if value != "absent")


def goaccess_version() -> str | None:
    """None where it is not installed."""
    if not shutil.which("goaccess"):
        return None
    said = subprocess.run(["goaccess", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split("\n", 1)[0].removeprefix("GoAccess - ").rstrip(".")


def spark_version() -> str | None:
    """None where the variable names no Python that has it."""
    interpreter = os.environ.get(SPARK_PYTHON)
    if not interpreter or not shutil.which(interpreter):
        return None
    command = [interpreter, "-c", "import pandas, pyspark; print(pyspark.__version__)"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
