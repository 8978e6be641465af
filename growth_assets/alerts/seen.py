"""What incidents are made of: one finding about one table, rule and host, and the end of a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

RUN = "run"
"""The rule that a run ends well; its table is what the run builds."""

FRESHNESS = "freshness"
"""The rule that a table is materialized in time."""

DUE_DAY = "due_day_is_there"
"""The rule that the newest day that has to be there is there; evaluated also while nothing is built."""

MANY_HOSTS = "many hosts"
"""In place of a host: more than SINGLY of them, which have one incident together."""

SINGLY = 5
"""So many hosts that break a rule on one day have incidents of their own."""


class Level(IntEnum):
    """How bad a finding is."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Seen:
    """One finding. A state that cannot be told is no finding: its level is None."""

    order: int
    """Position in the event log; a later finding has a higher one."""
    at: float
    """When it was logged, in seconds since 1970."""
    table: str
    check: str
    level: Level | None
    host: str = ""
    """Empty where the finding is about the whole table."""
    for_all_hosts: bool = False
    """Whether one that passes does so for each host."""
    ds: str | None = None
    """The day that was judged; None where the rule has no days."""
    run_id: str = ""
    days_of_run: int = 1
    """How many days the run was asked to build."""
    newest_of_run: str = ""
    """The newest of them, where they are many."""
    since: str = ""
    """The first bad day, where that is another one."""
    blocks: bool = False
    """Whether the day is not published because of it."""
    says: str = ""
    numbers: Mapping[str, str] = field(default_factory=dict)
    but_for: frozenset[str] = frozenset()
    """Hosts that it says nothing of, though it is for all."""

    @property
    def day(self) -> str:
        """The judged day, or the day it was found on."""
        return self.ds or self.found_on

    @property
    def found_on(self) -> str:
        """The UTC day it was logged on."""
        return day_of(self.at)


@dataclass(frozen=True)
class Ended:
    """The end of a run."""

    order: int
    at: float
    run_id: str
    table: str
    """What it was to build, such as `landing` or `daily tables`."""
    failed: bool | None
    """None where it was canceled: that says nothing."""
    days: Mapping[str, str] = field(default_factory=dict)
    """Days that it did not publish, with the reason."""
    says: str = ""


def day_of(at: float) -> str:
    """The UTC day of a time in seconds since 1970."""
    return dt.datetime.fromtimestamp(at, dt.UTC).date().isoformat()


def day_before(ds: str) -> str:
    """The day before a day."""
    return (dt.date.fromisoformat(ds) - dt.timedelta(days=1)).isoformat()


def age_in_days(ds: str, at: float) -> int:
    """How many days before the day of `at` a judged day lies."""
    return (dt.date.fromisoformat(day_of(at)) - dt.date.fromisoformat(ds)).days
