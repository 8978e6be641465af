"""Calls of Segment and RudderStack: page, screen, track, identify, group and alias, as their libraries send them.

The name of a track call is its `event`; of every other call it is the call's type.
"""

from __future__ import annotations

from growth_assets.sources.json_lines import text_format
from growth_assets.sources.tracked import Tracker

CALLS = {"page", "screen", "track", "identify", "group", "alias"}
_SAYS = ("event", "properties", "traits", "context", "groupId", "previousId")


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
    kind = record.get("type")
    # Others have pages and groups too.
    whose = any(name in record for name in ("messageId", "anonymousId"))
    told = whose or ("userId" in record and any(name in record for name in _SAYS))
    return isinstance(kind, str) and kind in CALLS and told and (kind != "track" or "event" in record)


FORMAT = text_format(
    "segment",
    TRACKER,
    is_call,
    "an object a line with type (page, track ...) and messageId, userId or anonymousId",
    ("type", "messageId", "anonymousId", "userId", "timestamp"),
)
