"""What a reader hands out: some events, the lines it rejected, and the count that both must add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from growth_assets.contracts.columns import ORIGINAL, RECEIVED, REJECTED
from growth_assets.sources.reasons import Reason

TEXT_LIMIT = 1_000
"""How many characters of a rejected line are kept."""

Rejection = tuple[int, Reason, str]
"""Line number, reason, text of any length."""


@dataclass(frozen=True)
class Batch:
    """Consecutive lines of a file, brought to events and rejected lines; both in line order.

    Raises:
        ValueError: lines were lost or invented, or a frame has not its declared columns: a defect of a
        reader.
    """

    events: pl.DataFrame
    """The columns of RECEIVED; texts that come again and again may be numbered, in all batches of a file alike."""
    rejected: pl.DataFrame
    """The columns of REJECTED."""
    lines: int
    """Lines (records of a CSV file, rows of a Parquet file) that were read; headers do not count."""
    spans: Mapping[int, int] = field(default_factory=dict)
    """First line of a rejected record to its number of lines, where it has more than one."""
    last_began: int | None = None
    """Where the record began that the last of these lines was thought to end, if at another line."""
    headers: Sequence[tuple[int, str]] = ()
    """Headers that stand among these lines, each with its line, where a format can have several."""
    originals: pl.DataFrame | None = None
    """The columns of ORIGINAL for each of `rejected`; None where they were not kept."""

    def __post_init__(self) -> None:
        if self.lines != self.events.height + self.rejected.height:
            raise ValueError(f"{self.lines} lines gave {self.events.height} events, {self.rejected.height} rejected")
        if self.originals is not None and self.originals.height != self.rejected.height:
            raise ValueError(f"{self.rejected.height} rejected lines have {self.originals.height} originals")
        frames = [(self.events, RECEIVED), (self.rejected, REJECTED), (self.originals, ORIGINAL)]
        for frame, columns in ((frame, columns) for frame, columns in frames if frame is not None):
            said = [
                (name, pl.String() if isinstance(kind, pl.Categorical) else kind) for name, kind in frame.schema.items()
            ]
            if said != list(columns.items()):
                raise ValueError(f"expected {columns}, got {dict(frame.schema)}")


def rejected_frame(rejections: Iterable[Rejection]) -> pl.DataFrame:
    """The frame of rejected lines, in line order, with bounded text."""
    rows = sorted((number, str(reason), text[:TEXT_LIMIT]) for number, reason, text in rejections)
    return pl.DataFrame(rows, schema=REJECTED, orient="row")


def only_rejected(rejections: list[Rejection]) -> Batch:
    """A batch without an event."""
    return Batch(pl.DataFrame(schema=RECEIVED), rejected_frame(rejections), len(rejections))
