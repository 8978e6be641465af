"""Access logs: one request a line, its fields in the order of a layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from operator import or_

import numpy as np
import polars as pl

from growth_assets.log_format.layout import Kind, Layout
from growth_assets.sources import native
from growth_assets.sources.batch import Batch
from growth_assets.sources.clocks import Clock
from growth_assets.sources.escapes import unescaped
from growth_assets.sources.field_lines import FieldLines, Row
from growth_assets.sources.field_patterns import METHOD, PROTOCOL
from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.logged import Meaning
from growth_assets.sources.patterns import Patterns, patterns_of
from growth_assets.sources.reasons import Reason
from growth_assets.sources.text import Lines

_REQUEST = re.compile(rf"({METHOD}) (.+) ({PROTOCOL})")
_PORT = re.compile(r"(.+):([0-9]+)")


def text_format(name: str, layout: Layout, looks_like: str, meaning: Meaning | None = None) -> TextFormat:
    """The format of lines of a layout."""
    patterns = patterns_of(layout)

    def share(lines: Sequence[str]) -> float:
        return share_of(lines, lambda line: patterns.sample.fullmatch(line.rstrip("\r\n")) is not None)

    return TextFormat(
        name,
        share,
        lambda context: AccessLogParser(layout, patterns, meaning or Meaning(), context),
        looks_like,
        self_delimiting=not layout.tails and layout.pieces[-1] == '"',
        line_by_line=True,
    )


class AccessLogParser:
    """Reads the lines of one access log."""

    header = ""

    def __init__(self, layout: Layout, patterns: Patterns, meaning: Meaning, context: Context) -> None:
        clock = Clock(layout.clock, context.utc_offset)
        self.lines = FieldLines(LayoutSplitter(layout, patterns), clock, meaning, context)

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        numbers = np.arange(lines.height, dtype=np.int64) + lines.first_line
        return native.merged(*self.lines.read(lines.text, numbers, lines.undecodable))

    def flush(self) -> None:
        """A line never waits for the next."""


class LayoutSplitter:
    """Finds the fields of lines by the expressions of their layout."""

    def __init__(self, layout: Layout, patterns: Patterns) -> None:
        self._layout = layout
        self._patterns = patterns
        self._request = next((field.name for field in layout.fields if field.kind is Kind.REQUEST), None)

    def columns(self, text: pl.Series) -> pl.DataFrame:
        """The fields of many lines; no time where one of the quick expressions does not match."""
        columns, fits = self._by_quotes(text) if self._patterns.sections else self._by_expressions(text)
        times = {*(field.name for field in self._layout.clock), "clock"}
        return pl.DataFrame(columns).with_columns(
            pl.when(fits).then(pl.col(name)).alias(name)
            for name in times.intersection(column.name for column in columns)
        )

    def _by_quotes(self, text: pl.Series) -> tuple[list[pl.Series], pl.Series]:
        sections = self._patterns.sections
        *parts, more = text.str.split_exact('"', len(sections)).struct.unnest().get_columns()
        columns, fits = list[pl.Series](), more.is_null()
        for part, section in zip(parts, sections, strict=True):
            if not section.names:
                fits &= reduce(or_, (part == each for each in section.texts)).fill_null(value=False)
                continue
            if section.expression:
                *groups, end = part.str.extract_groups(section.expression).struct.unnest().get_columns()
                fits &= end.is_not_null()
            else:
                groups = [part]
                fits &= ~part.str.contains("\\", literal=True).fill_null(value=True)
            columns += [group.alias(name) for group, name in zip(groups, section.names, strict=True)]
        return columns, fits

    def _by_expressions(self, text: pl.Series) -> tuple[list[pl.Series], pl.Series]:
        columns: list[pl.Series] = []
        for quick in self._patterns.quick:
            *groups, text = text.str.extract_groups(quick.expression).struct.unnest().get_columns()
            columns += [group.alias(name) for group, name in zip(groups, quick.names, strict=True)]
        # Each expression is given what the one before left: the last leaves the line's end where all matched.
        return columns, text.is_not_null()

    def row(self, line: str) -> Row | Reason:
        """The fields of one line, exactly."""
        match = self._patterns.exact.fullmatch(line)
        if match is None:
            return Reason.NOT_A_LOG_LINE
        row: Row = dict(zip(self._patterns.names, match.groups(), strict=True))
        logged = row.pop(self._request) if self._request is not None else None
        for name, value in row.items():
            if value is not None:
                row[name] = unescaped(value, self._layout.escapes)
        if logged is not None:
            request = _REQUEST.fullmatch(logged)
            if request:
                target = unescaped(request[2], self._layout.escapes)
                row |= {"method": request[1], "target": target, "protocol": request[3]}
            else:
                row["request"] = logged
        host = self._patterns.host_with_port
        if host is not None and (ported := _PORT.fullmatch(row[host] or "")):
            row |= {host: ported[1], "server_port": ported[2]}
        return row
