"""Records to events: those of one shape together, the others one by one, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import polars as pl

from growth_assets.contracts.columns import RECEIVED
from growth_assets.sources import native
from growth_assets.sources.alike import LEAST, Alike
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object
from growth_assets.sources.native import Row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Leaves, Said
from growth_assets.sources.text import Lines

MOST_HELD = 20_000
"""Records that are held as Python objects, which take several times the room of their text."""

Numbered = tuple[int, str]
"""Line number, and the line's text for the case that it is rejected."""


class RecordReader(Protocol):
    """Makes events of the records of one tool."""

    def leaves(self, record: Object) -> Leaves:
        """All that a record says."""
        ...

    def said(self, found: Leaves) -> Said:
        """What is left to take of a record."""
        ...

    def event(self, said: Said, context: Context, line_number: int) -> Row | Reason:
        """The event that says so."""
        ...

    def alike(self, names: Sequence[str], texts: Sequence[Sequence[str]]) -> Alike:
        """What is left to take of records of one shape."""
        ...

    def events(self, said: Alike, context: Context) -> tuple[pl.DataFrame, pl.Series] | None:
        """`event` of records of one shape, where it can be told for a column; see the implementations."""
        ...


class RecordLines:
    """A parser of lines that hold a record each, whatever it is written in."""

    header = ""

    def __init__(self, reader: RecordReader, found: Callable[[str], Leaves | Reason], context: Context) -> None:
        self._reader, self._found, self._context = reader, found, context

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        records = Records(self._reader, self._context)
        for number, line in enumerate(lines.text, start=lines.first_line):
            text = line.rstrip("\r\n")
            if number - lines.first_line in lines.undecodable:
                found: Leaves | Reason = Reason.NOT_UTF8
            else:
                found = self._found(text) if text.strip() else Reason.BLANK_LINE
            if isinstance(found, Reason):
                records.reject(number, found, text)
            else:
                records.add(number, text, found)
        return records.batch()

    def flush(self) -> None:
        """A line never waits for the next."""


class Records:
    """The records of consecutive lines; add all, then ask for the batch."""

    def __init__(self, reader: RecordReader, context: Context) -> None:
        self._reader = reader
        self._context = context
        self._shapes: dict[tuple[str, ...], tuple[list[Numbered], list[Sequence[str]]]] = {}
        self._rows: list[Row] = []
        self._frames: list[pl.DataFrame] = []
        self._rejections: list[Rejection] = []
        self._held = 0

    def reject(self, number: int, reason: Reason, text: str) -> None:
        """A line that is no record."""
        self._rejections.append((number, reason, text))

    def add(self, number: int, text: str, found: Leaves) -> None:
        """A record: its line's number and text, and all that it says."""
        names, texts = tuple(found[0]), found[1]
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = ([], [])
        shape[0].append((number, text))
        shape[1].append(texts)
        self._held += 1
        if self._held == MOST_HELD:
            self._settle()

    def batch(self) -> Batch:
        """All of them as events and rejected lines."""
        self._settle()
        return native.merged([*self._frames, native.frame_of(self._rows)], self._rejections)

    def _settle(self) -> None:
        for names, (numbered, texts) in self._shapes.items():
            odd: Sequence[int] = range(len(texts))
            if names and len(texts) >= LEAST and len(set(names)) == len(names):
                odd = self._together(names, numbered, texts)
            for position in odd:
                self._alone(numbered[position], (names, texts[position]))
        self._shapes.clear()
        self._held = 0

    def _together(self, names: tuple[str, ...], numbered: list[Numbered], texts: list[Sequence[str]]) -> Sequence[int]:
        """Adds the events of records of one shape; the positions of those that are left."""
        told = self._reader.events(self._reader.alike(names, list(zip(*texts, strict=True))), self._context)
        if told is None:
            return range(len(texts))
        events, odd = told
        numbers = pl.Series("line_number", [number for number, _ in numbered], dtype=pl.Int64)
        self._frames.append(events.with_columns(numbers).select(*RECEIVED).filter(~odd))
        return odd.arg_true().to_list()

    def _alone(self, line: Numbered, found: Leaves) -> None:
        number, text = line
        row = self._reader.event(self._reader.said(found), self._context, number)
        if isinstance(row, Reason):
            self._rejections.append((number, row, text))
        else:
            self._rows.append(row)
