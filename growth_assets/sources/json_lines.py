"""Records as newline-delimited JSON, one object a line, in the words of another tool than ours.

Each line is decoded exactly, once: records are nested deeper and less alike from line to line than native events, so
that decoding them in bulk and proving that nothing was lost costs more than it saves. What follows is done for all
records of one shape together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from growth_assets.contracts.columns import RECEIVED
from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.json_values import Object, clean, from_json, looked_at
from growth_assets.sources.reasons import Reason
from growth_assets.sources.records import RecordLines, RecordReader
from growth_assets.sources.said import Leaves

_ANYWHERE = Context("", utc_offset="+00:00")
_TIME = list(RECEIVED).index("event_timestamp")
_NO_WEBSITE = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - naive UTC
"""Before it there is nothing to log: what looks like such a time was meant for something else."""


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
        is_one: whether an object, by its keys at the top, is such a record; so it is where it also has a sensible time.
        looks_like: what `is_one` looks for, in words.
        telling: names that such a record has.
    """

    def fits(line: str) -> bool:
        try:
            record = looked_at(line)
        except ValueError:
            return False
        if not isinstance(record, Object) or not is_one(dict(record)):
            return False
        row = reader.event(reader.said(reader.leaves(record)), _ANYWHERE, 1)
        if isinstance(row, Reason):
            return row not in {Reason.NO_TIME, Reason.BAD_TIME}
        return bool(row[_TIME] >= _NO_WEBSITE)

    def share(lines: Sequence[str]) -> float:
        return share_of(lines, fits)

    def found(line: str) -> Leaves | Reason:
        return _leaves(line, reader)

    def parser(context: Context) -> RecordLines:
        return RecordLines(reader, found, context)

    return TextFormat(name, share, parser, looks_like, telling, self_delimiting=True)


def _leaves(line: str, reader: RecordReader) -> Leaves | Reason:
    try:
        record = from_json(line)
    except ValueError:
        return Reason.NOT_JSON
    if not isinstance(record, Object):
        return Reason.NOT_AN_OBJECT
    found = reader.leaves(record)
    if "\\ud" in line or "\\uD" in line:
        # Half a surrogate pair may be among them.
        return [clean(name) for name in found[0]], [clean(text) for text in found[1]]
    return found
