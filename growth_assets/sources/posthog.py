"""Events that PostHog exports, as JSON lines: uuid, event, timestamp, distinct_id and properties.

The properties may be JSON text, as in batch exports. Times without an offset are UTC. The visitor's own id is that of
the device where there is one, since the distinct_id changes when somebody logs in.
"""

from __future__ import annotations

from growth_assets.sources.json_lines import text_format
from growth_assets.sources.tracked import ISO_UTC, Tracker

TRACKER = Tracker(
    time=("timestamp",),
    name=("event",),
    times=ISO_UTC,
    event_id=("uuid",),
    hostname=("properties.$host",),
    url=("properties.$current_url",),
    referrer=("properties.$referrer",),
    ip=("properties.$ip", "ip"),
    user_agent=("properties.$raw_user_agent", "properties.$user_agent"),
    user_id=("properties.$user_id",),
    anonymous_id=("properties.$device_id", "distinct_id"),
    country=("properties.$geoip_country_code",),
    url_parts=("properties.$pathname",),
    bags=("properties",),
)


def is_event(record: dict[str, object]) -> bool:
    """Whether an object is an exported event."""
    return "event" in record and "distinct_id" in record


FORMAT = text_format(
    "posthog",
    TRACKER,
    is_event,
    "an object a line with event, distinct_id and timestamp",
    ("event", "distinct_id", "properties", "timestamp", "uuid"),
)
