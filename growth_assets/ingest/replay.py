"""Replay: what was rejected or held to be in the future is looked at again under the settings of now.

A file that is still in landing is read anew by landing itself when its settings change. Replay does what is left: of
contents whose file is gone it reads the rejected lines again from the bytes that were kept, and measures their times
against the tolerance of now, from the moment at which they first came. What was an event stays as it was read, and
`file_started_at` stays, so that days without a new event stay the same to the byte.

The entry takes the new reading and is written last: a process that dies on the way leaves the old state.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from growth_assets.contracts.columns import ORIGINAL, RECEIVED, REJECTED
from growth_assets.ingest import clock, ledger, placing
from growth_assets.ingest.fan_out import fan_out, segment_of, staging_folder
from growth_assets.ingest.files import Unreadable, source_named
from growth_assets.ingest.landing import reading_of
from growth_assets.ingest.ledger import Entry, Ledger, Segment
from growth_assets.places import Place, is_remote
from growth_assets.settings import Settings, Source
from growth_assets.sources.batch import Batch
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context
from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.sources.rereading import read_again
from growth_assets.warehouse import durable, locks, objects
from growth_assets.warehouse.partitions import scan


@dataclass
class Replayed:
    """What a replay came to."""

    entries: list[Entry] = field(default_factory=list)
    """Contents that were looked at again, as they are now."""
    lines: int = 0
    """Rejected lines that were read again: new events + still rejected."""
    events: int = 0
    still_rejected: int = 0
    not_kept: int = 0
    """Rejected lines that cannot be read again: too long to be held, or what stands for a damaged file."""
    unreadable: list[Unreadable] = field(default_factory=list)


def replayable(settings: Settings, landed: Ledger) -> list[Entry]:
    """Contents with rejected lines that were read with other settings than those of now."""
    found = []
    for entry in landed.current.values():
        source = _source(settings, entry)
        if entry.rejected and source is not None and reading_of(settings, source) != entry.reading:
            found.append(entry)
    return found


def _source(settings: Settings, entry: Entry) -> Source | None:
    # What comes after the name tells apart what was called alike.
    return source_named(settings, re.sub(r"@[0-9]+$", "", entry.source_file))


def replay(settings: Settings) -> Replayed:
    """Look again at contents that were read with other settings, and whose file landing could not read anew."""
    replayed = Replayed()
    with locks.exclusive(settings.workplace / "_locks" / "landing.lock"):
        # Whatever is staged was left by a process that died: nobody else holds the lock.
        shutil.rmtree(settings.workplace / "landing" / "_staging", ignore_errors=True)
        landed = ledger.read(settings.warehouse)
        placing.tidy(settings, landed)
        for entry in landed.current.values():
            source = _source(settings, entry)
            if source is None or reading_of(settings, source) == entry.reading:
                continue
            again = _Again(settings, entry, source)
            if entry.rejected or again.judges_otherwise:
                try:
                    again.read(replayed)
                except (SourceError, OSError) as error:
                    replayed.unreadable.append(Unreadable(entry.source_file, str(error)))
    return replayed


class _Again:
    """One content, read again as far as that can be done without its file."""

    def __init__(self, settings: Settings, entry: Entry, source: Source) -> None:
        self.settings, self.entry, self.source = settings, entry, source
        self.folder = settings.warehouse / "landing"
        self.latest = clock.latest(dt.datetime.fromisoformat(entry.read_at), settings)
        self.counted = Replayed()
        self.staged = staging_folder(settings.workplace / "landing")

    @property
    def judges_otherwise(self) -> bool:
        """True where an event may have been in the future and be so no longer, or the other way round."""
        return any(self._rejudged(ds) for ds in self.entry.segments)

    def _rejudged(self, ds: str) -> bool:
        before = dt.datetime.fromisoformat(self.entry.latest)
        return before != self.latest and ds >= min(before, self.latest).date().isoformat()

    def read(self, replayed: Replayed) -> None:
        """Bring the new reading into the ledger."""
        entry, staged, name = self.entry, self.staged, self.entry.source_file
        try:
            found = fan_out(self._batches(), staged, self.source.name, name, self.latest, entry.started_at)
            segments = self._segments(staged / "segments", found.segments or {})
            new = dataclasses.replace(
                entry,
                source=self.source.name,
                reading=reading_of(self.settings, self.source),
                lines=entry.lines - entry.rejected + found.lines,
                events=entry.events + found.events,
                rejected=found.rejected,
                started_at=found.started_at,
                latest=self.latest.isoformat(),
                segments=segments,
            )
            new = dataclasses.replace(new, replaces=tuple(sorted({*entry.replaces, entry.id} - {new.id})))
            with ledger.held(self.settings.workplace):
                placing.put_in_place(self.settings.warehouse, new, staged)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        replayed.entries.append(new)
        for each in ("lines", "events", "still_rejected", "not_kept"):
            setattr(replayed, each, getattr(replayed, each) + getattr(self.counted, each))

    def _batches(self) -> Iterator[Batch]:
        name = self.entry.format if self.source.format == "auto" else self.source.format
        text_format = TEXT_FORMATS.get(name)
        context = Context(
            self.entry.source_file,
            self.settings.default_hostname(self.source),
            self.source.utc_offset,
            self.source.log_format,
        )
        for held in self._held():
            kept = pl.col("original").is_not_null() & (text_format is not None)
            lost = held.filter(~kept)
            if lost.height:
                self.counted.not_kept += lost.height
                # They stay as they are, for as long as nobody brings their file.
                originals = lost.select(*ORIGINAL)
                yield Batch(pl.DataFrame(schema=RECEIVED), lost.select(*REJECTED), lost.height, originals=originals)
            if text_format is None:
                continue
            for batch in read_again(held.filter(kept), text_format, self.source, context):
                self.counted.lines += batch.lines
                self.counted.events += batch.events.height
                self.counted.still_rejected += batch.rejected.height
                yield batch

    def _held(self) -> Iterator[pl.DataFrame]:
        """The rejected lines with their bytes, a bounded number of bytes at a time."""
        path = ledger.originals_path(self.folder, self.entry.id)
        if self.entry.rejected and not path.exists():
            raise SourceError(f"{path}: is missing, so its lines cannot be read again. Bring the file itself again.")
        if path.exists():
            here = _here(path, self.staged / "held.parquet")
            with pq.ParquetFile(here) as file:
                for group in range(file.num_row_groups):
                    yield pl.DataFrame(file.read_row_group(group))

    def _segments(self, folder: Path, new: dict[str, Segment]) -> dict[str, Segment]:
        """All segments of the content in `folder`, where the new events are already."""
        segments = dict(new)
        for ds, segment in self.entry.segments.items():
            old, final = ledger.segment_path(self.folder, self.entry.id, ds), folder / f"ds={ds}.parquet"
            if ds not in new and not self._rejudged(ds):
                _here(old, final)
                segments[ds] = segment
                continue
            merged = final.with_name(f".{final.name}")
            rows = scan(old).with_columns((pl.col("event_timestamp") > self.latest).alias("in_the_future"))
            parts = [rows, scan(final)] if ds in new else [rows]
            pl.concat(parts).sort("line_number", maintain_order=True).sink_parquet(
                merged, compression="zstd", statistics=True, maintain_order=True
            )
            merged.replace(final)
            segments[ds] = segment_of(final)
        return dict(sorted(segments.items()))


def _here(where: Place, path: Path) -> Path:
    """The file at `where` as `path` on this machine: fetched from a store, else a link or a copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_remote(where):
        objects.fetch(where, path)
        return path
    try:
        os.link(where, path)
    except OSError:  # a file system without links
        shutil.copyfile(where, path)
        durable.sync_file(path)
    return path
