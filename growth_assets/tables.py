"""All tables, each after those it is made from. A new table is one new file and a line here."""

from __future__ import annotations

from growth_assets.agg import hostname_events as agg_hostname_events
from growth_assets.agg import website_events as agg_website_events
from growth_assets.contracts.table import Table
from growth_assets.fct import website_events as fct_website_events
from growth_assets.metrics import (
    daily_visitors,
    purchase_conversion_rate,
    signup_conversion_rate,
    traffic_breakdown,
)
from growth_assets.raw import quarantined_events, rejected_lines
from growth_assets.raw import website_events as raw_website_events

TABLES: tuple[Table, ...] = (
    raw_website_events.TABLE,
    rejected_lines.TABLE,
    quarantined_events.TABLE,
    fct_website_events.TABLE,
    agg_website_events.TABLE,
    agg_hostname_events.TABLE,
    daily_visitors.TABLE,
    signup_conversion_rate.TABLE,
    purchase_conversion_rate.TABLE,
    traffic_breakdown.TABLE,
)

DAILY: tuple[Table, ...] = tuple(table for table in TABLES if table.partitioned)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
