"""Agreement: of every group a rolled-up table says what the events say that it is made from. No tolerance.

The events are counted anew, and not by way of the table's own cells: events by one grouping of the events themselves,
visitors as distinct pairs of visitor and group. That a visitor has one value of a dimension is never taken for granted
here: it is tried on the day's events, and a dimension of which it is not true is counted pair by pair.

Of an event there matter its visitor and its cell: the values of all that the tables of the day are compared by, of
which there are far fewer than events. What a table asks is asked of the cells. Distinct pairs of visitor and cell are
looked at visitor by visitor: so lie next to each other the values that a visitor has of a dimension, of which there may
be one or several, and the pairs that may be the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import groupby
from typing import ClassVar, TypeAlias

import numpy as np
import polars as pl

from growth_assets.checks.numbered import Column, Numbered, cells_of, one_number
from growth_assets.contracts.columns import VISITOR_NUMBER, key_of
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import Sample, sample
from growth_assets.contracts.texts import dictionary, numbered
from growth_assets.contracts.whole_numbers import (
    ROWS_AT_HAND,
    Counts,
    Flags,
    another,
    distinct,
    in_order,
    nulls_in,
    order_of,
    rows_of_each,
    true_in,
    with_nulls_as,
)
from growth_assets.contracts.whole_numbers import Numbers as Codes

LEVEL = "aggregation_level"
VISITOR = "logged_out_user_id"

_CELL = "cell"

_FEW_VALUES = (pl.String, pl.Categorical, pl.Boolean)
"""Columns of these kinds are dimensions, and so repeat."""

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
    said = day.by_cell(events, {**dimensions, **counts, **visitors})
    numbers = {name: Numbered.of(said[name]) for name in dimensions}
    flags = {name: true_in(said[name]) for name in measures}
    parts = [_events_of(day.rows, {name: flags[name] for name in counts}, numbers, levels)]
    for name in visitors:
        visitor, cell = day.pairs(flags[name])
        parts += _visitors_of(visitor, {each: of.at(cell) for each, of in numbers.items()}, levels, name)
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
    """The events of a day: of each its visitor and its cell."""

    _made: ClassVar[dict[int, _Events]] = {}
    """By the identity of frames that are there still; days may be built by several threads at once."""

    def __init__(self, events: pl.LazyFrame) -> None:
        self._schema = events.collect_schema()
        self._ids = events.select(name for name in (VISITOR, VISITOR_NUMBER) if name in self._schema).collect()
        self._looked_at: list[str] = []
        self._pairs: tuple[Rows, Rows] | None = None
        self._cell = one_number(self._ids.height)
        self._put(self._cell)

    @classmethod
    def of(cls, events: pl.LazyFrame) -> _Events:
        """Made once for the tables of a day, which are compared with the same frame one after the other."""
        found = cls._made.get(id(events))
        if found is None:
            found = cls._made[id(events)] = cls(events)
            weakref.finalize(events, cls._made.pop, id(events), None)
        return found

    def by_cell(self, events: pl.LazyFrame, wanted: Mapping[str, pl.Expr]) -> pl.DataFrame:
        """Expressions, cell by cell."""
        # What is a number already is taken at once, since some table asks for it.
        looked_at = {name: pl.col(name) for name, kind in self._schema.items() if isinstance(kind, pl.Categorical)}
        asked = []
        for name, each in wanted.items():
            of = each.meta.root_names()
            if all(isinstance(self._schema[column], _FEW_VALUES) for column in of):
                looked_at |= {column: pl.col(column) for column in of}
                asked.append(each.alias(name))
            else:
                # As of a moment the hour: of that itself there would be as many values as events.
                looked_at[key_of(each)] = each
                asked.append(pl.col(key_of(each)).alias(name))
        self._look_at(events, looked_at)
        return self._values.select(_CELL, *asked)

    def pairs(self, flag: Flags) -> tuple[Rows, Rows]:
        """A number of the visitor and the cell, of each pair met in the cells with `flag`, visitor by visitor."""
        if self._pairs is None:
            size = np.uint64(max(self._values.height, 1))
            both: Codes = self._visitor.astype(np.uint64)
            both *= size
            both += self._cell.codes
            both = in_order(both)
            visitor, cell = np.divmod(both[another(both)], size)
            self._pairs = visitor.astype(np.uint32), cell.astype(np.uint32)
        visitor, cell = self._pairs
        if flag.all():
            return visitor, cell
        there = flag[cell]
        return visitor[there], cell[there]

    def _look_at(self, events: pl.LazyFrame, columns: Mapping[str, pl.Expr]) -> None:
        new = [each.alias(name) for name, each in columns.items() if name not in self._looked_at]
        if new:
            found = events.select(new).collect().get_columns()
            self._put(cells_of([self._cell, *map(Numbered.of, found)], self._ids.height))
            self._looked_at += [each.name for each in found]

    def _put(self, cell: Numbered) -> None:
        self._cell = cell = cell.dense()
        self.rows = rows_of_each(cell.codes, cell.size)
        cells = np.arange(cell.size)
        self._values = pl.DataFrame([pl.Series(_CELL, cells), *replace(cell, codes=cells.astype(np.uint64)).told()])
        self._pairs = None

    @cached_property
    def _visitor(self) -> Rows:
        """A number of each event's visitor: that of the day, where each visitor has one and none another's."""
        ids: Codes = self._ids[VISITOR].to_numpy()
        if VISITOR_NUMBER in self._schema and len(ids):
            number: Codes = self._ids[VISITOR_NUMBER].to_numpy()
            id_of, met = np.zeros(int(number.max()) + 1, ids.dtype), np.zeros(int(number.max()) + 1, bool)
            id_of[number], met[number] = ids, True
            parts = (slice(first, first + ROWS_AT_HAND) for first in range(0, len(ids), ROWS_AT_HAND))
            same = all((id_of[number[part]] == ids[part]).all() for part in parts)
            if same and len(distinct(id_of[met])) == met.sum():
                return number
        order = order_of(ids)
        number = np.empty(len(ids), np.uint32)
        number[order] = np.cumsum(another(ids[order]), dtype=np.uint32) - np.uint32(1)
        return number


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
    number = number.dense()
    groups, group = np.arange(number.size, dtype=np.uint64), number.codes
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
    rows: Counts, flags: Mapping[str, Flags], numbers: Mapping[str, Numbered], levels: Mapping[str, tuple[str, ...]]
) -> _Cells:
    cell = cells_of(numbers.values(), len(rows))
    # As fractions numbers of events are exact below 2**53.
    counts = {
        name: np.bincount(cell.codes[flag], rows[flag], minlength=cell.size).astype(np.int64)
        for name, flag in flags.items()
    }
    return _Cells.of(levels, cell, np.arange(cell.size, dtype=np.uint64), counts)


def _visitors_of(
    visitor: Rows, of_event: Mapping[str, Numbered], levels: Mapping[str, tuple[str, ...]], name: str
) -> list[_Cells]:
    new = another(visitor)
    # What each visitor has one of goes with the visitor; only the others multiply.
    single = [each for each, of in of_event.items() if bool((new[1:] | (of.codes[1:] == of.codes[:-1])).all())]
    people = int(new.sum())
    of_visitor = cells_of((of_event[each].at(new) for each in single), people)
    # An event that says of its visitor what the one before said adds nothing to any pair.
    says = new.copy()
    for each, of in of_event.items():
        if each not in single:
            says[1:] |= of.codes[1:] != of.codes[:-1]
    number = (np.cumsum(new, dtype=np.uint32) - 1)[says]
    of_event = {each: of.at(says) for each, of in of_event.items() if each not in single}

    def multiplying(level: str) -> list[str]:
        return [each for each in levels[level] if each not in single]

    def counted(several: Sequence[str], same: Collection[str]) -> _Cells:
        cell = of_visitor
        if several:
            others = cells_of((of_event[each] for each in several), len(number))
            size = np.uint64(others.size)
            pairs = distinct(number * size + others.codes)
            cell = of_visitor.at(pairs // size).by(replace(others, codes=pairs % size))
        cell = cell.dense()
        people_in = rows_of_each(cell.codes, cell.size)
        return _Cells.of(same, cell, np.arange(cell.size, dtype=np.uint64), {name: people_in})

    alike = [(several, set(same)) for several, same in groupby(sorted(levels, key=multiplying), key=multiplying)]
    if len(number) <= ROWS_AT_HAND:
        return [counted(*each) for each in alike]
    # The last of a day's tables is compared when nothing else is left to do.
    with ThreadPoolExecutor(2) as pool:
        return [*pool.map(lambda each: counted(*each), alike)]


def _together(of: Iterable[Numbered], height: int) -> Numbered:
    several = list(of)
    return reduce(Numbered.by, several) if several else one_number(height)
