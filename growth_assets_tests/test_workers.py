"""Processes that work for this one: what comes back, what is held meanwhile, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from growth_assets import workers
from growth_assets.warehouse import locks


@pytest.fixture(scope="module")
def worker() -> Iterator[workers.Worker]:
    worker = workers.Worker()
    yield worker
    worker.close()
    assert worker._process.returncode == 0


def test_what_a_function_gives_comes_back_and_what_it_raises_too(worker):
    assert worker.call(os.getpid) not in {0, os.getpid()}
    large = b"x" * 3_000_000
    assert worker.call(bytes.upper, large) == large.upper()
    with pytest.raises(FileNotFoundError) as told:
        worker.call(os.stat, "/nowhere/at/all")
    assert told.value.filename == "/nowhere/at/all"
    assert "Traceback" in told.value.__notes__[0]
    assert worker.call(max, 1, 2) == 2


def test_an_error_that_cannot_be_copied_is_told_in_words():
    assert repr(workers.portable(pl.exceptions.PanicException("oh"))) == "RuntimeError('PanicException: oh')"


def test_a_lock_is_held_until_the_work_is_done_though_its_holder_is_gone(worker, tmp_path):
    path = tmp_path / "a.lock"
    with ThreadPoolExecutor(1) as pool:
        with locks.exclusive(path) as lock:
            begun = tmp_path / "begun"
            working = pool.submit(worker.call_holding, [lock], _work_until_told, begun)
            while not begun.exists():
                time.sleep(0.01)
        assert locks.is_held(path)
        begun.unlink()
        working.result()
    assert not locks.is_held(path)


def _work_until_told(begun: Path) -> None:
    begun.touch()
    while begun.exists():
        time.sleep(0.01)


def test_a_worker_that_is_killed_is_told_and_not_asked_again():
    some = workers.Workers()
    some.start()
    for thread in some._starting:
        thread.join()
    with pytest.raises(workers.WorkerEndedError, match=r"ended by signal 9\. Build again"):
        _killed(some)
    with some.one() as other, some.one() as none:
        assert (other is None, none is None) == (False, True)
    some.close()


def _killed(some: workers.Workers) -> None:
    with some.one() as worker:
        assert worker is not None
        worker.call(signal.raise_signal, signal.SIGKILL)


def test_who_is_stopped_stops_its_workers_and_who_is_killed_leaves_none(worker):
    worker.call(signal.raise_signal, signal.SIGINT)
    worker.call(signal.raise_signal, signal.SIGTERM)  # theirs to decide who started it
    lines = "from growth_assets.workers import Worker; print(Worker()._process.pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", lines], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while _runs(orphan) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(orphan)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_without_processes_all_is_done_in_this_one(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with workers.at_hand() as some, workers.at_hand() as same:
        assert some is same
        some.start()
        for thread in some._starting:
            thread.join()
        with some.one() as none:
            assert none is None
