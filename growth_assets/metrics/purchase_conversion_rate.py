"""Share of signups that become purchases: COUNT(purchases) / COUNT(signups). A guardrail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.agg import hostname_events
from growth_assets.agg.grouping_sets import names_of
from growth_assets.contracts.contract import Contract, Finding
from growth_assets.contracts.table import Built, Sums, Table, overall
from growth_assets.fct import website_events as fct
from growth_assets.metrics.conversion import (
    GUARDRAIL_COLUMNS,
    KEY,
    LEVELS,
    SAME_WEEKDAYS,
    conversion,
    counts,
    hosts_agree,
    made_from,
    rate_columns,
    rate_contract,
    recounted,
)
from growth_assets.settings import Settings

COLUMNS = rate_columns(
    "purchase_conversion_rate", "m_purchases / m_signups",
    "m_purchases", "Number of purchases",
    "m_signups", "Number of signups",
)  # fmt: skip


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What metrics.purchase_conversion_rate keeps."""
    return rate_contract(COLUMNS)


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The rate of one day of core.fct_website_events."""
    return Built(finish(part(inputs[fct.TABLE.name], settings), inputs, settings))


def part(events: pl.LazyFrame, settings: Settings) -> pl.DataFrame:  # noqa: ARG001 - every part takes them
    """What is counted for the rate of some events."""
    return counts(events, COLUMNS, **_counted())


def finish(frame: pl.DataFrame, inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> pl.DataFrame:
    """The rate, from what is counted of all events."""
    return conversion(frame, inputs, settings, COLUMNS, **_counted())


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the rate is not what core.fct_website_events says."""
    return [*recount(inputs[fct.TABLE.name], frame, settings), *in_itself(frame)]


def recount(events: pl.LazyFrame, frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:  # noqa: ARG001 - every recount takes them
    """What of the rate's counts is not what the events say."""
    return recounted(events, frame, COLUMNS, **_counted())


def in_itself(frame: pl.DataFrame) -> Sequence[Finding]:
    """Whether the hosts add up."""
    return hosts_agree(frame, COLUMNS)


def _counted() -> dict[str, pl.Expr]:
    """Which events are above the line, and which below."""
    action = pl.col("dim_action_type")
    return {"above": action == "purchase", "below": action == "signup"}


TABLE = Table(
    name="metrics.purchase_conversion_rate",
    description=__doc__,
    contract=contract,
    upstream=(fct.TABLE.name, hostname_events.TABLE.name),
    history=SAME_WEEKDAYS,
    build=build,
    agreement=agreement,
    parts=Sums(part, KEY, finish, recount, in_itself, tuple(names_of(LEVELS))),
    made_from=made_from(COLUMNS),
    headline=overall("purchase_conversion_rate", "m_purchases", "m_signups", *GUARDRAIL_COLUMNS),
    settings_used=("guardrails", "days_off"),
    kind="metric",
    guardrail=True,
)
