"""The decompressed bytes of a file, piece by piece, whatever it was packed with and whatever its name says.

Compression is known by its magic bytes. Members and frames that follow each other are one file, zero bytes
after the last are padding. A file that is corrupt or ends early gives all bytes before the damage, and then
DamagedError, which tells how many of them are sound: bytes of a corrupt member may be wrong before it is noticed.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import zstandard

from growth_assets.places import Place, is_remote
from growth_assets.sources.errors import DamagedError, SourceError

PLAIN_PIECE = 10 << 20
"""The most that is read of a file that is not compressed; as much as is parsed at once."""
PIECE = 1 << 18
"""The most that one decompression call gives out; keeps a decompression bomb from filling the memory."""
MEMORY_LIMIT = 256 << 20
"""The most that an xz or zstd file may ask for as its window."""


class _Member(Protocol):
    """One gzip member, bz2 or xz stream, or zstd frame."""

    @property
    def finished(self) -> bool: ...

    @property
    def left(self) -> bytes:
        """Input after the end of the member."""
        ...

    def feed(self, data: bytes) -> Iterator[bytes]: ...


class _Gzip:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)

    @property
    def finished(self) -> bool:
        return self._inflate.eof

    @property
    def left(self) -> bytes:
        return self._inflate.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._inflate.eof:
            before = self._inflate.copy()
            try:
                piece = self._inflate.decompress(data, PIECE)
            except zlib.error:
                # The call that fails keeps what it had done: ask again in small steps, up to the damage.
                self._inflate = before
                while step := self._inflate.decompress(data, 64):
                    data = self._inflate.unconsumed_tail
                    yield step
                raise
            data = self._inflate.unconsumed_tail
            yield piece
        # Input can be used up while output is still held back by the limit.
        while not self._inflate.eof and (piece := self._inflate.decompress(b"", PIECE)):
            yield piece


class _Limited:
    """bz2 and xz, whose decompressors work alike."""

    def __init__(self, make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]) -> None:
        self._stream = make()

    @property
    def finished(self) -> bool:
        return self._stream.eof

    @property
    def left(self) -> bytes:
        return self._stream.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, PIECE)
        while not self._stream.eof and not self._stream.needs_input:
            yield self._stream.decompress(b"", PIECE)


class _Zstd:
    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=MEMORY_LIMIT).decompressobj()

    @property
    def finished(self) -> bool:
        return self._frame.eof

    @property
    def left(self) -> bytes:
        return self._frame.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        out = self._frame.decompress(data)
        for start in range(0, len(out), PIECE):
            yield out[start : start + PIECE]


# Input a call: 1 KiB of zstd can become 32 MiB, since this decompressor cannot limit its output.
_PACKED: tuple[tuple[str, bytes, Callable[[], _Member], int], ...] = (
    ("gzip", b"\x1f\x8b", _Gzip, 1 << 16),
    ("bzip2", b"BZh", lambda: _Limited(bz2.BZ2Decompressor), 1 << 14),
    ("xz", b"\xfd7zXZ\x00", lambda: _Limited(lambda: lzma.LZMADecompressor(memlimit=MEMORY_LIMIT)), 1 << 14),
    ("zstd", b"\x28\xb5\x2f\xfd", _Zstd, 1 << 10),
)
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + low]) + b"\x2a\x4d\x18" for low in range(16))
_ERRORS = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zstandard.ZstdError)


def pieces(path: Place, sound: int | None = None, *, at_once: int = PLAIN_PIECE) -> Iterator[bytes]:
    """The decompressed bytes of `path` in order, in non-empty pieces of bounded size.

    Args:
        path: a file.
        sound: so many bytes are known to be sound, and the others are not asked for.
        at_once: of a plain file, so many bytes are read at a time.

    Raises:
        SourceError: the file cannot be opened, or is damaged before its first byte.
        OSError: a store did not hand it out, which says nothing of the file.
        DamagedError: after the last good byte of a damaged file, or after those that are `sound`.
    """
    try:
        with path.open("rb") as file:
            given = 0
            for piece in _from_file(file, path, at_once):
                if sound is not None and given + len(piece) >= sound:
                    yield piece[: sound - given]
                    raise DamagedError(f"{path}: corrupt after the first {sound:,} bytes of its content", sound)
                given += len(piece)
                yield piece
    except OSError as error:
        said = f"{path}: cannot be read: {error.strerror or error}"
        raise (OSError(f"{said}. The next look reads it again.") if is_remote(path) else SourceError(said)) from error


def beginning(path: Place, length: int) -> tuple[bytes, bool]:
    """The first decompressed bytes of `path`, at most `length`, and whether the file is damaged before there are more.

    Raises:
        SourceError: as `pieces` does.
    """
    held = b""
    try:
        for piece in pieces(path, at_once=min(length, PLAIN_PIECE)):
            held += piece
            if len(held) >= length:
                break
    except DamagedError:
        return held, True  # what came before the damage is its beginning
    return held[:length], False


def packed_with(path: Place) -> str | None:
    """What the file is compressed with; None when it is not."""
    with path.open("rb") as file:
        return _packed_with(file.read(8))


def _packed_with(head: bytes) -> str | None:
    if head.startswith(_ZSTD_SKIPPABLE):
        return "zstd"
    return next((name for name, magic, *_ in _PACKED if head.startswith(magic)), None)


def _from_file(file: BinaryIO, path: Place, at_once: int) -> Iterator[bytes]:
    head = file.read(8)
    packed = _packed_with(head)
    if head and any(len(head) < len(magic) and magic.startswith(head) for _, magic, *_ in _PACKED):
        raise SourceError(f"{path}: is cut off within its first bytes. Bring the file again, or remove it.")
    for name, _, make, step in _PACKED:
        if name == packed:
            started = False
            try:
                for piece in _members(head, file, make, step):
                    started = True
                    yield piece
            except DamagedError as error:
                message = f"{path}: damaged {name} data: {error}"
                if not started:
                    raise SourceError(f"{message}. Bring the file again, or remove it.") from error
                raise DamagedError(message, error.sound) from error
            return
    # From its beginning again, so that a file of one piece is never copied.
    file.seek(0)
    while piece := file.read(at_once):
        yield piece


def _members(head: bytes, file: BinaryIO, make: Callable[[], _Member], step: int) -> Iterator[bytes]:
    data, member = head, make()
    given = sound = 0
    while True:
        try:
            for piece in member.feed(data):
                if piece:
                    given += len(piece)
                    yield piece
        except _ERRORS as error:
            raise DamagedError(str(error), sound) from error
        data = member.left if member.finished else b""
        if member.finished:
            # Its checksum was right, where it has one.
            sound = given
            while not data.strip(b"\x00"):  # padding, or more members
                data = file.read(step)
                if not data:
                    return
            data, member = data.lstrip(b"\x00"), make()
        else:
            data = file.read(step)
            if not data:
                raise DamagedError("the file ends in the middle of the data")
