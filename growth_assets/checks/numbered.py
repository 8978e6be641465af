"""Values of columns as numbers, alone and combined: what is compared and grouped is one integer a row.

To sort, hash and compare texts takes most of the time of counting ten million events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
import polars as pl

from growth_assets.contracts.texts import coded, dictionary, is_numbered
from growth_assets.contracts.whole_numbers import FEW, ROWS_AT_HAND, another, nulls_in, order_of, with_nulls_as
from growth_assets.contracts.whole_numbers import Numbers as Codes

LARGEST = 1 << 32
"""Numbers below this may be combined: two of them fit into 64 bits. Larger ones are numbered anew before."""


@dataclass(frozen=True)
class Numbered:
    """By row, a number that stands for the values of some columns: equal numbers, equal values."""

    codes: Codes
    size: int
    """All numbers are below it."""
    columns: Sequence[Column]
    split: Callable[[Codes], list[Codes]]
    """Numbers to those of the columns, each by itself."""

    @classmethod
    def of(cls, column: pl.Series) -> Numbered:
        """A column of texts, whole numbers or truth values; a null is a value like any other."""
        if is_numbered(column):
            numbers, values = column.to_physical(), dictionary(column)
        elif column.dtype == pl.String:
            return cls.of(coded(column))
        elif column.dtype == pl.Boolean:
            numbers, values = column.cast(pl.UInt8), pl.Series([False, True])
        else:
            whole = column.cast(pl.Int64)
            low, high = (int(end) if isinstance(end, int) else 0 for end in (whole.min(), whole.max()))
            values = pl.int_range(low, high + 1, eager=True).cast(column.dtype)
            numbers = whole - low
        codes = with_nulls_as(len(values), numbers)
        if column.null_count():
            values = values.clone().extend(pl.Series([None], dtype=values.dtype))
        size = max(len(values), 1)
        narrow: Codes = codes.astype(
            np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint64, copy=False
        )
        return cls(narrow, size, [Column(values.alias(column.name))], lambda codes: [codes])

    def told(self) -> list[pl.Series]:
        """The values that the numbers stand for, by column."""
        of_columns = zip(self.columns, self.split(self.codes), strict=True)
        return [column.values[pl.Series(codes)] for column, codes in of_columns]

    def at(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Numbered:
        """The same of certain rows."""
        return replace(self, codes=self.codes[rows])

    def by(self, other: Numbered) -> Numbered:
        """One number for the values of both."""
        left, right = self.small(), other.small()
        narrow = left.size * right.size < 1 << 32
        codes: Codes = left.codes.astype(np.uint32 if narrow else np.uint64)
        codes *= codes.dtype.type(right.size)
        codes += right.codes.astype(codes.dtype, copy=False)
        size = np.uint64(right.size)
        return Numbered(
            codes,
            left.size * right.size,
            [*left.columns, *right.columns],
            lambda codes: [*left.split(codes // size), *right.split(codes % size)],
        )

    def small(self) -> Numbered:
        """The same with a `size` of at most `LARGEST`."""
        return self if self.size <= LARGEST else self.dense()

    def dense(self) -> Numbered:
        """The same by numbers of which each is that of a row."""
        known: Codes
        if self.size <= _most(len(self.codes)):
            there = np.zeros(self.size, bool)
            there[self.codes] = True
            known = np.flatnonzero(there).astype(np.uint64)
            place = np.empty(self.size, np.uint32)
            place[known] = np.arange(len(known), dtype=np.uint32)
            codes = place[self.codes]
        else:
            order = order_of(self.codes)
            ordered = self.codes[order]
            differs = another(ordered)
            known, codes = ordered[differs], np.empty(len(order), np.uint32)
            codes[order] = np.cumsum(differs, dtype=np.uint32) - np.uint32(1)
        return Numbered(codes, len(known), self.columns, lambda codes: self.split(known[codes]))


@dataclass(frozen=True)
class Column:
    """The values of one column: each number is the place of its value."""

    values: pl.Series
    """Null, where it is one of them, is the last."""

    @property
    def name(self) -> str:
        """Of the column."""
        return self.values.name

    def numbers(self, given: pl.Series) -> Codes:
        """The number of each value that is `given`; one that is none of the column's has a number beyond all."""
        known, beyond = self.values, len(self.values)
        if known.null_count():
            known = known.head(beyond - 1)
        if known.dtype == pl.String:
            numbers = given.cast(pl.Enum(known), strict=False).to_physical()
        else:
            low = known.cast(pl.Int64).min()
            numbers = given.cast(pl.Int64) - (low if isinstance(low, int) else 0)
            numbers = numbers.set(~numbers.is_between(0, len(known) - 1), None)
        codes = with_nulls_as(beyond, numbers).astype(np.uint64)
        if len(known) < beyond:
            codes[nulls_in(given)] = beyond - 1
        return codes


def _most(rows: int) -> int:
    """Up to so many numbers there is a place for each, whether it is there or not."""
    return 4 * rows + FEW


def cells_of(several: Iterable[Numbered], height: int) -> Numbered:
    """One number for the values of several columns, of which each is that of a row."""
    found = [one_number(height)]
    for each in several:
        if prod(one.size for one in found) * each.size > _most(height):
            found = [_together(found).dense()]
        found.append(each)
    return _together(found).dense()


def _together(several: Sequence[Numbered]) -> Numbered:
    """One number for the values of several columns, whose sizes multiplied are below 2**64."""
    size = prod(each.size for each in several)
    codes: Codes = np.empty(len(several[0].codes), np.uint32 if size < 1 << 32 else np.uint64)
    # Some rows at a time, as long as they are at hand: whole columns would go through memory again and again.
    for first in range(0, len(codes), ROWS_AT_HAND):
        some = codes[first : first + ROWS_AT_HAND]
        some[:] = 0
        for each in several:
            some *= some.dtype.type(each.size)
            some += each.codes[first : first + ROWS_AT_HAND].astype(some.dtype)

    def split(codes: Codes) -> list[Codes]:
        found: list[Codes] = []
        for each in reversed(several):
            codes, own = np.divmod(codes, np.uint64(each.size))
            found = [*each.split(own), *found]
        return found

    return Numbered(codes, size, [column for each in several for column in each.columns], split)


def one_number(height: int) -> Numbered:
    """The same number in each row, for no column: whatever is combined with it stays as it is."""
    return Numbered(np.zeros(height, np.uint8), 1, (), lambda codes: [])  # noqa: ARG005 - it stands for nothing
