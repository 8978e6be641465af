"""Replay from the command line: a build that also looks again at what was rejected or put aside."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from growth_assets.ingest.begun import Landing
from growth_assets.orchestration.daily import Progress
from growth_assets.orchestration.run import Report, build
from growth_assets.raw import quarantined_events
from growth_assets.settings import Settings
from growth_assets.warehouse.partitions import Warehouse


@dataclass
class ReplayReport:
    """What a replay did."""

    built: Report
    freed: int
    """Rows that were in quarantine and no longer are."""


def replay(settings: Settings, *, landing: Landing | None = None, day_progress: Progress | None = None) -> ReplayReport:
    """Read rejected lines again, judge quarantined rows again, and build the days which that changes, and no other."""
    before = _put_aside(settings)
    built = build(settings, landing=landing, day_progress=day_progress, again=True)
    after = _put_aside(settings)
    return ReplayReport(built, before.join(after, on=before.columns, how="anti").height)


def _put_aside(settings: Settings) -> pl.DataFrame:
    """File and line of every quarantined row."""
    warehouse, table = Warehouse.of(settings), quarantined_events.TABLE
    line = ["source_file", "line_number"]
    days = [ds for ds in warehouse.days(table) if (record := warehouse.record(table, ds)) is None or record.rows]
    if not days:
        return pl.DataFrame(schema={name: quarantined_events.contract(settings).dtypes[name] for name in line})
    # One after the other: of years of days no process may hold all files open.
    return pl.concat([warehouse.scan(table, ds).select(line).collect() for ds in days])
