"""When a file is read, and from when on the time of an event in it is a broken clock's.

The moment stays in the ledger. Of it, published tables hold one Boolean a row, so that a day built again is the same.
"""

from __future__ import annotations

import datetime as dt

from growth_assets.settings import Settings


def now() -> dt.datetime:
    """This moment, naive UTC, in whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)


def moment(newest: str) -> dt.datetime:
    """This moment, at which a file is read; `newest` is the one at which the newest before it was, or "".

    The clock may have been set back since, or not be set yet after a start: what was logged meanwhile would all be in
    the future. Times do not go back, so that the later moment counts.
    """
    return max(now(), dt.datetime.fromisoformat(newest)) if newest else now()


def is_over(ds: str, at: dt.datetime) -> bool:
    """Whether the day (UTC) is past at the moment `at` (UTC, naive)."""
    return ds < at.date().isoformat()


def latest(read_at: dt.datetime, settings: Settings) -> dt.datetime:
    """The latest time that an event of a file read at `read_at` may have; naive UTC."""
    return read_at + dt.timedelta(hours=settings.future_tolerance_hours)
