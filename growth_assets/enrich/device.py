"""The device: which brand a user agent speaks for, and whether it names itself a robot.

Rules are ua-parser's, the ones that user-agents reads too, run by its Rust engine (100 times as fast). That
engine widens bounded repetitions such as `.{0,100}`, so that it also finds a robot's name further on in a
long user agent than user-agents does; on 1,493 user agents of real logs and browser lists four differ, all
of them robots.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter

import polars as pl
from ua_parser import load_lazy_builtins
from ua_parser_rs import DeviceExtractor

from growth_assets.enrich.distinct import map_distinct_values

UNKNOWN = "unknown"
"""The brand where there is none to be told, such as that of most desktops."""

LONGEST = 8190
"""Characters of a user agent that are looked at: Apache's limit for a header line."""


def brands(user_agents: pl.Series) -> pl.Series:
    """The dim_device_brand of each user agent as ua-parser names it, `unknown` where it has none; never null.

    Args:
        user_agents: User agents as received; null and empty ones have no brand.
    """
    return map_distinct_values(user_agents.cast(pl.String), lambda agents: parse(agents)["brand"])


def parse(user_agents: pl.Series) -> pl.DataFrame:
    """Brand and robot flag of each user agent, every one parsed: hand in distinct ones.

    Returns:
        `brand` (String, `unknown` where there is none) and `spider` (Boolean, ua-parser's device family
        "Spider", which is what user-agents calls a bot); neither is ever null.
    """
    extract = _extractor().extract
    brand: list[str] = []
    spider: list[bool] = []
    for user_agent in user_agents.str.slice(0, LONGEST).to_list():
        device = extract(user_agent) if user_agent else None
        brand.append((device.brand if device else None) or UNKNOWN)
        spider.append(device is not None and device.family == "Spider")
    return pl.DataFrame({"brand": brand, "spider": spider}, schema={"brand": pl.String, "spider": pl.Boolean})


@cache
def _extractor() -> DeviceExtractor:
    # The extractor itself: ua-parser's own wrapper makes three objects a call and takes twice the time. Its rules for
    # browsers and systems are not wanted, nor any rule compiled by Python too: every process would wait 0.2 s longer.
    _, _, devices = load_lazy_builtins()
    return DeviceExtractor(map(attrgetter("regex", "regex_flag", "family", "brand", "model"), devices))
