"""A small world, builds that can be killed, and what an undisturbed build makes of it."""

import datetime as dt
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.places import Place
from growth_assets.settings import load
from growth_assets.simulate import simulate
from growth_assets.tables import DAILY
from growth_assets.warehouse import catalogue
from growth_assets.warehouse.partitions import Warehouse

NURSERY = Path(__file__).with_name("nursery.py")

DAYS = [f"2026-03-0{number}" for number in range(1, 6)]

LATE = """\
{"event_time": "2026-03-02T10:00:00.5Z", "hostname": "www.xx.com", "action_type": "page_view", "ip": "198.51.100.1"}
{"event_time": "2026-03-04T10:00:00.5Z", "hostname": "www.xx.com", "action_type": "page_view", "ip": "198.51.100.1"}
this line is broken
"""
"""A file that lands when the days are built already, and touches two of them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=None, help="how many builds are killed at random moments (20)")


class Nursery:
    """Builds as processes of their own that begin at once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    environment: Mapping[str, str] = {}
    """Variables for the builds, beside those of this process."""

    def start(
        self, data: Path, *arguments: str, log: Path | None = None, fault: str | None = None, workers: bool = False
    ) -> int:
        """Begin `growth-assets build`; its process id."""
        return self.run(["build", "--data", str(data), *arguments], log or data / "log.txt", fault, workers=workers)

    def run(self, arguments: list[str], log: Path, fault: str | None = None, *, workers: bool = False) -> int:
        """Begin `growth-assets` with any arguments; its process id."""
        asked = {"arguments": arguments, "log": str(log), "fault": fault, "workers": workers}
        return self._ask(**asked, environment=dict(self.environment))

    def wait(self, process: int) -> int:
        """The exit code; negative where a signal ended it."""
        return self._ask(wait=process)

    def build(self, data: Path, *arguments: str, fault: str | None = None) -> tuple[int, str]:
        """Build to the end: exit code and what it printed."""
        code = self.wait(self.start(data, *arguments, fault=fault))
        return code, (data / "log.txt").read_text()

    def _ask(self, **command: object) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GROWTH_", "DAGSTER_"))}
    with subprocess.Popen(
        [sys.executable, str(NURSERY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


def published(data: Path) -> dict[str, str]:
    """Every published file below the folder's warehouse, with the digest of its bytes."""
    root = data / "warehouse"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for schema in ("raw", "core", "metrics")
        for path in (root / schema).rglob("*.parquet")
    }


def rows(data: Path) -> dict[tuple[str, str], int]:
    """Rows of every published table and day."""
    warehouse = Warehouse(data / "warehouse")
    return {
        (table.name, ds): warehouse.scan(table, ds).select(pl.len()).collect().item()
        for table in DAILY
        for ds in warehouse.days(table)
    }


@dataclass(frozen=True)
class World:
    """Landing files, and what undisturbed builds make of them before and after the late file."""

    data: Path
    built: Path
    """The folder as it was at first."""
    first: Mapping[str, str]
    """Bytes of what is published at first, and ..."""
    late: Mapping[str, str]
    """... when the late file has come."""
    legal: Mapping[tuple[str, str], frozenset[int]]
    """Rows that a table and day may have."""
    seconds: float
    """What a build takes."""

    def copy(self, to: Path) -> Path:
        """A new data folder with the same landing files, nothing built."""
        to.mkdir(parents=True)
        shutil.copy(self.data / "site.toml", to)
        shutil.copytree(self.data / "landing", to / "landing", ignore=shutil.ignore_patterns("late*"))
        return to

    def copy_built(self, to: Path) -> Path:
        """A new data folder in which all is built and the late file has just come."""
        shutil.copytree(self.built, to)
        refresh_catalogue(load(to))  # whose views name folders
        self.land_late(to)
        return to

    @staticmethod
    def land_late(data: Path) -> None:
        (data / "landing" / "late.ndjson").write_text(LATE)


@pytest.fixture(scope="session")
def world(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> World:
    data = tmp_path_factory.mktemp("undisturbed")
    simulate(data, days=len(DAYS), events_per_day=300, first_day=dt.date.fromisoformat(DAYS[0]))
    (data / "site.toml").write_text(f'first_day = {DAYS[0]}\nhostnames = ["www.xx.com", "www.xxx.com"]\n')
    started = time.monotonic()
    assert nursery.build(data)[0] == 0, (data / "log.txt").read_text()
    seconds = time.monotonic() - started
    first, first_rows = published(data), rows(data)
    built = shutil.copytree(data, tmp_path_factory.mktemp("built") / "data")
    World.land_late(data)
    assert nursery.build(data)[0] == 0, (data / "log.txt").read_text()
    late, late_rows = published(data), rows(data)
    assert set(first_rows) == set(late_rows) == {(table.name, ds) for table in DAILY for ds in DAYS}
    assert {Path(name).parent.name for name in late if late[name] != first.get(name)} == {
        "ds=2026-03-02", "ds=2026-03-04", "rejected_lines",
    }  # fmt: skip
    legal = {key: frozenset({first_rows[key], late_rows[key]}) for key in first_rows}
    return World(data, built, first, late, legal, seconds)


@dataclass
class Reader:
    """Reads all that is published, again and again, and keeps what it should never have seen."""

    data: Path
    legal: Mapping[tuple[str, str], frozenset[int]]
    root: Place | None = None
    """Where the tables are; below `data` unless it is told."""
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    seen: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: {"polars": set(), "duckdb": set()})

    def __enter__(self) -> "Reader":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Let it read for a while."""
        self._stop.wait(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            for engine, look in (("polars", self._polars), ("duckdb", self._duckdb)):
                try:
                    self._judge(engine, look())
                except Exception as error:  # whatever it is, a reader must not see it
                    self.wrong.append(f"{engine}: {type(error).__name__}: {error}")
            self.looks += 1
            # The builds are to have most of the machine.
            self._stop.wait(0.05)

    def _judge(self, engine: str, found: Mapping[tuple[str, str], int]) -> None:
        self.wrong += [f"{engine}: {key} has {n} rows" for key, n in found.items() if n not in self.legal[key]]
        self.wrong += [f"{engine}: {key} is gone" for key in self.seen[engine] - set(found)]
        self.seen[engine] |= set(found)

    def _polars(self) -> dict[tuple[str, str], int]:
        warehouse = Warehouse(self.root or self.data / "warehouse")
        return {
            # Whole rows are read, not only the file's own count of them.
            (table.name, ds): warehouse.scan(table, ds).collect().height
            for table in DAILY
            for ds in warehouse.days(table)
        }

    def _duckdb(self) -> dict[tuple[str, str], int]:
        path = self.data / "warehouse" / "growth.duckdb"
        if not path.exists():
            return {}
        views = " UNION ALL ".join(
            f"SELECT '{table.name}' AS name, ds, count(*) AS n FROM {table.name} GROUP BY ds"  # noqa: S608
            for table in DAILY
        )
        return {(name, ds): n for name, ds, n in catalogue.query(path, views, root=self.root).rows()}


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
