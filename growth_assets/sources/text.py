"""The text of lines: bytes decoded in the source's encoding; those that do not fit it are shown as hex."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from growth_assets.sources.errors import SourceError
from growth_assets.sources.lines import BLOCK_BYTES, Chunk, Unread, newlines

LINES_AT_ONCE = 500
"""Lines that are decoded together in a chunk in which some cannot be; those around such a line go one by one."""
_FEW = 0.05
"""No larger share of lines is cut out one by one."""
_ASCII = bytes(range(128))
_NO_TEXT = {"unicode-escape", "raw-unicode-escape", "idna", "punycode", "utf-7"}


@dataclass(frozen=True)
class Lines:
    """Consecutive lines as text; each ends with its newline."""

    undecodable: Mapping[int, int]
    """Position of a line to how many bytes of it do not fit the encoding."""
    raw: Chunk
    """The lines as they stand in the file."""
    received: Chunk
    """The same in UTF-8, but for those of `mended`, which are as they stand in the file."""
    mended: Mapping[int, bytes] = field(default_factory=dict)
    """Position of a line to its text in UTF-8."""

    @property
    def first_line(self) -> int:
        """Line number, from 1, of the first line."""
        return self.raw.first_line

    @property
    def height(self) -> int:
        """How many lines."""
        return len(self.raw.ends)

    @cached_property
    def _whole(self) -> Chunk:
        """All lines in UTF-8; put together when it is first asked for."""
        return replaced(self.received, self.mended) if self.mended else self.received

    @property
    def data(self) -> bytes:
        """The lines in UTF-8, one after the other."""
        return self._whole.data

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """Where each line's newline is in `data`."""
        return self._whole.ends

    @cached_property
    def text(self) -> pl.Series:
        """String, never null; made when it is first asked for."""
        series = pl.from_arrow(self.arrow)
        assert isinstance(series, pl.Series)  # noqa: S101 - for the type checker
        return series

    def some(self, positions: npt.NDArray[np.int64]) -> pl.Series:
        """The text of the lines at `positions`."""
        if len(positions) > self.height * _FEW:
            return self.text.gather(positions)
        return pl.Series([self._line(position).decode() for position in positions.tolist()], dtype=pl.String)

    def only(self, positions: npt.NDArray[np.int64]) -> Lines:
        """The lines at `positions` alone, as if they followed each other; without what they were in the file."""
        data = b"".join(map(self._line, positions.tolist()))
        place = {int(position): number for number, position in enumerate(positions)} if self.undecodable else {}
        undecodable = {place[each]: count for each, count in self.undecodable.items() if each in place}
        chunk = Chunk(data, newlines(data), 1)
        return Lines(undecodable, chunk, chunk)

    def _line(self, position: int) -> bytes:
        if position in self.mended:
            return self.mended[position]
        data, ends = self.received.data, self.received.ends
        return data[int(ends[position - 1]) + 1 if position else 0 : int(ends[position]) + 1]

    @property
    def arrow(self) -> pa.Array:
        """The lines as Arrow text that shares the memory of `data`."""
        return text_array(self.data, np.concatenate([np.zeros(1, np.int64), self.ends + 1]))


def replaced(chunk: Chunk, lines: Mapping[int, bytes]) -> Chunk:
    """The lines of a chunk, with others at the positions of `lines`, which are in order."""
    view, lengths = memoryview(chunk.data), np.diff(chunk.ends, prepend=-1)
    parts: list[memoryview | bytes] = []
    begin = 0
    for position, line in lines.items():
        end = int(chunk.ends[position]) + 1
        parts += (view[begin : end - int(lengths[position])], line)
        begin, lengths[position] = end, len(line)
    return Chunk(b"".join([*parts, view[begin:]]), np.cumsum(lengths) - 1, chunk.first_line)


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
    if encoding == "utf-8":
        undecodable: dict[int, int] = {}
        mended: dict[int, bytes] = {}
        for position in _not_utf8(chunk.data, chunk.ends):
            begin = int(chunk.ends[position - 1]) + 1 if position else 0
            line = chunk.data[begin : int(chunk.ends[position]) + 1]
            (mended[position],) = _one_by_one(line, position, "utf-8", undecodable)
        return Lines(undecodable, chunk, chunk, mended)
    try:
        data = chunk.data.decode(encoding).encode("utf-8")
        ends = newlines(data)
        if len(ends) == len(chunk.ends):
            return Lines({}, chunk, Chunk(data, ends, chunk.first_line))
    except UnicodeError:
        pass
    return _line_by_line(chunk, encoding)


def head_text(unread: Unread, encoding: str) -> str:
    """The text of a line's first bytes; half a character at the cut is left out."""
    decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
    return decoder.decode(unread.head, final=unread.whole).rstrip("\r\n")


def _not_utf8(data: bytes, ends: npt.NDArray[np.int64]) -> Iterator[int]:
    """Positions of the lines that are not UTF-8."""
    if data.isascii():
        return
    begin = 0
    while begin < len(data):
        last = min(int(np.searchsorted(ends, begin + BLOCK_BYTES)), len(ends) - 1)
        end = int(ends[last]) + 1
        part = data[begin:end]
        begin = end
        if part.isascii():
            continue
        try:
            part.decode()
        except UnicodeDecodeError as error:
            position = int(np.searchsorted(ends, end - len(part) + error.start))
            yield position
            begin = int(ends[position]) + 1


def text_array(data: bytes, cuts: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> pa.Array:
    """What is between each of `cuts` and the next, as Arrow text that shares the memory of `data`, which is UTF-8."""
    kind = pa.large_string() if cuts.dtype == np.int64 else pa.string()
    return pa.Array.from_buffers(kind, len(cuts) - 1, [None, pa.py_buffer(cuts), pa.py_buffer(data)])


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
        if text.count("\n") == len(ends):
            parts.append(text.encode("utf-8"))
        else:
            parts += _one_by_one(part, first, encoding, undecodable)
    data = b"".join(parts)
    return Lines(undecodable, chunk, Chunk(data, newlines(data), chunk.first_line))


def _one_by_one(part: bytes, first: int, encoding: str, undecodable: dict[int, int]) -> Iterator[bytes]:
    for position, line in enumerate(part.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            text = line.decode(encoding)
        except UnicodeError:
            text = line.decode(encoding, "backslashreplace")
            # Each such byte became four characters.
            undecodable[position] = (len(text) - len(line.decode(encoding, "ignore"))) // 4
        yield text.replace("\n", "\\n").encode("utf-8") + b"\n"
