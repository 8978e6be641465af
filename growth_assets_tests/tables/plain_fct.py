"""core.fct_website_events a second time, in loops and dicts, for small days without access-log rows.

Written from the design's words and not from the product's code: what is broken, which deliveries repeat another,
in which order a visitor's events stand, and which microsecond each gets. No Polars here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import mmh3

MICROSECOND = dt.timedelta(microseconds=1)

Row = Mapping[str, Any]


def visitor(row: Row, salt: str = "") -> int:
    address, agent = row.get("who") or (row["ip"], row["user_agent"] or "")
    return mmh3.hash64(f"{salt}|{address}|{agent}".encode())[0]


def is_broken(row: Row) -> bool:
    user = row["user_id"]
    return (
        not row["ip"]
        or not re.fullmatch(r"([a-z0-9-]+\.)+[a-z]+", row["hostname"] or "")
        or (user is not None and not re.fullmatch(r"-?\d{1,18}", user))
    )


def content(row: Row) -> tuple[Any, ...]:
    """What an event says beside who and when; null before everything else, text by its bytes."""
    properties = list((row["other_properties"] or {}).items())
    texts = ("hostname", "action_type", "url", "referrer", "user_id", "event_id")
    return (
        *((row[name] is not None, (row[name] or "").encode()) for name in texts),
        [(key.encode(), value is not None, (value or "").encode()) for key, value in properties],
        row["subsecond_clock"],
        row["user_agent"] == "",  # no user agent may be anybody, an empty one is a robot
    )


def path(url: str | None) -> str | None:
    """The path of a URL, or of what stands alone as one."""
    return None if url is None else re.sub(r"^[a-z]+://[^/?#]*", "", url).partition("?")[0]


def facts(
    rows: Iterable[Row], salt: str = "", broken: Callable[[Row], bool] = is_broken
) -> tuple[list[dict[str, Any]], int, int]:
    """The rows of the fact table in its order, how many were dropped as duplicates, how many put aside.

    What a row has under `beside` goes into its fact as it is; what it has under `who` is its address and user agent.
    """
    by_visitor: dict[int, list[Row]] = defaultdict(list)
    aside = 0
    for row in rows:
        if broken(row):
            aside += 1
        else:
            by_visitor[visitor(row, salt)].append(row)
    result: list[dict[str, Any]] = []
    duplicates = 0
    for who, events in by_visitor.items():
        stay = _once(events)
        duplicates += len(events) - len(stay)
        for row, time in zip(stay, _times([row["event_timestamp"] for row in stay]), strict=True):
            result.append(
                {
                    "user_id": None if row["user_id"] is None else int(row["user_id"]),
                    "logged_out_user_id": who,
                    "dim_hostname": row["hostname"],
                    "dim_action_type": row["action_type"],
                    "event_timestamp": time,
                    "other_properties": row["other_properties"] or {},
                    "event_id": row["event_id"],
                    "dim_url_path": path(row["url"]),
                    **row.get("beside", {}),
                }
            )
    return sorted(result, key=lambda row: (row["event_timestamp"], row["logged_out_user_id"])), duplicates, aside


def _once(events: list[Row]) -> list[Row]:
    """One visitor's events in order, without those delivered before."""
    stay: list[Row] = []
    seen: set[str] = set()
    for row in sorted(
        events, key=lambda row: (row["event_timestamp"], row["file_started_at"], row["line_number"], content(row))
    ):
        if row["event_id"] is not None:
            told = f"id {row['event_id']}"
        elif row["subsecond_clock"]:
            told = f"fields {row['event_timestamp']} {content(row)}"
        else:
            told = f"itself {len(stay)}"
        if told not in seen:
            stay.append(row)
        seen.add(told)
    return stay


def _times(times: list[dt.datetime]) -> list[dt.datetime]:
    """Times in order, each at least a microsecond after the one before, none behind the end of the day."""
    moved: list[dt.datetime] = []
    for time in times:
        moved.append(max(time, moved[-1] + MICROSECOND) if moved else time)
    for position in range(len(moved) - 1, -1, -1):
        if position == len(moved) - 1:
            midnight = dt.datetime.combine(times[0].date() + dt.timedelta(days=1), dt.time())
            latest = midnight - MICROSECOND
        else:
            latest = moved[position + 1] - MICROSECOND
        moved[position] = min(moved[position], latest)
    return moved
