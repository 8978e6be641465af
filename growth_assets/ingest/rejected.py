"""The rejected lines of one file, written in pieces: as the table shows them, and as they were, to be read again."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from growth_assets.contracts.columns import ORIGINAL, REJECTED
from growth_assets.sources.batch import Batch

ROWS_HELD = 100_000
BYTES_HELD = 32 << 20
"""Rejected lines are written out in pieces of at least so many rows or bytes, so that a file of nothing else, or of
lines of a megabyte each, stays small."""

TABLE = "rejected.parquet"
"""The rows of raw.rejected_lines, with text that is cut."""

ORIGINALS = "originals.parquet"
"""The same rows with their bytes and header; a piece is a row group."""

UNFINISHED = "unfinished.parquet"
"""A last line that may still be written, with the same columns."""

_ARROW = pa.schema(
    [
        ("line_number", pa.int64()),
        ("reason", pa.large_string()),
        ("text", pa.large_string()),
        ("original", pa.large_binary()),
        ("header", pa.large_string()),
    ]
)


class RejectedLines:
    """Takes the batches of one file; leaves TABLE and ORIGINALS in `folder` where a line was rejected."""

    def __init__(self, folder: Path, source: str, source_file: str) -> None:
        self._folder, self._source, self._source_file = folder, source, source_file
        self._held: list[pl.DataFrame] = []
        self._rows = self._bytes = 0
        self._pieces: list[Path] = []
        self._originals: pq.ParquetWriter | None = None

    def add(self, batch: Batch) -> None:
        """Take the rejected lines of one batch."""
        if batch.rejected.height:
            self.take(batch.rejected, batch.originals)

    def take(self, rejected: pl.DataFrame, originals: pl.DataFrame | None) -> None:
        """Take rejected lines, and what can be read of them again."""
        if originals is None:
            originals = pl.DataFrame(schema=ORIGINAL).clear(rejected.height)
        frame = rejected.hstack(originals)
        self._held.append(frame)
        self._rows += frame.height
        self._bytes += int(frame.estimated_size())
        if self._rows >= ROWS_HELD or self._bytes >= BYTES_HELD:
            self._write_piece()

    def _write_piece(self) -> None:
        pieces = self._folder / "rejected"
        pieces.mkdir(exist_ok=True)
        self._pieces.append(pieces / f"{len(self._pieces):08}.parquet")
        self._write(self._pieces[-1])

    def _write(self, path: Path) -> None:
        frame = pl.concat(self._held) if len(self._held) > 1 else self._held[0]
        self._held, self._rows, self._bytes = [], 0, 0
        if self._originals is None:
            self._originals = pq.ParquetWriter(self._folder / ORIGINALS, _ARROW, compression="zstd")
        self._originals.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(_ARROW))
        told = {"source": self._source, "source_file": self._source_file}
        constants = [pl.Series(name, [text]).new_from_index(0, frame.height) for name, text in told.items()]
        frame[list(REJECTED)].hstack(constants).write_parquet(path, compression="zstd")

    def finish(self) -> None:
        """Write what is held."""
        if not self._pieces and self._rows:
            self._write(self._folder / TABLE)
        elif self._rows:
            self._write_piece()
        if self._originals is not None:
            self._originals.close()
        if self._pieces:
            pl.concat([pl.scan_parquet(piece) for piece in self._pieces]).sink_parquet(
                self._folder / TABLE, compression="zstd", maintain_order=True
            )
            shutil.rmtree(self._folder / "rejected", ignore_errors=True)

    def close(self) -> None:
        """Let go of the files, also where reading failed."""
        if self._originals is not None:
            self._originals.close()
