"""Text lines out of columns of numbers, many at once: fixed-width heads by numpy, the rest from fragments.

A line is made of few different fragments, each written and escaped once, so that ten million lines are looked
up and joined, not formatted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from growth_assets.simulate.dice import Ints

Bytes = npt.NDArray[np.uint8]


def _table(texts: Iterable[str], rows: int) -> Bytes:
    return np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(rows, -1)


# Whole answers are kept, since looking one up is faster than dividing.
_HEX = _table((f"{value:04x}" for value in range(65_536)), 65_536)
_CLOCK = _table((f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)), 86_400)
_MILLIS = _table((f"{value:03d}" for value in range(1000)), 1000)
_HIGH_OCTETS = pl.Series([f"{value >> 8}.{value & 255}." for value in range(65_536)])
_LOW_OCTETS = pl.Series([f"{value >> 8}.{value & 255}" for value in range(65_536)])


def fixed_width(rows: int, template: bytes) -> Bytes:
    """The template once a row, to be written over."""
    return np.tile(np.frombuffer(template, dtype=np.uint8), (rows, 1))


def put_hex(table: Bytes, column: int, words: npt.NDArray[np.uint64]) -> None:
    """Sixteen hexadecimal digits of each word."""
    quarters = words.astype(">u8").view(">u2").reshape(len(words), 4)
    table[:, column : column + 16] = _HEX[quarters].reshape(len(words), 16)


def put_clock(table: Bytes, column: int, ms_of_day: Ints) -> None:
    """The time of day as HH:MM:SS."""
    table[:, column : column + 8] = _CLOCK[ms_of_day // 1000]


def put_millis(table: Bytes, column: int, ms_of_day: Ints) -> None:
    """Three digits of milliseconds."""
    table[:, column : column + 3] = _MILLIS[ms_of_day % 1000]


def put_day(table: Bytes, column: int, days: Ints, names: dict[int, str]) -> None:
    """The name of each event's day, all of one width; there are few."""
    for day in np.unique(days):
        name = np.frombuffer(names[int(day)].encode(), dtype=np.uint8)
        table[days == day, column : column + len(name)] = name


def as_text(table: Bytes) -> pl.Series:
    """The rows of a fixed-width table as a column."""
    rows, width = table.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    array = pa.LargeStringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(table))
    column = pl.from_arrow(array)
    assert isinstance(column, pl.Series)  # noqa: S101 - for the type checker
    return column


def addresses(ip: npt.NDArray[np.uint32]) -> tuple[pl.Series, pl.Series]:
    """Dotted addresses in two halves, to be joined."""
    return _HIGH_OCTETS.gather(ip >> np.uint32(16)), _LOW_OCTETS.gather(ip & np.uint32(0xFFFF))


def fragments(texts: list[str], at: npt.NDArray[np.unsignedinteger] | Ints) -> pl.Series:
    """One of `texts` a row."""
    return pl.Series(texts, dtype=pl.String).gather(at)


def users(user: npt.NDArray[np.int64], text: Callable[[int], str], nobody: str | None) -> pl.Series:
    """The text of each logged-in user, and of nobody where logged out."""
    at = np.zeros(len(user), dtype=np.int64)
    logged_in = np.flatnonzero(user)
    known, which = np.unique(user[logged_in], return_inverse=True)
    at[logged_in] = which + 1
    return pl.Series([nobody, *(text(each) for each in known.tolist())], dtype=pl.String).gather(at)


def joined_lines(parts: list[pl.Series]) -> tuple[memoryview, Ints]:
    """The parts of each row joined: all bytes, and where each row begins (one more than rows)."""
    columns = {f"{number}": part for number, part in enumerate(parts)}
    text = pl.DataFrame(columns).select(pl.concat_str(pl.all(), ignore_nulls=True)).to_series()
    array = text.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    begins = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(data), begins
