"""Whether a content is the beginning of a longer one, told by what was read of both: their files may be gone.

The bytes tell for the greater part: of each content the digests of some of its beginnings are kept. The lines tell for
the rest: each that the shorter one surely holds was read alike in the longer one, down to every value. What follows
those lines, such as the half of a last line, is in the longer one as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from growth_assets.contracts.columns import RECEIVED, REJECTED
from growth_assets.ingest.ledger import Entry
from growth_assets.places import Place
from growth_assets.warehouse.partitions import scan

LENGTHS = tuple(1 << power for power in range(6, 48))
"""Lengths of the beginnings whose digests are kept: of any content, more than half of its bytes are among them."""

LINES_AT_ONCE = 100_000
"""Lines that are compared at a time, so that memory is bounded."""


QUARTER = 15 * 60 * 1_000_000
"""Offsets are whole quarters of an hour, in microseconds."""


def may_begin(shorter: Entry, longer: Entry) -> bool:
    """False where the ledger tells already that `shorter` is no beginning of `longer`."""
    if shorter.length >= longer.length or not shorter.beginnings:
        return False
    return all(longer.beginnings.get(length) == sha256 for length, sha256 in shorter.beginnings.items())


def read_alike(sure_below: int, shorter: ReadFiles, longer: ReadFiles, *, other_settings: bool) -> bool:
    """True where all lines with a number less than `sure_below`, one at least, gave the same in both.

    Events of the longer one may have been read with `other_settings`, under another source or before a replay. Such an
    event is the same where it differs in nothing but what an encoding, an offset or a default host makes of a line.
    """
    return sure_below > 1 and all(
        _lines_alike(first, sure_below, shorter, longer, other_settings=other_settings)
        for first in range(1, sure_below, LINES_AT_ONCE)
    )


def _lines_alike(first: int, below: int, shorter: ReadFiles, longer: ReadFiles, *, other_settings: bool) -> bool:
    events = _lines(first, below, shorter.events, tuple(RECEIVED)), _lines(first, below, longer.events, tuple(RECEIVED))
    rejected = [_lines(first, below, each.rejected, tuple(REJECTED)) for each in (shorter, longer)]
    if not other_settings:
        return events[0].equals(events[1]) and rejected[0].equals(rejected[1])
    was_event = rejected[0]["line_number"].is_in(events[1]["line_number"].implode())
    is_event = events[1]["line_number"].is_in(events[0]["line_number"].implode())
    return _whatever_settings(events[0]).equals(_whatever_settings(events[1].filter(is_event))) and rejected[0].filter(
        ~was_event
    ).equals(rejected[1])


def _whatever_settings(events: pl.DataFrame) -> pl.DataFrame:
    """What of events is the same whatever the encoding, offset and default host of their source are."""
    texts = pl.col(pl.String).exclude("hostname").str.replace_all(r"[^\x00-\x7f]+", "?")
    return events.select("line_number", texts, pl.col("event_timestamp").dt.epoch("us") % QUARTER)


class ReadFiles:
    """The Parquet files that hold what was read of one content."""

    def __init__(self, segments: Place, rejected: Place) -> None:
        self.events = [scan(path) for path in segments.glob("ds=*.parquet")]
        self.rejected = [scan(rejected)] if rejected.exists() else []


def _lines(first: int, below: int, files: Sequence[pl.LazyFrame], columns: Sequence[str]) -> pl.DataFrame:
    if not files:
        return pl.DataFrame(schema={name: {**RECEIVED, **REJECTED}[name] for name in columns})
    end = min(first + LINES_AT_ONCE, below)
    number = pl.col("line_number")
    rows = pl.concat(files).filter(number >= first, number < end)
    return rows.select(columns).sort("line_number").collect()
