"""When an incident opens, worsens and is over, as a fold over findings in the order in which they were logged.

An incident is one rule of one table, and of one host where the rule knows hosts, that does not hold; a rule that breaks
in many tables for one reason has one incident for all of them. It opens with the first bad day and is told once; the
next bad day is part of it and says nothing new. It is told again when it worsens, from a warning to an error, and when
it is over: when the newest day passes again, of every table. A day that nothing can be said about neither opens nor
ends one. A bad day of the past that is judged again is known and not told again.

An incident that comes back within CALM_DAYS is the same one: that is told once, and then it is over when as many days
lie behind the last bad one. So a rule that breaks every other day is told four times, and not every day.

History is told in a summary, one for each run: days older than `quiet_days`, and days of a run that builds more than
`many_days`, but for the newest days: the newest of the run, and those within NEW_DAYS of the day they are found on, are
news in whatever run. History opens no incident, but may end one. The days right before the first bad day that is news
are its beginning, also where they are history.

The same findings give the same alerts, whatever the pieces in which they are read, and an alert's id depends on the
finding alone: whoever reads findings twice tells nothing twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from growth_assets.alerts.alert import Alert, HistoryDay, Key, Kind, alert_id, key_of, summary
from growth_assets.alerts.seen import RUN, Ended, Level, Seen, age_in_days, day_before

REMEMBERED_DAYS = 90
"""So long after its last bad day an incident that is over is remembered, so that its days are not told again."""


NEW_DAYS = 2
"""A judged day so many days before the one it is found on, or fewer, is no history, in however long a run."""

CALM_DAYS = 7
"""A bad day so soon after the last one is no new incident; one that came back is over after as many."""


@dataclass(frozen=True)
class Rules:
    """What of the settings decides about incidents."""

    quiet_days: int = 7
    many_days: int = 7
    least: Level = Level.WARN


@dataclass(frozen=True)
class Incident:
    """The newest incident of a rule."""

    incident_id: str
    level: Level
    first_bad_day: str
    last_bad_day: str
    order: int
    """Of the newest finding that it took in."""
    dated: bool
    """Whether its days are judged days; else they are the days of the findings."""
    open: bool = True
    bad: Mapping[str, str] = field(default_factory=dict)
    """Tables that do not keep the rule, each with its last bad day."""
    restless: bool = False
    """It was over and has come back."""


@dataclass
class State:
    """What has to be remembered between two looks."""

    order: int = 0
    """Everything up to here was read."""
    incidents: dict[Key, Incident] = field(default_factory=dict)
    history: dict[str, dict[str, HistoryDay]] = field(default_factory=dict)
    """By unfinished run, what it found about history: table, rule, host, day, level."""
    refused: dict[str, list[str]] = field(default_factory=dict)
    """By unfinished run, the days that its own checks refused: their checks say so themselves."""

    def advance(self, events: Sequence[Seen | Ended], rules: Rules) -> Iterator[Alert]:
        """Take in what was logged, in that order; give what is to be told."""
        for event in events:
            if event.order > self.order:
                yield from self._end(event, rules) if isinstance(event, Ended) else self._see(event, rules)
        # Several findings may be one event of the log.
        self.order = max([self.order, *(event.order for event in events)])

    def _see(self, seen: Seen, rules: Rules) -> Iterator[Alert]:
        if seen.level is None:
            return
        if seen.level is Level.OK:
            yield from self._pass(seen)
            return
        if seen.run_id and seen.level is Level.ERROR and seen.check != RUN:
            _once(self.refused.setdefault(seen.run_id, []), seen.ds or "")
        if seen.level >= rules.least:
            yield from self._break(seen, seen.level, rules)

    def _break(self, seen: Seen, level: Level, rules: Rules) -> Iterator[Alert]:
        key = key_of(seen.table, seen.check, seen.host)
        known = self.incidents.get(key)
        if known and seen.order <= known.order:
            return
        history = is_history(seen, rules)
        if known and _is_part_of(known, seen, history=history):
            worse = level > known.level
            now = _taken_in(replace(known, open=known.open or worse), seen, level)
            self.incidents[key] = now
            if worse:
                yield _alert("worsened", now, seen)
        elif known and not history and _comes_back(known, seen):
            now = _taken_in(replace(known, open=True, restless=True), seen, level)
            self.incidents[key] = now
            yield _alert("reopened", now, seen)
        elif history:
            found = self.history.setdefault(seen.run_id, {})
            found["/".join((*key, seen.day))] = (*key, seen.day, int(level))
        else:
            now = Incident(
                alert_id("opened", seen), level, self._begun(seen), seen.day, seen.order, dated=bool(seen.ds),
                bad={seen.table: seen.day},
            )  # fmt: skip
            self.incidents[key] = now
            yield _alert("opened", now, seen)

    def _begun(self, seen: Seen) -> str:
        """The first of the bad days without a gap that end with this one, as far as its run found them."""
        key = key_of(seen.table, seen.check, seen.host)
        days = {day for *about, day, _ in self.history.get(seen.run_id, {}).values() if tuple(about) == key}
        first = seen.day
        while seen.ds and (before := day_before(first)) in days:
            first = before
        return min(first, seen.since or first)

    def _pass(self, seen: Seen) -> Iterator[Alert]:
        table, check, _ = key_of(seen.table, seen.check, "")
        # In the order in which they are written down: a restart must not change what is told first.
        keys = sorted(
            key
            for key in self.incidents
            if key[:2] == (table, check)
            and (seen.host == key[2] or (seen.for_all_hosts and key[2] not in seen.but_for))
        )
        for key in keys:
            known = self.incidents[key]
            if seen.order <= known.order:
                continue
            if not known.open:
                if age_in_days(known.last_bad_day, seen.at) > REMEMBERED_DAYS:
                    del self.incidents[key]
                continue
            if not _is_well(known, seen):
                continue
            bad = {name: day for name, day in known.bad.items() if name != seen.table}
            now = replace(known, order=seen.order, bad=bad)
            if not bad:
                now = replace(now, open=False, restless=False)
                yield _alert("recovered", now, replace(seen, host=key[2], level=known.level))
            self.incidents[key] = now

    def _end(self, ended: Ended, rules: Rules) -> Iterator[Alert]:
        history = list(self.history.pop(ended.run_id, {}).values())
        refused = self.refused.pop(ended.run_id, [])
        if history:
            yield summary(ended, history)
        if ended.failed is None:
            return
        told_by_checks = set(ended.days) <= set(refused) if ended.days else bool(refused)
        if ended.failed and told_by_checks:
            return
        days = {day: why for day, why in ended.days.items() if day not in refused}
        why = "; ".join(f"{day}: {reason}" for day, reason in days.items()) or ended.says
        yield from self._see(
            Seen(
                ended.order, ended.at, ended.table, RUN, Level.ERROR if ended.failed else Level.OK,
                run_id=ended.run_id, says=why, numbers={"days_not_published": str(len(days))} if days else {},
            ),
            rules,
        )  # fmt: skip

    @property
    def open(self) -> list[tuple[Key, Incident]]:
        """The open incidents, the oldest bad day first."""
        there = [(key, incident) for key, incident in self.incidents.items() if incident.open]
        return sorted(there, key=lambda pair: (pair[1].first_bad_day, pair[0]))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "order": self.order,
            "incidents": [[*key, asdict(incident)] for key, incident in sorted(self.incidents.items())],
            "history": self.history,
            "refused": self.refused,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        incidents = {
            (table, check, host): Incident(**{**fields, "level": Level(fields["level"])})
            for table, check, host, fields in content["incidents"]
        }
        history = {
            run: {name: (table, check, host, day, level) for name, (table, check, host, day, level) in found.items()}
            for run, found in content["history"].items()
        }
        return cls(content["order"], incidents, history, content["refused"])

    @classmethod
    def from_alerts(cls, alerts: Iterable[Alert]) -> Self:
        """What can be known from what was told alone; what was logged since has to be read again.

        An open incident begins again where it opened, so that all its days are taken in again.
        """
        incidents: dict[Key, Incident] = {}
        told = sorted(alerts, key=lambda each: each.order)
        for each in told:
            known = incidents.get(each.key)
            if each.kind in {"history", "notice"} or (each.kind == "worsened" and known and known.open):
                continue
            incidents[each.key] = Incident(
                each.incident_id, each.level, each.first_bad_day, each.last_bad_day, each.order,
                dated=each.ds is not None, open=each.kind != "recovered",
                bad={} if each.kind == "recovered" else {each.table: each.last_bad_day},
                restless=each.kind == "reopened",
            )  # fmt: skip
        begin = min((each.order for each in incidents.values() if each.open), default=None)
        return cls(max((each.order for each in told), default=0) if begin is None else begin, incidents)


def is_history(seen: Seen, rules: Rules) -> bool:
    """True where a finding is about the past, or one of many of a backfill."""
    if seen.ds is None or not seen.run_id:
        return False
    age = age_in_days(seen.ds, seen.at)
    if age <= NEW_DAYS or (seen.ds == seen.newest_of_run and age <= rules.quiet_days):
        return False
    return age > rules.quiet_days or seen.days_of_run > rules.many_days


def _taken_in(known: Incident, seen: Seen, level: Level) -> Incident:
    """The incident with one more bad day."""
    return replace(
        known, order=seen.order, level=max(known.level, level),
        first_bad_day=min(known.first_bad_day, seen.day, seen.since or seen.day),
        last_bad_day=max(known.last_bad_day, seen.day),
        bad={**known.bad, seen.table: max(known.bad.get(seen.table, ""), seen.day)},
    )  # fmt: skip


def _is_well(known: Incident, seen: Seen) -> bool:
    """True where one that passes says that its table keeps the rule again."""
    last_bad_day = known.bad.get(seen.table, "" if known.bad else known.last_bad_day)
    if not last_bad_day or seen.day < last_bad_day:
        return False
    return not known.restless or _days_between(known.last_bad_day, seen.day) >= CALM_DAYS


def _comes_back(known: Incident, seen: Seen) -> bool:
    """True where a bad day is the next one of an incident that is over. What has no days is a new one each time."""
    dated = known.dated and seen.ds is not None
    return not known.open and dated and 0 < _days_between(known.last_bad_day, seen.day) <= CALM_DAYS


def _days_between(earlier: str, later: str) -> int:
    return (dt.date.fromisoformat(later) - dt.date.fromisoformat(earlier)).days


def _is_part_of(known: Incident, seen: Seen, *, history: bool) -> bool:
    """True where a bad day belongs to the newest incident of its rule."""
    if known.open:
        return not history or seen.day >= known.first_bad_day
    # A day of an incident that is over is judged again; what has no days is a new incident each time.
    return known.dated and seen.ds is not None and known.first_bad_day <= seen.ds <= known.last_bad_day


def _alert(kind: Kind, incident: Incident, seen: Seen) -> Alert:
    return Alert(
        alert_id(kind, seen), incident.incident_id, kind, incident.level, seen.table, seen.check, seen.host,
        incident.first_bad_day, incident.last_bad_day, seen.ds, seen.order, seen.at, seen.run_id, seen.says,
        seen.numbers, seen.blocks,
    )  # fmt: skip


def _once(items: list[str], item: str) -> None:
    if item not in items:
        items.append(item)
