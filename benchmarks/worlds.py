"""The worlds that are measured: made once, from a seed, and kept in a folder."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path

from growth_assets.settings import Source
from growth_assets.simulate import simulate
from growth_assets.sources.reader import read

SEED = 1
LINES_AT_ONCE = 100_000


def broken(folder: Path, events: int) -> Path:
    """The file of a day of about so many events, one line in a thousand of it broken, in several ways."""
    world = folder / f"{events}-events"
    files = sorted((world / "landing").glob("*.ndjson"))
    if not files:
        simulate(world, days=1, events_per_day=events, seed=SEED)
        files = sorted((world / "landing").glob("*.ndjson"))
    return files[0]


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


def days(folder: Path, number: int, events_per_day: int, first_day: dt.date) -> Path:
    """The landing folder of so many days of about so many events, week by week: a world itself grows with its weeks."""
    landing = folder / f"{number}-days-of-{events_per_day}-events"
    if not landing.exists():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            made = Path(temporary) / "landing"
            made.mkdir()
            for begin in range(0, number, 7):
                week = Path(temporary) / "week"
                start = first_day + dt.timedelta(days=begin)
                simulate(
                    week, days=min(7, number - begin), events_per_day=events_per_day, seed=SEED + begin, first_day=start
                )
                for path in (week / "landing").iterdir():
                    path.rename(made / path.name)
                shutil.rmtree(week)
            made.rename(landing)
    return landing
