"""The oracle's reading of what load balancers, web servers and trackers write, and of Parquet: in plain Python."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from growth_assets_tests.worlds.plain_values import BadLineError, Row, iso, json_object, text_of

NOTHING = {None, "", "-"}
ALB = re.compile(
    r"(?P<type>\S+) (?P<time>[0-9TZ:.+-]+) (?P<elb>\S+) \[?(?P<ip>[0-9a-f.:]+?)\]?:(?P<port>\d+) - (?P<t1>\S+) "
    r"(?P<t2>\S+) (?P<t3>\S+) (?P<status>\d{3}) (?P<target_status>\d{3}) (?P<length>\d+) (?P<sent>\d+) "
    r'"(?P<request>[^"]*)" "(?P<agent>[^"]*)" - - - "(?P<trace>[^"]*)"(?: "(?P<domain>[^"]*)")?'
)
HTTP = re.compile(r"([A-Z]+) (\S+) (HTTP/[0-9.]+)")


def w3c(lines: list[bytes], hostname: str) -> Iterator[tuple[int, str, Row | str]]:
    """Line number, text, and the row or the reason; nothing for directives."""
    names: list[str] = []
    date: dt.date | None = None
    before: int | None = None
    for number, line in enumerate(lines, start=1):
        text = line.decode("utf-8", "backslashreplace").rstrip("\r")
        if text.startswith("#Fields:"):
            names = text.split()[1:]
        elif text.startswith("#Date:"):
            date = dt.date.fromisoformat(text[7:17])
            before = _second(text[18:26])
        if re.match("#[A-Za-z-]+:", text):
            continue
        if not text.strip():
            yield number, text, "blank_line"
            continue
        values = text.split(" ")
        if len(values) != len(names):
            yield number, text, "wrong_field_count"
            continue
        said = {name: None if value == "-" else value for name, value in zip(names, values, strict=True)}
        if "date" not in said and date is not None:
            second = _second(said["time"] or "")
            if before is not None and second < before - 3600:
                date += dt.timedelta(days=1)
            before = second
            said["date"] = date.isoformat()
        yield number, text, _w3c_row(said, hostname)


def _second(text: str) -> int:
    hours, minutes, seconds = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def _w3c_row(said: dict[str, str | None], hostname: str) -> Row:
    query = said["cs-uri-query"]
    target = said["cs-uri-stem"] + (f"?{query}" if query else "")
    method, status = said["cs-method"], said["sc-status"]
    forwarded = said["X-Forwarded-For"]
    return {
        "event_timestamp": dt.datetime.fromisoformat(f"{said['date']} {said['time']}"),
        "subsecond_clock": False,
        "hostname": hostname,
        "url": target,
        "referrer": said["cs(Referer)"],
        "ip": said["c-ip"],
        "forwarded_for": forwarded and forwarded.replace("+", " "),
        "user_agent": (said["cs(User-Agent)"] or "-").replace("+", " "),
        "request": (f"{method} {target} HTTP/1.1", status),
        "other_properties": {"method": method, "status": status},
    }


def alb(text: str, hostname: str, utc_offset: str | None) -> Row:
    found = ALB.fullmatch(text)
    if not found:
        raise BadLineError("not_a_log_line")
    moment, fine = iso(found["time"], utc_offset)
    request = HTTP.fullmatch(found["request"])
    host = re.match(r"(?:\S+ |- )[a-z]+://([^:/]+)", found["request"])
    domain = found["domain"]
    other = {
        "bytes_sent": found["sent"], "elb": found["elb"], "remote_port": found["port"], "trace_id": found["trace"],
        "request_length": found["length"], "request_processing_time": found["t1"], "status": found["status"],
        "target_processing_time": found["t2"], "response_processing_time": found["t3"], "type": found["type"],
        "target_status_code": found["target_status"],
    }  # fmt: skip
    if domain:
        other["domain_name"] = domain
    if request:
        other |= {"method": request[1], "protocol": request[3]}
    other = dict(sorted(other.items()))
    if not request:
        other["request"] = found["request"]
    return {
        "event_timestamp": moment,
        "subsecond_clock": fine,
        "hostname": host[1] if host else domain or hostname,
        "url": request[2] if request else None,
        "ip": found["ip"],
        "user_agent": found["agent"],
        "request": (re.sub("https://[^/]+", "", found["request"]), found["status"]),
        "other_properties": other,
    }


def json_line(line: bytes, text: str, kind: str, hostname: str, utc_offset: str | None) -> Row:
    return {"nginx_json": _nginx, "caddy": _caddy, "segment": _segment, "plausible": _plausible}[kind](
        json_object(line, text), hostname, utc_offset
    )


def _said(value: Any) -> Any:
    return None if value in NOTHING else value


def _since_1970(text: str) -> tuple[dt.datetime, bool]:
    whole, _, fraction = text.partition(".")
    if len(whole) == 13:
        whole, fraction = whole[:10], whole[10:] + fraction
    micro = int(f"{fraction or 0:0<6}"[:6])
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=int(whole), microseconds=micro), bool(fraction)  # noqa: DTZ001


def _time(text: str | None, utc_offset: str | None) -> tuple[dt.datetime, bool]:
    if text is None:
        raise BadLineError("no_time")
    return _since_1970(text) if re.fullmatch(r"[0-9.]+", text) else iso(text, utc_offset)


def _nginx(said: dict[str, Any], hostname: str, utc_offset: str | None) -> Row:
    moment, fine = _time(said.get("msec") or said.get("time_iso8601"), utc_offset)
    if "request" not in said:
        raise BadLineError("not_a_log_line")
    method, target, protocol = said["request"].split(" ")
    other = {"method": method, "protocol": protocol, "status": said["status"]}
    host = said["host"]
    if host == "_":
        other["host"] = "_"
    other["request_time"] = said["request_time"]
    if "msec" in said:
        other["time_iso8601"] = said["time_iso8601"]
    return {
        "event_timestamp": moment,
        "subsecond_clock": fine,
        "hostname": hostname if host == "_" else host,
        "url": target,
        "referrer": _said(said["http_referer"]),
        "ip": _said(said["remote_addr"]),
        "forwarded_for": _said(said["http_x_forwarded_for"]),
        "user_agent": said["http_user_agent"] or "-",
        "request": (said["request"], said["status"]),
        "other_properties": other,
    }


def _caddy(said: dict[str, Any], hostname: str, utc_offset: str | None) -> Row:
    moment, fine = _time(said.get("ts"), utc_offset)
    if "request" not in said:
        raise BadLineError("not_a_log_line")
    asked = said["request"]
    headers = {name: ", ".join(values) for name, values in asked["headers"].items()}
    other = {"method": asked["method"], "protocol": asked["proto"]}
    other |= {name: said[name] for name in ("status", "level", "logger", "msg", "size")}
    return {
        "event_timestamp": moment,
        "subsecond_clock": fine,
        "hostname": asked["host"],
        "url": asked["uri"],
        "referrer": _said(headers.get("Referer")),
        "ip": _said(asked["remote_ip"]),
        "forwarded_for": headers.get("X-Forwarded-For"),
        "user_agent": headers.get("User-Agent") or ("-" if headers else None),
        "request": (f"{asked['method']} {asked['uri']} {asked['proto']}", said["status"]),
        "other_properties": other,
    }


def _segment(said: dict[str, Any], hostname: str, utc_offset: str | None) -> Row:
    moment, fine = _time(said.get("timestamp"), utc_offset)
    context = said.get("context", {})
    page = context.get("page", {})
    name, user = said.get("event") or said.get("type"), said.get("userId")
    other = {
        "event": name,
        "type": "track" if "event" in said else None,
        "user_id": None if user and _whole(user) else user,
        "anonymous_id": said.get("anonymousId"),
    }
    return {
        "event_timestamp": moment,
        "subsecond_clock": fine,
        "hostname": "www.xx.com" if page else hostname,
        "event_name": name,
        "event_id": said.get("messageId"),
        "url": page.get("url"),
        "referrer": page.get("referrer"),
        "ip": context.get("ip"),
        "user_agent": context.get("userAgent"),
        "user_id": user if user and _whole(user) else None,
        "other_properties": _given(other) | _texts(said.get("properties")),
    }


def _plausible(said: dict[str, Any], hostname: str, utc_offset: str | None) -> Row:
    moment, fine = _time(said.get("timestamp"), utc_offset)
    other = {"event": said.get("name"), "anonymous_id": said.get("visitor_id")}
    return {
        "event_timestamp": moment,
        "subsecond_clock": fine,
        "hostname": "www.xx.com" if "url" in said else hostname,
        "event_name": said.get("name"),
        "url": said.get("url"),
        "referrer": said.get("referrer"),
        "ip": said.get("ip"),
        "user_agent": said.get("user_agent"),
        "other_properties": _given(other) | _texts(said.get("props")) | _given({"domain": said.get("domain")}),
    }


def _given(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _texts(bag: dict[str, Any] | None) -> dict[str, str]:
    return _given({name: text_of(value) for name, value in (bag or {}).items()})


def _whole(user: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,19}", user) is not None and -(2**63) <= int(user) < 2**63


def parquet(content: bytes) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    """Number, text and values of each row; no values where there is no time."""
    for number, row in enumerate(pq.read_table(io.BytesIO(content)).to_pylist(), start=1):
        said = {name: value for name, value in row.items() if value is not None}
        if "event_time" not in said:
            yield number, json.dumps(row, ensure_ascii=False), None
            continue
        moment = said["event_time"]
        said["event_time"] = f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{moment:%f}Z" if moment.microsecond else "Z")
        if "properties" in said:
            said["properties"] = json.loads(said["properties"], parse_int=str, parse_float=str)
        yield number, "", said
