"""Access logs of Caddy: one JSON object a line, of the logger http.log.access.

`ts` is what Caddy's `time_format` makes it: a time as text, or seconds, milliseconds or nanoseconds since 1970, which
its digits tell apart (from 1973 on; Caddy writes no microseconds). The address is Caddy's `client_ip`, which knows its
trusted proxies, else `remote_ip`.
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

_NUMBER = re.compile(r"[0-9.]+", re.ASCII)
_MILLISECONDS = r"^([0-9]{9,11})([0-9]{3})(?:\.([0-9]+))?$"
_NANOSECONDS = r"^([0-9]{9,11})([0-9]{9})$"
_FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip")


def _moment(text: str, utc_offset: str | None) -> Moment | Reason:
    if _NUMBER.fullmatch(text):
        return moments.epoch(re.sub(_NANOSECONDS, r"\1.\2", re.sub(_MILLISECONDS, r"\1.\2\3", text)))
    return moments.written(text, utc_offset)


def _column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    numbers = texts.str.replace(_MILLISECONDS, "$1.$2$3").str.replace(_NANOSECONDS, "$1.$2")
    seconds = moments.epoch_column(numbers)
    return seconds if seconds[0].null_count() < len(texts) else moments.written_column(texts, utc_offset)


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
