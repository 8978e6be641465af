"""How the files of a small world come: they appear, grow, are rotated, copied, packed, delivered again and deleted."""

from __future__ import annotations

import gzip
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from growth_assets_tests.worlds.streams import PACKERS, Stream

LONG_AGO = 1_772_000_000
"""Seconds since 1970: a file that was last written then is not being written any more."""


class History:
    """The landing folder, and what may happen to it next. All chance comes from `random`, none from the product."""

    def __init__(self, random: Random, landing: Path, streams: list[Stream]) -> None:
        self.random, self.landing, self.streams = random, landing, streams
        self.snapshots: list[tuple[str, bytes]] = []
        """Kind and content of what was there when a landing went well."""
        self.numbers = 0
        self.tally: Counter[str] = Counter()
        landing.mkdir(parents=True)

    @property
    def done(self) -> bool:
        """Every stream has come whole."""
        return all(stream.whole for stream in self.streams)

    @property
    def names(self) -> set[str]:
        """The files of the streams, as the product names them."""
        return {each.path.relative_to(self.landing).as_posix() for each in self.streams if each.path}

    def step(self) -> None:
        """Something happens to a file."""
        happenings: list[Callable[[], bool]] = [*[self._write] * 4, self._rotate, self._copy, self._pack, self._again]
        happenings += [*[self._delete] * 2, self._move, self._touch, self._garbled, *[self._half_copied] * 2]
        happening = self.random.choice(happenings)
        if happening():
            self.tally[happening.__name__.strip("_")] += 1

    def finish(self) -> None:
        """All that is still to come comes, and then nobody writes for a long time."""
        for stream in self.streams:
            if not stream.whole:
                self._name(stream)
                stream.write(self.random, len(stream.content))
        for path in self.landing.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO))

    def landed(self) -> None:
        """A landing went well: what is there now is known."""
        for stream in self.streams:
            if stream.path and not stream.damaged and stream.written:
                self.snapshots.append((stream.kind, stream.now))
                stream.landed = stream.landed or stream.whole

    def _write(self) -> bool:
        growing = [stream for stream in self.streams if not stream.whole]
        if not growing:
            return False
        stream = self.random.choice(growing)
        self._name(stream)
        end = len(stream.content)
        near = stream.content.find(b"\n", self.random.randint(stream.written, end)) + 1
        length = self.random.choice([end, near or end, self.random.randint(stream.written, end)])
        stream.write(self.random, length if stream.in_lines else end)
        return True

    def _name(self, stream: Stream) -> None:
        if stream.path is None:
            # A name that a rotation left free, or one that a copy was truncated under, is taken again.
            name = self.random.choice([f"{stream.kind}.log", f"{stream.kind}.log", f"deep/er/{stream.kind} 2.log"])
            path = self.landing / name
            taken = {other.path for other in self.streams}
            stream.path = path if path not in taken and _empty(path) else self._new(stream.kind)
            if stream.in_lines and not stream.path.exists() and self.random.random() < 0.2:
                stream.packed = self.random.choice(list(PACKERS))

    def _new(self, kind: str) -> Path:
        self.numbers += 1
        return self.landing / self.random.choice(["", "other/"]) / f"{kind}-{self.numbers}"

    def _some(self) -> Stream | None:
        there = [stream for stream in self.streams if stream.path]
        return self.random.choice(there) if there else None

    def _rotate(self) -> bool:
        stream = self._some()
        if not (stream and stream.path and stream.whole):
            return False
        rotated = self._new(stream.kind)
        rotated.parent.mkdir(parents=True, exist_ok=True)
        if self.random.random() < 0.5:
            stream.path.rename(rotated)
        else:
            shutil.copy(stream.path, rotated)
            os.truncate(stream.path, 0)
        stream.path = rotated
        return True

    def _copy(self) -> bool:
        stream = self._some()
        if not (stream and stream.path):
            return False
        copy = self._new(stream.kind)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if self.random.random() < 0.5:
            shutil.copy(stream.path, copy)
        else:
            copy.write_bytes(PACKERS[self.random.choice(list(PACKERS))](stream.now))
        return True

    def _pack(self) -> bool:
        stream = self._some()
        if not (stream and stream.path and stream.in_lines and not stream.damaged):
            return False
        stream.path.unlink()
        stream.path = self._new(stream.kind)
        stream.packed = None if stream.packed else self.random.choice(list(PACKERS))
        length, stream.written = stream.written, 0
        stream.write(self.random, length)
        return True

    def _half_copied(self) -> bool:
        stream = self._some()
        if not (stream and stream.path and stream.packed and not stream.whole):
            return False
        packed = PACKERS[stream.packed](stream.content)
        stream.path.write_bytes(packed[: self.random.randint(1, len(packed) - 1)])
        stream.damaged = True
        return True

    def _garbled(self) -> bool:
        stream = self._some()
        if not (stream and stream.path and stream.now):
            return False
        packed = bytearray(gzip.compress(stream.now, compresslevel=0, mtime=0))
        # Before the checksum and the length: nothing but the checksum tells.
        packed[self.random.randint(15, len(packed) - 9)] ^= 1 << self.random.randrange(8)
        copy = self._new(stream.kind)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(packed)
        return True

    def _again(self) -> bool:
        if not self.snapshots:
            return False
        kind, content = self.random.choice(self.snapshots)
        copy = self._new(kind)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        return True

    def _delete(self) -> bool:
        stream = self._some()
        if not (stream and stream.path and stream.landed):
            return False
        stream.path.unlink()
        stream.path = None
        return True

    def _move(self) -> bool:
        stream = self._some()
        if not (stream and stream.path):
            return False
        moved = self._new(stream.kind)
        moved.parent.mkdir(parents=True, exist_ok=True)
        stream.path = stream.path.rename(moved)
        return True

    def _touch(self) -> bool:
        stream = self._some()
        if not (stream and stream.path):
            return False
        os.utime(stream.path, (LONG_AGO, LONG_AGO))
        return True


def _empty(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0
