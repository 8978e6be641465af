"""Whole numbers sorted, told apart and counted: few by numpy, many by Polars, which has several threads for it.

To plan a query takes longer than to sort a few thousand numbers, and a small day asks a hundred times.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers: TypeAlias = npt.NDArray[np.integer]
Flags: TypeAlias = npt.NDArray[np.bool_]
Counts: TypeAlias = npt.NDArray[np.int64]

PLAIN = pl.QueryOptFlags.none(predicate_pushdown=True, projection_pushdown=True, simplify_expression=True)
"""Of a select of a few columns nothing else is gained, and to look for it takes as long as to run it."""

FEW = 4_000
"""So many numbers numpy sorts sooner."""

_EXACT = 1 << 53
"""Above it a fraction of 64 bits holds no longer every whole number."""

ROWS_AT_HAND = 1 << 17
"""So many are looked at while they are in the processor's own memory."""


def order_of(numbers: Numbers) -> Numbers:
    """Rows in the order of their numbers; equal ones in any."""
    return np.argsort(numbers) if len(numbers) <= FEW else pl.Series(numbers).arg_sort().to_numpy()


def another(ordered: Numbers) -> Flags:
    """Where a number differs from the one before it; the first always does."""
    differs = np.ones(len(ordered), bool)
    differs[1:] = ordered[1:] != ordered[:-1]
    return differs


def in_order(numbers: Numbers) -> Numbers:
    """The numbers, the least first."""
    return np.sort(numbers) if len(numbers) <= FEW else pl.Series(numbers).sort().to_numpy()


def distinct(numbers: Numbers) -> Numbers:
    """Each number once, in no certain order."""
    if len(numbers) > FEW:
        return pl.Series(numbers).unique().to_numpy()
    ordered = np.sort(numbers)
    return ordered[another(ordered)]


def with_nulls_as(number: int, numbers: pl.Series) -> Numbers:
    """A column of whole numbers, `number`, which is none of them, in place of null."""
    if not numbers.null_count():
        return numbers.to_numpy()
    if len(numbers) > FEW or number >= _EXACT:
        return numbers.cast(pl.Int64).fill_null(number).to_numpy()
    # As numpy has no null, Polars hands such a column over as fractions.
    found = numbers.to_numpy()
    return np.where(np.isnan(found), number, found).astype(np.int64)


def true_in(flags: pl.Series) -> Flags:
    """A column of truth values, in which null is no."""
    return (flags.fill_null(value=False) if flags.null_count() else flags).to_numpy()


def nulls_in(values: pl.Series) -> Flags:
    """Where there is none."""
    return values.is_null().to_numpy() if values.null_count() else np.zeros(len(values), bool)


def rows_of_each(numbers: Numbers, size: int) -> Counts:
    """How often each number below `size` is there."""
    step = max(ROWS_AT_HAND, size)
    found = np.zeros(size, np.int64)
    for first in range(0, len(numbers), step):
        found += np.bincount(numbers[first : first + step], minlength=size)
    return found
