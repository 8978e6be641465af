"""Which days are not what landed for them: built from other events, not built, or not published in full."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from growth_assets.contracts.table import Table
from growth_assets.engines.local import only_by_history, stale_tables
from growth_assets.engines.past import version_of, version_on_disk
from growth_assets.ingest import clock, ledger
from growth_assets.ingest.ledger import Ledger
from growth_assets.ingest.out_of_range import first_day, last_day
from growth_assets.orchestration import attempts
from growth_assets.places import is_remote
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.partitions import Warehouse

LOOKED_BACK = {table.history for table in DAILY if table.history}
"""The earlier days that tables stand on."""

DOUBTED = 50
"""So many days that were up to date are looked at again each time: three years are some 10,000 small files."""

DOUBTED_ON_A_STORE = 1
"""The same where each look is some requests that are paid for."""


@dataclass
class StaleDays:
    """The days that have events, by what is to be done about them."""

    wanted: dict[str, str] = field(default_factory=dict)
    """To be built: the day, and what it would be built from (`attempts.version_asked`)."""
    restated: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """As they landed, but earlier days changed on which some of their tables stand: what of, and these tables."""
    hopeless: list[str] = field(default_factory=list)
    """Not to be tried again as they are."""
    no_partition: list[str] = field(default_factory=list)
    """Before the first day, or not yet come."""
    up_to_date: int = 0


class Watch:
    """Looks again and again, and remembers what it read of the ledger, and which days it found to be up to date."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger = ledger.Cached(settings.warehouse)
        self._good: dict[str, Mapping[str, str]] = {}
        """Days that were up to date at some look, with what had landed for them; the longest ago first."""

    def landed(self) -> Ledger:
        """The ledger as it is now."""
        with ledger.held(self.settings.workplace):
            return self._ledger.read()

    def stale(self, landed: Ledger) -> StaleDays:
        """Sort the days of the ledger."""
        settings = self.settings
        warehouse = Warehouse.of(settings)
        code = attempts.code_of(settings)
        self._doubt()
        now = clock.now()
        unfinished = attempts.unfinished(settings, now)
        first, last = first_day(settings, landed).isoformat(), last_day().isoformat()
        found = StaleDays()
        for ds in landed.days:
            if not first <= ds <= last:
                found.no_partition.append(ds)
                continue
            inputs = landed.inputs(ds)
            if self._good.get(ds) == inputs and ds not in unfinished:
                found.up_to_date += 1
                continue
            for history in LOOKED_BACK:
                for follower in history.followers(ds):
                    self._good.pop(follower, None)
            stale = stale_tables(warehouse, DAILY, ds, inputs)
            if not stale and ds not in unfinished:
                self._good[ds] = inputs
                found.up_to_date += 1
                continue
            if only_by_history(stale):
                found.restated[ds] = (_version_of_history(warehouse, stale, ds), [table.name for table in stale])
                continue
            version = attempts.version_of(inputs, code)
            tried = attempts.read(settings, ds)
            to_be_judged = tried is not None and tried.to_be_judged(ds, now)
            if tried and tried.version == version and tried.hopeless and not to_be_judged:
                found.hopeless.append(ds)
            else:
                found.wanted[ds] = attempts.version_asked(version, tried, ds, now)
        return found

    def _doubt(self) -> None:
        """Forget some days, so that sooner or later it is seen when somebody deleted a partition."""
        many = DOUBTED_ON_A_STORE if is_remote(self.settings.warehouse) else DOUBTED
        for ds in list(self._good)[:many]:
            del self._good[ds]


def standing_on(
    settings: Settings, warehouse: Warehouse, days: Sequence[str], wanted: Collection[str]
) -> dict[str, frozenset[str]]:
    """The later days of which some of the `wanted` tables are to be built again since `days` were built just now.

    In order, each with those tables. Not a day that stands on others too which are still to be built: it is for the run
    that builds those.
    """
    later = {follower for history in LOOKED_BACK for ds in days for follower in history.followers(ds)}.difference(days)
    with ledger.held(settings.workplace):
        landed = ledger.read(settings.warehouse)
    first, last = first_day(settings, landed).isoformat(), last_day().isoformat()
    later = {ds for ds in later.intersection(landed.days) if first <= ds <= last}
    if not later:
        return {}
    seen = warehouse.at_a_look(DAILY)
    stale = lru_cache(maxsize=None)(lambda ds: stale_tables(seen, DAILY, ds, landed.inputs(ds)))

    def is_to_be_built(ds: str) -> bool:
        return ds in landed.by_day and ds not in days and bool(stale(ds)) and not only_by_history(stale(ds))

    return {
        ds: frozenset(table.name for table in stale(ds))
        for ds in sorted(later)
        if only_by_history(stale(ds))
        and all(table.name in wanted for table in stale(ds))
        and not any(is_to_be_built(each) for history in LOOKED_BACK for each in history.days(ds))
    }


def _version_of_history(warehouse: Warehouse, stale: Sequence[Table], ds: str) -> str:
    histories = {table.history for table in stale if table.history}
    return version_of(
        {history.name: version_on_disk(warehouse, BY_NAME[history.table], history, ds) for history in histories}
    )


def range_tags(days: Sequence[str]) -> dict[str, str]:
    """The tags of a run of `days`, which are without a gap."""
    return {ASSET_PARTITION_RANGE_START_TAG: days[0], ASSET_PARTITION_RANGE_END_TAG: days[-1]}


def contiguous(days: Iterable[str]) -> list[list[str]]:
    """Sorted days in groups without a gap."""
    groups: list[list[str]] = []
    for ds in sorted(days):
        if groups and dt.date.fromisoformat(ds) - dt.date.fromisoformat(groups[-1][-1]) == dt.timedelta(days=1):
            groups[-1].append(ds)
        else:
            groups.append([ds])
    return groups
