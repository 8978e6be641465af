"""The table ops.alerts: every message about an incident, whether a channel took it or not.

Not built from events, so no asset: the alert sensor writes it, one Parquet file a month. Its times are those of the
findings.
"""

from __future__ import annotations

import polars as pl

from growth_assets.contracts.columns import MAP, MICROSECONDS
from growth_assets.contracts.contract import Contract, column, columns, not_null
from growth_assets.contracts.table import Table
from growth_assets.settings import Settings

COLUMNS = columns(
    [
        ("alert_id", column(pl.String(), "The same for the same finding, so that nothing is told twice")),
        ("incident_id", column(pl.String(), "Messages of one incident have the same")),
        ("found_at", column(MICROSECONDS, "When the finding was logged, UTC")),
        ("kind", column(pl.String(), "opened, worsened, reopened, recovered, history, or notice: about alerts")),
        ("severity", column(pl.String(), "WARN or ERROR: the worst of the incident so far")),
        ("table_name", column(pl.String(), "The table, or what a run builds")),
        ("check_name", column(pl.String(), "The rule that did not hold; `freshness`, `run` and `history` beside them")),
        ("dim_hostname", column(pl.String(), "The host, where the rule knows hosts, or `many hosts`", nullable=True)),
        ("first_bad_day", column(pl.String(), "First bad day of the incident (UTC)")),
        ("last_bad_day", column(pl.String(), "Its last bad day so far")),
        ("ds", column(pl.String(), "The day that made the message; null where the rule has no days", nullable=True)),
        ("title", column(pl.String(), "What was sent as the subject")),
        ("text", column(pl.String(), "What was sent")),
        ("link", column(pl.String(), "Where Dagster's pages show it")),
        ("delivery", column(MAP, "What became of it on each channel")),
        ("run_id", column(pl.String(), "The run that found it", nullable=True)),
        ("log_position", column(pl.Int64(), "Position of the finding in Dagster's event log")),
    ]
)  # fmt: skip


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What ops.alerts keeps."""
    return Contract(COLUMNS, row_rules=tuple(not_null(name) for name in ("alert_id", "kind", "first_bad_day")))


TABLE = Table(name="ops.alerts", description=__doc__, contract=contract, partitioned=False)
