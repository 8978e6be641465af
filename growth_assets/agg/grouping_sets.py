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

import polars as pl

from growth_assets.enrich.distinct import Distinct

VISITOR = "logged_out_user_id"

_CELL = "cell"

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
    narrow = events.select(VISITOR, *dimensions, *(flag.alias(name) for name, flag in flags.items())).collect()
    types = narrow.select(dimensions).schema
    # From here on an event has the number of its cell in place of the texts: what is grouped is two integers.
    cell = Distinct.of(narrow.select(dimensions))
    narrow = narrow.select(VISITOR, *flags, cell.rows.alias(_CELL))
    counted = narrow.lazy().group_by(_CELL).agg(pl.col(name).sum().cast(pl.Int64) for name in counts).collect()
    seen = {name: narrow.lazy().filter(name).select(VISITOR, _CELL).unique().collect() for name in visitors}
    own = [name for name in dimensions if name in ADDITIVE]
    if own and any(_several(people, cell.values.select(own)) for people in seen.values()):
        own = []
    several = [name for name in dimensions if name not in own]
    parts: list[pl.LazyFrame] = []
    for kept in all_sets(several):
        wanted = [level for level in levels if tuple(n for n in level if n in several) == kept]
        if not wanted:
            continue
        coarse = _coarser(cell.values, [*own, *kept])
        cells = coarse.values.lazy().with_row_index(_CELL)
        for found in (
            counted.lazy().with_columns(_in(coarse)).group_by(_CELL).agg(pl.col(name).sum() for name in counts),
            *(_people(people, coarse, cell.values.height, name) for name, people in seen.items()),
        ):
            cells = cells.join(found, on=_CELL, how="left")
        cells = cells.select(*own, *kept, *(pl.col(name).fill_null(0) for name in flags)).collect().lazy()
        parts += [_level(cells, types, level, list(flags)) for level in wanted]
    order = {level_name(level): rank for rank, level in enumerate(levels)}
    return (
        pl.concat(parts)
        .with_columns(
            pl.col("aggregation_level").replace_strict(order, return_dtype=pl.Int32).alias("_rank"),
        )
        .sort("_rank", *dimensions, nulls_last=False)
        .drop("_rank")
        .collect()
    )


def _coarser(cells: pl.DataFrame, names: Sequence[str]) -> Distinct:
    """The cells by fewer dimensions; by none, all are one."""
    if names:
        return Distinct.of(cells.select(names))
    return Distinct(pl.DataFrame(height=1), pl.zeros(cells.height, pl.UInt32, eager=True))


def _in(coarse: Distinct) -> pl.Expr:
    return pl.lit(coarse.rows).gather(_CELL).alias(_CELL)


def _people(people: pl.DataFrame, coarse: Distinct, cells: int, name: str) -> pl.LazyFrame:
    """How many visitors there are in each of the coarser cells; `people` are the pairs of visitor and cell."""
    pairs = people.lazy().with_columns(_in(coarse))
    # Where the cells are no coarser, each pair is there once already.
    distinct = pairs.unique() if coarse.values.height < cells else pairs
    return distinct.group_by(_CELL).agg(pl.len().cast(pl.Int64).alias(name))


def names_of(levels: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`aggregation_level` to the columns that it groups by."""
    return {level_name(level): level for level in levels}


def day_of(events: pl.LazyFrame) -> pl.Expr:
    """The column `ds` of a table made from one day of the fact table."""
    return pl.lit(events.select(pl.col("ds").first()).collect().item(), dtype=pl.String).alias("ds")


def _several(people: pl.DataFrame, own: pl.DataFrame) -> bool:
    """True where some visitor has more than one value of `own`, of which there is a row for each cell."""
    values = people.lazy().with_columns(_in(Distinct.of(own))).unique().select(VISITOR).collect()
    return int(values[VISITOR].n_unique()) < values.height


def _level(
    cells: pl.LazyFrame, dimensions: Mapping[str, pl.DataType], level: tuple[str, ...], measures: list[str]
) -> pl.LazyFrame:
    sums = [pl.col(name).cast(pl.Int64).sum() for name in measures]
    # SQL gives the overall row even of an empty table; so does a select without groups.
    grouped = cells.group_by(*level).agg(sums) if level else cells.select(sums)
    return grouped.select(
        *(
            pl.col(name) if name in level else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in dimensions.items()
        ),
        *measures,
        pl.lit(level_name(level)).alias("aggregation_level"),
    )
