"""Website events counted by action, country, device brand and hour, and by every combination of them.

All 16 grouping sets: a column that is rolled up is NULL, `aggregation_level` says which ones are grouped. Bots are
counted, and beside them how many events are theirs. m_unique_visitors is exact on every row, and for that reason must
not be added up over actions or hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.agg.grouping_sets import OVERALL, all_sets, level_name, names_of, roll_up
from growth_assets.checks.agreement import disagreements, levels_add_up
from growth_assets.contracts.columns import HOUR
from growth_assets.contracts.contract import (
    Contract,
    Finding,
    FrameRule,
    RowRule,
    column,
    columns,
    not_null,
    rolled_up,
    shared,
    unique_key,
)
from growth_assets.contracts.table import Built, Sums, Table, as_it_is, overall
from growth_assets.fct import website_events as fct
from growth_assets.settings import Settings

DIMENSIONS = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")

COLUMNS = columns(
    [
        *rolled_up("dim_action_type", "dim_country", "dim_device_brand"),
        ("event_hour", column(pl.Int32(), "Hour of the event (UTC, 0 to 23); NULL where rolled up", nullable=True)),
        ("m_total_events", column(pl.Int64(), "Number of events of the group")),
        *shared("aggregation_level", "ds"),
        ("m_unique_visitors", column(pl.Int64(), "Number of distinct visitors of the group, bots included")),
        ("m_bot_events", column(pl.Int64(), "How many of the events are those of bots")),
    ]
)  # fmt: skip

LEVELS = all_sets(DIMENSIONS)

COUNTS = {"m_total_events": pl.lit(value=True), "m_bot_events": pl.col("is_bot")}
VISITORS = {"m_unique_visitors": pl.lit(value=True)}


def _overall_has_most() -> FrameRule:
    overall = pl.col("m_total_events").filter(pl.col("aggregation_level") == OVERALL)
    # A frame without exactly one overall row breaks the rule as well, the empty frame among them.
    broken = (
        pl.when(overall.len() == 1)
        .then((pl.col("m_total_events") > overall.max()).sum())
        .otherwise(pl.len() + 1)
        .cast(pl.Int64)
    )
    return FrameRule("overall_rollup_has_most", broken, "no row counts more events than the overall row")


def _overall_reaches(minimum: int) -> FrameRule:
    overall = pl.col("m_total_events").filter(pl.col("aggregation_level") == OVERALL)
    broken = (overall.max().fill_null(-1) < minimum).cast(pl.Int64)
    return FrameRule("m_total_events_above_minimum", broken, f"the day has at least {minimum} events")


def contract(settings: Settings) -> Contract:
    """What core.agg_website_events keeps."""
    return Contract(
        COLUMNS,
        row_rules=(
            not_null("m_total_events"),
            RowRule(
                "group_not_empty",
                "m_total_events",
                pl.col("m_total_events") >= 1,
                "no group is without events",
            ),
            RowRule(
                "event_hour_in_day",
                "event_hour",
                pl.col("event_hour").is_null() | pl.col("event_hour").is_between(0, 23),
                "event_hour is 0 to 23",
            ),
            RowRule(
                "aggregation_level_known",
                "aggregation_level",
                pl.col("aggregation_level").is_in([level_name(level) for level in LEVELS]),
                "aggregation_level names one of the 16 grouping sets",
            ),
            RowRule(
                "visitors_within_events",
                "m_unique_visitors",
                pl.col("m_unique_visitors").is_between(1, pl.col("m_total_events")),
                "there are no more visitors than events",
            ),
        ),
        frame_rules=(
            unique_key("aggregation_level", *DIMENSIONS),
            _overall_has_most(),
            _overall_reaches(settings.min_total_events),
        ),
    )


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The 16 rollups of one day of core.fct_website_events."""
    return Built(part(inputs[fct.TABLE.name], settings))


def part(events: pl.LazyFrame, settings: Settings) -> pl.DataFrame:  # noqa: ARG001 - every part takes them
    """The 16 rollups of some visitors' events."""
    events = events.with_columns(HOUR.alias("event_hour"))
    return roll_up(events, DIMENSIONS, LEVELS, counts=COUNTS, visitors=VISITORS)[list(COLUMNS)]


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the 16 rollups is not what core.fct_website_events says."""
    return [*recount(inputs[fct.TABLE.name], frame, settings), *in_itself(frame)]


def recount(events: pl.LazyFrame, frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:  # noqa: ARG001 - every recount takes them
    """What of the rollups is not what the events say."""
    return disagreements(events, frame, names_of(LEVELS), counts=COUNTS, visitors=VISITORS, made={"event_hour": HOUR})


def in_itself(frame: pl.DataFrame) -> Sequence[Finding]:
    """Which rollups do not add up to the overall one."""
    return [levels_add_up(frame, list(COUNTS))]


TABLE = Table(
    name="core.agg_website_events",
    description=__doc__,
    contract=contract,
    upstream=(fct.TABLE.name,),
    build=build,
    agreement=agreement,
    parts=Sums(part, ("aggregation_level", *DIMENSIONS, "ds"), as_it_is, recount, in_itself, tuple(names_of(LEVELS))),
    made_from={
        "event_hour": ("event_timestamp",),
        "m_unique_visitors": ("logged_out_user_id",),
        "m_bot_events": ("is_bot",),
    },
    headline=overall("m_total_events", "m_unique_visitors", "m_bot_events"),
    checks=("overall_rollup_has_most", "m_total_events_above_minimum"),
    kind="agg",
)
