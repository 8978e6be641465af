"""The shared columns: one name, one meaning, one type, one unit, wherever the name appears.

A table picks from here, so that its contract, its DuckDB view and its page in Dagster use the same words.
"""

from __future__ import annotations

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
    "method": pl.String(),
    "url": pl.String(),
    "status": pl.Int32(),
    "referrer": pl.String(),
    "ip": pl.String(),
    "user_agent": pl.String(),
    "user_id": pl.String(),
    "other_properties": MAP,
    "line_number": pl.Int64(),
}
"""What a source reader makes of one event: the columns every wire format is brought to, as received.

Null means that the event did not say. `event_timestamp` is never null here: without a time an event has no day,
and its line is rejected. `subsecond_clock` is true where the time was given finer than whole seconds.
"""

REJECTED: dict[str, pl.DataType] = {
    "line_number": pl.Int64(),
    "reason": pl.String(),
    "text": pl.String(),
}
"""What a source reader makes of a line that it cannot read. `text` is bounded."""
