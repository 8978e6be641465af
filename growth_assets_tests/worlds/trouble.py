"""What goes wrong in a build: one call that fails, or a process that dies, at the n-th step that must be durable."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

STEPS = ("replace", "rename", "fsync", "link", "unlink")
"""Functions of `os` through which everything that is published goes."""


class Killed(BaseException):
    """The process is gone. No handler of the product may do anything from here on."""


class Trouble:
    """Comes at the step numbered `at`. A failure comes once; after a kill no step is done any more."""

    def __init__(self, at: int, *, kill: bool) -> None:
        self.at, self.kill = at, kill
        self.steps = 0

    @property
    def came(self) -> bool:
        return self.steps >= self.at

    def step(self, real: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do one step, or not."""
        self.steps += 1
        if self.kill and self.came:
            raise Killed
        if self.steps == self.at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **named)


def some(random: Random) -> Trouble:
    """Trouble within a landing or the first tables of a build, most often."""
    return Trouble(random.choice([random.randint(1, 12), random.randint(1, 60)]), kill=random.random() < 0.4)


@contextmanager
def coming(trouble: Trouble | None) -> Iterator[None]:
    """Let it come while the context is open; a kill ends there."""
    if trouble is None:
        yield
        return

    def watched(name: str) -> mock._patch[Any]:
        real = getattr(os, name)
        return mock.patch.object(os, name, lambda *each, **named: trouble.step(real, *each, **named))

    patches = [watched(name) for name in STEPS]
    for patch in patches:
        patch.start()
    try:
        yield
    except Killed:
        pass
    finally:
        for patch in patches:
            patch.stop()
