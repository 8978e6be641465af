"""A long range is built by worker processes: the same bytes and events, and one that dies costs no day."""

from __future__ import annotations

import hashlib
import json

import dagster as dg
import pytest

from growth_assets import settings as site
from growth_assets import workers
from growth_assets.ingest import clock
from growth_assets.orchestration import attempts, one_day, run
from growth_assets.orchestration.instance import open_instance
from growth_assets.warehouse import locks

pytestmark = pytest.mark.slow

DAYS = [f"2026-03-0{number}" for number in range(1, 9)]
BAD = DAYS[2]
"""Its events have an action that is none, so that it is not published."""

LOST = DAYS[6]
"""Its worker is killed."""


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    def make(name: str) -> site.Settings:
        folder = tmp_path / name
        (folder / "landing").mkdir(parents=True)
        (folder / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
        lines = [event(ds, hour) for ds in DAYS for hour in range(6)]
        (folder / "landing" / "events.ndjson").write_text("".join(lines))
        return site.load(folder)

    return make


def event(ds: str, hour: int) -> str:
    said = {
        "event_time": f"{ds}T{hour:02}:00:00.5Z", "hostname": "www.xx.com", "ip": f"198.51.100.{hour}",
        "action_type": "no such action" if ds == BAD else "page_view", "user_agent": "Mozilla/5.0 Chrome/124.0",
    }  # fmt: skip
    return json.dumps(said) + "\n"


def published(settings: site.Settings) -> dict[str, str]:
    """Every published file and record, with the digest of its bytes."""
    paths = [
        path for schema in ("raw", "core", "metrics") for path in (settings.data / "warehouse" / schema).rglob("*")
    ]
    return {
        str(path.relative_to(settings.data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }


def logged(settings: site.Settings) -> list[tuple[object, ...]]:
    """What Dagster knows of the newest run: materializations and evaluations, each with its day and metadata."""
    with open_instance(settings) as instance:
        (newest,) = instance.get_runs(limit=1)
        found: list[tuple[object, ...]] = []
        for entry in instance.all_logs(newest.run_id):
            event = entry.dagster_event
            if event and event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
                told = event.step_materialization_data.materialization
                numbers = {name: value for name, value in told.metadata.items() if name != "seconds"}
                tags = {name: value for name, value in told.tags.items() if "pointer" not in name}
                found.append((told.asset_key, told.partition, repr(numbers), tuple(sorted(tags.items()))))
            elif event and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                target = check.target_materialization_data is None
                metadata = {name: value for name, value in check.metadata.items() if name != "not_published"}
                if target and not check.passed:
                    metadata.pop("sql", None)  # names the folder
                found.append(
                    (
                        check.asset_key,
                        check.check_name,
                        check.partition,
                        check.passed,
                        target,
                        check.description,
                        repr(metadata),
                    )
                )
        return found


def use_workers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Workers are worth it for any range, and waited for. The one that builds LOST dies; gives the days they built."""
    start, build_by, built = workers.Workers.start, one_day.build_by, []

    def started(self, *modules):
        start(self, *modules)
        for thread in self._starting:
            thread.join()

    def noted(worker, lock, name, day, wanted):
        assert worker._process.poll() is None, "a worker that died is asked again"
        if day.ds == LOST:
            worker._process.kill()
        yield from build_by(worker, lock, name, day, wanted)
        built.append(day.ds)

    monkeypatch.setattr(workers, "WORTH_IT", 1)
    monkeypatch.setattr(workers.Workers, "start", started)
    monkeypatch.setattr(one_day, "build_by", noted)
    return built


def test_workers_build_the_same_and_dagster_is_told_the_same(made, monkeypatch):
    here, there = made("here"), made("there")
    expected = run.build(here)
    with monkeypatch.context() as patched:
        built = use_workers(patched)
        found = run.build(there)
    assert {*DAYS[: DAYS.index(LOST)]} <= {*built} <= {*DAYS} - {LOST}
    assert found.bad_days == expected.bad_days
    assert expected.bad_days.keys() == {BAD}
    assert found.days == expected.days == DAYS
    assert found.failures == expected.failures
    assert published(there) == published(here)
    assert logged(there) == logged(here)
    assert {path.name for path in (there.data / "warehouse" / "_attempts").iterdir()} == {f"ds={BAD}.json"}
    assert not attempts.unfinished(there, clock.now())
    assert not [path for path in there.data.rglob("*.lock") if locks.is_held(path)]
