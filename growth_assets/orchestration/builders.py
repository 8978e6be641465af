"""Runs of the command line whose process is gone: Dagster cannot know, so the next build says it.

Dagster's daemon watches the runs that it launched itself. One that `growth-assets build` runs in its own process, and
that is killed, would stay "started" for ever, and its days "materializing". So each build holds a lock of its own, its
runs carry the lock's name, and whoever builds next ends the runs whose lock nobody holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from growth_assets.settings import Settings
from growth_assets.warehouse import locks

TAG = "growth_assets/builder"
"""On the runs of a build: the name of its lock."""

UNFINISHED = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


@contextmanager
def builder(settings: Settings, instance: dg.DagsterInstance) -> Iterator[dict[str, str]]:
    """Be a build: end the runs of dead ones; gives the tags for this one's runs."""
    end_dead_runs(settings, instance)
    name = secrets.token_hex(8)
    path = _lock(settings, name)
    with locks.exclusive(path):
        try:
            yield {TAG: name}
        finally:
            path.unlink(missing_ok=True)


def end_dead_runs(settings: Settings, instance: dg.DagsterInstance) -> int:
    """Mark as failed the unfinished runs of builds whose process is gone; how many there were."""
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        if TAG in run.tags and not locks.is_held(_lock(settings, run.tags[TAG]))
    ]
    for run in dead:
        instance.report_run_failed(run, "The process of this build ended before the run did. Build its days again.")
        _lock(settings, run.tags[TAG]).unlink(missing_ok=True)
    return len(dead)


def _lock(settings: Settings, name: str) -> Path:
    return settings.dagster_home / "builders" / f"{Path(name).name}.lock"
