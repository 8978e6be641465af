"""The files in landing, each with the source it belongs to."""

from __future__ import annotations

import datetime as dt
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.utils import glob_translate
from upath import UPath

from growth_assets import places
from growth_assets.places import HDFS, STORES, Place, StoreError, is_hdfs, is_remote, prefix_of
from growth_assets.settings import Settings, Source

Stat = tuple[int, int, int | str, int]
"""Size, time of change (ns), and what else changes with a file: the time of change of its inode (ns) and the inode; of
an object its ETag, of a file on HDFS its number there."""

LISTINGS = 3
"""So often a folder of HDFS is listed from which another one goes meanwhile."""

NO_STAT: Stat = (0, 0, 0, 0)
"""Of what cannot even be looked at."""


@dataclass(frozen=True)
class LandingFile:
    """A file that is there now."""

    path: Place
    name: str
    """Path below landing/, with forward slashes, as `shown`."""
    source: Source
    stat: Stat
    """As long as it stays, so does the content."""

    def may_grow(self, now: dt.datetime, settle_seconds: int) -> bool:
        """True where the file was changed so lately that somebody may still write to it."""
        # A time to come is a wrong clock: such a file must not wait until then.
        return abs(now.replace(tzinfo=dt.UTC).timestamp() - self.stat[1] / 1e9) < settle_seconds


@dataclass(frozen=True)
class Unreadable:
    """A file that cannot be read, and why."""

    name: str
    error: str
    stat: Stat = NO_STAT


def landing_files(settings: Settings) -> Iterator[LandingFile | Unreadable]:
    """The files below `landing/`, by name; hidden ones (.name) and those of no source are left alone.

    A link that leads out of `landing/` is not followed: whoever may put files there must not have others read.
    """
    if is_remote(settings.landing):
        yield from _objects(settings, settings.landing)
    else:
        yield from _on_disk(settings, settings.landing)


def _objects(settings: Settings, landing: UPath) -> Iterator[LandingFile]:
    """From one listing of the prefix."""
    listed = _on_hdfs(landing) if is_hdfs(landing) else landing.fs.find(landing.path, detail=True)
    for path in sorted(listed):
        name = path.removeprefix(prefix_of(landing))
        source = source_named(settings, name)
        # A console makes an object without a byte for a "folder".
        if source is None or _hidden(name) or name.endswith("/"):
            continue
        yield LandingFile(landing / name, shown(name), source, _stat_of_object(listed[path]))


def _on_hdfs(landing: UPath) -> dict[str, Mapping[str, Any]]:
    """What is below a folder of HDFS, but for what Hadoop is still writing there, or marks as none of the data."""
    said = ""
    # A listing that fails in the middle must not pass for a short one, nor one of a folder that goes meanwhile.
    for _ in range(LISTINGS):
        try:
            top = landing.fs.ls(landing.path, detail=True)
        except FileNotFoundError:
            return {}  # as on disk: no landing/ is an empty one
        except OSError as error:
            raise _not_listed(landing, str(error)) from error
        try:
            return {str(each["name"]): each for each in _below(landing.fs, top)}
        except FileNotFoundError as error:
            said = str(error)
        except OSError as error:
            raise _not_listed(landing, str(error)) from error
    raise _not_listed(landing, said)


def _below(there: Any, listed: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - fsspec has no types
    """The files of a listing, and those of its folders; what is hidden is not even looked into."""
    for each in listed:
        name = str(each["name"]).rpartition("/")[2]
        if name.startswith(("_", ".")) or name.endswith("._COPYING_"):
            continue
        if each["type"] == "directory":
            yield from _below(there, there.ls(each["name"], detail=True))
        else:
            yield each


def _not_listed(landing: UPath, said: str) -> StoreError:
    return StoreError(
        f"landing = {places.shown(landing)}: not all of it can be listed ({shown(said)}). Look whether the namenode is "
        f"up, and let the user of {STORES[HDFS].variables} read its folders."
    )


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def _on_disk(settings: Settings, landing: Path) -> Iterator[LandingFile | Unreadable]:
    yield from _closed_folders(landing)
    inside = landing.resolve()
    taken: dict[Path, Source] = {}
    for source in settings.sources:
        for path in landing.glob(source.files):
            taken.setdefault(path, source)
    for path in sorted(taken):
        below = path.relative_to(landing).as_posix()
        name, where = shown(below), shown(str(path))
        if _hidden(below):
            continue
        try:
            stat = stat_of(path)
            leads_out = not path.resolve(strict=True).is_relative_to(inside)
        except OSError as error:
            yield Unreadable(name, f"{where}: cannot be read: {error.strerror}. Mend the link or remove it.")
            continue
        if leads_out:
            yield Unreadable(
                name,
                f"{where}: is a link that leads out of landing/. Copy the file, or link it with `ln` without -s.",
                stat,
            )
            continue
        if path.is_dir():
            continue
        if not path.is_file():
            yield Unreadable(name, f"{where}: is no file but a pipe, socket or device. Remove it from landing/.", stat)
            continue
        if not os.access(path, os.R_OK):
            yield Unreadable(
                name, f"{where}: cannot be read: permission denied. Let the pipeline's user read it.", stat
            )
            continue
        yield LandingFile(path, name, taken[path], stat)


def _stat_of_object(about: Mapping[str, Any]) -> Stat:
    """From what s3fs, gcsfs or adlfs say of an object, or the namenode of a file."""
    if "modificationTime" in about:
        return int(about["size"]), int(about["modificationTime"]) * 1_000_000, str(about.get("fileId")), 0
    changed = next((about[key] for key in ("LastModified", "mtime", "updated", "last_modified") if about.get(key)), 0)
    if isinstance(changed, str):
        changed = dt.datetime.fromisoformat(changed)
    # Whole seconds: a listing has no finer ones, where the object itself may have.
    seconds = int(changed.timestamp()) if isinstance(changed, dt.datetime) else 0
    return int(about["size"]), seconds * 1_000_000_000, str(about.get("ETag") or about.get("etag")), 0


def source_of(path: Path, settings: Settings) -> Source | None:
    """The source that a file on this machine belongs to; None where it lies elsewhere or no source takes it."""
    if is_remote(settings.landing):
        return None
    known = (file for file in landing_files(settings) if isinstance(file, LandingFile))
    return next((file.source for file in known if file.path == path), None)


def stat_of(path: Place) -> Stat:
    """What changes when the file at `path` does."""
    if is_remote(path):
        return _stat_of_object(path.fs.info(path.path))
    status = path.stat()
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def became_another(path: Place, before: Stat) -> bool:
    """True where a file on HDFS has become another one and is more than grown.

    Ranges are handed out there of whatever has the name; other stores refuse those of another object, and a file of
    this machine stays the one that was opened.
    """
    if not is_hdfs(path):
        return False
    now = stat_of(path)
    # A gateway (HttpFS) may tell no number: then no growth can be told from another file.
    same = now[2] == before[2] and now[2] != str(None)
    return now != before and not (same and now[0] >= before[0])


def shown(text: str) -> str:
    r"""A file's name, or a text with one in it, as text that can be stored and printed.

    Bytes that are not UTF-8 and control characters, which could be a message of their own to a terminal, become \xNN.
    """
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(f"\\x{ord(each):02x}" if unicodedata.category(each) == "Cc" else each for each in decoded)


def _closed_folders(landing: Path) -> Iterator[Unreadable]:
    errors: list[OSError] = []
    for _ in os.walk(landing, onerror=errors.append):
        pass
    for error in errors:
        path = Path(error.filename)
        # No landing/ is an empty one; a folder may also go while it is looked at.
        if not isinstance(error, FileNotFoundError):
            where = shown(str(path))
            yield Unreadable(
                shown(path.relative_to(landing).as_posix()),
                f"{where}: this folder cannot be read: {error.strerror}. Let the pipeline's user read and enter it.",
            )


def source_named(settings: Settings, name: str) -> Source | None:
    """The source that a file below landing/ belongs to, by its name alone: it need not be there any more."""
    patterns = ((source, re.compile(glob_translate(source.files))) for source in settings.sources)
    return next((source for source, pattern in patterns if pattern.match(name)), None)
