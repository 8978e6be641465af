"""Share of website hits that become signups: COUNT(signups) / COUNT(website_hits). A guardrail."""

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
    "signup_conversion_rate", "m_signups / m_website_hits",
    "m_signups", "Number of signups",
    "m_website_hits", "Number of website hits (events whose action is in `hit_actions`)",
)  # fmt: skip


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What metrics.signup_conversion_rate keeps."""
    return rate_contract(COLUMNS)


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The rate of one day of core.fct_website_events."""
    return Built(conversion(inputs, settings, COLUMNS, **_counted(settings)))


def agreement(inputs: Mapping[str, pl.LazyFrame], frame: pl.DataFrame, settings: Settings) -> Sequence[Finding]:
    """What of the rate is not what core.fct_website_events says."""
    return conversion_agreement(inputs, frame, COLUMNS, **_counted(settings))


def _counted(settings: Settings) -> dict[str, pl.Expr]:
    """Which events are above the line, and which below."""
    action = pl.col("dim_action_type")
    return {"above": action == "signup", "below": action.is_in(list(settings.hit_actions))}


TABLE = Table(
    name="metrics.signup_conversion_rate",
    description=__doc__,
    contract=contract,
    upstream=(fct.TABLE.name, hostname_events.TABLE.name),
    history=SAME_WEEKDAYS,
    build=build,
    agreement=agreement,
    made_from=made_from(COLUMNS),
    headline=overall("signup_conversion_rate", "m_signups", "m_website_hits", *GUARDRAIL_COLUMNS),
    settings_used=("hit_actions", "guardrails", "days_off"),
    kind="metric",
    guardrail=True,
)
