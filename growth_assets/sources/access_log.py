r"""Access logs: one request a line, its fields found by a regular expression with named groups.

A format gives two expressions. The quick one is for lines without escapes, whose request is METHOD target
PROTOCOL:
Rust's engine runs it eight times as fast as one that knows escapes (0.2 s against 1.6 s for 300,000 lines).
The exact one is run by Python's `re` over the lines that are left.

Groups: ip, ident, user, clock and offset (exact: time), method, target and protocol (exact: request), status,
bytes, referrer, user_agent, vhost, port. A value of "-" or "" says nothing, but for the
user agent: that none was sent tells a robot from a browser, so it stays, as "-". In quoted fields `\"` and `\\`
are unescaped, any other escape stays as written. A request that is not METHOD target PROTOCOL goes to
other_properties as `request`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from growth_assets.contracts.columns import RECEIVED
from growth_assets.sources import moments
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.native import Row, frame_of, merged, row
from growth_assets.sources.properties import extended
from growth_assets.sources.reasons import Reason
from growth_assets.sources.text import Lines

METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
PROTOCOL = r"[A-Za-z]+/[0-9]+(?:\.[0-9]+)?"
_REQUEST = re.compile(rf"({METHOD}) (.+) ({PROTOCOL})")
_ESCAPED = re.compile(r'\\(["\\])')

QUICK = {
    "ip": r"(?P<ip>[!-~]+)",
    "vhost": r"(?P<vhost>[!-9;-~]+)(?::(?P<port>[0-9]+))?",
    "ident": r"(?P<ident>[^ ]+)",
    "user": r"(?P<user>[^ \[\"\\]+)",
    "time": r"\[(?P<clock>[0-9]{2}/[A-Za-z]{3}/[0-9]{4}(?::[0-9]{2}){3}) (?P<offset>[+-][0-9]{4})\]",
    "request": rf'"(?P<method>{METHOD}) (?P<target>[^ "\\]+) (?P<protocol>{PROTOCOL})"',
    "status": r"(?P<status>[0-9]{3})",
    "bytes": r"(?P<bytes>[0-9]+|-)",
    "referrer": r'"(?P<referrer>[^"\\]*)"',
    "user_agent": r'"(?P<user_agent>[^"\\]*)"',
}
"""Expressions for lines without escapes, for Rust's engine."""

# Every repetition is bounded, or cannot be matched in two ways: a hostile line costs no more than its length.
EXACT = QUICK | {
    "user": r"(?P<user>[^\[\"]{1,255}?)",
    "time": r"\[(?P<time>[^\]\"]{1,64})\]",
    "request": r'"(?P<request>(?:[^"\\]|\\.)*)"',
    "referrer": r'"(?P<referrer>(?:[^"\\]|\\.)*)"',
    "user_agent": r'"(?P<user_agent>(?:[^"\\]|\\.)*)"',
}
"""Expressions for any line, for Python's `re`."""

_OTHER = {
    "bytes": "bytes",
    "ident": "ident",
    "method": "method",
    "port": "server_port",
    "protocol": "protocol",
    "status": "status",
    "user": "remote_user",
}
"""Groups that go to other_properties, and their names there, sorted by name below."""
_IN_ORDER = sorted(_OTHER.items(), key=lambda item: item[1])

NOT_SENT = "-"
"""The user agent of a request that had none, in a format that logs user agents."""


@dataclass(frozen=True)
class LogLayout:
    """The fields of a line, in order, one space between."""

    name: str
    fields: tuple[str, ...]
    looks_like: str

    def pattern(self, expressions: dict[str, str]) -> str:
        """One expression for the whole line with its end."""
        return " ".join(expressions[field] for field in self.fields)

    @property
    def format(self) -> TextFormat:
        """The format of these lines."""
        # A user name without spaces tells a line with a virtual host from one without.
        sample = re.compile(self.pattern(EXACT | {"user": r"(?P<user>[^ \"]+)"}))

        def share(lines: Sequence[str]) -> float:
            return share_of(lines, lambda line: sample.fullmatch(line.rstrip("\r\n")) is not None)

        return TextFormat(
            self.name,
            share,
            lambda context: AccessLogParser(self, context),
            self.looks_like,
            self_delimiting=self.fields[-1] == "user_agent",  # its closing quote
        )


class AccessLogParser:
    """Reads the lines of one access log."""

    def __init__(self, layout: LogLayout, context: Context) -> None:
        self._context = context
        self._quick = rf"^{layout.pattern(QUICK)}\r?\n$"
        self._exact = re.compile(layout.pattern(EXACT))

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        events, slow = self._fast(lines)
        rows: list[Row] = []
        rejections: list[Rejection] = []
        for position, line in zip(slow.tolist(), lines.text.gather(slow), strict=True):
            number = lines.first_line + position
            found = self._slow(line.rstrip("\r\n"), lines.undecodable.get(position), number)
            if isinstance(found, Reason):
                rejections.append((number, found, line.rstrip("\r\n")))
            else:
                rows.append(found)
        return merged([events, frame_of(rows)], rejections)

    header = ""

    def flush(self) -> None:
        """A line never waits for the next."""

    def _fast(self, lines: Lines) -> tuple[pl.DataFrame, np.ndarray]:
        found = lines.text.str.extract_groups(self._quick).struct.unnest()
        odd = found["status"].is_null()
        timestamp = moments.log_columns(found["clock"], found["offset"])
        odd = odd | timestamp.is_null()
        odd = odd.scatter(list(lines.undecodable), True) if lines.undecodable else odd  # noqa: FBT003
        frame = found.with_columns(
            event_timestamp=timestamp, line_number=pl.int_range(len(odd), eager=True) + lines.first_line
        )
        if odd.any():
            frame = frame.filter(~odd)
        said = frame.with_columns(
            pl.when(~pl.col(name).is_in(["-", ""])).then(pl.col(name)).alias(name)
            for name in found.columns
            if name not in {"clock", "offset", "target", "user_agent"}
        )
        other = extended(None, {name: said[group] for group, name in _IN_ORDER if group in said.columns})
        nothing = pl.lit(None, dtype=pl.String)
        hostname = pl.lit(self._context.default_hostname, dtype=pl.String)
        events = said.select(
            "event_timestamp",
            "method",
            "ip",
            "line_number",
            event_id=nothing,
            subsecond_clock=pl.lit(value=False),
            hostname=pl.coalesce("vhost", hostname) if "vhost" in said.columns else hostname,
            action_type=nothing,
            event_name=nothing,
            forwarded_for=nothing,
            url="target",
            status=pl.col("status").cast(pl.Int32),
            referrer="referrer" if "referrer" in said.columns else nothing,
            user_agent=pl.col("user_agent").replace("", NOT_SENT) if "user_agent" in said.columns else nothing,
            user_id=nothing,
            other_properties=other,
        )
        return events.select(*RECEIVED), odd.arg_true().to_numpy()

    def _slow(self, line: str, undecodable: int | None, number: int) -> Row | Reason:
        if not line.strip():
            return Reason.BLANK_LINE
        match = self._exact.fullmatch(line)
        if match is None:
            return Reason.NOT_A_LOG_LINE
        said = {name: value for name, value in match.groupdict().items() if value not in {None, "", "-"}}
        if "user_agent" in match.groupdict():
            said.setdefault("user_agent", NOT_SENT)
        moment = moments.log(match["time"], self._context.utc_offset)
        if isinstance(moment, Reason):
            return moment
        text: dict[str, str] = {
            name: _ESCAPED.sub(r"\1", said[name]) for name in ("referrer", "user_agent") if name in said
        }
        request = _REQUEST.fullmatch(match["request"])
        if request:
            said |= {"method": request[1], "protocol": request[3]}
            text["url"] = _ESCAPED.sub(r"\1", request[2])
        other: dict[str, str | None] = {name: said[group] for group, name in _IN_ORDER if group in said}
        if not request:
            other["request"] = match["request"]
        if undecodable:
            other["undecodable_bytes"] = str(undecodable)
        values: dict[str, Any] = {
            **text,
            "method": said.get("method"),
            "ip": said.get("ip"),
            "status": int(said["status"]),
            "hostname": said.get("vhost") or self._context.default_hostname,
        }
        return row(values, moment, other, number)
