"""The benchmarks run. How fast they are is for people to judge."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import worlds, year
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

ROOT = Path(__file__).parent.parent


def test_the_ingest_benchmark_measures_clean_and_broken_lines(tmp_path):
    def run(*more: str) -> str:
        command = [sys.executable, "-m", "benchmarks", "ingest", "--events", "2000", "--rounds", "1", *more]
        done = subprocess.run(
            [*command, "--worlds", str(tmp_path)], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
        )
        assert not done.returncode, done.stderr
        return done.stdout

    found = json.loads(run("--json"))
    clean, broken = (found["contenders"][name]["runs"] for name in ("clean", "broken"))
    assert clean[0]["events"] == broken[0]["events"] > 1_900
    assert (clean[0]["rejected"], broken[0]["rejected"]) == (0, 2)
    assert found["broken_to_clean"] > 0
    assert clean[0]["peak_bytes"] > 10**7
    # The folder keeps the generated files, and nothing of a run.
    files = [path.name for path in tmp_path.rglob("*.ndjson")]
    assert files == ["events-2026-01-01.ndjson"] * 2
    assert not list(tmp_path.rglob(".site-*"))
    assert "of the clean speed" in run()


def test_the_memory_benchmark_measures_large_files(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "memory", "--megabytes", "1", "--worlds", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert [name.partition(",")[0] for name in found] == ["events", "newlines", "one line"]
    assert all(10**7 < each["peak_bytes"] < 1_500_000_000 for each in found.values())
    # The file of each shape is deleted before the next is made.
    assert not list(tmp_path.iterdir())


def test_the_checks_benchmark_tells_their_share_of_a_day(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "checks", "--events", "2000", "--worlds", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    parts = [cost for name, cost in found.items() if name != "all"]
    assert sum(cost["checks_cpu_seconds"] for cost in parts) == found["all"]["checks_cpu_seconds"] > 0
    assert found["core.fct_website_events"]["rows"] > 1_900
    assert all(cost["checks_cpu_seconds"] <= cost["cpu_seconds"] for cost in found.values())
    assert not list(tmp_path.rglob(".site-*"))


def test_the_year_benchmark_tells_the_parts_of_a_day(tmp_path):
    landing = worlds.days(tmp_path, 8, 50, dt.date(2025, 1, 1))
    assert len(list(landing.iterdir())) == 8
    (tmp_path / "site" / "landing").mkdir(parents=True)
    for path in list(landing.iterdir())[:2]:
        shutil.copy(path, tmp_path / "site" / "landing")
    (tmp_path / "site" / "site.toml").write_text('hostnames = ["www.xx.com", "www.xxx.com"]\n')
    year.build_without_dagster(tmp_path / "site")
    warehouse = Warehouse(tmp_path / "site" / "warehouse")
    assert all(len(warehouse.days(table)) >= 2 for table in DAILY)
    # 10 s to start, 0.1 s a day and 1 ms an event, of which Dagster takes the half.
    found = year.Year(
        days=10, events=1_000, few_events=100, build=year.Cost(30, 21), few=year.Cost(14, 12),
        nothing=year.Cost(10, 10), without_dagster=year.Cost(0, 5.5), stock=year.Cost(60, 30), stock_days=3,
    )  # fmt: skip
    assert found.per_event.cpu_seconds == pytest.approx(0.001)
    assert found.fixed.cpu_seconds == pytest.approx(0.1)
    assert found.dagster == pytest.approx(0.5)
    assert year.as_json(found)["stock_scaled_not_measured"] == {"seconds": 200, "cpu_seconds": 100}
    assert "multiplied up to 10 days, not measured" in year.as_text(found)


def test_the_day_benchmark_tells_each_step(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "day", "--events", "2000", "--worlds", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    made = [name for name in found if name.startswith("core.agg_website_events")]
    assert made == [f"core.agg_website_events: {part}" for part in ("build", "write", "checks", "publish")]
    whole = found.pop("whole day")
    assert whole["cpu_seconds"] >= found["landing"]["cpu_seconds"] + found["all tables"]["cpu_seconds"]
    assert all(10**7 < each["peak_bytes"] <= whole["peak_bytes"] for each in found.values())
    assert not list(tmp_path.rglob(".site-*"))
