"""One small world: its history played through the real ingest, tables and warehouse, and compared with the oracle."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random
from unittest import mock

from growth_assets.engines.local import Day, stale_tables
from growth_assets.ingest import clock, ledger
from growth_assets.ingest.landing import land
from growth_assets.ingest.out_of_range import first_day, last_day, put_aside
from growth_assets.ingest.replay import replay
from growth_assets.orchestration.one_day import receiving
from growth_assets.orchestration.run import LandingError
from growth_assets.settings import Settings, Source
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.partitions import Warehouse
from growth_assets_tests.worlds import trouble
from growth_assets_tests.worlds.compare import differences, published, refused
from growth_assets_tests.worlds.history import History
from growth_assets_tests.worlds.known import HOSTNAMES
from growth_assets_tests.worlds.streams import Stream, streams

OURS = Settings.model_fields["trusted_proxies"].default
LAST_OF_MOST = "core.agg_website_events"
"""Of four worlds one builds all tables, the others those up to this one: what follows stands on them alone."""


class World:
    """A data folder, and the history that a seed stands for."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)
        self.tables = DAILY if seed % 4 == 0 else DAILY[: DAILY.index(BY_NAME[LAST_OF_MOST]) + 1]
        self.streams = streams(self.random)
        self.settings = _settings(self.random, folder, self.streams)
        self.mended = _mended(self.settings) if self.random.random() < 0.25 else None
        """The settings after somebody found out which offset times without one have."""
        self.replays = False
        self.history = History(self.random, self.settings.landing, self.streams)
        self.tally = self.history.tally
        """What happened, and how often."""
        self.tally.update(each.kind for each in self.streams)

    def play(self) -> list[str]:
        """Play it; what differs from the oracle in the end."""
        for _ in range(self.random.choice([2, 3, 6, 12])):
            self.history.step()
            if self.mended and self.random.random() < 0.3:
                self._mend()
            chance = self.random.random()
            if chance < 0.4:
                coming = trouble.some(self.random) if chance < 0.15 else None
                self.build(coming, tables=self.random.random() < (0.5 if coming else 0.1))
        self.history.finish()
        if self.mended:
            self._mend()
        later = clock.now() + dt.timedelta(seconds=self.settings.settle_seconds)
        # Half a last line whose file was deleted has waited in vain by then.
        with mock.patch.object(clock, "now", return_value=later):
            self.build(None, tables=True)
            found = self._strict() if self.settings.max_quarantined_share < 1 else []
            again = self.build(None, tables=False)
        stale = sorted({*self.wanted()} & {*published(self.settings)})
        found += differences(self.settings, self.streams, [table.name for table in self.tables])
        return [*found, f"a second look finds something new: {again} {stale}"] if again or stale else found

    def _mend(self) -> None:
        if self.mended:
            self.settings, self.mended, self.replays = self.mended, None, True
            self.tally["mended"] += 1

    def _strict(self) -> list[str]:
        """A check refused some days; then the setting is mended that it goes by. What differs before that."""
        expected, found = refused(self.settings, self.streams), self.wanted()
        self.tally["refused"] += len(expected)
        self.settings = self.settings.model_copy(update={"max_quarantined_share": 1})
        self.build(None, tables=True)
        return [] if found == expected else [f"days that a check refuses:\n  found    {found}\n  expected {expected}"]

    def wanted(self) -> list[str]:
        """The days that are to be built."""
        first, last = first_day(self.settings).isoformat(), last_day().isoformat()
        landed, warehouse = ledger.read(self.settings.warehouse), Warehouse.of(self.settings)
        days = [ds for ds in landed.days if first <= ds <= last]
        return [ds for ds in days if stale_tables(warehouse, self.tables, ds, landed.inputs(ds))]

    def build(self, coming: trouble.Trouble | None, *, tables: bool) -> str:
        """Land, and build the tables that are wanted, as `growth-assets build` does; trouble may come.

        Gives what was new, in words; nothing where all was there already.
        """
        new = ""
        with trouble.coming(coming):
            try:
                new = self.run(tables=tables, calm=coming is None)
            except (OSError, LandingError):
                if coming is None:
                    raise
        if coming is None or not coming.came:
            self.history.landed()
        else:
            self.tally["killed" if coming.kill else "failed"] += 1
        return new

    def run(self, *, tables: bool, calm: bool) -> str:
        """One landing and build without Dagster."""
        landed = land(self.settings)
        if self.replays:
            replay(self.settings)
        put_aside(self.settings)
        days = self._days(calm=calm) if tables else []
        self.tally["days built"] += len(days)
        # A copy that was made of the first half of a line may be no log to anybody.
        unreadable = [file for file in landed.unreadable if file.name in self.history.names]
        new = [*(entry.source_file for entry in landed.read), *landed.touched, *unreadable]
        return " ".join(map(str, [*new, *(ds for ds in days if ds in published(self.settings))]))

    def day(self, warehouse: Warehouse, ds: str) -> Day:
        """Who builds a day."""
        return Day(warehouse, self.settings, ds, self.tables)

    def _days(self, *, calm: bool) -> list[str]:
        warehouse, landed = Warehouse.of(self.settings), receiving(self.settings)
        days = self.wanted()
        for ds in days:
            try:
                with warehouse.building(ds):
                    for _ in self.day(warehouse, ds).build(BY_NAME, landed):
                        pass
            except OSError:
                # One bad day holds up no other.
                if calm:
                    raise
        return days


def _mended(settings: Settings) -> Settings:
    sources = settings.sources or (Source(name="landing"),)
    return settings.model_copy(
        update={"sources": tuple(each.model_copy(update={"utc_offset": "+02:00"}) for each in sources)}
    )


def _settings(random: Random, folder: Path, streams: list[Stream]) -> Settings:
    sources = tuple(
        Source(name=kind, files=f"**/{kind}[-. ]*", format=kind) for kind in sorted({each.kind for each in streams})
    )
    return Settings(
        data=folder,
        hostnames=HOSTNAMES,
        first_day=random.choice([None, dt.date(2026, 3, 1)]),
        max_quarantined_share=random.choice([1, 1, 1, 1, 1, 0.1]),
        **({"trusted_proxies": (*OURS, "198.51.100.0/24")} if random.random() < 0.5 else {}),
        **({"sources": sources} if random.random() < 0.4 else {}),
    )
