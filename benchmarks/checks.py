"""What the checks of one large day cost beside building it: wall and CPU seconds, table by table."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import worlds
from growth_assets import settings
from growth_assets.contracts.contract import Contract, Finding
from growth_assets.contracts.table import Table
from growth_assets.engines.local import Day
from growth_assets.ingest.landing import land
from growth_assets.orchestration.daily import receiving
from growth_assets.settings import Settings
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse


@dataclass
class Cost:
    """Seconds of one table: with writing and publishing, and of that its checks."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    checks_seconds: float = 0.0
    checks_cpu_seconds: float = 0.0
    rows: int = 0

    @property
    def share(self) -> float:
        """The checks beside all else, in CPU seconds: what they cost, whatever else the machine does."""
        return self.checks_cpu_seconds / max(self.cpu_seconds - self.checks_cpu_seconds, 1e-9)


class _Timer:
    """Adds what is done inside of it to the checks of a table."""

    def __init__(self, cost: Cost) -> None:
        self.cost = cost

    def __enter__(self) -> None:
        self.begun = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.cost.checks_seconds += time.perf_counter() - self.begun[0]
        self.cost.checks_cpu_seconds += time.process_time() - self.begun[1]


@dataclass(frozen=True)
class _Timed(Contract):
    """A contract that takes the time of its audits."""

    timer: _Timer | None = None

    def audit(self, frame: pl.DataFrame) -> list[Finding]:
        if self.timer is None:
            raise LookupError("no timer")
        with self.timer:
            return super().audit(frame)


def measure(folder: Path, events: int) -> Mapping[str, Cost]:
    """Land a generated day of about so many events, build it, and take the time of its checks."""
    path = worlds.broken(folder, events)
    site = Path(tempfile.mkdtemp(prefix=".site-", dir=path.parent))
    try:
        (site / "landing").mkdir()
        (site / "landing" / path.name).hardlink_to(path)
        (site / settings.SITE_FILE).write_text('hostnames = ["www.xx.com", "www.xxx.com"]\n', encoding="utf-8")
        loaded = settings.load(site)
        land(loaded)
        ds = path.stem.removeprefix("events-")
        return _built(loaded, ds)
    finally:
        shutil.rmtree(site)


def _built(loaded: Settings, ds: str) -> Mapping[str, Cost]:
    costs = {table.name: Cost() for table in DAILY}
    warehouse = Warehouse.of(loaded)
    day = Day(warehouse, loaded, ds, [_timed(table, _Timer(costs[table.name])) for table in DAILY])
    with warehouse.building(ds):
        begun = time.perf_counter(), time.process_time()
        for outcome in day.build({table.name for table in DAILY}, receiving(loaded)):
            if outcome.record is None:
                raise RuntimeError(f"{outcome.table.name} was not published: {outcome.reason}")
            cost, now = costs[outcome.table.name], (time.perf_counter(), time.process_time())
            # What falls out of another table's pass is known first, with the time of that table.
            cost.seconds, cost.cpu_seconds = now[0] - begun[0], now[1] - begun[1]
            cost.rows, begun = outcome.record.rows, now
    for table in DAILY:
        if table.built_with:
            _add(costs[table.built_with], costs.pop(table.name))
    return costs


def _add(cost: Cost, part: Cost) -> None:
    cost.seconds += part.seconds
    cost.cpu_seconds += part.cpu_seconds
    cost.checks_seconds += part.checks_seconds
    cost.checks_cpu_seconds += part.checks_cpu_seconds


def _timed(table: Table, timer: _Timer) -> Table:
    def contract(loaded: Any) -> Contract:  # noqa: ANN401 - as every contract takes them
        plain = table.contract(loaded)
        return _Timed(plain.columns, plain.row_rules, plain.frame_rules, timer)

    compare = table.agreement
    if compare is None:
        return replace(table, contract=contract)

    def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, loaded: Any) -> Sequence[Finding]:  # noqa: ANN401
        with timer:
            return compare(inputs, frame, loaded)

    return replace(table, contract=contract, agreement=agreement)


def total(costs: Mapping[str, Cost]) -> Cost:
    """All tables of the day together."""
    fields = ("seconds", "cpu_seconds", "checks_seconds", "checks_cpu_seconds", "rows")
    return Cost(*(sum(getattr(cost, name) for cost in costs.values()) for name in fields))


def as_text(costs: Mapping[str, Cost]) -> str:
    """A table for people."""
    rows = [f"{'':34}{'rows':>12}{'seconds':>10}{'checks':>9}{'CPU':>9}{'checks':>9}{'share':>8}"]
    for name, cost in {**costs, "all": total(costs)}.items():
        rows.append(
            f"{name:34}{cost.rows:12,}{cost.seconds:10.2f}{cost.checks_seconds:9.2f}{cost.cpu_seconds:9.2f}"
            f"{cost.checks_cpu_seconds:9.2f}{cost.share:8.0%}"
        )
    return "\n".join([*rows, "share: CPU of the checks beside that of building, writing and publishing"])


def as_json(costs: Mapping[str, Cost]) -> dict[str, object]:
    """All numbers, for a program."""
    return {name: {**vars(cost), "share": cost.share} for name, cost in {**costs, "all": total(costs)}.items()}
