"""Work on distinct values only, and give every row its answer back.

A day of ten million events has a few thousand user agents and far fewer addresses than rows, so that what
has to be done in Python is done once a value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

_ROW = "__row"

FEW = 1_000
"""For so few rows a dictionary is filled before a query is planned: a small day asks ten times."""


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
    if frame.height <= FEW:
        return _of_few(frame, function)
    # Grouped row numbers, not a join back: for 5 M rows of 0.8 M distinct pairs of strings 3.3 s instead of
    # 9.9 s.
    groups = frame.with_row_index(_ROW).group_by(frame.columns).agg(_ROW)
    answers = function(groups.drop(_ROW))
    rows = groups[_ROW]
    group_of_row = np.empty(frame.height, dtype=np.uint32)
    group_of_row[rows.explode(empty_as_null=False).to_numpy()] = np.repeat(
        np.arange(groups.height, dtype=np.uint32), rows.list.len().to_numpy()
    )
    return answers.gather(pl.Series(group_of_row))


def _of_few(frame: pl.DataFrame, function: Callable[[pl.DataFrame], pl.Series]) -> pl.Series:
    rows = frame.rows()
    number = {row: position for position, row in enumerate(dict.fromkeys(rows))}
    distinct = pl.DataFrame(list(number), schema=frame.schema, orient="row")
    return function(distinct).gather(pl.Series([number[row] for row in rows], dtype=pl.UInt32))


def map_distinct_values(values: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`map_distinct` for a single series; `function` takes and gives a series. Keeps the name of `values`."""
    answers = map_distinct(values.alias("value").to_frame(), lambda frame: function(frame["value"]))
    return answers.alias(values.name)
