"""A first look at a file: what its beginning is taken for and why, and what is read from it.

No more than the beginning is read, however long the file or its lines are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from growth_assets.places import Place
from growth_assets.settings import Source
from growth_assets.sources import decompressed, ga4, parquet
from growth_assets.sources.batch import Batch, only_rejected
from growth_assets.sources.detect import HEAD_BYTES, PARQUET_MAGIC, Taken, explain, require_plain_text
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context, TextFormat
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.sources.lines import Chunk, Unread, chunks
from growth_assets.sources.native import frame_of
from growth_assets.sources.text import canonical_encoding, head_text, lines_of

ROWS = 200
"""Of a Parquet file, so many rows are read."""


@dataclass(frozen=True)
class FirstLook:
    """What the beginning of a file shows."""

    format: str | None
    """None where it is not clear."""
    why: str
    shares: Mapping[str, float]
    remedy: str
    packed: str | None
    """What the file is compressed with."""
    damaged: bool
    """True where the compressed data is corrupt or ends early, within the beginning."""
    whole: bool
    """True where the beginning is all there is."""
    lines: int
    events: pl.DataFrame
    rejected: pl.DataFrame
    undecodable: int
    """Lines with bytes that do not fit the encoding."""

    @property
    def understood(self) -> bool:
        """True where the format is known and, if there are lines, at least one of them is an event."""
        return self.format is not None and (self.events.height > 0 or self.lines == 0)


def first_look(path: Place, source: Source, default_hostname: str | None) -> FirstLook:
    """Look at the beginning of the file at `path`.

    Args:
        path: a file.
        source: its format ("auto" finds it out), encoding and utc_offset.
        default_hostname: the host of events that do not name one.

    Raises:
        SourceError: the file cannot be read at all.
    """
    head, damaged = decompressed.beginning(path, HEAD_BYTES)
    packed = decompressed.packed_with(path)
    taken = _taken(head, path, source)
    context = Context(str(path), default_hostname, source.utc_offset, source.log_format)
    batches: list[Batch] = []
    undecodable = 0
    cut = len(head) == HEAD_BYTES
    if not head:
        pass  # nothing can be wrong with it
    elif taken.format == PARQUET:
        if packed:
            raise SourceError(f"{path}: a Parquet file that is compressed as a whole. Unpack it before landing.")
        batches = [batch for batch, _ in zip(parquet.batches(path, context, ROWS), range(1), strict=False)]
    elif taken.format is not None:
        require_plain_text(head, path)
        if cut and b"\n" not in head:
            raise SourceError(f"{path}: its first line is longer than {HEAD_BYTES >> 10} KiB, so that this is no log.")
        whole_lines = head[: head.rfind(b"\n") + 1] if cut or damaged else head
        text_format, encoding = TEXT_FORMATS[taken.format], canonical_encoding(source.encoding)
        for batch, odd in _parsed(whole_lines, text_format, context, encoding, ends=not cut):
            batches.append(batch)
            undecodable += odd
    return FirstLook(
        format=taken.format,
        why=taken.why,
        shares=taken.shares,
        remedy=taken.remedy,
        packed=packed,
        damaged=damaged,
        whole=not cut and taken.format != PARQUET,
        lines=sum(batch.lines for batch in batches),
        events=pl.concat([batch.events for batch in batches] or [frame_of([])]).sort("line_number"),
        rejected=pl.concat([batch.rejected for batch in batches] or [only_rejected([]).rejected]).sort("line_number"),
        undecodable=undecodable,
    )


def _taken(head: bytes, path: Place, source: Source) -> Taken:
    if not head:
        return Taken("empty", "there is not a byte in it", {})
    if source.format == "auto":
        return explain(head, path)
    exported = source.format == ga4.FORMAT.name and head.startswith(PARQUET_MAGIC)
    setting = "log_format" if source.log_format is not None else "format"
    return Taken(PARQUET if exported else source.format, f"`{setting}` of its source says so", {})


def _parsed(
    data: bytes, text_format: TextFormat, context: Context, encoding: str, *, ends: bool
) -> Iterator[tuple[Batch, int]]:
    """Batches, and in how many of their lines there are bytes that do not fit the encoding."""
    parser = text_format.parser(context)
    for item in chunks(iter([data] if data else [])):
        if isinstance(item, Chunk):
            lines = lines_of(item, encoding)
            yield parser.parse(lines), len(lines.undecodable)
        elif isinstance(item, Unread):
            yield only_rejected([(item.line_number, item.reason, head_text(item, encoding))]), 0
    # A record that the cut left open is no broken one.
    if ends and (left := parser.flush()) is not None:
        yield left, 0
