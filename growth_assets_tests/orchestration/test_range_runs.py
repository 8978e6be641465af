"""A run of many days: stopped between days, with each day's events logged as one."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import suppress

import dagster as dg
import polars as pl
import pytest

from growth_assets import settings as site
from growth_assets.alerts.seen import DUE_DAY
from growth_assets.ingest import ledger
from growth_assets.ingest.ledger import LedgerError
from growth_assets.orchestration import daily, event_log, run
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.specs import asset_key
from growth_assets.orchestration.stale_days import Watch
from growth_assets.tables import DAILY
from growth_assets.warehouse import locks
from growth_assets.warehouse.partitions import Warehouse

pytestmark = pytest.mark.slow

DAYS = [f"2026-03-0{number}" for number in range(1, 5)]


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
    (tmp_path / "landing" / "events.ndjson").write_text("".join(event(ds, hour) for ds in DAYS for hour in range(12)))
    return site.load(tmp_path)


def event(ds: str, hour: int) -> str:
    said = {
        "event_time": f"{ds}T{hour:02}:00:00.5Z", "hostname": "www.xx.com", "ip": f"198.51.100.{hour}",
        "action_type": "page_view", "user_agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/124.0",
    }  # fmt: skip
    return json.dumps(said) + "\n"


def stop_at(monkeypatch: pytest.MonkeyPatch, ds: str) -> None:
    """A signal comes in the middle of a day, as from Ctrl-C or when a run is terminated in the UI."""
    stage = Warehouse.stage

    def signalled(self, table, day, frame):
        if (table.name, day) == ("core.agg_website_events", ds):
            os.kill(os.getpid(), signal.SIGINT)
        return stage(self, table, day, frame)

    monkeypatch.setattr(Warehouse, "stage", signalled)


def published(settings: site.Settings) -> dict[str, list[str]]:
    warehouse = Warehouse.of(settings)
    return {table.name: warehouse.days(table) for table in DAILY}


def test_a_stopped_run_ends_between_two_days_and_the_next_goes_on(settings, monkeypatch):
    with monkeypatch.context() as patched:
        stop_at(patched, DAYS[1])
        patched.setattr(daily, "AHEAD", len(DAYS) - 1)
        with pytest.raises(run.StoppedError):
            run.build(settings)
    there = published(settings)[DAILY[0].name]
    # The day of the signal, and what was begun with it.
    assert DAYS[:2] <= there < DAYS
    assert published(settings) == {table.name: there for table in DAILY}
    with open_instance(settings) as instance:
        for table in DAILY:
            assert instance.get_materialized_partitions(asset_key(table.name)) == set(there)
        (stopped,) = instance.get_runs(limit=1)
        assert stopped.status is dg.DagsterRunStatus.CANCELED
        said = [entry.user_message for entry in instance.all_logs(stopped.run_id)]
    assert f"Stopped: {len(there)} of {len(DAYS)} days done, the others as they were" in said
    assert not [line for line in said if line.startswith(f"{len(DAYS)} of {len(DAYS)} days done")]
    assert run.build(settings).days == DAYS[len(there) :]
    assert published(settings) == {table.name: DAYS for table in DAILY}


def test_a_day_that_was_published_but_not_logged_is_built_again(settings, monkeypatch):
    log = daily._Events.log

    def lost(self, ds, *more):
        if ds == DAYS[1]:
            raise sqlite3.OperationalError("disk is full")
        log(self, ds, *more)

    with monkeypatch.context() as patched:
        patched.setattr(daily._Events, "log", lost)
        report = run.build(settings)
    assert report.bad_days == {DAYS[1]: "OperationalError: disk is full"}
    with open_instance(settings) as instance:
        assert instance.get_materialized_partitions(asset_key(DAILY[-1].name)) == {*DAYS} - {DAYS[1]}
        assert Watch(settings).stale(ledger.read(settings.warehouse)).wanted.keys() == {DAYS[1]}
        assert run.build(settings).days == [DAYS[1]]
        assert instance.get_materialized_partitions(asset_key(DAILY[-1].name)) == {*DAYS}
    assert Watch(settings).stale(ledger.read(settings.warehouse)).wanted == {}


def test_a_panic_of_one_day_holds_up_no_other_nor_does_a_catalogue_that_cannot_be_written(settings, monkeypatch):
    stage = Warehouse.stage

    def panic(self, table, day, frame):
        if (table.name, day) == ("core.agg_website_events", DAYS[1]):
            raise pl.exceptions.PanicException("planted")
        return stage(self, table, day, frame)

    def full(settings):
        raise OSError(28, "No space left on device", str(settings.catalogue))

    monkeypatch.setattr(Warehouse, "stage", panic)
    monkeypatch.setattr(daily, "refresh_catalogue", full)
    report = run.build(settings)
    assert report.bad_days == {DAYS[1]: "PanicException: planted"}
    assert report.unviewed.startswith(
        f"The views of {settings.catalogue} are not up to date, though the days are: OSErr"
    )
    assert "Make room on that disk" in report.unviewed
    assert published(settings)[DAILY[-1].name] == [DAYS[0], *DAYS[2:]]
    assert not [path for path in settings.data.rglob("*.lock") if locks.is_held(path)]


def test_days_are_told_as_built_where_nobody_knows_what_stands_on_them(settings, monkeypatch):
    def damaged(*given):
        raise LedgerError("damaged ledger entry")

    monkeypatch.setattr(daily, "standing_on", damaged)
    report = run.build(settings)
    assert (report.days, report.bad_days) == (DAYS, {})
    assert "LedgerError: damaged ledger entry" in report.unviewed
    assert settings.catalogue.exists()
    with open_instance(settings) as instance:
        check = dg.AssetCheckKey(asset_key("metrics.signup_conversion_rate"), DUE_DAY)
        assert instance.event_log_storage.get_asset_check_execution_history(check, limit=1)


def test_no_table_stands_on_a_day_that_is_built_beside_it():
    assert min(min(table.history.back) for table in DAILY if table.history) >= daily.AHEAD


def test_the_events_of_a_day_are_stored_as_one_and_point_at_each_other(settings, monkeypatch):
    stored: list[int] = []

    def counted(instance):
        stored.append(1)
        return event_log.together(instance)

    monkeypatch.setattr(daily, "together", counted)
    assert not run.build(settings).failed_errors
    assert len(stored) == len(DAYS)
    with open_instance(settings) as instance:
        (of_days, _) = (each.run_id for each in instance.get_runs(limit=2))
        said = [entry.user_message for entry in instance.all_logs(of_days)]
        assert any(
            line.startswith(f"{len(DAYS)} of {len(DAYS)} days done, ") and line.endswith(" s left") for line in said
        )
        records = instance.get_records_for_run(of_days, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
        numbers = {
            (table.name, record.partition_key): record.storage_id
            for table in DAILY
            for record in instance.fetch_materializations(asset_key(table.name), limit=9).records
        }
        pointed = 0
        for record in records:
            told = record.event_log_entry.asset_check_evaluation
            if told.partition:
                assert (
                    told.target_materialization_data.storage_id
                    == numbers[".".join(told.asset_key.path), told.partition]
                )
                pointed += 1
        assert pointed > 30 * len(DAYS)
        for ds in DAYS:
            (record,) = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key("core.agg_website_events"), [ds]), limit=2
            ).records
            pointer = record.asset_materialization.tags["dagster/input_event_pointer/core/fct_website_events"]
            assert int(pointer) == numbers["core.fct_website_events", ds]


def test_what_is_stored_together_is_stored_whole_or_not_at_all(settings):
    def materialized(instance: dg.DagsterInstance) -> int:
        return len(instance.fetch_materializations(dg.AssetKey("one"), limit=9).records)

    with open_instance(settings) as instance:
        with suppress(KeyError), event_log.together(instance) as stored:
            instance.report_runless_asset_event(dg.AssetMaterialization("one", partition="a"))
            assert list(stored) == [(dg.AssetKey("one"), "a")]
            raise KeyError
        assert materialized(instance) == 0
        with event_log.together(instance):
            instance.report_runless_asset_event(dg.AssetMaterialization("one", partition="a"))
            assert materialized(instance) == 1
        assert materialized(instance) == 1
