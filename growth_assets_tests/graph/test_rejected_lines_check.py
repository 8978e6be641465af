"""The contract of raw.rejected_lines is checked with each landing, over the contents that were just read."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from growth_assets.ingest import ledger
from growth_assets.orchestration import landing
from growth_assets.orchestration.graph import definitions
from growth_assets.raw import rejected_lines
from growth_assets.settings import Settings, load
from growth_assets_tests.contracts.planted import PLANTED

GOOD = '{"event_time": "2026-03-14T12:00:00Z", "hostname": "www.xx.com", "action_type": "page_view", "ip": "8.8.8.8"}\n'


@pytest.fixture
def site(tmp_path) -> Settings:
    (tmp_path / "site.toml").write_text("first_day = 2026-03-14\n", encoding="utf-8")
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "events.ndjson").write_text(GOOD + '{"no": "time"}\n' * 2 + GOOD * 2, encoding="utf-8")
    (tmp_path / "landing" / "fine.ndjson").write_text(GOOD * 2, encoding="utf-8")
    return load(tmp_path)


def run(settings: Settings) -> dg.AssetCheckEvaluation:
    job = definitions(settings).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, asset_selection=list(landing.LANDING_KEYS))
        (evaluation,) = [
            each for each in result.get_asset_check_evaluations() if each.asset_key == landing.LANDING_KEYS[1]
        ]
    return evaluation


def numbers(evaluation) -> dict[str, int]:
    values = {name: getattr(value, "value", value) for name, value in evaluation.metadata.items()}
    return {name: value for name, value in values.items() if isinstance(value, int)}


NONE_BROKEN = {"not_null_line_number": 0, "not_null_reason": 0, "not_null_source_file": 0, "declared_not_null": 0}


def test_good_rejected_lines_pass_and_so_does_a_landing_without_news(site):
    for _ in range(2):
        evaluation = run(site)
        assert evaluation.passed
        assert numbers(evaluation) == NONE_BROKEN
    assert rejected_file(site).exists()


def rejected_file(settings: Settings) -> Path:
    (path,) = (settings.warehouse / "raw" / "rejected_lines").glob("*.parquet")
    return path


@pytest.mark.parametrize(
    "planted", [each for each in PLANTED if each.table == rejected_lines.TABLE.name], ids=lambda each: each.rule
)
def test_a_broken_rejected_line_fails_wherever_in_the_file_it_stands(site, monkeypatch, planted):
    run(site)
    monkeypatch.setattr(landing, "AUDITED_AT_ONCE", 1)
    for frame in (planted.frame, planted.frame.reverse()):
        frame.write_parquet(rejected_file(site))
        result = landing.rejected_lines_kept(site, list(ledger.read(site.warehouse).current.values()))
        assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert numbers(result) == NONE_BROKEN | {planted.rule: 1}


def test_all_broken_lines_are_counted(site):
    run(site)
    frame = pl.read_parquet(rejected_file(site))
    assert frame.height == 2
    frame.with_columns(pl.lit(None, dtype=pl.String).alias("reason")).write_parquet(rejected_file(site))
    result = landing.rejected_lines_kept(site, list(ledger.read(site.warehouse).current.values()))
    assert numbers(result)["not_null_reason"] == 2
