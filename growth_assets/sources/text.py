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
    raw: Chunk
    """The same lines as they stand in the file."""

    @property
    def height(self) -> int:
        """How many lines."""
        return len(self.text)


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
            return Lines(text, {}, chunk.first_line, data, chunk)
    except (pl.exceptions.ComputeError, UnicodeError):
        pass
    return _line_by_line(chunk, encoding)


def head_text(unread: Unread, encoding: str) -> str:
    """The text of a line's first bytes; half a character at the cut is left out."""
    decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
    return decoder.decode(unread.head, final=unread.whole).rstrip("\r\n")


def _cut(data: bytes, ends: npt.NDArray[np.int64]) -> pl.Series:
    offsets = np.zeros(len(ends) + 1, np.int64)
    offsets[1:] = ends + 1
    array = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    binary = pl.from_arrow(array)
    assert isinstance(binary, pl.Series)  # noqa: S101 - for the type checker
    return binary.cast(pl.String)  # raises where a byte is not UTF-8


def _line_by_line(chunk: Chunk, encoding: str) -> Lines:
    texts: list[str] = []
    undecodable: dict[int, int] = {}
    for first in range(0, len(chunk.ends), LINES_AT_ONCE):
        ends = chunk.ends[first : first + LINES_AT_ONCE]
        start = int(chunk.ends[first - 1]) + 1 if first else 0
        try:
            text = chunk.data[start : int(ends[-1]) + 1].decode(encoding)
        except UnicodeError:
            text = ""
        if text.count("\n") == len(ends):
            texts.append(text)
        else:
            texts += _one_by_one(chunk, first, ends.tolist(), encoding, undecodable)
    data = "".join(texts).encode("utf-8")
    return Lines(_cut(data, newlines(data)), undecodable, chunk.first_line, data, chunk)


def _one_by_one(chunk: Chunk, first: int, ends: list[int], encoding: str, undecodable: dict[int, int]) -> Iterator[str]:
    start = int(chunk.ends[first - 1]) + 1 if first else 0
    for position, end in enumerate(ends, start=first):
        line = chunk.data[start:end]
        start = end + 1
        try:
            text = line.decode(encoding)
        except UnicodeError:
            text = line.decode(encoding, "backslashreplace")
            # Each such byte became four characters.
            undecodable[position] = (len(text) - len(line.decode(encoding, "ignore"))) // 4
        yield text.replace("\n", "\\n") + "\n"
