"""Whether a content is the beginning of a longer one, told by what was read of both: their files may be gone.

The bytes tell for the greater part: of each content the first are kept, and the digests of some of its beginnings. The
lines tell for the rest: each that the shorter one surely holds was read alike in the longer one, down to every value.
What follows those lines, such as the half of a last line, is in the longer one as a whole. A content that is no longer
than the bytes that are kept is told by them alone, whatever it was taken for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

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
    if any(longer.beginnings.get(length) != sha256 for length, sha256 in shorter.beginnings.items()):
        return False
    return not longer.first or longer.first_bytes.startswith(shorter.first_bytes)


def may_begin_alike(one: Entry, other: Entry) -> bool:
    """False where the ledger tells already that the two have not even their first bytes in common."""
    first = str(LENGTHS[0])
    return first in one.beginnings and one.beginnings[first] == other.beginnings.get(first)


def told_by_bytes(content: bytes, longer: Entry) -> bool:
    """True where a whole content, FIRST_BYTES at most, is the beginning of `longer`."""
    return len(content) < longer.length and longer.first_bytes.startswith(content)


def read_alike(sure_below: int, shorter: ReadFiles, longer: ReadFiles, *, other_settings: bool) -> bool:
    """True where all lines with a number less than `sure_below`, one at least, gave the same in both.

    Events of the longer one may have been read with `other_settings`, under another source or before a replay. Such an
    event is the same where it differs in nothing but what an encoding, an offset or a default host makes of a line.
    """
    compared = 0
    for first in range(1, sure_below, LINES_AT_ONCE):
        alike = _lines_alike(first, sure_below, shorter, longer, other_settings=other_settings)
        if alike is None:
            return False
        compared += alike
    # A header is no line that was read: what has nothing else in common may go on otherwise.
    return compared > 0


def same_rows(lines: int, one: ReadFiles, other: ReadFiles) -> bool:
    """True where all rows that are events in both, one at least, are the same but for their times and hosts.

    Both have so many `lines`, and by a digest the same times and hosts: settings make of these what they will.
    """
    compared = 0
    columns = tuple(name for name in RECEIVED if name not in {"event_timestamp", "hostname"})
    for first in range(1, lines + 1, LINES_AT_ONCE):
        events = [_lines(first, lines + 1, each.events, columns) for each in (one, other)]
        both = [
            mine.join(theirs, on="line_number", how="semi", maintain_order="left")
            for mine, theirs in (events, events[::-1])
        ]
        if not both[0].equals(both[1]):
            return False
        compared += both[0].height
    return compared > 0


def same_first_event(one: ReadFiles, other: ReadFiles, *, other_settings: bool) -> bool:
    """True where the first event of `one` is on the same line of the other, and the same there."""
    if not one.events:
        return False
    first = pl.concat(one.events).select(pl.col("line_number").min()).collect().item()
    return bool(first and _lines_alike(first, first + 1, one, other, other_settings=other_settings))


def _lines_alike(first: int, below: int, shorter: ReadFiles, longer: ReadFiles, *, other_settings: bool) -> int | None:
    """How many lines gave the same in both; None where one did not."""
    events = _lines(first, below, shorter.events, tuple(RECEIVED)), _lines(first, below, longer.events, tuple(RECEIVED))
    rejected = [_lines(first, below, each.rejected, tuple(REJECTED)) for each in (shorter, longer)]
    lines = events[0].height + rejected[0].height
    if not other_settings:
        return lines if events[0].equals(events[1]) and rejected[0].equals(rejected[1]) else None
    was_event = rejected[0]["line_number"].is_in(events[1]["line_number"].implode())
    is_event = events[1]["line_number"].is_in(events[0]["line_number"].implode())
    still = _whatever_settings(events[0]).equals(_whatever_settings(events[1].filter(is_event)))
    return lines if still and rejected[0].filter(~was_event).equals(rejected[1]) else None


def _whatever_settings(events: pl.DataFrame) -> pl.DataFrame:
    """What of events is the same whatever the encoding, offset and default host of their source are."""
    texts = pl.col(pl.String).exclude("hostname").str.replace_all(r"[^\x00-\x7f]+", "?")
    return events.select("line_number", texts, pl.col("event_timestamp").dt.epoch("us") % QUARTER)


class ReadFiles:
    """The Parquet files that hold what was read of one content; opened when they are first asked for."""

    def __init__(self, segments: Place, rejected: Place) -> None:
        self._segments, self._rejected = segments, rejected

    @cached_property
    def events(self) -> list[pl.LazyFrame]:
        """Its events, day by day."""
        return [scan(path) for path in self._segments.glob("ds=*.parquet")]

    @cached_property
    def rejected(self) -> list[pl.LazyFrame]:
        """Its rejected lines, where it has any."""
        return [scan(self._rejected)] if self._rejected.exists() else []


def _lines(first: int, below: int, files: Sequence[pl.LazyFrame], columns: Sequence[str]) -> pl.DataFrame:
    if not files:
        return pl.DataFrame(schema={name: {**RECEIVED, **REJECTED}[name] for name in columns})
    end = min(first + LINES_AT_ONCE, below)
    number = pl.col("line_number")
    rows = pl.concat(files).filter(number >= first, number < end)
    return rows.select(columns).sort("line_number").collect()
