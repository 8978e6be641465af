"""The landing folder of a world: one file a day, or one a day and host, whole or not there at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import numpy as np

from growth_assets.simulate.dice import Ints
from growth_assets.simulate.events import Events

_Made = TypeVar("_Made")

Format = Literal["ndjson", "parquet", "combined"]
Lines = Callable[[Events], tuple[memoryview, Ints]]

SLICE = 65_536
"""Events rendered at a time, 25 MB of text. 250,000 took 10 % more processor time, half more memory."""


class SimulateError(Exception):
    """The world cannot be made as asked; the message says what to change."""


def file_names(file_format: Format, day: dt.date, hostnames: tuple[str, ...]) -> list[str]:
    """The files of a day; in the combined format, which names no host, one for each host."""
    if file_format == "combined":
        return [f"access-{host}-{day.isoformat()}.log" for host in hostnames]
    return [f"events-{day.isoformat()}.{file_format}"]


def require_own(landing: Path, own: set[str]) -> None:
    """Refuse a landing folder that holds files of somebody else.

    Raises:
        SimulateError: names the files and what to do.
    """
    if not landing.exists():
        return
    parts = {part_of(name) for name in own}
    foreign = sorted(
        path.relative_to(landing).as_posix()
        for path in landing.rglob("*")
        if not path.is_dir() and path.relative_to(landing).as_posix() not in own | parts | {".gitkeep"}
    )
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise SimulateError(
            f"{landing} holds files that are not of this demo world: {', '.join(foreign[:3])}{more}. "
            "Invented events must not mix with yours: name another folder, or move these files away."
        )


def part_of(name: str) -> str:
    """What a file is called while it is written; readers of a landing folder skip names with a dot."""
    return f".{name}.part"


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under another name and rename it, so that nobody reads half of it."""
    part = path.with_name(part_of(path.name))
    write(part)
    part.replace(path)


def write_lines(path: Path, lines: Lines, events: Events, broken: list[tuple[int, bytes]]) -> None:
    """Write good lines in order, and the broken ones each before the good line at its position."""
    with path.open("wb") as file:
        for first, (text, begins) in made_ahead(lines, events, SLICE):
            here = [(at - first, line) for at, line in broken if first <= at < first + SLICE]
            _write_slice(file, text, begins, here)


def made_ahead(make: Callable[[Events], _Made], events: Events, size: int) -> Iterator[tuple[int, _Made]]:
    """What `make` makes of each `size` events, in order; the next two are made while one is used."""
    with ThreadPoolExecutor(2) as pool:
        running: list[tuple[int, Future[_Made]]] = []
        for first in range(0, len(events), size):
            at = np.arange(first, min(first + size, len(events)), dtype=np.int64)
            running.append((first, pool.submit(make, events.take(at))))
            if len(running) == 3:
                done, future = running.pop(0)
                yield done, future.result()
        for done, future in running:
            yield done, future.result()


def _write_slice(file: BinaryIO, text: memoryview, begins: Ints, broken: list[tuple[int, bytes]]) -> None:
    cuts = [0, *(at for at, _ in broken), len(begins) - 1]
    for number, (first, after) in enumerate(pairwise(cuts)):
        file.write(text[int(begins[first]) : int(begins[after])])
        if number < len(broken):
            file.write(broken[number][1])
