"""Dagster's databases in SQLite: to make and to open them takes a tenth of a second each, and need not.

Same files, same tables, same rows. What is replaced in Dagster for that is so only while somebody makes or opens them.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as db
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION, get_alembic_config

_read_revisions = ScriptDirectory.from_config


@contextmanager
def opening(folder: Path) -> Iterator[None]:
    """Let Dagster make and open its databases below `folder` in here with less ado; other folders stay as they are.

    Its ninety revisions, for which it asks twice for each database, are read once in a process. And a database has a
    write-ahead log from the start: it ends with that, but would wait for the disk after each table and each index
    until then.
    """
    below = Path(os.path.abspath(folder))  # noqa: PTH100 - as Dagster names them: links stay
    with _LOCK:
        if not _FOLDERS:
            for owner, name, ours in _REPLACED:
                _BEFORE.callback(setattr, owner, name, vars(owner)[name])
                setattr(owner, name, ours)
        _FOLDERS.append(below)
    try:
        yield
    finally:
        with _LOCK:
            _FOLDERS.remove(below)
            if not _FOLDERS:
                _BEFORE.close()


@cache
def revisions() -> ScriptDirectory:
    """Dagster's, of all of its storages."""
    return _read_revisions(get_alembic_config(sqlite_event_log.__file__))


def relaxed(connection: object, _record: object) -> None:
    """Have a new connection to a database in SQLite wait for the disk less often."""
    if not isinstance(connection, sqlite3.Connection):
        return
    # Others make the same database, or it may not be written: either is told to whoever then writes.
    with suppress(sqlite3.OperationalError):
        mode = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != ("wal",):
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode == ("wal",):
            # Under a write-ahead log a crash loses no committed transaction with NORMAL; losing power may lose the
            # last ones, never the database. The tables themselves are fsynced on their own.
            connection.execute("PRAGMA synchronous=NORMAL")


def _revisions_of(config: Config) -> ScriptDirectory:
    where = (config.get_main_option("script_location"), config.get_main_option("version_locations"))
    return revisions() if where == (ALEMBIC_SCRIPTS_LOCATION, None) else _read_revisions(config)


def _create_engine(url: str, **given: Any) -> db.Engine:  # noqa: ANN401 - as SQLAlchemy takes them
    engine = db.create_engine(url, **given)
    folders = Path(engine.url.database or "").parents
    if any(folder in folders for folder in tuple(_FOLDERS)):
        db.event.listen(engine, "connect", relaxed)
    return engine


_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (ScriptDirectory, "from_config", staticmethod(_revisions_of)),
    *(
        (each, "create_engine", _create_engine)
        for each in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)
    ),
)
_BEFORE = ExitStack()
"""Puts back what was replaced."""
_FOLDERS: list[Path] = []
"""Of those who make or open databases at the moment, in any thread."""
_LOCK = threading.Lock()
