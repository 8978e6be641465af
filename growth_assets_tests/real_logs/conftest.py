"""Real logs through the whole way, and an oracle that reads them line by line in plain Python."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import crawleruseragents
import maxminddb
import mmh3
import pytest
import user_agents
from ua_parser import Domain, load_builtins
from ua_parser.regex import Resolver

from growth_assets import reference, settings
from growth_assets.orchestration.run import build
from growth_assets.warehouse.catalogue import query

LINE = re.compile(
    r'(?P<ip>\S+) \S+ .+? \[(?P<time>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "(?P<request>(?:\\.|[^"\\])*)" '
    r'(?P<status>\d{3}) (?:\d+|-) "(?P<referrer>(?:\\.|[^"\\])*)" "(?P<agent>(?:\\.|[^"\\])*)"\r?'
)
STATIC = re.compile(
    r"css|js|mjs|map|png|jpg|jpeg|gif|svg|webp|avif|ico|woff|woff2|ttf|otf|eot|mp4|webm|mp3|pdf|zip|gz|txt|xml|json|wasm",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Seen:
    """One event as the oracle sees it; times are cut to the second that the log has."""

    ds: str
    visitor: int
    hostname: str
    country: str
    brand: str
    action: str
    second: dt.datetime
    bot: bool


@dataclass
class Read:
    """One file as the oracle reads it."""

    events: list[Seen]
    rejected: list[int]
    """Line numbers."""


def oracle(content: bytes, hostname: str, encoding: str = "utf-8") -> Read:
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    found = [(number, seen(line, hostname, encoding)) for number, line in enumerate(lines, start=1)]
    return Read([each for _, each in found if each], [number for number, each in found if not each])


def seen(line: bytes, hostname: str, encoding: str) -> Seen | None:
    match = LINE.fullmatch(line.decode(encoding, "backslashreplace"))
    if match is None:
        return None
    time = dt.datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").astimezone(dt.UTC).replace(tzinfo=None)
    agent = match["agent"].replace('\\"', '"') or "-"
    return Seen(
        time.date().isoformat(),
        mmh3.hash64(f"|{match['ip']}|{agent}".encode())[0],
        hostname,
        country(match["ip"]),
        brand(agent),
        action(match["request"], match["status"]),
        time,
        bot(agent),
    )


@cache
def countries() -> maxminddb.Reader:
    return maxminddb.open_database(reference.COUNTRY_DATABASE, maxminddb.MODE_MEMORY)


@cache
def country(ip: str) -> str:
    try:
        public = ipaddress.ip_address(ip).is_global
    except ValueError:
        return "ZZ"
    record = countries().get(ip) if public else None
    return record["country"]["iso_code"] if record else "ZZ"


@cache
def devices() -> Resolver:
    return Resolver(load_builtins())


@cache
def brand(agent: str) -> str:
    device = devices()(agent, Domain.DEVICE).device
    return (device.brand if device else None) or "unknown"


@cache
def bot(agent: str) -> bool:
    if agent == "-" or user_agents.parse(agent).is_bot or crawleruseragents.is_crawler(agent):
        return True
    device = devices()(agent, Domain.DEVICE).device
    return device is not None and device.family == "Spider"


def action(request: str, status: str) -> str:
    parts = request.split(" ")
    method, path = (parts[0], re.split(r"[?#]", parts[1])[0]) if len(parts) == 3 else ("", "")
    if status[0] in "45":
        return "error"
    if method == "POST":
        first = path.split("/")[1] if path.startswith("/") else ""
        known = {"signup": "signup", "register": "signup", "login": "login", "signin": "login", "bootcamp": "purchase"}
        if first in known:
            return known[first]
    if method in ("GET", "HEAD") and "." in path and STATIC.fullmatch(path.rpartition(".")[2]):
        return "static_file"
    if status[0] == "3" and status != "304" and int(status) < 310:
        return "redirect"
    return "page_view" if method == "GET" and (status[0] == "2" or status == "304") else "other_request"


@dataclass
class Built:
    """A data folder that was built, beside what the oracle makes of its files."""

    folder: Path
    read: dict[str, Read] = field(repr=False)
    """File name to what the oracle reads."""
    told: str = ""
    """What the command line said."""

    def sql(self, statement: str) -> list[tuple]:
        """Rows of a statement on the DuckDB catalogue."""
        return query(self.folder / "warehouse" / "growth.duckdb", statement).rows()

    @property
    def expected(self) -> list[Seen]:
        return [event for read in self.read.values() for event in read.events]

    def per_day(self, what: Callable[[Seen], object]) -> dict[str, Counter]:
        """Day to how many events each value has."""
        days: dict[str, Counter] = {}
        for event in self.expected:
            days.setdefault(event.ds, Counter())[what(event)] += 1
        return days


def growth_assets(*arguments: str | Path, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "growth_assets", *map(str, arguments)], capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == expect, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def apache(shared, tmp_path_factory) -> Built:
    """10,000 lines of a real site, the whole way by the command line."""
    folder = tmp_path_factory.mktemp("apache") / "site"
    log = shared / "real" / "apache_combined" / "access.log"
    growth_assets("init", folder, "--hostname", "www.semicomplete.com")
    shutil.copy(log, folder / "landing")
    told = growth_assets("build", "--data", folder)
    return Built(folder, {"access.log": oracle(log.read_bytes(), "www.semicomplete.com")}, told)


SOURCES = {"nginx": ("www.nginx.example", "nginx_combined/access.log"),
           "errors": ("www.errors.example", "apache_broken/combined_with_errors.log"),
           "latin": ("www.latin.example", "apache_broken/combined_latin1_enc.log")}  # fmt: skip


@pytest.fixture(scope="session")
def three_sources(shared, tmp_path_factory) -> Built:
    """Three real logs, each of a host of its own."""
    folder = tmp_path_factory.mktemp("three") / "site"
    (folder / "landing").mkdir(parents=True)
    toml = f"hostnames = {[host for host, _ in SOURCES.values()]}\n"
    read = {}
    for name, (host, path) in SOURCES.items():
        toml += f'[[sources]]\nname = "{name}"\nfiles = "{name}.log"\nhostname = "{host}"\nformat = "combined"\n'
        shutil.copy(shared / "real" / path, folder / "landing" / f"{name}.log")
        read[f"{name}.log"] = oracle((shared / "real" / path).read_bytes(), host)
    (folder / "site.toml").write_text(toml)
    report = build(settings.load(folder))
    assert not report.bad_days
    assert not report.failed_errors
    return Built(folder, read)


@pytest.fixture(scope="session", params=["apache", "three_sources"])
def built(request) -> Built:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def plainly():
    """The oracle itself."""
    return oracle
