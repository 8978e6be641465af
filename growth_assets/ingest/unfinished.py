"""Half a last line whose file is gone: its bytes are kept beside the ledger until it has waited long enough.

While its file is in landing, the file says how the line ends. When the file is deleted before that, nobody writes the
rest any more: after `settle_seconds` the line is read as it is, as that of a file is which stays as it is for so long.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path

import polars as pl

from growth_assets.ingest import clock, ledger
from growth_assets.ingest.again import Again, as_they_are, source_of_entry
from growth_assets.ingest.ledger import Entry, Ledger
from growth_assets.places import Place
from growth_assets.settings import Settings
from growth_assets.sources.batch import Batch
from growth_assets.sources.detect import detect
from growth_assets.sources.errors import SourceError
from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.warehouse.partitions import scan


def write(waiting: pl.DataFrame, path: Path) -> None:
    """Keep the line that waits, as the readers hand it out."""
    waiting.write_parquet(path, compression="zstd")


def abandoned(settings: Settings, landed: Ledger, there: Collection[str]) -> list[Entry]:
    """Contents whose last line waits, and whose file is not in landing any more.

    Args:
        settings: of the site.
        landed: what has landed.
        there: fingerprints of the files that are in landing.
    """
    return [
        entry
        for entry in landed.current.values()
        if entry.unfinished
        and entry.fingerprint not in there
        and source_of_entry(settings, entry) is not None
        and _path(settings, entry).exists()
    ]


def is_over(settings: Settings, entry: Entry) -> bool:
    """True where the line has waited for long enough, or the clock was set back since, so that nobody knows."""
    waited = (clock.now() - dt.datetime.fromisoformat(entry.read_at)).total_seconds()
    return waited < 0 or waited >= settings.settle_seconds


def settle(settings: Settings, entry: Entry) -> Entry:
    """Read the line that waits as it is; the entry, which lacks nothing any more.

    Raises:
        SourceError: with the settings of now it cannot be read.
    """
    source = source_of_entry(settings, entry)
    if source is None:
        raise ValueError(f"{entry.source_file} belongs to no source")
    again = Again(settings, entry, source, dt.datetime.fromisoformat(entry.latest))
    waiting = scan(_path(settings, entry)).collect()
    name = _format_of(entry, waiting, source.format)
    batches = chain(map(as_they_are, again.rejected_lines()), _last(again, waiting, name))
    return again.publish(batches, unfinished=0, format=name or entry.format)


def _path(settings: Settings, entry: Entry) -> Place:
    return ledger.unfinished_path(settings.warehouse / "landing", entry.id)


def _format_of(entry: Entry, waiting: pl.DataFrame, wanted: str) -> str | None:
    """The content's format; None where the line is all there is of it, and in no format."""
    if entry.format in TEXT_FORMATS:
        return entry.format
    if wanted in TEXT_FORMATS:
        return wanted
    try:
        name = detect(waiting["original"].item(), Path(entry.source_file))
    except SourceError:
        return None
    return name if name in TEXT_FORMATS else None


def _last(again: Again, waiting: pl.DataFrame, name: str | None) -> Iterator[Batch]:
    """The line that waited, or the lines of a record that was not closed."""
    if name is None or waiting["original"].item() is None:
        yield as_they_are(waiting)
        return
    try:
        yield from list(again.read(waiting, name))
    except SourceError:
        if again.entry.lines:
            raise
        # All there is of the file, such as half a header.
        yield as_they_are(waiting)
