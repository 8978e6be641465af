"""Whether the newest day that has to be there is there, and whether it reaches to its evening.

Dagster's freshness policies are content with any partition: a backfill of last year makes a table fresh. So it is asked
for the day by name, and asked also while nothing is built.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

DAY = dt.timedelta(days=1)

LIVE_WITHIN = dt.timedelta(days=7)
"""A day that was first published so soon after its beginning came from a running pipeline, not from an archive."""


@dataclass(frozen=True)
class Recency:
    """What was found of one table."""

    ds: str
    """The day that has to be there."""
    state: Literal["ok", "breached", "cannot_tell"]
    reason: str


def due(now: dt.datetime, deadline: dt.time) -> str:
    """The newest day (UTC) that has to be there: yesterday from the deadline on, until then the day before."""
    yesterday = now.date() - DAY
    return (yesterday if now.time() >= deadline else yesterday - DAY).isoformat()


def judge(
    ds: str,
    *,
    published: bool,
    newest_day: str | None,
    newest_published: dt.datetime | None,
    newest_hour: int | None,
    hours: float,
) -> Recency:
    """Judge the day `ds`.

    Args:
        ds: the day that has to be there.
        published: whether it is.
        newest_day: the newest day that is published.
        newest_published: when that one was published first (UTC, naive).
        newest_hour: the last hour (0 to 23) of `ds` with an event.
        hours: so many hours before midnight there has to be an event.
    """
    if newest_day is None or newest_published is None:
        return Recency(ds, "cannot_tell", "no day has been published yet")
    if newest_published - dt.datetime.fromisoformat(newest_day) > LIVE_WITHIN:
        return Recency(ds, "cannot_tell", f"the newest day, {newest_day}, is one of an archive, so none is due")
    if not published:
        return Recency(ds, "breached", f"{ds} is not published; the newest day that is there is {newest_day}")
    if newest_hour is None or newest_hour + 1 <= 24 - hours:
        last = "no event" if newest_hour is None else f"no event after {newest_hour + 1}:00 UTC"
        return Recency(ds, "breached", f"{ds} is published, but has {last}: its end is missing")
    return Recency(ds, "ok", "")
