"""Dagster's history in PostgreSQL is saved and restored by the statements of docs/running.md."""

import os
import shutil
import subprocess

import dagster as dg

from growth_assets.orchestration.instance import open_instance
from growth_assets.settings import load
from growth_assets_tests.cli.test_running_page import statements
from growth_assets_tests.orchestration.conftest import DEPLOYED


def shell(name: str, **variables: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", statements(name)], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_the_history_is_restored(tmp_path, monkeypatch, postgres):
    url = postgres.database("made")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "site.toml").write_text("")
    (tmp_path / "home").mkdir()
    shutil.copy(DEPLOYED, tmp_path / "home" / "dagster.yaml")
    key = dg.AssetKey("a")
    with open_instance(load(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"rows": 7}))
    shell("backup of the database", BACKUP=str(tmp_path / "backup"))
    postgres.sql("DROP TABLE event_logs CASCADE; DELETE FROM asset_keys", url.split("/")[3].partition("?")[0])
    shell("restore of the database", BACKUP=str(tmp_path / "backup"))
    with open_instance(load(tmp_path)) as instance:
        (record,) = instance.fetch_materializations(key, limit=5).records
        assert record.asset_materialization.metadata["rows"].value == 7
