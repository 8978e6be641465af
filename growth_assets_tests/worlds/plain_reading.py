"""The oracle's reading of a file: its bytes to rows and rejected lines, in plain Python, one line after the other."""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

from growth_assets_tests.worlds import plain_web
from growth_assets_tests.worlds.plain_values import BadLineError, Row, iso, json_object, only_utf8, text_of, utc
from growth_assets_tests.worlds.web_lines import JSON_KINDS

TEXT_KEYS = ("event_id", "hostname", "action_type", "url", "referrer", "ip", "forwarded_for", "user_agent", "user_id")
REQUEST = re.compile(r"([A-Z]+) (\S.*) (HTTP/[0-9.]+)")
COMMON = (
    r"(?P<ip>\S+) (?P<ident>\S+) (?P<user>[^\[\"]+?) \[(?P<time>[^\]\"]+)\] "
    r'"(?P<request>(?:\\.|[^"\\])*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
)
AGENT = r' "(?P<referrer>(?:\\.|[^"\\])*)" "(?P<agent>(?:\\.|[^"\\])*)"'
LOGS = {
    "common": re.compile(COMMON),
    "combined": re.compile(COMMON + AGENT),
    "vhost_combined": re.compile(r"(?P<vhost>[^\s:]+)(?::(?P<port>\d+))? " + COMMON + AGENT),
}


@dataclass
class Reading:
    """A file as the oracle reads it."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[tuple[int, str, str]] = field(default_factory=list)
    """Line number, reason, text."""

    def take(self, number: int, text: str, read: Any) -> None:
        """Add what `read` makes of a line, or why it makes nothing of it."""
        try:
            if not text.strip():
                raise BadLineError("blank_line")
            self.rows.append({**read(text), "line_number": number})
        except BadLineError as bad:
            self.rejected.append((number, str(bad), text[:1000]))


def read(content: bytes, kind: str, hostname: str, utc_offset: str | None) -> Reading:
    """All lines of a file's bytes.

    Args:
        content: of the file.
        kind: its format.
        hostname: of events that name none.
        utc_offset: of times that have none.
    """
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    found = Reading()
    if kind == "csv":
        _csv(found, [line + b"\n" for line in lines], hostname, utc_offset)
    elif kind == "parquet":
        for number, text, said in plain_web.parquet(content):
            found.take(number, text or "row", lambda _, said=said: _native(said or {}, hostname, utc_offset))
    elif kind == "iis":
        for number, text, row in plain_web.w3c(lines, hostname):
            if isinstance(row, str):
                found.rejected.append((number, row, text[:1000]))
            else:
                found.rows.append({**row, "line_number": number})
    else:
        for number, line in enumerate(lines, start=1):
            text = line.decode("utf-8", "backslashreplace").rstrip("\r")
            if kind == "ndjson":
                found.take(number, text, lambda text, line=line: _object(line, text, hostname, utc_offset))
            elif kind in JSON_KINDS:
                found.take(
                    number,
                    text,
                    lambda text, line=line: plain_web.json_line(line, text, kind, hostname, utc_offset),
                )
            elif kind == "alb":
                found.take(number, text, lambda text: plain_web.alb(text, hostname, utc_offset))
            else:
                found.take(number, text, lambda text: _logged(text, kind, hostname, utc_offset))
    started = found.rows[0]["event_timestamp"] if found.rows else None
    for row in found.rows:
        row |= {
            **dict.fromkeys(("event_id", "action_type", "event_name", "user_id", "forwarded_for", "referrer")),
            **row,
        }
        row["file_started_at"] = started
    return found


def _object(line: bytes, text: str, hostname: str, utc_offset: str | None) -> Row:
    return _native(json_object(line, text), hostname, utc_offset)


def _csv(found: Reading, lines: list[bytes], hostname: str, utc_offset: str | None) -> None:
    names = next(csv.reader([lines[0].decode()]))
    position = 1
    while position < len(lines):
        # A record goes on while a quote is open; one of several lines that is bad is given up at its first.
        end = position + 1
        while b"".join(lines[position:end]).count(b'"') % 2 and end < len(lines):
            end += 1
        text = b"".join(lines[position:end])
        if end > position + 1 and (text.count(b'"') % 2 or not _records(text, names)):
            end, text = position + 1, lines[position]
        shown = lines[position].decode("utf-8", "backslashreplace").rstrip("\r\n")

        def record(_: str, text: bytes = text) -> Row:
            only_utf8(text)
            records = _records(text, None)
            if records is None:
                raise BadLineError("bad_quotes")
            if len(records[0]) != len(names):
                raise BadLineError("wrong_field_count")
            said = {name: value or None for name, value in zip(names, records[0], strict=True)}
            return _native(said, hostname, utc_offset)

        found.take(position + 1, shown, record)
        position = end


def _records(text: bytes, names: list[str] | None) -> list[list[str]] | None:
    """The one record that `text` is; None where it is not one, or not as long as `names`."""
    try:
        lines = text.decode("utf-8", "backslashreplace").splitlines(keepends=True)
        records = list(csv.reader(lines, strict=True))
    except csv.Error:
        return None
    fits = len(records) == 1 and (names is None or len(records[0]) == len(names))
    return records if fits else None


def _native(said: dict[str, Any], hostname: str, utc_offset: str | None) -> Row:
    time = said.pop("event_time", None)
    if time in (None, ""):
        raise BadLineError("no_time")
    moment, fine = iso(text_of(time), utc_offset)
    own = {name: text_of(said.pop(name, None)) or None for name in TEXT_KEYS}
    properties = said.pop("properties", None) or {}
    other = {name: text_of(value) for name, value in properties.items()}
    other |= {name: text_of(value) for name, value in sorted(said.items()) if value is not None}
    return {
        **own,
        "hostname": own["hostname"] or hostname,
        "event_timestamp": moment,
        "subsecond_clock": fine,
        "other_properties": other,
    }


def _logged(text: str, kind: str, hostname: str, utc_offset: str | None) -> Row:
    found = LOGS[kind].fullmatch(text)
    if not found:
        raise BadLineError("not_a_log_line")
    said = {name: None if value in ("-", "") else value for name, value in found.groupdict().items()}
    try:
        local = dt.datetime.strptime(found["time"][:20], "%d/%b/%Y:%H:%M:%S")  # noqa: DTZ007
    except ValueError:
        raise BadLineError("bad_time") from None
    offset = found["time"][21:] or (utc_offset or "").replace(":", "")
    if not offset:
        raise BadLineError("time_without_offset")
    request = REQUEST.fullmatch(found["request"])
    method, target, protocol = request.groups() if request else (None, None, None)
    other = {
        "bytes": said["bytes"], "ident": said["ident"], "method": method, "protocol": protocol,
        "remote_user": said["user"], "server_port": said.get("port"), "status": said["status"],
    }  # fmt: skip
    if not request:
        other["request"] = found["request"]
    agent = _unescaped(said.get("agent")) or "-"
    return {
        "event_timestamp": utc(local, offset),
        "subsecond_clock": False,
        "hostname": said.get("vhost") or hostname,
        "url": _unescaped(target),
        "referrer": _unescaped(said.get("referrer")),
        "ip": said["ip"],
        "user_agent": None if kind == "common" else agent,
        "request": (found["request"], found["status"]),
        "other_properties": {name: value for name, value in other.items() if value is not None},
    }


def _unescaped(text: str | None) -> str | None:
    return None if text is None else re.sub(r'\\(["\\])', r"\1", text)
