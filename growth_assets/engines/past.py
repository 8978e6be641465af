"""Earlier days of small tables: what a day stands on, and which versions of them it was built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.contracts.table import History, Table, Watch
from growth_assets.settings import Settings
from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import Warehouse


class Past:
    """The published days of the tables that others look back to; each is read once.

    Threads that build different days may share one.
    """

    def __init__(
        self, warehouse: Warehouse, settings: Settings, tables: Sequence[Table], watches: Sequence[Watch] = ()
    ) -> None:
        self.watches = watches
        self._warehouse, self._settings = warehouse, settings
        looks = [*(table.history for table in tables), *(watch.history for watch in watches)]
        back: dict[str, int] = {}
        for each in looks:
            if each:
                back[each.table] = max(back.get(each.table, 0), *each.back, 0)
        self._tables = {table.name: table for table in tables if table.name in back}
        self._back = back
        self._seen = warehouse.looked_through(list(self._tables.values()))
        self._known: dict[tuple[str, str], str | None] = {}
        self._frames: dict[tuple[str, str], tuple[str, pl.DataFrame]] = {}
        self._summaries: dict[tuple[str, str, str], tuple[pl.DataFrame, pl.DataFrame]] = {}
        """By check, table and day: of which rows, and what of them is compared."""

    def looks_at(self, table: Table) -> bool:
        """True where days of the table are looked back to, or compared with others."""
        return table.name in self._tables

    def put(self, table: Table, ds: str, frame: pl.DataFrame, version: str) -> None:
        """A day of `table` was published; only of tables that are looked back to."""
        self._known[table.name, ds] = version
        self._frames[table.name, ds] = (version, frame)

    def rows(self, history: History, ds: str, *, itself: bool = False) -> pl.DataFrame:
        """The rows of the earlier days that are published, in order, and with `itself` those of the day."""
        table = self._tables[history.table]
        frames = [self._frame(table, day) for day in (*history.days(ds), *((ds,) if itself else ()))]
        there = [frame for frame in frames if frame is not None]
        return pl.concat(there) if there else pl.DataFrame(schema=table.contract(self._settings).dtypes)

    def compared(self, watch: Watch, ds: str) -> pl.DataFrame:
        """What `watch` compares: the summaries of the earlier days that are published and of the day, in order."""
        table = self._tables[watch.history.table]
        there = [
            each for day in (*watch.history.days(ds), ds) if (each := self._summary(watch, table, day)) is not None
        ]
        return pl.concat(there) if there else watch.summary(self.rows(watch.history, ds))

    def _summary(self, watch: Watch, table: Table, ds: str) -> pl.DataFrame | None:
        frame = self._frame(table, ds)
        if frame is None:
            return None
        known = self._summaries.get((watch.check, table.name, ds))
        if known is None or known[0] is not frame:
            known = self._summaries[watch.check, table.name, ds] = (frame, watch.summary(frame))
        return known[1]

    def version(self, history: History, ds: str) -> str:
        """Changes whenever one of the earlier days does."""
        return version_of({day: self._version(self._tables[history.table], day) for day in history.days(ds)})

    def _frame(self, table: Table, ds: str) -> pl.DataFrame | None:
        version = self._version(table, ds)
        if version is None:
            return None
        known = self._frames.get((table.name, ds))
        if known is None or known[0] != version:
            known = (version, self._warehouse.scan(table, ds).collect())
            self._frames[table.name, ds] = known
        return known[1]

    def _version(self, table: Table, ds: str) -> str | None:
        # Asked for once: of a day that another process builds meanwhile what is recorded is older than what is there,
        # and who stands on it counts as out of date.
        if (table.name, ds) not in self._known:
            self._known[table.name, ds] = _recorded(self._seen, table, ds)
        return self._known[table.name, ds]

    def forget_before(self, ds: str) -> None:
        """A range is built day after day: what lies further back than any look of `ds` is not held."""
        first = {name: History(name, (back,)).days(ds)[0] for name, back in self._back.items()}
        for name, day in list(self._frames):
            if day < first[name]:
                self._frames.pop((name, day), None)
        for check, name, day in list(self._summaries):
            if day < first[name]:
                self._summaries.pop((check, name, day), None)


def version_on_disk(warehouse: Warehouse, table: Table, history: History, ds: str) -> str:
    """The version of the earlier days as they are published now; `table` is the one that `history` names."""
    return version_of({day: _recorded(warehouse, table, day) for day in history.days(ds)})


def version_of(days: Mapping[str, str | None]) -> str:
    """The version of several days, of which some may not be there."""
    return durable.digest_of(sorted((ds, version) for ds, version in days.items() if version))


def _recorded(warehouse: Warehouse, table: Table, ds: str) -> str | None:
    record = warehouse.record(table, ds)
    return record.sha256 if record else None
