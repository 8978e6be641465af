"""The text of lines: bytes decoded in the source's encoding; those that do not fit it are shown as hex."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from growth_assets.sources.errors import SourceError
from growth_assets.sources.lines import Chunk, Unread, newlines

LINES_AT_ONCE = 500
"""Lines that are decoded together in a chunk in which some cannot be; those around such a line go one by one."""
_ASCII = bytes(range(128))
_NO_TEXT = {"unicode-escape", "raw-unicode-escape", "idna", "punycode", "utf-7"}


@dataclass(frozen=True)
class Lines:
    """Consecutive lines as text; each ends with its newline."""

    text: pl.Series
    """String, never null."""
    undecodable: dict[int, int]
    """Position in `text` to how many bytes there do not fit the encoding."""
    first_line: int
    data: bytes
    """The same lines in UTF-8, one after the other."""
    ends: npt.NDArray[np.int64]
    """Where each line's newline is in `data`."""
    raw: Chunk
    """The same lines as they stand in the file."""

    @property
    def height(self) -> int:
        """How many lines."""
        return len(self.text)

    @property
    def arrow(self) -> pa.Array:
        """The lines as Arrow text that shares the memory of `data`."""
        return _array(pa.large_string(), self.data, self.ends)


def canonical_encoding(name: str) -> str:
    """The codec's own name, refused where lines cannot be found in bytes without decoding them.

    Raises:
        SourceError: names the remedy.
    """
    codec = codecs.lookup(name).name
    if codec in {"utf-8-sig", "ascii"}:
        return "utf-8"  # a superset; a byte order mark is left out in any case
    try:
        fits = codec not in _NO_TEXT and _ASCII.decode(codec) == _ASCII.decode("ascii")
    except (UnicodeError, LookupError):
        fits = False
    if not fits:
        raise SourceError(
            f"encoding {name!r} is not supported: it has no plain ASCII in it. Convert the files to utf-8, "
            "and remove `encoding` from the source in site.toml."
        )
    return codec


def lines_of(chunk: Chunk, encoding: str) -> Lines:
    r"""Decode a chunk. Bytes that do not fit are shown as `\xNN` and counted."""
    data, ends = chunk.data, chunk.ends
    try:
        if encoding != "utf-8":
            data = data.decode(encoding).encode("utf-8")
            ends = newlines(data)
        text = _cut(data, ends)
        if len(text) == len(chunk.ends):
            return Lines(text, {}, chunk.first_line, data, ends, chunk)
    except (pl.exceptions.ComputeError, UnicodeError):
        pass
    return _line_by_line(chunk, encoding)


def head_text(unread: Unread, encoding: str) -> str:
    """The text of a line's first bytes; half a character at the cut is left out."""
    decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
    return decoder.decode(unread.head, final=unread.whole).rstrip("\r\n")


def _cut(data: bytes, ends: npt.NDArray[np.int64]) -> pl.Series:
    binary = pl.from_arrow(_array(pa.large_binary(), data, ends))
    assert isinstance(binary, pl.Series)  # noqa: S101 - for the type checker
    return binary.cast(pl.String)  # raises where a byte is not UTF-8


def _array(kind: pa.DataType, data: bytes, ends: npt.NDArray[np.int64]) -> pa.Array:
    offsets = np.zeros(len(ends) + 1, np.int64)
    offsets[1:] = ends + 1
    return pa.Array.from_buffers(kind, len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _line_by_line(chunk: Chunk, encoding: str) -> Lines:
    parts: list[bytes] = []
    undecodable: dict[int, int] = {}
    for first in range(0, len(chunk.ends), LINES_AT_ONCE):
        ends = chunk.ends[first : first + LINES_AT_ONCE]
        part = chunk.data[int(chunk.ends[first - 1]) + 1 if first else 0 : int(ends[-1]) + 1]
        try:
            text = part.decode(encoding)
        except UnicodeError:
            parts += _one_by_one(part, first, encoding, undecodable)
            continue
        if encoding == "utf-8":
            parts.append(part)
        elif text.count("\n") == len(ends):
            parts.append(text.encode("utf-8"))
        else:
            parts += _one_by_one(part, first, encoding, undecodable)
    data = b"".join(parts)
    ends = newlines(data)
    return Lines(_cut(data, ends), undecodable, chunk.first_line, data, ends, chunk)


def _one_by_one(part: bytes, first: int, encoding: str, undecodable: dict[int, int]) -> Iterator[bytes]:
    for position, line in enumerate(part.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            text = line.decode(encoding)
        except UnicodeError:
            text = line.decode(encoding, "backslashreplace")
            # Each such byte became four characters.
            undecodable[position] = (len(text) - len(line.decode(encoding, "ignore"))) // 4
        yield text.replace("\n", "\\n").encode("utf-8") + b"\n"
