"""Dagster's SQLite event log with its connections kept open, so that an event costs a fourth of the time.

The stock storage makes an engine and opens and closes a connection for each event, several times. A build logs some
thirty events a day, so most of a day's fixed cost would be that. Same files, same tables, same rows: whoever takes this
class out of dagster.yaml again loses nothing.
"""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as db
from dagster import StringSource
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool

OPEN_RUNS = 16
"""How many runs' databases stay open; a web server reads many more."""


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log of one instance. Config: `home`, the Dagster home, below which the stock layout is kept."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[tuple[int, str], db.Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """What dagster.yaml gives."""
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage that dagster.yaml asks for."""
        return cls(str(Path(config_value["home"]) / "history" / "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

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
            db.event.listen(engine, "connect", _relaxed)
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


def _relaxed(connection: sqlite3.Connection, _record: object) -> None:
    # Under a write-ahead log a crash loses no committed transaction with NORMAL; losing power may lose the last
    # ones, never the database. The tables themselves are fsynced on their own.
    connection.execute("PRAGMA synchronous=NORMAL")
