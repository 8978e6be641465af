"""Grouping sets with exact distinct visitors, in one pass for each set that needs one.

Counts of events add up, distinct visitors do not: someone who came at nine and at ten is two hourly visitors and one
daily one. But a visitor has one country and one device brand, since both are functions of the address and the user
agent that the visitor is a hash of. So distinct visitors are counted only for each set of the dimensions that a visitor
can have several of, within country and brand, and summed over these. Whom a tracker told apart, without an address, can
have been in two countries in one day: on such a day every level counts for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from growth_assets.contracts.columns import VISITOR_NUMBER
from growth_assets.contracts.texts import as_texts
from growth_assets.enrich.distinct import Distinct, Numbers, ordered_numbers, together, without_gaps

Counts: TypeAlias = npt.NDArray[np.int64]

VISITOR = "logged_out_user_id"

ADDITIVE = ("dim_country", "dim_device_brand")
"""Dimensions of which each visitor has one, but for those that a tracker told apart."""

OVERALL = "overall"


def level_name(grouped: Iterable[str]) -> str:
    """`aggregation_level` of a set of grouped columns: joined by two underscores, or `overall`."""
    return "__".join(grouped) or OVERALL


def all_sets(dimensions: Sequence[str]) -> list[tuple[str, ...]]:
    """Every subset of `dimensions`, each in their order: the sets of SQL's CUBE."""
    return [chosen for size in range(len(dimensions) + 1) for chosen in combinations(dimensions, size)]


def roll_up(
    events: pl.LazyFrame,
    dimensions: Sequence[str],
    levels: Sequence[tuple[str, ...]],
    *,
    counts: dict[str, pl.Expr],
    visitors: dict[str, pl.Expr],
) -> pl.DataFrame:
    """One row for each group of each level.

    Args:
        events: rows with `dimensions` and `logged_out_user_id`.
        dimensions: the columns that are grouped by; NULL where they are rolled up.
        levels: the grouping sets.
        counts: name to a Boolean expression; the column counts its true rows (BIGINT).
        visitors: name to a Boolean expression; the column counts distinct visitors with a true row (BIGINT).

    Returns:
        `dimensions`, the counts, the visitors and `aggregation_level`, sorted by level and dimensions.
    """
    flags = {**counts, **visitors}
    who = VISITOR_NUMBER if VISITOR_NUMBER in events.collect_schema() else VISITOR
    narrow = events.select(who, *dimensions, *(flag.alias(name) for name, flag in flags.items())).collect()
    # From here on an event has two numbers, of its cell and of its visitor: what is grouped are integers.
    cell = Distinct.of(narrow.select(dimensions))
    cells, rows_cell = _Cells(as_texts(cell.values)), cell.rows.to_numpy()
    visitor, people_in_all = _visitor_numbers(narrow[who])
    events_of = {name: _sums(rows_cell, narrow[name], cells.height) for name in counts}
    seen = {name: _pairs(visitor, people_in_all, rows_cell, cells.height, narrow[name]) for name in visitors}
    own = [name for name in dimensions if name in ADDITIVE]
    if own and any(pairs.several(cells.groups(own)) for pairs in seen.values()):
        own = []
    several = [name for name in dimensions if name not in own]
    found: list[_Groups] = []
    measured: list[dict[str, Counts]] = []
    people: dict[tuple[str, ...], dict[str, Counts]] = {}
    for level in levels:
        groups = cells.groups(level)
        kept = tuple(name for name in level if name in several)
        # Within own dimensions visitors add up, so they are counted once for all levels that keep the same others.
        finer = cells.groups([*own, *kept])
        if kept not in people:
            people[kept] = {name: pairs.visitors(finer) for name, pairs in seen.items()}
        coarser = groups.of(finer)
        measured.append(
            {
                **{name: _added(groups.number, each, groups.height) for name, each in events_of.items()},
                **{name: _added(coarser, each, groups.height) for name, each in people[kept].items()},
            }
        )
        found.append(groups)
    of_level = np.repeat(np.arange(len(levels), dtype=np.uint32), [groups.height for groups in found])
    # One row more than cells, for what is rolled up.
    rolled_up = [np.full(groups.height, cells.height, np.uint32) for groups in found]
    rows = {
        name: np.concatenate(
            [
                groups.first if name in level else nothing
                for level, groups, nothing in zip(levels, found, rolled_up, strict=True)
            ]
        )
        for name in dimensions
    }
    return pl.DataFrame(
        [
            *(cells.values[name].extend_constant(None, 1).gather(pl.Series(rows[name])) for name in dimensions),
            *(pl.Series(name, np.concatenate([each[name] for each in measured])) for name in flags),
            pl.Series("aggregation_level", [level_name(level) for level in levels]).gather(pl.Series(of_level)),
        ]
    )


class _Groups:
    """The groups of one level, in the order of their values; nulls come first."""

    def __init__(self, first: Numbers, number: Numbers) -> None:
        """Cell `first[i]` is one of group `i`; `number` is the group of each cell."""
        self.first, self.number, self.height = first.astype(np.uint32), number, len(first)

    def of(self, finer: _Groups) -> Numbers:
        """The group that each of the finer ones is in."""
        # There is one group also of no cells.
        return np.zeros(finer.height, np.uint32) if self.height == 1 else self.number[finer.first]


class _Cells:
    """The distinct values of all dimensions together, in groups by any of them."""

    def __init__(self, values: pl.DataFrame) -> None:
        self.values, self.height = values, values.height
        self._numbers = {column.name: ordered_numbers(column) for column in values.get_columns()}
        self._made: dict[tuple[str, ...], _Groups] = {}

    def groups(self, names: Sequence[str]) -> _Groups:
        """Cells with the same values of `names`; of no names there is one group, also of no cells."""
        key = tuple(names)
        if key not in self._made:
            self._made[key] = self._grouped(key)
        return self._made[key]

    def _grouped(self, names: tuple[str, ...]) -> _Groups:
        if not names:
            return _Groups(np.zeros(1, np.uint32), np.zeros(self.height, np.uint32))
        return _Groups(*without_gaps(*together((self._numbers[name] for name in names), self.height)))


class _Pairs:
    """Each visitor once in each cell that it was seen in."""

    def __init__(self, visitor: Numbers, cell: Numbers, visitors: int) -> None:
        self.visitor, self.cell, self.height = visitor, cell, visitors

    def several(self, groups: _Groups) -> bool:
        """True where some visitor is in more than one of the groups."""
        group = groups.number[self.cell]
        one = np.zeros(self.height, np.uint32)
        one[self.visitor] = group
        return bool((one[self.visitor] != group).any())

    def visitors(self, groups: _Groups) -> Counts:
        """How many visitors there are in each group."""
        group = groups.number[self.cell]
        if groups.height < len(groups.number):
            size = np.uint64(groups.height)
            # Where the groups are no coarser than the cells, each pair is there once already.
            group = pl.Series(self.visitor.astype(np.uint64) * size + group).unique().to_numpy() % size
        return np.bincount(group.astype(np.int64), minlength=groups.height)


def _visitor_numbers(visitors: pl.Series) -> tuple[Numbers, int]:
    """By row, a small number of its visitor, and what all are below."""
    if visitors.name == VISITOR_NUMBER:
        last = visitors.max()
        return visitors.to_numpy(), last + 1 if isinstance(last, int) else 0
    # A visitor is a hash of 64 bits: so large that beside a cell it does not fit into one number.
    first, numbers = without_gaps(visitors.reinterpret(signed=False).to_numpy(), 1 << 64)
    return numbers, len(first)


def _pairs(visitor: Numbers, visitors: int, cell: Numbers, cells: int, flag: pl.Series) -> _Pairs:
    """Each visitor once in each cell in which it has a row with `flag`; null is no."""
    rows = slice(None) if flag.all(ignore_nulls=False) else flag.arg_true().to_numpy()
    pairs = visitor[rows].astype(np.uint64) * np.uint64(max(cells, 1)) + cell[rows]
    one, other = np.divmod(pl.Series(pairs).unique().to_numpy(), np.uint64(max(cells, 1)))
    return _Pairs(one.astype(np.uint32), other.astype(np.uint32), visitors)


def _sums(cell: Numbers, flag: pl.Series, cells: int) -> Counts:
    """How many rows with `flag` there are of each cell; null is no."""
    rows = slice(None) if flag.all(ignore_nulls=False) else flag.arg_true().to_numpy()
    return np.bincount(cell[rows].astype(np.int64), minlength=cells)


def _added(number: Numbers, counts: Counts, groups: int) -> Counts:
    """The sum of the counts of each group."""
    total = np.zeros(groups, np.int64)
    np.add.at(total, number, counts)
    return total


def names_of(levels: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`aggregation_level` to the columns that it groups by."""
    return {level_name(level): level for level in levels}


def day_of(events: pl.LazyFrame) -> pl.Expr:
    """The column `ds` of a table made from one day of the fact table."""
    return pl.lit(events.select(pl.col("ds").first()).collect().item(), dtype=pl.String).alias("ds")
