"""Lines that are split into named fields, by whatever rule, and become events.

Fast where a column of them can be read at once, exactly where only a line alone can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from growth_assets.sources import native
from growth_assets.sources.batch import Rejection
from growth_assets.sources.clocks import Clock
from growth_assets.sources.format import Context
from growth_assets.sources.logged import Meaning, received
from growth_assets.sources.reasons import Reason

_AT_ONCE = 50_000
"""So many lines are held as dictionaries, of about a kilobyte each."""

Row = dict[str, str | None]
"""Texts by field name; None where a field is not there."""


class Splitter(Protocol):
    """Finds the fields of a line."""

    def columns(self, text: pl.Series) -> pl.DataFrame:
        """The fields of many lines, each with its newline; all null where only `row` can tell."""
        ...

    def row(self, line: str) -> Row | Reason:
        """The fields of one line that is not blank, without its end."""
        ...


class FieldLines:
    """Reads lines of one kind."""

    def __init__(self, splitter: Splitter, clock: Clock, meaning: Meaning, context: Context) -> None:
        self._splitter = splitter
        self._clock = clock
        self._meaning = meaning
        self._context = context

    def read(
        self, text: pl.Series, numbers: npt.NDArray[np.int64], undecodable: Mapping[int, int]
    ) -> tuple[list[pl.DataFrame], list[Rejection]]:
        """Events and rejections.

        Args:
            text: lines, each with its newline.
            numbers: their line numbers.
            undecodable: position in `text` to the number of bytes there that do not fit the encoding.
        """
        events, odd = self.fast(text, numbers, undecodable)
        parts, rejections = [events], list[Rejection]()
        for begin in range(0, len(odd), _AT_ONCE):
            some = odd[begin : begin + _AT_ONCE]
            broken = [undecodable.get(each, 0) for each in some.tolist()]
            slow, refused = self.slow(text.gather(some), numbers[some], broken)
            parts.append(slow)
            rejections += refused
        return parts, rejections

    def fast(
        self, text: pl.Series, numbers: npt.NDArray[np.int64], undecodable: Mapping[int, int]
    ) -> tuple[pl.DataFrame, npt.NDArray[np.intp]]:
        """The events that are sure, and the positions of the other lines."""
        found = self._splitter.columns(text)
        timestamp, subsecond = self._clock.columns(found)
        odd = timestamp.is_null()
        odd = odd.scatter(list(undecodable), True) if undecodable else odd  # noqa: FBT003
        frame = found.with_columns(
            event_timestamp=timestamp, subsecond_clock=subsecond, line_number=pl.Series(numbers, dtype=pl.Int64)
        )
        if odd.any():
            frame = frame.filter(~odd)
        return self._received(frame), odd.arg_true().to_numpy()

    def slow(
        self, text: pl.Series, numbers: npt.NDArray[np.int64], undecodable: list[int]
    ) -> tuple[pl.DataFrame, list[Rejection]]:
        """The events and rejections of lines, exactly."""
        rejections: list[Rejection] = []
        rows: list[Row] = []
        kept: list[tuple[int, str]] = []
        for number, broken, each in zip(numbers.tolist(), undecodable, text, strict=True):
            line = each.rstrip("\r\n")
            row = self._splitter.row(line) if line.strip() else Reason.BLANK_LINE
            if isinstance(row, Reason):
                rejections.append((number, row, line))
                continue
            rows.append(row | {"undecodable_bytes": str(broken)} if broken else row)
            kept.append((number, line))
        if not rows:
            return native.frame_of([]), rejections
        names = dict.fromkeys(name for row in rows for name in row)
        frame = pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, dict.fromkeys(names, pl.String))
        moments = [self._clock.moment(text) for text in self._clock.texts(frame)]
        good = [position for position, moment in enumerate(moments) if not isinstance(moment, Reason)]
        times = [moment for moment in moments if not isinstance(moment, Reason)]
        rejections += [
            (number, moment, line)
            for (number, line), moment in zip(kept, moments, strict=True)
            if isinstance(moment, Reason)
        ]
        return self._received(
            frame[good].with_columns(
                event_timestamp=pl.Series([moment for moment, _ in times], dtype=pl.Datetime("us")),
                subsecond_clock=pl.Series([subsecond for _, subsecond in times], dtype=pl.Boolean),
                line_number=pl.Series([kept[position][0] for position in good], dtype=pl.Int64),
            )
        ), rejections

    def _received(self, frame: pl.DataFrame) -> pl.DataFrame:
        return received(frame, self._context, self._meaning, {*self._clock.names, "clock", "offset"})
