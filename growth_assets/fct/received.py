"""What was received on one day, column by column: of a large day no more is in memory than what is looked at."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from growth_assets.contracts.packed_texts import packed_texts

ROWS_AT_ONCE = 1_000_000
"""So many rows are held with all their columns."""

TEXTS_AT_ONCE = 4_000_000
"""Of so many rows the texts of a column are held while they are numbered."""

ONE_THREAD = 100_000
"""Of so many events one thread takes no longer than two do, which get into each other's way."""


class Received:
    """The received events of a day, in order."""

    def __init__(self, events: pl.LazyFrame) -> None:
        self.height: int = events.select(pl.len()).collect().item()
        self._events = events
        self._held = events.collect() if self.height <= ROWS_AT_ONCE else None

    def __getitem__(self, name: str) -> pl.Series:
        """One column; of a large day it is read anew each time."""
        if self._held is not None:
            return self._held[name]
        return self._events.select(name).collect().to_series()

    def pieces(self, name: str) -> Iterator[pl.Series]:
        """One column piece by piece, as it was read; of a large day none is held here after it was given."""
        column = self[name]
        pieces = column.get_chunks()
        del column
        pieces.reverse()
        while pieces:
            yield pieces.pop()

    def texts(self, name: str) -> pl.Series:
        """A column of texts; of a large day numbered, since to hold them all would take most of the memory."""
        if self._held is not None:
            return self._held[name]
        found = packed_texts(self._events, name)
        if found is not None:
            return found
        kind = pl.Categorical(pl.Categories.random())
        parts = [
            self._events.select(name).slice(first, TEXTS_AT_ONCE).collect().to_series().cast(kind)
            for first in range(0, self.height, TEXTS_AT_ONCE)
        ]
        return pl.concat(parts, rechunk=True)

    def rows(self, wanted: pl.Series) -> pl.DataFrame:
        """The whole rows where `wanted` is true."""
        if self._held is not None:
            return self._held.filter(wanted)
        parts = [self._events.head(0).collect()]
        for first in range(0, self.height, ROWS_AT_ONCE):
            some = wanted.slice(first, ROWS_AT_ONCE)
            if some.any():
                parts.append(self._events.slice(first, ROWS_AT_ONCE).collect().filter(some))
        return pl.concat(parts)
