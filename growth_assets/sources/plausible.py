"""Events in the words of Plausible: name, url, domain, referrer and timestamp, or the script's n, u, d and r.

Plausible's own user_id is the anonymous visitor of a day, nobody who logged in.
"""

from __future__ import annotations

from growth_assets.sources.json_lines import text_format
from growth_assets.sources.tracked import Tracker

TRACKER = Tracker(
    time=("timestamp", "time"),
    name=("name", "n"),
    event_id=("event_id",),
    hostname=("hostname", "domain", "d"),
    url=("url", "u"),
    referrer=("referrer", "r"),
    ip=("ip", "remote_ip"),
    user_agent=("user_agent",),
    anonymous_id=("user_id", "visitor_id"),
    country=("country_code", "country"),
    bags=("props", "p", "meta", "m"),
)


def is_event(record: dict[str, object]) -> bool:
    """Whether an object is such an event."""
    name, url, domain = (
        next((record[each] for each in names if each in record), None)
        for names in (("name", "n"), ("url", "u"), ("domain", "d"))
    )
    told = type(name) is str and type(domain) is str and isinstance(url, str) and "://" in url
    return told and "event_time" not in record


FORMAT = text_format(
    "plausible",
    TRACKER,
    is_event,
    "an object a line with name, url and domain (or n, u and d)",
    ("name", "url", "domain", "referrer", "timestamp"),
)
