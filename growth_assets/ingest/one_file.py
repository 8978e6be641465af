"""One file read into a staging folder, in this process or ahead of its turn by a worker; the ledger is not touched."""

from __future__ import annotations

import datetime as dt
import shutil
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from polars.exceptions import PanicException

from growth_assets.ingest import unfinished
from growth_assets.ingest.fan_out import FannedOut, fan_out
from growth_assets.ingest.files import Stat, stat_of
from growth_assets.ingest.rejected import UNFINISHED
from growth_assets.places import Place
from growth_assets.settings import Source
from growth_assets.sources.errors import SourceError
from growth_assets.sources.fingerprint import Fingerprint
from growth_assets.sources.reader import read
from growth_assets.workers import WorkerEndedError, Workers


class BrokenOffError(Exception):
    """Reading a file broke off: the machine ran out of something, or nobody knows why. The message says which file.

    Where nobody knows, it says as well where in the program that was.
    """


class DroppedError(Exception):
    """Nobody asks any more for what is being read."""


NO_THREAD = "can't start new thread"
"""What Python says where the machine lets it begin no more of them."""

NOT_READ = (SourceError, OSError, BrokenOffError)
"""What is raised where one file cannot be read and others may be."""


@dataclass(frozen=True)
class ToRead:
    """What decides what a file comes to."""

    path: Place
    source: Source
    name: str
    """What its rows say where they are from."""
    hostname: str | None
    prefix_lengths: frozenset[int]
    """So many first bytes get a fingerprint of their own."""
    moment: dt.datetime
    """Now, or when its content first came (naive UTC)."""
    latest: dt.datetime
    """The latest time that is not in the future (naive UTC)."""
    growing: bool
    sound: int | None = None
    """Only so many bytes are to be read; None for all."""


@dataclass(frozen=True)
class ReadFile:
    """A file that was read."""

    of: ToRead
    folder: Path
    """What is staged of it; whoever has this object removes it."""
    fanned: FannedOut
    stat: Stat
    """Before it was read."""
    fingerprint: Fingerprint
    format: str | None
    unfinished: int
    rows: str
    sure_below: int

    @property
    def torn(self) -> bool:
        """True where the file has become another one."""
        return stat_of(self.of.path) != self.stat


def read_file(file: ToRead, staged: Path, at_once: int = 1, may_go_on: Callable[[], None] = lambda: None) -> ReadFile:
    """Read a file into the new folder `staged`, which is removed where that fails; `at_once` threads parse it.

    `may_go_on` is called again and again, by any of them, and raises DroppedError where nobody wants it any more.

    Raises:
        SourceError: it cannot be read.
        BrokenOffError: the machine has no more memory or threads, or it is not known what is at fault.
    """
    try:
        stat = stat_of(file.path)
        reading = read(
            file.path, file.source, file.hostname, prefix_lengths=file.prefix_lengths, growing=file.growing,
            sound=file.sound, at_once=at_once, may_go_on=may_go_on,
        )  # fmt: skip
        fanned = fan_out(iter(reading), staged, file.source.name, file.name, file.latest, may_go_on=may_go_on)
        if reading.waiting is not None:
            unfinished.write(reading.waiting, staged / UNFINISHED)
    except BaseException as error:
        shutil.rmtree(staged, ignore_errors=True)
        if isinstance(error, (SourceError, OSError, DroppedError)) or not isinstance(
            error, (Exception, PanicException)
        ):
            raise
        raise BrokenOffError(_told(file.path, error)) from error
    return ReadFile(
        file, staged, fanned, stat, reading.fingerprint, reading.format, reading.unfinished, reading.rows,
        reading.sure_below,
    )  # fmt: skip


def _told(path: Place, error: BaseException) -> str:
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == NO_THREAD):
        lacks = "memory" if isinstance(error, MemoryError) else "threads that it may begin"
        return (
            f"{path}: this machine ran out of {lacks} while it was read. Other files are not held up, and the next "
            "look reads it: give the process more, or let less run beside it."
        )
    # Its own words may hold what a visitor sent.
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    where = f"{type(error).__name__} in {frame.f_globals.get('__name__', '?')}, line {line}"
    return (
        f"{path}: reading it broke off ({where}). Other files are not held up. That is a defect of growth_assets: "
        "report it with this message, and keep the file out of `files` of its source in site.toml until it is mended."
    )


class Ahead:
    """Files that workers read before their turn."""

    def __init__(self, workers: Workers, pool: ThreadPoolExecutor) -> None:
        self._workers, self._pool = workers, pool
        self._begun: dict[str, tuple[Future[ReadFile | None], Path]] = {}

    def begin(self, file: ToRead, staged: Path) -> None:
        """Have a file read, if there is a worker."""
        self._begun[file.name] = self._pool.submit(self._read, file, staged), staged

    def _read(self, file: ToRead, staged: Path) -> ReadFile | None:
        with self._workers.one() as worker:
            return worker.call(read_file, file, staged) if worker else None

    def take(self, name: str) -> ReadFile | None:
        """What became of a file, which is forgotten. None where it was not read: whoever reads it sees why."""
        if name not in self._begun:
            return None
        begun, staged = self._begun.pop(name)
        try:
            return begun.result()
        except (*NOT_READ, WorkerEndedError):
            shutil.rmtree(staged, ignore_errors=True)
            return None

    def drop(self) -> None:
        """Remove what nobody took."""
        for name, (begun, _) in list(self._begun.items()):
            if not begun.cancel() and (read := self.take(name)):
                shutil.rmtree(read.folder, ignore_errors=True)
