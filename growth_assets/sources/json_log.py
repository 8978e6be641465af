"""Requests that a web server logs as JSON, in the words of one server each.

"-" and "" say nothing, but for the user agent: that none was sent tells a robot from a browser, so it stays, as "-".
Method and status stand in other_properties too, as those of other access logs do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from growth_assets.sources.field_patterns import METHOD, PROTOCOL
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object
from growth_assets.sources.logged import NOT_SENT
from growth_assets.sources.moments import Moment
from growth_assets.sources.native import Row, row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Leaf, Said, leaves
from growth_assets.sources.tracked import Names

_REQUEST = re.compile(rf"({METHOD}) (.+) ({PROTOCOL})", re.DOTALL)
_STATUS = re.compile(r"[0-9]{1,3}", re.ASCII)
_NOTHING = frozenset({"", "-"})
_NO_HOST = "_"
"""nginx's name of a server that has none."""


@dataclass(frozen=True)
class JsonLog:
    """Where a server says what."""

    time: Names
    moment: Callable[[str, str | None], Moment | Reason]
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
    is_request: Callable[[Said], bool] = lambda said: True  # noqa: ARG005
    """False for what else the server writes to the same place."""
    opened: Callable[[Object], Object] = lambda record: record
    """Brings a record to plain keys and values before it is read."""

    def leaves(self, record: Object) -> list[Leaf]:
        """All that a record says, in its order."""
        return leaves(self.opened(record))

    def event(self, found: list[Leaf], context: Context, line_number: int) -> Row | Reason:
        """The request that says so."""
        said = Said(found, left_out=_NOTHING)
        time = said.take(self.time)
        if time is None:
            return Reason.NO_TIME
        moment = self.moment(time, context.utc_offset)
        if isinstance(moment, Reason):
            return moment
        if not self.is_request(said):
            return Reason.NOT_A_LOG_LINE
        logs_agents = said.holds(*self.logs_agents_with)
        method, url, protocol = self._request(said)
        status = said.take(self.status)
        if url is None and status is None:
            return Reason.NOT_A_LOG_LINE
        ip, forwarded_for = said.take(self.ip), said.take(self.forwarded_for)
        agent = said.take(self.user_agent)
        values = {
            "hostname": self._host(said) or context.default_hostname,
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
        parts = _REQUEST.fullmatch(said.look(self.request) or "")
        if parts:
            whole = told[0] or parts[1], told[1] or parts[2], told[2] or parts[3]
            if whole == parts.groups():
                said.take(self.request)
            told = whole
        if told[1] is None and (path := said.take(self.path)) is not None:
            query = said.take(self.query)
            told = told[0], path if query is None else f"{path}?{query.removeprefix('?')}", told[2]
        return told

    def _host(self, said: Said) -> str | None:
        for name in self.hostname:
            if said.look((name,)) != _NO_HOST and (host := said.take((name,))) is not None:
                return host
        return None
