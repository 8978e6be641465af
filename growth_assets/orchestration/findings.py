"""What Dagster logged, as findings: check evaluations, changes of freshness, and how runs ended.

All of these stand in one index of Dagster's SQL storages, under one running number, whichever run they are of. The
public way to ask for evaluations since a position does not work on SQLite, where each run has a file of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from growth_assets.alerts.seen import FRESHNESS, MANY_HOSTS, SINGLY, Ended, Level, Seen
from growth_assets.orchestration.daily import BAD_DAYS, daily_keys
from growth_assets.orchestration.landing import LANDING_KEYS
from growth_assets.orchestration.recency import DUE, SINCE
from growth_assets.orchestration.specs import table_name

ENDS = {
    DagsterEventType.RUN_SUCCESS: False,
    DagsterEventType.RUN_FAILURE: True,
    DagsterEventType.RUN_CANCELED: None,
}
"""Event to whether the run failed."""

READ = (DagsterEventType.ASSET_CHECK_EVALUATION, DagsterEventType.FRESHNESS_STATE_CHANGE, *ENDS)

AT_ONCE = 500
"""So many events of a kind are read at once."""

HOLD_BACK = 2.0
"""Seconds that an event must be old: of two that are written at once, the later number may be seen first."""

FRESH = {FreshnessState.PASS: Level.OK, FreshnessState.WARN: Level.WARN, FreshnessState.FAIL: Level.ERROR}

FRESHNESS_SAYS = {
    FreshnessState.WARN: "it is late, by its freshness policy",
    FreshnessState.FAIL: "it is too late, by its freshness policy",
}

OVERALL = "overall"
"""In place of a host: all of them."""

NOT_NUMBERS = {"state", "reason", "sql", "not_published", "compared", "dim_hostname", "aggregation_level"}
"""Entries of an evaluation's metadata that are told in another way, or on the check's page alone."""

Event = Seen | Ended


class Log:
    """The event log of an instance, read from a position on."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        storage, runs = instance.event_log_storage, instance.run_storage
        if not isinstance(storage, SqlEventLogStorage) or not isinstance(runs, SqlRunStorage):
            raise TypeError(
                f"alerts need Dagster's storage in SQL, and {type(storage).__name__} of dagster.yaml is none"
            )
        self._storage, self._runs = storage, runs
        self._days_of = lru_cache(maxsize=256)(self._days_of_run)

    @property
    def identity(self) -> str:
        """Another one where Dagster's storage was made anew."""
        return self._runs.get_run_storage_id()

    @property
    def newest(self) -> int:
        """The highest position."""
        return self._storage.get_maximum_record_id() or 0

    def since(self, position: int, now: float) -> tuple[list[Event], int]:
        """The next findings in order, and how far was read: to be asked again until that stays."""
        records: list[dg.EventLogRecord] = []
        horizon: int | None = None
        for event_type in READ:
            # The method of the base class reads the index; SQLite's own would open each run's file.
            found = SqlEventLogStorage.get_event_records(
                self._storage, dg.EventRecordsFilter(event_type, after_cursor=position), limit=AT_ONCE, ascending=True
            )
            if len(found) == AT_ONCE:
                horizon = min(found[-1].storage_id, horizon or found[-1].storage_id)
            records += found
        records = sorted(
            (each for each in records if horizon is None or each.storage_id <= horizon),
            key=lambda each: each.storage_id,
        )
        events: list[Event] = []
        for record in records:
            if record.timestamp > now - HOLD_BACK:
                break
            position = record.storage_id
            events += self._events(record)
        return events, position

    def _events(self, record: dg.EventLogRecord) -> Iterator[Event]:
        entry = record.event_log_entry
        event = entry.dagster_event
        data = event.event_specific_data if event else None
        if isinstance(data, AssetCheckEvaluation):
            days, newest = self._days_of(entry.run_id) if entry.run_id else (1, "")
            for each in findings(record.storage_id, entry.timestamp, entry.run_id, days, data):
                yield replace(each, newest_of_run=newest)
        elif isinstance(data, FreshnessStateChange):
            yield Seen(
                record.storage_id, entry.timestamp, table_name(data.key), FRESHNESS, FRESH.get(data.new_state),
                says=FRESHNESS_SAYS.get(data.new_state, ""),
            )  # fmt: skip
        elif event and event.event_type in ENDS:
            yield self._ended(record, failed=ENDS[event.event_type])

    def _ended(self, record: dg.EventLogRecord, *, failed: bool | None) -> Ended:
        entry = record.event_log_entry
        days, says = self._why(entry.run_id) if failed else ({}, "")
        if failed and not says and entry.dagster_event:
            says = entry.dagster_event.message or ""
        return Ended(record.storage_id, entry.timestamp, entry.run_id, self._builds(entry.run_id), failed, days, says)

    def _why(self, run_id: str) -> tuple[Mapping[str, str], str]:
        found = self._instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_FAILURE, limit=5)
        days: dict[str, str] = {}
        says = ""
        for record in found.records:
            event = record.event_log_entry.dagster_event
            told = event.step_failure_data if event else None
            listed = told.user_failure_data.metadata.get(BAD_DAYS) if told and told.user_failure_data else None
            if listed is not None and isinstance(listed.value, dict):
                days |= {str(day): str(why) for day, why in listed.value.items()}
            if told and told.error and not says:
                says = (told.error.cause or told.error).message.strip()
        return days, says

    def _builds(self, run_id: str) -> str:
        run = self._instance.get_run_by_id(run_id)
        if run is None:
            return "a run"
        selected = run.asset_selection or frozenset()
        if not selected.isdisjoint(LANDING_KEYS):
            return "landing"
        return "daily tables" if not selected.isdisjoint(daily_keys()) else run.job_name

    def _days_of_run(self, run_id: str) -> tuple[int, str]:
        """How many days a run was asked to build, and the newest."""
        run = self._instance.get_run_by_id(run_id)
        tags = run.tags if run else {}
        try:
            first = dt.date.fromisoformat(tags[ASSET_PARTITION_RANGE_START_TAG])
            newest = dt.date.fromisoformat(tags[ASSET_PARTITION_RANGE_END_TAG])
        except (KeyError, ValueError):  # one day, none, or partitions that are no days
            return 1, ""
        return (newest - first).days + 1, newest.isoformat()


def findings(position: int, at: float, run_id: str, days_of_run: int, evaluation: AssetCheckEvaluation) -> list[Seen]:
    """What one evaluation found: about the table, or about each host where it compared hosts."""
    metadata = {name: value.value for name, value in evaluation.metadata.items()}
    # A check of no partition may ask for a day; it is of now, however many days its run builds.
    due = str(metadata.get(DUE) or "")
    about = Seen(
        position, at, table_name(evaluation.asset_key), evaluation.check_name, None,
        ds=_day(evaluation.partition or due), run_id=run_id, days_of_run=1 if due else days_of_run,
        since=_day(str(metadata.get(SINCE) or "")) or "",
    )  # fmt: skip
    severity = Level[evaluation.severity.value]
    reason = str(metadata.get("reason") or "")
    state = str(metadata.get("state") or ("ok" if evaluation.passed else "breached"))
    compared = metadata.get("compared")
    records = [each.data for each in compared.records] if isinstance(compared, dg.TableMetadataValue) else []
    hosts = [each for each in records if "dim_hostname" in each and "state" in each]
    if hosts:
        return list(_of_hosts(about, hosts, state, severity, metadata))
    host = str(metadata.get("dim_hostname") or "")
    says = "; ".join(dict.fromkeys(text for text in (evaluation.description or "", reason) if text))
    return [
        replace(
            about, level=_level(state, severity), host=host, for_all_hosts=not host, says=says,
            numbers=_numbers(metadata),
            blocks=bool(evaluation.blocking) and not evaluation.passed and severity is Level.ERROR,
        )
    ]  # fmt: skip


def _of_hosts(
    about: Seen, rows: Sequence[Mapping[str, object]], state: str, severity: Level, metadata: Mapping[str, object]
) -> Iterator[Seen]:
    """What was found about each host that is listed; some may not be, where they are many."""
    by_host = {"" if each["dim_hostname"] == OVERALL else str(each["dim_hostname"] or ""): each for each in rows}
    breached = {host for host, each in by_host.items() if each["state"] == "breached"}
    hosts = breached - {""}
    count = metadata.get("breached")
    number = max(count - len(breached - hosts) if isinstance(count, int) else 0, len(hosts))
    many = number > SINGLY
    if many:
        says = f"on {number} hosts: {metadata.get('reason') or ''}"
        yield replace(about, level=severity, host=MANY_HOSTS, says=says, numbers=_numbers(metadata))
    elif state != "cannot_tell":
        yield replace(about, level=Level.OK, host=MANY_HOSTS)
    for host, each in by_host.items():
        told = _level(str(each["state"]), severity)
        if host in breached and (many if host else bool(hosts)):
            told = None  # of many hosts each is no incident of its own, nor is what all come to where one of them is
        yield replace(about, level=told, host=host, says=str(each.get("reason") or ""), numbers=_numbers(each))
    if state == "ok":
        unsure = frozenset(host for host, each in by_host.items() if each["state"] != "ok")
        # Of a host that is not listed nothing more is said: it may be one of many, or have gone.
        yield replace(about, level=Level.OK, for_all_hosts=True, but_for=unsure, says="no host breaks it")


def _level(state: str, severity: Level) -> Level | None:
    return {"ok": Level.OK, "breached": severity}.get(state)


def _day(partition: str | None) -> str | None:
    try:
        return dt.date.fromisoformat(partition).isoformat() if partition else None
    except ValueError:  # of something else than days
        return None


def _numbers(values: Mapping[str, object]) -> dict[str, str]:
    """Numbers as people read them; those that are not zero first."""
    numbers = {
        name: value for name, value in values.items()
        if name not in NOT_NUMBERS and isinstance(value, int | float) and not isinstance(value, bool)
    }  # fmt: skip
    ordered = sorted(numbers.items(), key=lambda pair: not pair[1])
    return {name: f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for name, value in ordered}
