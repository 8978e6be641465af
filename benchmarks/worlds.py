"""The worlds that are measured: made once, from a seed, and kept in a folder."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import tempfile
from pathlib import Path

from growth_assets.settings import SITE_FILE, Source
from growth_assets.simulate import simulate
from growth_assets.simulate.files import Format
from growth_assets.sources.reader import read

SEED = 1

LARGE = 10_000_000
"""Days of so many events and more have 100,000 user agents, and 2,000,000 addresses."""
USER_AGENTS = 100_000
PEOPLE = {10_000_000: 9_650_000, 50_000_000: 1_510_000}
"""Events of a day to the people who know the sites: about two million addresses come of them."""

SITE = 'hostnames = ["www.xx.com", "www.xxx.com"]\n'
LOG_SOURCES = "".join(
    f'[[sources]]\nname = "{host.split(".")[1]}"\nfiles = "access-{host}-*"\nhostname = "{host}"\n'
    for host in ("www.xx.com", "www.xxx.com")
)
"""A combined log names no host, so each host has a file of its own."""


def kept() -> Path:
    """Where worlds are kept between runs, unless another folder is named."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "growth-assets-benchmarks"


def day(folder: Path, events: int, file_format: Format = "ndjson") -> Path:
    """The landing folder of a day of about so many events, one line in a thousand of it broken, in several ways."""
    world = folder / f"{events}-events{_of(file_format)}"
    landing = world / "landing"
    if not (world / "truth.json").exists():
        print(f"Making a day of {events:,} events as {file_format}, kept for later runs: {world}", file=sys.stderr)
        people = None
        if events >= LARGE:
            people = PEOPLE[min(PEOPLE, key=lambda size: abs(size - events))]
        simulate(
            world, days=1, events_per_day=events, seed=SEED, file_format=file_format, people=people,
            user_agents=USER_AGENTS if events >= LARGE else None,
        )  # fmt: skip
    return landing


def _of(file_format: Format) -> str:
    return "" if file_format == "ndjson" else f"-{file_format}"


def site(folder: Path, landing: Path) -> Path:
    """A new data folder with the files of a landing folder, on the same disk, so that none is copied."""
    (folder / "landing").mkdir(parents=True)
    logs = False
    for path in landing.iterdir():
        (folder / "landing" / path.name).hardlink_to(path)
        logs |= path.suffix == ".log"
    (folder / SITE_FILE).write_text(SITE + (LOG_SOURCES if logs else ""), encoding="utf-8")
    return folder


def broken(folder: Path, events: int) -> Path:
    """The file of such a day."""
    (file,) = day(folder, events).iterdir()
    return file


def clean(folder: Path, events: int) -> Path:
    """The same file without its broken lines."""
    source = broken(folder, events)
    path = folder / f"{events}-events-clean" / source.name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        _without(source, _rejected(source), part)
        part.rename(path)
    return path


def _rejected(path: Path) -> set[int]:
    batches = read(path, Source(name="world", format="ndjson"), None)
    return {number for batch in batches for number in batch.rejected["line_number"]}


def _without(source: Path, numbers: set[int], target: Path) -> None:
    with source.open("rb") as lines, target.open("wb") as out:
        out.writelines(line for number, line in enumerate(lines, start=1) if number not in numbers)


def days(folder: Path, number: int, events_per_day: int, first_day: dt.date, file_format: Format = "ndjson") -> Path:
    """The landing folder of so many days of about so many events, week by week: a world itself grows with its weeks."""
    landing = folder / f"{number}-days-of-{events_per_day}-events{_of(file_format)}"
    if not landing.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made_of = f"{number} days of {events_per_day:,} events as {file_format}"
        print(f"Making {made_of}, kept for later runs: {landing}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            made = Path(temporary) / "landing"
            made.mkdir()
            for begin in range(0, number, 7):
                week = Path(temporary) / "week"
                start = first_day + dt.timedelta(days=begin)
                simulate(
                    week, days=min(7, number - begin), events_per_day=events_per_day, seed=SEED + begin,
                    first_day=start, file_format=file_format,
                )  # fmt: skip
                for path in (week / "landing").iterdir():
                    path.rename(made / path.name)
                shutil.rmtree(week)
            made.rename(landing)
    return landing
