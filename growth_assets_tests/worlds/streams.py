"""The files of a small world: what each holds in the end, and how much of it is there by now."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import zstandard

from growth_assets_tests.worlds import lines, web_lines
from growth_assets_tests.worlds.lines import DAYS

KINDS = (
    "ndjson", "ndjson", "csv", "combined", "combined", "vhost_combined", "common", "iis", "iis", "alb", "nginx_json",
    "caddy", "segment", "plausible", "parquet",
)  # fmt: skip

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": partial(gzip.compress, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@dataclass
class Stream:
    """One log: its content in the end, and the file that holds the beginning of it now."""

    kind: str
    content: bytes
    path: Path | None = None
    """None before it appears, and after it was deleted."""
    written: int = 0
    packed: str | None = None
    damaged: bool = False
    """The packed file ends early, as while it is copied."""
    landed: bool = False
    """The whole content was read by a landing that went well."""

    @property
    def whole(self) -> bool:
        """Everything is written."""
        return self.written == len(self.content) and not self.damaged

    @property
    def in_lines(self) -> bool:
        """Whether it may be written piece by piece, and packed."""
        return self.kind != "parquet"

    @property
    def now(self) -> bytes:
        """What is written."""
        return self.content[: self.written]

    def write(self, random: Random, length: int) -> None:
        """Let the file hold the first `length` bytes."""
        if self.path is None:
            raise ValueError("the file has no name yet")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.packed:
            self.path.write_bytes(PACKERS[self.packed](self.content[:length]))
        elif random.random() < 0.7:
            with self.path.open("ab") as file:
                file.write(self.content[self.written : length])
        else:
            self.path.write_bytes(self.content[:length])
        self.written, self.damaged = length, False


def streams(random: Random) -> list[Stream]:
    """The logs of one world."""
    days = sorted(random.sample(DAYS, random.choice([1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4])))
    found: list[Stream] = []
    kinds = random.sample(KINDS, random.choice([1, 1, 2]))
    told: list[lines.Event] = []
    for kind in random.choices(kinds, k=random.choice([1, 2, 2, 3])):
        own = lines.events(
            random, days, with_ids=random.random() < 0.5, clock=random.choice(["whole", "fine", "mixed"])
        )
        # The same events again in another file, as of a sender that was not sure.
        own += random.sample(told, min(len(told), random.choice([0, 0, 1, 2])))
        told += own
        content = _content(random, kind, own)
        if all(not content.startswith(other.content) and not other.content.startswith(content) for other in found):
            found.append(Stream(kind, content))
    return found


def _content(random: Random, kind: str, events: list[lines.Event]) -> bytes:
    if random.random() < 0.5:
        random.shuffle(events)
    if kind in web_lines.JSON_KINDS:
        # A time before any website tells that an object is none of theirs.
        events = [event if event["day"] > "2000" else {**event, "day": "2026-02-20"} for event in events]
    good: list[lines.Event | bytes] = list(events)
    bad = random.choice([0, 0, 0, 1, len(good) // 2])
    # The first line is good, and most lines are: what is no log is another test's.
    rest = good[1:] + [_bad(random, kind) for _ in range(min(bad, (len(good) - 1) // 2))]
    random.shuffle(rest)
    if kind == "parquet":
        return web_lines.parquet(random, [good[0], *rest])
    if kind == "iis":
        found = web_lines.w3c(random, [good[0], *rest])
    else:
        found = [each if isinstance(each, bytes) else _good(random, kind, each) for each in [good[0], *rest]]
    if kind == "csv":
        found.insert(0, ",".join(lines.COLUMNS).encode())
    end = b"\r\n" if random.random() < 0.15 else b"\n"
    content = b"".join(line + end for line in found)
    if random.random() < 0.05:
        content = b"\xef\xbb\xbf" + content
    if random.random() < 0.15:
        content = content[: -len(end)]
    elif random.random() < 0.15 and len(good) - len(rest) + 2 < len(good):
        half = found[-1] if kind == "iis" else _good(random, kind, events[0])
        content += half[: random.randint(1, max(len(half) - 1, 1))]
    return content


def _good(random: Random, kind: str, event: lines.Event) -> bytes:
    if kind == "ndjson":
        return lines.ndjson(random, event)
    if kind == "csv":
        return lines.csv_event(random, event)
    if kind in web_lines.GOOD:
        return web_lines.GOOD[kind](random, event)
    return lines.log_line(random, event, kind)


def _bad(random: Random, kind: str) -> bytes:
    if kind == "ndjson":
        return lines.bad_ndjson(random)
    if kind == "csv":
        return lines.bad_csv(random)
    if kind in web_lines.JSON_KINDS:
        return web_lines.bad_json(random, kind)
    if kind in {"iis", "parquet"}:
        return web_lines.bad_w3c(random)
    if kind == "alb":
        return web_lines.bad_alb(random)
    return lines.bad_log_line(random, kind)
