"""Files that are dropped into landing while `growth-assets ui` runs, and nobody does anything else."""

import datetime as dt
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from growth_assets.tables import DAILY
from growth_assets_tests.ui.served import PATIENCE, Server, served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ui")]

RUNS = "{runsOrError(limit: 50) {... on Runs {results {status assetSelection {path} tags {key value}}}}}"
TICKS = """{sensorOrError(sensorSelector: {repositoryLocationName: "growth_assets.definitions",
    repositoryName: "__repository__", sensorName: "landing_sensor"})
    {... on Sensor {sensorState {ticks(limit: 1) {skipReason error {message}}}}}}"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n[sensor]\nseconds = 2\n')
    return tmp_path


def drop(data: Path, name: str, days: list[str]) -> None:
    """As a mover does that renames a file into place."""
    lines = [
        json.dumps(
            {
                "event_time": f"{ds}T10:00:00Z",
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


def says(server: Server) -> str:
    """What the sensor said at its newest tick that asked for nothing."""
    ticks = server.ask(TICKS)["sensorOrError"]["sensorState"]["ticks"]
    assert not any(tick["error"] for tick in ticks), ticks
    return (ticks[0]["skipReason"] or "") if ticks else ""


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_new_files_are_landed_and_exactly_their_days_are_built(data, tmp_path):
    today = dt.datetime.now(dt.UTC).date()
    newer = [(today - dt.timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    old = (today - dt.timedelta(days=300)).isoformat()
    with served(data, tmp_path / "log.txt") as server:
        drop(data, "a.ndjson", newer)
        wait_for(lambda: says(server) == "nothing new in landing; 3 days up to date")
        for table in DAILY:
            assert materialized(server, table.name) == dict.fromkeys(newer, 1), table.name
        assert runs(server) == {"landing": 1, "days": 1}
        # A late event of a day that no partition reached back to, and a copy of what is known.
        shutil.copy(data / "landing" / "a.ndjson", data / "landing" / ".copy")
        (data / "landing" / ".copy").rename(data / "landing" / "copy.ndjson")
        drop(data, "late.ndjson", [old])
        wait_for(lambda: says(server) == "nothing new in landing; 4 days up to date")
        for table in DAILY:
            assert materialized(server, table.name) == dict.fromkeys([*newer, old], 1), table.name
        found = runs(server)
        # The copy may have been seen a tick before the late file.
        assert found["landing"] in {2, 3}
        assert found["days"] == 2
        # The pages know the older days, though nobody reloaded anything.
        keys = '{assetNodeOrError(assetKey: {path: ["raw", "website_events"]}) {... on AssetNode {partitionKeys}}}'
        wait_for(lambda: old in server.ask(keys)["assetNodeOrError"]["partitionKeys"])
