"""The ledger of landed content: what was read, what it held, which days it touches.

One entry a content, known by its fingerprint (SHA-256 of the decompressed bytes), so that a rotated, renamed, copied or
re-compressed file is the one that is already known; of a Parquet file its rows tell that as well. A file that grew
begins with the bytes of its shorter self: its entry names that one under `replaces`, and from then on only the longer
one counts.

    <warehouse>/landing/files/<id>.json               an entry, written last, so that it speaks of whole files
    <warehouse>/landing/segments/<id>/ds=D.parquet    the events of one content on one day
    <warehouse>/landing/rejected/<id>.parquet         the bytes of its rejected lines, to be read again
    <warehouse>/landing/unfinished/<id>.parquet       the bytes of half a last line, until its other half has come
    <warehouse>/landing/paths.json                    a cache: what was at which path, read or not; safe to delete

The id is the fingerprint and a digest of the settings it was read with: with other settings it is read again. So is a
content whose last line was not finished, once its file has settled, and one that a damaged file held, in a whole file.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from growth_assets.places import Place, is_remote
from growth_assets.warehouse import durable, locks

FIRST_POSSIBLE_DAY = "2000-01-01"
"""Before it no website logged events: an older time is a broken clock, and no reason to have 10,000 partitions."""


Lacks = Literal["", "newline", "end"]
"""What a content lacks: nothing, the newline of a line that may still be written, or what follows the damage."""


@dataclass(frozen=True)
class Segment:
    """The events of one content on one day."""

    rows: int
    sha256: str
    """Of the segment's file."""
    in_the_future: int
    """How many of the rows were too far ahead when the file was read."""


@dataclass(frozen=True)
class Entry:
    """One content that was read."""

    fingerprint: str
    length: int
    """Bytes, decompressed."""
    head: str
    """SHA-256 of the first `head_length` bytes: tells fast which contents may begin alike."""
    head_length: int
    source: str
    source_file: str
    """Path below landing/ under which the content, or its shorter self, was first seen."""
    format: str
    reading: str
    """Digest of the settings it was read with; with other settings it is read again."""
    lines: int
    events: int
    rejected: int
    started_at: str | None
    """Time of the first event."""
    read_at: str
    """When the content was first read (naive UTC): what is in the future is judged by it."""
    latest: str
    """The latest time an event could have, and not be in the future (naive UTC)."""
    segments: Mapping[str, Segment]
    replaces: tuple[str, ...] = ()
    """Ids of what no longer counts beside this one: its shorter selves, and itself as read before."""
    beginnings: Mapping[str, str] = field(default_factory=dict)
    """Length to SHA-256 of so many first bytes, for the `lengths_told` that it reaches."""
    unfinished: int = 0
    """Bytes of a last line without a newline that was not read, since the file may still have been written."""
    replayed: bool = False
    """True where some of its events may have been read with other settings than those of `reading`."""
    damaged: bool = False
    """True where the file was packed, and cut off or corrupt after these bytes."""
    unsure: bool = False
    """True where no checksum was reached that would vouch for all these bytes."""
    contradicts: tuple[str, ...] = ()
    """Those of `replaces` that were unsure and are no beginning of this content: wrong bytes were in them."""
    first: str = ""
    """The first FIRST_BYTES in base64; empty in entries of older versions."""
    rows: str = ""
    """Of a Parquet file, a digest of the times and hosts in its rows: the same however they are packed."""
    log_format: str | None = None
    """The layout that the lines were read by, where `format` is that of a layout."""

    @property
    def id(self) -> str:
        """Names the entry's file and its segments' folder."""
        return entry_id(self.fingerprint, self.reading, self.lacks)

    @property
    def lacks(self) -> Lacks:
        """What kept the content from being read to its end."""
        return "end" if self.damaged else "newline" if self.unfinished else ""

    @property
    def first_bytes(self) -> bytes:
        """The first FIRST_BYTES, or all there are; none where they were not kept."""
        return base64.b64decode(self.first)

    def to_json(self) -> dict[str, object]:
        """The entry as JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Entry:
        """The entry that `to_json` wrote."""
        values = dict(content)
        segments = values.pop("segments")
        replaces = values.pop("replaces")
        contradicts = values.pop("contradicts", ())
        if not isinstance(segments, dict) or not isinstance(replaces, list):
            raise TypeError("segments must be an object and replaces a list")
        return cls(
            **values,  # type: ignore[arg-type]  # wrong names raise TypeError, which the reader reports
            segments={ds: Segment(**segment) for ds, segment in segments.items()},
            replaces=tuple(replaces),
            contradicts=tuple(contradicts),  # type: ignore[arg-type]  # what is no list raises TypeError
        )


class LedgerError(Exception):
    """An entry of the ledger is damaged; the message names its file and the remedy."""


@dataclass(frozen=True)
class Ledger:
    """All entries, as they were on disk at one moment."""

    folder: Place
    entries: tuple[Entry, ...]

    @cached_property
    def current(self) -> dict[str, Entry]:
        """Id to entry, without those that another one replaces."""
        replaced = {each for entry in self.entries for each in entry.replaces}
        return {entry.id: entry for entry in self.entries if entry.id not in replaced}

    @cached_property
    def known(self) -> dict[str, Entry]:
        """Id to entry, replaced ones included: a copy of an older state adds nothing either."""
        return {entry.id: entry for entry in self.entries}

    @cached_property
    def by_day(self) -> dict[str, list[Entry]]:
        """Day to the contents that have events on it, ordered by content and not by name or arrival."""
        days: dict[str, list[Entry]] = {}
        for entry in sorted(self.current.values(), key=lambda each: (each.started_at or "", each.fingerprint)):
            for ds in entry.segments:
                days.setdefault(ds, []).append(entry)
        return dict(sorted(days.items()))

    def segments(self, ds: str) -> list[Place]:
        """The segment files of a day, in order."""
        return [segment_path(self.folder, entry.id, ds) for entry in self.by_day.get(ds, [])]

    def again(self, ds: str) -> dict[Place, str]:
        """Each segment file of a day to how it can be had again."""
        return {
            segment_path(self.folder, entry.id, ds): (
                f"restore it from a backup; or see that {entry.source_file} is in landing/ and delete "
                f"{entry_path(self.folder, entry.id)}"
            )
            for entry in self.by_day.get(ds, [])
        }

    def digests(self, ds: str) -> dict[Place, str]:
        """Each segment file of a day to the SHA-256 that it landed with."""
        return {segment_path(self.folder, entry.id, ds): entry.segments[ds].sha256 for entry in self.by_day.get(ds, [])}

    def inputs(self, ds: str) -> dict[str, str]:
        """The day's data version of what landed: changes exactly when a segment of the day does."""
        segments = [entry.segments[ds].sha256 for entry in self.by_day.get(ds, [])]
        return {"landing.event_files": durable.digest_of(segments)}

    def rows(self, ds: str) -> int:
        """How many events of a day have landed, as they were counted then."""
        return sum(entry.segments[ds].rows for entry in self.by_day.get(ds, []))

    def in_the_future(self, ds: str) -> int:
        """How many of these were too far ahead when they were read."""
        return sum(entry.segments[ds].in_the_future for entry in self.by_day.get(ds, []))

    @cached_property
    def days(self) -> list[str]:
        """The days that have an event which is not in the future: those that daily tables can be built of."""
        return [ds for ds in self.by_day if self.rows(ds) > self.in_the_future(ds)]

    def first_day(self) -> dt.date | None:
        """The oldest day that may be a partition."""
        days = [ds for ds in self.days if ds >= FIRST_POSSIBLE_DAY]
        return dt.date.fromisoformat(days[0]) if days else None


def entry_id(fingerprint: str, reading: str, lacks: Lacks = "") -> str:
    """Names a content together with the settings it was read with, and with what kept it from being read to its end."""
    return f"{fingerprint}-{reading[:12]}" + (f"-no-{lacks}" if lacks else "")


def segment_folder(folder: Place, entry: str) -> Place:
    """Where the segments of one entry are."""
    return folder / "segments" / entry


def segment_path(folder: Place, entry: str, ds: str) -> Place:
    """The file of one segment."""
    return segment_folder(folder, entry) / f"ds={ds}.parquet"


def rejected_path(warehouse_root: Place, entry: str) -> Place:
    """The file of raw.rejected_lines that holds those of one entry; there is none where it has none."""
    return warehouse_root / "raw" / "rejected_lines" / f"{entry}.parquet"


def originals_path(folder: Place, entry: str) -> Place:
    """The file of the bytes of the lines that one entry rejected; there is none where it has none."""
    return folder / "rejected" / f"{entry}.parquet"


def unfinished_path(folder: Place, entry: str) -> Place:
    """The file of half a last line that one entry waits for; there is none where it waits for nothing."""
    return folder / "unfinished" / f"{entry}.parquet"


def entry_path(folder: Place, entry: str) -> Place:
    """The file of one entry."""
    return folder / "files" / f"{entry}.json"


@contextmanager
def held(workplace: Path) -> Iterator[None]:
    """Keep the ledger and its segments as they are: for whoever changes them, or reads segments named by it."""
    with locks.exclusive(workplace / "_locks" / "ledger.lock"):
        yield


def read(warehouse_root: Place) -> Ledger:
    """The ledger of a warehouse; empty where nothing has landed.

    Raises:
        LedgerError: an entry cannot be read.
    """
    folder = warehouse_root / "landing"
    files = folder / "files"
    if is_remote(files):
        return Ledger(folder, tuple(_entries(sorted(files.glob("*.json")))))
    return Ledger(folder, _entries_on_disk(files))


_read_before: dict[Path, tuple[tuple[int, int, int], Entry]] = {}
"""The entries that this process read last, with what tells that their files are the same still."""


def _entries_on_disk(folder: Path) -> tuple[Entry, ...]:
    """As `_entries`, those of a folder; a build asks for them ten times, and reads a file when it is another one."""
    global _read_before  # noqa: PLW0603 - of one warehouse: what a process looks at is one
    stamps: dict[Path, tuple[int, int, int]] = {}
    for name in _names_in(folder):
        path = folder / name
        with suppress(FileNotFoundError):  # it went meanwhile
            status = path.stat()
            stamps[path] = status.st_ino, status.st_mtime_ns, status.st_size
    known = {path: each for path, each in _read_before.items() if each[0] == stamps.get(path)}
    other = [path for path in stamps if path not in known]
    known |= {path: (stamps[path], entry) for path, entry in zip(other, _entries(other), strict=True)}
    _read_before = known
    return tuple(known[path][1] for path in stamps)


def _entries(paths: Sequence[Place]) -> Iterable[Entry]:
    for path, content in durable.read_jsons(paths):
        try:
            if content is None:
                raise ValueError("not a JSON object")
            yield Entry.from_json(content)
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(
                f"{path}: damaged ledger entry ({error}). Delete it: the file it speaks of is read again when it is "
                "still in landing/; otherwise restore it from a backup."
            ) from error


def _names_in(folder: Place) -> tuple[str, ...]:
    """The entries' names, in order; a year has some hundred, and a run asks for each of its days."""
    try:
        names = [path.name for path in folder.iterdir()] if is_remote(folder) else os.listdir(folder)  # noqa: PTH208 - names are all that is wanted
    except FileNotFoundError:
        return ()
    return tuple(sorted(name for name in names if name.endswith(".json")))


class Cached:
    """The ledger, read again only after an entry came or went. Use it while the ledger is held."""

    def __init__(self, warehouse_root: Place) -> None:
        self._root = warehouse_root
        self._seen: tuple[str, ...] | None = None
        self._ledger = Ledger(warehouse_root / "landing", ())

    def read(self) -> Ledger:
        """The ledger as it is now."""
        # What an entry says of days is never changed; what it replaces may grow, and then another entry came.
        names = _names_in(self._ledger.folder / "files")
        if names != self._seen:
            self._ledger, self._seen = read(self._root), names
        return self._ledger
