"""`growth-assets alerts`: what is open, a test message to every channel, a look without the daemon; and the doctor."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from growth_assets import settings
from growth_assets.orchestration.instance import open_instance
from growth_assets_tests.alerts.receivers import SECRET

DONE, WRONG, FAILED = 0, 2, 3


@pytest.fixture
def site(tmp_path, monkeypatch):
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\nsalt = "x"\n')
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    return tmp_path


def test_a_site_without_channels_and_incidents(cli, site):
    ran = cli("alerts", "--data", site)
    assert (ran.code, ran.out) == (DONE, "0 open incidents\nchannels: none\n")
    ran = cli("alerts", "--test", "--data", site)
    assert ran.code == WRONG
    assert "GROWTH_ALERT_URLS names no channel" in ran.err
    ran = cli("doctor", "--data", site)
    assert "GROWTH_ALERT_URLS names no channel, so alerts are in ops.alerts alone" in ran.out
    assert ran.code == DONE


def test_a_test_message_goes_to_every_channel_and_the_failing_one_is_named(cli, site, monkeypatch, hook):
    monkeypatch.setenv("GROWTH_ALERT_URLS", hook.url)
    ran = cli("alerts", "--test", "--data", site)
    assert ran.code == DONE, ran.out
    assert hook.titles == ["[test] growth_assets"]
    monkeypatch.setenv("GROWTH_ALERT_URLS", f"json://127.0.0.1:1/{SECRET} {hook.url}")
    ran = cli("alerts", "--test", "--data", site)
    assert ran.code == FAILED
    assert len(hook.got) == 2
    lines = [line for line in ran.out.splitlines() if line.startswith(("ok", "wrong"))]
    assert [line.split()[0] for line in lines] == ["wrong", "ok"]
    assert "could not be reached" in lines[0]
    assert SECRET not in ran.out + ran.err


def test_the_doctor_names_a_url_that_is_none_by_its_number(cli, site, monkeypatch):
    monkeypatch.setenv("GROWTH_ALERT_URLS", f"json://127.0.0.1:1 {SECRET}")
    ran = cli("doctor", "--data", site)
    assert ran.code == FAILED
    assert "wrong alerts: URL number 2 of GROWTH_ALERT_URLS is none that Apprise understands" in ran.out
    assert SECRET not in ran.out + ran.err


def test_open_incidents_are_listed_after_a_look(cli, site):
    ds = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()
    with open_instance(settings.load(site)) as instance:
        instance.report_runless_asset_event(
            AssetCheckEvaluation(
                asset_key=dg.AssetKey(["core", "agg_website_events"]), check_name="event_hour_shape", passed=False,
                severity=dg.AssetCheckSeverity.WARN, metadata={}, partition=ds,
            )
        )  # fmt: skip
    ran = cli("alerts", "--look", "--data", site)
    assert ran.code == DONE, ran.out
    assert f"WARN core.agg_website_events: event_hour_shape, {ds} to {ds}" in ran.out
    assert ran.out.startswith("read 1 findings; told 1 alerts; 1 incidents are open")
    assert cli("alerts", "--data", site).out.splitlines()[0] == "1 open incidents:"
