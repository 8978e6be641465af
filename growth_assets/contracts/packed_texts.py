"""Columns of texts in Parquet files, numbered as they are packed: by dictionaries, of which a group of rows has one.

To number the texts of a group's dictionary takes a fraction of the time of numbering those of its rows, and they need
not be in memory all at once.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

_FILES: dict[int, tuple[Path, ...]] = {}
"""By the identity of frames that are there still."""


def of_files(frame: pl.LazyFrame, files: Sequence[Path]) -> pl.LazyFrame:
    """The same frame, which is known to hold the rows of `files`, in order, while these stay as they are."""
    _FILES[id(frame)] = tuple(files)
    weakref.finalize(frame, _FILES.pop, id(frame), None)
    return frame


def packed_texts(frame: pl.LazyFrame, name: str) -> pl.Series | None:
    """A column of texts as numbers; None where the frame is not known to be files, or they cannot be read so."""
    files = _FILES.get(id(frame))
    if files is None:
        return None
    kind = pl.Categorical(pl.Categories.random())
    parts = [pl.Series(name, [], dtype=kind)]
    try:
        for path in files:
            with pq.ParquetFile(path, read_dictionary=[name]) as file:
                for group in range(file.metadata.num_row_groups):
                    column = file.read_row_group(group, columns=[name], use_threads=False).column(0)
                    parts += [numbered_chunk(chunk, kind) for chunk in column.chunks]
    except (pa.ArrowException, OSError):
        # Whatever is wrong with the file, Polars says it as it does elsewhere.
        return None
    return pl.concat(parts, rechunk=True).alias(name)


def numbered_chunk(chunk: pa.Array, kind: pl.Categorical) -> pl.Series:
    """Texts as numbers of `kind`: by their dictionary, where Arrow has read them with one."""
    if not isinstance(chunk, pa.DictionaryArray):
        return pl.Series(pl.from_arrow(chunk)).cast(kind)
    texts = pl.Series(pl.from_arrow(chunk.dictionary)).cast(pl.String).cast(kind)
    return texts.gather(pl.Series(pl.from_arrow(chunk.indices)).cast(pl.UInt32))
