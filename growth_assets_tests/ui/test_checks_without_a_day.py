"""Dagster's button "Execute all" on a page of checks begins a run without a day."""

import dagster as dg

from growth_assets.alerts.seen import DUE_DAY
from growth_assets.orchestration.daily import daily_tables
from growth_assets.orchestration.graph import daily_partitions
from growth_assets.settings import load


def test_a_run_of_checks_alone_says_what_to_do_instead(tmp_path):
    (tmp_path / "site.toml").write_text("first_day = 2026-03-01")
    settings = load(tmp_path)
    tables = daily_tables(settings, daily_partitions(settings))
    result = dg.materialize(
        [tables],
        selection=dg.AssetSelection.checks(*tables.check_keys),
        resources={"progress": lambda *_: None},
        raise_on_error=False,
    )
    (failure,) = result.get_step_failure_events()
    assert "materialize the days to check" in failure.step_failure_data.user_failure_data.description
    # What is due now needs no day.
    assert {each.check_name for each in result.get_asset_check_evaluations()} == {DUE_DAY}
