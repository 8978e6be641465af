"""The seven questions and their answers, from the published metrics of one day or of the last days.

Events add up over days, distinct visitors do not: over several days, people are given as a mean a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from growth_assets.metrics import (
    daily_visitors,
    purchase_conversion_rate,
    signup_conversion_rate,
    traffic_breakdown,
)
from growth_assets.warehouse.partitions import Warehouse, WarehouseError

DAYS = 7
"""How many days are shown when no day is asked for."""

TOP = 10
"""How many countries, brands and sources are listed."""

ALL_SITES = "all sites"


@dataclass(frozen=True)
class Answer:
    """One question with its table."""

    number: str
    question: str
    table: pl.DataFrame


def published_days(warehouse: Warehouse, ds: str | None = None) -> list[str]:
    """The days to answer for: `ds`, else the last published ones.

    Raises:
        WarehouseError: the day, or any day, is not published.
    """
    days = warehouse.days(daily_visitors.TABLE)
    if not days:
        raise WarehouseError(f"{warehouse.root} holds no published day yet. Run `growth-assets build`.")
    if ds is None:
        return days[-DAYS:]
    if ds not in days:
        raise WarehouseError(f"{ds} is not published; there are {len(days)} days, {days[0]} to {days[-1]}.")
    return [ds]


def answers(warehouse: Warehouse, days: Sequence[str]) -> list[Answer]:
    """All answers over `days`."""
    people = warehouse.scan_days(daily_visitors.TABLE, list(days)).collect()
    signups = warehouse.scan_days(signup_conversion_rate.TABLE, list(days)).collect()
    purchases = warehouse.scan_days(purchase_conversion_rate.TABLE, list(days)).collect()
    traffic = warehouse.scan_days(traffic_breakdown.TABLE, list(days)).collect()
    host = ["overall", "dim_hostname"]
    by_day = ["ds", "dim_hostname"]
    return [
        Answer(
            "1",
            "How many people come to each site a day?",
            _rows(
                people,
                host,
                [*by_day, "m_visitors", "m_website_hits", "m_bot_visitors", "m_bot_website_hits"],
            ),
        ),
        Answer("2a", "From which countries?", _top(people, "dim_country", len(days))),
        Answer("2b", "On which devices?", _top(people, "dim_device_brand", len(days))),
        Answer("3a", "Where do they come from: LinkedIn, Substack ...?", _top(traffic, "dim_source", len(days))),
        Answer("3b", "And from which domains?", _top(traffic, "dim_referrer_domain", len(days))),
        Answer(
            "4",
            "How many sign up each day?",
            _rows(signups, host, [*by_day, "m_signups", "m_signups_visitors", "m_bot_signups"]),
        ),
        Answer(
            "5",
            "What share of the traffic signs up?",
            _rows(signups, host, [*by_day, "signup_conversion_rate", "m_signups", "m_website_hits"]),
        ),
        Answer(
            "6",
            "How many buy?",
            _rows(purchases, host, [*by_day, "m_purchases", "m_purchases_visitors", "m_bot_purchases"]),
        ),
        Answer(
            "7",
            "What share of the signups pays?",
            _rows(purchases, host, [*by_day, "purchase_conversion_rate", "m_purchases", "m_signups"]),
        ),
    ]


def _rows(frame: pl.DataFrame, levels: list[str], columns: list[str]) -> pl.DataFrame:
    return (
        frame.filter(pl.col("aggregation_level").is_in(levels))
        .with_columns(pl.col("dim_hostname").fill_null(ALL_SITES))
        .sort("ds", "aggregation_level", "dim_hostname", descending=[False, True, False])
        .select(columns)
    )


def _top(frame: pl.DataFrame, dimension: str, days: int) -> pl.DataFrame:
    hits = pl.col("m_website_hits").sum()
    return (
        frame.filter(pl.col("aggregation_level") == dimension)
        .group_by(dimension)
        .agg((pl.col("m_visitors").sum() / days).alias("visitors_a_day"), hits)
        .with_columns((pl.col("m_website_hits") / pl.col("m_website_hits").sum()).alias("share_of_hits"))
        .filter(pl.col("m_website_hits") > 0)
        .sort("m_website_hits", dimension, descending=[True, False])
        .head(TOP)
    )
