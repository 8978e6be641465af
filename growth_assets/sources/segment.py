"""Calls of Segment and RudderStack: page, screen, track, identify, group and alias, as their libraries send them.

The name of a track call is its `event`; of every other call it is the call's type.
"""

from __future__ import annotations

from growth_assets.sources.json_lines import text_format
from growth_assets.sources.tracked import Tracker

CALLS = {"page", "screen", "track", "identify", "group", "alias"}


TRACKER = Tracker(
    time=("timestamp", "originalTimestamp", "sentAt", "receivedAt"),
    name=("type",),
    named_by={"track": "event"},
    event_id=("messageId",),
    url=("context.page.url", "properties.url"),
    referrer=("context.page.referrer", "properties.referrer"),
    ip=("context.ip", "request_ip"),
    user_agent=("context.userAgent",),
    user_id=("userId",),
    anonymous_id=("anonymousId",),
    url_parts=("context.page.path", "context.page.search", "properties.path", "properties.search"),
    bags=("properties",),
)


def is_call(record: dict[str, object]) -> bool:
    """Whether an object is a call."""
    return record.get("type") in CALLS and any(name in record for name in ("messageId", "anonymousId", "userId"))


FORMAT = text_format(
    "segment",
    TRACKER,
    is_call,
    "an object a line with type (page, track ...) and messageId, userId or anonymousId",
    ("type", "messageId", "anonymousId", "userId", "timestamp"),
)
