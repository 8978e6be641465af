"""Work on distinct values only, and give every row its answer back.

A day of ten million events has a few thousand user agents and far fewer addresses than rows, so that what
has to be done in Python is done once a value. Each row keeps the number of its value: of what depends on two
columns, the numbers are combined, and no text is looked at a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from growth_assets.contracts.texts import coded, dictionary, is_numbered, numbered
from growth_assets.contracts.whole_numbers import Numbers, another, order_of, with_nulls_as

FEW = 1_000
"""For so few rows a dictionary is filled before a query is planned: a small day asks ten times."""

_MOST = 1 << 63
"""Numbers of several columns are combined below this; beyond, they are numbered anew."""
_NO_ROW = (1 << 32) - 1


class Distinct:
    """The distinct rows of some columns, and for each row of them which one it is."""

    def __init__(self, values: pl.DataFrame, rows: pl.Series) -> None:
        """Row number `rows[i]` of `values` stands for row `i`."""
        self.values, self.rows = values, rows

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Distinct:
        """The distinct rows of one or more columns, in no certain order; nulls are values like any other."""
        if frame.width == 1 and is_numbered(frame.to_series()):
            return _of_texts(frame.to_series())
        if frame.height <= FEW:
            return _of_few(frame)
        if frame.width == 1 and frame.dtypes[0] == pl.String:
            return _of_texts(frame.to_series())
        first, rows = without_gaps(*together(map(numbers_of, frame.get_columns()), frame.height))
        return cls(frame[pl.Series(first)], pl.Series(rows))

    def beside(self, other: Distinct) -> Distinct:
        """The distinct rows of the columns of both."""
        row, numbers = _pairs(self.rows.to_numpy(), self.values.height, other.rows.to_numpy(), other.values.height)
        first = pl.Series(row)
        values = self.values[self.rows[first]].hstack(other.values[other.rows[first]])
        return Distinct(values, pl.Series(numbers))

    def then(self, answers: pl.DataFrame) -> Distinct:
        """The distinct rows of `answers`, of which there is one for each of `values`."""
        found = Distinct.of(answers)
        return Distinct(found.values, found.rows[self.rows])

    def every(self, answers: pl.Series) -> pl.Series:
        """The answer of each row, from one for each of `values`."""
        return answers[self.rows]

    def numbered(self, answers: pl.Series) -> pl.Series:
        """The same of texts, as numbers of a dictionary."""
        return numbered(answers)[self.rows]


def map_distinct(frame: pl.DataFrame, function: Callable[[pl.DataFrame], pl.Series]) -> pl.Series:
    """The answer of `function` for every row of `frame`, asked once for each distinct row.

    Args:
        frame: One or more columns; nulls are values like any other.
        function: Distinct rows (in no certain order) to one answer each; the answer to a row must not
            depend on
            the other rows.

    Returns:
        As many values as `frame` has rows, in its order.
    """
    distinct = Distinct.of(frame)
    return distinct.every(function(distinct.values))


def map_distinct_values(values: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`map_distinct` for a single series; `function` takes and gives a series. Keeps the name of `values`."""
    answers = map_distinct(values.alias("value").to_frame(), lambda frame: function(frame["value"]))
    return answers.alias(values.name)


def _of_few(frame: pl.DataFrame) -> Distinct:
    rows = frame.rows()
    number = {row: position for position, row in enumerate(dict.fromkeys(rows))}
    values = pl.DataFrame(list(number), schema=frame.schema, orient="row")
    return Distinct(values, pl.Series([number[row] for row in rows], dtype=pl.UInt32))


def _of_texts(texts: pl.Series) -> Distinct:
    column = texts if is_numbered(texts) else coded(texts)
    values, rows = dictionary(column), column.to_physical()
    if rows.null_count():
        rows, values = rows.fill_null(len(values)), values.clone().extend(_NOTHING)
    return Distinct(values.to_frame(), rows.rechunk())


_NOTHING = pl.Series([None], dtype=pl.String)


def _pairs(ones: Numbers, height: int, others: Numbers, width: int) -> tuple[Numbers, Numbers]:
    """The distinct pairs: a row in which each is met, and each row's own."""
    if height * width <= 4 * len(ones):
        return without_gaps(ones.astype(np.uint64) * np.uint64(width) + others, max(height * width, 1))
    # Most rows of a value have the same other: they keep its number, and no more than the rest is sorted.
    last = np.zeros(height, np.uint32)
    last[ones] = np.arange(len(ones), dtype=np.uint32)
    rest = np.flatnonzero(others[last][ones] != others)
    met, numbers = without_gaps(ones[rest].astype(np.uint64) * np.uint64(width) + others[rest], height * width)
    every = ones.astype(np.uint32)
    every[rest] = numbers + np.uint32(height)
    return np.concatenate([last, rest[met].astype(np.uint32)]), every


def together(columns: Iterable[tuple[Numbers, int]], height: int) -> tuple[Numbers, int]:
    """One number for the numbers of several columns, in the order of the first, then the second ..."""
    numbers: Numbers = np.zeros(height, np.uint32)
    size = 1
    for each, width in columns:
        if size * width > _MOST:
            numbers, size = without_gaps(numbers, size)[1], height
        if size == 1:
            numbers = each
        else:
            wide: Numbers = numbers.astype(np.uint32 if size * width <= _NO_ROW else np.uint64)
            wide *= wide.dtype.type(width)
            wide += each.astype(wide.dtype)
            numbers = wide
        size *= width
    return numbers, size


def numbers_of(column: pl.Series) -> tuple[Numbers, int]:
    """By row, a number for its value, and what all numbers are below; a null is a value like any other."""
    if column.dtype == pl.String:
        # To number texts by a dictionary of their own takes half the time of grouping by them.
        column = coded(column)
    if is_numbered(column):
        numbers = column.to_physical()
    else:
        # Numbers numbers or truth values: by how much they are above the least.
        whole = column.cast(pl.Int64)
        least = whole.min()
        numbers = (whole - (least if isinstance(least, int) else 0)).cast(pl.UInt64)
    most = numbers.max()
    nothing = most + 1 if isinstance(most, int) else 0
    return with_nulls_as(nothing, numbers), nothing + 1


def without_gaps(numbers: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Numbers without gaps in place of `numbers`, all below `size`: a row in which each is met, and each row's own.

    They keep their order.
    """
    if size <= 4 * len(numbers):
        row = np.full(size, _NO_ROW, np.uint32)
        row[numbers] = np.arange(len(numbers), dtype=np.uint32)
        there = row != _NO_ROW
        return row[there], (np.cumsum(there, dtype=np.uint32) - 1)[numbers]
    order = order_of(numbers)
    differs = another(numbers[order])
    number = np.empty(len(numbers), np.uint32)
    number[order] = np.cumsum(differs, dtype=np.uint32) - 1
    return order[differs], number
