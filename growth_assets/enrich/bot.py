"""Robots: user agents that are no person's browser, by their own word.

Two lists together, since either alone misses many: user-agents' rule (ua-parser's device family "Spider")
and the patterns of crawler-user-agents. Robots that dress up as browsers are not found here.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl
from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]
from polars.exceptions import ComputeError

from growth_assets.enrich.device import LONGEST, parse
from growth_assets.enrich.distinct import Distinct

FACTS = {"dim_device_brand": pl.String(), "is_bot": pl.Boolean()}
"""What a user agent tells."""

MOST_REMEMBERED = 200_000
"""So many user agents are remembered from day to day, some 100 MB: most are those of yesterday."""

_KNOWN: dict[str | None, tuple[str, bool]] = {}


def is_bot(user_agents: pl.Series) -> pl.Series:
    """Whether each user agent names itself a robot; Boolean, never null.

    Null is False: the event did not say, as a purchase reported by a server does not. An empty or blank
    user agent, and the `-` of an access log, is True: every browser sends one, and Cloudflare and AWStats
    count its absence as a robot too.
    """
    return devices_and_bots(user_agents)["is_bot"].alias(user_agents.name)


def devices_and_bots(user_agents: pl.Series) -> pl.DataFrame:
    """Brand and robot flag of each user agent, from one parse: `dim_device_brand` String, `is_bot` Boolean.

    As many rows as `user_agents`, in its order; never null. The rules are those of `brands` and `is_bot`.
    """
    agents = Distinct.of(user_agents.cast(pl.String).to_frame("agent"))
    facts = _remembered(agents.values["agent"])
    return pl.DataFrame([agents.every(each) for each in facts.get_columns()])


def matches_crawler_list(user_agents: pl.Series) -> pl.Series:
    """Whether a pattern of crawler-user-agents is found in each user agent; False for null."""
    rust, python = _patterns(tuple(str(entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA))
    found = user_agents.str.contains(rust).fill_null(value=False)
    if python is not None:
        pattern = python
        found |= pl.Series([bool(pattern.search(each or "")) for each in user_agents.to_list()], dtype=pl.Boolean)
    return found


def _remembered(user_agents: pl.Series) -> pl.DataFrame:
    """What is known of distinct user agents; those that were asked for before are not parsed again."""
    agents = user_agents.to_list()
    # Days are built by several threads: what this one needs it keeps, whatever another forgets.
    facts = {agent: fact for agent in agents if (fact := _KNOWN.get(agent))}
    new = [agent for agent in agents if agent not in facts]
    if new:
        found = dict(zip(new, _facts(pl.Series(new, dtype=pl.String)).iter_rows(), strict=True))
        facts |= found
        if len(_KNOWN) + len(found) > MOST_REMEMBERED:
            _KNOWN.clear()
        if len(found) <= MOST_REMEMBERED:
            _KNOWN.update(found)
    rows = [facts[agent] for agent in agents]
    return pl.DataFrame({name: [row[at] for row in rows] for at, name in enumerate(FACTS)}, schema=FACTS)


def _facts(user_agents: pl.Series) -> pl.DataFrame:
    agents = user_agents.str.slice(0, LONGEST)
    device = parse(agents)
    said_nothing = agents.str.strip_chars().is_in(["", "-"])
    return pl.select(
        device["brand"].alias("dim_device_brand"),
        (device["spider"] | matches_crawler_list(agents) | said_nothing.fill_null(value=False)).alias("is_bot"),
    )


@cache
def _patterns(patterns: tuple[str, ...]) -> tuple[str, re.Pattern[str] | None]:
    """One alternation for Rust's engine; one for Python's of what Rust's cannot compile, or None."""
    whole = _alternation(patterns)
    if _compiles(whole):
        return whole, None
    for_rust = tuple(pattern for pattern in patterns if _compiles(pattern))
    rest = tuple(pattern for pattern in patterns if pattern not in set(for_rust))
    # A pattern that matches nothing stands where Rust's engine got none.
    return _alternation(for_rust) if for_rust else r"[^\s\S]", re.compile(_alternation(rest))


def _alternation(patterns: tuple[str, ...]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def _compiles(pattern: str) -> bool:
    try:
        pl.Series([""]).str.contains(pattern)
    except ComputeError:
        return False
    return True
