"""Brand and robots: held against user-agents and crawler-user-agents, on real logs and their own lists."""

from __future__ import annotations

import json
import random
import time
from importlib.resources import files

import crawleruseragents
import polars as pl
import pytest
import user_agents

from growth_assets.enrich import bot
from growth_assets.enrich.bot import devices_and_bots, is_bot, matches_crawler_list
from growth_assets.enrich.device import brands

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def strings(*values: str | None) -> pl.Series:
    return pl.Series("user_agent", list(values), dtype=pl.String())


def browsers() -> list[str]:
    text = (files("fake_useragent") / "data" / "browsers.jsonl").read_text(encoding="utf-8")
    return sorted({json.loads(line)["useragent"] for line in text.splitlines()})


def crawlers() -> list[str]:
    data = crawleruseragents.CRAWLER_USER_AGENTS_DATA
    return sorted({instance for entry in data for instance in entry["instances"]})


def logged(shared) -> list[str]:
    found: set[str] = set()
    for path in sorted((shared / "real").glob("*/*.log")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split('"')
            if len(fields) == 7:
                found.add(fields[5])
    return sorted(found)


def hold_brands(agents: list[str]) -> None:
    facts = devices_and_bots(strings(*agents))
    differ = 0
    for agent, brand, robot in zip(agents, facts["dim_device_brand"], facts["is_bot"], strict=True):
        oracle = user_agents.parse(agent)
        if brand != (oracle.device.brand or "unknown"):
            # The Rust engine also finds a robot's name behind the first hundred characters.
            assert (oracle.device.brand, brand, robot) == (None, "Spider", True), agent
            differ += 1
    assert differ <= len(agents) * 0.01


def test_brands_of_browsers_are_those_of_user_agents():
    agents = random.Random(7).sample(browsers(), 120)
    hold_brands(agents)
    assert {"Apple", "Samsung", "unknown"} <= set(brands(strings(*agents)))


def test_brands_in_real_logs_are_those_of_user_agents(shared):
    agents = logged(shared)
    assert len(agents) > 500
    hold_brands(random.Random(7).sample(agents, 200))


def test_crawler_list_is_the_package_s_own_answer():
    agents = crawlers()
    assert len(agents) > 2000
    sample = random.Random(7).sample(agents, 80)
    expected = [crawleruseragents.is_crawler(agent) for agent in sample]
    assert matches_crawler_list(strings(*sample)).to_list() == expected
    # Every instance is one of a listed crawler.
    assert is_bot(strings(*agents)).mean() > 0.99


def test_crawler_list_on_real_logs(shared):
    agents = logged(shared)
    expected = [crawleruseragents.is_crawler(agent) for agent in agents]
    assert matches_crawler_list(strings(*agents)).to_list() == expected
    assert 0 < sum(expected) < len(agents)


def test_robots_in_real_logs_are_those_of_either_list(shared):
    agents = random.Random(8).sample(logged(shared), 200)
    for agent, robot in zip(agents, is_bot(strings(*agents)), strict=True):
        if agent == "-":
            continue
        either = user_agents.parse(agent).is_bot or crawleruseragents.is_crawler(agent)
        assert robot or not either, agent


def test_browsers_are_no_robots():
    assert is_bot(strings(*browsers())).mean() < 0.005


def test_by_hand():
    facts = devices_and_bots(strings(IPHONE, WINDOWS, GOOGLEBOT, "curl/8.5.0", "Scrapy/2.11 (+https://scrapy.org)"))
    assert facts["dim_device_brand"].to_list() == ["Apple", "unknown", "Spider", "unknown", "Spider"]
    assert facts["is_bot"].to_list() == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("agent", "robot"),
    [(None, False), ("", True), ("-", True), ("  ", True), ("\t-\n", True), ("--", False)],
)
def test_absent_user_agents(agent, robot):
    facts = devices_and_bots(strings(agent))
    assert facts.rows() == [("unknown", robot)]


def test_length_and_order_are_kept_with_repeats_and_nulls():
    agents = [GOOGLEBOT, None, IPHONE, IPHONE, None, "", WINDOWS] * 5
    facts = devices_and_bots(strings(*agents))
    one_by_one = [devices_and_bots(strings(agent)).row(0) for agent in agents]
    assert facts.rows() == one_by_one
    assert facts.schema == {"dim_device_brand": pl.String, "is_bot": pl.Boolean}
    assert brands(strings(*agents)).to_list() == facts["dim_device_brand"].to_list()
    assert is_bot(strings(*agents)).name == "user_agent"


def test_empty_and_all_null_series():
    assert devices_and_bots(strings()).height == 0
    assert is_bot(pl.Series("user_agent", [None, None])).to_list() == [False, False]


def test_odd_and_very_long_text():
    agents = [
        "\0",
        "\u202e\U0001f600",
        "(" * 50_000,
        "Mozilla/5.0 (Linux; Android 9; " * 20_000,
        "a" * 1_000_000,
    ]
    started = time.monotonic()
    assert devices_and_bots(strings(*agents)).null_count().sum_horizontal().item() == 0
    assert time.monotonic() - started < 5


def test_patterns_that_rust_cannot_compile_are_matched_in_python(monkeypatch):
    data = [{"pattern": "(?<!not-)evilbot"}, {"pattern": "plainbot"}, {"pattern": r"(ab)\1"}]
    monkeypatch.setattr(bot, "CRAWLER_USER_AGENTS_DATA", data)
    agents = strings("evilbot/1", "not-evilbot/1", "x plainbot", "abab", "ab", None)
    assert matches_crawler_list(agents).to_list() == [True, False, True, True, False, False]


def test_only_patterns_that_rust_cannot_compile(monkeypatch):
    monkeypatch.setattr(bot, "CRAWLER_USER_AGENTS_DATA", [{"pattern": "(?<!not-)evilbot"}])
    assert matches_crawler_list(strings("evilbot", "other", "")).to_list() == [True, False, False]
