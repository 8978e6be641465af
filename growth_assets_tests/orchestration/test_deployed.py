"""What stands in deploy/: the instance it makes, and what is said when its database cannot be used."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dagster._core.run_coordinator import QueuedRunCoordinator
from packaging.requirements import Requirement
from typer.testing import CliRunner

from growth_assets.cli import FAILED, app
from growth_assets.orchestration.instance import InstanceError, has_server, open_instance
from growth_assets.settings import Settings, load
from growth_assets_tests.conftest import REPOSITORY
from growth_assets_tests.orchestration.conftest import DEPLOYED

CONTAINER = DEPLOYED.with_name("Containerfile")
COMPOSE = DEPLOYED.with_name("compose.yaml")


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """A site whose Dagster home has the dagster.yaml of deploy/."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    (tmp_path / "site.toml").write_text("")
    (tmp_path / "home").mkdir()
    shutil.copy(DEPLOYED, tmp_path / "home" / "dagster.yaml")
    return load(tmp_path)


def test_the_instance_keeps_all_in_postgresql_and_has_a_queue_retries_and_retention(settings, postgres, monkeypatch):
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres.database("made"))
    assert has_server(settings)
    with open_instance(settings) as instance:
        for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
            assert type(storage).__name__.startswith("Postgres")
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 2
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 1
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert instance.run_monitoring_enabled
        assert instance.get_settings("retention")["sensor"]["purge_after_days"]["skipped"] == 7
        assert not instance.telemetry_enabled
    # What is not in the database is no database either.
    assert not list(settings.dagster_home.rglob("*.db"))


def test_a_database_that_does_not_answer_is_told_with_what_to_do(settings, tmp_path, monkeypatch):
    pytest.importorskip("dagster_postgres")
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", abs)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql://dagster:very-secret@/dagster?host={tmp_path}")
    with pytest.raises(InstanceError) as told:
        open_instance(settings)
    says = str(told.value)
    assert str(settings.dagster_home / "dagster.yaml") in says
    assert "connection to server on socket" in says
    assert "DAGSTER_POSTGRES_URL" in says
    assert "createdb" in says
    for command in (["build"], ["replay"], ["ui"], ["alerts", "--look"], ["doctor"]):
        ended = CliRunner().invoke(app, [*command, "--data", str(settings.data)])
        assert ended.exit_code == FAILED, command
        assert "DAGSTER_POSTGRES_URL" in ended.output, command
        assert "Traceback" not in ended.output
        assert "very-secret" not in ended.output


def test_a_database_that_is_not_named_is_told_with_what_to_do(settings):
    with pytest.raises(InstanceError, match=r"DAGSTER_POSTGRES_URL.*Set it to postgresql://"):
        open_instance(settings)


@pytest.mark.parametrize("address", ["", " ", "secret"])
def test_a_database_whose_address_is_empty_or_none_is_told_with_what_to_do(settings, monkeypatch, address):
    pytest.importorskip("dagster_postgres")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", address)
    with pytest.raises(InstanceError) as told:
        open_instance(settings)
    assert "Set DAGSTER_POSTGRES_URL, which is empty or no address, to postgresql://user:" in str(told.value)
    assert "pg_isready" not in str(told.value)
    assert "secret" not in str(told.value)


def test_a_dagster_yaml_that_is_none_is_told(settings):
    (settings.dagster_home / "dagster.yaml").write_text("no_such_key: 1\n")
    with pytest.raises(InstanceError, match=r"home/dagster\.yaml: .*the tables do not depend on it"):
        open_instance(settings)
    (settings.dagster_home / "dagster.yaml").write_text("a: [\n")
    with pytest.raises(InstanceError, match=r"home/dagster\.yaml"):
        open_instance(settings)


# The container.


def test_the_container_is_made_of_what_is_there_and_runs_a_command_that_is_there():
    text = CONTAINER.read_text(encoding="utf-8")
    copied = [each for line in re.findall(r"^COPY (?:--\S+ )?(.+) \S+$", text, re.MULTILINE) for each in line.split()]
    assert "pyproject.toml" in copied
    assert [each for each in copied if not (REPOSITORY / each).exists()] == []
    assert "USER growth" in text
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert yaml.safe_load(command) == ["growth-assets", "ui", "--host", "0.0.0.0"]  # noqa: S104 - in the container
    assert "--host" in CliRunner().invoke(app, ["ui", "--help"]).output


def test_the_versions_in_the_container_are_those_of_the_lock(tmp_path: Path):
    """Its own statement makes constraints of the lock file."""
    (statement,) = re.findall(r"RUN (sed .+) > /tmp/versions\.txt", CONTAINER.read_text(encoding="utf-8"))
    made = subprocess.run(["bash", "-c", statement], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    lines = [line for line in made.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert {"dagster", "dagster-postgres", "psycopg2-binary"} <= {Requirement(line).name for line in lines}
    assert all("==" in line for line in lines)


def test_nobody_but_this_machine_reaches_the_container_and_no_secret_stands_in_a_file():
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    assert services["dagster"]["ports"] == ["127.0.0.1:3000:3000"]
    assert "ports" not in services["database"]
    secrets = {**services["dagster"]["environment"], **services["database"]["environment"]}
    for name in ("POSTGRES_PASSWORD", "GROWTH_SALT", "GROWTH_ALERT_URLS"):
        assert secrets[name].startswith(f"${{{name}:")
    assert "${POSTGRES_PASSWORD:?" in secrets["DAGSTER_POSTGRES_URL"]
    assert yaml.safe_load(DEPLOYED.read_text(encoding="utf-8"))["storage"] == {
        "postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}
    }
