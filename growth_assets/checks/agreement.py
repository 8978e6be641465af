"""Agreement: of every group a rolled-up table says what the events say that it is made from. No tolerance.

The events are counted anew, and not by way of the table's own cells: events by one grouping of the events themselves,
visitors as distinct pairs of visitor and group. That a visitor has one value of a dimension is never taken for granted
here: it is tried on the day's events, and a dimension of which it is not true is counted pair by pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import polars as pl

from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import sample

LEVEL = "aggregation_level"
VISITOR = "logged_out_user_id"

GROUPS_SHOWN = 5
"""So many groups that disagree are shown for each measure."""


def disagreements(
    events: pl.LazyFrame,
    published: pl.DataFrame,
    levels: Mapping[str, tuple[str, ...]],
    *,
    counts: Mapping[str, pl.Expr],
    visitors: Mapping[str, pl.Expr],
) -> list[Finding]:
    """For each measure, how many groups it is another of in `published` than in `events`.

    Args:
        events: what the table is made from.
        published: has `aggregation_level`, the grouped columns, NULL where rolled up, and the measures.
        levels: names of the levels to the columns that they group by.
        counts: measure to a Boolean expression; the measure is the number of its true events.
        visitors: measure to a Boolean expression; the measure is the number of distinct visitors with a true event.

    A group of which no measure counts anything may be left out of `published`; a group that `events` know nothing of
    may not be in it.
    """
    measures = [*counts, *visitors]
    keys = [LEVEL, *dict.fromkeys(name for level in levels.values() for name in level)]
    dimensions = keys[1:]
    narrow = events.select(
        VISITOR, *dimensions, *(flag.alias(name) for name, flag in {**counts, **visitors}.items())
    ).collect()
    counted = _events_of(narrow, levels, dimensions, list(counts))
    for name in visitors:
        people = narrow.filter(name).select(VISITOR, *dimensions)
        counted = counted.join(_visitors_of(people, levels, dimensions, name), on=keys, how="left", nulls_equal=True)
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


def _events_of(
    narrow: pl.DataFrame, levels: Mapping[str, tuple[str, ...]], dimensions: Sequence[str], names: Sequence[str]
) -> pl.DataFrame:
    cells = narrow.lazy().group_by(dimensions).agg(pl.col(name).sum().cast(pl.Int64) for name in names)
    return _rolled_up(cells, levels, dimensions, names)


def _visitors_of(
    people: pl.DataFrame, levels: Mapping[str, tuple[str, ...]], dimensions: Sequence[str], name: str
) -> pl.DataFrame:
    pairs = people.unique()
    visitors = pairs[VISITOR].n_unique()
    # What each visitor has one of goes with the visitor; only the others multiply.
    single = [each for each in dimensions if pairs.select(VISITOR, each).n_unique() == visitors]

    def multiplying(level: str) -> list[str]:
        return [each for each in levels[level] if each not in single]

    parts = []
    for several, same in groupby(sorted(levels, key=multiplying), key=multiplying):
        distinct = pairs.select(VISITOR, *single, *several).unique().lazy()
        number = pl.len().cast(pl.Int64).alias(name)
        by = [*single, *several]
        cells = distinct.group_by(by).agg(number) if by else distinct.select(number)
        parts.append(_rolled_up(cells, {level: levels[level] for level in same}, dimensions, [name]))
    return pl.concat(parts, how="diagonal")


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
