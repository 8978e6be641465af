"""The pooled event log stores what the stock one stores."""

import json
import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as db
import yaml
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import deserialize_value, serialize_value

from growth_assets.orchestration import event_log
from growth_assets.orchestration.event_log import OPEN_RUNS, PooledSqliteEventLogStorage, publications
from growth_assets.orchestration.serialized import serialized
from growth_assets.settings import AT_ONCE, BATCH

pytestmark = pytest.mark.slow

POOLED = {
    "event_log_storage": {
        "module": "growth_assets.orchestration.event_log",
        "class": "PooledSqliteEventLogStorage",
        "config": {"home": None},
    }
}


NUMBERS = "evaluation_event_storage_id, materialization_event_storage_id"


def home(folder: Path, *, pooled: bool) -> Path:
    folder.mkdir()
    config = json.loads(json.dumps(POOLED)) if pooled else {}
    if pooled:
        config["event_log_storage"]["config"]["home"] = str(folder)
    (folder / "dagster.yaml").write_text(yaml.safe_dump({**config, "telemetry": {"enabled": False}}))
    return folder


@dg.multi_asset(
    specs=[dg.AssetSpec("numbers", partitions_def=dg.StaticPartitionsDefinition(["a", "b"]), tags={"t": "1"})],
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("holds", asset="numbers")],
)
def numbers(context: dg.AssetExecutionContext):
    context.log.info("a line of the log")
    yield dg.MaterializeResult(
        metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=False, metadata={"n": 1})]
    )


def run_all(instance: dg.DagsterInstance) -> None:
    for partition in ("a", "b", "a"):
        assert dg.materialize([numbers], partition_key=partition, instance=instance).success


def rows(folder: Path, table: str, columns: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "history" / "runs" / "index.db")) as connection:
        return sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)  # noqa: S608


RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}


def test_the_same_rows_as_the_stock_storage(tmp_path, monkeypatch):
    homes = {pooled: home(tmp_path / str(pooled), pooled=pooled) for pooled in (True, False)}
    events = {}
    for pooled, folder in homes.items():
        # What a run of many days plans is stored as one; the stock storage gets one by one.
        monkeypatch.setenv(BATCH, AT_ONCE if pooled else "0")
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage) == pooled
            run_all(instance)
            assert dg.materialize([numbers], tags=RANGE, instance=instance).success
            events[pooled] = sorted(
                [str(entry.dagster_event_type) for entry in instance.all_logs(run.run_id)]
                for run in instance.get_runs()
            )
            assert instance.get_latest_materialization_event(dg.AssetKey("numbers")) is not None
    assert events[True] == events[False]
    assert [each.count("DagsterEventType.ASSET_MATERIALIZATION_PLANNED") for each in events[True]] == [1, 1, 1, 2]
    # What the pooled one writes by itself is what the stock one would write.
    with closing(sqlite3.connect(homes[True] / "history" / "runs" / "index.db")) as connection:
        ((last, number),) = connection.execute(
            "SELECT last_materialization, (SELECT max(id) FROM event_logs WHERE dagster_event_type = "
            "'ASSET_MATERIALIZATION') FROM asset_keys"
        ).fetchall()
    record = deserialize_value(last, dg.EventLogRecord)
    assert (serialize_value(record), record.storage_id) == (last, number)
    for table, columns in (
        ("event_logs", "id, dagster_event_type, step_key, asset_key, partition"),
        ("asset_event_tags", "asset_key, key"),
        ("asset_check_executions", f"asset_key, check_name, execution_status, partition, {NUMBERS}"),
        ("asset_keys", "asset_key, last_materialization_timestamp IS NULL, last_run_id IS NULL"),
    ):
        stored = rows(homes[True], table, columns)
        assert stored == rows(homes[False], table, columns)
        assert stored or table == "asset_event_tags"


def test_the_stock_storage_reads_what_the_pooled_one_wrote(tmp_path):
    folder = home(tmp_path / "home", pooled=True)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run_all(instance)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        found = instance.fetch_materializations(dg.AssetRecordsFilter(dg.AssetKey("numbers"), ["a"]), limit=10)
    assert len(found.records) == 2


def made(folder: Path) -> set[tuple[str, ...]]:
    """Of each run's database what it has beside events: its tables, indices, revision and way of writing."""
    found = set()
    for path in (folder / "history" / "runs").glob("*-*.db"):
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            found.add((str(tables), str(revision), *connection.execute("PRAGMA journal_mode").fetchone()))
    return found


@pytest.mark.parametrize("links", [True, False])
def test_all_databases_of_runs_are_as_the_stock_storage_makes_them(tmp_path, monkeypatch, links):
    def link(staged, path):
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr("growth_assets.orchestration.event_log.os.link", link)
    folders = [home(tmp_path / name, pooled=name == "pooled") for name in ("pooled", "stock")]
    for folder in folders:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            run_all(instance)
    assert made(folders[0]) == made(folders[1])
    assert len(made(folders[0])) == 1
    runs = folders[0] / "history" / "runs"
    assert len([each for each in runs.iterdir() if each.suffix == ".db"]) == 3 + 1
    assert not list(runs.glob(".*"))


def test_the_database_of_a_run_starts_empty_though_another_process_filled_the_first_one(tmp_path, monkeypatch):
    log, other = (PooledSqliteEventLogStorage(str(tmp_path / "runs")) for _ in range(2))
    made_by = PooledSqliteEventLogStorage._initdb

    def meanwhile(self, engine):
        made_by(self, engine)
        if self is log and "first" in str(engine.url):
            with other.run_connection("first") as connection:
                connection.execute(event_log._INSERT_EVENT, {"run_id": "first", "event": "{}"})

    monkeypatch.setattr(PooledSqliteEventLogStorage, "_initdb", meanwhile)
    for run_id, events in (("first", 1), ("second", 0), ("third", 0)):
        with log.run_connection(run_id) as connection:
            assert len(connection.execute(db.text("SELECT * FROM event_logs")).fetchall()) == events
    for each in (log, other):
        each.dispose()


def test_a_wiped_asset_has_no_publications(tmp_path):
    key = dg.AssetKey("numbers")
    for pooled in (True, False):
        with dg.DagsterInstance.from_config(str(home(tmp_path / str(pooled), pooled=pooled))) as instance:
            for partition in ("a", "b"):
                instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))
            assert [name for name, _ in publications(instance, key, 9)] == ["b", "a"]
            # As on a database server: SQLite's own storage takes the events away as well.
            SqlEventLogStorage.wipe_asset(instance.event_log_storage, key)
            assert list(publications(instance, key, 9)) == []
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="a"))
            assert [name for name, _ in publications(instance, key, 9)] == ["a"]


def test_more_runs_than_stay_open(tmp_path):
    with dg.DagsterInstance.from_config(str(home(tmp_path / "home", pooled=True))) as instance:
        for _ in range(OPEN_RUNS + 2):
            dg.materialize([numbers], partition_key="a", instance=instance)
        for run in instance.get_runs():
            assert len(instance.all_logs(run.run_id)) > 5
        instance.event_log_storage.wipe()
        assert instance.get_latest_materialization_event(dg.AssetKey("numbers")) is None


def _materialize(folder: str) -> None:
    with dg.DagsterInstance.from_config(folder) as instance:
        run_all(instance)


def test_processes_that_write_at_once(tmp_path):
    folder = home(tmp_path / "home", pooled=True)
    _materialize(str(folder))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_materialize, args=(str(folder),)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        found = instance.fetch_materializations(dg.AssetRecordsFilter(dg.AssetKey("numbers")), limit=100)
    assert len(found.records) == 12


def test_events_are_written_as_dagster_writes_them(tmp_path):
    """Letter by letter: every kind of event of a run that fails and of one that does not, and all kinds of metadata."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def told(context: dg.AssetExecutionContext):
        context.log_event(
            dg.AssetMaterialization(
                "other",
                partition="a",
                description='ä "quoted" <b>',
                metadata={
                    "text": "é",
                    "none": dg.MetadataValue.null(),
                    "float": float("nan"),
                    "flag": True,
                    "json": {"a": [1, None, {"b": 2.5}]},
                    "path": dg.MetadataValue.path("/x"),
                    "url": dg.MetadataValue.url("http://x"),
                    "md": dg.MetadataValue.md("# x"),
                    "table": dg.MetadataValue.table(
                        [dg.TableRecord({"n": 1, "s": "x"})], schema=dg.TableSchema([dg.TableColumn("n", "int")])
                    ),
                    "asset": dg.MetadataValue.asset(dg.AssetKey(["a", "b"])),
                    "time": dg.MetadataValue.timestamp(1.5),
                    "lineage": dg.TableColumnLineage({"c": [dg.TableColumnDep(dg.AssetKey("a"), "d")]}),
                },
                tags={"k": "v"},
            )
        )
        context.log_event(dg.AssetObservation("other", partition="a", metadata={"n": 1}))
        context.log_event(dg.ExpectationResult(success=False, label="x"))
        raise dg.Failure("broken", metadata={"why": "so"})

    (folder := tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        run_all(instance)
        dg.materialize([numbers], tags=RANGE, instance=instance)
        assert not dg.materialize([told], partition_key="a", instance=instance, raise_on_error=False).success
        entries = [entry for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
    assert {"ASSET_CHECK_EVALUATION", "ASSET_MATERIALIZATION_PLANNED", "STEP_FAILURE", "ASSET_OBSERVATION"} <= {
        entry.dagster_event.event_type_value for entry in entries if entry.dagster_event
    }
    assert [serialized(entry) for entry in entries] == [serialize_value(entry) for entry in entries]
    stock, pooled = (
        storage(str(tmp_path / storage.__name__)) for storage in (SqliteEventLogStorage, PooledSqliteEventLogStorage)
    )
    assert [pooled._event_to_row(entry) for entry in entries] == [stock._event_to_row(entry) for entry in entries]
    for each in (stock, pooled):
        each.dispose()
