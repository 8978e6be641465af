"""The truth agrees with the files, counted by a reader that shares nothing with the world or the pipeline."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import maxminddb
import pyarrow.parquet as pq
import pytest
from crawleruseragents import is_crawler

from growth_assets.simulate import Truth, access_log, native_lines, simulate

HOSTS = ("www.xx.com", "www.xxx.com")
DATABASE = Path(__file__).parents[2] / "growth_assets" / "reference" / "country.mmdb"
SITES = {
    "linkedin.com": "LinkedIn", "lnkd.in": "LinkedIn", "substack.com": "Substack", "google": "Google",
    "bing.com": "Bing", "t.co": "X", "x.com": "X", "news.ycombinator.com": "Hacker News",
}  # fmt: skip


@dataclass
class Seen:
    """One event as read from a file."""

    time: dt.datetime
    host: str
    action: str
    referrer: str
    ip: str
    agent: str
    user: str
    identity: str


def native(line: bytes) -> Seen | None:
    try:
        event = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event_time"), str):
        return None
    return _seen(event)


def _seen(event: dict) -> Seen | None:
    time = event["event_time"]
    try:
        time = time if isinstance(time, dt.datetime) else dt.datetime.fromisoformat(time)
    except ValueError:
        return None
    if time.tzinfo is None:
        return None
    return Seen(
        time, event["hostname"], event["action_type"], event.get("referrer") or "", event["ip"],
        event["user_agent"], event.get("user_id") or "", event["event_id"],
    )  # fmt: skip


LOGGED = re.compile(rb'(\S+) - (\S+) \[([^\]]+)\] "(\w+) (\S+) HTTP/1\.1" (\d{3}) (?:\d+|-) "([^"]*)" "([^"]*)"\n')


def logged(line: bytes, host: str, number: int) -> Seen | None:
    match = LOGGED.fullmatch(line)
    if match is None:
        return None
    ip, user, stamp, method, path, status, referrer, agent = (part.decode() for part in match.groups())
    try:
        time = dt.datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return None
    path = path.partition("?")[0]
    if status[0] in "45":
        action = "error"
    elif method == "POST":
        action = {"signup": "signup", "login": "login", "bootcamp": "purchase"}[path.split("/")[1]]
    elif "." in path:
        action = "static_file"
    elif status in ("301", "302"):
        action = "redirect"
    else:
        action = "page_view"
    return Seen(
        time, host, action, "" if referrer == "-" else referrer, ip, agent, user.strip("-"), f"{host}{number}"
    )  # fmt: skip


def read(landing: Path, file_format: str) -> dict[str, list[Seen | None]]:
    """File name to what its lines say; None for a broken line."""
    found: dict[str, list[Seen | None]] = {}
    number = 0
    for path in sorted(landing.iterdir()):
        if file_format == "parquet":
            rows = pq.read_table(path).to_pylist()
            found[path.name] = [_seen(row) if row["event_time"] else None for row in rows]
            continue
        with path.open("rb") as file:
            lines = list(file)
        host = path.name.removeprefix("access-")[: -len("-2026-01-01.log")]
        found[path.name] = []
        for line in lines:
            number += 1
            found[path.name].append(native(line) if file_format == "ndjson" else logged(line, host, number))
    return found


@cache
def crawler(agent: str) -> bool:
    return is_crawler(agent)


def source(referrer: str) -> str:
    if not referrer:
        return "direct"
    site = urlsplit(referrer).hostname
    if site in HOSTS:
        return "internal"
    for known, name in SITES.items():
        if site == known or site.endswith(f".{known}") or (known == "google" and ".google." in site):
            return name
    return "other"


def count(events: list[Seen]) -> dict[str, object]:
    """The numbers of the truth, of distinct events, without late lines and duplicates."""
    people = [event for event in events if not crawler(event.agent)]
    bots = [event for event in events if crawler(event.agent)]
    hits = [event for event in people if event.action == "page_view"]
    actions = Counter(event.action for event in people)
    return {
        "events": len(events),
        "people": len({(event.ip, event.agent) for event in people}),
        "visitors_with_hit": len({(event.ip, event.agent) for event in hits}),
        "hits": len(hits),
        "signups": actions["signup"],
        "logins": actions["login"],
        "purchases": actions["purchase"],
        "buyers": len({(event.ip, event.agent) for event in people if event.action == "purchase"}),
        "bot_events": len(bots),
        "bot_hits": sum(event.action == "page_view" for event in bots),
        "bot_visitors": len({(event.ip, event.agent) for event in bots}),
        "sources": dict(Counter(source(event.referrer) for event in hits)),
        "actions": dict(actions),
    }


def differences(truth: Truth, lines: dict[str, list[Seen | None]]) -> list[str]:
    """Where files and truth disagree."""
    wrong: list[str] = []
    distinct: dict[str, Seen] = {}
    extra: dict[str, list[Seen]] = defaultdict(list)
    late: dict[str, list[Seen]] = defaultdict(list)
    for name, seen in lines.items():
        (file,) = (each for each in truth.files if each.name == name)
        good = [event for event in seen if event]
        day = re.search(r"\d{4}-\d\d-\d\d", name).group()
        counted = [len(seen), len(good), len(seen) - len(good), 0, 0]
        for event in good:
            ds = event.time.astimezone(dt.UTC).date().isoformat()
            if event.identity in distinct:
                assert distinct[event.identity] == event
                extra[ds].append(event)
                counted[4] += 1
            elif ds != day:
                assert ds < day
                late[ds].append(event)
                counted[3] += 1
            distinct.setdefault(event.identity, event)
        if counted != [file.lines, file.good, file.broken, file.late, file.duplicates]:
            wrong.append(f"{name}: {counted} and {file}")
    by_day: dict[str, list[Seen]] = defaultdict(list)
    for event in distinct.values():
        by_day[event.time.astimezone(dt.UTC).date().isoformat()].append(event)
    groups = [(day.ds, day, by_day[day.ds], late[day.ds], extra[day.ds]) for day in truth.days]
    everything = (
        "total",
        truth.total,
        list(distinct.values()),
        list(chain.from_iterable(late.values())),
        list(chain.from_iterable(extra.values())),
    )
    for where, group, events, came_late, twice in [*groups, everything]:
        for host, numbers in [(None, group.overall), *group.hosts.items()]:
            here = [event for event in events if host in (None, event.host)]
            expected = {
                **count(here),
                "late": sum(host in (None, event.host) for event in came_late),
                "duplicates": sum(host in (None, event.host) for event in twice),
            }
            told = asdict(numbers)
            for key, value in expected.items():
                said = {name: n for name, n in told[key].items() if n} if isinstance(value, dict) else told[key]
                if said != value:
                    wrong.append(f"{where} {host} {key}: files say {value}, truth says {said}")
    assert set(by_day) == {day.ds for day in truth.days}
    return wrong


@pytest.fixture(scope="module", params=["ndjson", "parquet", "combined"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    truth = simulate(folder, days=4, events_per_day=2_500, file_format=request.param, seed=3)
    return read(folder / "landing", request.param), truth


def test_files_and_truth_agree(world):
    lines, truth = world
    assert differences(truth, lines) == []


def test_every_fault_is_there(world):
    _, truth = world
    total = truth.total.overall
    assert total.late > 30
    assert sum(file.broken for file in truth.files) >= 4
    assert (total.duplicates > 10) is (truth.file_format != "combined")
    assert total.signups > 50
    assert total.purchases > 0


@pytest.mark.parametrize("way", range(len(native_lines.BROKEN)))
def test_every_broken_native_line_is_one_line_and_unreadable(way):
    for number in range(0, 10**9, 1_234_567):
        line = native_lines.BROKEN[way]("2026-01-31", number)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert line.strip()
        assert native(line) is None


@pytest.mark.parametrize("way", range(len(access_log.BROKEN)))
def test_every_broken_log_line_is_one_line_and_unreadable(way):
    for number in range(0, 10**9, 1_234_567):
        line = access_log.BROKEN[way]("2026-01-31", number)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert b"\r" not in line
        assert logged(line, "www.xx.com", 1) is None


def test_a_lost_line_is_noticed(world):
    lines, truth = world
    last = truth.files[-1].name
    found = differences(truth, {**lines, last: lines[last][1:]})
    assert any(line.startswith(last) for line in found)
    assert any(line.startswith("total None events") for line in found)


def test_another_visitor_is_noticed(world):
    lines, truth = world
    first = truth.files[0].name
    at = next(number for number, event in enumerate(lines[first]) if event and not crawler(event.agent))
    changed = [replace(event, ip="198.51.100.7") if n == at else event for n, event in enumerate(lines[first])]
    found = differences(truth, {**lines, first: changed})
    assert any(" people: " in line for line in found)


def test_visitors_of_both_hosts_count_once_overall(world):
    _, truth = world
    for day in [truth.total, *truth.days]:
        assert max(n.people for n in day.hosts.values()) <= day.overall.people
    assert sum(n.people for n in truth.total.hosts.values()) > truth.total.overall.people


def test_countries_are_those_of_the_packaged_database(world):
    lines, truth = world
    with maxminddb.open_database(DATABASE) as reader:
        for day in truth.days[:2]:
            visitors = {
                (event.ip, event.agent)
                for seen in lines.values()
                for event in seen
                if event and not crawler(event.agent) and event.time.date().isoformat() == day.ds
            }
            countries = Counter(reader.get(ip)["country"]["iso_code"] for ip, _ in visitors)
            assert {key: n for key, n in day.overall.countries.items() if n} == dict(countries)


def test_people_are_logged_in_after_they_log_in(world):
    lines, truth = world
    visits: dict[tuple[str, str, str], list[Seen]] = defaultdict(list)
    distinct = {e.identity: e for seen in lines.values() for e in seen if e}
    for event in distinct.values():
        if event.user:
            visits[event.host, event.ip, event.agent].append(event)
        # What needs an account has one; what comes before it has none.
        assert bool(event.user) or event.action not in ("login", "purchase")
        assert not event.user or event.action != "signup"
    assert visits
    first = [min(events, key=lambda event: event.time.timestamp()) for events in visits.values()]
    ties = truth.file_format == "combined"  # a clock of whole seconds
    assert all(event.action == "login" or ties for event in first)
    assert len({event.user for events in visits.values() for event in events}) > 50


def test_nobody_signs_up_twice(tmp_path):
    # Few people and many days: most have an account before the end, and some would try again.
    truth = simulate(tmp_path, days=6, events_per_day=3_000, people=200)
    assert 0 < truth.total.overall.signups <= 200 * 1.2


def test_rates_are_plausible(tmp_path):
    total = simulate(tmp_path, days=7, events_per_day=20_000).total.overall
    visits = sum(hits for name, hits in total.sources.items() if name != "internal") / 0.98
    assert 0.02 < total.signups / visits < 0.03
    assert 0.04 < total.purchases / total.signups < 0.10
    assert 0.045 < total.bot_events / total.events < 0.055
    assert total.countries["US"] > total.countries["IN"] > total.countries["DE"] > total.countries["NZ"] > 0
