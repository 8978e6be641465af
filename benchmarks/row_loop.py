"""What most people write first: line by line, geoip2 and user_agents asked for each, counts in dictionaries.

It makes the fct rows as CSV, the 16 levels of agg and the metrics, without a check, of the first lines of a file, and
prints what that took; imports are not counted. user_agents keeps what it found of the last user agents only, so that
a log with many of them takes far longer than one with few.

    python benchmarks/row_loop.py LANDING OUT ndjson|combined LINES
"""

from __future__ import annotations

import csv
import datetime as dt
import ipaddress
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import geoip2.database
import geoip2.errors
import mmh3
from user_agents import parse  # type: ignore[import-untyped]

DATABASE = Path(__file__).parent.parent / "growth_assets" / "reference" / "country.mmdb"
LINE = re.compile(r'(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\S+) "([^"]*)" "([^"]*)"')
DIMENSIONS = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")
ACTIONS = {"/signup": "signup", "/login": "login"}


def main(landing: Path, out: Path, file_format: str, most: int) -> dict[str, float]:
    """Read so many lines, and write the tables."""
    out.mkdir(parents=True, exist_ok=True)
    (path, *_) = sorted(landing.iterdir())
    read = from_ndjson if file_format == "ndjson" else from_combined
    started, cpu_started, events = time.perf_counter(), time.process_time(), 0
    totals: dict[tuple[str, ...], dict[tuple[Any, ...], list[Any]]] = {
        level: defaultdict(lambda: [0, set()]) for size in range(5) for level in combinations(DIMENSIONS, size)
    }
    seen = set()
    metrics: dict[tuple[str, str], int] = defaultdict(int)
    traffic: dict[tuple[str, str], int] = defaultdict(int)
    with (
        path.open(encoding="utf-8", errors="replace") as lines,
        (out / "fct.csv").open("w", encoding="utf-8", newline="") as file,
        geoip2.database.Reader(str(DATABASE)) as reader,
    ):
        rows = csv.writer(file)
        for event in read(islice(lines, most)):
            visitor = mmh3.hash64(f"|{event['ip']}|{event['user_agent']}")[0]
            key = (visitor, event["event_id"] or event["event_time"])
            if key in seen:
                continue
            seen.add(key)
            agent = parse(event["user_agent"] or "")
            moment = event["event_time"]
            domain = urlsplit(event["referrer"] or "").hostname or "(none)"
            row = {
                "dim_action_type": event["action_type"], "dim_country": country(reader, event["ip"]),
                "dim_device_brand": agent.device.brand or "unknown", "event_hour": moment.hour,
            }  # fmt: skip
            rows.writerow([event["user_id"], visitor, event["hostname"], *row.values(), moment, agent.is_bot, domain])
            for level, counts in totals.items():
                group = counts[tuple(row[name] for name in level)]
                group[0] += 1
                group[1].add(visitor)
            if not agent.is_bot:
                metrics[event["hostname"], event["action_type"]] += 1
                traffic[event["hostname"], domain] += 1
            events += 1
    agg = [
        ["__".join(level), *map(str, key), found[0], len(found[1])]
        for level in totals
        for key, found in totals[level].items()
    ]
    (out / "agg.json").write_text(json.dumps(agg), encoding="utf-8")
    numbers = [[*key, count] for key, count in (*metrics.items(), *traffic.items())]
    (out / "metrics.json").write_text(json.dumps(numbers), encoding="utf-8")
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return {"events": events, "seconds": seconds, "cpu_seconds": cpu_seconds}


def from_ndjson(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Events; what cannot be read is left out."""
    for line in lines:
        try:
            event = json.loads(line)
            moment = dt.datetime.fromisoformat(event["event_time"])
        except (ValueError, KeyError, TypeError):
            continue
        yield {"user_id": None, "referrer": None, "event_id": None, **event, "event_time": moment}


def from_combined(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Events; what cannot be read is left out."""
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        try:
            moment = dt.datetime.strptime(match[3], "%d/%b/%Y:%H:%M:%S %z")
        except ValueError:
            continue
        action = ACTIONS.get(match[5], "page_view") if match[6] < "4" else "error"
        yield {
            "event_id": None, "event_time": moment, "ip": match[1], "user_id": match[2], "hostname": "www.xx.com",
            "action_type": action, "url": match[5], "referrer": match[8], "user_agent": match[9],
        }  # fmt: skip


def country(reader: geoip2.database.Reader, address: str) -> str:
    """The ISO code, or ZZ."""
    try:
        return reader.country(ipaddress.ip_address(address)).country.iso_code or "ZZ"
    except (ValueError, geoip2.errors.AddressNotFoundError):
        return "ZZ"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
