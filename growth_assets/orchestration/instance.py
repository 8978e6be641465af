"""Dagster's own storage for a data folder: made with sane settings where it is missing, never overwritten."""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg
import sqlalchemy.exc
from dagster._check import CheckError

from growth_assets.orchestration import databases
from growth_assets.settings import Settings, enter_dagster_home
from growth_assets.warehouse import durable, locks

DAGSTER_YAML = """\
# Made by growth-assets; change it as you like, it is not written again.
telemetry:
  enabled: false
# The stock event log in SQLite, with its connections kept open.
event_log_storage:
  module: growth_assets.orchestration.event_log
  class: PooledSqliteEventLogStorage
  config:
    home:
      env: DAGSTER_HOME
# Not more runs at once than a small machine has cores; the others wait in the queue.
concurrency:
  runs:
    max_concurrent_runs: 2
# A run whose process never reported is ended, so that its days can be asked for again.
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
# No dialog over the page at the first visit.
nux:
  enabled: false
"""


def prepare_home(settings: Settings) -> None:
    """Make the Dagster home of the data folder, with a dagster.yaml, where there is none."""
    with _held(settings):
        path = settings.dagster_home / "dagster.yaml"
        if not path.exists():
            staged = path.with_name(".dagster.yaml.new")
            staged.write_text(DAGSTER_YAML, encoding="utf-8")
            durable.put_in_place(staged, path)


class InstanceError(Exception):
    """Dagster's storage cannot be opened. The message names the file, what is wrong and what to do."""


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The persistent instance that the web server and the daemon use too.

    Raises:
        InstanceError: dagster.yaml is wrong, or the database that it names does not answer.
    """
    prepare_home(settings)
    enter_dagster_home(settings)
    # It makes its databases where there are none, and of two processes that do so at once one would fail.
    with _held(settings), databases.opening(settings.dagster_home):
        try:
            return dg.DagsterInstance.from_config(str(settings.dagster_home))
        except (CheckError, dg.DagsterError, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise _explained(settings, error) from error
        except Exception as error:
            # The package of a database has errors of its own, and need not be installed.
            if not type(error).__module__.startswith(("dagster_", "yaml")):
                raise
            raise _explained(settings, error) from error


def has_server(settings: Settings) -> bool:
    """Whether dagster.yaml names a database server, which may not answer."""
    path = settings.dagster_home / "dagster.yaml"
    return path.exists() and "postgres" in path.read_text(encoding="utf-8")


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let a run keep its connections to a database server: to make one for each event costs more than the event."""
    instance.optimize_for_webserver(
        statement_timeout=STATEMENT_SECONDS * 1000, pool_recycle=RECYCLE_SECONDS, max_overflow=MOST_CONNECTIONS
    )


STATEMENT_SECONDS, RECYCLE_SECONDS, MOST_CONNECTIONS = 300, 3600, 5


def _explained(settings: Settings, error: Exception) -> InstanceError:
    path = settings.dagster_home / "dagster.yaml"
    says = str(_first(error)).strip().splitlines()
    unset = [line for line in says if "environment variable" in line]
    what = (unset or says or [type(error).__name__])[0].strip().rstrip(".")
    if not has_server(settings):
        return InstanceError(f"{path}: {what}. Mend it, or move the folder away: the tables do not depend on it.")
    if "environment variable" in what:
        remedy = "Set it to postgresql://user:password@host:5432/database"
    elif "`postgres_url`" in what or "SQLAlchemy URL" in what:
        # Dagster takes an empty address for none.
        remedy = (
            "Set DAGSTER_POSTGRES_URL, which is empty or no address, to postgresql://user:password@host:5432/database"
        )
    elif "dagster_postgres" in what:
        remedy = "Install growth-assets[postgres]"
    else:
        remedy = (
            "See that the server runs (`pg_isready`), that address, user and password in DAGSTER_POSTGRES_URL are its "
            "own, and that the database is there (`createdb`)"
        )
    return InstanceError(f"Dagster's database ({path}) cannot be used: {what}. {remedy}. The tables are untouched.")


def _first(error: BaseException) -> BaseException:
    """What an error came from at first."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return getattr(error, "orig", None) or error


def _held(settings: Settings) -> AbstractContextManager[int]:
    return locks.exclusive(settings.dagster_home / ".opening.lock")
