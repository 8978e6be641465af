"""A large day's tables on a Spark cluster of two workers, and by the local engine, on the same machine.

What landed is the same and landed before: `growth-assets build` of each then builds the tables alone. The
rows of both are compared: who is fast and wrong is not shown.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import spark_events, spark_sizes, worlds
from benchmarks.contenders import product
from benchmarks.machine import SPARK_PYTHON, as_line, busy_cores, machine
from benchmarks.processes import ROOT, Cost, median, plain, ran
from benchmarks.spark_cluster import HOST, Cluster, absent, cluster
from benchmarks.spark_events import Application, Stage
from growth_assets import settings
from growth_assets.ingest.landing import land
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

LOCAL, SPARK = "local", "spark"
WORKERS = 2
"""Of one core each."""
LOOK_SECONDS = 0.5
"""How often the processes of the cluster are looked at: they have hundreds of threads, and to look takes time."""
KEPT = Path(__file__).with_name("spark.json")
"""The numbers that docs/spark.md shows."""
PAGE = ROOT / "docs" / "spark.md"
SMALL = 0.05
"""What all other stages shuffle, as a share of the one shuffle that has the size of the data."""


@dataclass(frozen=True)
class Measured:
    """One engine."""

    runs: Sequence[Cost]
    """Building all tables of the day, from the start of the process to its end."""
    nothing: Cost
    """A build that finds nothing to do."""

    @property
    def cost(self) -> Cost:
        """The medians."""
        return median(self.runs)

    @property
    def beyond_start(self) -> Cost:
        """Without what every process takes to begin and to end, be there anything to do or not."""
        return self.cost - self.nothing


@dataclass(frozen=True)
class Compared:
    """Both engines on one day."""

    events: int
    """As many as landed."""
    bytes_received: int
    """Of the Parquet files that they landed in."""
    rounds: int
    load: float
    engines: Mapping[str, Measured]
    application: Application
    """What Spark did in the last round."""

    def ratio(self) -> float:
        """Seconds of Spark over those of the local engine."""
        return self.engines[SPARK].cost.seconds / self.engines[LOCAL].cost.seconds

    def cpu_ratio(self) -> float:
        """The same of CPU seconds."""
        return self.engines[SPARK].cost.cpu_seconds / self.engines[LOCAL].cost.cpu_seconds


def spark_python() -> str:
    """The Python that has PySpark: the variable's, else that of `make spark-test`."""
    return os.environ.get(SPARK_PYTHON) or str(ROOT / ".venv-spark" / "bin" / "python")


def measure(folder: Path, events: int, rounds: int) -> Compared:
    """Both engines in turns, so many rounds.

    Raises:
        RuntimeError: there is no PySpark or no Java, a build failed, or the tables differ.
    """
    python = spark_python()
    if why := absent(python):
        raise RuntimeError(why)
    os.environ[SPARK_PYTHON] = python
    landing, load = worlds.day(folder, events, "parquet"), busy_cores()
    scratch = Path(tempfile.mkdtemp(prefix=".run-", dir=folder))
    try:
        landed = worlds.site(scratch / "landed", landing)
        land(settings.load(landed))
        runs: dict[str, list[Cost]] = {LOCAL: [], SPARK: []}
        nothing: dict[str, Cost] = {}
        with cluster(scratch / "cluster", WORKERS, python, memory="4g") as running:
            engines: Mapping[str, _Engine] = {LOCAL: _Engine(), SPARK: _OnCluster(running, python, scratch / "events")}
            for _ in range(rounds):
                made = {}
                for name, engine in engines.items():
                    with _copy(landed, scratch / name) as site:
                        engine.choose(site)
                        runs[name].append(engine.build(site))
                        if name == SPARK:
                            application = spark_events.read(scratch / "events")
                        nothing[name] = engine.build(site)
                        made[name] = _made(site)
                if made[LOCAL] != made[SPARK]:
                    raise RuntimeError(f"the tables of Spark are others: {made[SPARK]} instead of {made[LOCAL]}")
        warehouse = Warehouse.of(settings.load(landed))
        received = [path for path in (Path(str(warehouse.root)) / "landing").rglob("*.parquet") if path.is_file()]
        return Compared(
            events=_rows(made[LOCAL]),
            bytes_received=sum(path.stat().st_size for path in received),
            rounds=rounds,
            load=round(load, 1),
            engines={name: Measured(runs[name], nothing[name]) for name in runs},
            application=application,
        )
    finally:
        shutil.rmtree(scratch)


class _Engine:
    """The local one: the settings are those that a new site has."""

    def choose(self, site: Path) -> None:
        """Write what chooses the engine."""

    def build(self, site: Path) -> Cost:
        """Build the site."""
        return ran(product(site))[0]


class _OnCluster(_Engine):
    def __init__(self, running: Cluster, python: str, events: Path) -> None:
        self.running, self.python, self.events = running, python, events
        events.mkdir()

    def choose(self, site: Path) -> None:
        conf = {
            "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, "spark.executor.memory": "2g",
            "spark.driver.memory": "2g", "spark.eventLog.dir": self.events.as_uri(), **spark_events.SETTINGS,
        }  # fmt: skip
        lines = ["", "[spark]", f"master = {json.dumps(self.running.url)}", "[spark.conf]"]
        lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in conf.items()]
        path = site / settings.SITE_FILE
        before = path.read_text(encoding="utf-8")
        path.write_text("\n".join(['engine = "spark"', before, *lines, ""]), encoding="utf-8")

    def build(self, site: Path) -> Cost:
        environment = {**plain(), "SPARK_LOCAL_IP": HOST, "PYSPARK_PYTHON": self.python}
        command = [self.python, *product(site)[1:]]
        return ran(command, environment, self.running.pids, LOOK_SECONDS)[0]


@contextmanager
def _copy(landed: Path, at: Path) -> Iterator[Path]:
    shutil.copytree(landed, at, copy_function=_linked)
    # To look whether it is what landed takes as long by either engine.
    shutil.rmtree(at / "landing")
    (at / "landing").mkdir()
    try:
        yield at
    finally:
        shutil.rmtree(at)


def _linked(source: str, target: str) -> str:
    """The same file where nobody writes into it, or a copy."""
    if source.endswith(".parquet"):
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
    return target


def _made(site: Path) -> dict[str, dict[str, int | str]]:
    """By day and table how many rows there are, and of the tables of one file each its bytes."""
    warehouse = Warehouse.of(settings.load(site))
    found: dict[str, dict[str, int | str]] = {}
    for table in DAILY:
        for ds in warehouse.days(table):
            record = warehouse.record(table, ds)
            if record:
                small = table.kind in ("agg", "metric")
                found.setdefault(ds, {})[table.name] = record.sha256 if small else record.rows
    return found


def _rows(made: Mapping[str, Mapping[str, int | str]]) -> int:
    return sum(int(day.get("raw.website_events", 0)) for day in made.values())


def as_json(found: Compared) -> dict[str, Any]:
    """All numbers, for a program."""
    data, *others = found.application.shuffles
    return {
        "events": found.events,
        "rounds": found.rounds,
        "load": found.load,
        "workers": WORKERS,
        "bytes_received": found.bytes_received,
        "engines": {
            name: {
                "cores": _cores(name),
                **asdict(each.cost),
                "events_per_second_and_core": round(found.events / each.cost.seconds / _cores(name)),
                "cpu_seconds_per_million": round(each.cost.cpu_seconds / found.events * 1e6, 3),
                "nothing_to_do": asdict(each.nothing),
                "runs": [asdict(run) for run in each.runs],
            }
            for name, each in found.engines.items()
        },
        "spark_to_local": round(found.ratio(), 3),
        "spark_to_local_cpu": round(found.cpu_ratio(), 3),
        "shuffled_bytes": found.application.shuffled_bytes,
        "shuffled_bytes_by_visitor": data.shuffled_bytes,
        "shuffled_bytes_beside": sum(each.shuffled_bytes for each in others),
        "landing_core_seconds": spark_sizes.landing_core_seconds(),
        "stages": [asdict(each) for each in found.application.stages],
        "machine": machine(),
    }


def _cores(engine: str) -> int:
    return WORKERS if engine == SPARK else os.cpu_count() or 1


def keep(numbers: Mapping[str, Any]) -> None:
    """Put new numbers in the place of those that are kept, and of those that the page shows.

    Raises:
        LookupError: the page does not show what is kept.
    """
    before = json.loads(KEPT.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    for shown in (as_text, spark_sizes.as_text):
        if shown(before) not in page:
            raise LookupError(f"{PAGE} does not show the numbers of {KEPT}: put back what was there")
        page = page.replace(shown(before), shown(numbers))
    PAGE.write_text(page, encoding="utf-8")
    KEPT.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def one_of_size(stages: Sequence[Stage]) -> bool:
    """True where one stage shuffles the data and what all others shuffle is small beside it."""
    sizes = sorted((each.shuffled_bytes for each in stages), reverse=True)
    return bool(sizes) and sizes[0] > 0 and sum(sizes[1:]) <= SMALL * sizes[0]


def as_text(numbers: Mapping[str, Any]) -> str:
    """Tables in Markdown, of what `as_json` gives."""
    lines = [
        f"{numbers['events']:,} events of one day, landed before; rounds: {numbers['rounds']}, medians; load before: "
        f"{numbers['load']}:",
        "",
        "| engine | cores | seconds | CPU seconds | events/s and core | CPU s a million | start alone, s | peak GB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in numbers["engines"].items():
        lines.append(
            f"| {name} | {each['cores']} | {each['seconds']:.1f} | {each['cpu_seconds']:.1f} | "
            f"{each['events_per_second_and_core']:,} | "
            f"{each['cpu_seconds_per_million']:.1f} | {each['nothing_to_do']['seconds']:.1f} | "
            f"{each['peak_bytes'] / 1e9:.1f} |"
        )
    per_event = numbers["shuffled_bytes"] / numbers["events"]
    lines += [
        "",
        f"Spark takes {numbers['spark_to_local']:.1f} times as long, and {numbers['spark_to_local_cpu']:.1f} times the "
        f"CPU seconds. It shuffles {numbers['shuffled_bytes'] / 1e6:,.1f} MB, {per_event:.0f} bytes an event "
        f"({numbers['bytes_received'] / numbers['events']:.0f} landed):",
        "",
        "| stage | tasks | seconds of tasks | MB shuffled | pieces | MB to the driver |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for number, stage in enumerate(numbers["stages"], start=1):
        lines.append(
            f"| {number} | {stage['tasks']:,} | {stage['run_seconds']:.1f} | "
            f"{stage['shuffled_bytes'] / 1e6:.2f} | {stage['shuffled_rows']:,} | "
            f"{stage['result_bytes'] / 1e6:.2f} |"
        )
    return "\n".join([*lines, "", f"Measured with {as_line(numbers['machine'])}."])
