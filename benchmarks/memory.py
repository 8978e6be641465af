"""The most memory that landing takes of files that are large in different ways; README states the limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.ingest import Contender, in_own_process

BLOCK = 1 << 26
"""Bytes that are written at a time."""

_NUMBER = b"@@@@@@@@"
"""Stands for a block's number, so that no event id comes twice."""


def _event(number: int) -> bytes:
    said = {
        "event_time": f"2026-03-{number % 3 + 1:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "event_id": f"{_NUMBER.decode()}-{number}",
        "hostname": "www.xx.com",
        "action_type": "page_view",
        "url": f"https://www.xx.com/p/{number % 1000}?n={number}",
        "referrer": "https://www.linkedin.com/feed/",
        "ip": f"81.2.{number % 256}.{number // 256 % 256}",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0",
        "properties": {"plan": "pro", "n": number},
    }
    return json.dumps(said).encode() + b"\n"


def _events(size: int) -> Iterator[bytes]:
    """Events of about `size` bytes in all."""
    lines: list[bytes] = []
    length = 0
    while length < min(size, BLOCK):
        lines.append(_event(len(lines)))
        length += len(lines[-1])
    block = b"".join(lines)
    for number in range(max(1, size // length)):
        yield block.replace(_NUMBER, f"{number:08}".encode())


def _newlines(size: int) -> Iterator[bytes]:
    """An event, and then nothing but blank lines."""
    yield _event(0)
    for start in range(0, size, BLOCK):
        yield b"\n" * min(BLOCK, size - start)


def _endless(size: int) -> Iterator[bytes]:
    """An event, and then one line."""
    yield _event(0) + b'{"a":"'
    for start in range(0, size, BLOCK):
        yield b"x" * min(BLOCK, size - start)
    yield b'"}\n' + _event(1)


SHAPES: Mapping[str, tuple[Callable[[int], Iterator[bytes]], float]] = {
    "events": (_events, 1.0),
    "newlines": (_newlines, 0.003),
    "one line": (_endless, 0.2),
}
"""What a file holds, and its share of the size that is asked for: each blank line becomes a row of its own."""


def measure(folder: Path, size: int, shapes: Sequence[str] = tuple(SHAPES)) -> list[Contender]:
    """Land one file of each shape, each in a process of its own; the file is deleted before the next is made."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in shapes:
        make, share = SHAPES[name]
        path = folder / "large.ndjson"
        try:
            with path.open("wb") as file:
                file.writelines(make(int(size * share)))
            found.append(Contender(f"{name}, {path.stat().st_size / 1e9:.1f} GB", [in_own_process(path)]))
        finally:
            path.unlink(missing_ok=True)
    return found
