"""Runs whose process is gone: Dagster cannot know, so whoever builds or asks for builds next says it.

A run that `growth-assets build` runs in its own process, and that is killed, would stay "started" for ever, and its
days "materializing". So each build holds a lock of its own, its runs carry the lock's name, and whoever comes next ends
the runs whose lock nobody holds. The runs of Dagster's daemon are watched by the code server that started them; when
that one is gone too, as after a power cut, nobody answers at the socket that the run names.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from growth_assets.orchestration.code_server import socket_of
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
    """Mark as failed the unfinished runs whose process is gone; how many there were."""
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) if _is_dead(settings, run)]
    for run in dead:
        instance.report_run_failed(run, "The process of this build ended before the run did. Build its days again.")
        if TAG in run.tags:
            _lock(settings, run.tags[TAG]).unlink(missing_ok=True)
    return len(dead)


def _is_dead(settings: Settings, run: dg.DagsterRun) -> bool:
    if TAG in run.tags:
        return not locks.is_held(_lock(settings, run.tags[TAG]))
    path = socket_of(run)
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:  # busy, or not ours to judge
            return False
    return False


def is_building(settings: Settings) -> bool:
    """True while a build of the command line is under way."""
    return any(locks.is_held(path) for path in _folder(settings).glob("*.lock"))


def _lock(settings: Settings, name: str) -> Path:
    return _folder(settings) / f"{Path(name).name}.lock"


def _folder(settings: Settings) -> Path:
    return settings.dagster_home / "builders"
