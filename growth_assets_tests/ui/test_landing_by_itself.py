"""Files that are dropped into landing while `growth-assets ui` runs, and nobody does anything else."""

import datetime as dt
import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from growth_assets.cli import FAILED
from growth_assets.tables import DAILY
from growth_assets.warehouse.catalogue import query
from growth_assets.warehouse.partitions import Warehouse
from growth_assets_tests.ui.served import PATIENCE, Server, served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ui")]

RUNS = "{runsOrError(limit: 50) {... on Runs {results {status assetSelection {path} tags {key value}}}}}"
NUMBERS = {
    "events": "SELECT count(*) FROM core.fct_website_events WHERE ds = ?",
    "of all groups": "SELECT max(m_total_events) FROM core.agg_website_events WHERE ds = ?",
    "of the host": "SELECT sum(m_total_events)::BIGINT FROM core.agg_hostname_events WHERE ds = ?",
    "hits": "SELECT max(m_website_hits) FROM metrics.daily_visitors WHERE ds = ?",
    "visitors": "SELECT max(m_visitors) FROM metrics.daily_visitors WHERE ds = ?",
    "below the rate": "SELECT max(m_website_hits) FROM metrics.signup_conversion_rate WHERE ds = ?",
    "direct traffic": "SELECT max(m_website_hits) FROM metrics.traffic_breakdown WHERE ds = ?",
}
TICKS = """{sensorOrError(sensorSelector: {repositoryLocationName: "growth_assets.definitions",
    repositoryName: "__repository__", sensorName: "landing_sensor"})
    {... on Sensor {sensorState {ticks(limit: 1) {skipReason timestamp error {message}}}}}}"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n[sensor]\nseconds = 2\n')
    return tmp_path


def drop(data: Path, name: str, days: list[str], hour: int = 10) -> None:
    """As a mover does that renames a file into place."""
    lines = [
        json.dumps(
            {
                "event_time": f"{ds}T{hour}:00:00Z",
                "hostname": "www.xx.com",
                "action_type": "page_view",
                "ip": "198.51.100.7",
                "user_agent": "Mozilla/5.0",
            }
        )
        for ds in days
    ]
    hidden = data / "landing" / f".{name}"
    hidden.write_text("".join(line + "\n" for line in lines))
    hidden.rename(data / "landing" / name)


def materialized(server: Server, table: str) -> Counter[str]:
    """How often each day of a table was materialized."""
    path = json.dumps(table.split("."))
    asked = f"{{assetOrError(assetKey: {{path: {path}}}) {{... on Asset {{assetMaterializations {{partition}}}}}}}}"
    found = server.ask(asked)["assetOrError"].get("assetMaterializations", [])
    return Counter(each["partition"] for each in found)


def runs(server: Server) -> Counter[str]:
    """The runs by what they are for."""
    found = server.ask(RUNS)["runsOrError"]["results"]
    assert {run["status"] for run in found} <= {"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "SUCCESS"}, found
    kinds = ("landing" if {"path": ["landing", "event_files"]} in run["assetSelection"] else "days" for run in found)
    return Counter(kinds)


def newest_tick(server: Server) -> tuple[float, str]:
    """When the sensor ticked last, and what it said if it asked for nothing."""
    ticks = server.ask(TICKS)["sensorOrError"]["sensorState"]["ticks"]
    assert not any(tick["error"] for tick in ticks), ticks
    return (ticks[0]["timestamp"], ticks[0]["skipReason"] or "") if ticks else (0.0, "")


def says(server: Server) -> str:
    return newest_tick(server)[1]


def published(data: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Each table and day that is published, with what changes whenever it is published again."""
    warehouse = Warehouse(data / "warehouse")
    found = {}
    for table in DAILY:
        for ds in warehouse.days(table):
            status = warehouse.path(table, ds).stat()
            found[table.name, ds] = (status.st_ino, status.st_mtime_ns)
    return found


def numbers(data: Path, ds: str) -> dict[str, int]:
    """What the tables say of a day."""
    return {name: query(data / "warehouse" / "growth.duckdb", sql, [ds]).item() for name, sql in NUMBERS.items()}


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_new_files_are_landed_and_exactly_their_days_are_built(data, tmp_path):
    today = dt.datetime.now(dt.UTC).date()
    before, late, after, *newer = ((today - dt.timedelta(days=back)).isoformat() for back in (301, 300, 299, 2, 1, 0))
    oldest = (today - dt.timedelta(days=310)).isoformat()
    first = [before, late, after, *newer]
    with served(data, tmp_path / "log.txt") as server:
        drop(data, "a.ndjson", first)
        wait_for(lambda: says(server) == "nothing new in landing; 6 days up to date")
        for table in DAILY:
            assert materialized(server, table.name) == dict.fromkeys(first, 1), table.name
        assert runs(server) == {"landing": 1, "days": 2}
        there = published(data)
        assert set(numbers(data, late).values()) == {1}
        # One event for a day ten months back, one of a day that no partition reached back to, and what is known.
        shutil.copy(data / "landing" / "a.ndjson", data / "landing" / ".copy")
        (data / "landing" / ".copy").rename(data / "landing" / "copy.ndjson")
        drop(data, "late.ndjson", [late, oldest], hour=11)
        wait_for(lambda: says(server) == "nothing new in landing; 7 days up to date")
        for table in DAILY:
            assert materialized(server, table.name) == {**dict.fromkeys([*first, oldest], 1), late: 2}, table.name
        found = runs(server)
        # The copy may have been seen a tick before the late file.
        assert found["landing"] in {2, 3}
        assert found["days"] == 4
        now = published(data)
        assert {key for key in now if now[key] != there.get(key)} == {
            (table.name, ds) for table in DAILY for ds in (late, oldest)
        }
        # The same visitor once more, as direct as before.
        assert numbers(data, late) == {**dict.fromkeys(numbers(data, late), 2), "visitors": 1}
        # The pages know the older days, though nobody reloaded anything.
        keys = '{assetNodeOrError(assetKey: {path: ["raw", "website_events"]}) {... on AssetNode {partitionKeys}}}'
        wait_for(lambda: oldest in server.ask(keys)["assetNodeOrError"]["partitionKeys"])
        # And that was all: two ticks later nobody has asked for anything.
        for _ in range(2):
            ticked = newest_tick(server)[0]
            wait_for(lambda ticked=ticked: newest_tick(server)[0] > ticked)
        assert runs(server) == found
        assert published(data) == now
        (daemon,) = server.processes(b"dagster._daemon")
        os.kill(daemon, signal.SIGKILL)
        assert server.process.wait(PATIENCE) == FAILED
    log = (tmp_path / "log.txt").read_text()
    assert log.splitlines()[-1].startswith("Error: Dagster's daemon was killed by signal 9")
    assert "Start `growth-assets ui` again: what was published stays" in log
    assert "Traceback" not in log
