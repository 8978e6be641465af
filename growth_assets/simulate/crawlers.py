"""Machines that read the sites: crawlers, by the names they give themselves, from networks like theirs."""

from __future__ import annotations

import ipaddress

import numpy as np

from growth_assets.simulate import pages
from growth_assets.simulate.dice import Dice, lottery
from growth_assets.simulate.events import Events
from growth_assets.simulate.journeys import host_weights
from growth_assets.simulate.rhythm import DAY_MS

SHARE_PER_MILLION = 50_000
"""Crawlers make one event of twenty."""

CRAWLERS: tuple[tuple[str, str, int], ...] = (
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "66.249.66.0", 30),
    (
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/134.0.6998.165 Mobile Safari/537.36 (compatible; Googlebot/2.1; "
        "+http://www.google.com/bot.html)",
        "66.249.79.0",
        15,
    ),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "157.55.39.0", 14),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "54.36.148.0", 10),
    ("Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", "185.191.171.0", 8),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "20.171.207.0",
        8,
    ),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "5.255.231.0", 5),
    ("Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)", "51.222.253.0", 4),
    (
        "Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot; help@moz.com)",
        "216.244.66.0",
        3,
    ),
    (
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        "108.174.5.0",
        2,
    ),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "69.63.184.0", 1),
)
"""User agent, a network of 256 addresses, and share."""


def crawls_of_day(
    dice: Dice,
    *,
    first_agent: int,
    first_number: int,
    midnight: int,
    wanted: int,
    hosts: int,
    access_log: bool,
) -> Events:
    """`wanted` events of crawlers: any page at any hour, without a referrer.

    Args:
        dice: the day's own.
        first_agent: number of the first crawler's user agent.
        first_number: number of the first event.
        midnight: the day's begin in milliseconds since 1970.
        wanted: how many.
        hosts: how many sites there are.
        access_log: a web server's log also sees robots.txt and pages that are gone.
    """
    crawler = dice.pick(wanted, [share for _, _, share in CRAWLERS])
    networks = np.asarray([int(ipaddress.IPv4Address(network)) for _, network, _ in CRAWLERS], dtype=np.int64)
    page = dice.pick(wanted, pages.PAGE_WEIGHTS)
    if access_log:
        extra = np.asarray([-1] * 16 + [pages.ROBOTS] * 2 + list(pages.MISSING[:2]), dtype=np.int64)
        drawn = extra[dice.below(wanted, len(extra))]
        page = np.where(drawn < 0, page, drawn)
    by_weight = lottery(host_weights(hosts))
    return Events(
        number=np.uint64(first_number) + np.arange(wanted, dtype=np.uint64),
        when=midnight + dice.below(wanted, DAY_MS),
        host=by_weight[dice.below(wanted, len(by_weight))].astype(np.uint8),
        request=page.astype(np.uint16),
        referrer=np.zeros(wanted, dtype=np.uint16),
        ip=(networks[crawler] + 1 + dice.below(wanted, min(250, 4 + wanted // 2_000))).astype(np.uint32),
        agent=(first_agent + crawler).astype(np.uint32),
        user=np.zeros(wanted, dtype=np.int64),
        crawler=np.ones(wanted, dtype=np.bool_),
    )
