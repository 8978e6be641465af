"""What makes a whole file unreadable, as opposed to a line of it."""

from __future__ import annotations


class SourceError(Exception):
    """A source file cannot be read at all. The message names the file and the remedy."""


class UndecidedError(SourceError):
    """No format fits the lines of a file."""


class DamagedError(Exception):
    """Compressed data ends early or is corrupt. Never leaves this package.

    Of data that ends early, all that came before is good. Of corrupt data, no more than what a checksum vouched for.
    """

    def __init__(self, message: str, sound: int | None = None) -> None:
        super().__init__(message)
        self.sound = sound
        """Decompressed bytes that a checksum vouched for; None where the data just ends early."""
