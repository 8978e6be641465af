"""The benchmarks run. How fast they are is for people to judge."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    compare,
    contenders,
    day,
    imports,
    ingest,
    late_day,
    machine,
    memory,
    processes,
    row_loop,
    steps,
    worlds,
    year,
)
from benchmarks.processes import Cost
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse


def test_the_ingest_benchmark_measures_clean_and_broken_lines(tmp_path, capsys):
    command.main(["ingest", "--events", "2000", "--rounds", "1", "--worlds", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    clean, broken = (found["contenders"][name]["runs"] for name in ("clean", "broken"))
    assert clean[0]["events"] == broken[0]["events"] > 1_900
    assert (clean[0]["rejected"], broken[0]["rejected"]) == (0, 2)
    assert found["broken_to_clean"] > 0
    assert clean[0]["peak_bytes"] > 10**7
    # The folder keeps the generated files, and nothing of a run.
    files = [path.name for path in tmp_path.rglob("*.ndjson")]
    assert files == ["events-2026-01-01.ndjson"] * 2
    assert not list(tmp_path.rglob(".site-*"))
    told = [ingest.Contender(name, [ingest.Run(**run[0])]) for name, run in (("clean", clean), ("broken", broken))]
    assert "of the clean speed" in ingest.ratio_as_text(told)
    assert "broken" in ingest.as_text(told)


def test_the_memory_benchmark_measures_large_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, "in_own_process", ingest.land_once)
    command.main(["memory", "--megabytes", "1", "--worlds", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [name.partition(",")[0] for name in found] == ["events", "newlines", "one line"]
    assert all(each["peak_bytes"] > 10**7 for each in found.values())
    # The file of each shape is deleted before the next is made.
    assert not list(tmp_path.iterdir())


def test_the_year_benchmark_tells_the_parts_of_a_day(tmp_path):
    columns = worlds.days(tmp_path, 2, 50, dt.date(2025, 1, 1), "parquet")
    assert {path.suffix for path in columns.iterdir()} == {".parquet"}
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
        days=10, events=1_000, few_events=100, build=Cost(30, 21), few=Cost(14, 12),
        nothing=Cost(10, 10), without_dagster=Cost(0, 5.5), stock=Cost(60, 30), stock_days=3,
    )  # fmt: skip
    assert found.per_event.cpu_seconds == pytest.approx(0.001)
    assert found.fixed.cpu_seconds == pytest.approx(0.1)
    assert found.dagster == pytest.approx(0.5)
    assert year.as_json(found)["stock_scaled_not_measured"] == {"seconds": 200, "cpu_seconds": 100, "peak_bytes": 0}
    assert "multiplied up to 10 days, not measured" in year.as_text(found)


def test_the_day_benchmark_tells_each_step_and_stands_beside_the_bare_script(tmp_path, capsys, monkeypatch):
    # The steps are those of a build: the same once more would only take time.
    monkeypatch.setattr(
        contenders, "product", lambda site: processes.python("-c", f"open({str(site / 'site.toml')!r})")
    )
    given = ["--events", "2000", "--rounds", "1", "--format", "combined", "--worlds", str(tmp_path), "--json"]
    command.main(["day", *given])
    found = json.loads(capsys.readouterr().out)
    made = [name for name in found["steps"] if name.startswith("core.agg_website_events")]
    assert made == [f"core.agg_website_events: {part}" for part in ("build", "write", "checks", "publish")]
    assert found["steps"]["landing: read"]["cpu_seconds"] > 0
    whole = found["steps"].pop("whole build")
    parts = [found["steps"][name] for name in (steps.IMPORT_DAGSTER, steps.IMPORT_ALL, steps.LANDING, steps.TABLES)]
    assert sum(part["cpu_seconds"] for part in parts) <= whole["cpu_seconds"]
    assert all(10**7 < each["peak_bytes"] <= whole["peak_bytes"] for each in found["steps"].values())
    assert list(found["contenders"]) == ["growth-assets build", "bare script", "bare script that keeps raw events"]
    ours, bare, _ = (each["runs"][0] for each in found["contenders"].values())
    assert found["ratio_to_bare_script"] == pytest.approx(ours["seconds"] / bare["seconds"], abs=0.001)
    assert found["events_per_second"] == pytest.approx(2_000 / ours["seconds"], abs=1)
    assert found["peak_memory_gb"] == pytest.approx(ours["peak_bytes"] / 1e9, abs=0.001)
    assert 0 < found["checks_share"] < 1
    assert 0 < found["orchestration_share"] < 1
    assert found["machine"]["polars"]
    assert not list(tmp_path.rglob(".run-*"))


def measured(file_format, seconds, scaled=1.0, absent=""):
    """A day on which each contender took its seconds."""
    costs = {name: day.Measured([Cost(each, each, 10**9)] if each else [], scaled if each == 2 else 1.0, absent)
             for name, each in seconds.items()}  # fmt: skip
    whole = {name: steps.Cost(each, each, 10**9) for name, each in STEPS.items()}
    return day.Day(file_format, 1_000_000, 3, costs, Cost(1, 1), whole)


STEPS = {
    "start: import Dagster": 1.0, "start: import all else": 2.0, "landing": 3.0, "core.fct_website_events: checks": 1.0,
    "all tables": 12.0, "comparisons with days before: checks": 1.0, "whole build": 20.0,
}  # fmt: skip


def test_shares_are_of_the_whole_and_importing_dagster_is_dagsters():
    shares = steps.Shares.of(measured("ndjson", {}).steps)
    assert shares.checks == pytest.approx(2 / 20)
    # All but 2 s of other imports, 3 s of landing, 12 s of tables and 1 s of comparisons.
    assert shares.orchestration == pytest.approx(2 / 20)


def test_the_comparison_says_who_is_faster_what_was_a_sample_and_who_is_absent(monkeypatch, tmp_path):
    seconds = {
        contenders.PRODUCT: 10, contenders.BARE: 5, contenders.BARE_RAW: 20, contenders.ROWS: 2, contenders.GOACCESS: 0,
    }  # fmt: skip

    def told(_folder, _events, file_format, _rounds, names, patience):
        assert (names, patience) == (None, contenders.PATIENCE)
        return measured(file_format, seconds, scaled=50, absent="GoAccess is not installed")

    monkeypatch.setattr(day, "measure", told)
    monkeypatch.setattr(compare, "busy_cores", lambda: 0.1)
    numbers = compare.measure(tmp_path, 1_000_000, 3)
    text = compare.as_text(numbers)
    assert "| ndjson | growth-assets build | 100,000 | 10.0 | 10.0 | 1.0 |  |" in text
    assert "| ndjson | bare script | 200,000 | 5.0 | 5.0 | 1.0 | 2.0 times slower |" in text
    assert "| 10,000 * | 100.0 * | 100.0 * | 1.0 | 10.0 times faster |" in text
    assert "| combined | GoAccess | GoAccess is not installed |" in text
    chart = compare.as_svg(numbers)
    assert chart.count("<rect ") == 1 + 3 * 4
    assert "100,000" in chart


def test_a_contender_that_fails_or_is_absent_holds_up_no_other(tmp_path, monkeypatch):
    turns = []

    def good(name, seconds):
        return lambda *_: turns.append(name) or contenders.Run(Cost(seconds, seconds, 1))

    def bad(*_):
        turns.append("bad")
        raise RuntimeError("it said:\nno room")

    available = {
        contenders.PRODUCT: (good("product", 4), ""), contenders.BARE: (good("bare", 2), ""), "bad": (bad, ""),
        "gone": (bad, "is not installed"),
    }  # fmt: skip
    monkeypatch.setattr(contenders, "all_for", lambda *_: available)
    monkeypatch.setattr(day, "_alone", lambda _: (Cost(1, 1), {}))
    found = day.measure(tmp_path, 100, "ndjson", 2, names=None)
    assert turns == ["product", "bare", "bad", "product", "bare"]
    assert [found.found[name].absent for name in available] == ["", "", "failed: no room", "is not installed"]
    assert found.ratio(contenders.BARE) == 2


def test_a_process_is_measured_with_its_children():
    child = "b = b'x' * 60_000_000; import time; time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('said')"
    cost, said = processes.ran(processes.python("-c", parent))
    assert said == "said\n"
    assert cost.seconds > 0.5
    assert 70_000_000 < cost.peak_bytes < 500_000_000
    with pytest.raises(RuntimeError, match="no such thing"):
        processes.ran(processes.python("-c", "raise LookupError('no such thing')"))


def test_a_process_that_takes_too_long_is_stopped_and_said_to_take_more(tmp_path, monkeypatch):
    with pytest.raises(processes.TooLongError, match="was not done after") as caught:
        processes.ran(processes.python("-c", "import time; time.sleep(60)"), patience=0.3)
    assert 0.3 <= caught.value.cost.seconds < 60
    assert processes.ran(processes.python("-c", "print(1)"), patience=60)[1] == "1\n"

    turns = []

    def slow(*_):
        turns.append("slow")
        return contenders.Run(Cost(100, 90, 1), stopped=True)

    def slower(*_):
        turns.append("slower")
        return contenders.Run(Cost(121, 90, 1))

    def quick(*_):
        turns.append("quick")
        return contenders.Run(Cost(3, 3, 1))

    available = {
        contenders.PRODUCT: (lambda *_: contenders.Run(Cost(4, 4, 1)), ""),
        contenders.BARE: (lambda *_: contenders.Run(Cost(2, 2, 1)), ""),
        contenders.BARE_RAW: (lambda *_: contenders.Run(Cost(2, 2, 1)), ""),
        contenders.GOACCESS: (slow, ""),
        contenders.SPARK: (slower, ""),
        contenders.ROWS: (quick, ""),
    }
    monkeypatch.setattr(contenders, "all_for", lambda *_: available)
    whole = {name: steps.Cost(each, each, 10**9) for name, each in STEPS.items()}
    monkeypatch.setattr(day, "_alone", lambda _: (Cost(1, 1), whole))
    found = day.measure(tmp_path, 1_000, "combined", 3, names=None)
    assert turns == ["slow", "slower", "quick", "quick", "quick"]
    assert "more than 25 times as fast as GoAccess" in day.as_text(found)
    numbers = {"events": 1_000, "rounds": 3, "load": 0.1, "days": [day.as_json(found)], "machine": {}}
    text = compare.as_text(numbers)
    assert "| combined | GoAccess | under 10 | over 100.0 | over 90.0 | 0.0 | over 25.0 times faster |" in text
    assert "it was stopped before it was done" in text


def test_a_core_at_work_is_a_busy_core():
    busy = subprocess.Popen(processes.python("-c", "while True: pass"))
    try:
        found = machine.busy_cores(0.5)
    finally:
        busy.kill()
        busy.wait()
    assert 0.3 < found <= (os.cpu_count() or 1)


def test_imports_are_told_by_module_and_by_package(monkeypatch):
    monkeypatch.setattr(imports, "MODULES", ("sys", "json"))
    monkeypatch.setattr(imports, "BUILD", "json.tool")
    found = imports.as_json(imports.measure(1))
    assert list(found["seconds"]) == ["sys", "json"]
    assert found["packages"]["json"] > 0
    assert found["modules"]["json"] >= 4
    assert "json" in imports.as_text(imports.measure(1))


def test_a_late_day_is_measured_beyond_the_start_of_its_process(monkeypatch, tmp_path):
    built = []

    def ran(arguments):
        if "build" in arguments:
            landing = Path(arguments[-1]) / "landing"
            built.append({path.name: path.read_text() for path in landing.iterdir()})
        return Cost(len(built) + 1.0, 1.0), ""

    monkeypatch.setattr(late_day, "ran", ran)
    found = late_day.measure(tmp_path, 3, 50, 1)
    # All days, then the late file of the one in the middle, then nothing.
    assert [len(files) for files in built] == [3, 4, 4]
    assert '"event_time":"2025-01-02T' in built[1]["late-0.ndjson"]
    assert (found.late.seconds, found.nothing.seconds, found.start.seconds) == (3, 4, 4)
    assert late_day.as_json(found)["seconds_beyond_start"] == -1
    assert "beyond the start of its process" in late_day.as_text(found)


def test_the_loop_row_by_row_reads_both_formats(tmp_path):
    for file_format in ("ndjson", "combined"):
        landing = worlds.day(tmp_path, 300, file_format)
        found = row_loop.main(landing, tmp_path / "out", file_format, 100)
        assert 90 <= found["events"] <= 100
        levels = json.loads((tmp_path / "out" / "agg.json").read_text())
        assert next(row for row in levels if row[0] == "")[1] == found["events"]
        assert len({row[0] for row in levels}) == 16
