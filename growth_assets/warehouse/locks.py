"""Locks between processes: one builder a day, one ingest at a time.

`flock` goes away with the process that holds it, however that process ends, so no lock is ever left behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 0.1
"""So often whoever may give up looks whether a lock is free."""


@contextmanager
def exclusive(path: Path, may_go_on: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold the lock file `path`, waiting for whoever holds it now; its descriptor.

    A process that the descriptor is handed to holds the lock as well, until both have let go of it. `may_go_on` is
    called while it is waited for, and raises to end that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if may_go_on is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            while not _is_taken(descriptor):
                may_go_on()
                time.sleep(LOOK_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """True while some process holds the lock file `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _is_taken(descriptor)
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    """Take the lock, unless another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
