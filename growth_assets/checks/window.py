"""The eight weeks before the judged day, on a grid: one row a series, one column a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.int64]

WEEKS = 8
DAYS = 7 * WEEKS
"""Days before the judged one that may speak. The first of each week is of the judged day's own weekday."""

AGES = np.arange(DAYS, 0, -1)
"""By column, how many days before the judged day it lies."""

LEAST_SAME_WEEKDAYS = 3
"""So many days of the judged one's weekday have to be there: judging begins in the fourth week."""

LEAST_DAYS = 18
"""So many days before the judged one have to be there, of any weekday."""


@dataclass(frozen=True)
class Window:
    """The judged day, and which days before it may speak."""

    day: dt.date
    off: Flags
    """By column: a day off, which is like no other of its weekday."""
    day_off: bool
    """The judged day itself is a day off."""

    @classmethod
    def of(cls, ds: str, days_off: Collection[dt.date]) -> Window:
        """The window of a day, with the days off inside it."""
        day = dt.date.fromisoformat(ds)
        off = set(days_off)
        return cls(day, np.array([day - dt.timedelta(int(age)) in off for age in AGES]), day in off)

    @property
    def weekday(self) -> str:
        """Its name, for messages."""
        return f"{self.day:%A}"

    def too_little(self, days: int, same: int) -> str:
        """Why so many days, and so many of the same weekday, say too little; "" where they are enough."""
        if days >= LEAST_DAYS and same >= LEAST_SAME_WEEKDAYS:
            return ""
        return (
            f"too little history: {days} days before it are known, {same} of them a {self.weekday}; "
            f"{LEAST_DAYS} and {LEAST_SAME_WEEKDAYS} are needed"
        )

    def before(self, age: int) -> dt.date:
        """The day so many days before the judged one."""
        return self.day - dt.timedelta(age)

    def columns(self, ds: pl.Series) -> Ints:
        """By row, the day's column: DAYS for the judged day itself, -1 outside the window."""
        columns = {self.before(DAYS - column).isoformat(): column for column in range(DAYS + 1)}
        return np.array([columns.get(day, -1) for day in ds.cast(pl.String).to_list()], dtype=np.int64)


def amounts(column: pl.Series) -> Floats:
    """A column's numbers; what is null or negative counts as nothing."""
    values = column.cast(pl.Float64).to_numpy()
    return np.where(values > 0, values, 0.0)


def grid(names: Sequence[Hashable], columns: Ints, values: Floats, series: Sequence[Hashable]) -> Floats:
    """The sums of values by series and day; 0 where there is no row.

    Args:
        names: by row, which series it is of.
        columns: by row, of which day it is; see Window.columns.
        values: by row.
        series: those wanted, in their order; rows of others and outside the window are left out.
    """
    place = {name: number for number, name in enumerate(series)}
    lines = np.array([place.get(name, -1) for name in names], dtype=np.int64)
    inside = (lines >= 0) & (columns >= 0)
    sums = np.zeros((len(series), DAYS + 1))
    np.add.at(sums, (lines[inside], columns[inside]), values[inside])
    return sums


_Value = TypeVar("_Value", bound=np.generic)


def weekdays(values: npt.NDArray[_Value]) -> npt.NDArray[_Value]:
    """Series by weekday by week; weekday 0 is the judged day's own."""
    return values.reshape(len(values), WEEKS, 7).swapaxes(1, 2)
