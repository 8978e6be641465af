"""Records as newline-delimited JSON, one object a line, in the words of another tool than ours.

Each line is read exactly, once: a record of a tracker or a web server is nested deeper and less alike from line to
line than a native event, so that reading it in bulk and proving that nothing was lost costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from growth_assets.sources import native
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.json_values import Object, clean, from_json
from growth_assets.sources.native import Row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Leaf
from growth_assets.sources.text import Lines


class RecordReader(Protocol):
    """Makes events of the records of one tool."""

    def leaves(self, record: Object) -> list[Leaf]:
        """All that a record says, in its order."""
        ...

    def event(self, found: list[Leaf], context: Context, line_number: int) -> Row | Reason:
        """The event that says so."""
        ...


def text_format(
    name: str,
    reader: RecordReader,
    is_one: Callable[[dict[str, object]], bool],
    looks_like: str,
    telling: tuple[str, ...],
) -> TextFormat:
    """The format of lines with a record each.

    Args:
        name: of the format.
        reader: of its records.
        is_one: whether an object, by its keys at the top, is such a record.
        looks_like: what `is_one` looks for, in words.
        telling: names that such a record has.
    """

    def fits(line: str) -> bool:
        try:
            record = from_json(line)
        except ValueError:
            return False
        return isinstance(record, Object) and is_one(dict(record))

    def share(lines: Sequence[str]) -> float:
        return share_of(lines, fits)

    return TextFormat(
        name, share, lambda context: JsonLinesParser(reader, context), looks_like, telling, self_delimiting=True
    )


class JsonLinesParser:
    """Reads the lines of one file."""

    header = ""

    def __init__(self, reader: RecordReader, context: Context) -> None:
        self._reader = reader
        self._context = context

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        rows: list[Row] = []
        rejections: list[Rejection] = []
        for number, line in enumerate(lines.text, start=lines.first_line):
            undecodable = number - lines.first_line in lines.undecodable
            found = Reason.NOT_UTF8 if undecodable else self._exact(line, number)
            if isinstance(found, Reason):
                rejections.append((number, found, line.rstrip("\r\n")))
            else:
                rows.append(found)
        return native.merged([native.frame_of(rows)], rejections)

    def flush(self) -> None:
        """A line never waits for the next."""

    def _exact(self, line: str, number: int) -> Row | Reason:
        if not line.strip():
            return Reason.BLANK_LINE
        try:
            record = from_json(line)
        except ValueError:
            return Reason.NOT_JSON
        if not isinstance(record, Object):
            return Reason.NOT_AN_OBJECT
        found = self._reader.leaves(record)
        if "\\ud" in line or "\\uD" in line:
            # Half a surrogate pair may be among them.
            found = [(clean(name), clean(text)) for name, text in found]
        return self._reader.event(found, self._context, number)
