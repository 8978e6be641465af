"""Whole lines out of pieces of bytes, some megabytes at a time, in bounded memory.

A line ends with a newline (0x0A), or with the file. A carriage return before it belongs to the line's end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from growth_assets.sources.errors import DamagedError
from growth_assets.sources.reasons import Reason

CHUNK_BYTES = 10 << 20
"""About so many bytes are parsed at once. Memory of chunks of twice the size is given back by the allocators and mapped
anew for each, which took an eighth of the time; of smaller ones the queries of each chunk take more."""
MOST_LINES = 400_000
"""Lines of a chunk at most: of one that is nothing but newlines, each would take a hundred times its byte."""
BLOCK_BYTES = 1 << 19
"""What is asked of each byte of a chunk is asked of so many at a time, so that the answers stay in the cache."""
LINE_LIMIT = 1 << 20
"""Longest line in bytes, its newline not counted. Longer ones are skipped without being held."""
HEAD_BYTES = 4_000
"""Of a line that is skipped, so many bytes are kept: 1,000 characters of up to four bytes."""
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Chunk:
    """Consecutive whole lines, none too long."""

    data: bytes
    """Ends with a newline, also where the file does not."""
    ends: npt.NDArray[np.int64]
    """Where each line's newline is."""
    first_line: int
    """Line number, from 1, of the first line."""


@dataclass(frozen=True)
class Unread:
    """A line that is rejected before any format sees it."""

    line_number: int
    reason: Reason
    head: bytes
    """The line's first bytes."""
    whole: bool = False
    """True when `head` is the whole line."""


@dataclass(frozen=True)
class Tail:
    """The last line of a file that may still be written, without a newline so far."""

    size: int
    """In bytes."""
    chunk: Chunk | None
    """The line as if it had its newline; None where it is too long to be held."""
    head: bytes = b""
    """The first bytes of a line that is too long."""


def chunks(
    pieces: Iterator[bytes], size: int = CHUNK_BYTES, *, growing: bool = False
) -> Iterator[Chunk | Unread | Tail]:
    """The lines of `pieces` in order, in chunks of about `size` bytes; a byte order mark is left out.

    Where the file is `growing`, a last line that has no newline is a Tail; otherwise it is a line.
    """
    cutter = _Cutter()
    held: list[bytes] = []
    held_bytes, newline_held = 0, False
    damaged = False
    source = _sliced(_without_bom(pieces), size)
    while True:
        try:
            piece = next(source)
        except StopIteration:
            break
        except DamagedError:
            damaged = True
            break
        if cutter.skipping:
            end = piece.find(b"\n")
            if end < 0:
                cutter.pass_over(piece)
                continue
            yield cutter.skipped()
            piece = piece[end + 1 :]
        held.append(piece)
        held_bytes += len(piece)
        newline_held = newline_held or b"\n" in piece
        if held_bytes < size or (not newline_held and held_bytes <= LINE_LIMIT):
            continue
        # Most often the last newline is in the last piece: what follows it is left out before all is put together.
        cut = piece.rfind(b"\n") + 1
        data = b"".join([*held[:-1], memoryview(piece)[:cut]] if cut else held)
        whole = len(data) if cut else data.rfind(b"\n") + 1
        rest = piece[cut:] if cut else data[whole:]
        held.clear()
        yield from cutter.whole(data if cut else data[:whole])
        rest = cutter.begin(rest)
        held, held_bytes, newline_held = [rest], len(rest), False
    yield from cutter.last(b"".join(held), damaged=damaged, growing=growing)


def newlines(data: bytes) -> npt.NDArray[np.int64]:
    """Where the newlines are."""
    every = np.frombuffer(data, np.uint8)
    blocks = range(0, len(every), BLOCK_BYTES)
    found = [np.flatnonzero(every[start : start + BLOCK_BYTES] == ord("\n")) + start for start in blocks]
    return np.concatenate(found).astype(np.int64, copy=False) if found else np.empty(0, np.int64)


class _Cutter:
    """Counts lines and puts aside the long ones."""

    def __init__(self) -> None:
        self._number = 1
        self._head: bytes | None = None
        self._passed = 0

    @property
    def skipping(self) -> bool:
        return self._head is not None

    def begin(self, rest: bytes) -> bytes:
        """Take the beginning of a line; nothing is left of it to hold when it is too long already."""
        if len(rest) <= LINE_LIMIT:
            return rest
        self._head, self._passed = rest[:HEAD_BYTES], len(rest)
        return b""

    def pass_over(self, piece: bytes) -> None:
        """More of a line that is too long to be held."""
        self._passed += len(piece)

    def skipped(self) -> Unread:
        """The end of the long line has come."""
        unread = Unread(self._number, Reason.LINE_TOO_LONG, self._head or b"")
        self._head = None
        self._number += 1
        return unread

    def whole(self, data: bytes) -> Iterator[Chunk | Unread]:
        """Lines that each end with a newline."""
        ends = newlines(data)
        if len(ends) > MOST_LINES:
            middle = data.rfind(b"\n", 0, len(data) // 2) + 1 or data.find(b"\n") + 1
            yield from self.whole(data[:middle])
            yield from self.whole(data[middle:])
            return
        lengths = np.diff(ends, prepend=-1) - 1
        start = 0
        for long in (*np.flatnonzero(lengths > LINE_LIMIT).tolist(), len(ends)):
            if long > start:
                begin = int(ends[start - 1]) + 1 if start else 0
                part = data if long - start == len(ends) else data[begin : int(ends[long - 1]) + 1]
                yield Chunk(part, ends[start:long] - begin, self._number)
                self._number += long - start
            if long < len(ends):
                begin = int(ends[long - 1]) + 1 if long else 0
                self._head = data[begin : begin + HEAD_BYTES]
                yield self.skipped()
            start = long + 1

    def last(self, data: bytes, *, damaged: bool, growing: bool) -> Iterator[Chunk | Unread | Tail]:
        """What is left at the end of the file."""
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if growing and not damaged:
            if cut:
                yield from self.whole(data[:cut])
            if rest or self.skipping:
                yield self._tail(rest)
        elif rest and not damaged:
            yield from self.whole(data + b"\n")
            rest = b""
        elif cut:
            yield from self.whole(data[:cut])
        if damaged:
            head, whole = (rest, len(rest) <= HEAD_BYTES) if self._head is None else (self._head, False)
            yield Unread(self._number, Reason.DAMAGED_FILE, head[:HEAD_BYTES], whole)
        elif self.skipping and not growing:
            yield self.skipped()

    def _tail(self, rest: bytes) -> Tail:
        if self.skipping or len(rest) > LINE_LIMIT:
            size = self._passed if self.skipping else len(rest)
            return Tail(size, None, self._head if self._head is not None else rest[:HEAD_BYTES])
        return Tail(len(rest), Chunk(rest + b"\n", np.array([len(rest)], np.int64), self._number))


def _without_bom(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    try:
        for piece in pieces:
            head += piece
            if len(head) >= len(BOM):
                break
    except DamagedError:
        yield head
        raise
    if head != BOM:
        yield head.removeprefix(BOM)
    yield from pieces


def _sliced(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        if len(piece) <= size:
            yield piece
        else:
            for start in range(0, len(piece), size):
                yield piece[start : start + size]
