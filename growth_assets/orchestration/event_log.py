"""Dagster's SQLite event log, for whom a day of fifty events is one transaction.

The stock storage makes an engine and opens and closes a connection for each event, several times, puts it into words
two or three times, and has it committed on its own. A build logs some fifty events a day, so most of a day's fixed cost
would be that. Same files, same tables, same rows: whoever takes this class out of dagster.yaml again loses nothing.
"""

import datetime as dt
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import sqlalchemy as db
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, EventLogEntry, StringSource
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.events import DagsterEventType
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool

from growth_assets.orchestration import databases
from growth_assets.orchestration.serialized import serialized

OPEN_RUNS = 16
"""How many runs' databases stay open; a web server reads many more."""


Materialized = dict[tuple[AssetKey, str | None], AssetCheckEvaluationTargetMaterializationData]
"""By asset and partition: under which number its materialization was stored, and when."""


@dataclass
class _Together:
    """What is stored as one."""

    stack: ExitStack
    """Commits when it is closed."""
    connections: dict[str, db.Connection] = field(default_factory=dict)
    """By shard."""
    materialized: Materialized = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By run: events that are not in its database yet."""
    evaluated: list[tuple[EventLogEntry, dict[str, Any]]] = field(default_factory=list)
    """Evaluations that are not in the index yet, and their rows."""


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log of one instance. Config: `home`, the Dagster home, below which the stock layout is kept."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[tuple[int, str], db.Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._holding: _Together | None = None
        self._has_index_cols = False
        self._empty: bytes | None = None
        """The database of a run without an event, as this process made one."""
        super().__init__(base_dir, inst_data)
        # Who stores together asks in between, and goes on holding what he holds.
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # as good as a Lock to the others

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """What dagster.yaml gives."""
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage that dagster.yaml asks for."""
        return cls(str(Path(config_value["home"]) / "history" / "runs"), inst_data)

    @contextmanager
    def together(self) -> Iterator[Materialized]:
        """Store what this thread stores in here as one: all of it at the end, or nothing where it raises."""
        with self._db_lock, ExitStack() as stack:
            if self._holding is not None:
                yield self._holding.materialized
                return
            self._holding = _Together(stack)
            try:
                yield self._holding.materialized
                self._index_evaluations()
                for run_id in list(self._holding.rows):
                    with self.run_connection(run_id):
                        pass  # which stores what is held
            finally:
                self._holding = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            if self._holding is not None:
                if shard == INDEX_SHARD_NAME:
                    self._index_evaluations()
                connections = self._holding.connections
                if shard not in connections:
                    connections[shard] = self._holding.stack.enter_context(self._begun(shard))
                if rows := self._holding.rows.pop(shard, None):
                    connections[shard].execute(_INSERT_EVENT, rows)
                yield connections[shard]
                return
            with self._begun(shard) as connection:
                yield connection

    @contextmanager
    def _begun(self, shard: str) -> Iterator[db.Connection]:
        engine = self._engine(shard)
        if shard not in self._initialized_dbs:
            self._make(shard, engine)
            self._initialized_dbs.add(shard)
        with engine.connect() as connection, connection.begin():
            yield connection

    def _make(self, shard: str, engine: db.Engine) -> None:
        """Have the tables of a shard. All runs have the same, and to make them takes a tenth of a second."""
        path = Path(self.path_for_shard(shard))
        if shard == INDEX_SHARD_NAME or path.exists():
            self._initdb(engine)
        elif self._empty is None:
            self._initdb(engine)
            with engine.connect() as connection:
                made: sqlite3.Connection | None = connection.connection.driver_connection
                content = made.serialize() if made else None
                # Another process may have made it, and have stored an event by now.
                used = connection.execute(db.select(SqlEventLogStorageTable.c.id).limit(1)).first()
                self._empty = None if used else content
        else:
            staged = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                staged.write_bytes(self._empty)
                os.link(staged, path)
            except OSError:
                # Somebody looks at the run already, and so made it himself; or this disk has no links, or no room.
                self._initdb(engine)
            finally:
                staged.unlink(missing_ok=True)

    def _initdb(self, engine: db.Engine, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002 - as Dagster has it
        with databases.opening(Path(self._base_dir)):
            super()._initdb(engine, for_index_shard)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; of those that come by the thousand the same rows as the stock storage, with less ado."""
        if event.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION:
            self._store_materialization(event)
        elif event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION and event.run_id:
            self._store_evaluation(event)
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events as one. A run of a year plans some thousand materializations before it begins."""
        planned = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        with self.together():
            for is_planned, group in groupby(events, lambda event: event.dagster_event_type is planned):
                if is_planned:
                    self._store_planned(list(group))
                else:
                    for event in group:
                        self.store_event(event)

    def _store_planned(self, events: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        for run_id, group in groupby(rows, itemgetter("run_id")):
            with self.run_connection(run_id) as connection:
                connection.execute(_INSERT_EVENT, list(group))
        with self.index_transaction() as connection:
            connection.execute(_INSERT_EVENT, rows)
            # Of each asset it says which run is the last one to plan it, and when.
            for event in {row["asset_key"]: event for row, event in zip(rows, events, strict=True)}.values():
                self._store_asset_event(connection, event, _NO_NUMBER)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        told = event.dagster_event
        key = told.asset_key if told else None
        return {
            "run_id": event.run_id,
            "event": serialized(event),
            "dagster_event_type": told.event_type_value if told else None,
            "timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "step_key": told.step_key if told else event.step_key,
            "asset_key": key.to_string() if key else None,
            "partition": (told.partition if told else None) or None,
        }

    def _store_materialization(self, event: EventLogEntry) -> None:
        row = self._event_to_row(event)
        self._store_in_run(event.run_id, row)
        with self.index_transaction() as connection:
            number = _inserted(connection, row)
            self._store_asset_event_tags(connection, [event], [number])
            key, partition = event.get_dagster_event().asset_key, event.get_dagster_event().partition
            if self._holding is not None and key is not None:
                self._holding.materialized[key, partition] = AssetCheckEvaluationTargetMaterializationData(
                    storage_id=number, run_id=event.run_id, timestamp=event.timestamp
                )
            known = {
                "the_asset": row["asset_key"],
                "last_materialization": _record(row["event"], number),
                "last_run_id": event.run_id,
                "last_materialization_timestamp": row["timestamp"],
            }
            if not self._has_asset_key_index_cols_on_connection(connection):
                self._store_asset_event(connection, event, number)
            elif not connection.execute(_UPDATE_ASSET, known).rowcount:
                connection.execute(_INSERT_ASSET, {**known, "asset_key": known.pop("the_asset")})

    def _store_in_run(self, run_id: str, row: dict[str, Any]) -> None:
        """In the database of the run; together with others, as soon as anybody looks there."""
        if self._holding is not None:
            if run_id not in self._holding.connections:
                with self.run_connection(run_id):
                    pass  # so that it is committed after the index, which whoever asks looks at
            self._holding.rows.setdefault(run_id, []).append(row)
            return
        with self.run_connection(run_id) as connection:
            connection.execute(_INSERT_EVENT, row)

    def _store_evaluation(self, event: EventLogEntry) -> None:
        row = self._event_to_row(event)
        self._store_in_run(event.run_id, row)
        if self._holding is not None:
            self._holding.evaluated.append((event, row))
        else:
            self._put_into_index([(event, row)])

    def _index_evaluations(self) -> None:
        """Those that are held."""
        if self._holding is not None and self._holding.evaluated:
            held, self._holding.evaluated = self._holding.evaluated, []
            self._put_into_index(held)

    def _put_into_index(self, evaluated: Sequence[tuple[EventLogEntry, dict[str, Any]]]) -> None:
        with self.index_transaction() as connection:
            connection.execute(_INSERT_EVENT, [row for _, row in evaluated])
            # Nobody else writes meanwhile, so that their numbers follow each other.
            last = connection.execute(_LAST_NUMBER).scalar_one()
            told = [
                _evaluated(event, row, number)
                for number, (event, row) in enumerate(evaluated, last - len(evaluated) + 1)
            ]
            planned = connection.execute(_UPDATE_CHECK, told).rowcount == len(told)
            # What is updated once more is the same.
            unplanned = (
                [] if planned else [each for each in told if connection.execute(_UPDATE_CHECK, each).rowcount == 0]
            )
            if unplanned:
                connection.execute(_INSERT_CHECK, [_as_columns(each) for each in unplanned])

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        # A year's run plans ten thousand checks: the stock storage puts the same event into words for each of them.
        planned = event.get_dagster_event().asset_check_planned_data
        subset = planned.partitions_subset
        common = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialized(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event_id,
        }
        rows = [{**common, "partition": ds} for ds in (subset.get_partition_keys() if subset else [None])]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _has_asset_key_index_cols_on_connection(self, conn: db.Connection) -> bool:
        # Asked for each materialization; columns that are there stay.
        self._has_index_cols = self._has_index_cols or super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_cols

    def has_table(self, table_name: str) -> bool:
        """Whether a table exists; one that does stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Delete all events."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        self._close()
        super().dispose()

    def _engine(self, shard: str) -> db.Engine:
        # SQLite connections must not cross a fork, so another process finds none of its parent's.
        key = (os.getpid(), shard)
        engine = self._engines.get(key)
        if engine is None:
            engine = db.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                # The lock around every use keeps threads apart, not SQLite.
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            db.event.listen(engine, "connect", databases.relaxed)
            self._engines[key] = engine
            if len(self._engines) > OPEN_RUNS:
                self._engines.popitem(last=False)[1].dispose()
        self._engines.move_to_end(key)
        return engine

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                (process, _), engine = self._engines.popitem()
                if process == os.getpid():
                    engine.dispose()
            self._initialized_dbs.clear()


def together(instance: DagsterInstance) -> AbstractContextManager[Materialized]:
    """Store as one what is stored in here, where the instance's event log can; else one by one.

    Gives the materializations that were stored in here so far; another event log has to be asked for them.
    """
    log = instance.event_log_storage
    return log.together() if isinstance(log, PooledSqliteEventLogStorage) else nullcontext({})


def publications(
    instance: DagsterInstance, key: AssetKey, most: int, partition: str | None = None
) -> Iterator[tuple[str, dt.datetime]]:
    """Partition and time (UTC, naive) of an asset's newest materializations, or of those of one partition.

    Those before the asset was last wiped in Dagster's pages do not count.
    Two columns of the index: to have a thousand events as objects takes a tenth of a second.
    """
    log = instance.event_log_storage
    if not isinstance(log, SqlEventLogStorage):
        found = instance.fetch_materializations(
            AssetRecordsFilter(key, asset_partitions=[partition] if partition else None), limit=most
        )
        for record in found.records:
            if record.partition_key is not None:
                yield record.partition_key, dt.datetime.fromtimestamp(record.timestamp, dt.UTC).replace(tzinfo=None)
        return
    events = SqlEventLogStorageTable.c
    wanted = (
        db.select(events.partition, events.timestamp)
        .where(
            events.asset_key == key.to_string(),
            events.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
            events.partition == partition if partition else events.partition.is_not(None),
        )
        .order_by(events.id.desc())
        .limit(most)
    )
    (details,) = log._get_assets_details([key])
    if details and details.last_wipe_timestamp:
        wiped = dt.datetime.fromtimestamp(details.last_wipe_timestamp, dt.UTC).replace(tzinfo=None)
        wanted = wanted.where(events.timestamp > wiped)
    with log.index_connection() as connection:
        yield from connection.execute(wanted).tuples().all()


_NO_NUMBER = 0
"""What is kept of a planned event does not have its number."""

_INSERT_EVENT = SqlEventLogStorageTable.insert()
_INSERT_ASSET = AssetKeyTable.insert()
_UPDATE_ASSET = (
    AssetKeyTable.update()
    .where(AssetKeyTable.c.asset_key == db.bindparam("the_asset"))
    .values(
        {name: db.bindparam(name) for name in ("last_materialization", "last_run_id", "last_materialization_timestamp")}
    )
)
_UPDATE_CHECK = (
    AssetCheckExecutionsTable.update()
    .where(
        AssetCheckExecutionsTable.c.asset_key == db.bindparam("the_asset"),
        AssetCheckExecutionsTable.c.check_name == db.bindparam("the_check"),
        AssetCheckExecutionsTable.c.run_id == db.bindparam("the_run"),
        # Not "=": of an unpartitioned table it is null.
        AssetCheckExecutionsTable.c.partition.is_(db.bindparam("the_partition")),
    )
    .values(
        {
            name: db.bindparam(name)
            for name in (
                "execution_status", "evaluation_event", "evaluation_event_timestamp", "evaluation_event_storage_id",
                "materialization_event_storage_id",
            )
        }
    )
)  # fmt: skip


_INSERT_CHECK = AssetCheckExecutionsTable.insert()


def _as_columns(told: Mapping[str, Any]) -> dict[str, Any]:
    """What `_UPDATE_CHECK` was told, as a row of its own: the day was not among those that the run planned to check."""
    names = {"the_asset": "asset_key", "the_check": "check_name", "the_run": "run_id", "the_partition": "partition"}
    return {names.get(name, name): value for name, value in told.items()}


_LAST_NUMBER = db.text("SELECT last_insert_rowid()")


def _evaluated(event: EventLogEntry, row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """What `_UPDATE_CHECK` is to be told of an evaluation that is stored under a number."""
    evaluation = event.asset_check_evaluation
    if evaluation is None:
        raise LookupError("an evaluation that evaluates nothing")
    target, status = evaluation.target_materialization_data, AssetCheckExecutionRecordStatus
    return {
        "the_asset": evaluation.asset_key.to_string(),
        "the_check": evaluation.check_name,
        "the_run": event.run_id,
        "the_partition": evaluation.partition,
        "execution_status": (status.SUCCEEDED if evaluation.passed else status.FAILED).value,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": number,
        "materialization_event_storage_id": target.storage_id if target else None,
    }


def _inserted(connection: db.Connection, row: Mapping[str, Any]) -> int:
    """The number of the event."""
    key = connection.execute(_INSERT_EVENT, row).inserted_primary_key
    if key is None:
        raise LookupError("the event log gave an event no number")
    return int(key[0])


def _record(entry: str, number: int) -> str:
    """An EventLogRecord as `serialize_value` writes it, of an entry that it has written already."""
    return f'{{"__class__": "EventLogRecord", "event_log_entry": {entry}, "storage_id": {json.dumps(number)}}}'
