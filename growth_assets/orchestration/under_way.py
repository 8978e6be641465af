"""What was asked for and is not finished: runs of anyone, queued or under way, and backfills."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from growth_assets.orchestration.daily import daily_keys
from growth_assets.orchestration.landing import LANDING_KEYS

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.MANAGED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class UnderWay:
    """What need not be asked for now."""

    landing: bool
    days: frozenset[str]
    sensors: int
    """How many of the runs a sensor asked for."""


def under_way(instance: dg.DagsterInstance, sensor: str) -> UnderWay:
    """Look at all unfinished runs and backfills; `sensor` names the one whose runs are counted."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
    days = {ds for run in runs if _selects(run, daily_keys()) for ds in _days(run)}
    days |= {ds for backfill in backfills for ds in _days_of_backfill(backfill)}
    return UnderWay(
        landing=any(_selects(run, LANDING_KEYS) for run in runs),
        days=frozenset(days),
        sensors=sum(1 for run in runs if run.tags.get("dagster/sensor_name") == sensor),
    )


def _selects(run: dg.DagsterRun, keys: Collection[dg.AssetKey]) -> bool:
    return run.asset_selection is None or not run.asset_selection.isdisjoint(keys)


def _days(run: dg.DagsterRun) -> Iterator[str]:
    one = run.tags.get(PARTITION_NAME_TAG)
    first, last = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, one), run.tags.get(ASSET_PARTITION_RANGE_END_TAG, one)
    if first is None or last is None:
        return
    try:
        start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    except ValueError:  # a run of something else than days
        return
    for number in range((end - start).days + 1):
        yield (start + dt.timedelta(days=number)).isoformat()


def _days_of_backfill(backfill: PartitionBackfill) -> Iterator[str]:
    if backfill.asset_backfill_data is not None:
        targets = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
        for key in daily_keys():
            if key in targets:
                yield from targets[key].get_partition_keys()
