"""Many new files, read by the machines of a cluster, each as one is read here; the ledger is not touched.

A machine reads some files into folders where nobody looks, named by chance, and tells of each what it came to. Of a
task that was tried again, or twice at once, one answer counts, and its folders with it: the others go with all that is
staged. What a machine tells is JSON: nothing that it sends is code to whoever reads it.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from growth_assets.ingest.fan_out import FannedOut, staging_folder
from growth_assets.ingest.files import LandingFile, Stat
from growth_assets.ingest.one_file import NOT_READ, ReadFile, ToRead, read_file
from growth_assets.sources.fingerprint import Fingerprint

WORTH_IT = 256 << 20
"""New files of fewer bytes together are read here before a cluster has begun."""

BYTES_A_TASK = 64 << 20
FILES_A_TASK = 200
"""So many bytes, or files, are one task together; a file is never cut."""

TASKS_AT_ONCE = 500
"""What so many tasks read is in the ledger before the next are begun: a look that is killed loses no more."""


@dataclass(frozen=True)
class Share:
    """What one task reads."""

    files: tuple[ToRead, ...]
    landing: Path
    """Where the warehouse's landing is, on a file system that the machines share."""


@dataclass(frozen=True)
class Told:
    """What one file came to."""

    name: str
    staged: str = ""
    """The name of the folder that it was read into; "" where it was not read."""
    fanned: FannedOut | None = None
    stat: Stat | None = None
    fingerprint: Fingerprint | None = None
    format: str | None = None
    unfinished: int = 0
    rows: str = ""
    sure_below: int = 0
    why: str = ""
    """Why it was not read."""


Machines = Callable[[Callable[[Share], bytes], Sequence[Share]], Iterable[bytes]]
"""Has machines do a function of each share, in any order and as often as they like; what it gave, once for each share.

Whatever it raises ends the look.
"""


def read_share(share: Share) -> bytes:
    """Read some files on the machine that this runs on, and tell of each."""
    return _told().dump_json([_read(file, share.landing) for file in share.files])


def _read(file: ToRead, landing: Path) -> Told:
    staged = staging_folder(landing)
    try:
        read = read_file(file, staged)
    except NOT_READ as error:
        return Told(file.name, why=f"{type(error).__name__}: {error}")
    return Told(
        file.name, staged.name, read.fanned, read.stat, read.fingerprint, read.format, read.unfinished, read.rows,
        read.sure_below,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _told() -> TypeAdapter[list[Told]]:
    return TypeAdapter(list[Told], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))


class ReadByMachines:
    """Files that the machines of a cluster read before their turn."""

    def __init__(self, machines: Machines, landing: Path) -> None:
        self._machines, self._landing = machines, landing
        self._tasks: list[list[tuple[str, ToRead]]] = []
        self._room = 0
        self._read: dict[str, ReadFile] = {}
        self.not_read: dict[str, str] = {}
        """Name in landing of a file that no machine could read, and why."""

    @property
    def tasks(self) -> int:
        """How many tasks are planned."""
        return len(self._tasks)

    def plan(self, file: LandingFile, to_read: ToRead) -> None:
        """Have a file read next time: a large one by a task of its own, small ones together."""
        size = file.stat[0]
        if not self._tasks or size > self._room or len(self._tasks[-1]) >= FILES_A_TASK:
            self._tasks.append([])
            self._room = BYTES_A_TASK
        self._tasks[-1].append((file.name, to_read))
        self._room -= size

    def read(self) -> None:
        """Have what is planned read."""
        of = {to_read.name: (name, to_read) for task in self._tasks for name, to_read in task}
        shares = [Share(tuple(to_read for _, to_read in task), self._landing) for task in self._tasks]
        self._tasks, self._room = [], 0
        for answer in self._machines(read_share, shares) if shares else ():
            for told in _told().validate_json(answer):
                name, to_read = of[told.name]
                # Of what a machine says no other folder can be meant than one that is staged here.
                folder = self._landing / "_staging" / Path(told.staged).name
                if told.fanned is None or told.fingerprint is None or told.stat is None:
                    self.not_read[name] = told.why
                    continue
                if not (folder / "segments").is_dir():
                    self.not_read[name] = f"what a machine wrote is not here in {folder}"
                    continue
                self._read[to_read.name] = ReadFile(
                    to_read, folder, dataclasses.replace(told.fanned, folder=folder), told.stat, told.fingerprint,
                    told.format, told.unfinished, told.rows, told.sure_below,
                )  # fmt: skip

    def take(self, name: str) -> ReadFile | None:
        """What became of a file, which is forgotten. None where it was not read: whoever reads it sees why."""
        return self._read.pop(name, None)

    def drop(self) -> None:
        """Remove what nobody took, and what was read by attempts that did not count."""
        self._read.clear()
        shutil.rmtree(self._landing / "_staging", ignore_errors=True)


def worth_it(files: Iterable[LandingFile]) -> bool:
    """True where a cluster reads new files sooner than this machine does."""
    return sum(file.stat[0] for file in files) >= WORTH_IT
