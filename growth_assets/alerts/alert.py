"""One message about an incident, before it is put into words.

Its id depends on the finding that made it alone: whoever reads the same finding again makes the same alert.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from growth_assets.alerts.seen import DUE_DAY, FRESHNESS, Ended, Level, Seen, day_of

Kind = Literal["opened", "worsened", "reopened", "recovered", "history", "notice"]

Key = tuple[str, str, str]
"""What an incident is about: table, rule, host; of a rule in TOGETHER the schema in place of the table."""

TOGETHER = frozenset({FRESHNESS, DUE_DAY})
"""Rules that do not hold of many tables for one reason, so that all tables of a schema have one incident."""

HistoryDay = tuple[str, str, str, str, int]
"""Table, rule, host, day and level of a bad day of the past."""

LISTED = 12
"""How many rules a summary of history lists."""


@dataclass(frozen=True)
class Alert:
    """One message."""

    alert_id: str
    incident_id: str
    kind: Kind
    level: Level
    """The worst of the incident so far."""
    table: str
    check: str
    host: str
    first_bad_day: str
    last_bad_day: str
    ds: str | None
    """The judged day that made it, the bad one or the one that passes again; None where the rule has no days."""
    order: int
    at: float
    run_id: str
    says: str = ""
    numbers: Mapping[str, str] = field(default_factory=dict)
    blocks: bool = False
    """Whether the day is not published because of it."""

    @property
    def key(self) -> Key:
        """What it is about."""
        return key_of(self.table, self.check, self.host)


def key_of(table: str, check: str, host: str) -> Key:
    """What an incident of this table, rule and host is about."""
    return table.partition(".")[0] if check in TOGETHER else table, check, host


def alert_id(kind: Kind, seen: Seen) -> str:
    """The same for the same finding."""
    return _digest([kind, seen.table, seen.check, seen.host, seen.day, seen.order, seen.at])


def summary(ended: Ended, history: Sequence[HistoryDay]) -> Alert:
    """What a run found about the past, in one message; that another run finds the same is no news."""
    by_rule: dict[Key, list[str]] = {}
    for table, check, host, day, _ in sorted(history):
        by_rule.setdefault((table, check, host), []).append(day)
    lines = [
        f"{table} {check}{f' ({host})' if host else ''}: {counted(len(days), 'day')} {span(days[0], days[-1])}"
        for (table, check, host), days in by_rule.items()
    ]
    if len(lines) > LISTED:
        lines = [*lines[:LISTED], f"and {counted(len(lines) - LISTED, 'more rule')}"]
    days = sorted({day for _, _, _, day, _ in history})
    identity = _digest(sorted(history))
    return Alert(
        identity, identity, "history", Level(max(level for *_, level in history)), ended.table, "history", "",
        days[0], days[-1], None, ended.order, ended.at, ended.run_id, "\n".join(lines),
        {"bad_days": str(len(days)), "rules": str(len(by_rule))},
    )  # fmt: skip


def notice(table: str, check: str, at: float, order: int, says: str) -> Alert:
    """A message about the alerts themselves: no incident, so nothing is told when it is over."""
    identity = _digest(["notice", table, check, at, says])
    day = day_of(at)
    return Alert(identity, identity, "notice", Level.WARN, table, check, "", day, day, None, order, at, "", says)


def told_with_their_end(alerts: Sequence[Alert]) -> set[str]:
    """Ids of those whose incident begins and is over among `alerts`: the last message says both."""
    by_incident: dict[str, list[Alert]] = {}
    for each in alerts:
        by_incident.setdefault(each.incident_id, []).append(each)
    whole = [each for each in by_incident.values() if each[0].kind == "opened" and each[-1].kind == "recovered"]
    return {each.alert_id for incident in whole for each in incident[:-1]}


def counted(number: int, what: str) -> str:
    """One day, two days."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def span(first: str, last: str) -> str:
    """From a day to a day."""
    return f"on {first}" if first == last else f"from {first} to {last}"


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
