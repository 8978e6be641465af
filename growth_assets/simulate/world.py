"""A demo world from its first day to its last: people come, their events are written, the truth is kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from growth_assets.simulate import access_log, native_lines
from growth_assets.simulate.access_log import AccessLog
from growth_assets.simulate.addresses import blocks
from growth_assets.simulate.browsers import browsers
from growth_assets.simulate.crawlers import SHARE_PER_MILLION, crawls_of_day
from growth_assets.simulate.dice import Dice
from growth_assets.simulate.events import Events, Visits, joined
from growth_assets.simulate.faults import Delivery, broken_lines, delivered, how_many_broken, in_order
from growth_assets.simulate.files import (
    Format,
    SimulateError,
    file_names,
    require_own,
    write_lines,
    write_whole,
)
from growth_assets.simulate.journeys import visits_of_day
from growth_assets.simulate.native_lines import NativeLines
from growth_assets.simulate.parquet_rows import ParquetRows
from growth_assets.simulate.people import CODES, Accounts, Crowd
from growth_assets.simulate.rhythm import day_sizes
from growth_assets.simulate.truth import Counter, File, Truth
from growth_assets.simulate.vocabulary import Vocabulary, midnight

HOSTNAMES = ("www.xx.com", "www.xxx.com")
FIRST_DAY = dt.date(2026, 1, 1)

# The purposes for which a day has dice of its own, so that a change in one leaves the others as they were.
_FOR_VISITS, _FOR_CRAWLERS, _FOR_DELIVERY, _FOR_BROKEN = 2, 3, 4, 5

_HOSTNAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def simulate(
    folder: Path,
    *,
    days: int = 60,
    events_per_day: int = 20_000,
    seed: int = 1,
    file_format: Format = "ndjson",
    first_day: dt.date = FIRST_DAY,
    hostnames: tuple[str, ...] = HOSTNAMES,
    people: int | None = None,
    user_agents: int | None = None,
    progress: Callable[[dt.date, int], None] | None = None,
) -> Truth:
    """Invent the traffic of some sites, and know the truth about it.

    Writes `folder/landing/`, one file a day (in the combined format one a day and host, since its lines name
    no host), and `folder/truth.json`. The same arguments give the same bytes on any machine, with any number
    of threads (Parquet: with the same release of pyarrow). A day is the same however many days follow; only
    the last day's file differs, which takes in all that would have come later. Memory is one day's.

    Args:
        folder: where; made if it does not exist.
        days: how many days.
        events_per_day: good, distinct events of people and crawlers a day, in the mean of the first week (or
            of all days, where there are fewer); weekends have half of a working day, and every week 1.5 %
            more. Broken lines and second copies come on top.
        seed: another seed is another world.
        file_format: native events as `ndjson` or `parquet`, or access logs in the `combined` format. The
            latter has neither event ids nor actions of its own, and no line comes twice in it.
        first_day: the first UTC day.
        hostnames: the sites; the first has most of the traffic.
        people: how many know the sites in the first week, about a fifth of whom come on a day. Default:
            `events_per_day`.
        user_agents: how many different ones people have. Default: those of the list, some 800.
        progress: called after each day with the day and the lines written.

    Raises:
        SimulateError: an argument makes no sense, or the landing folder holds files of others.
    """
    _require_sense(
        file_format,
        hostnames,
        days=days,
        events_per_day=events_per_day,
        seed=seed,
        people=people,
        user_agents=user_agents,
    )
    landing = folder / "landing"
    calendar = [first_day + dt.timedelta(days=day) for day in range(days)]
    require_own(landing, {name for day in calendar for name in file_names(file_format, day, hostnames)})
    landing.mkdir(parents=True, exist_ok=True)

    world = _World(Vocabulary(seed, hostnames, browsers(user_agents)), file_format, people or events_per_day)
    counter = Counter(hostnames)
    files: list[File] = []
    on_the_way: dict[int, list[Delivery]] = {}
    for day, size in enumerate(day_sizes(days, events_per_day, seed, first_day)):
        events, visits = world.day(day, calendar[day], size)
        parts = delivered(
            Dice(seed, day, _FOR_DELIVERY),
            events,
            midnight(calendar[day]),
            days - 1 - day,
            twice=file_format != "combined",
        )
        late = joined([part.events.take(part.late) for part in parts.values()])
        copies = joined([part.events.take(part.copy) for part in parts.values()])
        counter.add(calendar[day].isoformat(), events, visits, late, copies)
        del events, visits
        for ahead in sorted(parts):
            on_the_way.setdefault(day + ahead, []).append(parts[ahead])
        del parts
        written = world.write(landing, day, calendar[day], in_order(on_the_way.pop(day)))
        files += written
        if progress:
            progress(calendar[day], sum(file.lines for file in written))
    truth = Truth(
        seed,
        calendar[0].isoformat(),
        calendar[-1].isoformat(),
        file_format,
        list(hostnames),
        counter.total(),
        counter.days,
        files,
    )
    truth.write(folder / "truth.json")
    return truth


@dataclass
class _World:
    vocabulary: Vocabulary
    file_format: Format
    people: int

    def __post_init__(self) -> None:
        words = self.vocabulary
        self.crowd = Crowd(words.seed, self.people, words.browsers, blocks(CODES), len(words.hostnames))
        self.accounts = Accounts(self.crowd)
        self.rows = ParquetRows(words)
        self.lines = AccessLog(words) if self.file_format == "combined" else NativeLines(words)

    def day(self, day: int, date: dt.date, size: int) -> tuple[Events, Visits]:
        """The good, distinct events of a day: people's, then crawlers'."""
        seed, access_log = self.vocabulary.seed, self.file_format == "combined"
        crawls = size * SHARE_PER_MILLION // 1_000_000
        events, visits = visits_of_day(
            Dice(seed, day, _FOR_VISITS),
            self.crowd,
            self.accounts,
            day=day,
            midnight=midnight(date),
            wanted=size - crawls,
            access_log=access_log,
        )
        crawled = crawls_of_day(
            Dice(seed, day, _FOR_CRAWLERS),
            first_agent=self.vocabulary.first_crawler,
            first_number=(day << 36) + size - crawls,
            midnight=midnight(date),
            wanted=crawls,
            hosts=len(self.vocabulary.hostnames),
            access_log=access_log,
        )
        return joined([events, crawled]), visits

    def write(self, landing: Path, day: int, date: dt.date, delivery: Delivery) -> list[File]:
        """The files of a day."""
        names = file_names(self.file_format, date, self.vocabulary.hostnames)
        if len(names) == 1 and self.file_format != "combined":
            return [self._write(landing, names[0], (day, 0), date, delivery)]
        return [
            self._write(landing, name, (day, host), date, delivery.take(delivery.events.host == host))
            for host, name in enumerate(names)
        ]

    def _write(self, landing: Path, name: str, which: tuple[int, int], date: dt.date, delivery: Delivery) -> File:
        good = len(delivery.events)
        if self.file_format == "parquet":
            broken = how_many_broken(good)
            write_whole(landing / name, lambda part: self.rows.write(part, delivery.events, broken))
        else:
            ways = access_log.BROKEN if self.file_format == "combined" else native_lines.BROKEN
            lines = broken_lines(
                Dice(self.vocabulary.seed, which[0], _FOR_BROKEN, which[1]), good, ways, date.isoformat()
            )
            broken = len(lines)
            write_whole(landing / name, lambda part: write_lines(part, self.lines, delivery.events, lines))
        late, copies = int(np.count_nonzero(delivery.late)), int(np.count_nonzero(delivery.copy))
        return File(name, good + broken, good, broken, late, copies)


def _require_sense(file_format: str, hostnames: tuple[str, ...], **numbers: int | None) -> None:
    if file_format not in get_args(Format):
        raise SimulateError(f"file_format must be one of {', '.join(get_args(Format))}, not {file_format}")
    # 2**32 positions of a day, and 2**28 days, have a place in an event's number.
    for name, least, most in (
        ("days", 1, 3_660),
        ("events_per_day", 10, 1_000_000_000),
        ("seed", 0, 2**63 - 1),
        ("people", 10, 1_000_000_000),
        ("user_agents", 2, 1_000_000),
        ("hostnames", 1, 50),
    ):
        value = len(hostnames) if name == "hostnames" else numbers[name]
        if value is not None and not least <= value <= most:
            raise SimulateError(f"{name} must be from {least:,} to {most:,}, not {value:,}")
    for host in hostnames:
        if not _HOSTNAME.fullmatch(host):
            raise SimulateError(f"hostnames: {host!r} is not a host name like www.xx.com, in lower case")
    if len(set(hostnames)) != len(hostnames):
        raise SimulateError(f"hostnames: {', '.join(hostnames)} names a host twice")
