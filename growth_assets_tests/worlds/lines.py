"""Lines of small worlds: events as their senders write them, and lines that cannot be read."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from random import Random
from typing import Any

from growth_assets_tests.worlds.known import (
    ACTIONS,
    AGENTS,
    BAD_ACTIONS,
    BAD_HOSTS,
    BAD_USERS,
    CHAINS,
    COUNTRIES,
    HOSTS,
    REFERRERS,
)

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")
STRANGE_DAYS = ("1970-01-01", "1999-12-31", "2026-02-20", "2199-01-01")
"""Before any website, before the first day of some worlds, and in the future."""

COLUMNS = (
    "event_time", "event_id", "hostname", "action_type", "url", "referrer", "ip", "forwarded_for", "user_agent",
    "user_id",
)  # fmt: skip
REQUESTS = (
    ("GET", 200), ("GET", 200), ("GET", 304), ("GET", 404), ("POST", 200), ("HEAD", 200), ("GET", 302), ("GET", 500),
)  # fmt: skip
PATHS = ("/", "/p/1", "/signup", "/login", "/bootcamp/pay", "/a.css", "/p/2", "/signups")

Event = dict[str, Any]


def events(random: Random, days: list[str], *, with_ids: bool, clock: str) -> list[Event]:
    """A handful of events, some of them told twice."""
    alone = [(ip, None) for ip in COUNTRIES]
    visitors = [
        (*random.choice(CHAINS if random.random() < 0.3 else alone), random.choice([*AGENTS, None]))
        for _ in range(random.randint(1, 4))
    ]
    found = []
    for number in range(random.randint(1, 9)):
        visitor = random.choice(visitors)
        ip, forwarded_for, agent = visitor
        second = random.choice([0, 1, 1, 43_200, 86_399, random.randrange(86_400)])
        found.append(
            {
                "day": random.choice(STRANGE_DAYS if random.random() < 0.04 else days),
                "second": second,
                "fraction": _fraction(random)
                if clock == "fine" or (clock == "mixed" and random.random() < 0.5)
                else "",
                "event_id": f"e{random.randrange(10**9)}" if with_ids and random.random() < 0.9 else None,
                "hostname": random.choice(HOSTS) if random.random() < 0.95 else random.choice([None, *BAD_HOSTS]),
                "action_type": random.choice(ACTIONS)
                if random.random() < 0.94
                else random.choice([None, *BAD_ACTIONS]),
                "url": random.choice(PATHS),
                "number": number if random.random() < 0.7 else None,
                "referrer": random.choice(list(REFERRERS)),
                "ip": ip if random.random() < 0.97 else random.choice([None, "not-an-address"]),
                "forwarded_for": forwarded_for,
                "user_agent": agent,
                "anonymous_id": f"a{visitors.index(visitor)}",
                "user_id": random.choice([None, None, "42", "-7", random.choice(BAD_USERS)])
                if random.random() < 0.4
                else None,
                "properties": random.choice([None, {}, {"plan": "pro"}, {"n": 1.50, "ok": True, "no": None}]),
            }
        )
    if found and random.random() < 0.4:
        found += [dict(random.choice(found)) for _ in range(random.randint(1, 3))]
    return found


def _fraction(random: Random) -> str:
    return random.choice([".0", ".5", ".5", ".123456", ".1234567891", f".{random.randrange(1000):03}"])


def moment_of(event: Event) -> dt.datetime:
    """The whole second in UTC."""
    return dt.datetime.fromisoformat(event["day"]) + dt.timedelta(seconds=event["second"])


def time_text(random: Random, event: Event) -> str:
    """ISO 8601 with an offset, not always the right day's."""
    moment = moment_of(event)
    minutes = random.choice([0, 0, 0, 120, -330])
    local = moment + dt.timedelta(minutes=minutes)
    sign = "+" if minutes >= 0 else "-"
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes or random.random() < 0.3 else "Z"
    return local.strftime(f"%Y-%m-%d{random.choice('TTT ')}%H:%M:%S") + event["fraction"] + offset


def url_of(event: Event) -> str:
    query = "" if event["number"] is None else f"?n={event['number']}"
    return f"https://www.xx.com{event['url']}{query}"


BAD_TIMES = ("yesterday", "2026-13-01T00:00:00Z", "2026-03-01T10:00:60Z", "1767225600", "2026-03-01T25:00:00Z")


def ndjson(random: Random, event: Event) -> bytes:
    said: dict[str, Any] = {name: event[name] for name in COLUMNS[1:] if event[name] is not None and name != "url"}
    said["url"] = url_of(event)
    if event["properties"] is not None:
        said["properties"] = event["properties"]
    if said.get("user_id", "").lstrip("-").isdigit() and random.random() < 0.5:
        said["user_id"] = int(said["user_id"])
    if random.random() < 0.2:
        said["extra"] = random.choice(["x", 7, None, ""])
    said = {"event_time": time_text(random, event), **said}
    return json.dumps(said, ensure_ascii=random.random() < 0.8).encode()


def bad_ndjson(random: Random) -> bytes:
    good = {"hostname": "www.xx.com", "action_type": "page_view", "ip": "8.8.8.8", "url": "/é"}
    return random.choice(
        [
            b"", b"   ", b"junk", b'{"event_time": "2026-03-01T10:00:00Z", ', b"[1, 2]", b'"text"', b"null", b"{} {}",
            json.dumps(good).encode(),
            json.dumps({**good, "event_time": None}).encode(),
            json.dumps({**good, "event_time": random.choice(BAD_TIMES)}).encode(),
            json.dumps({**good, "event_time": "2026-03-01T10:00:00"}).encode(),
            b'{"event_time": "2026-03-01T10:00:00Z", "url": "/\xff\xfe"}',
            b'{"event_time": "2026-03-01T10:00:00Z", "n": NaN}',
            b"\x00\x01\x02",
        ]
    )  # fmt: skip


def csv_line(fields: list[str | None]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["" if field is None else field for field in fields])
    return text.getvalue().encode()


def csv_event(random: Random, event: Event) -> bytes:
    said = {**event, "event_time": time_text(random, event), "url": url_of(event)}
    if random.random() < 0.05:
        said["url"] += "\nnext line"
    return csv_line([said[name] for name in COLUMNS])


def bad_csv(random: Random) -> bytes:
    plain = ["", "www.xx.com", "page_view", "/", "", "8.8.8.8", "", "x", ""]
    return random.choice(
        [
            b"", b"  ", b"a,b", csv_line(["", *plain]), csv_line([random.choice(BAD_TIMES), *plain]),
            csv_line(["2026-03-01T10:00:00", *plain]), csv_line(["2026-03-01T10:00:00Z", *plain, "one more"]),
            b"2026-03-01T10:00:00Z,,www.xx.com,page_view,/\xff,,8.8.8.8,,x,",
            b'2026-03-01T10:00:00Z,"a"b,www.xx.com,page_view,/,,8.8.8.8,,x,',
        ]
    )  # fmt: skip


def log_line(random: Random, event: Event, kind: str) -> bytes:
    """A line of `common`, `combined` or `vhost_combined`, whose clock has whole seconds."""
    moment = moment_of(event)
    hours = random.choice([0, 0, 2, -5])
    clock = (moment + dt.timedelta(hours=hours)).strftime("%d/%b/%Y:%H:%M:%S ") + f"{hours:+03}00"
    method, status = random.choice(REQUESTS)
    number = "" if event["number"] is None else f"?n={event['number']}"
    request = f"{method} {event['url']}{number} HTTP/1.1"
    if random.random() < 0.03:
        request = random.choice(["-", "\\x16\\x03", 'GET /a\\"b HTTP/1.1', "GET"])
    user = random.choice(["-", "-", "frank"])
    line = f'{event["ip"] or "8.8.8.8"} - {user} [{clock}] "{request}" {status} {random.choice(["-", "512"])}'
    if kind != "common":
        line += f' "{event["referrer"] or "-"}" "{event["user_agent"] or "-"}"'
    if kind == "vhost_combined":
        line = f"{random.choice(['www.xx.com:443', 'www.xxx.com:80', 'shop.xx.com'])} {line}"
    return line.encode()


def bad_log_line(random: Random, kind: str) -> bytes:
    host = "www.xx.com:80 " if kind == "vhost_combined" else ""
    end = "" if kind == "common" else ' "-" "x"'
    return random.choice(
        [
            b"", b" ", b"junk", b"\x00\xff\xfe", b"2026/03/01 10:00:00 [error] no request",
            f'{host}8.8.8.8 - - [31/Feb/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1{end}'.encode(),
            f'{host}8.8.8.8 - - [01/Mar/2026:10:00:00] "GET / HTTP/1.1" 200 1{end}'.encode(),
            f'{host}8.8.8.8 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" two 1{end}'.encode(),
            f'{host}8.8.8.8 - - [01/Mar/2026:10:00:00 +0000] "GET /'.encode(),
        ]
    )  # fmt: skip
