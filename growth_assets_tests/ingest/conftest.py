"""A site in a folder of its own, landed and built by the engine without Dagster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from growth_assets import settings as site_settings
from growth_assets.engines.local import Day, Outcome, Received, only_by_history, stale_tables
from growth_assets.ingest import ledger
from growth_assets.ingest.landing import Landed, land
from growth_assets.ingest.out_of_range import first_day, last_day, put_aside
from growth_assets.orchestration.run import wanted_days
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.partitions import Warehouse

AGENTS = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36",
)
SETTLED = (
    "core.fct_website_events",
    "core.agg_website_events",
    "metrics.daily_visitors",
    "metrics.signup_conversion_rate",
    "metrics.purchase_conversion_rate",
    "metrics.traffic_breakdown",
)
"""Tables that hold nothing of a file's name, so that they stay the same whatever files are called."""


def event(number: int, ds: str = "2026-03-01", **other: object) -> bytes:
    """One native event; another number is another event."""
    said = {
        "event_time": f"{ds}T{number % 24:02}:{number // 24 % 60:02}:07.{number % 1000:03}Z",
        "hostname": ("www.xx.com", "www.xxx.com")[number % 2],
        "action_type": ("page_view", "page_view", "signup", "purchase")[number % 4],
        "url": f"https://www.xx.com/page/{number}",
        "ip": f"81.2.69.{number % 40}",
        "user_agent": AGENTS[number % len(AGENTS)],
        **other,
    }
    return (json.dumps(said) + "\n").encode()


def events(numbers: range, ds: str = "2026-03-01") -> bytes:
    return b"".join(event(number, ds) for number in numbers)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def log_line(number: int, ds: str = "2026-03-01", path: str | None = None) -> bytes:
    """One line of a combined access log, whose clock has whole seconds; numbers of one clock second are many."""
    year, month, day = ds.split("-")
    clock = f"{day}/{MONTHS[int(month) - 1]}/{year}:{number // 3 % 24:02}:15:{number // 3 % 60:02} +0000"
    request = f'"GET {path or f"/page/{number}"} HTTP/1.1" 200 {number}'
    return f'81.2.69.{number % 3} - - [{clock}] {request} "-" "{AGENTS[number % 3]}"\n'.encode()


def log_lines(numbers: range, ds: str = "2026-03-01") -> bytes:
    return b"".join(log_line(number, ds) for number in numbers)


class Site:
    """A data folder with what a test does to it."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.landing = folder / "landing"
        self.landing.mkdir(parents=True)
        self.configure(more)

    def configure(self, more: str = "", hostnames: str = '["www.xx.com", "www.xxx.com"]') -> None:
        """Write site.toml anew."""
        (self.folder / "site.toml").write_text(f"hostnames = {hostnames}\n{more}\n", encoding="utf-8")
        self.settings = site_settings.load(self.folder)

    def put(self, name: str, content: bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def land(self) -> Landed:
        return land(self.settings)

    @property
    def ledger(self) -> ledger.Ledger:
        return ledger.read(self.settings.warehouse)

    def build(self, days: list[str] | None = None) -> None:
        """Build the days, or all that have events."""
        for ds in days or list(self.ledger.by_day):
            outcomes = self.outcomes(ds)
            assert {outcome.status for outcome in outcomes} == {"published"}, outcomes
        for ds, names in self.restated().items():
            assert {outcome.status for outcome in self.outcomes(ds, names)} == {"published"}

    def restated(self) -> dict[str, list[str]]:
        """Days of which some tables stand on earlier days that have changed."""
        landed, warehouse = self.ledger, Warehouse(self.settings.warehouse)
        stale = {ds: stale_tables(warehouse, DAILY, ds, landed.inputs(ds)) for ds in landed.by_day}
        return {ds: [table.name for table in tables] for ds, tables in stale.items() if only_by_history(tables)}

    def outcomes(self, ds: str, names: Collection[str] = tuple(BY_NAME)) -> list[Outcome]:
        """Build one day; what became of each table."""
        warehouse = Warehouse(self.settings.warehouse)
        with warehouse.building(ds):
            return list(Day(warehouse, self.settings, ds, DAILY).build(names, self._receiving))

    @contextmanager
    def _receiving(self, ds: str) -> Iterator[Received]:
        landed = self.ledger
        yield Received(landed.segments(ds), landed.inputs(ds), landed.rows(ds), landed.again(ds), landed.digests(ds))

    def rows(self, table: str) -> list[dict]:
        """All published rows of a daily table."""
        warehouse = Warehouse(self.settings.warehouse)
        days = warehouse.days(BY_NAME[table])
        return warehouse.scan_days(BY_NAME[table], days).collect().to_dicts() if days else []

    def raw(self) -> list[dict]:
        """All received rows, as the segments have them."""
        landed = self.ledger
        paths = [path for ds in landed.by_day for path in landed.segments(ds)]
        return [row for path in paths for row in pl.read_parquet(path, hive_partitioning=False).to_dicts()]

    def rejected(self) -> list[tuple[int, str, str]]:
        """Line number, reason and text of all rejected lines."""
        paths = sorted((self.settings.warehouse / "raw/rejected_lines").glob("*.parquet"))
        rows = [row for path in paths for row in pl.read_parquet(path).to_dicts()]
        return sorted((row["line_number"], row["reason"], row["text"]) for row in rows)

    def hashes(self, tables: tuple[str, ...] = SETTLED) -> dict[str, str]:
        """Day and table to the digest of the published file's bytes."""
        warehouse = Warehouse(self.settings.warehouse)
        found = {
            f"{ds} {name}": hashlib.sha256(warehouse.path(BY_NAME[name], ds).read_bytes()).hexdigest()
            for name in tables
            for ds in warehouse.days(BY_NAME[name])
        }
        assert found, "nothing is published"
        return found


def quick(site: Site) -> list[str]:
    """What a build does, without Dagster; the days built."""
    site.land()
    _, lost = put_aside(site.settings)
    assert not lost
    first, last = first_day(site.settings).isoformat(), last_day().isoformat()
    days = [ds for ds in wanted_days(site.settings, None, None) if first <= ds <= last]
    if days:
        site.build(days)
    return days


@pytest.fixture(autouse=True)
def _own_instance(monkeypatch):
    """Each site has a Dagster instance of its own, whatever the test before left in the environment."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def new_site(tmp_path: Path):
    """More sites beside the first."""
    count = iter(range(1000))
    return lambda more="": Site(tmp_path / f"site{next(count)}", more)


@pytest.fixture(scope="session")
def write():
    """Lines of events: `write.event`, `write.events`, `write.log_line`, `write.log_lines`."""

    class Write:
        pass

    Write.event, Write.events = staticmethod(event), staticmethod(events)
    Write.log_line, Write.log_lines = staticmethod(log_line), staticmethod(log_lines)
    return Write
