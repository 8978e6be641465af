"""kill -9 at random moments, under the eyes of readers: the old partition or the new one, never half of one.

`make soak` tries 200 of them, and `pytest growth_assets_tests/faults --kills 500` more.
"""

import random
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from growth_assets import settings as site
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.specs import asset_key
from growth_assets.orchestration.under_way import UNFINISHED
from growth_assets.tables import DAILY
from growth_assets.warehouse import locks
from growth_assets.warehouse.partitions import Warehouse

from .conftest import DAYS, Reader, kill, published

pytestmark = pytest.mark.slow


def test_a_killed_build_leaves_no_trace(world, nursery, tmp_path, request, monkeypatch):
    dice = random.Random(1)
    kills = request.config.getoption("--kills", None) or 20
    data = world.copy(tmp_path / "data")
    horizon = world.seconds
    hits = []
    with Reader(data, world.legal) as reader:
        while hits.count(True) < kills:
            if len(hits) == kills // 2:
                world.land_late(data)
            # What is built already is built again, or most builds would have nothing to do.
            process = nursery.start(data, *(["--from", DAYS[0]] if len(hits) % 5 else []))
            reader.wait(dice.uniform(0, horizon))
            kill(process)
            hits.append(nursery.wait(process) == -9)
            # How long a build takes depends on who else is at work on the machine.
            horizon *= 1.1 if hits[-1] else 0.7
            assert not reader.wrong
            assert len(hits) < 5 * kills
        code, said = nursery.build(data)
        assert code == 0, said
    assert not reader.wrong
    assert reader.looks >= kills
    assert reader.seen["polars"] == set(world.legal)
    assert reader.seen["duckdb"] == {key for key, legal in world.legal.items() if legal != {0}}
    assert published(data) == world.late
    code, said = nursery.build(data)
    assert (code, "Every day is up to date." in said) == (0, True)
    # A day that was built once more when its builder died is swept when somebody builds it again.
    code, said = nursery.build(data, "--from", DAYS[0])
    assert code == 0, said
    assert published(data) == world.late
    half = [path for path in (data / "warehouse").rglob("*") if path.name.startswith((".growth", "._"))]
    assert half + list((data / "warehouse" / "_staging").iterdir()) == []
    assert not [path for path in data.rglob("*.lock") if locks.is_held(path)]
    assert not list((data / "warehouse" / "_attempts").iterdir())
    assert_dagster_knows_what_is_published(data, monkeypatch)


def test_a_killed_build_leaves_no_worker_and_no_half_day_of_one(world, nursery, tmp_path, request, monkeypatch):
    dice = random.Random(1)
    data = world.copy_built(tmp_path / "data")
    part = Warehouse(data / "warehouse").path(DAILY[0], DAYS[0])
    with Reader(data, world.legal) as reader:
        hits = []
        while hits.count(True) < max(1, (request.config.getoption("--kills", None) or 20) // 10):
            before = part.stat().st_ino
            process = nursery.start(data, "--from", DAYS[0], workers=True)
            while part.stat().st_ino == before:
                reader.wait(0.01)
            # From here on workers are at work on these five days.
            reader.wait(dice.uniform(0, world.seconds / 4))
            working = children(process)
            kill(process)
            hits.append(nursery.wait(process) == -9 and bool(working))
            assert len(hits) < 50
            until_gone(working)
            assert not [path for path in data.rglob("*.lock") if locks.is_held(path)]
        code, said = nursery.build(data)
        assert code == 0, said
    assert not reader.wrong
    assert published(data) == world.late
    assert_dagster_knows_what_is_published(data, monkeypatch)


def children(process: int) -> set[int]:
    """The processes that one has started, by their ids."""
    listed = Path(f"/proc/{process}/task").glob("*/children")
    return {int(child) for path in listed for child in path.read_text().split()}


def until_gone(processes: set[int]) -> None:
    deadline = time.monotonic() + 60
    while any(map(runs, processes)):
        assert time.monotonic() < deadline, "a worker is still there"
        time.sleep(0.05)


def runs(process: int) -> bool:
    """False where it has ended, though nobody may have asked how."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def assert_dagster_knows_what_is_published(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is left open, and what Dagster shows of each day is what is there."""
    monkeypatch.setenv("DAGSTER_HOME", str(data / "dagster_home"))
    warehouse = Warehouse(data / "warehouse")
    with open_instance(site.load(data)) as instance:
        assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []
        for table in DAILY:
            for ds in DAYS:
                newest = dg.AssetRecordsFilter(asset_key(table.name), [ds])
                (record,) = instance.fetch_materializations(newest, limit=1).records
                assert record.asset_materialization.tags[DATA_VERSION_TAG] == warehouse.record(table, ds).sha256
