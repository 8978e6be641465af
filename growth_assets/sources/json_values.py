"""JSON values read exactly: numbers keep their digits, objects all pairs, also those of one name."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

MOST_NESTED = 100
"""Objects and lists inside each other; deeper is no event, but an attack on whoever reads it."""


class Number(str):
    """A JSON number, with its digits as received."""

    __slots__ = ()


class Object(list[tuple[str, Any]]):
    """A JSON object: its pairs as received, names given twice too."""

    __slots__ = ()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=Object, parse_float=Number, parse_int=Number, parse_constant=_refuse)


def from_json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON text: Object, list, str, Number, bool or None.

    Raises:
        ValueError: not JSON (NaN and Infinity are not), or nested deeper than anything sensible.
    """
    try:
        value = _DECODER.decode(text.strip(" \t\r\n"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("[") + text.count("{") > MOST_NESTED and _nested(value) > MOST_NESTED:
        raise ValueError("nested too deeply")
    return value


@lru_cache(maxsize=256)
def looked_at(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The same of one of a file's first lines, for all who ask which format it is in; nobody changes it."""
    return from_json(text)


def _nested(value: Any) -> int:  # noqa: ANN401 - any JSON value
    level, depth = [value], 0
    while inner := [each for each in level if isinstance(each, list)]:
        depth += 1
        level = [held[1] if isinstance(each, Object) else held for each in inner for held in each]
    return depth


def to_text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """A value as text: text and numbers as received, objects and lists as JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean(value)
    return clean(_to_json(value))


def clean(text: str) -> str:
    """`text`, with half surrogate pairs, which no UTF-8 can hold, shown as their escape."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def _to_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, Object):
        return (
            "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_to_json(each)}" for name, each in value) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_to_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
