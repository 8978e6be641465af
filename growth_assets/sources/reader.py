"""Reading a landed file: its batches of events and rejected lines, and its fingerprint, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from queue import SimpleQueue

import polars as pl

from growth_assets.places import Place
from growth_assets.settings import Source
from growth_assets.sources import decompressed, ga4, parquet
from growth_assets.sources.batch import Batch, only_rejected
from growth_assets.sources.detect import HEAD_BYTES, PARQUET_MAGIC, detect, require_plain_text
from growth_assets.sources.errors import DamagedError, SourceError, UndecidedError
from growth_assets.sources.fingerprint import Fingerprint, Hasher
from growth_assets.sources.format import Context, TextFormat
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.sources.lines import BOM, CHUNK_BYTES, Chunk, Tail, Unread, chunks
from growth_assets.sources.originals import Keeping, waiting
from growth_assets.sources.reasons import Reason
from growth_assets.sources.row_digest import RowDigest
from growth_assets.sources.side_by_side import in_order
from growth_assets.sources.text import Lines, canonical_encoding, head_text, lines_of


class Reading:
    """One reading of one file: iterate once over its batches, then ask for the fingerprint."""

    def __init__(
        self,
        path: Place,
        source: Source,
        default_hostname: str | None,
        *,
        prefix_lengths: Collection[int] = (),
        chunk_bytes: int = CHUNK_BYTES,
        growing: bool = False,
        sound: int | None = None,
        at_once: int = 1,
        may_go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._source = source
        self._context = Context(str(path), default_hostname, source.utc_offset, source.log_format)
        self._chunk_bytes = chunk_bytes
        self._growing = growing
        self._sound = sound
        self._at_once = at_once
        self._hasher = Hasher(prefix_lengths, may_go_on)
        self._batches = self._read()
        self._exhausted = False
        self.format: str | None = None
        """The format it was read in; None before the first batch, and for a file without a line."""
        self.unfinished = 0
        """Bytes of a last line that was left for later, since it may still be written."""
        self.waiting: pl.DataFrame | None = None
        """That line with its bytes, as a rejected one is kept (REJECTED and ORIGINAL)."""
        self.rows = ""
        """Of a Parquet file, a digest of the times and hosts in its rows; known after the last batch."""
        self.sure_below = 1
        """Lines with a smaller number are read alike, whatever may follow what the file holds by now."""

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
        pieces = self._hasher.watch(decompressed.pieces(self._path, self._sound))
        head, pieces = _head(pieces)
        self._growing = self._growing and bool(head) and decompressed.packed_with(self._path) is None
        if head:
            name = self._format_of(head)
            self.format = name
            if name is None:
                whole = b"".join(pieces)  # no longer than `head`
                self.unfinished = len(whole)
                line = whole.removeprefix(BOM)
                self.waiting = waiting(Unread(1, Reason.NOT_A_LOG_LINE, line), line, "", self._source.encoding)
            else:
                yield from self._parquet(pieces) if name == PARQUET else self._text(TEXT_FORMATS[name], head, pieces)
        self._exhausted = True

    def _format_of(self, head: bytes) -> str | None:
        if self._source.format != "auto":
            exported = self._source.format == ga4.FORMAT.name and head.startswith(PARQUET_MAGIC)
            return PARQUET if exported else self._source.format
        try:
            return detect(head, self._path)
        except UndecidedError:
            if self._growing and b"\n" not in head and len(head) < HEAD_BYTES:
                return None  # the beginning of a first line: what it is, its end will tell
            raise

    def _parquet(self, pieces: Iterator[bytes]) -> Iterator[Batch]:
        try:
            for _ in pieces:
                pass  # hashed as they pass by; Parquet is read from its end
        except DamagedError as error:
            raise SourceError(str(error)) from error
        if decompressed.packed_with(self._path):
            raise SourceError(f"{self._path}: a Parquet file that is compressed as a whole. Unpack it before landing.")
        digest = RowDigest()
        yield from parquet.batches(self._path, self._context, digest=digest, at_once=self._at_once)
        self.rows = digest.hexdigest()

    def _text(self, text_format: TextFormat, head: bytes, pieces: Iterator[bytes]) -> Iterator[Batch]:
        require_plain_text(head, self._path)
        encoding = canonical_encoding(self._source.encoding)
        parsers = SimpleQueue[Keeping]()
        for _ in range(self._at_once if text_format.line_by_line else 1):
            parsers.put(Keeping(text_format.parser(self._context)))

        def parsed(item: Lines | Unread | Tail) -> _Parsed | Tail:
            parser = parsers.get()
            try:
                return _parsed(item, parser, encoding)
            finally:
                parsers.put(parser)

        items = _decoded(chunks(pieces, self._chunk_bytes, growing=self._growing), encoding)
        small = len(head) < HEAD_BYTES
        last_line, last_began, left, tail = 0, 0, None, None
        for some in map(parsed, items) if small else in_order(items, parsed, parsers.qsize()):
            if isinstance(some, Tail):
                tail = some
                continue
            last_line, last_began, left, batch = some.last_line, some.last_began, some.left, some.batch
            del some  # not to be held while the next is made
            if left is not None:
                yield left
            yield batch
            del batch
        parser = parsers.get()
        if tail is not None and (finished := self._finished(tail, text_format, parser, encoding)) is not None:
            last_line = last_began = last_line + 1
            tail = None
            yield finished
        last = parser.flush()
        # A record of lines before may end in the line that waits, and waits then with it.
        open_from = min(_line_numbers(last), default=last_line + 1)
        held = tail is not None and self._wait(tail, open_from, last_line, parser)
        if last is not None and not held:
            yield last
        if tail is not None and not held:
            self._wait(tail, last_line + 1, last_line, parser)
        cut = self._hasher.damage is not None or (self._hasher.last_byte != b"\n" and not self.unfinished)
        self.sure_below = min([last_began if cut else last_line + 1, *_line_numbers(left), *_line_numbers(last)])

    def _wait(self, tail: Tail, first: int, last: int, parser: Keeping) -> bool:
        """Keep a last line, with those from `first` to `last` whose record may end in it; False where it cannot."""
        line: bytes | None = None
        if tail.chunk is None:
            if first <= last:
                return False
            shown = Unread(first, Reason.LINE_TOO_LONG, tail.head)
        else:
            before = parser.bytes_of(first, last + 1 - first)
            if before is None:
                return False
            line = (before + b"\n" if first <= last else b"") + tail.chunk.data[:-1]
            shown = Unread(first, Reason.NOT_A_LOG_LINE, line)
        self.unfinished = tail.size if line is None else len(line)
        self.waiting = waiting(shown, line, parser.header, self._source.encoding)
        return True

    def _finished(self, tail: Tail, text_format: TextFormat, parser: Keeping, encoding: str) -> Batch | None:
        """The batch of a last line that lacks nothing but its newline."""
        if tail.chunk is None or not text_format.self_delimiting:
            return None
        batch = parser.parse(lines_of(tail.chunk, encoding))
        return batch if batch.events.height == batch.lines == 1 else None


def read(
    path: Place,
    source: Source,
    default_hostname: str | None,
    *,
    prefix_lengths: Collection[int] = (),
    chunk_bytes: int = CHUNK_BYTES,
    growing: bool = False,
    sound: int | None = None,
    at_once: int = 1,
    may_go_on: Callable[[], None] = lambda: None,
) -> Reading:
    """Begin to read the file at `path`; nothing is opened before the first batch is asked for.

    Args:
        path: a file of the landing folder.
        source: its format ("auto" finds it out), encoding and utc_offset.
        default_hostname: the host of events that do not name one.
        prefix_lengths: lengths at which the fingerprint of the beginning is wanted.
        chunk_bytes: about how many decompressed bytes are parsed at once.
        growing: the file may still be written: a last line without a newline is left for later, unless the file is
            packed, or the line is an event that nothing can be missing from.
        sound: of a corrupt archive, how many bytes are to be read; more of them may be wrong.
        at_once: so many chunks are parsed at the same time, where no line needs another; it changes nothing else.
        may_go_on: called before each piece of the file, in any thread; it raises to end the reading.

    Returns:
        Batches in line order; while iterating, SourceError when the file cannot be read at all.
    """
    return Reading(
        path,
        source,
        default_hostname,
        prefix_lengths=prefix_lengths,
        chunk_bytes=chunk_bytes,
        growing=growing,
        sound=sound,
        at_once=at_once,
        may_go_on=may_go_on,
    )


def _line_numbers(batch: Batch | None) -> list[int]:
    """The first of a batch's events and of its rejected lines."""
    frames = () if batch is None else (batch.events, batch.rejected)
    return [int(frame["line_number"][0]) for frame in frames if frame.height]


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


@dataclass(frozen=True)
class _Parsed:
    """What became of consecutive lines, or of one that was skipped."""

    batch: Batch
    last_line: int
    last_began: int
    """Where the record of the last line began."""
    left: Batch | None = None
    """What the parser had left before a line that was skipped."""


def _parsed(item: Lines | Unread | Tail, parser: Keeping, encoding: str) -> _Parsed | Tail:
    if isinstance(item, Lines):
        batch, last = parser.parse(item), item.first_line + item.height - 1
        return _Parsed(batch, last, batch.last_began or last)
    if isinstance(item, Unread):
        number, left = item.line_number, parser.flush()
        return _Parsed(only_rejected([(number, item.reason, head_text(item, encoding))]), number, number, left)
    return item


def _decoded(items: Iterator[Chunk | Unread | Tail], encoding: str) -> Iterator[Lines | Unread | Tail]:
    return (lines_of(item, encoding) if isinstance(item, Chunk) else item for item in items)
