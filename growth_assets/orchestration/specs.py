"""From table declarations to Dagster's specs: assets, columns, checks, freshness policies."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
from dagster._utils.warnings import PreviewWarning

from growth_assets.alerts.seen import DUE_DAY
from growth_assets.checks.verdict import check_names
from growth_assets.contracts.contract import Contract
from growth_assets.contracts.table import Table, Watch
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME
from growth_assets.warehouse.catalogue import SQL_TYPES
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.warehouse.versions import code_version

BY_DAY = "by day"
"""The data version of what has landed, always: it has no days, so that another one would speak of all of them. What a
day was built from is in its record, and the landing sensor compares that."""

ROWS = "dagster/partition_row_count"
"""Metadata: the rows of one day."""

GROUPS = {"raw": "raw", "fct": "core", "agg": "core", "metric": "metrics"}
"""Kind of table to asset group."""


def asset_key(name: str) -> dg.AssetKey:
    """`core.fct_website_events` to the key core/fct_website_events."""
    return dg.AssetKey(name.split("."))


def table_name(key: dg.AssetKey) -> str:
    """The key core/fct_website_events to `core.fct_website_events`."""
    return ".".join(key.path)


def asset_spec(
    table: Table,
    settings: Settings,
    partitions: dg.PartitionsDefinition[str] | None,
    made_by: Table | None = None,
) -> dg.AssetSpec:
    """The asset of one table. `made_by` is the table whose pass makes it, where it has no function of its own."""
    contract = table.contract(settings)
    lineage = column_lineage(table, contract, settings)
    return dg.AssetSpec(
        key=asset_key(table.name),
        deps=[asset_key(name) for name in table.upstream],
        description=table.description,
        group_name=GROUPS[table.kind],
        kinds={"polars", "parquet", *(("guardrail",) if table.guardrail else ())},
        owners=list(settings.owners),
        tags={"layer": table.kind, **({"guardrail": "true"} if table.guardrail else {})},
        code_version=code_version(made_by or table, settings),
        partitions_def=partitions,
        skippable=True,
        freshness_policy=freshness_policy(table, settings),
        metadata={
            "dagster/column_schema": column_schema(contract, lineage),
            **({"dagster/column_lineage": lineage} if lineage.deps_by_column else {}),
            "dagster/table_name": table.name,
            "dagster/uri": Warehouse.of(settings).folder(table).as_uri(),
        },
    )


def column_lineage(table: Table, contract: Contract, settings: Settings) -> dg.TableColumnLineage:
    """Which columns of the tables upstream each column is made from."""
    upstream = {name: BY_NAME[name].contract(settings).columns for name in table.upstream if name in BY_NAME}
    sources = {name: table.sources_of(name, upstream) for name in contract.columns}
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(asset_key(source), column) for source, column in each]
            for name, each in sources.items()
            if each
        }
    )


def column_schema(contract: Contract, lineage: dg.TableColumnLineage) -> dg.TableSchema:
    """Columns with their DuckDB types, row rules, descriptions, and the columns that they are made from.

    The open web server has no page for column lineage, so that it is told in the description as well.
    """
    rules: dict[str, list[str]] = {}
    for rule in contract.row_rules:
        rules.setdefault(rule.column, []).append(rule.description)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                SQL_TYPES[contract.dtypes[name]],
                description=f"{each.description}{_made_from(lineage.deps_by_column.get(name, ()))}",
                constraints=dg.TableColumnConstraints(nullable=bool(each.nullable), other=rules.get(name, [])),
            )
            for name, each in contract.columns.items()
        ]
    )


def _made_from(sources: Sequence[dg.TableColumnDep]) -> str:
    """`. From ip, user_agent of raw.website_events`."""
    by_table: dict[str, list[str]] = {}
    for source in sources:
        by_table.setdefault(table_name(source.asset_key), []).append(f"`{source.column_name}`")
    told = " and ".join(f"{', '.join(columns)} of {table}" for table, columns in by_table.items())
    return f". From {told}" if told else ""


def freshness_policy(table: Table, settings: Settings) -> dg.FreshnessPolicy | None:
    """When a metric counts as late: guardrails by a daily deadline, the others by their age."""
    if table.kind != "metric":
        return None
    freshness = settings.freshness
    if table.guardrail:
        hour, minute = (int(part) for part in freshness.guardrail_deadline.split(":"))
        # Built since midnight: what was built before cannot have had all of yesterday.
        since = timedelta(hours=hour, minutes=minute) or timedelta(days=1)
        return dg.FreshnessPolicy.cron(deadline_cron=f"{minute} {hour} * * *", lower_bound_delta=since)
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=freshness.metric_fail_hours),
        warn_window=timedelta(hours=freshness.metric_warn_hours),
    )


def check_specs(
    tables: Sequence[Table], watches: Sequence[Watch], settings: Settings, partitions: dg.PartitionsDefinition[str]
) -> list[dg.AssetCheckSpec]:
    """The checks of the tables, evaluated for each day. A failed one of severity ERROR keeps its day back."""
    descriptions: dict[tuple[str, str], str] = {}
    for table in tables:
        contract = table.contract(settings)
        for rule in contract.rules:
            descriptions[table.name, rule.name] = rule.description
    with warnings.catch_warnings():
        # Partitioned check specs are a preview in this Dagster; without them a day's result would not stand on its day.
        warnings.simplefilter("ignore", PreviewWarning)
        return (
            [
                dg.AssetCheckSpec(
                    name,
                    asset=asset_key(table.name),
                    description=descriptions.get((table.name, name), SHARED_CHECKS.get(name, name)),
                    partitions_def=partitions,
                    blocking=True,
                )
                for table in tables
                for name in check_names(table)
            ]
            + [
                dg.AssetCheckSpec(
                    watch.check,
                    asset=asset_key(watch.table),
                    description=watch.description,
                    partitions_def=partitions,
                    blocking=False,
                )
                for watch in watches
            ]
            + [
                # Of no partition: it speaks of the table as it is now.
                dg.AssetCheckSpec(DUE_DAY, asset=asset_key(table.name), description=SHARED_CHECKS[DUE_DAY])
                for table in tables
                if table.kind == "metric"
            ]
        )


SHARED_CHECKS = {
    "contract": "Types, and all rules of the contract that have no check of their own",
    "agreement": "Every group has the events and visitors that the events themselves say, counted in another way",
    DUE_DAY: "All days up to yesterday are published (by its deadline), and its newest event is recent",
    "conservation": "No row is lost: the rows that came in are this table's, those put aside and those dropped",
}
"""What the checks say that are not of one rule."""
