"""What is true of a world: counted from the people and journeys drawn, not from the files written.

Nothing of the pipeline is used here, so that the pipeline can be held against it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from growth_assets.simulate import pages, referrers
from growth_assets.simulate.dice import Ints
from growth_assets.simulate.events import Events, Visits
from growth_assets.simulate.people import CODES


@dataclass
class Numbers:
    """What happened on one day or on all, at one host or at all. People are visitors that are no crawlers."""

    events: int = 0
    """Good, distinct events of people and crawlers."""
    people: int = 0
    """Distinct pairs of address and user agent."""
    visitors_with_hit: int = 0
    """People with a page view: what daily_visitors counts."""
    hits: int = 0
    """Page views of people."""
    signups: int = 0
    logins: int = 0
    purchases: int = 0
    buyers: int = 0
    """Distinct visitors with a purchase."""
    bot_events: int = 0
    bot_hits: int = 0
    bot_visitors: int = 0
    late: int = 0
    """Events whose line came in the file of a later day."""
    duplicates: int = 0
    """Lines of an event beyond its first."""
    countries: dict[str, int] = field(default_factory=dict)
    """People by country of their address."""
    sources: dict[str, int] = field(default_factory=dict)
    """Hits by where they came from."""
    actions: dict[str, int] = field(default_factory=dict)
    """Events of people by action."""


@dataclass
class Group:
    """Numbers over all hosts, and of each. A visitor of two hosts is one overall, so hosts do not add up."""

    overall: Numbers
    hosts: dict[str, Numbers]


@dataclass
class Day(Group):
    """The events of one UTC day, in whatever file they came."""

    ds: str


@dataclass
class File:
    """One landing file: `lines` = `good` + `broken`; `late` and `duplicates` are among the good."""

    name: str
    lines: int
    good: int
    broken: int
    late: int
    duplicates: int


@dataclass
class Truth:
    """A world and all that is known of it."""

    seed: int
    first_day: str
    last_day: str
    file_format: str
    hostnames: list[str]
    total: Group
    days: list[Day]
    files: list[File]

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")
        part.replace(path)


_ACTION_OF = np.asarray([pages.ACTIONS.index(each.action) for each in pages.REQUESTS], dtype=np.int64)
_HIT = pages.ACTIONS.index("page_view")


class _Seen:
    """Distinct visitors met so far, of one kind."""

    def __init__(self) -> None:
        self.words: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self.countries: Ints = np.zeros(0, dtype=np.int64)

    def add(self, words: npt.NDArray[np.uint64], countries: Ints) -> None:
        # An address lies in one country, so a visitor's first country is the visitor's country.
        self.words, first = np.unique(np.concatenate((self.words, words)), return_index=True)
        self.countries = np.concatenate((self.countries, countries))[first]


class _Scope:
    """Numbers of all hosts (None) or of one, over a day or over all."""

    def __init__(self, host: int | None) -> None:
        self._host = host
        self.numbers = Numbers()
        self.people, self.viewers, self.buyers, self.bots = _Seen(), _Seen(), _Seen(), _Seen()

    def at(self, host: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
        """True where something happened here."""
        return np.ones(len(host), dtype=np.bool_) if self._host is None else np.asarray(host == self._host)

    def absorb(self, day: _Scope) -> None:
        """Add a day's scope to the total's."""
        for name in ("people", "viewers", "buyers", "bots"):
            seen, new = getattr(self, name), getattr(day, name)
            seen.add(new.words, new.countries)
        for each in dataclasses.fields(Numbers):
            mine, theirs = getattr(self.numbers, each.name), getattr(day.numbers, each.name)
            if isinstance(theirs, dict):
                setattr(self.numbers, each.name, {key: mine.get(key, 0) + theirs[key] for key in theirs})
            else:
                setattr(self.numbers, each.name, mine + theirs)
        self.settle()

    def settle(self) -> None:
        """Distinct counts cannot be added; they are taken from who was seen."""
        self.numbers.people = len(self.people.words)
        self.numbers.visitors_with_hit = len(self.viewers.words)
        self.numbers.buyers = len(self.buyers.words)
        self.numbers.bot_visitors = len(self.bots.words)
        by_country = np.bincount(self.people.countries, minlength=len(CODES)).tolist()
        self.numbers.countries = dict(zip(CODES, by_country, strict=True))


class Counter:
    """Counts a world day by day."""

    def __init__(self, hostnames: tuple[str, ...]) -> None:
        self._hostnames = hostnames
        self._total = self._scopes()
        self.days: list[Day] = []

    def _scopes(self) -> list[_Scope]:
        return [_Scope(None), *(_Scope(host) for host in range(len(self._hostnames)))]

    def add(self, ds: str, events: Events, visits: Visits, late: Events, copies: Events) -> None:
        """Count a day: its events, people's visits, and which events came late or twice."""
        scopes = self._scopes()
        for scope in scopes:
            _count(scope, events, visits, late, copies)
        for total, scope in zip(self._total, scopes, strict=True):
            total.absorb(scope)
        group = self._group(scopes)
        self.days.append(Day(group.overall, group.hosts, ds))

    def total(self) -> Group:
        """All days together."""
        return self._group(self._total)

    def _group(self, scopes: list[_Scope]) -> Group:
        overall, *hosts = (scope.numbers for scope in scopes)
        return Group(overall, dict(zip(self._hostnames, hosts, strict=True)))


def _count(scope: _Scope, events: Events, visits: Visits, late: Events, copies: Events) -> None:
    numbers = scope.numbers
    here = scope.at(events.host)
    numbers.events = int(np.count_nonzero(here))
    numbers.late = int(np.count_nonzero(scope.at(late.host)))
    numbers.duplicates = int(np.count_nonzero(scope.at(copies.host)))

    bots = here & events.crawler
    numbers.bot_events = int(np.count_nonzero(bots))
    numbers.bot_hits = int(np.count_nonzero(_ACTION_OF[events.request[bots]] == _HIT))
    scope.bots.add(*_visitors(events, bots))

    people = here & ~events.crawler
    action = _ACTION_OF[events.request[people]]
    by_action = np.bincount(action, minlength=len(pages.ACTIONS)).tolist()
    numbers.actions = dict(zip(pages.ACTIONS, by_action, strict=True))
    numbers.hits = numbers.actions["page_view"]
    viewed = people.copy()
    viewed[people] = action == _HIT
    scope.viewers.add(*_visitors(events, viewed))
    numbers.signups = numbers.actions["signup"]
    numbers.logins = numbers.actions["login"]
    numbers.purchases = numbers.actions["purchase"]
    source = np.full(int(events.referrer.max(initial=0)) + len(referrers.SOURCE_OF) + 1, referrers.INTERNAL)
    source[: len(referrers.SOURCE_OF)] = referrers.SOURCE_OF
    by_source = np.bincount(source[events.referrer[people][action == _HIT]], minlength=len(referrers.NAMES))
    numbers.sources = dict(zip(referrers.NAMES, by_source.tolist(), strict=True))

    visited = scope.at(visits.host)
    scope.people.add(visits.visitor[visited], visits.country[visited])
    bought = visited & visits.buys
    scope.buyers.add(visits.visitor[bought], visits.country[bought])
    scope.settle()


def _visitors(events: Events, which: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """The visitors of some events, without their countries."""
    words = events.ip[which].astype(np.uint64) << np.uint64(32) | events.agent[which].astype(np.uint64)
    return words, np.zeros(len(words), dtype=np.int64)
