"""The last four weeks of a table in a small chart beside its materialization, drawn from what Dagster logged."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import dagster as dg

from growth_assets.contracts.table import Table
from growth_assets.orchestration.specs import ROWS, asset_key
from growth_assets.report.chart import Line, chart

DAYS = 28

NAME = "last_28_days"
"""Under this name the chart stands in the metadata."""

REBUILT = 3
"""Of a day that was built more often than this lately, the oldest of the four weeks may be missing from the chart."""


def last_weeks(instance: dg.DagsterInstance, table: Table, ds: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata entry of the chart that ends with `ds`, whose own numbers are in `metadata`, not yet logged."""
    day = dt.date.fromisoformat(ds)
    days = [(day - dt.timedelta(days=back)).isoformat() for back in range(DAYS - 1, -1, -1)]
    logged = {**_logged(instance, table, days[:-1]), ds: metadata}
    days = [each for each in days if each >= min(logged)]
    measure = next((name for name, value in metadata.items() if name not in _ABOUT and _is_number(value)), ROWS)
    line = Line(
        "rows" if measure == ROWS else measure,
        _values(logged, measure),
        usual=_values(logged, "baseline_rate"),
        low=_values(logged, "rate_low"),
        high=_values(logged, "rate_high"),
        bad=[ds for ds in days if logged.get(ds, {}).get("guardrail_state") == "breached"],
    )
    text = chart(line, days)
    return {NAME: dg.MetadataValue.md(text)} if text else {}


_ABOUT = {ROWS, "bytes", "seconds"}
"""Numbers that every materialization has."""


def _logged(instance: dg.DagsterInstance, table: Table, days: list[str]) -> dict[str, Mapping[str, Any]]:
    """The numbers of each day's newest materialization."""
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key(table.name), asset_partitions=days), limit=REBUILT * len(days)
    )
    logged: dict[str, Mapping[str, Any]] = {}
    for record in found.records:  # the newest come first
        materialization = record.asset_materialization
        if materialization and materialization.partition:
            values = {name: each.value for name, each in materialization.metadata.items()}
            logged.setdefault(materialization.partition, values)
    return logged


def _values(logged: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, float]:
    return {ds: float(each[name]) for ds, each in logged.items() if _is_number(each.get(name))}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
