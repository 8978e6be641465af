"""Share of signups that become purchases: COUNT(purchases) / COUNT(signups). A guardrail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from growth_assets.agg import hostname_events
from growth_assets.contracts.contract import Contract, Finding
from growth_assets.contracts.table import Built, Table, overall
from growth_assets.fct import website_events as fct
from growth_assets.metrics.conversion import (
    GUARDRAIL_COLUMNS,
    SAME_WEEKDAYS,
    conversion,
    conversion_agreement,
    made_from,
    rate_columns,
    rate_contract,
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
    return Built(conversion(inputs, settings, COLUMNS, **_counted()))


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:  # noqa: ARG001 - every agreement takes them
    """What of the rate is not what core.fct_website_events says."""
    return conversion_agreement(inputs, frame, COLUMNS, **_counted())


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
    made_from=made_from(COLUMNS),
    headline=overall("purchase_conversion_rate", "m_purchases", "m_signups", *GUARDRAIL_COLUMNS),
    settings_used=("guardrails", "days_off"),
    kind="metric",
    guardrail=True,
)
