"""Agreement: of every group a rolled-up table says what the events say that it is made from. No tolerance.

The events are counted anew, and not by way of the table's own cells: events by one grouping of the events themselves,
visitors as distinct pairs of visitor and group. That a visitor has one value of a dimension is never taken for granted
here: it is tried on the day's events, and a dimension of which it is not true is counted pair by pair.

Events are counted visitor by visitor. So lie next to each other the values that a visitor has of a dimension, of which
there may be one or several, and the pairs that may be the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import ClassVar, TypeAlias

import numpy as np
import polars as pl

from growth_assets.checks.numbered import Column, Numbered, one_number
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import Sample, sample
from growth_assets.contracts.texts import dictionary, numbered
from growth_assets.contracts.whole_numbers import (
    FEW,
    Counts,
    Flags,
    another,
    counted,
    distinct,
    nulls_in,
    order_of,
    true_in,
    with_nulls_as,
)
from growth_assets.contracts.whole_numbers import Numbers as Codes

LEVEL = "aggregation_level"
VISITOR = "logged_out_user_id"

_CELL = "cell"

_FEW = 0.1
"""A smaller share of the events is put into the order of visitors by itself."""

_MOST_FLAGS = 8
"""So many measures are counted at once."""

Rows: TypeAlias = Codes

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
    flags = given.collect()[measures]
    parts = [_events_of(flags, numbers, levels, list(counts))]
    for name in visitors:
        parts += _visitors_of(*day.by_visitor(events, dimensions, true_in(flags[name])), levels, name)
    columns = [column for each in numbers.values() for column in each.columns]
    rows = _Published.of(published, columns, levels, measures)
    compared = [_compared(level, grouped, parts, rows) for level, grouped in levels.items()]
    height = published.height + sum(len(each.absent.codes) for each in compared)
    return [
        Finding(
            name,
            height,
            int(rows.unknown.sum()) + sum(each.broken(name) for each in compared),
            f"{name} of every group is that of its events",
            _shown(name, keys, rows, compared),
        )
        for name in measures
    ]


def levels_add_up(published: pl.DataFrame, measures: Sequence[str]) -> Finding:
    """How many levels have groups that do not add up to the overall row, in a count of events."""
    sums = _sums(published, measures)
    overall = sums.get("overall")
    off = [level for level, each in sums.items() if each != overall]
    text = f"{', '.join(measures)} of each level add up to the overall row"
    shown = [
        {LEVEL: level}
        | dict(zip(measures, sums[level], strict=True))
        | dict(zip((f"{name}_overall" for name in measures), overall or (), strict=False))
        for level in off[:GROUPS_SHOWN]
    ]
    return Finding("levels_add_up", len(sums), len(off), text, sample(pl.DataFrame(shown)) if shown else ())


def _sums(published: pl.DataFrame, measures: Sequence[str]) -> dict[str | None, tuple[int, ...]]:
    """The sums of measures by level, in the order in which the levels are met."""
    level = numbered(published[LEVEL])
    of_level = [*dictionary(level).to_list(), None]
    number = with_nulls_as(len(of_level) - 1, level.to_physical())
    sums = np.zeros((len(measures), len(of_level)), np.int64)
    for place, name in enumerate(measures):
        np.add.at(sums[place], number, _zero_for_null(published[name]))
    met = dict.fromkeys(number[another(number)].tolist())
    return {of_level[each]: tuple(sums[:, each].tolist()) for each in met}


def _zero_for_null(measure: pl.Series) -> Counts:
    return (measure.fill_null(0) if measure.null_count() else measure).to_numpy()


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
        self, events: pl.LazyFrame, columns: Mapping[str, pl.Expr], flag: Flags
    ) -> tuple[Rows, dict[str, Numbered]]:
        """A number of the visitor, and the values of columns, of the events with `flag`, visitor by visitor."""
        numbers = self.numbers(events, columns)
        if np.count_nonzero(flag) < _FEW * len(flag):
            rows = np.flatnonzero(flag)
            visitor = self._visitors(events)[rows]
            order = order_of(visitor)
            return _counted_up(visitor[order]), {name: each.at(rows[order]) for name, each in numbers.items()}
        order_of_all = self._order(events)
        for name, each in columns.items():
            if (name, str(each)) not in self._ordered:
                self._ordered[name, str(each)] = numbers[name].at(order_of_all)
        ordered = {name: self._ordered[name, str(each)] for name, each in columns.items()}
        if flag.all():
            return self._visitor, ordered
        there = flag[order_of_all]
        return self._visitor[there], {name: each.at(there) for name, each in ordered.items()}

    def _visitors(self, events: pl.LazyFrame) -> Codes:
        if not hasattr(self, "_ids"):
            self._ids: Codes = events.select(VISITOR).collect().to_series().to_numpy()
        return self._ids

    def _order(self, events: pl.LazyFrame) -> Rows:
        if not hasattr(self, "_rows"):
            visitor = self._visitors(events)
            self._rows: Rows = order_of(visitor)
            self._visitor = _counted_up(visitor[self._rows])
        return self._rows


def _counted_up(visitors: Codes) -> Rows:
    """Equal neighbours have the same number, others different ones."""
    return np.cumsum(another(visitors), dtype=np.uint32)


@dataclass(frozen=True)
class _Cells:
    """Events or visitors counted by cells, each of which is in one group of each of the levels."""

    levels: Collection[str]
    numbers: Mapping[str, Numbered]
    """By dimension, that of each cell."""
    counts: Mapping[str, Counts]
    """By measure, how many there are in each cell."""

    @property
    def height(self) -> int:
        return len(next(iter(self.counts.values())))

    @classmethod
    def of(cls, levels: Collection[str], cell: Numbered, cells: Codes, counts: Mapping[str, Counts]) -> _Cells:
        of_columns = zip(cell.columns, cell.split(cells), strict=True)
        return cls(levels, {column.name: _of_column(column, codes) for column, codes in of_columns}, counts)


@dataclass(frozen=True)
class _Published:
    """The rows of a table, their dimensions as numbers."""

    frame: pl.DataFrame
    numbers: Mapping[str, Numbered]
    says: Mapping[str, Counts]
    """By measure."""
    nothing: Mapping[str, Flags]
    """By measure, where it is null."""
    at: Mapping[str, Rows]
    """By level, the rows that say so."""
    unknown: Flags
    """Rows of no level, or with a value where their level has none."""

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        columns: Sequence[Column],
        levels: Mapping[str, tuple[str, ...]],
        measures: Sequence[str],
    ) -> _Published:
        level = Column(pl.Series(list(levels), dtype=pl.String)).numbers(frame[LEVEL])
        unknown = level >= len(levels)
        rolled = {column.name: nulls_in(frame[column.name]) for column in columns}
        at = {}
        for number, (name, grouped) in enumerate(levels.items()):
            here = level == number
            stray = here & ~np.logical_and.reduce(
                [np.ones(frame.height, bool), *(nulls for each, nulls in rolled.items() if each not in grouped)]
            )
            unknown |= stray
            at[name] = np.flatnonzero(here & ~stray).astype(np.uint32)
        return cls(
            frame,
            {each.name: _of_column(each, each.numbers(frame[each.name])) for each in columns},
            {name: _zero_for_null(frame[name]) for name in measures},
            {name: nulls_in(frame[name]) for name in measures},
            at,
            unknown,
        )


@dataclass(frozen=True)
class _Compared:
    """One level: the groups of its rows and of its events."""

    level: str
    rows: Rows
    """The published rows."""
    known: Flags
    """By row, whether any event is of its group."""
    truth: Mapping[str, Counts]
    """By measure and row, what it is in the events."""
    differs: Mapping[str, Flags]
    """By measure and row."""
    absent: Numbered
    """The groups of events that no row is of."""
    missed: Mapping[str, Counts]
    """By measure and such group, what it is in the events."""

    def broken(self, name: str) -> int:
        return int(self.differs[name].sum() + (self.missed[name] != 0).sum())


def _of_column(column: Column, codes: Codes) -> Numbered:
    # One number more than values, for what is none of them.
    return Numbered(codes, len(column.values) + 1, [column], lambda codes: [codes])


def _compared(level: str, grouped: Sequence[str], parts: Sequence[_Cells], published: _Published) -> _Compared:
    here, rows = [part for part in parts if level in part.levels], published.at[level]
    heights = [part.height for part in here]
    # The cells of the events come first, which know every group; then those of the visitors, then what is published.
    number = _together(
        (
            replace(of, codes=np.concatenate([*(part.numbers[name].codes for part in here), of.codes[rows]]))
            for name, of in ((name, published.numbers[name]) for name in grouped)
        ),
        sum(heights) + len(rows),
    )
    groups, group = np.unique(number.codes, return_inverse=True)
    *of_parts, of_rows = np.split(group, np.cumsum(heights))
    truth = {name: np.zeros(len(groups), np.int64) for name in published.says}
    for part, of_cells in zip(here, of_parts, strict=True):
        for name, counts in part.counts.items():
            np.add.at(truth[name], of_cells, counts)
    known, there = np.zeros((2, len(groups)), bool)
    known[of_parts[0]] = True
    there[of_rows] = True
    unknown, of_row = ~known[of_rows], {name: counts[of_rows] for name, counts in truth.items()}
    return _Compared(
        level,
        rows,
        ~unknown,
        of_row,
        {
            name: unknown | published.nothing[name][rows] | (says[rows] != of_row[name])
            for name, says in published.says.items()
        },
        replace(number, codes=groups[~there]),
        {name: counts[~there] for name, counts in truth.items()},
    )


def _shown(name: str, keys: Sequence[str], published: _Published, compared: Sequence[_Compared]) -> Sample:
    """A few of the groups of which the measure is another."""
    if not (published.unknown.any() or any(each.broken(name) for each in compared)):
        return ()
    truth = f"{name}_of_events"
    types = {**published.frame.select(*keys, name).schema, truth: pl.Int64()}
    parts = []
    if published.unknown.any():
        parts.append(published.frame.filter(pl.Series(published.unknown)))
    for each in compared:
        differs, missed = each.differs[name], each.missed[name] != 0
        if differs.any():
            counted = pl.Series(truth, each.truth[name][differs]).set(pl.Series(~each.known[differs]), None)
            parts.append(published.frame[pl.Series(each.rows[differs])].with_columns(counted))
        if missed.any():
            counts, level = pl.Series(truth, each.missed[name][missed]), pl.lit(each.level).alias(LEVEL)
            parts.append(pl.DataFrame([*each.absent.at(missed).told(), counts]).with_columns(level))
    wanted = [
        part.select(
            (pl.col(column) if column in part.columns else pl.lit(None)).cast(dtype).alias(column)
            for column, dtype in types.items()
        )
        for part in parts
    ]
    return sample(pl.concat(wanted).sort(keys).head(GROUPS_SHOWN))


def _events_of(
    flags: pl.DataFrame, numbers: Mapping[str, Numbered], levels: Mapping[str, tuple[str, ...]], names: Sequence[str]
) -> _Cells:
    cell = _together(numbers.values(), flags.height)
    if len(names) <= _MOST_FLAGS and cell.size << len(names) <= flags.height:
        return _Cells.of(levels, cell, *_counted(flags, cell, names))
    if flags.height <= FEW:
        cells, number = np.unique(cell.codes, return_inverse=True)
        counts = {name: np.bincount(number[true_in(flags[name])], minlength=len(cells)) for name in names}
        return _Cells.of(levels, cell, cells, counts)
    summed = (
        flags.lazy()
        .select(*names, pl.lit(pl.Series(_CELL, cell.codes)))
        .group_by(_CELL)
        .agg(pl.col(name).sum().cast(pl.Int64) for name in names)
        .collect()
    )
    counts = {name: summed[name].to_numpy() for name in names}
    return _Cells.of(levels, cell, summed[_CELL].to_numpy(), counts)


def _counted(flags: pl.DataFrame, cell: Numbered, names: Sequence[str]) -> tuple[Codes, dict[str, Counts]]:
    """The cells that any event is in, of not too many, and in each how many have a flag."""
    # One count for each cell and each way in which the flags are set.
    ways = 1 << len(names)
    way = np.zeros(flags.height, np.uint8)
    for place, name in enumerate(names):
        way |= true_in(flags[name]).view(np.uint8) << np.uint8(place)
    code = cell.codes.astype(np.int64)
    code *= ways
    code += way
    found = np.bincount(code, minlength=cell.size * ways).reshape(cell.size, ways)
    cells = np.flatnonzero(found.any(axis=1))
    of_way = (np.arange(ways)[:, None] >> np.arange(len(names))) & 1
    counts = found[cells] @ of_way
    return cells.astype(np.uint64), {name: counts[:, place] for place, name in enumerate(names)}


def _visitors_of(
    visitor: Rows, of_event: Mapping[str, Numbered], levels: Mapping[str, tuple[str, ...]], name: str
) -> list[_Cells]:
    new = another(visitor)
    # What each visitor has one of goes with the visitor; only the others multiply.
    single = [each for each, of in of_event.items() if bool((new[1:] | (of.codes[1:] == of.codes[:-1])).all())]
    people = int(new.sum())
    of_visitor = _together((of_event[each].at(new) for each in single), people)
    # An event that says of its visitor what the one before said adds nothing to any pair.
    says = new.copy()
    for each, of in of_event.items():
        if each not in single:
            says[1:] |= of.codes[1:] != of.codes[:-1]
    number = (np.cumsum(new, dtype=np.uint32) - 1)[says]
    of_event = {each: of.at(says) for each, of in of_event.items() if each not in single}

    def multiplying(level: str) -> list[str]:
        return [each for each in levels[level] if each not in single]

    parts = []
    for several, same in groupby(sorted(levels, key=multiplying), key=multiplying):
        others = _together((of_event[each] for each in several), len(number)).small()
        size = np.uint64(others.size)
        pairs = distinct(number * size + others.codes)
        cell = of_visitor.at(pairs // size).by(replace(others, codes=pairs % size))
        cells, people_in = counted(cell.codes)
        parts.append(_Cells.of(set(same), cell, cells, {name: people_in}))
    return parts


def _together(of: Iterable[Numbered], height: int) -> Numbered:
    several = list(of)
    return reduce(Numbered.by, several) if several else one_number(height)
