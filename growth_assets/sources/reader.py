"""Reading a landed file: its batches of events and rejected lines, and its fingerprint, in one pass."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from growth_assets.settings import Source
from growth_assets.sources import decompressed, parquet
from growth_assets.sources.batch import Batch, only_rejected
from growth_assets.sources.detect import HEAD_BYTES, detect
from growth_assets.sources.errors import DamagedError, SourceError
from growth_assets.sources.fingerprint import Fingerprint, Hasher
from growth_assets.sources.format import Context, TextFormat
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.sources.lines import CHUNK_BYTES, Chunk, Unread, chunks
from growth_assets.sources.text import canonical_encoding, head_text, lines_of


class Reading:
    """One reading of one file: iterate once over its batches, then ask for the fingerprint."""

    def __init__(
        self,
        path: Path,
        source: Source,
        default_hostname: str | None,
        *,
        prefix_lengths: Collection[int] = (),
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._path = path
        self._source = source
        self._context = Context(str(path), default_hostname, source.utc_offset, source.log_format)
        self._chunk_bytes = chunk_bytes
        self._hasher = Hasher(prefix_lengths)
        self._batches = self._read()
        self._exhausted = False
        self.format: str | None = None
        """The format it was read in; None before the first batch, and for an empty file."""

    def __iter__(self) -> Iterator[Batch]:
        return self._batches

    def close(self) -> None:
        """Close the file before the end is reached."""
        self._batches.close()

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the whole file; known after the last batch.

        Raises:
            ValueError: the file has not been read to its end.
        """
        if not self._exhausted:
            raise ValueError(f"{self._path}: read all batches before asking for the fingerprint")
        return self._hasher.result()

    def _read(self) -> Generator[Batch, None, None]:
        pieces = self._hasher.watch(decompressed.pieces(self._path))
        head, pieces = _head(pieces)
        if head:
            name = detect(head, self._path) if self._source.format == "auto" else self._source.format
            self.format = name
            yield from self._parquet(pieces) if name == PARQUET else self._text(TEXT_FORMATS[name], pieces)
        self._exhausted = True

    def _parquet(self, pieces: Iterator[bytes]) -> Iterator[Batch]:
        try:
            for _ in pieces:
                pass  # hashed as they pass by; Parquet is read from its end
        except DamagedError as error:
            raise SourceError(str(error)) from error
        if decompressed.packed_with(self._path):
            raise SourceError(f"{self._path}: a Parquet file that is compressed as a whole. Unpack it before landing.")
        yield from parquet.batches(self._path, self._context)

    def _text(self, text_format: TextFormat, pieces: Iterator[bytes]) -> Iterator[Batch]:
        encoding = canonical_encoding(self._source.encoding)
        parser = text_format.parser(self._context)
        for item in _ahead(chunks(pieces, self._chunk_bytes)):
            if isinstance(item, Chunk):
                yield parser.parse(lines_of(item, encoding))
                continue
            if (left := parser.flush()) is not None:
                yield left
            yield only_rejected([(item.line_number, item.reason, head_text(item, encoding))])
        if (left := parser.flush()) is not None:
            yield left


def read(
    path: Path,
    source: Source,
    default_hostname: str | None,
    *,
    prefix_lengths: Collection[int] = (),
    chunk_bytes: int = CHUNK_BYTES,
) -> Reading:
    """Begin to read the file at `path`; nothing is opened before the first batch is asked for.

    Args:
        path: a file of the landing folder.
        source: its format ("auto" finds it out), encoding and utc_offset.
        default_hostname: the host of events that do not name one.
        prefix_lengths: lengths at which the fingerprint of the beginning is wanted.
        chunk_bytes: about how many decompressed bytes are parsed at once.

    Returns:
        Batches in line order; while iterating, SourceError when the file cannot be read at all.
    """
    return Reading(path, source, default_hostname, prefix_lengths=prefix_lengths, chunk_bytes=chunk_bytes)


def _head(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first HEAD_BYTES, and all pieces again; damage among them is met when they are read again."""
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= HEAD_BYTES:
                break
    except DamagedError as error:
        return b"".join(held), _then(held, error)
    return b"".join(held)[:HEAD_BYTES], chain(held, pieces)


def _then(held: list[bytes], error: DamagedError) -> Iterator[bytes]:
    yield from held
    raise error


def _ahead(items: Iterator[Chunk | Unread]) -> Iterator[Chunk | Unread]:
    """The same items; the next is read, unpacked and hashed while this one is parsed."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
