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


def may_begin(shorter: Entry, longer: Entry) -> bool:
    """False where the ledger tells already that `shorter` is no beginning of `longer`."""
    if shorter.reading != longer.reading or shorter.length >= longer.length or not shorter.beginnings:
        return False
    return all(longer.beginnings.get(length) == sha256 for length, sha256 in shorter.beginnings.items())


def read_alike(sure_below: int, shorter: ReadFiles, longer: ReadFiles) -> bool:
    """True where all lines with a number less than `sure_below`, one at least, gave the same in both."""
    return sure_below > 1 and all(
        _lines(first, sure_below, mine, columns).equals(_lines(first, sure_below, theirs, columns))
        for mine, theirs, columns in (
            (shorter.events, longer.events, tuple(RECEIVED)),
            (shorter.rejected, longer.rejected, tuple(REJECTED)),
        )
        for first in range(1, sure_below, LINES_AT_ONCE)
    )


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
