"""Numbered texts on their way into a Parquet file: as numbers, so that no row's text is looked up once more.

The file is the same to the byte as one that is written of the texts. Polars' writer puts the texts of a group of rows
into a dictionary in the order in which they come, whether it is given texts or numbers of four bytes. But of numbers it
always makes a dictionary, and of texts only where enough of them come again; and of numbers the file would say so.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import polars as pl

from growth_assets.contracts.texts import as_texts, coded, dictionary, is_numbered

NUMBERS = pl.UInt32
"""What the writer makes of texts itself."""
_MANY = 50_000
"""Rows from which on this is faster than to give texts."""
_FEW = 100
"""Of no more rows the writer makes a dictionary in any case."""


def said_of(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """What a file of these columns says of them, numbered texts as texts: for the writer, as the file's metadata."""
    texts = {name: pl.String() if isinstance(kind, pl.Categorical) else kind for name, kind in schema.items()}
    file = io.BytesIO()
    pl.DataFrame(schema=texts).write_parquet(file)
    file.seek(0)
    return {"ARROW:schema": pl.read_parquet_metadata(file)["ARROW:schema"]}


class Groups:
    """The rows of a frame as they are to be written: in groups of `size`, of which one at a time is made."""

    def __init__(self, frame: pl.DataFrame, size: int) -> None:
        self._frame = frame
        self._firsts = range(0, max(1, frame.height), size)
        self._texts: dict[str, pl.Series] = {}
        """The texts of each column that is given as numbers, in the places of these."""
        if frame.height >= _MANY:
            for column in filter(is_numbered, frame.get_columns()):
                if all(_come_again(column.slice(first, size)) for first in self._firsts):
                    self._texts[column.name] = coded(dictionary(column), NUMBERS)
        self.schema = self._group(0, 0).schema
        self.metadata = said_of(self.schema) if self._texts else None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for first in self._firsts:
            yield self._group(first, self._firsts.step)

    def _group(self, first: int, size: int) -> pl.DataFrame:
        rows = self._frame.slice(first, size)
        given = [texts.gather(rows[name].to_physical()) for name, texts in self._texts.items()]
        return as_texts(rows.drop(self._texts)).with_columns(given).select(rows.columns)


def _come_again(column: pl.Series) -> bool:
    """Whether each text of a group comes twice in the mean: then the writer makes a dictionary of texts as well."""
    last = column.to_physical().max()
    known = last + 1 if isinstance(last, int) else 0
    return len(column) <= _FEW or 2 * known <= len(column) or 2 * column.n_unique() <= len(column)
