"""Today is published as it grows, and compared with other days when it is over, also where nothing more comes."""

from __future__ import annotations

import datetime as dt
import json
from unittest import mock

import dagster as dg
import pytest

from growth_assets import settings as site
from growth_assets.ingest import clock, ledger
from growth_assets.orchestration import attempts
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.run import build
from growth_assets.orchestration.specs import asset_key
from growth_assets.orchestration.stale_days import Watch
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.watches import WATCHES
from growth_assets_tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

TODAY = dt.date(2026, 3, 9)
DS = TODAY.isoformat()
EVENING, NIGHT = dt.datetime.fromisoformat("2026-03-09T20:00:00"), dt.datetime.fromisoformat("2026-03-10T00:01:00")


def lines(day: dt.date, host: str) -> str:
    said = {"hostname": host, "ip": "198.51.100.7", "action_type": "page_view", "user_agent": "Mozilla/5.0"}
    each = ({"event_time": f"{day}T10:{minute:02}:00.5Z", **said} for minute in range(25))
    return "".join(json.dumps(one) + "\n" for one in each)


def found(settings: site.Settings) -> dict[tuple[str, str], tuple[object, object]]:
    """State and reason of each watch, by table and check, as Dagster has them of today."""
    with open_instance(settings) as instance:
        keys = {dg.AssetCheckKey(asset_key(watch.table), watch.check): watch for watch in WATCHES}
        records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    told = {}
    for key, record in records.items():
        evaluation = record.evaluation
        assert evaluation is not None
        assert evaluation.partition == DS
        told[keys[key].table, key.name] = (evaluation.metadata["state"].value, evaluation.metadata["reason"].value)
    return told


def test_today_is_judged_once_and_when_it_is_over(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com", "www.xxx.com"]\n')
    growing = tmp_path / "landing" / "events.ndjson"
    week = [TODAY - dt.timedelta(age) for age in range(7, 0, -1)]
    growing.write_text("".join(lines(day, host) for day in week for host in ("www.xx.com", "www.xxx.com")))
    with growing.open("a") as more:
        more.write(lines(TODAY, "www.xx.com"))  # and the other host is silent
    settings = site.load(tmp_path)
    watch = Watch(settings)

    def published() -> dict[str, str]:
        records = {table.name: Warehouse.of(settings).record(table, DS) for table in DAILY}
        return {name: record.sha256 for name, record in records.items() if record}

    with mock.patch.object(clock, "now", return_value=EVENING):
        report = build(settings)
        assert (report.days[-1], report.failures, report.bad_days) == (DS, [], {})
        told = found(settings)
        assert "`the day is not over`" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
        assert set(told.values()) == {("cannot_tell", "the day is not over")}
        assert len(told) == len(WATCHES)
        assert build(settings).days == []
        assert watch.stale(ledger.read(settings.warehouse)).up_to_date == 8
    before = published()
    assert len(before) == len(DAILY)

    with mock.patch.object(clock, "now", return_value=NIGHT):
        assert list(watch.stale(ledger.read(settings.warehouse)).wanted) == [DS]
        report = build(settings)
        assert report.days == [DS]
        assert [(each.check, each.ds) for each in report.failures] == [("volume_week_over_week", DS)]
        state, reason = found(settings)["core.fct_website_events", "volume_week_over_week"]
        assert (state, reason) == ("breached", "www.xxx.com: no events; 7 of 7 days before had 20 or more")
        assert published() == before
        assert build(settings).days == []
        assert watch.stale(ledger.read(settings.warehouse)).up_to_date == 8


def test_attempts_before_a_day_is_over_leave_all_of_them_for_when_it_is(tmp_path):
    (tmp_path / "site.toml").touch()
    settings = site.load(tmp_path)
    for refused in (False, True):
        for _ in range(attempts.MOST + 1):
            attempts.end(settings, DS, attempts.begin(settings, DS, "as landed"), refused=refused, early=True)
        assert attempts.unfinished(settings, EVENING) == set()
        assert attempts.unfinished(settings, NIGHT) == {DS}
        attempt = attempts.begin(settings, DS, "as landed")
        assert (attempt.times, attempt.hopeless) == (1, False)
        attempts.end(settings, DS, attempt, refused=refused, early=False)
        assert attempts.unfinished(settings, NIGHT) == set()
