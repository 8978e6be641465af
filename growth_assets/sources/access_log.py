"""Access logs: one request a line, its fields in the order of a layout."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from growth_assets.log_format.layout import Kind, Layout
from growth_assets.sources import native
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.clocks import Clock
from growth_assets.sources.escapes import unescaped
from growth_assets.sources.field_patterns import METHOD, PROTOCOL
from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.logged import Meaning, received
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
    )


class AccessLogParser:
    """Reads the lines of one access log."""

    header = ""

    def __init__(self, layout: Layout, patterns: Patterns, meaning: Meaning, context: Context) -> None:
        self._layout = layout
        self._patterns = patterns
        self._meaning = meaning
        self._context = context
        self._clock = Clock(layout.clock, context.utc_offset)
        self._request = next((field.name for field in layout.fields if field.kind is Kind.REQUEST), None)

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        events, odd = self._fast(lines)
        rejections: list[Rejection] = []
        slow = self._slow(lines, odd, rejections)
        return native.merged([events, slow], rejections)

    def flush(self) -> None:
        """A line never waits for the next."""

    def _fast(self, lines: Lines) -> tuple[pl.DataFrame, np.ndarray]:
        found = self._extracted(lines.text)
        timestamp, subsecond = self._clock.columns(found)
        odd = timestamp.is_null()
        odd = odd.scatter(list(lines.undecodable), True) if lines.undecodable else odd  # noqa: FBT003
        frame = found.with_columns(
            event_timestamp=timestamp,
            subsecond_clock=subsecond,
            line_number=pl.int_range(len(odd), eager=True) + lines.first_line,
        )
        if odd.any():
            frame = frame.filter(~odd)
        return self._received(frame), odd.arg_true().to_numpy()

    def _extracted(self, text: pl.Series) -> pl.DataFrame:
        """The fields of each line as text; all null where a quick expression does not match."""
        columns: list[pl.Series] = []
        for quick in self._patterns.quick:
            groups = text.str.extract_groups(quick.expression).struct.unnest().get_columns()
            if quick.leaves_rest:
                text = groups.pop()
            columns += [group.alias(name) for group, name in zip(groups, quick.names, strict=True)]
        return pl.DataFrame(columns)

    def _received(self, frame: pl.DataFrame) -> pl.DataFrame:
        return received(frame, self._context, self._meaning, {*self._clock.names, "clock", "offset"})

    def _slow(self, lines: Lines, odd: np.ndarray, rejections: list[Rejection]) -> pl.DataFrame:
        """The events among the odd lines, exactly; adds the others to `rejections`."""
        rows: list[dict[str, str | None]] = []
        numbers: list[int] = []
        texts: list[str] = []
        for position, text in zip(odd.tolist(), lines.text.gather(odd), strict=True):
            line = text.rstrip("\r\n")
            row = self._exact(line)
            if isinstance(row, Reason):
                rejections.append((lines.first_line + position, row, line))
                continue
            if position in lines.undecodable:
                row["undecodable_bytes"] = str(lines.undecodable[position])
            rows.append(row)
            numbers.append(lines.first_line + position)
            texts.append(line)
        names = dict.fromkeys(name for row in rows for name in row)
        frame = pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, dict.fromkeys(names, pl.String))
        if not rows:
            return native.frame_of([])
        moments = [self._clock.moment(text) for text in self._clock.texts(frame)]
        good = [number for number, moment in enumerate(moments) if not isinstance(moment, Reason)]
        rejections += [
            (numbers[number], moment, texts[number])
            for number, moment in enumerate(moments)
            if isinstance(moment, Reason)
        ]
        kept = [moment for moment in moments if not isinstance(moment, Reason)]
        return self._received(
            frame[good].with_columns(
                event_timestamp=pl.Series([moment for moment, _ in kept], dtype=pl.Datetime("us")),
                subsecond_clock=pl.Series([subsecond for _, subsecond in kept], dtype=pl.Boolean),
                line_number=pl.Series([numbers[number] for number in good], dtype=pl.Int64),
            )
        )

    def _exact(self, line: str) -> dict[str, str | None] | Reason:
        """The fields of one line as text."""
        if not line.strip():
            return Reason.BLANK_LINE
        match = self._patterns.exact.fullmatch(line)
        if match is None:
            return Reason.NOT_A_LOG_LINE
        row: dict[str, str | None] = dict(zip(self._patterns.names, match.groups(), strict=True))
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
