"""Work on distinct values only, and give every row its answer back.

A day of ten million events has a few thousand user agents and far fewer addresses than rows, so that what
has to be done in Python is done once a value. Each row keeps the number of its value: of what depends on two
columns, the numbers are combined, and no text is looked at a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from growth_assets.contracts.texts import dictionary, is_numbered, numbered

Numbers: TypeAlias = npt.NDArray[np.unsignedinteger]

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
        values = self.values[self.rows.gather(first)].hstack(other.values[other.rows.gather(first)])
        return Distinct(values, pl.Series(numbers))

    def then(self, answers: pl.DataFrame) -> Distinct:
        """The distinct rows of `answers`, of which there is one for each of `values`."""
        found = Distinct.of(answers)
        return Distinct(found.values, found.rows.gather(self.rows))

    def every(self, answers: pl.Series) -> pl.Series:
        """The answer of each row, from one for each of `values`."""
        return answers.gather(self.rows)

    def numbered(self, answers: pl.Series) -> pl.Series:
        """The same of texts, as numbers of a dictionary."""
        return numbered(answers).gather(self.rows)


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
    # The numbers of a dictionary of their own are without gaps.
    coded = texts.cast(pl.Categorical(pl.Categories.random()))
    values, rows = dictionary(coded), coded.to_physical()
    if rows.null_count():
        rows, values = rows.fill_null(len(values)), values.extend_constant(None, 1)
    return Distinct(values.to_frame(), rows.rechunk())


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
        numbers = column.cast(pl.Categorical(pl.Categories.random())).to_physical()
    elif is_numbered(column):
        numbers = column.to_physical()
    else:
        numbers = _above_least(column)
    nothing = _whole(numbers.max(), -1) + 1
    return _with_nulls_as(nothing, numbers), nothing + 1


def ordered_numbers(column: pl.Series) -> tuple[Numbers, int]:
    """The same, of few values: the numbers are in the order of the values, null before all."""
    if column.dtype == pl.String:
        numbers = column.cast(pl.Enum(column.unique().drop_nulls().sort())).to_physical().cast(pl.UInt64)
    else:
        numbers = _above_least(column)
    numbers = numbers + 1
    return _with_nulls_as(0, numbers), _whole(numbers.max()) + 1


def _above_least(column: pl.Series) -> pl.Series:
    """Whole numbers or truth values as by how much they are above the least of them."""
    whole = column.cast(pl.Int64)
    return (whole - _whole(whole.min())).cast(pl.UInt64)


def _with_nulls_as(number: int, numbers: pl.Series) -> Numbers:
    # A query is planned only where there is any null.
    return (numbers.cast(pl.UInt64).fill_null(number) if numbers.null_count() else numbers).to_numpy()


def _whole(value: object, otherwise: int = 0) -> int:
    return value if isinstance(value, int) else otherwise


def without_gaps(numbers: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Numbers without gaps in place of `numbers`, all below `size`: a row in which each is met, and each row's own.

    They keep their order.
    """
    if size <= 4 * len(numbers):
        row = np.full(size, _NO_ROW, np.uint32)
        row[numbers] = np.arange(len(numbers), dtype=np.uint32)
        there = row != _NO_ROW
        return row[there], (np.cumsum(there, dtype=np.uint32) - 1)[numbers]
    # Polars sorts by several threads, numpy by one.
    order = pl.Series(numbers).arg_sort().to_numpy()
    ordered = numbers[order]
    another = np.ones(len(ordered), bool)
    another[1:] = ordered[1:] != ordered[:-1]
    number = np.empty(len(ordered), np.uint32)
    number[order] = np.cumsum(another, dtype=np.uint32) - 1
    return order[another], number
