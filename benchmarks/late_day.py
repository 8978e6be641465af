"""One late day in a warehouse of many: what it takes to land some late lines and build their day again."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import worlds
from benchmarks.contenders import product
from benchmarks.imports import BUILD
from benchmarks.machine import as_line, machine
from benchmarks.processes import Cost, median, python, ran
from benchmarks.year import FIRST_DAY
from growth_assets.simulate import simulate

SHARE = 100
"""A late file has so many times fewer events than a day."""


@dataclass(frozen=True)
class LateDay:
    """Medians of some rounds, each with late lines of another day."""

    days: int
    events_per_day: int
    late_events: int
    late: Cost
    """`growth-assets build` after a late file came."""
    nothing: Cost
    """The same where nothing came."""
    start: Cost
    """A process that imports what it imports, and ends."""

    @property
    def beyond_start(self) -> Cost:
        """What is left when the start of the process is taken off."""
        return self.late - self.start


def measure(folder: Path, days: int, events_per_day: int, rounds: int) -> LateDay:
    """Build all days once, which is not measured; then bring a late file of a day in the middle each round."""
    landing = worlds.days(folder, days, events_per_day, FIRST_DAY)
    sites = Path(tempfile.mkdtemp(prefix=".sites-", dir=folder))
    late, nothing, start = list[Cost](), list[Cost](), list[Cost]()
    events = max(events_per_day // SHARE, 10)
    try:
        site = worlds.site(sites / "site", landing)
        ran(product(site))
        for number in range(rounds):
            day = FIRST_DAY + dt.timedelta(days=days // 2 - number)
            simulate(sites / f"late-{number}", days=1, events_per_day=events, seed=100 + number, first_day=day)
            (file,) = (sites / f"late-{number}" / "landing").iterdir()
            file.rename(site / "landing" / f"late-{number}.ndjson")
            late.append(ran(product(site))[0])
            nothing.append(ran(product(site))[0])
            start.append(ran(python("-c", f"import {BUILD}"))[0])
    finally:
        shutil.rmtree(sites)
    return LateDay(days, events_per_day, events, median(late), median(nothing), median(start))


def as_json(found: LateDay) -> dict[str, object]:
    """All numbers, for a program."""
    return {
        **asdict(found),
        "seconds_beyond_start": round(found.beyond_start.seconds, 3),
        "cpu_seconds_beyond_start": round(found.beyond_start.cpu_seconds, 3),
        "peak_memory_gb": round(found.late.peak_bytes / 1e9, 3),
        "machine": machine(),
    }


def as_text(found: LateDay) -> str:
    """A table for people."""
    rows = (
        (f"{found.late_events:,} late events of one day, {found.days} days published", found.late),
        ("nothing to do", found.nothing),
        ("imports alone", found.start),
        ("the late day, beyond the start of its process", found.beyond_start),
    )
    return "\n".join(
        [
            f"{'':58}{'seconds':>10}{'CPU':>10}",
            *(f"{name:58}{cost.seconds:10.2f}{cost.cpu_seconds:10.2f}" for name, cost in rows),
            as_line(machine()),
        ]
    )
