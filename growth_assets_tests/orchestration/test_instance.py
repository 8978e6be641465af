"""The dagster.yaml that a data folder gets: it is what this Dagster understands, and it is written once."""

import pytest
from dagster._core.run_coordinator import QueuedRunCoordinator

from growth_assets.orchestration.event_log import PooledSqliteEventLogStorage
from growth_assets.orchestration.instance import open_instance, prepare_home
from growth_assets.settings import load


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "site.toml").write_text("")
    return load(tmp_path)


def test_a_new_home_queues_runs_and_watches_over_those_that_never_begin(settings):
    with open_instance(settings) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 2
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_start_timeout_seconds == 300
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        assert not instance.telemetry_enabled


def test_a_home_that_has_a_dagster_yaml_keeps_it(settings):
    prepare_home(settings)
    path = settings.dagster_home / "dagster.yaml"
    path.write_text("concurrency:\n  runs:\n    max_concurrent_runs: 7\n")
    with open_instance(settings) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 7
    assert path.read_text().endswith("max_concurrent_runs: 7\n")
