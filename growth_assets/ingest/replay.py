"""Replay: what was rejected or held to be in the future is looked at again under the settings of now.

A file that is still in landing is read anew by landing itself when its settings change. Replay does what is left: of
contents whose file is gone it reads the rejected lines again from the bytes that were kept, and measures their times
against the tolerance of now, from the moment at which they first came. The entry takes the new reading.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from growth_assets.ingest import clock, ledger, placing
from growth_assets.ingest.again import Again, as_they_are, source_of_entry
from growth_assets.ingest.files import Unreadable
from growth_assets.ingest.landing import reading_of
from growth_assets.ingest.ledger import Entry, Ledger
from growth_assets.settings import Settings
from growth_assets.sources.batch import Batch
from growth_assets.sources.errors import SourceError
from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.warehouse import locks


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
        source = source_of_entry(settings, entry)
        if entry.rejected and source is not None and reading_of(settings, source) != entry.reading:
            found.append(entry)
    return found


def replay(settings: Settings) -> Replayed:
    """Look again at contents that were read with other settings, and whose file landing could not read anew."""
    replayed = Replayed()
    with locks.exclusive(settings.workplace / "_locks" / "landing.lock"):
        # Whatever is staged was left by a process that died: nobody else holds the lock.
        shutil.rmtree(settings.workplace / "landing" / "_staging", ignore_errors=True)
        landed = ledger.read(settings.warehouse)
        placing.tidy(settings, landed)
        for entry in landed.current.values():
            source = source_of_entry(settings, entry)
            if source is None or (reading := reading_of(settings, source)) == entry.reading:
                continue
            latest = clock.latest(dt.datetime.fromisoformat(entry.read_at), settings)
            again = Again(settings, entry, source, latest)
            if entry.rejected or any(map(again.rejudged, entry.segments)):
                try:
                    _replay(again, reading, replayed)
                except (SourceError, OSError) as error:
                    replayed.unreadable.append(Unreadable(entry.source_file, str(error)))
    return replayed


def _replay(again: Again, reading: str, replayed: Replayed) -> None:
    """Bring the new reading of one content into the ledger."""
    counted = Replayed()
    replayed.entries.append(again.publish(_batches(again, counted), reading=reading, replayed=True))
    for each in ("lines", "events", "still_rejected", "not_kept"):
        setattr(replayed, each, getattr(replayed, each) + getattr(counted, each))


def _batches(again: Again, counted: Replayed) -> Iterator[Batch]:
    name = again.entry.format if again.source.format == "auto" else again.source.format
    for held in again.rejected_lines():
        kept = pl.col("original").is_not_null() & (name in TEXT_FORMATS)
        lost = held.filter(~kept)
        if lost.height:
            counted.not_kept += lost.height
            # They stay as they are, for as long as nobody brings their file.
            yield as_they_are(lost)
        if name not in TEXT_FORMATS:
            continue
        for batch in again.read(held.filter(kept), name):
            counted.lines += batch.lines
            counted.events += batch.events.height
            counted.still_rejected += batch.rejected.height
            yield batch
