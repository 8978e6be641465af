"""The scripts of Dagster's migrations are read once in a process.

Alembic imports some sixty files whenever a storage is opened or made, several times for each new instance: a fifth of
the time of a small build. None of them changes while the tests run.
"""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sql import get_alembic_config

_read = ScriptDirectory.from_config
_known: dict[tuple[str | None, str | None], ScriptDirectory] = {}


def _scripts(config: Config) -> ScriptDirectory:
    # Storages of several kinds share scripts, and differ in the versions that their files of settings name.
    of = config.get_main_option("script_location"), config.config_file_name
    if of not in _known:
        _known[of] = _read(config)
    return _known[of]


def read_once() -> None:
    """From now on, for the whole process."""
    ScriptDirectory.from_config = staticmethod(_scripts)


def read_now() -> None:
    """Read those of storages on disk, so that processes that are forked need not."""
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        _scripts(get_alembic_config(module.__file__)).get_current_head()
