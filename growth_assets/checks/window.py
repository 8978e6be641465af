"""The eight weeks before the judged day, on a grid: one row a series, one column a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

WEEKS = 8
DAYS = 7 * WEEKS
"""Days before the judged one that may speak. The first of each week is of the judged day's own weekday."""

AGES = np.arange(DAYS, 0, -1)
"""By column, how many days before the judged day it lies."""

LEAST_SAME_WEEKDAYS = 3
"""So many days of the judged one's weekday have to be there: judging begins in the fourth week."""


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

    def before(self, age: int) -> dt.date:
        """The day so many days before the judged one."""
        return self.day - dt.timedelta(age)

    def columns(self, history: pl.DataFrame) -> pl.DataFrame:
        """The rows of the window, with `at`: the day's column, DAYS for the judged day itself."""
        first = self.before(DAYS)
        days = history["ds"].cast(pl.String).unique().to_list()
        at = {ds: (dt.date.fromisoformat(ds) - first).days for ds in days if ds is not None}
        inside = {ds: column for ds, column in at.items() if 0 <= column <= DAYS}
        position = pl.col("ds").cast(pl.String).replace_strict(inside, default=None, return_dtype=pl.Int64)
        return history.with_columns(position.alias("at")).filter(pl.col("at").is_not_null())


def grid(rows: pl.DataFrame, series: Sequence[str], key: str, value: str) -> Floats:
    """A value's sum by series and day; 0 where there is no row. Rows have `at`, see Window.columns.

    Args:
        rows: of the window.
        series: the series, in the order wanted.
        key: the column that names a row's series.
        value: the column that is added up; what is null or negative counts as nothing.
    """
    place = {name: number for number, name in enumerate(series)}
    lines = np.array([place[name] for name in rows[key].to_list()], dtype=np.int64)
    sums = np.zeros((len(series), DAYS + 1))
    amounts = np.maximum(rows[value].cast(pl.Float64).fill_null(0).fill_nan(0).to_numpy(), 0)
    np.add.at(sums, (lines, rows["at"].to_numpy()), amounts)
    return sums


_Value = TypeVar("_Value", bound=np.generic)


def weekdays(values: npt.NDArray[_Value]) -> npt.NDArray[_Value]:
    """Series by weekday by week; weekday 0 is the judged day's own."""
    return values.reshape(len(values), WEEKS, 7).swapaxes(1, 2)
