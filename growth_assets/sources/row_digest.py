"""A digest of columns by their values and order, whatever they were packed with and however the rows were grouped.

Each column is taken for itself: the bytes of all its values, and how long each of them is. So it says the same however
many rows come at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

NULL = 0xFFFF_FFFF
"""The length of a text that is not there; no text is so long."""


class RowDigest:
    """Takes columns of a table as the rows pass by."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}

    def take(self, columns: Mapping[str, pl.Series]) -> None:
        """The texts of some more rows, by the name of their column."""
        for name, texts in columns.items():
            lengths = texts.str.len_bytes().cast(pl.UInt32).fill_null(NULL)
            self._column(f"{name} lengths").update(lengths.to_numpy().astype("<u4").tobytes())
            array = texts.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
            _, offsets, data = array.buffers()
            if len(array):
                ends = memoryview(offsets).cast("q")
                content = memoryview(data)[ends[array.offset] : ends[array.offset + len(array)]]
                self._column(f"{name} texts").update(content)

    def _column(self, name: str) -> Any:  # noqa: ANN401 - a hash has no type of its own
        return self._columns.setdefault(name, hashlib.sha256())

    def hexdigest(self) -> str:
        """Of all rows so far."""
        digests = (f"{name} {each.hexdigest()}" for name, each in sorted(self._columns.items()))
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()
