"""The oracle's tables of one day, from its readings of all files: loops, dicts and sets, nothing of the product."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from growth_assets.settings import BUILT_IN_ACTIONS
from growth_assets_tests.real_logs.conftest import action
from growth_assets_tests.tables.plain_fct import facts
from growth_assets_tests.worlds.known import AGENTS, COUNTRIES, REFERRERS, TRACKED
from growth_assets_tests.worlds.plain_reading import Row

BIGINT = range(-(2**63), 2**63)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

Fact = dict[str, Any]


@dataclass
class Day:
    """The tables of one day."""

    raw: int
    quarantined: Counter[tuple[str, int, str]]
    """File, line and rule."""
    facts: list[Fact]
    duplicates: int


def client(ip: str | None, forwarded: str | None, trusted: Iterable[str]) -> str | None:
    """Who sent a request that our own proxies passed on."""
    networks = [ipaddress.ip_network(each) for each in trusted]
    known: str | None = None
    hops = [hop.strip() for hop in (forwarded or "").split(",") if hop.strip()]
    for hop in reversed([*hops, *([ip] if ip else [])]):
        try:
            address = ipaddress.ip_address(hop)
        except ValueError:
            return hop if known is None and hop == ip else known
        known = str(address)
        if not any(address in network for network in networks):
            break
    return known


def day(rows: list[Row], trusted: Iterable[str]) -> Day:
    """What becomes of the rows received for a day."""
    for row in rows:
        row["ip"] = client(row["ip"], row["forwarded_for"], trusted)
        tracked = row["event_name"] is not None
        if tracked and not row["ip"]:
            row["who"] = ("", row["other_properties"].get("anonymous_id") or "")
        row["hostname"] = re.sub(r":\d+$", "", row["hostname"].strip().lower()).rstrip(".")
        named = row["action_type"]
        row["action_type"] = (
            named.strip().lower() if named
            else action(*row["request"]) if "request" in row
            else TRACKED[row["event_name"]] if tracked
            else None
        )  # fmt: skip
        brand, bot = AGENTS.get(row["user_agent"], ("unknown", False))
        domain, source = REFERRERS[row["referrer"]]
        row["beside"] = {
            "dim_country": COUNTRIES.get(row["ip"], "ZZ"), "dim_device_brand": brand, "is_bot": bot,
            "dim_referrer_domain": domain, "dim_source": source,
        }  # fmt: skip
    broken = Counter((row["file"], row["line_number"], rule) for row in rows if (rule := broken_rule(row)))
    kept, duplicates, aside = facts(rows, broken=lambda row: broken_rule(row) is not None)
    assert aside == broken.total()
    return Day(len(rows), broken, kept, duplicates)


def broken_rule(row: Row) -> str | None:
    """The first row rule that a row breaks."""
    user, labels = row["user_id"], row["hostname"].split(".")
    if user is not None and not (re.fullmatch(r"-?\d+", user) and int(user) in BIGINT):
        return "user_id_is_bigint"
    if row["action_type"] is None:
        return "not_null_dim_action_type"
    if not (row["ip"] or row.get("who", ("", ""))[1]):
        return "not_null_logged_out_user_id"
    last = labels[-1]
    if not (len(labels) > 1 and all(map(LABEL.fullmatch, labels)) and len(last) > 1 and last[0].isalpha()):
        return "dim_hostname_well_formed"
    if row["action_type"] not in BUILT_IN_ACTIONS:
        return "dim_action_type_enumerated"
    return None


def tables(rows: list[Fact]) -> dict[str, list[dict[str, Any]]]:
    """The aggregates and metrics of one day's facts."""
    for row in rows:
        row["event_hour"] = row["event_timestamp"].hour
    hits = [row for row in rows if row["dim_action_type"] == "page_view"]
    signups = [row for row in rows if row["dim_action_type"] == "signup"]
    purchases = [row for row in rows if row["dim_action_type"] == "purchase"]
    return {
        "core.agg_website_events": _aggregated(rows),
        "core.agg_hostname_events": _by_hostname(rows),
        "metrics.daily_visitors": _visitors(hits),
        "metrics.signup_conversion_rate": _rate(
            rows, "signup_conversion_rate", signups, hits, "signups", "website_hits"
        ),
        "metrics.purchase_conversion_rate": _rate(
            rows, "purchase_conversion_rate", purchases, signups, "purchases", "signups"
        ),
        "metrics.traffic_breakdown": _breakdown([row for row in hits if not row["is_bot"]]),
    }  # fmt: skip


def _groups(rows: Iterable[Fact], level: tuple[str, ...], every: tuple[str, ...]) -> dict[tuple[Any, ...], list[Fact]]:
    """Rows by their values of `level`, the others of `every` being None; the level's name last."""
    found: dict[tuple[Any, ...], list[Fact]] = defaultdict(list)
    for row in rows:
        key = tuple(row[name] if name in level else None for name in every)
        found[(*key, "__".join(level) or "overall")].append(row)
    return found


def _aggregated(rows: list[Fact]) -> list[dict[str, Any]]:
    every = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")
    return [
        {
            **dict(zip((*every, "aggregation_level"), key, strict=True)),
            "m_total_events": len(group), "m_unique_visitors": _people(group), "m_bot_events": len(_bots(group)),
        }
        for size in range(5)
        for level in combinations(every, size)
        for key, group in _groups(rows, level, every).items()
    ]  # fmt: skip


def _by_hostname(rows: list[Fact]) -> list[dict[str, Any]]:
    key = ("dim_hostname", "dim_action_type", "event_hour", "is_bot")
    return [
        {
            **dict(zip(key, values, strict=True)),
            "m_total_events": len(group),
            "m_unknown_country": sum(row["dim_country"] == "ZZ" for row in group),
            "m_unknown_brand": sum(row["dim_device_brand"] == "unknown" for row in group),
        }
        for (*values, _), group in _groups(rows, key, key).items()
    ]


def _visitors(hits: list[Fact]) -> list[dict[str, Any]]:
    every = ("dim_hostname", "dim_country", "dim_device_brand")
    found = [
        {**dict(zip((*every, "aggregation_level"), key, strict=True)), **_hits(group)}
        for size in range(4)
        for level in combinations(every, size)
        if level != ("dim_country", "dim_device_brand")
        for key, group in _groups(hits, level, every).items()
    ]
    return found or [{**dict.fromkeys(every), "aggregation_level": "overall", **_hits([])}]


def _hits(group: list[Fact]) -> dict[str, int]:
    people, bots = [row for row in group if not row["is_bot"]], _bots(group)
    return {
        "m_visitors": _people(people), "m_website_hits": len(people),
        "m_bot_visitors": _people(bots), "m_bot_website_hits": len(bots),
    }  # fmt: skip


def _rate(
    rows: list[Fact], value: str, above: list[Fact], below: list[Fact], upper: str, lower: str
) -> list[dict[str, Any]]:
    found = []
    for host in (None, *sorted({row["dim_hostname"] for row in rows})):
        of_host: Callable[[Fact], bool] = lambda row, host=host: host is None or row["dim_hostname"] == host  # noqa: E731
        tops, bottoms = list(filter(of_host, above)), list(filter(of_host, below))
        people, base = [row for row in tops if not row["is_bot"]], [row for row in bottoms if not row["is_bot"]]
        found.append(
            {
                "dim_hostname": host,
                value: len(people) / len(base) if base else None,
                f"m_{upper}": len(people),
                f"m_{lower}": len(base),
                f"m_bot_{upper}": len(_bots(tops)),
                f"m_bot_{lower}": len(_bots(bottoms)),
                f"m_{upper}_visitors": _people(people),
                "aggregation_level": "dim_hostname" if host else "overall",
                # No day of a world is a whole number of weeks after another.
                "baseline_rate": None,
                "guardrail_state": "cannot_tell",
            }
        )
    return found


def _breakdown(hits: list[Fact]) -> list[dict[str, Any]]:
    every = ("dim_hostname", "dim_referrer_domain", "dim_source")
    named = [{**row, "dim_referrer_domain": row["dim_referrer_domain"] or "(none)"} for row in hits]
    found = []
    for level in (("dim_referrer_domain",), ("dim_source",), every[:2], (every[0], every[2])):
        for key, group in _groups(named, level, every).items():
            whole = [row for row in named if key[0] in (None, row["dim_hostname"])]
            found.append(
                {
                    **dict(zip((*every, "aggregation_level"), key, strict=True)),
                    "traffic_share": len(group) / len(whole),
                    "m_website_hits": len(group),
                    "m_total_website_hits": len(whole),
                    "m_visitors": _people(group),
                }
            )
    return found


def _people(rows: Iterable[Fact]) -> int:
    return len({row["logged_out_user_id"] for row in rows})


def _bots(rows: Iterable[Fact]) -> list[Fact]:
    return [row for row in rows if row["is_bot"]]
