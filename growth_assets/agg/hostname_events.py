"""Website events counted by host, action, hour and bot: the small history that a day is compared with.

A day of millions of events is a few hundred rows here, so that what is usual on a host can be learned from two months
without reading them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.agg.grouping_sets import roll_up
from growth_assets.checks.agreement import LEVEL, disagreements
from growth_assets.contracts.columns import HOUR
from growth_assets.contracts.contract import (
    Contract,
    Finding,
    RowRule,
    column,
    columns,
    not_empty,
    not_null,
    shared,
    unique_key,
)
from growth_assets.contracts.table import Built, Sums, Table, agrees_in_itself, as_it_is
from growth_assets.enrich import device
from growth_assets.enrich.iso_3166 import UNKNOWN_COUNTRY
from growth_assets.fct import website_events as fct
from growth_assets.settings import Settings

KEY = ("dim_hostname", "dim_action_type", "event_hour", "is_bot")

COUNTS = {
    "m_total_events": pl.lit(value=True),
    "m_unknown_country": pl.col("dim_country") == UNKNOWN_COUNTRY,
    "m_unknown_brand": pl.col("dim_device_brand") == device.UNKNOWN,
}

COLUMNS = columns(
    [
        *shared("dim_hostname", "dim_action_type"),
        ("event_hour", column(pl.Int32(), "Hour of the event (UTC, 0 to 23)")),
        ("is_bot", column(pl.Boolean(), "True for the events of programs")),
        ("m_total_events", column(pl.Int64(), "Number of events of the group")),
        ("m_unknown_country", column(pl.Int64(), "How many of them are of no known country (ZZ)")),
        ("m_unknown_brand", column(pl.Int64(), "How many of them are of no known device brand")),
        *shared("ds"),
    ]
)


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What core.agg_hostname_events keeps."""
    return Contract(
        COLUMNS,
        row_rules=(
            not_null("m_total_events"),
            RowRule("group_not_empty", "m_total_events", pl.col("m_total_events") >= 1, "no group is without events"),
            RowRule("event_hour_in_day", "event_hour", pl.col("event_hour").is_between(0, 23), "event_hour is 0 to 23"),
            *(
                RowRule(
                    f"{name}_within_events",
                    name,
                    pl.col(name).is_between(0, pl.col("m_total_events")),
                    f"{name} is a part of the events",
                )
                for name in ("m_unknown_country", "m_unknown_brand")
            ),
        ),
        frame_rules=(unique_key(*KEY), not_empty()),
    )


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The counts of one day of core.fct_website_events."""
    return Built(part(inputs[fct.TABLE.name], settings))


def part(events: pl.LazyFrame, settings: Settings) -> pl.DataFrame:  # noqa: ARG001 - every part takes them
    """The counts of some visitors' events."""
    events = events.with_columns(HOUR.alias("event_hour"))
    return roll_up(events, KEY, [KEY], counts=COUNTS, visitors={})[list(COLUMNS)]


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the counts is not what core.fct_website_events says."""
    return recount(inputs[fct.TABLE.name], frame, settings)


def recount(events: pl.LazyFrame, frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:  # noqa: ARG001 - every recount takes them
    """What of the counts is not what the events say."""
    one_level = frame.with_columns(pl.lit("all").alias(LEVEL))
    return disagreements(events, one_level, {"all": KEY}, counts=COUNTS, visitors={}, made={"event_hour": HOUR})


def headline(frame: pl.DataFrame) -> Mapping[str, float | int | str]:
    """The events of the day, those of bots and those that could not be placed, and how many hosts have any."""
    events = frame["m_total_events"]
    sums = {
        "m_total_events": events,
        "m_bot_events": events.filter(frame["is_bot"]),
        **{name: frame[name] for name in ("m_unknown_country", "m_unknown_brand")},
    }
    return {**{name: int(each.sum()) for name, each in sums.items()}, "hosts": frame["dim_hostname"].n_unique()}


TABLE = Table(
    name="core.agg_hostname_events",
    description=__doc__,
    contract=contract,
    upstream=(fct.TABLE.name,),
    build=build,
    agreement=agreement,
    parts=Sums(part, (*KEY, "ds"), as_it_is, recount, agrees_in_itself),
    made_from={
        "event_hour": ("event_timestamp",),
        "m_unknown_country": ("dim_country",),
        "m_unknown_brand": ("dim_device_brand",),
    },
    headline=headline,
    kind="agg",
)
