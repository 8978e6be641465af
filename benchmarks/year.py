"""Many days in one run: seconds and CPU seconds of a build, the fixed part of a day, Dagster's part, stock settings."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import worlds
from benchmarks.contenders import product
from benchmarks.machine import as_line, machine
from benchmarks.processes import Cost, median, python, ran
from growth_assets import settings
from growth_assets.engines.local import Day
from growth_assets.engines.past import Past
from growth_assets.ingest import ledger
from growth_assets.ingest.landing import land
from growth_assets.orchestration.one_day import receiving
from growth_assets.simulate.files import Format
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.watches import WATCHES

FIRST_DAY = dt.date(2025, 1, 1)

FEW = 10
"""The world beside has so many times fewer events a day: what both days cost alike is the fixed part of a day."""

STOCK_DAYS = 3
"""So many days are built with stock settings, one process a day; a year of that would take an hour."""

STOCK_YAML = "telemetry:\n  enabled: false\n"


@dataclass(frozen=True)
class Year:
    """What a build of many days costs."""

    days: int
    events: int
    """Events a day, in the mean; as many as landed."""
    few_events: int
    """The same of the world beside."""
    build: Cost
    """`growth-assets build`, from its start to its end."""
    few: Cost
    """The same of the world beside."""
    nothing: Cost
    """A build that finds nothing to do: imports, settings, Dagster's storage."""
    without_dagster: Cost
    """Landing the same files and building the same days, without Dagster: no events, no catalogue."""
    stock: Cost
    """Each of `stock_days` in a process of its own, with Dagster's own event log."""
    stock_days: int

    @property
    def rate(self) -> float:
        """Events a second, from the start of the process to its end."""
        return self.events * self.days / self.build.seconds

    @property
    def per_event(self) -> Cost:
        """What one event more costs."""
        return (self.build - self.few) / max((self.events - self.few_events) * self.days, 1)

    @property
    def fixed(self) -> Cost:
        """What a day costs that has hardly an event."""
        return (self.few - self.nothing) / self.days - self.per_event * self.few_events

    @property
    def dagster(self) -> float:
        """Dagster's share of the CPU seconds of what grows with the days."""
        grows = (self.build - self.nothing).cpu_seconds
        return (self.build - self.nothing - self.without_dagster).cpu_seconds / max(grows, 1e-9)

    @property
    def stock_scaled(self) -> Cost:
        """What stock settings would take for all the days; measured on `stock_days` of them, and multiplied."""
        return self.stock * (self.days / self.stock_days)


def measure(folder: Path, days: int, events_per_day: int, rounds: int = 1, file_format: Format = "ndjson") -> Year:
    """Make both worlds where they are not there, and build each in a process of its own, in turns."""
    large = worlds.days(folder, days, events_per_day, FIRST_DAY, file_format)
    small = worlds.days(folder, days, max(events_per_day // FEW, 10), FIRST_DAY, file_format)
    stock_days = min(STOCK_DAYS, days)
    costs: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        sites = Path(tempfile.mkdtemp(prefix=".sites-", dir=folder))
        try:
            site, few = worlds.site(sites / "large", large), worlds.site(sites / "few", small)
            bare = worlds.site(sites / "bare", large)
            without = python("-m", "benchmarks", "build-without-dagster", str(bare))
            for name, cost in (
                ("build", ran(product(site))[0]),
                ("nothing", ran(product(site))[0]),
                ("few", ran(product(few))[0]),
                ("without_dagster", ran(without)[0] - ran([*without, "--none"])[0]),
                ("stock", _stock(worlds.site(sites / "stock", large), stock_days)),
            ):
                costs.setdefault(name, []).append(cost)
            events, few_events = (_events(each) // days for each in (site, few))
        finally:
            shutil.rmtree(sites)
    found = {name: median(each) for name, each in costs.items()}
    return Year(days=days, events=events, few_events=few_events, stock_days=stock_days, **found)


def build_without_dagster(site: Path) -> None:
    """Land all files and build all days, in this process."""
    loaded = settings.load(site)
    land(loaded)
    warehouse = Warehouse.of(loaded)
    past = Past(warehouse, loaded, DAILY, WATCHES)
    names = {table.name for table in DAILY}
    received = receiving(loaded)
    for ds in ledger.read(loaded.warehouse).days:
        with warehouse.building(ds):
            day = Day(warehouse, loaded, ds, DAILY, past)
            for outcome in day.build(names, received):
                if outcome.record is None:
                    raise RuntimeError(f"{outcome.table.name} of {ds} was not published: {outcome.reason}")
            list(day.judge(names, over=True))


def _events(site: Path) -> int:
    landed = ledger.read(settings.load(site).warehouse)
    return sum(landed.rows(ds) for ds in landed.days)


def _stock(site: Path, days: int) -> Cost:
    """Land, which is not measured; then materialize each day by Dagster's own command, with Dagster's own storage."""
    loaded = settings.load(site)
    land(loaded)
    loaded.dagster_home.mkdir(parents=True)
    (loaded.dagster_home / "dagster.yaml").write_text(STOCK_YAML, encoding="utf-8")
    command = python("-m", "dagster", "asset", "materialize", "-m", "growth_assets.definitions")
    chosen = ["--select", ",".join(table.name.replace(".", "/") for table in DAILY)]
    costs = [
        ran([*command, *chosen, "--partition", ds], settings.child_environment(loaded))[0]
        for ds in ledger.read(loaded.warehouse).days[:days]
    ]
    return Cost(
        sum(cost.seconds for cost in costs),
        sum(cost.cpu_seconds for cost in costs),
        max(cost.peak_bytes for cost in costs),
    )


def as_text(year: Year) -> str:
    """A table for people."""
    rows = [
        (f"growth-assets build, {year.days} days of {year.events:,} events", year.build),
        (f"growth-assets build, {year.days} days of {year.few_events:,} events", year.few),
        ("growth-assets build with nothing to do", year.nothing),
        ("the same days without Dagster", year.without_dagster),
        (f"stock settings, a process a day: {year.stock_days} days", year.stock),
        (f"the same, multiplied up to {year.days} days, not measured", year.stock_scaled),
    ]
    return "\n".join(
        [
            f"{'':58}{'seconds':>10}{'CPU':>10}",
            *(f"{name:58}{cost.seconds:10.1f}{cost.cpu_seconds:10.1f}" for name, cost in rows),
            f"{'':58}{'ms':>10}{'CPU ms':>10}",
            *(
                f"{name:58}{cost.seconds * 1000:10.1f}{cost.cpu_seconds * 1000:10.1f}"
                for name, cost in (
                    ("a day, fixed", year.fixed),
                    ("1,000 events of a day more", year.per_event * 1000),
                    ("a day in all, without the start", (year.build - year.nothing) / year.days),
                )
            ),
            f"{year.rate:,.0f} events a second, at most {year.build.peak_bytes / 1e9:.2f} GB of memory",
            f"Dagster's share of the CPU: {year.dagster:.0%}",
            as_line(machine()),
        ]
    )


def as_json(year: Year) -> dict[str, object]:
    """All numbers, for a program."""
    return {
        "events_per_second": round(year.rate),
        "peak_memory_gb": round(year.build.peak_bytes / 1e9, 3),
        "orchestration_share": round(year.dagster, 3),
        **asdict(year),
        "fixed_a_day": asdict(year.fixed),
        "per_event": asdict(year.per_event),
        "stock_scaled_not_measured": asdict(year.stock_scaled),
        "machine": machine(),
    }
