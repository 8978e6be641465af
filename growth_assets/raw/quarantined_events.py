"""Raw quarantined events: rows of a day that break a row rule of core.fct_website_events, with the rule's name.

The rows are whole and as received, so that they can be told apart, mended and built again.
"""

from __future__ import annotations

import polars as pl

from growth_assets.contracts.columns import MICROSECONDS
from growth_assets.contracts.contract import Contract, column, columns, not_null
from growth_assets.contracts.table import Table
from growth_assets.raw import website_events
from growth_assets.settings import Settings

COLUMNS = columns(
    [
        ("rule", column(pl.String(), "The first row rule that the event breaks")),
        *(
            # A row is put aside for a missing time as well.
            (name, column(MICROSECONDS, "When it happened (UTC, microseconds)", nullable=True))
            if name == "event_timestamp"
            else (name, each)
            for name, each in website_events.COLUMNS.items()
        ),
    ]
)


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What raw.quarantined_events keeps."""
    return Contract(COLUMNS, row_rules=(not_null("rule"), not_null("source_file"), not_null("line_number")))


TABLE = Table(
    name="raw.quarantined_events",
    description=__doc__,
    contract=contract,
    upstream=("raw.website_events",),
    made_from={
        "rule": (
            "hostname",
            "action_type",
            "event_name",
            "method",
            "url",
            "status",
            "ip",
            "user_agent",
            "user_id",
            "in_the_future",
        ),
    },
    built_with="core.fct_website_events",
    kind="raw",
)
