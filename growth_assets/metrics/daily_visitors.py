"""How many people come each day: distinct visitors with a hit, and hits, by host, country and device brand.

People are counted without bots, with the bots beside them. Distinct visitors add up over country and brand, not over
hosts: who reads both sites is one person overall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.agg.grouping_sets import level_name, names_of, roll_up
from growth_assets.checks.agreement import disagreements, levels_add_up
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
from growth_assets.contracts.table import Built, Sums, Table, as_it_is, overall
from growth_assets.fct import website_events as fct
from growth_assets.metrics.conversion import hosts_add_up, one_overall_row
from growth_assets.settings import Settings

DIMENSIONS = ("dim_hostname", "dim_country", "dim_device_brand")

LEVELS = [
    (),
    ("dim_hostname",),
    ("dim_country",),
    ("dim_device_brand",),
    ("dim_hostname", "dim_country"),
    ("dim_hostname", "dim_device_brand"),
    ("dim_hostname", "dim_country", "dim_device_brand"),
]

COLUMNS = columns(
    [
        *rolled_up(*DIMENSIONS),
        *shared("m_visitors", "m_website_hits"),
        ("m_bot_visitors", column(pl.Int64(), "Distinct bots with a hit")),
        ("m_bot_website_hits", column(pl.Int64(), "Number of website hits by bots")),
        *shared("aggregation_level", "ds"),
    ]
)


MADE_FROM = {
    "m_visitors": ("logged_out_user_id", "dim_action_type", "is_bot"),
    "m_website_hits": ("dim_action_type", "is_bot"),
    "m_bot_visitors": ("logged_out_user_id", "dim_action_type", "is_bot"),
    "m_bot_website_hits": ("dim_action_type", "is_bot"),
}


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What metrics.daily_visitors keeps."""
    return Contract(
        COLUMNS,
        row_rules=(
            RowRule(
                "visitors_within_hits",
                "m_visitors",
                pl.col("m_visitors").is_between(0, pl.col("m_website_hits")),
                "there are no more visitors than hits",
            ),
            RowRule(
                "bot_visitors_within_hits",
                "m_bot_visitors",
                pl.col("m_bot_visitors").is_between(0, pl.col("m_bot_website_hits")),
                "there are no more bots than hits of bots",
            ),
            RowRule(
                "aggregation_level_known",
                "aggregation_level",
                pl.col("aggregation_level").is_in([level_name(level) for level in LEVELS]),
                "aggregation_level names a grouping",
            ),
            not_null("ds"),
        ),
        frame_rules=(
            unique_key("aggregation_level", *DIMENSIONS), one_overall_row(), hosts_add_up("m_website_hits"),
        ),
    )  # fmt: skip


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The visitors of one day of core.fct_website_events."""
    return Built(part(inputs[fct.TABLE.name], settings))


def part(events: pl.LazyFrame, settings: Settings) -> pl.DataFrame:
    """The visitors of some events."""
    person, bot = _hits(settings)
    rolled = roll_up(
        events,
        DIMENSIONS,
        LEVELS,
        counts={"m_website_hits": person, "m_bot_website_hits": bot},
        visitors={"m_visitors": person, "m_bot_visitors": bot},
    )
    frame = rolled[list(COLUMNS)]
    anything = pl.col("m_website_hits") + pl.col("m_bot_website_hits") > 0
    return frame.filter(anything | (pl.col("aggregation_level") == "overall"))


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the visitors is not what core.fct_website_events says."""
    return [*recount(inputs[fct.TABLE.name], frame, settings), *in_itself(frame)]


def recount(events: pl.LazyFrame, frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the visitors is not what the events say."""
    person, bot = _hits(settings)
    counts = {"m_website_hits": person, "m_bot_website_hits": bot}
    visitors = {"m_visitors": person, "m_bot_visitors": bot}
    return disagreements(events, frame, names_of(LEVELS), counts=counts, visitors=visitors)


def in_itself(frame: pl.DataFrame) -> Sequence[Finding]:
    """Which levels do not add up to the overall row."""
    return [levels_add_up(frame, ["m_website_hits", "m_bot_website_hits"])]


def _hits(settings: Settings) -> tuple[pl.Expr, pl.Expr]:
    """True for the hits of people, and for those of bots."""
    hit = pl.col("dim_action_type").is_in(list(settings.hit_actions))
    return hit & ~pl.col("is_bot"), hit & pl.col("is_bot")


TABLE = Table(
    name="metrics.daily_visitors",
    description=__doc__,
    contract=contract,
    upstream=(fct.TABLE.name,),
    build=build,
    agreement=agreement,
    parts=Sums(part, ("aggregation_level", *DIMENSIONS, "ds"), as_it_is, recount, in_itself, tuple(names_of(LEVELS))),
    made_from=MADE_FROM,
    headline=overall("m_visitors", "m_website_hits", "m_bot_visitors", "m_bot_website_hits"),
    settings_used=("hit_actions",),
    kind="metric",
)
