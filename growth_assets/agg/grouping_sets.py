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
    visitor = "logged_out_user_id"
    own = [name for name in dimensions if name in ADDITIVE]
    several = [name for name in dimensions if name not in ADDITIVE]
    flags = {**counts, **visitors}
    types = events.select(dimensions).collect_schema()
    # One row for each visitor and group: all that follows reads this and not the events again.
    finest = (
        events.select(visitor, *dimensions, *(expression.alias(name) for name, expression in flags.items()))
        .group_by(visitor, *dimensions)
        .agg(
            *(pl.col(name).sum().cast(pl.Int64) for name in counts),
            *(pl.col(name).any() for name in visitors),
        )
        .collect()
        .lazy()
    )
    if own and _several(finest, visitor, own):
        own, several = [], list(dimensions)
    parts: list[pl.LazyFrame] = []
    for kept in all_sets(several):
        wanted = [level for level in levels if tuple(n for n in level if n in several) == kept]
        if not wanted:
            continue
        by_visitor = finest.group_by(visitor, *own, *kept).agg(
            *(pl.col(name).sum() for name in counts), *(pl.col(name).any() for name in visitors)
        )
        cells = (
            by_visitor.group_by(*own, *kept)
            .agg(
                *(pl.col(name).sum() for name in counts),
                *(pl.col(name).sum().cast(pl.Int64) for name in visitors),
            )
            .collect()
            .lazy()
            if own or kept
            else by_visitor
        )
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


def names_of(levels: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`aggregation_level` to the columns that it groups by."""
    return {level_name(level): level for level in levels}


def day_of(events: pl.LazyFrame) -> pl.Expr:
    """The column `ds` of a table made from one day of the fact table."""
    return pl.lit(events.select(pl.col("ds").first()).collect().item(), dtype=pl.String).alias("ds")


def _several(finest: pl.LazyFrame, visitor: str, own: Sequence[str]) -> bool:
    """True where some visitor has more than one value of `own`."""
    values = finest.select(visitor, *own).unique().select(visitor).collect()
    return int(values[visitor].n_unique()) < values.height


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
