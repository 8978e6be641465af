"""The files in landing, each with the source it belongs to."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from growth_assets.settings import Settings, Source


@dataclass(frozen=True)
class LandingFile:
    """A file that is there now."""

    path: Path
    name: str
    """Path below landing/, with forward slashes."""
    source: Source
    stat: tuple[int, int, int, int]
    """Size, times of change of content and of inode (ns), inode: as long as these stay, so does the content."""

    def may_grow(self, now: dt.datetime, settle_seconds: int) -> bool:
        """True where the file was changed so lately that somebody may still write to it."""
        # A time to come is a wrong clock: such a file must not wait until then.
        return abs(now.replace(tzinfo=dt.UTC).timestamp() - self.stat[1] / 1e9) < settle_seconds


@dataclass(frozen=True)
class Unreadable:
    """A file that cannot be read, and why."""

    name: str
    error: str


def landing_files(settings: Settings) -> Iterator[LandingFile | Unreadable]:
    """The files below `landing/`, by name; hidden ones (.name) and those of no source are left alone."""
    taken: dict[Path, Source] = {}
    for source in settings.sources:
        for path in settings.landing.glob(source.files):
            taken.setdefault(path, source)
    for path in sorted(taken):
        name = path.relative_to(settings.landing).as_posix()
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        try:
            stat = stat_of(path)
        except OSError as error:
            yield Unreadable(name, f"{path}: cannot be read: {error.strerror}. Mend the link or remove it.")
            continue
        if path.is_dir():
            continue
        if not path.is_file():
            yield Unreadable(name, f"{path}: is no file but a pipe, socket or device. Remove it from landing/.")
            continue
        if not os.access(path, os.R_OK):
            yield Unreadable(name, f"{path}: cannot be read: permission denied. Let the pipeline's user read it.")
            continue
        yield LandingFile(path, name, taken[path], stat)


def stat_of(path: Path) -> tuple[int, int, int, int]:
    """What changes when the file at `path` does; see LandingFile."""
    status = path.stat()
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
