"""One content taken up again without its file: from the bytes that were kept of it, and its segments.

The file may be gone, so nothing but what was kept is asked for. What was an event stays as it was read, and
`file_started_at` stays, so that days without a new event stay the same to the byte. The entry is written last: a
process that dies on the way leaves the old state.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from growth_assets.contracts.columns import ORIGINAL, RECEIVED, REJECTED
from growth_assets.ingest import ledger, placing
from growth_assets.ingest.fan_out import fan_out, segment_of, staging_folder
from growth_assets.ingest.files import source_named
from growth_assets.ingest.ledger import Entry, Segment
from growth_assets.ingest.rejected import UNFINISHED
from growth_assets.places import Place, is_remote
from growth_assets.settings import Settings, Source
from growth_assets.sources.batch import Batch
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context
from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.sources.rereading import read_again
from growth_assets.warehouse import durable, objects
from growth_assets.warehouse.partitions import PACKING, scan


def source_of_entry(settings: Settings, entry: Entry) -> Source | None:
    """The source that takes the entry's file, whether it is there or not; None where none does any more."""
    # What comes after the name tells apart what was called alike.
    return source_named(settings, re.sub(r"@[0-9]+$", "", entry.source_file))


def as_they_are(held: pl.DataFrame) -> Batch:
    """Rejected lines that stay so."""
    return Batch(pl.DataFrame(schema=RECEIVED), held.select(*REJECTED), held.height, originals=held.select(*ORIGINAL))


class Again:
    """One content, and what can be done with it without its file; use it once."""

    def __init__(self, settings: Settings, entry: Entry, source: Source, latest: dt.datetime) -> None:
        self.settings, self.entry, self.source, self.latest = settings, entry, source, latest
        self._folder = settings.warehouse / "landing"
        self._staged = staging_folder(settings.workplace / "landing")

    def rejudged(self, ds: str) -> bool:
        """True where an event of the day may have been in the future and be so no longer, or the other way round."""
        before = dt.datetime.fromisoformat(self.entry.latest)
        return before != self.latest and ds >= min(before, self.latest).date().isoformat()

    def rejected_lines(self) -> Iterator[pl.DataFrame]:
        """The rejected lines with their bytes, a bounded number of bytes at a time.

        Raises:
            SourceError: the file that holds them is gone.
        """
        path = ledger.originals_path(self._folder, self.entry.id)
        if self.entry.rejected and not path.exists():
            raise SourceError(f"{path}: is missing, so its lines cannot be read again. Bring the file itself again.")
        if path.exists():
            here = _here(path, self._staged / "held.parquet")
            with pq.ParquetFile(here) as file:
                for group in range(file.num_row_groups):
                    yield pl.DataFrame(file.read_row_group(group))

    def read(self, held: pl.DataFrame, format_name: str) -> Iterator[Batch]:
        """What the lines, with their bytes and header, are by the settings of now."""
        hostname = self.settings.default_hostname(self.source)
        context = Context(self.entry.source_file, hostname, self.source.utc_offset, self.source.log_format)
        return read_again(held, TEXT_FORMATS[format_name], self.source, context)

    def publish(self, batches: Iterator[Batch], **changes: object) -> Entry:
        """Bring the content into the ledger with `batches` in place of all its rejected lines.

        Args:
            batches: all rejected lines that stay so, and whatever was not an event before.
            changes: what else the ledger is to say of it.

        Returns:
            The new entry, in the place of the old one.
        """
        entry, staged = self.entry, self._staged
        try:
            found = fan_out(batches, staged, self.source.name, entry.source_file, self.latest, entry.started_at)
            new = dataclasses.replace(
                entry,
                source=self.source.name,
                lines=entry.lines - entry.rejected + found.lines,
                events=entry.events + found.events,
                rejected=found.rejected,
                started_at=found.started_at,
                latest=self.latest.isoformat(),
                segments=self._segments(staged / "segments", found.segments or {}),
                **changes,  # type: ignore[arg-type]  # wrong names raise TypeError
            )
            new = dataclasses.replace(new, replaces=tuple(sorted({*entry.replaces, entry.id} - {new.id})))
            waiting = ledger.unfinished_path(self._folder, entry.id)
            if new.unfinished and waiting.exists():
                _here(waiting, staged / UNFINISHED)
            with ledger.held(self.settings.workplace):
                placing.put_in_place(self.settings.warehouse, new, staged)
            return new
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _segments(self, folder: Path, new: dict[str, Segment]) -> dict[str, Segment]:
        """All segments of the content in `folder`, where the new events are already."""
        segments = dict(new)
        for ds, segment in self.entry.segments.items():
            old, final = ledger.segment_path(self._folder, self.entry.id, ds), folder / f"ds={ds}.parquet"
            if ds not in new and not self.rejudged(ds):
                _here(old, final)
                segments[ds] = segment
                continue
            merged = final.with_name(f".{final.name}")
            rows = scan(old).with_columns((pl.col("event_timestamp") > self.latest).alias("in_the_future"))
            parts = [rows, scan(final)] if ds in new else [rows]
            rows = pl.concat(parts).sort("line_number", maintain_order=True)
            rows.sink_parquet(merged, **PACKING, maintain_order=True)
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
