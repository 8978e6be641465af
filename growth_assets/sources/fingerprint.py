"""Which content a file has: the SHA-256 of its decompressed bytes, and of its beginnings.

A file that was renamed, rotated or packed again keeps its fingerprint. A file that grew is known by a
beginning of it that has the fingerprint of the file as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from growth_assets.places import Place
from growth_assets.sources import decompressed
from growth_assets.sources.errors import DamagedError

FIRST_BYTES = 1024
"""So many first bytes are kept as they are, so that of short contents nothing is left to guess."""


@dataclass(frozen=True)
class Fingerprint:
    """The content of a file."""

    sha256: str
    """Of all decompressed bytes, in hexadecimal; of a damaged file, of those before the damage."""
    length: int
    """Decompressed bytes."""
    prefixes: Mapping[int, str] = field(default_factory=dict)
    """Length to SHA-256 of that many first bytes, for the lengths asked for that the file reaches."""
    damage: str | None = None
    """What is wrong with the compressed data; None when nothing is."""
    sound: int | None = None
    """Of corrupt data, how many bytes a checksum vouched for; None where it just ends early, or nothing is wrong."""
    first: bytes = b""
    """The first FIRST_BYTES, or all there are."""

    @property
    def doubtful(self) -> bool:
        """True where some of the bytes may not be what was packed."""
        return self.sound is not None and self.sound < self.length


class Hasher:
    """Takes the bytes of a file as they pass by; before each piece `may_go_on` is called, which raises to end that."""

    def __init__(self, prefix_lengths: Collection[int] = (), may_go_on: Callable[[], None] = lambda: None) -> None:
        self._may_go_on = may_go_on
        self._hash = hashlib.sha256()
        self._length = 0
        self._wanted = sorted({length for length in prefix_lengths if length >= 0}, reverse=True)
        self._prefixes: dict[int, str] = {}
        self.damage: str | None = None
        self._sound: int | None = None
        self._first = b""
        self.last_byte = b""
        """Tells whether the content ends within a line."""

    def watch(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces; they are hashed before they are handed on."""
        try:
            for piece in pieces:
                self._may_go_on()
                self._update(piece)
                self.last_byte = piece[-1:] or self.last_byte
                yield piece
        except DamagedError as error:
            self.damage, self._sound = str(error), error.sound
            raise

    def _update(self, piece: bytes) -> None:
        view = memoryview(piece)
        self._first += view[: FIRST_BYTES - len(self._first)]
        while self._wanted and self._wanted[-1] <= self._length + len(view):
            length = self._wanted.pop()
            cut = length - self._length
            self._hash.update(view[:cut])
            self._length, view = length, view[cut:]
            self._prefixes[length] = self._hash.copy().hexdigest()
        self._hash.update(view)
        self._length += len(view)

    def result(self) -> Fingerprint:
        """The fingerprint of all bytes so far."""
        self._update(b"")
        prefixes = dict(self._prefixes)
        return Fingerprint(self._hash.hexdigest(), self._length, prefixes, self.damage, self._sound, self._first)


def fingerprint(
    path: Place, prefix_lengths: Collection[int] = (), sound: int | None = None,
    may_go_on: Callable[[], None] = lambda: None,
) -> Fingerprint:  # fmt: skip
    """The fingerprint of the file at `path`, without parsing it; of its first `sound` bytes where so many are given.

    Raises:
        whatever `may_go_on` raises, which is called before each piece of it.
        SourceError: the file cannot be opened, or is damaged before its first byte.
    """
    hasher = Hasher(prefix_lengths, may_go_on)
    try:
        for _ in hasher.watch(decompressed.pieces(path, sound)):
            pass
    except DamagedError:
        pass  # told in the result
    return hasher.result()
