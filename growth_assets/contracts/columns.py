"""The shared columns: one name, one meaning, one type, one unit, wherever the name appears.

A table picks from here, so that its contract, its DuckDB view and its page in Dagster use the same words.
"""

from __future__ import annotations

import hashlib

import polars as pl

MAP = pl.Map(pl.String, pl.String)
"""MAP(VARCHAR, VARCHAR) in DuckDB and a MAP in Parquet."""

MICROSECONDS = pl.Datetime("us")
"""A naive UTC timestamp in microseconds; TIMESTAMP in DuckDB."""

RECEIVED: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "event_timestamp": MICROSECONDS,
    "subsecond_clock": pl.Boolean(),
    "hostname": pl.String(),
    "action_type": pl.String(),
    "event_name": pl.String(),
    "method": pl.String(),
    "url": pl.String(),
    "status": pl.Int32(),
    "referrer": pl.String(),
    "ip": pl.String(),
    "forwarded_for": pl.String(),
    "user_agent": pl.String(),
    "user_id": pl.String(),
    "other_properties": MAP,
    "line_number": pl.Int64(),
}
"""What a source reader makes of one event: the columns every wire format is brought to, as received.

Null means that the event did not say. `event_timestamp` is never null here: without a time an event has no day,
and its line is rejected. `subsecond_clock` is true where the time was given finer than whole seconds.
`action_type` is one of our actions, named by the sender; `event_name` is a tracker's own word, which the action rules
bring to an action. `forwarded_for` is a list of addresses that proxies passed on, beside `ip`, who connected.
"""

ANONYMOUS_ID, GEO_COUNTRY, DEVICE_BRAND = "anonymous_id", "geo_country", "device_brand"
"""Entries of other_properties that stand in for a missing address or user agent of a tracked event.

A tracker's own id of a visitor, the country (code or English name) and the brand that it found out.
"""

REJECTED: dict[str, pl.DataType] = {
    "line_number": pl.Int64(),
    "reason": pl.String(),
    "text": pl.String(),
}
"""What a source reader makes of a line that it cannot read. `text` is bounded."""

ORIGINAL: dict[str, pl.DataType] = {
    "original": pl.Binary(),
    "header": pl.String(),
}
"""Beside a rejected line: its bytes without the newline, all of them, and the header in force; null where not kept."""

VISITOR_NUMBER = "visitor_number"
"""Beside the events of a day, and in no table: a small whole number in place of logged_out_user_id.

All events of a visitor have the same, those of two visitors never. Not every day comes with it.
"""

HOUR = (pl.col("event_timestamp").dt.timestamp("us") // 3_600_000_000 % 24).cast(pl.Int32)
"""Hour of the event (UTC, 0 to 23), by whole numbers: the calendar takes three times as long."""


def key_of(expression: pl.Expr) -> str:
    """A name that expressions share which ask the same, and no others: as text long lists of values are cut short."""
    return f"{expression}#{hashlib.sha256(expression.meta.serialize()).hexdigest()}"


SHARED: dict[str, tuple[pl.DataType, str]] = {
    "ds": (pl.String(), "Partition: UTC day, YYYY-MM-DD"),
    "dim_hostname": (pl.String(), "Host the event belongs to, like www.xx.com"),
    "dim_country": (pl.String(), "Country of the address (ISO 3166-1 alpha-2; ZZ where unknown)"),
    "dim_device_brand": (pl.String(), "Brand of the device, from the user agent; `unknown` where it has none"),
    "dim_action_type": (pl.String(), "What the visitor did: page_view, signup, login, purchase ..."),
    "dim_referrer_domain": (pl.String(), "Registrable domain of the referrer, like linkedin.com"),
    "dim_source": (pl.String(), "Where the visit came from: LinkedIn, Substack, direct, internal ..."),
    "aggregation_level": (pl.String(), "The grouped columns, joined by two underscores, or `overall`"),
    "m_website_hits": (pl.Int64(), "Number of website hits (events whose action is in `hit_actions`), without bots"),
    "m_visitors": (pl.Int64(), "Number of distinct visitors with a hit, without bots"),
}
"""Columns that several tables have, with type and meaning."""
