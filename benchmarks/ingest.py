"""From a file in landing to segments: clean lines against the same with one line in a thousand broken."""

from __future__ import annotations

import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import worlds
from growth_assets import settings
from growth_assets.ingest.landing import land

CONTENDERS: Mapping[str, Callable[[Path, int], Path]] = {"clean": worlds.clean, "broken": worlds.broken}


@dataclass(frozen=True)
class Run:
    """One landing of one file, in a process of its own."""

    seconds: float
    cpu_seconds: float
    """Of all its threads: what it costs, whatever else the machine does."""
    events: int
    rejected: int
    peak_bytes: int


@dataclass(frozen=True)
class Contender:
    """What the runs of one contender came to."""

    name: str
    runs: Sequence[Run]

    @property
    def events_per_second(self) -> float:
        """The median of its runs."""
        return statistics.median(run.events / run.seconds for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        """The most memory that any of its runs took."""
        return max(run.peak_bytes for run in self.runs)


def measure(folder: Path, events: int, rounds: int) -> list[Contender]:
    """Run all contenders in turns, `rounds` times."""
    files = {name: make(folder, events) for name, make in CONTENDERS.items()}
    runs: dict[str, list[Run]] = {name: [] for name in files}
    for _ in range(rounds):
        for name, path in files.items():
            runs[name].append(in_own_process(path))
    return [Contender(name, each) for name, each in runs.items()]


def land_once(path: Path) -> Run:
    """Land the file in a new data folder beside it, which is removed afterwards."""
    # On the same disk, so that the file can be linked.
    site = Path(tempfile.mkdtemp(prefix=".site-", dir=path.parent))
    try:
        (site / "landing").mkdir()
        (site / "landing" / path.name).hardlink_to(path)
        (site / settings.SITE_FILE).write_text('hostnames = ["www.xx.com"]\n', encoding="utf-8")
        loaded = settings.load(site)
        start, cpu_start = time.perf_counter(), time.process_time()
        (entry,) = land(loaded).read
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    finally:
        shutil.rmtree(site)
    return Run(seconds, cpu_seconds, entry.events, entry.rejected, _peak_bytes())


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss of the parent on to its children, and the parent may have made the file.
        (peak,) = re.findall(r"^VmHWM:\s+([0-9]+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
        return int(peak) * 1024
    # Bytes on macOS, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_own_process(path: Path) -> Run:
    """Land the file in a process that does nothing else."""
    command = [sys.executable, "-m", "benchmarks", "land-once", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"landing {path} failed:\n{done.stderr}")
    return Run(**json.loads(done.stdout))


def as_json(contenders: Sequence[Contender]) -> dict[str, object]:
    """All numbers, for a program."""
    return {"contenders": by_name(contenders), "broken_to_clean": _ratio(contenders)}


def by_name(contenders: Sequence[Contender]) -> dict[str, object]:
    """The numbers of each contender."""
    return {
        each.name: {
            "events_per_second": each.events_per_second,
            "peak_bytes": each.peak_bytes,
            "runs": [asdict(run) for run in each.runs],
        }
        for each in contenders
    }


def as_text(contenders: Sequence[Contender]) -> str:
    """A table for people."""
    rows = [f"{'':18}{'events':>12}{'rejected':>10}{'events/s':>12}{'seconds':>26}{'CPU':>8}{'peak MB':>10}"]
    for each in contenders:
        run = each.runs[0]
        seconds = " ".join(f"{one.seconds:.1f}" for one in each.runs)
        rows.append(
            f"{each.name:18}{run.events:12,}{run.rejected:10,}{each.events_per_second:12,.0f}{seconds:>26}"
            f"{statistics.median(one.cpu_seconds for one in each.runs):8.1f}{each.peak_bytes / 1e6:10,.0f}"
        )
    return "\n".join(rows)


def ratio_as_text(contenders: Sequence[Contender]) -> str:
    """What broken lines cost, for people."""
    return f"broken lines leave {_ratio(contenders):.0%} of the clean speed"


def _ratio(contenders: Sequence[Contender]) -> float:
    speed = {each.name: each.events_per_second for each in contenders}
    return speed["broken"] / speed["clean"]
