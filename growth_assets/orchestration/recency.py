"""The check that a metric has the newest day that is due, evaluated by a sensor: also while nothing is built.

Each run that builds a metric evaluates it as well, since a run that asks for a check and tells nothing of it would hide
what was told before.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection

import dagster as dg
import polars as pl
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from growth_assets.agg import website_events as agg
from growth_assets.agg.grouping_sets import level_name
from growth_assets.alerts.seen import DUE_DAY
from growth_assets.checks.recent import Recency, due, judge
from growth_assets.contracts.table import Table
from growth_assets.orchestration.specs import asset_key
from growth_assets.settings import Settings
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

NAME = "due_day_sensor"

SECONDS = 120
"""How often the sensor looks, at most."""

DUE = "due"
"""Entry of an evaluation's metadata: the day that was asked for."""

NEVER = "2000-01-01T00:00:00"

TELL_AGAIN = dt.timedelta(hours=1)
"""What has not changed is told again so often: a run that was killed leaves the check without an answer."""


def due_day_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that evaluates the check of all metrics."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks whether every metric has the newest day that is due, also while nothing is built.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        found = {table.name: look(settings, context.instance, table, now) for table in metrics()}
        summary = {name: [each.ds, each.state, each.reason] for name, each in found.items()}
        cursor = json.loads(context.cursor or "{}")
        before, told = cursor.get("found", {}), cursor.get("told", NEVER)
        again = now - dt.datetime.fromisoformat(told) >= TELL_AGAIN
        changed = {name for name in found if again or before.get(name) != summary[name]}
        if not changed:
            return dg.SensorResult(skip_reason="as told before", cursor=context.cursor)
        told = now.isoformat() if again else told
        return dg.SensorResult(
            asset_events=[evaluation(table, found[table.name]) for table in metrics() if table.name in changed],
            cursor=json.dumps({"told": told, "found": summary}),
        )

    return sensor


def metrics() -> list[Table]:
    """The tables that have the check, guardrails first: what is worst is told first, and the rest with it."""
    return sorted((table for table in DAILY if table.kind == "metric"), key=lambda table: not table.guardrail)


def evaluations(
    settings: Settings, instance: dg.DagsterInstance, wanted: Collection[dg.AssetCheckKey]
) -> list[AssetCheckEvaluation]:
    """The evaluations of those checks that are among `wanted`, as it is now."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return [
        evaluation(table, look(settings, instance, table, now))
        for table in metrics()
        if dg.AssetCheckKey(asset_key(table.name), DUE_DAY) in wanted
    ]


def look(settings: Settings, instance: dg.DagsterInstance, table: Table, now: dt.datetime) -> Recency:
    """What there is of the table at the moment `now` (UTC, naive)."""
    freshness = settings.freshness
    ds = due(now, dt.time.fromisoformat(freshness.guardrail_deadline if table.guardrail else freshness.metric_deadline))
    warehouse = Warehouse.of(settings)
    days = warehouse.days(table)
    newest = days[-1] if days else None
    published = ds in days
    return judge(
        ds,
        published=published,
        newest_day=newest,
        newest_published=_first_published(instance, table, newest) if newest else None,
        newest_hour=_newest_hour(warehouse, ds) if published else None,
        hours=freshness.newest_event_hours,
    )


def evaluation(table: Table, found: Recency) -> AssetCheckEvaluation:
    """The evaluation as Dagster logs it; of no partition, since it speaks of the table as it is now."""
    return AssetCheckEvaluation(
        asset_key=asset_key(table.name),
        check_name=DUE_DAY,
        passed=found.state != "breached",
        severity=dg.AssetCheckSeverity.ERROR if table.guardrail else dg.AssetCheckSeverity.WARN,
        metadata={
            "state": dg.MetadataValue.text(found.state),
            "reason": dg.MetadataValue.text(found.reason),
            DUE: dg.MetadataValue.text(found.ds),
            "sql": f"SELECT ds, count(*) AS rows FROM {table.name} GROUP BY ds ORDER BY ds DESC LIMIT 7",  # noqa: S608 - a name of ours
        },
        description=found.reason or f"{found.ds} is there, up to its evening",
        blocking=False,
    )


def _first_published(instance: dg.DagsterInstance, table: Table, ds: str) -> dt.datetime | None:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key(table.name), asset_partitions=[ds]), limit=1, ascending=True
    )
    return dt.datetime.fromtimestamp(found.records[0].timestamp, dt.UTC).replace(tzinfo=None) if found.records else None


def _newest_hour(warehouse: Warehouse, ds: str) -> int | None:
    """The last hour of the day with an event, from the small table of counts."""
    if not warehouse.path(agg.TABLE, ds).exists():
        return None
    hours = warehouse.scan(agg.TABLE, ds).filter(pl.col("aggregation_level") == level_name(["event_hour"]))
    newest = hours.select(pl.col("event_hour").max()).collect().item()
    return None if newest is None else int(newest)
