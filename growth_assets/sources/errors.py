"""What makes a whole file unreadable, as opposed to a line of it."""

from __future__ import annotations


class SourceError(Exception):
    """A source file cannot be read at all. The message names the file and the remedy."""


class UndecidedError(SourceError):
    """No format fits the lines of a file."""


class DamagedError(Exception):
    """Compressed data ends early or is corrupt; what came before it is good. Never leaves this package."""
