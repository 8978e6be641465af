"""Grouping sets with exact distinct visitors, in one pass for each set that needs one.

Counts of events add up, distinct visitors do not: someone who came at nine and at ten is two hourly visitors and one
daily one. But a visitor has one country and one device brand, since both are functions of the address and the user
agent that the visitor is a hash of. So distinct visitors are counted only for each set of the dimensions that a visitor
can have several of, within country and brand, and summed over these. Whom a tracker told apart, without an address, can
have been in two countries in one day: on such a day every level counts for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from growth_assets.contracts.columns import VISITOR_NUMBER, key_of
from growth_assets.contracts.texts import coded, dictionary, is_numbered
from growth_assets.contracts.whole_numbers import PLAIN, Counts, Flags, Numbers, distinct, true_in, with_nulls_as
from growth_assets.enrich.distinct import together, without_gaps

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
        events: rows of one day with `dimensions`, `logged_out_user_id` and `ds`.
        dimensions: the columns that are grouped by; NULL where they are rolled up.
        levels: the grouping sets.
        counts: name to a Boolean expression; the column counts its true rows (BIGINT).
        visitors: name to a Boolean expression; the column counts distinct visitors with a true row (BIGINT).

    Returns:
        `dimensions`, the counts, the visitors, `aggregation_level` and `ds`, sorted by level and dimensions.
    """
    flags = {**counts, **visitors}
    schema = events.collect_schema()
    who = VISITOR_NUMBER if VISITOR_NUMBER in schema else VISITOR
    numbered = {name: f"{name}#" for name in dimensions if isinstance(schema[name], pl.Categorical)}
    numbers = (pl.col(name).to_physical().alias(number) for name, number in numbered.items())
    # Measures that ask the same are answered once.
    asked = {key_of(flag): flag for flag in flags.values()}
    mark = {name: f"mark#{list(asked).index(key_of(flag))}" for name, flag in flags.items()}
    marks = (flag.alias(f"mark#{number}") for number, flag in enumerate(asked.values()))
    narrow = events.select(who, "ds", *dimensions, *numbers, *marks).collect(optimizations=PLAIN)
    # From here on an event has two numbers, of its cell and of its visitor: what is grouped are integers.
    by = [_Dimension.of(narrow[name], narrow[numbered.get(name, name)]) for name in dimensions]
    cells, rows_cell = _Cells.of(by, narrow.height)
    visitor, people_in_all = _visitor_numbers(narrow[who])
    marked = {name: true_in(narrow[mark[name]]) for name in flags}
    events_of = {name: np.bincount(rows_cell[marked[name]], minlength=cells.height) for name in counts}
    seen = {name: _Pairs.of(visitor, people_in_all, rows_cell, cells.height, marked[name]) for name in visitors}
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
    names = pl.Series("aggregation_level", [level_name(level) for level in levels], dtype=pl.String)
    heights = [groups.height for groups in found]
    ds = pl.Series("ds", [narrow["ds"][0] if narrow.height else None], dtype=pl.String)
    of_level = list(zip(levels, found, strict=True))
    return pl.DataFrame(
        [
            *(
                cells.values(name, [groups.first if name in level else groups.height for level, groups in of_level])
                for name in dimensions
            ),
            *(pl.Series(name, np.concatenate([each[name] for each in measured])) for name in flags),
            names[np.repeat(np.arange(len(levels)), heights)],
            ds.new_from_index(0, sum(heights)),
        ]
    )


class _Dimension:
    """What events are grouped by: its values in order, and the number of each event's."""

    def __init__(self, numbers: tuple[Numbers, int], places: Numbers, values: pl.Series) -> None:
        """Number `n` stands for the value in the place `places[n]` of `values`; in the first place is null."""
        self.numbers, self.places, self.values = numbers, places, values

    @classmethod
    def of(cls, column: pl.Series, numbers: pl.Series) -> _Dimension:
        """A column of texts, numbered ones with their numbers, or one of whole numbers or truth values."""
        if column.dtype == pl.String:
            column = coded(column)
            numbers = column.to_physical()
        if is_numbered(column):
            texts = dictionary(column).to_list()
            order: Sequence[int] = sorted(range(len(texts)), key=texts.__getitem__)
            values = pl.Series(column.name, [None, *(texts[number] for number in order)], dtype=pl.String)
        else:
            whole = column.cast(pl.Int64)
            least, most = whole.min(), whole.max()
            there = range(least, most + 1) if isinstance(least, int) and isinstance(most, int) else range(0)
            values = pl.Series(column.name, [None, *there], dtype=pl.Int64).cast(column.dtype)
            numbers = whole - there.start
            order = range(len(there))
        # One number more than values, for null.
        places = np.zeros(len(values), np.uint32)
        places[np.array(order, np.int64)] = np.arange(1, len(values), dtype=np.uint32)
        return cls((with_nulls_as(len(order), numbers), len(values)), places, values)


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

    def __init__(self, dimensions: Mapping[str, _Dimension], places: Mapping[str, Numbers], height: int) -> None:
        """`places` has the place of each cell's value among those of a dimension."""
        self.height = height
        self._dimensions, self._places = dimensions, places
        self._made: dict[tuple[str, ...], _Groups] = {}

    @classmethod
    def of(cls, dimensions: Sequence[_Dimension], height: int) -> tuple[_Cells, Numbers]:
        """The cells of `height` events, and the cell of each event."""
        first, cell = without_gaps(*together((each.numbers for each in dimensions), height))
        by_name = {each.values.name: each for each in dimensions}
        places = {name: each.places[each.numbers[0][first]] for name, each in by_name.items()}
        return cls(by_name, places, len(first)), cell

    def values(self, name: str, cells: Sequence[Numbers | int]) -> pl.Series:
        """The values of a dimension in some cells, or so many times none."""
        places = [np.zeros(some, np.uint32) if isinstance(some, int) else self._places[name][some] for some in cells]
        return self._dimensions[name].values[np.concatenate(places)]

    def groups(self, names: Sequence[str]) -> _Groups:
        """Cells with the same values of `names`; of no names there is one group, also of no cells."""
        key = tuple(names)
        if key not in self._made:
            self._made[key] = self._grouped(key)
        return self._made[key]

    def _grouped(self, names: tuple[str, ...]) -> _Groups:
        if not names:
            return _Groups(np.zeros(1, np.uint32), np.zeros(self.height, np.uint32))
        numbers = ((self._places[name], len(self._dimensions[name].values)) for name in names)
        return _Groups(*without_gaps(*together(numbers, self.height)))


class _Pairs:
    """Each visitor once in each cell that it was seen in."""

    def __init__(self, visitor: Numbers, cell: Numbers, visitors: int) -> None:
        self.visitor, self.cell, self.height = visitor, cell, visitors

    @classmethod
    def of(cls, visitor: Numbers, visitors: int, cell: Numbers, cells: int, flag: Flags) -> _Pairs:
        """Each visitor once in each cell in which it has a row with `flag`."""
        size = np.uint64(max(cells, 1))
        rows = slice(None) if flag.all() else flag
        one, other = np.divmod(distinct(visitor[rows].astype(np.uint64) * size + cell[rows]), size)
        return cls(one.astype(np.uint32), other.astype(np.uint32), visitors)

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
            group = distinct(self.visitor.astype(np.uint64) * size + group) % size
        return np.bincount(group.astype(np.int64), minlength=groups.height)


def _visitor_numbers(visitors: pl.Series) -> tuple[Numbers, int]:
    """By row, a small number of its visitor, and what all are below."""
    if visitors.name == VISITOR_NUMBER:
        last = visitors.max()
        return visitors.to_numpy(), last + 1 if isinstance(last, int) else 0
    # A visitor is a hash of 64 bits: so large that beside a cell it does not fit into one number.
    first, numbers = without_gaps(visitors.reinterpret(signed=False).to_numpy(), 1 << 64)
    return numbers, len(first)


def _added(number: Numbers, counts: Counts, groups: int) -> Counts:
    """The sum of the counts of each group."""
    total = np.zeros(groups, np.int64)
    np.add.at(total, number, counts)
    return total


def names_of(levels: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`aggregation_level` to the columns that it groups by."""
    return {level_name(level): level for level in levels}
