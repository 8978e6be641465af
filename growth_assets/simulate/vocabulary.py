"""The words of one world: what the numbers of its events stand for when they are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from growth_assets.simulate import pages, referrers
from growth_assets.simulate.browsers import Browsers
from growth_assets.simulate.crawlers import CRAWLERS
from growth_assets.simulate.rhythm import DAY_MS

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Vocabulary:
    """Hosts, user agents and referrers by number."""

    seed: int
    hostnames: tuple[str, ...]
    browsers: Browsers

    @cached_property
    def agents(self) -> list[str]:
        """User agents of people, then of crawlers."""
        return [*self.browsers.names, *(name for name, _, _ in CRAWLERS)]

    @property
    def first_crawler(self) -> int:
        """Number of the first crawler's user agent."""
        return len(self.browsers.names)

    @cached_property
    def referrers(self) -> list[str]:
        """Referrers outside, then the pages of our sites; empty for none."""
        own = (f"https://{host}{page.path}" for host in self.hostnames for page in pages.REQUESTS[: pages.PAGE_VIEWS])
        return [*referrers.OUTSIDE, *own]


def day_number(day: dt.date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def midnight(day: dt.date) -> int:
    """The day's begin in milliseconds since 1970 UTC."""
    return day_number(day) * DAY_MS


def day_name(number: int) -> dt.date:
    """The day so many days after 1970 began."""
    return EPOCH + dt.timedelta(days=number)
