"""Lines of the small worlds as load balancers, web servers and trackers write them, and rows of Parquet files."""

from __future__ import annotations

import datetime as dt
import io
import json
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from growth_assets_tests.worlds.known import TRACKED
from growth_assets_tests.worlds.lines import COLUMNS, REQUESTS, Event, moment_of, time_text, url_of

JSON_KINDS = ("nginx_json", "caddy", "segment", "plausible")
W3C = (
    ("date", "time", "c-ip", "cs-method", "cs-uri-stem", "sc-status", "cs(User-Agent)", "cs(Referer)",
     "X-Forwarded-For", "cs-uri-query"),
    ("c-ip", "cs(Referer)", "X-Forwarded-For", "cs(User-Agent)", "sc-status", "cs-method", "time", "date",
     "cs-uri-stem", "cs-uri-query"),
)  # fmt: skip
"""Two orders of fields. The last field is one of which half is as good: a last line may be cut in it."""
HOSTS = ("www.xx.com", "www.xxx.com", "shop.xx.com")


def w3c(random: Random, events: list[Event | bytes]) -> list[bytes]:
    """A whole file: its directives, its events, and the lines among them that are none."""
    found = [b"#Software: Microsoft Internet Information Services 10.0", b"#Version: 1.0"]
    change = random.randint(1, len(events)) if random.random() < 0.4 else len(events)
    dateless = random.random() < 0.4
    before: dt.datetime | None = None
    fields: list[str] = []
    for number, event in enumerate(events):
        if number in {0, change}:
            fields = [name for name in W3C[number > 0] if not (dateless and name == "date")]
            found.append(f"#Fields: {' '.join(fields)}".encode())
        if isinstance(event, bytes):
            found.append(event)
            continue
        moment = moment_of(event)
        if dateless and not _follows(random, before, moment):
            found.append(f"#Date: {moment:%Y-%m-%d %H:%M:%S}".encode())
        before = moment
        found.append(w3c_line(random, event, fields))
    return found


def _follows(random: Random, before: dt.datetime | None, moment: dt.datetime) -> bool:
    """Whether a time alone tells the day, after the line before."""
    if before is None:
        return False
    days = (moment.date() - before.date()).days
    later = (dt.datetime.combine(before.date(), moment.time()) - before).total_seconds()
    return (days == 0 and 0 <= later <= 80_000) or (days == 1 and later < -4_000 and random.random() < 0.7)


def w3c_line(random: Random, event: Event, fields: list[str]) -> bytes:
    moment = moment_of(event)
    method, status = random.choice(REQUESTS)
    said = {
        "date": f"{moment:%Y-%m-%d}",
        "time": f"{moment:%H:%M:%S}",
        "c-ip": event["ip"],
        "cs-method": method,
        "cs-uri-stem": event["url"],
        "cs-uri-query": None if event["number"] is None else f"n={event['number']}",
        "sc-status": str(status),
        "cs(User-Agent)": (event["user_agent"] or "-").replace(" ", "+"),
        "cs(Referer)": event["referrer"],
        "X-Forwarded-For": (event["forwarded_for"] or "-").replace(" ", "+"),
    }
    return " ".join(said[name] or "-" for name in fields).encode()


def bad_w3c(random: Random) -> bytes:
    return random.choice([b"", b" ", b"junk", b"2026-03-01 10:00:00 8.8.8.8 GET / - 200", b"\x00\xff"])


def alb(random: Random, event: Event) -> bytes:
    moment = moment_of(event)
    method, status = random.choice(REQUESTS)
    number = "" if event["number"] is None else f"?n={event['number']}"
    request = f"{method} https://{random.choice(HOSTS)}:443{event['url']}{number} HTTP/1.1"
    if random.random() < 0.08:
        request, status = random.choice(["- http://www.xxx.com:80- -", "- - - "]), 400
    ip = _address(event)
    client = f"[{ip}]:443" if ":" in ip else f"{ip}:2817"
    line = (
        f"https {moment:%Y-%m-%dT%H:%M:%S}{event['fraction']}Z app/shop/50dc {client} - 0.000 0.048 0.000 {status} "
        f'{status} 34 366 "{request}" "{event["user_agent"] or "-"}" - - - "Root=1-58"'
    )
    return (line + random.choice(["", ' "shop.xx.com"'])).encode()


def bad_alb(random: Random) -> bytes:
    good = {"day": "2026-03-01", "second": 36_000, "fraction": "", "ip": "8.8.8.8", "url": "/", "number": None}
    line = alb(random, {**good, "user_agent": "x"})
    return random.choice(
        [b"", b" ", b"junk", line.replace(b"2026-03-01T", b"2026-02-30T"), line.replace(b' "Root=', b" Root="),
         line.replace(b"0Z app", b"0 app"), line.replace(b" 34 366 ", b" 34 ")]
    )  # fmt: skip


def nginx_json(random: Random, event: Event) -> bytes:
    method, status = random.choice(REQUESTS)
    number = "" if event["number"] is None else f"?n={event['number']}"
    said: dict[str, Any] = {"time_iso8601": time_text(random, {**event, "fraction": ""})}
    if event["fraction"]:
        said["msec"] = f"{_epoch(event)}.{event['fraction'][1:4]:0<3}"
    said |= {
        "remote_addr": _address(event),
        "request": f"{method} {event['url']}{number} HTTP/2.0",
        "status": random.choice([status, str(status)]),
        "http_referer": event["referrer"] or random.choice(["", "-"]),
        "http_user_agent": event["user_agent"] or "",
        "host": random.choice([*HOSTS, "_"]),
        "http_x_forwarded_for": event["forwarded_for"] or "-",
        "request_time": "0.050",
    }
    return json.dumps(said).encode()


def caddy(random: Random, event: Event) -> bytes:
    method, status = random.choice(REQUESTS)
    number = "" if event["number"] is None else f"?n={event['number']}"
    fraction, epoch = event["fraction"], _epoch(event)
    ts = random.choice([f"{epoch}{fraction}", json.dumps(time_text(random, event))])
    if 1 < len(fraction) <= 4 and epoch > 10**9 and random.random() < 0.5:
        ts = f"{epoch}{fraction[1:]:0<3}"
    headers = {
        "User-Agent": event["user_agent"],
        "Referer": event["referrer"],
        "X-Forwarded-For": event["forwarded_for"],
    }
    said = {
        "level": "info",
        "ts": "HERE",
        "logger": "http.log.access.log0",
        "msg": "handled request",
        "request": {
            "remote_ip": event["ip"] or "",
            "proto": "HTTP/2.0",
            "method": method,
            "host": random.choice(HOSTS),
            "uri": event["url"] + number,
            "headers": {name: text.split(", ") for name, text in headers.items() if text},
        },
        "size": 10,
        "status": status,
    }
    return json.dumps(said).replace('"HERE"', ts).encode()


def segment(random: Random, event: Event) -> bytes:
    name = random.choice(list(TRACKED))
    call = {"type": "page"} if name == "page" else {"type": "track", "event": name}
    context = {
        "ip": event["ip"],
        "userAgent": event["user_agent"],
        "page": {"url": url_of(event), "referrer": event["referrer"]},
    }
    said = {
        **call,
        "messageId": event["event_id"],
        "anonymousId": event["anonymous_id"],
        "userId": event["user_id"],
        "timestamp": time_text(random, event),
        "context": {name: value for name, value in context.items() if value is not None},
        "properties": event["properties"],
    }
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


def plausible(random: Random, event: Event) -> bytes:
    said = {
        "name": random.choice(list(TRACKED)),
        "url": url_of(event),
        "domain": "xx.com",
        "referrer": event["referrer"],
        "timestamp": time_text(random, event),
        "ip": event["ip"],
        "user_agent": event["user_agent"],
        "visitor_id": event["anonymous_id"],
        "props": event["properties"],
    }
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


TIME_OF = {"nginx_json": "time_iso8601", "caddy": "ts", "segment": "timestamp", "plausible": "timestamp"}


def bad_json(random: Random, kind: str) -> bytes:
    time = TIME_OF[kind]
    return random.choice(
        [b"", b" ", b"junk", b"[1]", b"null", b"{}", json.dumps({time: "yesterday"}).encode(),
         json.dumps({time: "2026-03-01T10:00:00"}).encode(), b'{"status": NaN}', b'{"a": "\xff"}']
    )  # fmt: skip


def parquet(random: Random, events: list[Event | bytes]) -> bytes:
    """A whole file; what is no event is a row without a time."""
    rows = []
    for event in events:
        if isinstance(event, bytes):
            rows.append({"event_time": None, "hostname": "www.xx.com", "ip": "8.8.8.8"})
            continue
        micro = int(f"{event['fraction'][1:7]:0<6}") if event["fraction"] else 0
        moment = moment_of(event).replace(microsecond=micro, tzinfo=dt.UTC)
        properties = None if event["properties"] is None else json.dumps(event["properties"])
        rows.append({**event, "event_time": moment, "url": url_of(event), "properties": properties})
    schema = pa.schema(
        [("event_time", pa.timestamp("us", tz="UTC")), *((name, pa.string()) for name in (*COLUMNS[1:], "properties"))]
    )
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    whole = io.BytesIO()
    pq.write_table(table, whole, row_group_size=random.choice([1, 3, 1000]))
    return whole.getvalue()


def _address(event: Event) -> str:
    """Of a server that always knows one."""
    return event["ip"] if event["ip"] and event["ip"] != "not-an-address" else "8.8.8.8"


def _epoch(event: Event) -> int:
    return int(moment_of(event).replace(tzinfo=dt.UTC).timestamp())


GOOD = {"alb": alb, "nginx_json": nginx_json, "caddy": caddy, "segment": segment, "plausible": plausible}
WHOLE_FILES = {"iis": w3c, "parquet": parquet}
