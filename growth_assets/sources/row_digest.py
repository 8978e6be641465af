"""A digest of columns by their values and order, whatever they were packed with and however the rows were grouped.

Each column is taken for itself: the bytes of all its values, and how long each of them is. So it says the same however
many rows come at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

NULL = 0xFFFF_FFFF
"""The length of a text that is not there; no text is so long."""


class RowDigest:
    """Takes columns of a table as the rows pass by."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}

    def take(self, columns: Mapping[str, pl.Series | pa.Array]) -> None:
        """The texts of some more rows, by the name of their column; an array has one in each row."""
        for name, given in columns.items():
            texts: Any = given
            nothing = None
            if isinstance(texts, pl.Series):
                nothing = texts.is_null().to_numpy() if texts.null_count() else None
                texts = texts.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
            _, offsets, data = texts.buffers()
            some = len(texts) > 0
            ends = np.frombuffer(offsets, np.int64, len(texts) + 1, 8 * texts.offset) if some else np.zeros(1, np.int64)
            lengths = np.diff(ends).astype("<u4")
            if nothing is not None:
                lengths[nothing] = NULL
            self._column(f"{name} lengths").update(lengths)
            if some:
                self._column(f"{name} texts").update(memoryview(data or b"")[ends[0] : ends[-1]])

    def _column(self, name: str) -> Any:  # noqa: ANN401 - a hash has no type of its own
        return self._columns.setdefault(name, hashlib.sha256())

    def hexdigest(self) -> str:
        """Of all rows so far."""
        digests = (f"{name} {each.hexdigest()}" for name, each in sorted(self._columns.items()))
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()
