"""Access logs of Caddy: one JSON object a line, of the logger http.log.access.

`ts` is in seconds since 1970, or a time as text. The address is Caddy's `client_ip`, which knows its trusted proxies,
else `remote_ip`.
"""

from __future__ import annotations

import re

import polars as pl

from growth_assets.sources import moments
from growth_assets.sources.json_lines import text_format
from growth_assets.sources.json_log import JsonLog
from growth_assets.sources.json_values import Object
from growth_assets.sources.moments import Moment
from growth_assets.sources.reasons import Reason
from growth_assets.sources.tracked import Times

_SECONDS = re.compile(r"[0-9.]+", re.ASCII)
_FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip")


def _moment(text: str, utc_offset: str | None) -> Moment | Reason:
    if _SECONDS.fullmatch(text):
        return moments.epoch(text)
    return moments.log(text, utc_offset) if "/" in text else moments.iso(text, utc_offset)


def _column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    seconds = moments.epoch_column(texts)
    return seconds if seconds[0].null_count() < len(texts) else moments.iso_column(texts, utc_offset)


LOG = JsonLog(
    time=("ts",),
    times=Times(_moment, _column),
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
    logger=("logger",),
    # A request that failed is logged a second time, by the logger http.log.error.
    access="http.log.access",
    joined=True,
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
