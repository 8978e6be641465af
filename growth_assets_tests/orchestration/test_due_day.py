"""The due day through Dagster: the sensor tells it while nothing is built, once, and again when it changes."""

from __future__ import annotations

import datetime as dt
import json

import dagster as dg
import pytest

from growth_assets.alerts.journal import Journal
from growth_assets.alerts.seen import DUE_DAY
from growth_assets.orchestration import recency
from growth_assets.orchestration.alert_command import look_once
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.run import build
from growth_assets.orchestration.specs import asset_key
from growth_assets.settings import Settings, load
from growth_assets.tables import BY_NAME

RATE = BY_NAME["metrics.signup_conversion_rate"]

TODAY = dt.datetime.now(dt.UTC).date()


def look(site, instance, now):
    ((_, found),) = recency.look(site, instance, [RATE], now)
    return found


def line(day: dt.date, hour: int) -> str:
    return json.dumps(
        {
            "event_time": f"{day}T{hour:02}:10:00Z", "hostname": "www.xx.com", "action_type": "page_view",
            "ip": "8.8.8.8", "user_agent": "Mozilla/5.0",
        }
    )  # fmt: skip


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test finds what another one published."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))


@pytest.fixture
def site(tmp_path) -> Settings:
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\nsettle_seconds = 0\n', encoding="utf-8")
    (tmp_path / "landing").mkdir()
    yesterday = TODAY - dt.timedelta(days=1)
    (tmp_path / "landing" / "events.ndjson").write_text(line(yesterday, 3) + "\n" + line(yesterday, 20) + "\n")
    settings = load(tmp_path)
    assert not build(settings).failures
    return settings


def tick(settings: Settings, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    found = recency.due_day_sensor(settings)(context)
    assert isinstance(found, dg.SensorResult)
    return found


def at(days: int) -> dt.datetime:
    return dt.datetime.combine(TODAY + dt.timedelta(days=days), dt.time(7))


def test_it_is_red_when_the_pipeline_stops_and_told_once(site):
    with open_instance(site) as instance:
        assert look(site, instance, at(0)).state == "ok"
        for days in (1, 2, 400):
            stopped = look(site, instance, at(days))
            assert stopped.state == "breached"
            assert "not published" in stopped.reason
            assert stopped.since == TODAY.isoformat()
        evaluation = recency.evaluation(RATE, stopped)
        assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert evaluation.partition is None

        first = tick(site, instance, None)
        assert len(first.asset_events) == 4
        assert {each.check_name for each in first.asset_events} == {DUE_DAY}
        second = tick(site, instance, first.cursor)
        assert not second.asset_events
        # An hour later it is told again, whatever became of the last evaluation.
        memory = json.loads(first.cursor)
        long_ago = json.dumps(memory | {"told": "2026-01-01T00:00:00"})
        assert len(tick(site, instance, long_ago).asset_events) == 4
        memory["found"][RATE.name] = ["2026-01-01", "breached", "it was not there"]
        (changed,) = tick(site, instance, json.dumps(memory)).asset_events
        assert changed.asset_key == asset_key(RATE.name)


def test_who_builds_by_cron_hears_of_it_and_a_catch_up_is_no_archive(site, monkeypatch):
    """Only an old day is there, though the pipeline once was in time: a build without news and a look tell it."""
    with open_instance(site) as instance:
        key = asset_key(RATE.name)
        days = [(TODAY - dt.timedelta(days=back)).isoformat() for back in (1, 12)]
        monkeypatch.setattr(recency.Warehouse, "days", lambda *_: [days[1]])
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=days[1]))
        found = look(site, instance, at(0))
        assert (found.state, found.since) == ("breached", (TODAY - dt.timedelta(days=11)).isoformat())
        check = dg.AssetCheckKey(key, DUE_DAY)
        storage = instance.event_log_storage
        before = len(storage.get_asset_check_execution_history(check, limit=9))
        build(site)
        history = storage.get_asset_check_execution_history(check, limit=9)
        assert (len(history), history[0].status.name) == (before + 1, "FAILED")
    said = look_once(site)
    assert "told 1 alerts" in said
    (row,) = Journal(site).all()
    assert (row.alert.check, row.alert.first_bad_day) == (DUE_DAY, found.since)


def test_a_backfill_of_an_archive_makes_nothing_due(tmp_path):
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\nsettle_seconds = 0\n', encoding="utf-8")
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "events.ndjson").write_text(line(dt.date(2026, 1, 5), 3) + "\n", encoding="utf-8")
    settings = load(tmp_path)
    report = build(settings)
    assert not report.failures
    with open_instance(settings) as instance:
        assert look(settings, instance, at(0)).state == "cannot_tell"
        # The run that built the day told it as well, so that nothing is left unsaid.
        key = dg.AssetCheckKey(asset_key(RATE.name), DUE_DAY)
        newest = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)[0]
        assert (newest.status.name, newest.partition) == ("SUCCEEDED", None)
