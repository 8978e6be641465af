"""Events whose day is no partition: those before the first day and those in the future are put aside, in daylight.

They go to raw.quarantined_events under their own UTC day, straight from the segments: no daily table has a place for
such a day. An event in the future is one whose time was further ahead than `future_tolerance_hours` when its file was
read; it stays one when its day has come. What lies ahead within the tolerance waits for its day.

A day that was built under an earlier `first_day` stays as it was published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from growth_assets.ingest import clock, ledger
from growth_assets.ingest.ledger import Ledger
from growth_assets.raw import quarantined_events, website_events
from growth_assets.settings import Settings
from growth_assets.warehouse import locks
from growth_assets.warehouse.partitions import Warehouse, rows_of, scan

BEFORE_FIRST_DAY = "before_first_day"
IN_THE_FUTURE = "in_the_future"

VERSION = "out_of_range-1"
"""The code version of the partitions that are put aside here."""


@dataclass
class Survey:
    """Days with events that daily tables do not hold, each with its number of events."""

    before_first_day: dict[str, int] = field(default_factory=dict)
    in_the_future: dict[str, int] = field(default_factory=dict)
    """On days that are no partition, or have nothing else."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Days to come, within the tolerance."""
    built_earlier: dict[str, int] = field(default_factory=dict)
    """Days before the first day that were built under an earlier one."""

    @property
    def aside(self) -> list[str]:
        """The days whose events are put aside, in order."""
        return sorted({*self.before_first_day, *self.in_the_future})

    def numbers(self, ds: str) -> dict[str, int]:
        """Rule to how many events of the day are put aside under it."""
        counted = {BEFORE_FIRST_DAY: self.before_first_day.get(ds, 0), IN_THE_FUTURE: self.in_the_future.get(ds, 0)}
        return {rule: count for rule, count in counted.items() if count}

    def totals(self) -> dict[str, int]:
        """How many events there are of each kind."""
        return {name: sum(getattr(self, name).values()) for name in (BEFORE_FIRST_DAY, IN_THE_FUTURE, "waiting")}


def first_day(settings: Settings, landed: Ledger | None = None) -> dt.date:
    """The first daily partition: as set, else the oldest day landed, else today."""
    today = last_day()
    return settings.first_day or min((landed or ledger.read(settings.warehouse)).first_day() or today, today)


def last_day() -> dt.date:
    """The last daily partition: today (UTC)."""
    return clock.now().date()


def survey(settings: Settings, landed: Ledger | None = None) -> Survey:
    """What has landed for days that are no partition, or have nothing but events in the future."""
    landed = landed or ledger.read(settings.warehouse)
    first, last = first_day(settings).isoformat(), last_day().isoformat()
    warehouse = Warehouse.of(settings)
    found = Survey()
    for ds in landed.by_day:
        ahead = landed.in_the_future(ds)
        sound = landed.rows(ds) - ahead
        if first <= ds <= last and sound:
            continue
        if ds < first and warehouse.path(website_events.TABLE, ds).exists():
            found.built_earlier[ds] = sound
            continue
        if ahead:
            found.in_the_future[ds] = ahead
        if sound:
            (found.waiting if ds > last else found.before_first_day)[ds] = sound
    return found


def put_aside(settings: Settings) -> tuple[Survey, list[str]]:
    """Bring raw.quarantined_events up to date for the days that are no partition.

    Returns:
        What there is, and the days of which not every event that landed could be put aside: they stay as they were.
    """
    warehouse = Warehouse.of(settings)
    with locks.exclusive(settings.workplace / "_locks" / "out_of_range.lock"):
        found = survey(settings)
        lost = [ds for ds in found.aside if not _publish(settings, warehouse, found, ds)]
        for ds in _left_behind(warehouse, found):
            with warehouse.building(ds):
                warehouse.withdraw(quarantined_events.TABLE, ds)
    return found, lost


def _publish(settings: Settings, warehouse: Warehouse, found: Survey, ds: str) -> bool:
    table = quarantined_events.TABLE
    with warehouse.building(ds):
        if warehouse.path(website_events.TABLE, ds).exists():
            return True  # built meanwhile, with its own rows put aside
        with ledger.held(settings.workplace):
            landed = ledger.read(settings.warehouse)
            inputs, numbers = landed.inputs(ds), found.numbers(ds)
            record = warehouse.record(table, ds)
            if record and (record.inputs, record.numbers, record.code_version) == (inputs, numbers, VERSION):
                return True
            frame = _rows(landed, ds, before=ds in found.before_first_day)
        counted = dict(frame.group_by("rule").len().iter_rows())
        findings = table.contract(settings).audit(frame)
        if counted != numbers or any(finding.broken for finding in findings):
            return False
        staged = warehouse.stage(table, ds, frame)
        warehouse.publish(table, ds, staged, rows=rows_of(staged), inputs=inputs, code_version=VERSION, numbers=numbers)
    return True


def _rows(landed: Ledger, ds: str, *, before: bool) -> pl.DataFrame:
    types = {name: each.metadata["dtype"] for name, each in website_events.COLUMNS.items()}
    # A segment that is gone holds nothing; the count will tell.
    there = [path for path in landed.segments(ds) if path.exists()]
    segments = [scan(path) for path in there]
    rule = pl.when("in_the_future").then(pl.lit(IN_THE_FUTURE)).when(pl.lit(before)).then(pl.lit(BEFORE_FIRST_DAY))
    return (
        pl.concat([pl.LazyFrame(schema=types), *segments])
        .with_columns(rule.alias("rule"))
        .filter(pl.col("rule").is_not_null())
        .select("rule", *website_events.COLUMNS)
        .sort("file_started_at", "source_file", "line_number", maintain_order=True)
        .collect()
    )


def _left_behind(warehouse: Warehouse, found: Survey) -> Iterator[str]:
    """Days whose events were put aside here once, and are no longer."""
    aside = set(found.aside)
    for ds in warehouse.days(quarantined_events.TABLE):
        if ds not in aside and not warehouse.path(website_events.TABLE, ds).exists():
            yield ds
