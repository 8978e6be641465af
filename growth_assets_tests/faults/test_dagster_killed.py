"""kill -9 of Dagster's own processes while a backfill is under way: a plain build ends in the bytes of none killed.

Part of `make soak`: each kill takes a server of its own.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import dagster as dg
import pytest

from growth_assets import settings as site
from growth_assets.ingest.landing import land
from growth_assets.orchestration.instance import open_instance
from growth_assets.tables import DAILY
from growth_assets_tests.ui.served import PATIENCE, Server, served

from .conftest import DAYS, published
from .test_kill_at_any_moment import assert_dagster_knows_what_is_published

pytestmark = pytest.mark.slow


def run_worker(instance: dg.DagsterInstance, server: Server, run_id: str) -> None:
    (start,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_START)
    os.kill(start.get_dagster_event().pid, signal.SIGKILL)


def daemon(instance: dg.DagsterInstance, server: Server, run_id: str) -> None:
    for process in server.processes(b"daemon"):
        os.kill(process, signal.SIGKILL)


def whole_tree(instance: dg.DagsterInstance, server: Server, run_id: str) -> None:
    # The run's worker is in a session of its own.
    (start,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_START)
    for process in {*server.processes(), start.get_dagster_event().pid}:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def until(found: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize("victim", [run_worker, daemon, whole_tree])
def test_a_backfill_whose_processes_are_killed_is_mended_by_a_build(
    world, nursery, tmp_path, request, monkeypatch, victim
):
    if not request.config.getoption("--kills", None):
        pytest.skip("part of make soak")
    data = world.copy(tmp_path / "data")
    with (data / "site.toml").open("a") as settings_file:
        settings_file.write("[sensor]\nrunning = false\n")
    settings = site.load(data)
    land(settings)
    monkeypatch.setenv("DAGSTER_HOME", str(settings.dagster_home))
    with served(data, tmp_path / "server.txt") as server, open_instance(settings) as instance:
        keys = json.dumps([{"path": table.name.split(".")} for table in DAILY]).replace('"path"', "path")
        chosen = f"{{partitionNames: {json.dumps(DAYS)}, assetSelection: {keys}}}"
        server.ask(f"mutation {{launchPartitionBackfill(backfillParams: {chosen}) {{__typename}}}}")
        folder = data / "warehouse" / "core"
        until(lambda: list(folder.rglob("part.parquet")), "the backfill published nothing")
        victim(instance, server, instance.get_runs(limit=1)[0].run_id)
        code, said = nursery.build(data)
        assert code == 0, said
        assert published(data) == world.first
    code, said = nursery.build(data)
    assert code == 0, said
    assert published(data) == world.first
    assert_dagster_knows_what_is_published(data, monkeypatch)
