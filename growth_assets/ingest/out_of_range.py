"""Events whose day is no partition: those before the first day and those in the future are put aside, in daylight.

They go to raw.quarantined_events under their own UTC day, straight from the segments: no daily table has a place for
such a day. An event in the future is one whose time was further ahead than `future_tolerance_hours` when its file was
read; it stays one when its day has come. What lies ahead within the tolerance waits for its day.

A day that was built under an earlier `first_day` stays as it was published. What came for it since is put aside beside
the rows that its own build put aside. An event is known by its file and line: raw.website_events has it or not.
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

PLACE = ("source_file", "line_number")
"""What an event is known by."""


@dataclass
class Survey:
    """Days with events that daily tables do not hold, each with its number of events."""

    before_first_day: dict[str, int] = field(default_factory=dict)
    in_the_future: dict[str, int] = field(default_factory=dict)
    """On days that are no partition, or have nothing else."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Days to come, within the tolerance."""
    built_earlier: dict[str, int] = field(default_factory=dict)
    """Days before the first day that were built under an earlier one, with all their events. Those that came too late
    to be built are counted above as well."""

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
    if any(ds < first for ds in landed.by_day):
        warehouse = warehouse.looked_through([website_events.TABLE, quarantined_events.TABLE])
    found = Survey()
    for ds in landed.by_day:
        ahead = landed.in_the_future(ds)
        sound = landed.rows(ds) - ahead
        if first <= ds <= last and sound:
            continue
        if ds < first and warehouse.is_published(website_events.TABLE, ds):
            found.built_earlier[ds] = sound
            with ledger.held(settings.workplace):
                sound, ahead = _came_later(warehouse, landed, ds)
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
        days = sorted({*found.aside, *_no_longer_late(warehouse, found)})
        lost = [ds for ds in days if not _publish(settings, warehouse, found, ds)]
        for ds in _left_behind(warehouse, found):
            with warehouse.building(ds):
                warehouse.withdraw(quarantined_events.TABLE, ds)
    return found, lost


def _publish(settings: Settings, warehouse: Warehouse, found: Survey, ds: str) -> bool:
    table = quarantined_events.TABLE
    with warehouse.building(ds):
        built = warehouse.is_published(website_events.TABLE, ds)
        if built and ds not in found.built_earlier:
            return True  # built meanwhile, with its own rows put aside
        with ledger.held(settings.workplace):
            landed = ledger.read(settings.warehouse)
            inputs, numbers = _inputs(warehouse, landed, ds), found.numbers(ds)
            record = warehouse.record(table, ds)
            if record and (record.inputs, record.numbers, record.code_version) == (inputs, numbers, VERSION):
                return True
            segments = _segments(landed, ds).with_columns(_rule(before=built or ds in found.before_first_day))
            frame = segments.filter(pl.col("rule").is_not_null()).select(*quarantined_events.COLUMNS).collect()
        own = frame.clear()
        if built:
            received = warehouse.scan(website_events.TABLE, ds).select(PLACE).collect()
            frame = frame.join(received, on=PLACE, how="anti")
            if warehouse.is_published(table, ds):
                own = warehouse.scan(table, ds).collect().join(received, on=PLACE, how="semi")
        counted = dict(frame.group_by("rule").len().iter_rows())
        frame = pl.concat([own, frame]).sort("file_started_at", *PLACE, maintain_order=True)
        findings = table.contract(settings).audit(frame)
        if counted != numbers or any(finding.broken for finding in findings):
            return False
        staged = warehouse.stage(table, ds, frame)
        warehouse.publish(table, ds, staged, rows=rows_of(staged), inputs=inputs, code_version=VERSION, numbers=numbers)
    return True


def _rule(*, before: bool) -> pl.Expr:
    late = pl.when(pl.lit(before)).then(pl.lit(BEFORE_FIRST_DAY))
    return pl.when("in_the_future").then(pl.lit(IN_THE_FUTURE)).otherwise(late).alias("rule")


def _segments(landed: Ledger, ds: str) -> pl.LazyFrame:
    types = {name: each.metadata["dtype"] for name, each in website_events.COLUMNS.items()}
    # A segment that is gone holds nothing; the count will tell.
    there = [path for path in landed.segments(ds) if path.exists()]
    return pl.concat([pl.LazyFrame(schema=types), *(scan(path) for path in there)])


def _inputs(warehouse: Warehouse, landed: Ledger, ds: str) -> dict[str, str]:
    """From what the rows of a day are put aside."""
    received = warehouse.record(website_events.TABLE, ds)
    return landed.inputs(ds) | ({website_events.TABLE.name: received.sha256} if received else {})


def _came_later(warehouse: Warehouse, landed: Ledger, ds: str) -> tuple[int, int]:
    """How many events of a built day are not in it, sound ones and those in the future.

    Those of a segment that is gone are among them, so that they are missed where the rows are put aside.
    """
    received = warehouse.record(website_events.TABLE, ds)
    if received and received.inputs == landed.inputs(ds):
        return 0, 0
    aside = warehouse.record(quarantined_events.TABLE, ds)
    if aside and aside.code_version == VERSION and aside.inputs == _inputs(warehouse, landed, ds):
        return aside.numbers.get(BEFORE_FIRST_DAY, 0), aside.numbers.get(IN_THE_FUTURE, 0)
    there = warehouse.scan(website_events.TABLE, ds).select(PLACE)
    built = _segments(landed, ds).select("in_the_future", *PLACE).join(there, on=PLACE, how="semi")
    rows, ahead = built.select(pl.len(), pl.col("in_the_future").sum()).collect().row(0)
    late, late_ahead = landed.rows(ds) - rows, landed.in_the_future(ds) - ahead
    return late - late_ahead, late_ahead


def _no_longer_late(warehouse: Warehouse, found: Survey) -> Iterator[str]:
    """Built days beside whose rows others were put aside here once, and are no longer."""
    seen = warehouse.looked_through([quarantined_events.TABLE]) if found.built_earlier else warehouse
    for ds in found.built_earlier:
        record = seen.record(quarantined_events.TABLE, ds)
        if record and record.code_version == VERSION and ds not in found.aside:
            yield ds


def _left_behind(warehouse: Warehouse, found: Survey) -> Iterator[str]:
    """Days whose events were put aside here once, and are no longer."""
    yield from sorted(
        set(warehouse.days(quarantined_events.TABLE)) - set(found.aside) - set(warehouse.days(website_events.TABLE))
    )
