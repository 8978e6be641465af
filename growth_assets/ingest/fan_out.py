"""One file into one segment per day: parsed once, whatever days it holds, in bounded memory."""

from __future__ import annotations

import datetime as dt
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from growth_assets.contracts.columns import MICROSECONDS, RECEIVED
from growth_assets.contracts.texts import as_texts
from growth_assets.ingest.ledger import Segment
from growth_assets.ingest.rejected import RejectedLines
from growth_assets.sources.batch import Batch
from growth_assets.warehouse import durable
from growth_assets.warehouse.as_numbers import NUMBERS, said_of
from growth_assets.warehouse.partitions import PACKING, as_they_come

PROVENANCE: dict[str, pl.DataType] = {
    "source": pl.String(),
    "source_file": pl.String(),
    "file_started_at": MICROSECONDS,
    "in_the_future": pl.Boolean(),
    "ds": pl.String(),
}
"""Columns that a segment has after those of a received event."""


MOST_DAYS = 8
"""So many days are written at a time as they come. Each of them holds back rows, up to 100 MB of them."""
HELD_ROWS = 100_000
HELD_BYTES = 64 << 20
"""A file of no more rows and bytes is held and written at once, for a third of what a sink costs."""
PIECE_ROWS = 500_000
"""Rows of a file with more days are written in pieces of so many, which are put together day by day."""


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
    may_go_on: Callable[[], None] = lambda: None,
) -> FannedOut:
    """Write the batches of one file to `folder`, events by day and rejected lines by themselves.

    Events after `latest` (naive UTC) are marked as in the future. `started_at` is the time of the first event in the
    file, where the batches are not all of it. `may_go_on` is called between batches, and between days.

    Raises:
        whatever `batches` or `may_go_on` raises; `folder` is then left to the caller to remove.
    """
    result = FannedOut(folder, started_at=started_at)
    rejected = RejectedLines(folder, source, source_file)
    failure: list[Exception] = []
    # The same text in every row is made, and written, in a fraction of the time where it is a number.
    said = pl.Categorical(pl.Categories.random(physical=NUMBERS))

    def frames() -> Iterator[pl.DataFrame]:
        started = pl.Series([dt.datetime.fromisoformat(started_at)], dtype=MICROSECONDS) if started_at else None
        try:
            for batch in batches:
                may_go_on()
                result.lines += batch.lines
                result.events += batch.events.height
                result.rejected += batch.rejected.height
                rejected.add(batch)
                if started is None and batch.events.height:
                    started = batch.events["event_timestamp"].head(1)
                    result.started_at = started.item().isoformat()
                if started is not None and batch.events.height:
                    height, times = batch.events.height, batch.events["event_timestamp"]
                    yield batch.events.hstack(
                        [
                            pl.Series("source", [source], said).new_from_index(0, height),
                            pl.Series("source_file", [source_file], said).new_from_index(0, height),
                            started.alias("file_started_at").new_from_index(0, height),
                            (times > latest).alias("in_the_future"),
                            _days(times, said),
                        ]
                    )
        except Exception as error:
            # Polars would wrap it; the caller wants the reader's own words.
            failure.append(error)
            raise

    segments = folder / "segments"
    segments.mkdir(parents=True)
    try:
        result.segments = _spread(frames(), segments, may_go_on)
    except Exception:
        rejected.close()
        if failure:
            raise failure[0] from None
        raise
    rejected.finish()
    return result


def _days(times: pl.Series, said: pl.Categorical) -> pl.Series:
    """The column `ds`."""
    if (day := _one_day(times)) is not None:
        return pl.Series("ds", [day], said).new_from_index(0, len(times))
    return times.dt.strftime("%Y-%m-%d").alias("ds").cast(said)


def _one_day(times: pl.Series) -> str | None:
    """The day of all times, where they have but one, as in most files."""
    first, last = times.min(), times.max()
    if isinstance(first, dt.datetime) and isinstance(last, dt.datetime) and first.date() == last.date():
        return first.date().isoformat()
    return None


def _spread(frames: Iterator[pl.DataFrame], segments: Path, may_go_on: Callable[[], None]) -> dict[str, Segment]:
    """Write `frames` by day in bounded memory, however many days there are and whatever their order."""
    held, size = deque[pl.DataFrame](), 0
    for frame in frames:
        held.append(frame)
        size += int(frame.estimated_size())
        if size > HELD_BYTES or sum(each.height for each in held) > HELD_ROWS:
            break
    else:
        return _write_at_once(held, segments)
    schema = held[0].schema
    coming = _Coming(frames, held)
    pieces: list[Path] = []
    while not coming.ended or not pieces:
        piece = segments.with_name(f"piece-{len(pieces):08}")
        piece.mkdir()
        _sink(coming.next_piece, schema, piece)
        pieces.append(piece)
    if len(pieces) == 1:
        segments.rmdir()
        pieces[0].rename(segments)
    else:
        _put_together(pieces, segments, may_go_on)
    return {path.stem.removeprefix("ds="): segment_of(path) for path in sorted(segments.glob("ds=*.parquet"))}


def _put_together(pieces: Sequence[Path], segments: Path, may_go_on: Callable[[], None]) -> None:
    for name in sorted({path.name for piece in pieces for path in piece.iterdir()}):
        may_go_on()
        parts = [piece / name for piece in pieces if (piece / name).exists()]
        if len(parts) == 1:
            parts[0].rename(segments / name)
            continue
        rows = pl.concat([pl.scan_parquet(part, hive_partitioning=False, glob=False) for part in parts])
        rows.sink_parquet(segments / name, **PACKING, maintain_order=True)
        for part in parts:
            part.unlink()
    for piece in pieces:
        piece.rmdir()


def _write_at_once(frames: Collection[pl.DataFrame], segments: Path) -> dict[str, Segment]:
    written: dict[str, Segment] = {}
    # The bytes of a file are to depend on its rows, and not on the batches that they came in.
    days = [as_texts(pl.concat(frames, rechunk=True))] if frames else []
    if days and _one_day(days[0]["event_timestamp"]) is None:
        days = days[0].partition_by("ds", maintain_order=True)
    for frame in sorted(days, key=lambda each: str(each["ds"][0])):
        ds = str(frame["ds"][0])
        path = segments / f"ds={ds}.parquet"
        frame.write_parquet(path, **PACKING)
        durable.sync_file(path)
        written[ds] = Segment(frame.height, durable.sha256_of(path), int(frame["in_the_future"].sum()))
    return written


class _Coming:
    """Frames that are taken piece by piece: all of them, while their days are few."""

    def __init__(self, frames: Iterator[pl.DataFrame], held: deque[pl.DataFrame]) -> None:
        """`held` are those that came before `frames`; they are taken out of it."""
        self._frames, self._held = frames, held
        self._days: set[str] = set()
        self.ended = False

    def next_piece(self) -> Iterator[pl.DataFrame]:
        """As many frames as may be written at a time."""
        rows = 0
        while (frame := self._next()) is not None:
            self._days.update(frame["ds"].unique())
            if len(self._days) > MOST_DAYS and rows and rows + frame.height > PIECE_ROWS:
                self._held.appendleft(frame)
                return
            rows += frame.height
            yield frame

    def _next(self) -> pl.DataFrame | None:
        if self._held:
            return self._held.popleft()
        frame = next(self._frames, None)
        self.ended = frame is None
        return frame


def _sink(frames: Callable[[], Iterator[pl.DataFrame]], schema: pl.Schema, segments: Path) -> None:
    as_they_come(frames, schema).sink_parquet(
        pl.PartitionBy(
            segments,
            key="ds",
            include_key=True,
            file_path_provider=lambda args: f"ds={args.partition_keys.item()}.parquet",
            approximate_bytes_per_file=None,
        ),
        **PACKING,
        maintain_order=True,
        metadata=said_of({**RECEIVED, **PROVENANCE}),
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
