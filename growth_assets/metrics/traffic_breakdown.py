"""Where the traffic comes from: COUNT(website_hits) by referrer and by named source, without bots.

aggregation_level says by which: `dim_referrer_domain` or `dim_source`, each also within a host. Hits without a
referrer stand under `(none)` by referrer and under `direct` by source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.agg.grouping_sets import level_name, names_of, roll_up
from growth_assets.checks.agreement import disagreements
from growth_assets.contracts.contract import (
    Contract,
    Finding,
    RowRule,
    column,
    columns,
    not_null,
    rolled_up,
    shared,
    unique_key,
)
from growth_assets.contracts.sample import ROWS_SHOWN, sample
from growth_assets.contracts.table import Built, Sums, Table
from growth_assets.fct import website_events as fct
from growth_assets.settings import Settings

DIMENSIONS = ("dim_hostname", "dim_referrer_domain", "dim_source")

LEVELS = [
    ("dim_referrer_domain",),
    ("dim_source",),
    ("dim_hostname", "dim_referrer_domain"),
    ("dim_hostname", "dim_source"),
]

NO_REFERRER = "(none)"

COLUMNS = columns(
    [
        *rolled_up(*DIMENSIONS),
        ("traffic_share", column(pl.Float64(), "m_website_hits / m_total_website_hits")),
        *shared("m_website_hits"),
        ("m_total_website_hits", column(pl.Int64(), "Number of website hits of the host, or of all hosts")),
        *shared("m_visitors", "aggregation_level", "ds"),
    ]
)


COUNTS, VISITORS = {"m_website_hits": pl.lit(value=True)}, {"m_visitors": pl.lit(value=True)}


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What metrics.traffic_breakdown keeps."""
    return Contract(
        COLUMNS,
        row_rules=(
            RowRule("group_not_empty", "m_website_hits", pl.col("m_website_hits") >= 1, "no group is without hits"),
            RowRule(
                "traffic_share_in_range",
                "traffic_share",
                pl.col("traffic_share").is_between(0, 1, closed="right"),
                "traffic_share is above 0 and at most 1",
            ),
            RowRule(
                "traffic_share_is_ratio",
                "traffic_share",
                pl.col("traffic_share") == pl.col("m_website_hits") / pl.col("m_total_website_hits"),
                "traffic_share is m_website_hits / m_total_website_hits",
            ),
            RowRule(
                "visitors_within_hits",
                "m_visitors",
                pl.col("m_visitors").is_between(1, pl.col("m_website_hits")),
                "there are no more visitors than hits",
            ),
            RowRule(
                "aggregation_level_known",
                "aggregation_level",
                pl.col("aggregation_level").is_in([level_name(level) for level in LEVELS]),
                "aggregation_level names a breakdown",
            ),
            not_null("ds"),
        ),
        frame_rules=(unique_key("aggregation_level", *DIMENSIONS),),
    )


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The breakdown of one day of core.fct_website_events."""
    return Built(finish(part(inputs[fct.TABLE.name], settings), inputs, settings))


def part(events: pl.LazyFrame, settings: Settings) -> pl.DataFrame:
    """The hits of some events, and who they are of."""
    # Those without a referrer stand under a name.
    hits = events.filter(_hit(settings)).with_columns(_REFERRER.alias("dim_referrer_domain"))
    return roll_up(hits, DIMENSIONS, LEVELS, counts=COUNTS, visitors=VISITORS)


def finish(frame: pl.DataFrame, inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> pl.DataFrame:  # noqa: ARG001 - every finish takes them
    """The breakdown, from the hits of all events."""
    total = pl.col("m_website_hits").sum().over("aggregation_level", "dim_hostname").alias("m_total_website_hits")
    totals = frame.select(total).to_series()
    return frame.hstack([totals, (frame["m_website_hits"] / totals).alias("traffic_share")])[list(COLUMNS)]


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the breakdown is not what core.fct_website_events says."""
    return [*recount(inputs[fct.TABLE.name], frame, settings), *in_itself(frame)]


def recount(events: pl.LazyFrame, frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the hits is not what the events say."""
    hit = _hit(settings)
    return disagreements(
        events, frame, names_of(LEVELS), counts=dict.fromkeys(COUNTS, hit),
        visitors=dict.fromkeys(VISITORS, hit), made={"dim_referrer_domain": _REFERRER},
    )  # fmt: skip


def in_itself(frame: pl.DataFrame) -> Sequence[Finding]:
    """Which totals are not those of their groups."""
    made = pl.col("m_website_hits").sum().over("aggregation_level", "dim_hostname")
    off = frame.filter(made != pl.col("m_total_website_hits"))
    return [Finding(
        "groups_make_the_total", frame.height, off.height,
        "m_total_website_hits is the hits of all groups of the host, or of all hosts", sample(off.head(ROWS_SHOWN)),
    )]  # fmt: skip


MOST_SOURCES = 8
"""So many named sources are in the headline, those with the most hits."""


def headline(frame: pl.DataFrame) -> Mapping[str, float | int | str]:
    """The hits of the day, and those from each of its largest named sources."""
    of_source = frame["aggregation_level"] == "dim_source"
    hits, sources = (frame[name].filter(of_source).to_list() for name in ("m_website_hits", "dim_source"))
    largest = sorted(zip(sources, hits, strict=True), key=lambda each: (-each[1], each[0]))[:MOST_SOURCES]
    return {"m_website_hits": sum(hits), **{f"hits from {source}": hits for source, hits in largest}}


def _hit(settings: Settings) -> pl.Expr:
    """True for the hits of people."""
    return ~pl.col("is_bot") & pl.col("dim_action_type").is_in(list(settings.hit_actions))


_REFERRER = pl.col("dim_referrer_domain").fill_null(NO_REFERRER)


TABLE = Table(
    name="metrics.traffic_breakdown",
    description=__doc__,
    contract=contract,
    upstream=(fct.TABLE.name,),
    build=build,
    agreement=agreement,
    parts=Sums(part, ("aggregation_level", *DIMENSIONS, "ds"), finish, recount, in_itself, tuple(names_of(LEVELS))),
    made_from={
        **dict.fromkeys(("traffic_share", "m_website_hits", "m_total_website_hits"), ("dim_action_type", "is_bot")),
        "m_visitors": ("logged_out_user_id", "dim_action_type", "is_bot"),
    },
    headline=headline,
    settings_used=("hit_actions",),
    kind="metric",
)
