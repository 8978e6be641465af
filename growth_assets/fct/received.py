"""What was received on one day, column by column: of a large day no more is in memory than what is looked at."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from growth_assets.contracts.packed_texts import packed_texts

ROWS_AT_ONCE = 1_000_000
"""So many rows are held with all their columns."""

TEXTS_AT_ONCE = 4_000_000
"""Of so many rows the texts of a column are held while they are numbered."""

MOST_ROWS_AHEAD = 20_000_000
"""Of so many rows at most a column is read before it is asked for."""

ONE_THREAD = 100_000
"""Of so many events one thread takes no longer than two do, which get into each other's way."""


class Received:
    """The received events of a day, in order."""

    def __init__(self, events: pl.LazyFrame) -> None:
        self.height: int = events.select(pl.len()).collect().item()
        self._events = events
        self._held = events.collect() if self.height <= ROWS_AT_ONCE else None
        self._ahead: dict[str, pl.Series] = {}

    def __getitem__(self, name: str) -> pl.Series:
        """One column; of a large day it is read anew each time."""
        if self._held is not None:
            return self._held[name]
        return self._events.select(name).collect().to_series()

    def ahead(self, name: str) -> pl.Series:
        """One column, which is held here until its pieces are asked for; of the largest days it is read anew then."""
        if self._held is not None or self.height > MOST_ROWS_AHEAD:
            return self[name]
        if name not in self._ahead:
            self._ahead[name] = self[name]
        return self._ahead[name]

    def pieces(self, name: str) -> Iterator[pl.Series]:
        """One column piece by piece, as it was read; of a large day none is held here after it was given."""
        found = self._ahead.pop(name, None)
        column = self[name] if found is None else found
        del found
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
