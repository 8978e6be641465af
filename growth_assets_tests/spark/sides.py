"""The same days by both engines: what each publishes and says, and what of it differs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import polars as pl

from benchmarks import spark_events
from benchmarks.processes import family
from benchmarks.spark_cluster import Cluster, until
from benchmarks.spark_events import Application, Stage
from growth_assets.contracts.table import Table
from growth_assets.engines.local import Day, Outcome, Receiving
from growth_assets.engines.past import Past
from growth_assets.ingest import ledger
from growth_assets.orchestration.one_day import receiving
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.watches import WATCHES

FACTS, ASIDE = "core.fct_website_events", "raw.quarantined_events"
IN_PARTS = ("raw.website_events", ASIDE, FACTS)
"""Tables that a cluster publishes in several files, each in order, and one machine in one. All others are one file."""

EVENTS_A_TASK = 300
"""Of millions: a day of a few thousand events has the tasks of a large one."""


@dataclass(frozen=True)
class Told:
    """A table of a day, as one engine made it: what must not depend on which."""

    status: str
    verdicts: str
    numbers: Mapping[str, int]
    headline: Mapping[str, Any]
    rows: int
    digest: str
    """Of the rows in any order; of a table that is one file in both engines, of its bytes."""


Side = dict[str, Told]
"""By day and table."""


def build(settings: Settings, day: Callable[..., Day], days: Sequence[str], received: Receiving | None = None) -> Side:
    """Build the days in order, as a run does, and tell what became of them."""
    warehouse = Warehouse.of(settings)
    past = Past(warehouse, settings, DAILY, WATCHES)
    found: Side = {}
    for ds in days:
        with warehouse.building(ds):
            building = day(warehouse, settings, ds, DAILY, past=past)
            for outcome in building.build(BY_NAME, received or receiving(settings)):
                found[f"{ds} {outcome.table.name}"] = _told(warehouse, outcome)
            for watch, judgement in building.judge(BY_NAME, over=True):
                said = json.dumps([judgement.state, judgement.reason, judgement.numbers, judgement.rows.write_json()])
                found[f"{ds} {watch.table} {watch.check}"] = Told(judgement.state, said, {}, {}, 0, "")
    return found


def _told(warehouse: Warehouse, outcome: Outcome) -> Told:
    verdicts = [(each.check, each.passed, each.severity, each.description) for each in outcome.verdicts]
    rows, digest = published(warehouse, outcome.table, outcome.ds)
    return Told(
        outcome.status, json.dumps(verdicts, default=str), dict(outcome.numbers), dict(outcome.headline), rows, digest
    )


def published(warehouse: Warehouse, table: Table, ds: str) -> tuple[int, str]:
    """How many rows of a table can be read of a day, and their digest."""
    record = warehouse.record(table, ds)
    if record is None:
        return 0, ""
    if table.name not in IN_PARTS:
        return record.rows, record.sha256
    frame = warehouse.scan(table, ds).collect()
    assert frame.height == record.rows
    return frame.height, digest_of(frame)


def digest_of(frame: pl.DataFrame) -> str:
    """Of all rows, in whatever order they are."""
    lines = sorted(frame.write_ndjson().splitlines())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def in_the_ledger(settings: Settings) -> dict[str, Any]:
    """All that landed: what the ledger says, but for when it was; and each file beside it, by its bytes."""
    entries = {
        each.id: {**each.to_json(), "read_at": "", "latest": ""} for each in ledger.read(settings.warehouse).entries
    }
    files = [path for folder in ("landing", "raw") for path in (settings.warehouse / folder).rglob("*.parquet")]
    digests = {str(path.relative_to(settings.warehouse)): durable.sha256_of(path) for path in files}
    return {"entries": entries, **digests}


def differences(one: Side, other: Side) -> list[str]:
    """What differs, each in a line; empty where both are the same."""
    found = [f"{name}: only one of them has it" for name in sorted(one.keys() ^ other.keys())]
    for name in sorted(one.keys() & other.keys()):
        for what, here in vars(one[name]).items():
            there = getattr(other[name], what)
            if here != there:
                found.append(f"{name}, {what}: {here} and {there}")
    return found


@dataclass
class Happened:
    """What Spark did in a block; known when the block has ended."""

    application: Application | None = None

    @property
    def stages(self) -> Sequence[Stage]:
        return self.application.stages


@dataclass
class OnCluster:
    """The engine on the cluster of the tests."""

    cluster: Cluster
    session: Any
    chosen: Mapping[str, Any]
    """Settings that choose it."""
    log: Path
    """Where Spark writes what happens."""
    jobs: int = 0
    """That it was given."""

    @property
    def ui(self) -> str:
        return self.session.ui

    def run(self, *given: Any) -> Any:
        """One job, as the session runs it."""
        self.jobs += 1
        return self.session.run(*given)

    def each(self, function: Callable[[Any], bytes], shares: Sequence[Any]) -> list[bytes]:
        """One job, as the session has files read."""
        self.jobs += 1
        found: list[bytes] = self.session.each(function, shares, "landing")
        return found

    def day(self, *given: Any, **named: Any) -> Day:
        """The build of a day, as `Day` of one machine."""
        from growth_assets.engines.spark import ClusterDay  # noqa: PLC0415 - PySpark is not in every environment

        return ClusterDay(*given, cluster=self, **named)

    @contextmanager
    def happening(self) -> Iterator[Happened]:
        """What happens in the block."""
        before, given, found = self._until_now(), self.jobs, Happened()
        yield found
        jobs = before.jobs + self.jobs - given
        until(lambda: self._until_now().jobs >= jobs, "Spark does not write its log")
        found.application = self._until_now().since(before)

    def _until_now(self) -> Application:
        # Nothing is written before the first job.
        return spark_events.read(self.log) if any(self.log.iterdir()) else Application([], 0, 0, 0)

    def active(self) -> list[Mapping[str, Any]]:
        """The stages that have tasks to do now."""
        return self._asked("stages?status=active")

    def running(self) -> list[Mapping[str, Any]]:
        """The jobs that have not ended."""
        return self._asked("jobs?status=running")

    def pythons(self, worker: int) -> list[int]:
        """The processes that run functions for the executors of a worker."""
        ours = {pid: parent_of(pid) for pid in family(self.cluster.workers[worker].pid) if _is_python(pid)}
        # The first of them only starts the others.
        return [pid for pid, parent in ours.items() if parent in ours]

    @cached_property
    def _application(self) -> str:
        (application,) = self._fetched("applications")
        return f"applications/{application['id']}"

    def _asked(self, what: str) -> Any:
        return self._fetched(f"{self._application}/{what}")

    def _fetched(self, what: str) -> Any:
        with urlopen(f"{self.ui}/api/v1/{what}", timeout=30) as answer:  # noqa: S310 - of our own driver
            return json.load(answer)


def parent_of(pid: int) -> int:
    with suppress(OSError):
        return int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        )
    return 0


def _is_python(pid: int) -> bool:
    with suppress(OSError):
        return b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def when(there: Callable[[], bool], do: Callable[[], None]) -> Callable[[], bool]:
    """Do something in another thread as soon as it is so; calling what it gives ends the wait, and tells if it was."""
    over, done = threading.Event(), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            if there():
                do()
                done.set()
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()

    def was() -> bool:
        over.set()
        thread.join()
        return done.is_set()

    return was
