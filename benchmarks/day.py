"""Where the time of one large day goes, from its file in landing to its metrics: step by step, with the most memory."""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import worlds
from growth_assets import settings
from growth_assets.contracts.contract import Contract, Finding
from growth_assets.contracts.table import Built, Table
from growth_assets.engines.local import Day
from growth_assets.ingest.landing import land
from growth_assets.orchestration.daily import receiving
from growth_assets.places import Place
from growth_assets.settings import Settings
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Record, Warehouse

WHOLE = "whole day"


@dataclass
class Cost:
    """What one step took; its peak is that of the process while it ran."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Steps:
    """Name of a step to what it took, in the order of their ends; a step may hold others."""

    costs: dict[str, Cost] = field(default_factory=dict)
    _open: list[Cost] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add what is done inside to the step."""
        self._look()
        cost = Cost()
        self._open.append(cost)
        begun = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            cost.seconds, cost.cpu_seconds = time.perf_counter() - begun[0], time.process_time() - begun[1]
            self._look()
            self._open.pop()
            known = self.costs.setdefault(name, Cost())
            known.seconds += cost.seconds
            known.cpu_seconds += cost.cpu_seconds
            known.peak_bytes = max(known.peak_bytes, cost.peak_bytes)

    def _look(self) -> None:
        peak = _peak_since_last()
        for cost in self._open:
            cost.peak_bytes = max(cost.peak_bytes, peak)


def _peak_since_last() -> int:
    """The most memory since the last call; where that is not told, since the process began."""
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii").partition("VmHWM:")[2].split(maxsplit=1)[0]
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return int(told) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@dataclass(frozen=True)
class _Audited(Contract):
    steps: Steps | None = None
    table: str = ""

    def audit(self, frame: pl.DataFrame) -> list[Finding]:
        if self.steps is None:
            raise LookupError("no steps")
        with self.steps.step(f"{self.table}: checks"):
            return super().audit(frame)


class _Warehouse(Warehouse):
    steps: Steps

    def stage(self, table: Table, ds: str, frame: pl.DataFrame) -> Path:
        with self.steps.step(f"{table.name}: write"):
            return super().stage(table, ds, frame)

    def stage_files(self, table: Table, ds: str, files: Sequence[Place]) -> Path:
        with self.steps.step(f"{table.name}: write"):
            return super().stage_files(table, ds, files)

    def publish(self, table: Table, ds: str, staged: Path, **told: Any) -> Record:  # noqa: ANN401
        with self.steps.step(f"{table.name}: publish"):
            return super().publish(table, ds, staged, **told)


def measure(folder: Path, events: int) -> Mapping[str, Cost]:
    """Land and build a generated day of about so many events."""
    path = worlds.broken(folder, events)
    site = Path(tempfile.mkdtemp(prefix=".site-", dir=path.parent))
    steps = Steps()
    try:
        (site / "landing").mkdir()
        (site / "landing" / path.name).hardlink_to(path)
        (site / settings.SITE_FILE).write_text('hostnames = ["www.xx.com", "www.xxx.com"]\n', encoding="utf-8")
        loaded = settings.load(site)
        with steps.step(WHOLE):
            with steps.step("landing"):
                land(loaded)
            _build(loaded, path.stem.removeprefix("events-"), steps)
        return steps.costs
    finally:
        shutil.rmtree(site)


def _build(loaded: Settings, ds: str, steps: Steps) -> None:
    warehouse = _Warehouse(loaded.warehouse, loaded.workplace)
    warehouse.steps = steps
    with warehouse.building(ds):
        outcomes = Day(warehouse, loaded, ds, [_timed(table, steps) for table in DAILY]).build(
            {table.name for table in DAILY}, receiving(loaded)
        )
        while True:
            with steps.step("all tables"):
                outcome = next(outcomes, None)
            if outcome is None:
                return
            if outcome.record is None:
                raise RuntimeError(f"{outcome.table.name} was not published: {outcome.reason}")


def _timed(table: Table, steps: Steps) -> Table:
    build, compare = table.build, table.agreement

    def contract(loaded: Any) -> Contract:  # noqa: ANN401 - as every contract takes them
        plain = table.contract(loaded)
        return _Audited(plain.columns, plain.row_rules, plain.frame_rules, steps, table.name)

    def built(inputs: Mapping[str, pl.LazyFrame], loaded: Any) -> Built:  # noqa: ANN401
        with steps.step(f"{table.name}: build"):
            return build(inputs, loaded)  # type: ignore[misc]  # asked for only where there is one

    def compared(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, loaded: Any) -> Sequence[Finding]:  # noqa: ANN401
        with steps.step(f"{table.name}: checks"):
            return compare(inputs, frame, loaded)  # type: ignore[misc]

    return replace(table, contract=contract, build=built if build else None, agreement=compared if compare else None)


def as_text(costs: Mapping[str, Cost], events: int) -> str:
    """A table for people."""
    rows = [f"{'':44}{'seconds':>10}{'CPU':>10}{'peak GB':>10}"]
    rows += [
        f"{name:44}{cost.seconds:10.2f}{cost.cpu_seconds:10.2f}{cost.peak_bytes / 1e9:10.2f}"
        for name, cost in costs.items()
    ]
    rate = events / costs[WHOLE].seconds
    return "\n".join([*rows, f"{rate:,.0f} events a second; a step holds those of its own that stand before it"])
