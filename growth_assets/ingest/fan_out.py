"""One file into one segment per day: parsed once, whatever days it holds, in bounded memory."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from growth_assets.contracts.columns import MICROSECONDS, RECEIVED
from growth_assets.ingest.ledger import Segment
from growth_assets.ingest.rejected import RejectedLines
from growth_assets.sources.batch import Batch
from growth_assets.warehouse import durable

PROVENANCE: dict[str, pl.DataType] = {
    "source": pl.String(),
    "source_file": pl.String(),
    "file_started_at": MICROSECONDS,
    "in_the_future": pl.Boolean(),
    "ds": pl.String(),
}
"""Columns that a segment has after those of a received event."""


@dataclass
class FannedOut:
    """What a file came to. The folder holds `segments/ds=D.parquet` and the rejected lines, not yet in place."""

    folder: Path
    lines: int = 0
    events: int = 0
    rejected: int = 0
    started_at: str | None = None
    segments: dict[str, Segment] | None = None


def fan_out(
    batches: Iterator[Batch],
    folder: Path,
    source: str,
    source_file: str,
    latest: dt.datetime,
    started_at: str | None = None,
) -> FannedOut:
    """Write the batches of one file to `folder`, events by day and rejected lines by themselves.

    Events after `latest` (naive UTC) are marked as in the future. `started_at` is the time of the first event in the
    file, where the batches are not all of it.

    Raises:
        whatever `batches` raises; `folder` is then left to the caller to remove.
    """
    result = FannedOut(folder, started_at=started_at)
    rejected = RejectedLines(folder, source, source_file)
    failure: list[Exception] = []

    def frames() -> Iterator[pl.DataFrame]:
        started = pl.Series([dt.datetime.fromisoformat(started_at)], dtype=MICROSECONDS) if started_at else None
        try:
            for batch in batches:
                result.lines += batch.lines
                result.events += batch.events.height
                result.rejected += batch.rejected.height
                rejected.add(batch)
                if started is None and batch.events.height:
                    started = batch.events["event_timestamp"].head(1)
                    result.started_at = started.item().isoformat()
                if started is not None and batch.events.height:
                    yield batch.events.with_columns(
                        pl.lit(source).alias("source"),
                        pl.lit(source_file).alias("source_file"),
                        pl.lit(started.item(), dtype=MICROSECONDS).alias("file_started_at"),
                        (pl.col("event_timestamp") > latest).alias("in_the_future"),
                        pl.col("event_timestamp").dt.strftime("%Y-%m-%d").alias("ds"),
                    )
        except Exception as error:
            # Polars would wrap it; the caller wants the reader's own words.
            failure.append(error)
            raise

    segments = folder / "segments"
    segments.mkdir(parents=True)
    try:
        _sink(frames, segments)
    except Exception:
        rejected.close()
        if failure:
            raise failure[0] from None
        raise
    rejected.finish()
    result.segments = {
        path.stem.removeprefix("ds="): segment_of(path) for path in sorted(segments.glob("ds=*.parquet"))
    }
    return result


def _sink(frames: Callable[[], Iterator[pl.DataFrame]], segments: Path) -> None:
    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # The sink takes every row and column; a plan that asked for less would lose events.
        if with_columns is not None or predicate is not None or n_rows is not None:
            raise AssertionError("segments are written whole")
        del batch_size
        yield from frames()

    lazy = register_io_source(io_source=source, schema={**RECEIVED, **PROVENANCE})
    lazy.sink_parquet(
        pl.PartitionBy(
            segments,
            key="ds",
            include_key=True,
            file_path_provider=lambda args: f"ds={args.partition_keys.item()}.parquet",
            approximate_bytes_per_file=None,
        ),
        compression="zstd",
        statistics=True,
        maintain_order=True,
    )


def segment_of(path: Path) -> Segment:
    """What the ledger says of a segment's file, which is on disk from here on."""
    durable.sync_file(path)
    frame = pl.scan_parquet(path, hive_partitioning=False, glob=False)
    rows, ahead = frame.select(pl.len(), pl.col("in_the_future").sum()).collect().row(0)
    return Segment(rows=rows, sha256=durable.sha256_of(path), in_the_future=ahead)


def staging_folder(root: Path) -> Path:
    """A new folder for one file's fan-out."""
    return root / "_staging" / secrets.token_hex(8)
