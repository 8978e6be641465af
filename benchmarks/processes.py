"""What a process takes, with all that it starts: seconds, CPU seconds, and the most memory at a time."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

LOOK_SECONDS = 0.02
"""How often the memory of all processes together is looked at."""
FAMILY_SECONDS = 0.2
"""How often it is asked which these are: each thread is asked for what it started, on the cores that are measured."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """What a process took, or several one after the other."""

    seconds: float
    cpu_seconds: float
    """Of all its threads and children: what it costs, whatever else the machine does."""
    peak_bytes: int = 0
    """The most memory at a time of all its processes together, pages of files that they look into among it."""

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.seconds - other.seconds, self.cpu_seconds - other.cpu_seconds, self.peak_bytes)

    def __truediv__(self, by: float) -> Cost:
        return Cost(self.seconds / by, self.cpu_seconds / by, self.peak_bytes)

    def __mul__(self, by: float) -> Cost:
        return Cost(self.seconds * by, self.cpu_seconds * by, self.peak_bytes)


class TooLongError(RuntimeError):
    """A process was stopped, since it took longer than was waited for."""

    def __init__(self, command: Sequence[str], cost: Cost) -> None:
        super().__init__(f"{' '.join(command)} was not done after {cost.seconds:,.0f} s, and was stopped")
        self.cost = cost
        """What it had taken until then."""


def median(costs: Sequence[Cost]) -> Cost:
    """The median of the seconds and of the CPU seconds; of the memory the most."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
        max(cost.peak_bytes for cost in costs),
    )


def python(*arguments: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *arguments]


def plain() -> dict[str, str]:
    """The environment without settings of whoever measures.

    That Python shall keep no compiled modules is one as well: each process would compile the package anew.
    """
    settings = ("GROWTH_", "DAGSTER_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(settings)}


def ran(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    beside: Sequence[int] = (),
    look_seconds: float = LOOK_SECONDS,
    patience: float | None = None,
) -> tuple[Cost, str]:
    """Run a command to its end: what it took, and what it printed.

    What the processes `beside` it take meanwhile, with all that they start, is taken by the command, too.

    Raises:
        RuntimeError: it failed; the message is what it said.
        TooLongError: it was not done after so many seconds of `patience`.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=complained, env=environment or plain(), cwd=ROOT)
        late = threading.Timer(patience or 0, process.kill)
        with _Watch(process.pid, beside, look_seconds) as watch:
            if patience is not None:
                late.start()
            # Not `wait`: this one tells what the process itself took, and what those took that it waited for.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        late.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        # On Linux ru_maxrss is handed on to children: it may be that of this process. Elsewhere nothing else is told.
        most = watch.bytes or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        cost = Cost(seconds, usage.ru_utime + usage.ru_stime + watch.cpu_seconds, most)
        said.seek(0)
        output = said.read().decode(errors="replace")
        if process.returncode == -signal.SIGKILL and patience is not None and seconds >= patience:
            raise TooLongError(command, cost)
        if process.returncode:
            complained.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{output}{complained.read().decode(errors='replace')}")
    return cost, output


class _Watch:
    """Looks at a process and others beside it, each with its descendants, until the block ends."""

    def __init__(self, pid: int, beside: Sequence[int], look_seconds: float) -> None:
        self.pid, self.beside, self.look_seconds = pid, beside, look_seconds
        self.bytes = 0
        """The most memory of all together."""
        self._before = self._ticks()
        self._last: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @property
    def cpu_seconds(self) -> float:
        """Of those beside, also of such as ended; what these took after the last look is not known."""
        ticks = sum(taken - self._before.get(pid, 0) for pid, taken in self._last.items())
        return ticks / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._last |= self._ticks()

    def _look(self) -> None:
        pids, asked = [self.pid], 0.0
        while not self._over.wait(self.look_seconds):
            if time.perf_counter() - asked >= FAMILY_SECONDS:
                pids = [pid for own in (self.pid, *self.beside) for pid in family(own)]
                asked = time.perf_counter()
            self.bytes = max(self.bytes, sum(map(_resident, pids)))
            self._last |= self._ticks()

    def _ticks(self) -> dict[int, int]:
        return {pid: _own_ticks(pid) for own in self.beside for pid in family(own)}


def family(pid: int) -> Iterator[int]:
    """A process, and all that it started and that they did, as far as they are still there."""
    yield pid
    # A process or thread may end between two looks.
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from family(int(child))


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return 0


def _own_ticks(pid: int) -> int:
    """Of its own threads, not of its children."""
    with suppress(OSError):
        # The name before it, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0
