"""The bytes of rejected lines, kept so that they can be read again after a setting was mended.

What can be read from a rejected line is its bytes and the header that was in force; its text may be cut, or decoded
wrongly. Lines that were too long to be held have no bytes here, nor has what stands for a damaged file.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right

import polars as pl

from growth_assets.contracts.columns import ORIGINAL
from growth_assets.sources.batch import Batch, rejected_frame
from growth_assets.sources.format import Parser
from growth_assets.sources.lines import HEAD_BYTES, LINE_LIMIT, Chunk, Unread
from growth_assets.sources.text import Lines, canonical_encoding, head_text

HELD_BYTES = 5 * LINE_LIMIT
"""A record may wait for lines to come: at least so many bytes of earlier lines are held. CSV holds LINE_LIMIT
characters."""


class Keeping:
    """A parser whose batches have the bytes of their rejected lines."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._held: list[Chunk] = []

    @property
    def header(self) -> str:
        """The parser's own."""
        return self._parser.header

    def parse(self, lines: Lines) -> Batch:
        """What the parser makes of `lines`."""
        before = self._parser.header
        self._held.append(lines.raw)
        batch = self._kept(self._parser.parse(lines), before)
        while sum(len(chunk.data) for chunk in self._held[1:]) >= HELD_BYTES:
            self._held.pop(0)
        return batch

    def flush(self) -> Batch | None:
        """What the parser has left."""
        batch = self._parser.flush()
        return None if batch is None else self._kept(batch, self._parser.header)

    def _kept(self, batch: Batch, before: str) -> Batch:
        if not batch.rejected.height:
            return batch
        numbers = batch.rejected["line_number"].to_list()
        originals = [self.bytes_of(number, batch.spans.get(number, 1)) for number in numbers]
        starts = [start for start, _ in batch.headers]
        headers = [before or (self._parser.header if not starts else ""), *(header for _, header in batch.headers)]
        in_force = [headers[bisect_right(starts, number)] for number in numbers]
        return dataclasses.replace(batch, originals=pl.DataFrame([originals, in_force], schema=ORIGINAL))

    def bytes_of(self, number: int, lines: int) -> bytes | None:
        """The bytes of so many lines from `number` on; None where they are not held any more."""
        found = [self._line(each) for each in range(number, number + lines)]
        whole = [line for line in found if line is not None]
        return b"\n".join(whole) if len(whole) == lines else None

    def _line(self, number: int) -> bytes | None:
        for chunk in reversed(self._held):
            position = number - chunk.first_line
            if 0 <= position < len(chunk.ends):
                start = int(chunk.ends[position - 1]) + 1 if position else 0
                return chunk.data[start : int(chunk.ends[position])]
        return None


def waiting(line: Unread, whole: bytes | None, header: str, encoding: str) -> pl.DataFrame:
    """A line that is not read yet, as a rejected one is kept: the columns of REJECTED and ORIGINAL.

    Args:
        line: as it would be rejected.
        whole: its bytes; None where it is too long to be held.
        header: in force.
        encoding: of the source.
    """
    shown = dataclasses.replace(line, head=line.head[:HEAD_BYTES], whole=whole is not None and len(whole) <= HEAD_BYTES)
    text = head_text(shown, canonical_encoding(encoding))
    rejected = rejected_frame([(line.line_number, line.reason, text)])
    return rejected.hstack(pl.DataFrame([[whole], [header]], schema=ORIGINAL))
