"""Text lines out of columns of numbers, many at once: fixed-width heads by numpy, the rest from fragments.

A line is made of few different fragments, each written and escaped once, so that ten million lines are looked
up and joined, not formatted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from growth_assets.simulate.dice import Ints

Bytes = npt.NDArray[np.uint8]

_HEX = np.frombuffer("".join(f"{value:02x}" for value in range(256)).encode(), dtype=np.uint8).reshape(256, 2)
_DIGITS = np.frombuffer("".join(f"{value:03d}" for value in range(1000)).encode(), dtype=np.uint8).reshape(
    1000, 3
)
_HIGH_OCTETS = pl.Series([f"{value >> 8}.{value & 255}." for value in range(65_536)])
_LOW_OCTETS = pl.Series([f"{value >> 8}.{value & 255}" for value in range(65_536)])


def fixed_width(rows: int, template: bytes) -> Bytes:
    """The template once a row, to be written over."""
    return np.tile(np.frombuffer(template, dtype=np.uint8), (rows, 1))


def put_hex(table: Bytes, column: int, words: npt.NDArray[np.uint64]) -> None:
    """Sixteen hexadecimal digits of each word."""
    octets = words.astype(">u8").view(np.uint8).reshape(len(words), 8)
    table[:, column : column + 16] = _HEX[octets].reshape(len(words), 16)


def put_digits(table: Bytes, column: int, values: Ints, width: int) -> None:
    """Up to three digits of each value, with leading zeros."""
    table[:, column : column + width] = _DIGITS[values][:, 3 - width :]


def put_clock(table: Bytes, column: int, ms_of_day: Ints) -> None:
    """The time of day as HH:MM:SS."""
    seconds = ms_of_day // 1000
    put_digits(table, column, seconds // 3600, 2)
    put_digits(table, column + 3, seconds // 60 % 60, 2)
    put_digits(table, column + 6, seconds % 60, 2)


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


def joined_lines(parts: list[pl.Series]) -> tuple[memoryview, Ints]:
    """The parts of each row joined: all bytes, and where each row begins (one more than rows)."""
    columns = {f"{number}": part for number, part in enumerate(parts)}
    text = pl.DataFrame(columns).select(pl.concat_str(pl.all(), ignore_nulls=True)).to_series()
    array = text.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    begins = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(data), begins
