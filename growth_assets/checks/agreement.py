"""Agreement: of every group a rolled-up table says what the events say that it is made from. No tolerance.

The events are counted anew, and not by way of the table's own cells: events by one grouping of the events themselves,
visitors as distinct pairs of visitor and group. That a visitor has one value of a dimension is never taken for granted
here: it is tried on the day's events, and a dimension of which it is not true is counted pair by pair.

Events are counted visitor by visitor. So lie next to each other the values that a visitor has of a dimension, of which
there may be one or several, and the pairs that may be the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import groupby
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from growth_assets.checks.numbered import Numbered, one_number
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import sample

LEVEL = "aggregation_level"
VISITOR = "logged_out_user_id"

_CELL = "cell"

_FEW = 0.1
"""A smaller share of the events is put into the order of visitors by itself."""

Rows: TypeAlias = npt.NDArray[np.unsignedinteger]

GROUPS_SHOWN = 5
"""So many groups that disagree are shown for each measure."""


def disagreements(
    events: pl.LazyFrame,
    published: pl.DataFrame,
    levels: Mapping[str, tuple[str, ...]],
    *,
    counts: Mapping[str, pl.Expr],
    visitors: Mapping[str, pl.Expr],
    made: Mapping[str, pl.Expr] | None = None,
) -> list[Finding]:
    """For each measure, how many groups it is another of in `published` than in `events`.

    Args:
        events: what the table is made from. While other tables are compared with the same frame, what was made of it
            is kept.
        published: has `aggregation_level`, the grouped columns, NULL where rolled up, and the measures.
        levels: names of the levels to the columns that they group by.
        counts: measure to a Boolean expression; the measure is the number of its true events.
        visitors: measure to a Boolean expression; the measure is the number of distinct visitors with a true event.
        made: grouped columns that `events` do not have by this name and value, as expressions.

    A group of which no measure counts anything may be left out of `published`; a group that `events` know nothing of
    may not be in it.
    """
    measures = [*counts, *visitors]
    keys = [LEVEL, *dict.fromkeys(name for level in levels.values() for name in level)]
    dimensions = {name: (made or {}).get(name, pl.col(name)) for name in keys[1:]}
    day = _Events.of(events)
    numbers = day.numbers(events, dimensions)
    given = events.select(VISITOR, *(flag.alias(name) for name, flag in {**counts, **visitors}.items()))
    flags = given.collect().select(measures)
    counted = _events_of(flags, numbers, levels, list(counts))
    for name in visitors:
        people = _visitors_of(*day.by_visitor(events, dimensions, flags[name]), levels, name)
        counted = counted.join(people, on=keys, how="left", nulls_equal=True)
    counted = counted.with_columns(pl.col(name).fill_null(0) for name in measures)
    both = published.lazy().select(*keys, *measures, pl.lit(value=True).alias("_published")).join(
        counted.lazy().with_columns(pl.lit(value=True).alias("_counted")),
        on=keys, how="full", coalesce=True, nulls_equal=True, suffix="_of_events",
    ).collect()  # fmt: skip
    there = pl.col("_published").is_not_null()
    unknown = pl.col("_counted").is_null()
    findings = []
    for name in measures:
        truth = pl.col(f"{name}_of_events")
        differs = pl.when(there).then(unknown | pl.col(name).ne_missing(truth)).otherwise(truth != 0)
        broken = both.filter(differs)
        shown = broken.sort(keys).head(GROUPS_SHOWN).select(*keys, name, f"{name}_of_events")
        findings.append(
            Finding(
                name, both.height, broken.height, f"{name} of every group is that of its events", sample(shown)
            )
        )  # fmt: skip
    return findings


def levels_add_up(published: pl.DataFrame, measures: Sequence[str]) -> Finding:
    """How many levels have groups that do not add up to the overall row, in a count of events."""
    sums = published.group_by(LEVEL, maintain_order=True).agg(pl.col(measures).sum())
    overall = sums.filter(pl.col(LEVEL) == "overall").select(pl.col(measures).name.suffix("_overall"))
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_overall") for name in measures)
    off = sums.join(overall, how="cross").filter(differs) if overall.height else sums
    text = f"{', '.join(measures)} of each level add up to the overall row"
    return Finding("levels_add_up", sums.height, off.height, text, sample(off.head(GROUPS_SHOWN)))


class _Events:
    """The events of a day as numbers, also in the order of their visitors."""

    _made: ClassVar[dict[int, _Events]] = {}
    """By the identity of frames that are there still; days may be built by several threads at once."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], Numbered] = {}
        self._ordered: dict[tuple[str, str], Numbered] = {}

    @classmethod
    def of(cls, events: pl.LazyFrame) -> _Events:
        """Made once for the tables of a day, which are compared with the same frame one after the other."""
        found = cls._made.get(id(events))
        if found is None:
            found = cls._made[id(events)] = cls()
            weakref.finalize(events, cls._made.pop, id(events), None)
        return found

    def numbers(self, events: pl.LazyFrame, columns: Mapping[str, pl.Expr]) -> dict[str, Numbered]:
        """The values of columns, event by event."""
        new = [each.alias(name) for name, each in columns.items() if (name, str(each)) not in self._numbers]
        for values in events.select(new).collect().get_columns() if new else ():
            self._numbers[values.name, str(columns[values.name])] = Numbered.of(values)
        return {name: self._numbers[name, str(each)] for name, each in columns.items()}

    def by_visitor(
        self, events: pl.LazyFrame, columns: Mapping[str, pl.Expr], flag: pl.Series
    ) -> tuple[Rows, dict[str, Numbered]]:
        """A number of the visitor, and the values of columns, of the events with `flag`, visitor by visitor."""
        numbers = self.numbers(events, columns)
        few = flag.sum() < _FEW * len(flag)
        if few:
            rows = flag.arg_true()
            visitor = events.select(VISITOR).collect().to_series().gather(rows)
            order = visitor.arg_sort()
            chosen = rows.gather(order).to_numpy()
            return _counted_up(visitor.gather(order)), {name: each.at(chosen) for name, each in numbers.items()}
        order_of_all = self._order(events)
        for name, each in columns.items():
            if (name, str(each)) not in self._ordered:
                self._ordered[name, str(each)] = numbers[name].at(order_of_all)
        ordered = {name: self._ordered[name, str(each)] for name, each in columns.items()}
        if flag.all():
            return self._visitor, ordered
        there = flag.to_numpy()[order_of_all]
        return self._visitor[there], {name: each.at(there) for name, each in ordered.items()}

    def _order(self, events: pl.LazyFrame) -> Rows:
        if not hasattr(self, "_rows"):
            visitor = events.select(VISITOR).collect().to_series()
            order = visitor.arg_sort()
            self._visitor = _counted_up(visitor.gather(order))
            self._rows: Rows = order.to_numpy()
        return self._rows


def _counted_up(visitors: pl.Series) -> Rows:
    """Equal neighbours have the same number, others different ones."""
    return np.cumsum(visitors.ne_missing(visitors.shift(1)).to_numpy(), dtype=np.uint32)


def _events_of(
    flags: pl.DataFrame, numbers: Mapping[str, Numbered], levels: Mapping[str, tuple[str, ...]], names: Sequence[str]
) -> pl.DataFrame:
    cell = _together(numbers.values(), flags.height)
    cells = (
        flags.lazy()
        .select(*names, pl.lit(pl.Series(_CELL, cell.codes)))
        .group_by(_CELL)
        .agg(pl.col(name).sum().cast(pl.Int64) for name in names)
    )
    return _rolled_up(_told(cells, cell), levels, list(numbers), names)


def _visitors_of(
    visitor: Rows, of_event: Mapping[str, Numbered], levels: Mapping[str, tuple[str, ...]], name: str
) -> pl.DataFrame:
    dimensions = list(of_event)
    another = np.ones(len(visitor), bool)
    another[1:] = visitor[1:] != visitor[:-1]
    # What each visitor has one of goes with the visitor; only the others multiply.
    single = [each for each, of in of_event.items() if bool((another[1:] | (of.codes[1:] == of.codes[:-1])).all())]
    people = int(another.sum())
    of_visitor = _together((of_event[each].at(another) for each in single), people)
    # An event that says of its visitor what the one before said adds nothing to any pair.
    says = another.copy()
    for each, of in of_event.items():
        if each not in single:
            says[1:] |= of.codes[1:] != of.codes[:-1]
    number = (np.cumsum(another, dtype=np.uint32) - 1)[says]
    of_event = {each: of.at(says) for each, of in of_event.items() if each not in single}

    def multiplying(level: str) -> list[str]:
        return [each for each in levels[level] if each not in single]

    parts = []
    for several, same in groupby(sorted(levels, key=multiplying), key=multiplying):
        others = _together((of_event[each] for each in several), len(number)).small()
        size = np.uint64(others.size)
        pairs = pl.Series(number * size + others.codes).unique().to_numpy()
        cell = of_visitor.at(pairs // size).by(replace(others, codes=pairs % size))
        cells = pl.LazyFrame({_CELL: cell.codes}).group_by(_CELL).agg(pl.len().cast(pl.Int64).alias(name))
        of_levels = {level: levels[level] for level in same}
        parts.append(_rolled_up(_told(cells, cell), of_levels, dimensions, [name]))
    return pl.concat(parts, how="diagonal")


def _together(of: Iterable[Numbered], height: int) -> Numbered:
    several = list(of)
    return reduce(Numbered.by, several) if several else one_number(height)


def _told(cells: pl.LazyFrame, cell: Numbered) -> pl.LazyFrame:
    """The values that a cell's number stands for, in its place."""
    found = cells.collect()
    return found.drop(_CELL).hstack(cell.told(found[_CELL].to_numpy())).lazy()


def _rolled_up(
    cells: pl.LazyFrame, levels: Mapping[str, tuple[str, ...]], dimensions: Sequence[str], names: Sequence[str]
) -> pl.DataFrame:
    """Sums of the cells for each group of each level: each cell once for each level, in the group it belongs to."""
    there = [name for name in dimensions if any(name in level for level in levels.values())]
    masks = pl.LazyFrame(
        [(level, *(name in grouped for name in there)) for level, grouped in levels.items()],
        schema={LEVEL: pl.String, **{f"_{name}": pl.Boolean for name in there}},
        orient="row",
    )
    return (
        cells.select(*there, *names)
        .join(masks, how="cross")
        .with_columns(pl.when(f"_{name}").then(pl.col(name)).alias(name) for name in there)
        .group_by(LEVEL, *there)
        .agg(pl.col(name).sum() for name in names)
        .collect()
    )
