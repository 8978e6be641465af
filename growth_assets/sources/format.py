"""What a wire format gives: a name, how to recognise it, and a parser of its lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from growth_assets.sources.batch import Batch
from growth_assets.sources.text import Lines


@dataclass(frozen=True)
class Context:
    """What a parser has to know beside the file's bytes."""

    file: str
    """The file's name, for messages."""
    default_hostname: str | None = None
    utc_offset: str | None = None
    log_format: str | None = None
    """The string by which the file's lines were written, where the source sets one."""


class Parser(Protocol):
    """Reads one file's lines, in order. May keep what it learned from earlier lines."""

    @property
    def header(self) -> str:
        """Lines that later lines cannot be read without, as the header of CSV; empty where the format has none."""
        ...

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of all records that are complete by now."""
        ...

    def flush(self) -> Batch | None:
        """What is left when the file ends, or when a line follows that was skipped; None when nothing is."""
        ...


@dataclass(frozen=True)
class TextFormat:
    """A format made of lines."""

    name: str
    share: Callable[[Sequence[str]], float]
    """How much of a file's first lines (not blank, at least one) is in this format, from 0 to 1."""
    parser: Callable[[Context], Parser]
    """A parser for one file."""
    looks_like: str
    """What `share` looks for, in words, for the message when no format fits."""
    telling: tuple[str, ...] = ()
    """Names that its records have, by which the nearest format is found where none fits."""
    self_delimiting: bool = False
    """True where a line that was cut short can never be read as a whole one, as an object without its brace."""
    line_by_line: bool = False
    """True where what a line comes to depends on no other line, and little of the parsing is Python's own: parsers side
    by side then save time."""


def share_of(lines: Sequence[str], fits: Callable[[str], bool]) -> float:
    """Share of lines for which `fits` is true."""
    return sum(map(fits, lines)) / len(lines)
