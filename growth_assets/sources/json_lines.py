"""Records as newline-delimited JSON, one object a line, in the words of another tool than ours.

Each line is decoded exactly, once: records are nested deeper and less alike from line to line than native events, so
that decoding them in bulk and proving that nothing was lost costs more than it saves. What follows is done for all
records of one shape together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.json_values import Object, clean, from_json
from growth_assets.sources.reasons import Reason
from growth_assets.sources.records import RecordLines, RecordReader
from growth_assets.sources.said import Leaves


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
