"""Rejected lines read again from their bytes, without their file, under the settings of now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import polars as pl

from growth_assets.settings import Source
from growth_assets.sources.batch import Batch
from growth_assets.sources.format import Context, TextFormat
from growth_assets.sources.lines import Chunk, newlines
from growth_assets.sources.originals import Keeping
from growth_assets.sources.text import canonical_encoding, lines_of


def read_again(held: pl.DataFrame, text_format: TextFormat, source: Source, context: Context) -> Iterator[Batch]:
    """The batches of rejected lines: `line_number` and the columns of ORIGINAL, none of them null, by line.

    Without a header a line is read for itself. Under one it may belong to its neighbours, as in a record of CSV, so
    lines are read together where they stood together, and apart where they did not.
    """
    encoding = canonical_encoding(source.encoding)
    for (header,), part in held.group_by("header", maintain_order=True):
        parser = Keeping(text_format.parser(context))
        if header:
            parser.parse(lines_of(_chunk([str(header).encode().removesuffix(b"\n")], 0), "utf-8"))
        lines = part["original"].to_list()
        numbers = part["line_number"].to_numpy()
        spans = np.array([line.count(b"\n") + 1 for line in lines], dtype=np.int64)
        for begin, end in _runs(numbers, spans) if header else [(0, len(lines))]:
            chunk = _chunk(lines[begin:end], 1)
            at = np.concatenate(
                [np.arange(n, n + span) for n, span in zip(numbers[begin:end], spans[begin:end], strict=True)]
            )
            yield _numbered(parser.parse(lines_of(chunk, encoding)), at)
            if (left := parser.flush()) is not None:
                yield _numbered(left, at)


def _runs(numbers: np.ndarray, spans: np.ndarray) -> list[tuple[int, int]]:
    """Where lines begin that do not follow the line before."""
    gaps = (np.flatnonzero(numbers[1:] != numbers[:-1] + spans[:-1]) + 1).tolist()
    return list(zip([0, *gaps], [*gaps, len(numbers)], strict=True))


def _chunk(lines: list[bytes], first_line: int) -> Chunk:
    data = b"\n".join(lines) + b"\n"
    return Chunk(data, newlines(data), first_line)


def _numbered(batch: Batch, at: np.ndarray) -> Batch:
    """The batch with the line numbers of the file: line 1 is `at[0]`."""

    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        numbers = at[frame["line_number"].to_numpy() - 1]
        return frame.with_columns(pl.Series("line_number", numbers, dtype=pl.Int64))

    # What spans several lines here does so in the file.
    return dataclasses.replace(batch, events=moved(batch.events), rejected=moved(batch.rejected))
