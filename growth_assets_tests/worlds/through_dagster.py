"""A small world that is built by Dagster, on an instance with a folder of its own."""

from __future__ import annotations

from pathlib import Path

from growth_assets.ingest.replay import replay
from growth_assets.orchestration.run import build
from growth_assets.tables import DAILY
from growth_assets_tests.worlds.compare import published
from growth_assets_tests.worlds.play import World
from growth_assets_tests.worlds.trouble import Trouble


class DagsterWorld(World):
    """The same history, each landing and build as runs of the asset graph."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        self.tables = DAILY

    def build(self, coming: Trouble | None, *, tables: bool) -> str:
        """As without Dagster. Kills are another test's: in one process Dagster would go on after them."""
        if coming:
            coming.kill = False
        return super().build(coming, tables=tables)

    def run(self, *, tables: bool, calm: bool) -> str:
        """One build through the asset graph; it makes the tables at once, wanted or not."""
        del tables
        if self.replays:
            replay(self.settings)
        report = build(self.settings)
        self.tally["days built"] += len(report.days)
        there = published(self.settings)
        if calm:
            assert not set(report.bad_days) & set(there), report.bad_days
            strange = {
                failure.check for failure in report.failures if failure.severity == "ERROR" and failure.ds is None
            }
            assert strange <= {"files_readable"}, report.failures
        new = [f"{report.landing['files_read']} files"] if report.landing.get("files_read") else []
        return " ".join([*new, *(ds for ds in report.days if ds in there)])
