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
_ADDRESS = re.compile(r"\[?(?=.*[.:])[0-9A-Fa-f.:]+\]?(?::[0-9]+)?|unix:.*")
_STATUS = re.compile(r"[1-5][0-9]{2}|0{1,3}", re.ASCII)
_ANYTHING = re.compile(".*", re.DOTALL)
_TIMES = ("msec", "@timestamp", "time_iso8601", "timestamp", "time", "time_local", "datetime", "date", "ts")


def _moment(text: str, utc_offset: str | None) -> Moment | Reason:
    if _MSEC.fullmatch(text):
        return moments.epoch(text)  # only $msec looks like this
    return moments.written(text, utc_offset)


def _column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    msec = texts.set(~texts.str.contains(f"^{_MSEC.pattern}$").fill_null(value=False), None)
    return moments.epoch_column(msec) if msec.null_count() < len(texts) else moments.written_column(texts, utc_offset)


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
_ASKED = (*LOG.request, *LOG.url, *LOG.path)


def is_request(record: dict[str, object]) -> bool:
    """Whether an object is a logged request."""
    # Many a record has a date, a client, a status and a URL: that of a request has an address, and a number.
    return all(
        any(fits.fullmatch(said) for name in names if isinstance(said := record.get(name), str))
        for names, fits in ((_TIMES, _ANYTHING), (LOG.ip, _ADDRESS), (LOG.status, _STATUS), (_ASKED, _ANYTHING))
    )


FORMAT = text_format(
    "nginx_json",
    LOG,
    is_request,
    "an object a line with time, remote_addr, request (or request_uri) and status",
    ("remote_addr", "request", "status", "time_iso8601", "http_user_agent"),
)
