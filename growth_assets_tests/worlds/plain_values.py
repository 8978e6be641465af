"""Values as the oracle reads them: times, and what is no text."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

Row = dict[str, Any]


class BadLineError(Exception):
    """The line cannot be read; the message is the reason."""


def only_utf8(line: bytes) -> None:
    """Refuse other bytes."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        raise BadLineError("not_utf8") from None


def json_object(line: bytes, text: str) -> dict[str, Any]:
    """The object that a line is, its numbers as they are written."""
    only_utf8(line)

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        said = json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse)
    except ValueError:
        raise BadLineError("not_json") from None
    if not isinstance(said, dict):
        raise BadLineError("not_an_object")
    return said


def text_of(value: Any) -> str | None:
    """A value of JSON as text."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def iso(text: str, utc_offset: str | None) -> tuple[dt.datetime, bool]:
    """The time in UTC, and whether it had a fraction."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", text)
    if not found:
        raise BadLineError("bad_time")
    seconds, fraction, offset = found.groups()
    try:
        local = dt.datetime.fromisoformat(seconds) + dt.timedelta(microseconds=int(f"{fraction or 0:0<6}"[:6]))
    except ValueError:
        raise BadLineError("bad_time") from None
    offset = offset or utc_offset
    if not offset:
        raise BadLineError("time_without_offset")
    return utc(local, offset.replace(":", "") if offset != "Z" else "+0000"), fraction is not None


def utc(local: dt.datetime, offset: str) -> dt.datetime:
    """A time of a clock that is so far from UTC."""
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    return local - dt.timedelta(minutes=minutes if offset[0] == "+" else -minutes)
