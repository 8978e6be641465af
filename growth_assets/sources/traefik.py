"""Access logs of Traefik as JSON: one object a line, with ClientHost, RequestPath, DownstreamStatus and StartUTC.

The status is the one the client saw, else that of the server behind.
"""

from __future__ import annotations

from growth_assets.sources.json_lines import text_format
from growth_assets.sources.json_log import JsonLog
from growth_assets.sources.json_values import Object
from growth_assets.sources.tracked import ISO

_STATUS = ("DownstreamStatus", "OriginStatus")


def _opened(record: Object) -> Object:
    """The record without an address that is only the client's again, with its port."""
    said = dict(record)
    host, port = said.get("ClientHost"), said.get("ClientPort")
    again = (f"{host}:{port}", f"[{host}]:{port}")  # no set: what a line says there may be a list
    return Object((name, value) for name, value in record if name != "ClientAddr" or value not in again)


LOG = JsonLog(
    time=("StartUTC", "StartLocal", "time"),
    times=ISO,
    ip=("ClientHost", "ClientAddr"),
    forwarded_for=tuple(
        f"request_{name}" for name in ("X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip")
    ),
    hostname=("RequestHost", "RequestAddr"),
    method=("RequestMethod",),
    url=("RequestPath",),
    protocol=("RequestProtocol",),
    status=_STATUS,
    referrer=("request_Referer",),
    user_agent=("request_User-Agent",),
    logs_agents_with=("request_User-Agent",),
    opened=_opened,
)


def is_request(record: dict[str, object]) -> bool:
    """Whether an object is a logged request."""
    return {"RequestMethod", "RequestPath"} <= record.keys() and any(name in record for name in _STATUS)


FORMAT = text_format(
    "traefik",
    LOG,
    is_request,
    "an object a line with RequestMethod, RequestPath and DownstreamStatus",
    ("RequestMethod", "RequestPath", "DownstreamStatus", "ClientHost", "StartUTC"),
)
