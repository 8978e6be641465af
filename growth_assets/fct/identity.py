"""Each event once, each with a key of its own: duplicates are dropped, equal times are told apart.

May be split by visitor: no row of one visitor looks at a row of another.

Order decides twice here: which of two deliveries of an event stays, and which of two events of a visitor in the same
instant comes first. It is taken from content alone, so that renaming, copying, rotating or the order of arrival
change nothing: time of the event, then time of the first event of its file, then line, then the remaining fields.
"""

from __future__ import annotations

import polars as pl

CONTENT = (
    "dim_hostname", "dim_action_type", "received_url", "received_referrer", "received_user_id", "event_id",
    "other_properties", "subsecond_clock", "dim_source", "is_bot",
)  # fmt: skip
"""What an event says beside who and when. Two events that agree in all of it are the same to any reader.

is_bot is among them: no user agent and an empty one are one visitor, but only the empty one is a robot's.
"""

DAY_MICROSECONDS = 86_400_000_000


def identify(events: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Rows without duplicates, event_timestamp unique within a visitor and still within its day.

    Returns:
        The rows that stay, ordered by visitor and time, and how many were dropped, counted for itself.
    """
    ordered = events.sort(
        "logged_out_user_id", "event_timestamp", "file_started_at", "line_number", *CONTENT, nulls_last=False
    )
    repeated = ordered.select(repeats()).to_series()
    return tell_apart(ordered.filter(~repeated)), int(repeated.sum())


def repeats() -> pl.Expr:
    """True where an event of the ordered rows was delivered before.

    The same event: the same event_id of the same visitor; without one, all fields equal under a clock finer than a
    second. Under a clock of whole seconds two equal lines are two events: people do click twice in a second.
    """
    same_id = pl.col("event_id").is_not_null() & ~pl.struct("logged_out_user_id", "event_id").is_first_distinct()
    same_fields = (
        pl.col("event_id").is_null()
        & pl.col("subsecond_clock")
        & ~pl.struct("logged_out_user_id", "event_timestamp", *CONTENT).is_first_distinct()
    )
    return (same_id | same_fields).alias("repeated")


def tell_apart(ordered: pl.DataFrame) -> pl.DataFrame:
    """Events of one visitor in one instant get a microsecond more each, in order; none leaves its day."""
    visitor = "logged_out_user_id"
    position = pl.int_range(pl.len()).over(visitor)
    time = pl.col("event_timestamp").dt.timestamp("us")
    # Strictly increasing within a visitor: a time that is taken moves on to the next free microsecond ...
    forward = ((time - position).cum_max() + position).over(visitor)
    # ... and where that runs into midnight, the last ones of the day move back instead.
    last = (time // DAY_MICROSECONDS + 1) * DAY_MICROSECONDS - 1 - (pl.len().over(visitor) - 1 - position)
    return ordered.with_columns(pl.min_horizontal(forward, last).cast(pl.Datetime("us")).alias("event_timestamp"))
