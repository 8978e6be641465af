"""Whether every day up to the newest that has to be there is there, and whether that one reaches to its evening.

Dagster's freshness policies are content with any partition: a backfill of last year makes a table fresh, and tomorrow's
day hides that yesterday's never came. A day without any event has no partition, so no other check speaks of it. So the
days are asked for by name, also while nothing is built.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

DAY = dt.timedelta(days=1)

LIVE_WITHIN = dt.timedelta(days=7)
"""A day that was published so soon after its beginning came from a running pipeline, not from an archive."""

ASKED_DAYS = 28
"""A missing day is asked for so long; then it is taken for one that will never come."""

NAMED = 5
"""How many missing days are named."""


@dataclass(frozen=True)
class Recency:
    """What was found of one table."""

    ds: str
    """The day that has to be there."""
    state: Literal["ok", "breached", "cannot_tell"]
    reason: str
    since: str = ""
    """The first day that is missing."""


def due(now: dt.datetime, deadline: dt.time) -> str:
    """The newest day (UTC) that has to be there: yesterday from the deadline on, until then the day before."""
    yesterday = now.date() - DAY
    return (yesterday if now.time() >= deadline else yesterday - DAY).isoformat()


def judge(
    ds: str,
    *,
    days: Sequence[str],
    live: bool,
    newest_hour: int | None,
    hours: float,
    days_off: Collection[dt.date] = (),
) -> Recency:
    """Judge the days up to `ds`.

    Args:
        ds: the newest day that has to be there.
        days: the days that are published, in order.
        live: whether any day was ever published by a running pipeline.
        newest_hour: the last hour (0 to 23) of `ds` with an event.
        hours: so many hours before midnight there has to be an event.
        days_off: days that may be without an event.
    """
    if not days:
        return Recency(ds, "cannot_tell", "no day has been published yet")
    if not live:
        return Recency(ds, "cannot_tell", f"all days up to the newest, {days[-1]}, are of an archive, so none is due")
    if days[0] > ds:
        return Recency(ds, "cannot_tell", f"the first day that was published, {days[0]}, is after {ds}")
    missing = missing_days(ds, days, days_off)
    if missing:
        named = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
        says = f"{named} {'is' if len(missing) == 1 else 'are'} not published"
        return Recency(ds, "breached", f"{says}; the newest day that is there is {days[-1]}", missing[0])
    if ds in days and (newest_hour is None or newest_hour + 1 <= 24 - hours):
        last = "no event" if newest_hour is None else f"no event after {newest_hour + 1}:00 UTC"
        return Recency(ds, "breached", f"{ds} is published, but has {last}: its end is missing", ds)
    return Recency(ds, "ok", "")


def missing_days(ds: str, days: Sequence[str], days_off: Collection[dt.date]) -> list[str]:
    """The days up to `ds` that are not published, after one of the last ASKED_DAYS that is, or after the newest."""
    due_day = dt.date.fromisoformat(ds)
    start = (due_day - (ASKED_DAYS - 1) * DAY).isoformat()
    before = [day for day in days if day <= ds]
    first = dt.date.fromisoformat(next((day for day in before if day >= start), before[-1]))
    there = {*days, *(day.isoformat() for day in days_off)}
    wanted = ((first + number * DAY).isoformat() for number in range((due_day - first).days + 1))
    return [day for day in wanted if day not in there]
