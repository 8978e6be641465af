"""Access logs that nginx writes as JSON: `log_format NAME escape=json '{...}'` with keys as people choose them.

Understood are the names of nginx's variables and what is often written for them; all other keys go to
other_properties. The time is `$msec`, `$time_iso8601` or `$time_local`, under whatever key.
"""

from __future__ import annotations

import re

import polars as pl

from growth_assets.sources import moments
from growth_assets.sources.json_lines import text_format
from growth_assets.sources.json_log import JsonLog
from growth_assets.sources.moments import Moment
from growth_assets.sources.reasons import Reason
from growth_assets.sources.tracked import Times

_MSEC = re.compile(r"[0-9]{9,12}\.[0-9]{3}", re.ASCII)
_TIMES = ("msec", "@timestamp", "time_iso8601", "timestamp", "time", "time_local", "datetime", "date", "ts")


def _moment(text: str, utc_offset: str | None) -> Moment | Reason:
    if _MSEC.fullmatch(text):
        return moments.epoch(text)  # only $msec looks like this
    return moments.log(text, utc_offset) if "/" in text else moments.iso(text, utc_offset)


def _column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    shapes = texts.to_frame("t").select(
        msec=pl.when(pl.col("t").str.contains(f"^{_MSEC.pattern}$")).then("t"),
        clock=pl.col("t").str.extract(r"^([0-9]{2}/[A-Za-z]{3}/[0-9]{4}(?::[0-9]{2}){3}) [+-][0-9]{4}$"),
        offset=pl.col("t").str.extract(r" ([+-][0-9]{4})$"),
    )
    if shapes["msec"].null_count() < len(texts):
        return moments.epoch_column(shapes["msec"])
    if shapes["clock"].null_count() < len(texts):
        times = moments.log_columns(shapes["clock"], shapes["offset"])
        return times, pl.repeat(value=False, n=len(texts), dtype=pl.Boolean, eager=True)
    return moments.iso_column(texts, utc_offset)


LOG = JsonLog(
    time=_TIMES,
    times=Times(_moment, _column),
    ip=("remote_addr", "remote_ip", "client_ip", "clientip", "client", "ip"),
    forwarded_for=("http_x_forwarded_for", "x_forwarded_for", "xff", "http_x_real_ip", "x_real_ip"),
    hostname=("host", "http_host", "server_name", "vhost", "virtual_host", "hostname", "domain"),
    method=("request_method", "method", "verb"),
    url=("request_uri", "url"),
    request=("request",),
    path=("uri", "path"),
    query=("args", "query_string"),
    protocol=("server_protocol", "protocol"),
    status=("status", "status_code", "response_status"),
    referrer=("http_referer", "http_referrer", "referer", "referrer"),
    user_agent=("http_user_agent", "user_agent", "useragent", "agent"),
    logs_agents_with=("http_user_agent", "user_agent", "useragent", "agent"),
)


def is_request(record: dict[str, object]) -> bool:
    """Whether an object is a logged request."""
    return all(
        any(name in record for name in names)
        for names in (_TIMES, LOG.ip, LOG.status, ("request", *LOG.url, *LOG.path))
    ) and not isinstance(record.get("request"), list)  # of Caddy


FORMAT = text_format(
    "nginx_json",
    LOG,
    is_request,
    "an object a line with time, remote_addr, request (or request_uri) and status",
    ("remote_addr", "request", "status", "time_iso8601", "http_user_agent"),
)
