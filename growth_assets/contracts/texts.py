"""Texts that come again and again, as numbers of a dictionary: one to four bytes a row in place of sixteen.

Polars calls such a column categorical. Compared, counted and sorted it is what its texts are; a file of a table holds
the texts themselves.
"""

from __future__ import annotations

import polars as pl

_NARROW, _WIDE = 200, 60_000
"""So many texts are numbered in one byte, and in two: a few less than fit, as `fill_null` may add some."""
_MANY = 10_000
"""Rows from which on it is faster to look each text up than to have Polars do it."""


def numbered(texts: pl.Series) -> pl.Series:
    """The texts as numbers, in as few bytes as there are texts for."""
    if len(texts) <= _NARROW:
        return coded(texts, pl.UInt8)
    column = coded(texts)
    known = len(dictionary(column))
    return coded(texts, pl.UInt8 if known <= _NARROW else pl.UInt16) if known <= _WIDE else column


def coded(texts: pl.Series, width: type[pl.UInt8 | pl.UInt16 | pl.UInt32] = pl.UInt32) -> pl.Series:
    """The texts as numbers of a dictionary of their own, which has no others; in so many bytes, few or many."""
    return texts.cast(pl.Categorical(pl.Categories.random(physical=width)))


def is_numbered(column: pl.Series) -> bool:
    """Whether a column is of that kind."""
    return isinstance(column.dtype, pl.Categorical)


def dictionary(column: pl.Series) -> pl.Series:
    """The texts that a numbered column has, and maybe others; each is in the place of its number."""
    if not isinstance(column.dtype, pl.Categorical):
        raise TypeError(f"{column.name} is not numbered")
    if len(column) < _MANY:
        return column.dtype.categories.to_series().alias(column.name)
    # As far as numbers are met: to have Polars list two million texts takes ten times as long.
    numbers = column.to_physical()
    last = numbers.max()
    every = pl.int_range(last + 1 if isinstance(last, int) else 0, dtype=pl.UInt32, eager=True)
    return every.cast(numbers.dtype).cat.to(column.dtype).cast(pl.String).alias(column.name)


def as_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows without a numbered column."""
    columns = [_texts(column) if is_numbered(column) else column for column in frame.get_columns()]
    return pl.DataFrame(columns) if columns else frame


def _texts(column: pl.Series) -> pl.Series:
    return column.cast(pl.String) if len(column) < _MANY else dictionary(column)[column.to_physical()]
