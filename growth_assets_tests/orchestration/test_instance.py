"""The dagster.yaml that a data folder gets: it is what this Dagster understands, and it is written once."""

import sqlite3

import pytest
import sqlalchemy as db
from alembic.script import Script
from dagster._core.run_coordinator import QueuedRunCoordinator

from growth_assets.orchestration import databases
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


def test_databases_are_made_under_a_write_ahead_log(settings):
    """Else each table and each index of them waits for the disk four times."""
    made_under = set()

    def look(connection, _cursor, statement, *_):
        if statement.lstrip().startswith("CREATE"):
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            (mode,), (synchronous,) = (
                raw.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "synchronous")
            )
            (_, _, path) = raw.execute("PRAGMA database_list").fetchone()
            made_under.add((path.rpartition("/")[2], mode, synchronous))

    db.event.listen(db.Engine, "before_cursor_execute", look)
    try:
        with open_instance(settings) as instance, instance.event_log_storage.run_connection("a-run"):
            pass
    finally:
        db.event.remove(db.Engine, "before_cursor_execute", look)
    normal = 1
    assert made_under == {(f"{name}.db", "wal", normal) for name in ("runs", "schedules", "index", "a-run")}


def test_revisions_of_databases_are_read_once(settings, monkeypatch):
    databases.revisions.cache_clear()
    read, from_path = [], Script._from_path
    monkeypatch.setattr(Script, "_from_path", lambda *given: read.append(given[-1]) or from_path(*given))
    for number in range(2):
        with open_instance(settings) as instance, instance.event_log_storage.run_connection(f"run-{number}"):
            pass
    assert len(read) == len({str(each) for each in read}) > 50
