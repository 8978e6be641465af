"""Dagster's own storage for a data folder: made with sane settings where it is missing, never overwritten."""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg

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


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The persistent instance that the web server and the daemon use too."""
    prepare_home(settings)
    enter_dagster_home(settings)
    # It makes its databases where there are none, and of two processes that do so at once one would fail.
    with _held(settings):
        return dg.DagsterInstance.from_config(str(settings.dagster_home))


def _held(settings: Settings) -> AbstractContextManager[None]:
    return locks.exclusive(settings.dagster_home / ".opening.lock")
