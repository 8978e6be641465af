"""Requests that a web server logs as JSON, in the words of one server each.

"-" and "" say nothing, but for the user agent: that none was sent tells a robot from a browser, so it stays, as "-".
Method and status stand in other_properties too, as those of other access logs do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from growth_assets.sources.alike import Alike
from growth_assets.sources.field_patterns import METHOD, PROTOCOL
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object
from growth_assets.sources.logged import NOT_SENT
from growth_assets.sources.native import Row, row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Leaves, Said, leaves
from growth_assets.sources.tracked import Names, Times, first, received

_REQUEST = rf"({METHOD}) (.+) ({PROTOCOL})"
_EXACT_REQUEST = re.compile(_REQUEST, re.DOTALL)
_STATUS = re.compile(r"[0-9]{1,3}", re.ASCII)
_NOTHING = frozenset({"", "-"})
_NO_HOST = "_"
"""nginx's name of a server that has none."""


@dataclass(frozen=True)
class JsonLog:
    """Where a server says what."""

    time: Names
    times: Times
    ip: Names
    forwarded_for: Names
    hostname: Names
    method: Names
    url: Names
    status: Names
    referrer: Names
    user_agent: Names
    logs_agents_with: Names
    """Beginnings of names that stand only in lines of a server that logs user agents."""
    protocol: Names
    request: Names = ()
    """Of the whole request line, where method, url or protocol do not stand alone."""
    path: Names = ()
    """Of the URL without its query, where it stands nowhere whole."""
    query: Names = ()
    logger: Names = ()
    """Of who wrote the record, where others write to the same place."""
    access: str = ""
    """How the logger of requests begins."""
    joined: bool = False
    """True where headers are lists of texts."""
    opened: Callable[[Object], Object] = lambda record: record
    """Brings a record to plain keys and values before it is read."""

    def leaves(self, record: Object) -> Leaves:
        """All that a record says."""
        return leaves(self.opened(record), joined=self.joined)

    def said(self, found: Leaves) -> Said:
        """What is left to take of a record."""
        return Said(found, left_out=_NOTHING)

    def alike(self, names: Sequence[str], texts: Sequence[Sequence[str]]) -> Alike:
        """What is left to take of records of one shape."""
        return Alike(names, texts, left_out=_NOTHING)

    def event(self, said: Said, context: Context, line_number: int) -> Row | Reason:
        """The request that says so."""
        moment = self.times.of(said, self.time, context)
        if isinstance(moment, Reason):
            return moment
        logs_agents = said.holds(*self.logs_agents_with)
        method, url, protocol = self._request(said)
        status = said.take(self.status)
        if (url is None and status is None) or not (said.look(self.logger) or self.access).startswith(self.access):
            return Reason.NOT_A_LOG_LINE
        ip, forwarded_for = said.take(self.ip), said.take(self.forwarded_for)
        agent = said.take(self.user_agent)
        values = {
            "hostname": said.take(self.hostname, but=_NO_HOST) or context.default_hostname,
            "method": method,
            "url": url,
            "status": int(status) if status and _STATUS.fullmatch(status) else None,
            "referrer": said.take(self.referrer),
            "ip": ip,
            "forwarded_for": forwarded_for,
            "user_agent": agent or (NOT_SENT if logs_agents else None),
        }
        said.put("method", method)
        said.put("protocol", protocol)
        said.put("status", status)
        if forwarded_for is not None:
            said.drop(self.forwarded_for, forwarded_for)
        return row(values, moment, said.rest({text for text in (ip, agent) if text}), line_number)

    def _request(self, said: Said) -> tuple[str | None, str | None, str | None]:
        """Method, URL and protocol. A request line that says something else as well stays."""
        told = said.take(self.method), said.take(self.url), said.take(self.protocol)
        parts = _EXACT_REQUEST.fullmatch(said.look(self.request) or "")
        if parts:
            told = told[0] or parts[1], told[1] or parts[2], told[2] or parts[3]
            if told == parts.groups():
                said.take(self.request)
        if told[1] is None and (path := said.take(self.path)) is not None:
            query = said.take(self.query)
            told = told[0], path if query is None else f"{path}?{query.removeprefix('?')}", told[2]
        return told

    def events(self, said: Alike, context: Context) -> tuple[pl.DataFrame, pl.Series] | None:
        """`event` of records of one shape.

        Returns:
            Columns of RECEIVED but line_number, and where only `event` can tell; None where it has to for all.
        """
        timestamp, subsecond = self.times.column(said.take(self.time), context.utc_offset)
        logs_agents = said.holds(*self.logs_agents_with)
        method, url, protocol = self._requests(said)
        status = said.take(self.status)
        other_logger = ~said.look(self.logger).str.starts_with(self.access).fill_null(value=True)
        odd = timestamp.is_null() | other_logger | (url.is_null() & status.is_null())
        ip, forwarded_for = said.take(self.ip), said.take(self.forwarded_for)
        agent = said.take(self.user_agent)
        number = status.zip_with(status.str.contains(f"^{_STATUS.pattern}$").fill_null(value=False), said.nothing)
        values = {
            "hostname": first(said.take(self.hostname, but=_NO_HOST), context.default_hostname),
            "method": method,
            "url": url,
            "status": number.cast(pl.Int32),
            "referrer": said.take(self.referrer),
            "ip": ip,
            "forwarded_for": forwarded_for,
            "user_agent": first(agent, NOT_SENT if logs_agents else None),
        }
        said.put("method", method)
        said.put("protocol", protocol)
        said.put("status", status)
        said.drop(self.forwarded_for, forwarded_for)
        other = said.rest((ip, agent))
        return None if other is None else (received(values, timestamp, subsecond, other), odd)

    def _requests(self, said: Alike) -> tuple[pl.Series, pl.Series, pl.Series]:
        told = said.take(self.method), said.take(self.url), said.take(self.protocol)
        parts = said.look(self.request).str.extract_groups(f"(?s)^{_REQUEST}$").struct.unnest().get_columns()
        method, url, protocol = (first(each, part) for each, part in zip(told, parts, strict=True))
        same = (method == parts[0]) & (url == parts[1]) & (protocol == parts[2])
        said.take(self.request, where=same)
        path = said.take(self.path, where=url.is_null())
        query = said.take(self.query, where=path.is_not_null())
        return method, first(url, path + "?" + query.str.strip_prefix("?"), path), protocol
