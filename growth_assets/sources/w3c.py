"""The W3C extended log format: what a line's fields are stands in a `#Fields` line before it, which may change.

Lines that begin with `#` and a word and a colon are directives: no events, and not counted, as the header of CSV is
not. Times are UTC, as the format asks for. Where the fields have a time and no date, the `#Date` line before them gives
the date; a time that is over an hour before that of the line above is of the next day.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from growth_assets.log_format.layout import Field, Kind, tidy
from growth_assets.sources import native
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.clocks import Clock
from growth_assets.sources.field_lines import FieldLines, Row
from growth_assets.sources.format import Context, share_of
from growth_assets.sources.logged import Meaning
from growth_assets.sources.reasons import Reason
from growth_assets.sources.text import Lines

DIRECTIVE = r"^#[A-Za-z-]+:"
_FIELDS = "#Fields:"
_DATED = re.compile(r"#Date:\s*([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]+([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?", re.ASCII)
_FIELDS_OR_DATE = r"^#(?:Fields|Date):"
_HOUR, _DAY = 3600, dt.timedelta(days=1)
_UTC = "+00:00"
_CLOCK = {
    "date": "(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})",
    "time": r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?",
}
_NAMES = {
    "c-ip": "remote_addr",
    "c-port": "remote_port",
    "cs-bytes": "request_length",
    "cs-host": "http_host",
    "cs-method": "method",
    "cs-protocol-version": "protocol",
    "cs-uri-query": "args",
    "cs-uri-stem": "uri",
    "cs-username": "remote_user",
    "cs-version": "protocol",
    "s-ip": "server_addr",
    "s-port": "server_port",
    "sc-bytes": "bytes_sent",
    "sc-status": "status",
    "x-forwarded-for": "http_x_forwarded_for",
}
"""Fields of the format, in nginx's words."""
_HEADER = re.compile(r"(cs|sc)\((.+)\)")


@dataclass(frozen=True)
class Dialect:
    """What is particular to a writer of such files."""

    separator: str
    """Between the fields of a line; those of a `#Fields` line have spaces between."""
    names: dict[str, str] = field(default_factory=dict)
    """Fields of its own, in nginx's words."""
    decoders: dict[str, Callable[[str], str]] = field(default_factory=dict)
    """Our field name to what was sent for what was logged."""


def fields_of(line: str, dialect: Dialect) -> tuple[str, ...] | None:
    """Our names of the fields that a `#Fields` line gives; None for any other line."""
    if not line.startswith(_FIELDS):
        return None
    known = _NAMES | dialect.names
    fields = [Field(known.get(name.lower()) or _named(name)) for name in line[len(_FIELDS) :].split()]
    return tuple(piece.name for piece in tidy(list(fields)) if isinstance(piece, Field))


def _named(name: str) -> str:
    header = _HEADER.fullmatch(name.lower())
    plain = re.sub(r"[^a-z0-9]+", "_", (header[2] if header else name.lower())).strip("_")
    if not header:
        return plain
    return f"http_{plain}" if header[1] == "cs" else f"sent_http_{plain}"


def share(lines: Sequence[str], dialect: Dialect, sign: str) -> float:
    """How much of the lines are directives, or have the fields that the `#Fields` line before them gives.

    Args:
        lines: the first of a file.
        dialect: of the writer.
        sign: our name of a field that tells its files from those of others.
    """
    splitter: Splitter | None = None

    def fits(line: str) -> bool:
        nonlocal splitter
        names = fields_of(line, dialect)
        if names is not None:
            splitter = Splitter(names, dialect) if {"time", sign} <= set(names) else None
            return splitter is not None
        if re.match(DIRECTIVE, line):
            return True
        return splitter is not None and not isinstance(splitter.row(line.rstrip("\r\n")), Reason)

    found = share_of(lines, fits)
    return found if splitter is not None else 0.0


class Splitter:
    """Finds the fields of lines under one `#Fields` line."""

    def __init__(self, names: tuple[str, ...], dialect: Dialect, date: str | None = None) -> None:
        self._names = names
        self._date = date
        self._separator = dialect.separator
        self._decoders = {name: decode for name, decode in dialect.decoders.items() if name in names}

    def columns(self, text: pl.Series) -> pl.DataFrame:
        """The fields of many lines; all null where there are more or fewer than the names."""
        whole = text.str.strip_chars_end("\r\n")
        fits = (whole.str.count_matches(self._separator, literal=True) == len(self._names) - 1) & (whole != "")
        split = whole.set(~fits, None).str.split_exact(self._separator, len(self._names) - 1).struct.unnest()
        split.columns = list(self._names)
        if self._date is not None:
            split = split.with_columns(date=pl.lit(self._date))
        return split.with_columns(_decoded(split[name], decode) for name, decode in self._decoders.items())

    def row(self, line: str) -> Row | Reason:
        """The fields of one line."""
        texts = line.split(self._separator)
        if len(texts) != len(self._names):
            return Reason.WRONG_FIELD_COUNT
        dated: Row = {} if self._date is None else {"date": self._date}
        return dated | {
            name: self._decoders[name](text) if name in self._decoders else text
            for name, text in zip(self._names, texts, strict=True)
        }


def _decoded(values: pl.Series, decode: Callable[[str], str]) -> pl.Series:
    distinct = values.drop_nulls().unique()
    changed = {value: sent for value in distinct if (sent := decode(value)) != value}
    return values.replace(changed) if changed else values


def _date_of(directive: str) -> tuple[dt.date | None, int | None]:
    """The day that a `#Date` line gives, and the second of it; None for what it does not give."""
    found = _DATED.match(directive)
    try:
        date = dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None, None
    if found is None or found[2] is None:
        return date, None
    return date, int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4] or 0)


class W3cParser:
    """Reads the lines of one file; keeps the `#Fields` line that is in force, and the date where lines have none."""

    def __init__(self, dialect: Dialect, context: Context) -> None:
        self._dialect = dialect
        self._context = context
        self._fields = ""
        self._given: dt.date | None = None
        """By the last `#Date` line."""
        self._date: dt.date | None = None
        """Of the last line."""
        self._second: int | None = None
        """Of its day."""

    @property
    def header(self) -> str:
        """The directives that lines cannot be read without."""
        names = fields_of(self._fields, self._dialect)
        dated = self._date is None or names is None or "date" in names or "time" not in names
        return self._fields if dated else f"#Date: {self._date}\n{self._fields}"

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        directives = lines.text.str.contains(DIRECTIVE).to_numpy()
        changes = np.flatnonzero(lines.text.str.contains(_FIELDS_OR_DATE).to_numpy())
        parts: dict[str, list[np.ndarray]] = {}
        begun: list[tuple[int, str]] = []
        for begin, end in zip([0, *changes], [*changes, lines.height], strict=True):
            if begin in changes:
                self._direct(lines.text[int(begin)])
                begun.append((lines.first_line + int(begin), self.header))
            positions = np.arange(begin, end)[~directives[begin:end]]
            for number, (header, some) in enumerate(self._days(lines.text, positions)):
                parts.setdefault(header, []).append(some)
                if number:
                    begun.append((lines.first_line + int(some[0]), header))
        events: list[pl.DataFrame] = []
        rejections: list[Rejection] = []
        for header, positions_of in parts.items():
            found, refused = self._under(header, lines, np.concatenate(positions_of))
            events += found
            rejections += refused
        return dataclasses.replace(native.merged(events, rejections), headers=begun)

    def flush(self) -> None:
        """A line never waits for the next."""

    def _direct(self, line: str) -> None:
        if line.startswith(_FIELDS):
            self._fields = line.rstrip("\r\n") + "\n"
        else:
            self._date, self._second = _date_of(line)
            self._given = self._date

    def _days(self, text: pl.Series, positions: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """The lines at `positions` by the header in force, which changes at midnight where lines have no date."""
        header = self.header
        names = fields_of(self._fields, self._dialect)
        if header == self._fields or names is None or self._date is None or self._given is None:
            yield header, positions
            return
        clock = Splitter(names, self._dialect).columns(text.gather(positions))["time"]
        parts = clock.str.extract_groups(r"^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.|$)").struct.unnest().cast(pl.Int64)
        seconds = parts.select(pl.col("1") * 3600 + pl.col("2") * 60 + pl.col("3")).to_series()
        there = seconds.is_not_null().arg_true().to_numpy()
        times = seconds.drop_nulls().to_numpy()
        start = 0
        if len(times):
            before = np.concatenate([[times[0] if self._second is None else self._second], times[:-1]])
            steps = times - before
            for jump in np.flatnonzero((steps < -_HOUR) | (steps > 23 * _HOUR)).tolist():
                if steps[jump] < 0 and self._date < dt.date.max:
                    date = self._date + _DAY
                elif steps[jump] > 0 and self._date > self._given:
                    date = self._date - _DAY  # a line of the day before that was written late
                else:
                    continue
                yield self.header, positions[start : there[jump]]
                self._date, start = date, int(there[jump])
            self._second = int(times[-1])
        yield self.header, positions[start:]

    def lines_under(self, header: str) -> FieldLines | Reason:
        """The reader of lines under a header, or why none can be read."""
        *dates, fields = header.splitlines(keepends=True) or [""]
        names = fields_of(fields, self._dialect)
        if names is None:
            return Reason.NO_HEADER
        date = _date_of(dates[0])[0] if dates else None
        if "time" not in names or ("date" not in names and date is None):
            return Reason.NO_TIME
        clock = Clock([Field(name, Kind.TIME_PARTS, parts) for name, parts in _CLOCK.items()], _UTC)
        splitter = Splitter(names, self._dialect, None if date is None else date.isoformat())
        return FieldLines(splitter, clock, Meaning(), self._context)

    def _under(self, header: str, lines: Lines, positions: np.ndarray) -> tuple[list[pl.DataFrame], list[Rejection]]:
        """The events and rejections of the lines at `positions`, which have the fields of one header."""
        numbers = positions.astype(np.int64) + lines.first_line
        text = lines.text.gather(positions)
        reader = self.lines_under(header)
        if isinstance(reader, Reason):
            bare = [line.rstrip("\r\n") for line in text]
            reasons = [reader if line.strip() else Reason.BLANK_LINE for line in bare]
            return [], list(zip(numbers.tolist(), reasons, bare, strict=True))
        place = {int(position): number for number, position in enumerate(positions)} if lines.undecodable else {}
        undecodable = {place[each]: count for each, count in lines.undecodable.items() if each in place}
        return reader.read(text, numbers, undecodable)
