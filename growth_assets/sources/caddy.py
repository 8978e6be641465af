"""Access logs of Caddy: one JSON object a line, of the logger http.log.access.

`ts` is in seconds since 1970, or a time as text. The address is Caddy's `client_ip`, which knows its trusted proxies,
else `remote_ip`.
"""

from __future__ import annotations

import re
from typing import Any

from growth_assets.sources import moments
from growth_assets.sources.json_lines import text_format
from growth_assets.sources.json_log import JsonLog
from growth_assets.sources.json_values import Object
from growth_assets.sources.moments import Moment
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Said

_SECONDS = re.compile(r"[0-9.]+", re.ASCII)
_LOGGER = "http.log.access"
_FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip")


def _moment(text: str, utc_offset: str | None) -> Moment | Reason:
    if _SECONDS.fullmatch(text):
        return moments.epoch(text)
    return moments.log(text, utc_offset) if "/" in text else moments.iso(text, utc_offset)


def _opened(record: Object) -> Object:
    """The record with the headers, which are lists, as texts."""
    return Object(
        (name, _headers(value))
        if name == "resp_headers"
        else (name, Object((key, _headers(held) if key == "headers" else held) for key, held in value))
        if name == "request" and isinstance(value, Object)
        else (name, value)
        for name, value in record
    )


def _headers(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(value, Object):
        return value
    return Object((name, _header(name, given)) for name, given in value)


def _header(name: str, given: Any) -> Any:  # noqa: ANN401 - any JSON value
    if type(given) is list and len(given) == 1:
        return given[0]
    # Addresses of several proxies are one list, in one line or in several.
    if name in _FORWARDED and type(given) is list and all(type(each) is str for each in given):
        return ", ".join(given)
    return given


def _is_access(said: Said) -> bool:
    # A request that failed is logged a second time, by the logger http.log.error.
    return (said.look(("logger",)) or _LOGGER).startswith(_LOGGER)


LOG = JsonLog(
    time=("ts",),
    moment=_moment,
    ip=("request.client_ip", "request.remote_ip", "request.remote_addr"),
    forwarded_for=tuple(f"request.headers.{name}" for name in _FORWARDED),
    hostname=("request.host",),
    method=("request.method",),
    url=("request.uri",),
    protocol=("request.proto",),
    status=("status",),
    referrer=("request.headers.Referer",),
    user_agent=("request.headers.User-Agent",),
    logs_agents_with=("request.headers.",),
    is_request=_is_access,
    opened=_opened,
)


def is_request(record: dict[str, object]) -> bool:
    """Whether an object is a logged request."""
    request = record.get("request")
    return "ts" in record and isinstance(request, Object) and {"method", "uri"} <= dict(request).keys()


FORMAT = text_format(
    "caddy",
    LOG,
    is_request,
    "an object a line with ts, status and request{method, uri ...}",
    ("ts", "request", "status", "method", "uri"),
)
