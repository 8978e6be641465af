"""The benchmarks run. How fast they are is for people to judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
