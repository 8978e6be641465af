"""Builds from the command line: the same assets as in the UI, run in this process on the same Dagster instance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from growth_assets import workers
from growth_assets.alerts.seen import DUE_DAY
from growth_assets.engines import cluster
from growth_assets.engines.local import only_by_history, outdated, stale_tables
from growth_assets.engines.rejudge import judged_otherwise
from growth_assets.ingest import clock, ledger
from growth_assets.ingest.begun import Landing
from growth_assets.ingest.ledger import Ledger
from growth_assets.ingest.out_of_range import Survey, first_day, last_day, survey
from growth_assets.orchestration import attempts, recency
from growth_assets.orchestration.builders import builder
from growth_assets.orchestration.daily import BAD_DAYS, UNVIEWED, Progress, daily_keys
from growth_assets.orchestration.graph import daily_partitions, definitions
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.landing import AGAIN, LANDING_KEYS
from growth_assets.orchestration.specs import asset_key
from growth_assets.orchestration.stale_days import contiguous, range_tags
from growth_assets.settings import Settings
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.warehouse.remedies import with_remedy

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's console log says each event; the command line shows a bar and a summary instead."""


class LandingError(Exception):
    """The landing run failed as a whole; the message says why."""


class StoppedError(Exception):
    """Someone stopped the build; the day that was under way is published, and so are those before it."""


@dataclass(frozen=True)
class CheckFailure:
    """A check that did not pass."""

    table: str
    check: str
    ds: str | None
    severity: str
    description: str


@dataclass
class Report:
    """What a build did."""

    landing: Mapping[str, Any] = field(default_factory=dict)
    days: list[str] = field(default_factory=list)
    restated: list[str] = field(default_factory=list)
    """Days of which only those tables were built again that stand on earlier days which changed."""
    bad_days: dict[str, str] = field(default_factory=dict)
    """Days not published in full, with the reason."""
    unviewed: str = ""
    """Why the catalogue of views is not up to date, or what stands on the days that were built."""
    failures: list[CheckFailure] = field(default_factory=list)
    out_of_range: Survey = field(default_factory=Survey)
    """Events of days that are no partition."""
    landed: list[str] = field(default_factory=list)
    """All days that have events and are a partition."""
    asked: bool = False
    """True where a range was asked for."""
    outdated: int = 0
    """Days built with other settings or by another version, which this build did not touch."""

    @property
    def failed_errors(self) -> list[CheckFailure]:
        """The failed checks of severity ERROR."""
        return [failure for failure in self.failures if failure.severity == "ERROR"]


def build(
    settings: Settings,
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    landing: Landing | None = None,
    day_progress: Progress | None = None,
    again: bool = False,
) -> Report:
    """Land new files, then build the days whose inputs changed, or all days of a range that have events.

    One run for landing, which may have begun, one for each contiguous range of days. With `again` rejected lines of
    files that are gone are read again as well, and days built of which another row would be put aside now than was.
    """
    settings.require_stores()
    report = Report(asked=bool(first or last))
    with ExitStack() as held:
        instance = held.enter_context(open_instance(settings))
        own = held.enter_context(builder(settings, instance))
        held.enter_context(workers.at_hand())
        if settings.engine == "spark":
            held.enter_context(cluster.at_hand(settings))
        landed = _run(definitions(settings, landing=landing), instance, LANDING_KEYS, own, again=again)
        report.failures += _failures(landed)
        for event in landed.get_asset_materialization_events():
            materialization = event.step_materialization_data.materialization
            if materialization.asset_key == LANDING_KEYS[0]:
                report.landing = {name: value.value for name, value in materialization.metadata.items()}
        # A blocking check ends the run as failed after all has landed; what is sound is built even so.
        if not landed.success and not (report.landing and report.failed_errors):
            raise LandingError(_why(landed))
        # Older days than any before may have landed, and the first partition follows them.
        partitions = daily_partitions(settings)
        known = set(partitions.get_partition_keys())
        landed_days, warehouse = ledger.read(settings.warehouse), _as_it_is(settings)
        days = wanted_days(settings, first, last, landed_days, warehouse)
        if again:
            days = sorted({*days, *_judged_otherwise(settings, landed_days, known)})
        report.landed = [ds for ds in landed_days.days if ds in known]
        report.out_of_range = survey(settings, landed_days)
        for group in contiguous([ds for ds in days if ds in known]):
            _build_days(report, settings, instance, group, daily_keys(), own, day_progress)
            report.days += group
        warehouse = warehouse.but_for([*report.days, *report.restated], DAILY)
        # A run builds again what stands on its days itself, unless other runs' days are to be built for it too.
        for names, group in _standing_on_others(landed_days, warehouse, known.difference(report.restated)):
            _build_days(report, settings, instance, group, [asset_key(name) for name in names], own, day_progress)
            report.restated += group
        report.restated.sort()
        warehouse = warehouse.but_for(report.restated, DAILY)
        if not report.days:
            # Where a day was built its run told it.
            recency.tell(settings, instance)
        report.outdated = sum(1 for ds in report.landed if outdated(warehouse, DAILY, settings, ds))
    return report


def _as_it_is(settings: Settings) -> Warehouse:
    return Warehouse.of(settings).at_a_look(DAILY)


def wanted_days(
    settings: Settings, first: dt.date | None, last: dt.date | None,
    landed: Ledger | None = None, warehouse: Warehouse | None = None,
) -> list[str]:  # fmt: skip
    """The days to build: those of the range that have events, or without a range those that are not up to date.

    A day that was built before it was over is up to date until it is over, and then once more to be built.
    """
    landed = landed or ledger.read(settings.warehouse)
    if first or last:
        start = (first or first_day(settings)).isoformat()
        end = (last or last_day()).isoformat()
        return [ds for ds in landed.days if start <= ds <= end]
    warehouse = warehouse or _as_it_is(settings)
    stale = {ds: stale_tables(warehouse, DAILY, ds, landed.inputs(ds)) for ds in landed.days}
    unfinished = attempts.unfinished(settings, clock.now())
    return [ds for ds, tables in stale.items() if (tables and not only_by_history(tables)) or ds in unfinished]


def _standing_on_others(
    landed: Ledger, warehouse: Warehouse, known: Collection[str]
) -> list[tuple[tuple[str, ...], list[str]]]:
    """Days to be built again in part, since earlier days changed: the tables, and days without a gap."""
    days: dict[tuple[str, ...], list[str]] = {}
    for ds in landed.days:
        stale = stale_tables(warehouse, DAILY, ds, landed.inputs(ds))
        if ds in known and only_by_history(stale):
            days.setdefault(tuple(table.name for table in stale), []).append(ds)
    return [(names, group) for names, each in days.items() for group in contiguous(each)]


def _build_days(
    report: Report, settings: Settings, instance: dg.DagsterInstance, group: Sequence[str],
    keys: Sequence[dg.AssetKey], own: Mapping[str, str], progress: Progress | None,
) -> None:  # fmt: skip
    result = _run(definitions(settings, progress), instance, keys, {**own, **range_tags(group)})
    report.failures += _failures(result)
    built = {event.partition for event in result.get_asset_materialization_events() if event.partition}
    bad_days, unviewed = ({}, "") if result.success else _told_bad(result)
    report.restated += sorted(built.union(bad_days).difference(group, report.restated))
    if not result.success:
        report.unviewed = report.unviewed or unviewed
        report.bad_days |= bad_days or ({} if unviewed else dict.fromkeys(group, _why(result)))


def _judged_otherwise(settings: Settings, landed: Ledger, known: Collection[str]) -> list[str]:
    warehouse = Warehouse.of(settings)
    days = [ds for ds in landed.days if ds in known]
    return [ds for ds in days if judged_otherwise(warehouse, DAILY, settings, ds)]


def _run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[dg.AssetKey],
    tags: Mapping[str, str],
    *,
    again: bool = False,
) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        run_config={**QUIET, **(AGAIN if again else {})}, instance=instance, asset_selection=list(keys),
        raise_on_error=False, tags=tags,
    )  # fmt: skip
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.RUN_CANCELED:
            raise StoppedError
        why = event.job_failure_data.error if event.is_run_failure else None
        if why and why.cls_name == dg.DagsterExecutionInterruptedError.__name__:
            raise StoppedError
    return result


def _failures(result: dg.ExecuteInProcessResult) -> list[CheckFailure]:
    return [
        CheckFailure(
            ".".join(evaluation.asset_key.path), evaluation.check_name, evaluation.partition,
            evaluation.severity.value, evaluation.description or "",
        )
        for evaluation in result.get_asset_check_evaluations()
        # What is due now is no matter of the days that were built.
        if not evaluation.passed and evaluation.check_name != DUE_DAY
    ]  # fmt: skip


def _told_bad(result: dg.ExecuteInProcessResult) -> tuple[dict[str, str], str]:
    """The bad days that a failed run tells, and what is wrong with the catalogue."""
    for event in result.get_step_failure_events():
        told = event.step_failure_data.user_failure_data
        days = told.metadata.get(BAD_DAYS) if told else None
        if told and days is not None and isinstance(days.value, dict):
            return {str(ds): str(why) for ds, why in days.value.items()}, str(told.metadata[UNVIEWED].value)
    return {}, ""


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        if error:
            return with_remedy((error.cause or error).message.strip())
    return "the run failed; see it in the UI"
