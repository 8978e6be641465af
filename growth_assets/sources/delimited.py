"""Native events as CSV with a header: quoted fields, line breaks inside quotes, comma, semicolon or tab.

A record begins on a line of its own and goes on as long as a quote is open. A record of several lines that
cannot be read is given up at its first line alone, and the next line begins a record again: a stray quote
costs one line, not the rest of the file. An empty field says nothing. Lines are counted as records; the
header is not one.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from growth_assets.sources import native
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context, TextFormat
from growth_assets.sources.lines import LINE_LIMIT
from growth_assets.sources.reasons import Reason
from growth_assets.sources.text import Lines

_DELIMITERS = ",;\t"


def header_of(line: str) -> tuple[list[str], str] | None:
    """Column names and delimiter, when the line is a header that names event_time."""
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
        except csv.Error:
            continue
        if "event_time" in names:
            return names, delimiter
    return None


@dataclass(frozen=True)
class _Line:
    number: int
    text: str
    undecodable: bool

    @property
    def opens_or_closes(self) -> bool:
        return self.text.count('"') % 2 == 1


class CsvParser:
    """Reads the records of one file; keeps a record whose quote is still open."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._names: list[str] = []
        self._delimiter = ","
        self._whole: str | None = None
        self.header = ""
        self._open: list[_Line] = []
        self._open_size = 0
        self._rows: list[native.Row] = []
        self._rejections: list[Rejection] = []
        self._spans: dict[int, int] = {}
        self._last_began: int | None = None

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of all records that are complete by now."""
        start = self._skip_header(lines)
        whole = np.zeros(lines.height, dtype=bool)
        if self._whole is not None:
            whole = lines.text.str.contains(self._whole).to_numpy().copy()
            whole[list(lines.undecodable)] = False
        whole[:start] = False
        others = np.flatnonzero(~whole)
        position = start
        while position < lines.height:
            if not self._open:
                # Lines that are records of their own need no look while no quote is open.
                nearest = int(np.searchsorted(others, position))
                position = int(others[nearest]) if nearest < len(others) else lines.height
                if position == lines.height:
                    break
            whole[position] = False
            number = lines.first_line + position
            if self._open and position == lines.height - 1:
                self._last_began = self._open[0].number
            self._take(_Line(number, lines.text[position], position in lines.undecodable))
            position += 1
        return self._settled(self._fast(lines, np.flatnonzero(whole)))

    def flush(self) -> Batch | None:
        """The lines that still wait for a closing quote."""
        while self._open:
            self._give_up()
        batch = self._settled(native.frame_of([]))
        return batch if batch.lines else None

    def _settled(self, fast: pl.DataFrame) -> Batch:
        batch = native.merged([fast, native.frame_of(self._rows)], self._rejections)
        batch = dataclasses.replace(batch, spans=self._spans, last_began=self._last_began)
        self._rows, self._rejections, self._spans, self._last_began = [], [], {}, None
        return batch

    def _skip_header(self, lines: Lines) -> int:
        position = 0
        while not self._names and position < lines.height:
            line = lines.text[position].rstrip("\r\n")
            if line.strip():
                self._take_header(line)
            else:
                self._rejections.append((lines.first_line + position, Reason.BLANK_LINE, line))
            position += 1
        return position

    def _take_header(self, line: str) -> None:
        header = header_of(line)
        if header is None:
            raise SourceError(
                f"{self._context.file}: the first line of this CSV file does not name the column event_time. "
                "Give it a header with event_time and the other columns, or set another `format` for the "
                "source in site.toml."
            )
        self._names, self._delimiter = header
        self.header = line + "\n"
        count = len(self._names)
        if 1 < count == len(set(self._names)) and "line_number" not in self._names:
            between = re.escape(self._delimiter)
            field = rf'(?:[^"{between}\r\n]*|"(?:[^"\r\n]|"")*")'
            self._whole = rf"^{field}(?:{between}{field}){{{count - 1}}}\r?\n$"

    def _fast(self, lines: Lines, positions: np.ndarray) -> pl.DataFrame:
        if not len(positions):
            return native.frame_of([])
        text = lines.text.gather(positions)
        data = lines.data if len(positions) == lines.height else text.str.join("").item().encode("utf-8")
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            schema=dict.fromkeys(self._names, pl.String),
            separator=self._delimiter,
        )
        if frame.height != len(positions):
            raise ValueError(f"{self._context.file}: {len(positions)} records gave {frame.height} rows")
        empty = [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in self._names]
        absent = [pl.lit(None, dtype=pl.String).alias(name) for name in native.KEYS if name not in self._names]
        numbers = pl.Series("line_number", positions + lines.first_line, dtype=pl.Int64)
        events, odd = native.fast_events(frame.select(*empty, *absent).with_columns(numbers), self._context)
        for position in positions[odd.to_numpy()].tolist():
            self._alone(_Line(lines.first_line + position, lines.text[position], undecodable=False))
        return events

    def _take(self, line: _Line) -> None:
        """The next line of the file."""
        coming = [line]
        while coming:
            line = coming.pop()
            if not self._open and not line.opens_or_closes:
                self._alone(line)
                continue
            self._open.append(line)
            self._open_size += len(line.text)
            closed = line.opens_or_closes and len(self._open) > 1
            if (closed and not self._together()) or self._open_size > LINE_LIMIT:
                rest = self._open[1:]
                self._alone(self._open[0])
                self._close()
                coming.extend(reversed(rest))

    def _give_up(self) -> None:
        first, *rest = self._open
        self._close()
        self._alone(first)
        for line in rest:
            self._take(line)

    def _close(self) -> None:
        self._open, self._open_size = [], 0

    def _together(self) -> bool:
        """The open record is complete; False when it cannot be read as one."""
        record = self._record("".join(line.text for line in self._open))
        if isinstance(record, Reason):
            return False
        first = self._open[0]
        rejected = len(self._rejections)
        self._accept(record, first, undecodable=any(line.undecodable for line in self._open))
        if len(self._rejections) > rejected:
            self._spans[first.number] = len(self._open)
        self._close()
        return True

    def _alone(self, line: _Line) -> None:
        if not line.text.strip():
            self._reject(line, Reason.BLANK_LINE)
            return
        record = self._record(line.text)
        if line.undecodable:
            self._reject(line, Reason.NOT_UTF8)
        elif isinstance(record, Reason):
            self._reject(line, record)
        else:
            self._accept(record, line, undecodable=False)

    def _record(self, text: str) -> list[str] | Reason:
        csv.field_size_limit(2 * LINE_LIMIT)  # a setting of the process; a record is never longer
        try:
            records = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True))
        except csv.Error:
            return Reason.BAD_QUOTES
        if len(records) != 1:
            return Reason.BAD_QUOTES
        return records[0] if len(records[0]) == len(self._names) else Reason.WRONG_FIELD_COUNT

    def _accept(self, record: list[str], first: _Line, *, undecodable: bool) -> None:
        if undecodable:
            self._reject(first, Reason.NOT_UTF8)
            return
        pairs = ((name, value or None) for name, value in zip(self._names, record, strict=True))
        row = native.event(pairs, self._context, first.number)
        if isinstance(row, Reason):
            self._reject(first, row)
        else:
            self._rows.append(row)

    def _reject(self, line: _Line, reason: Reason) -> None:
        self._rejections.append((line.number, reason, line.text.rstrip("\r\n")))


def _share(lines: Sequence[str]) -> float:
    return 1.0 if header_of(lines[0].rstrip("\r\n")) else 0.0


FORMAT = TextFormat("csv", _share, CsvParser, "a header with the column event_time")
