"""What goes wrong between a site and its landing folder: lines come late, come twice, or come broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from growth_assets.simulate.dice import Dice, Flags, Ints, mixed
from growth_assets.simulate.events import Events, joined
from growth_assets.simulate.rhythm import DAY_MS

LATE_PER_MILLION = 8_000
TWICE_PER_MILLION = 4_000
BROKEN_PER_MILLION = 1_000
DELAYS = (1, 1, 1, 1, 1, 1, 2, 2, 3)
"""Days by which a late line is late, each as likely as another."""


@dataclass(frozen=True)
class Delivery:
    """Events in one file, or on the way to it."""

    events: Events
    arrival: Ints
    """Milliseconds of the file's day at which a line was written."""
    late: Flags
    copy: Flags
    """The second line of an event that has come already."""

    def take(self, at: Ints | Flags) -> Delivery:
        """The lines at positions, or where true."""
        return Delivery(self.events.take(at), self.arrival[at], self.late[at], self.copy[at])


def in_order(parts: list[Delivery]) -> Delivery:
    """All that arrives in one file, in order of arrival; a line written twice at once follows itself."""
    one = _one(parts)
    # Time above, position below: no two keys are equal, so any sorting algorithm gives the same order.
    keys = (one.arrival.astype(np.uint64) << np.uint64(32)) | np.arange(len(one.arrival), dtype=np.uint64)
    keys.sort()
    return one.take((keys & np.uint64(0xFFFF_FFFF)).astype(np.int64))


def delivered(dice: Dice, events: Events, midnight: int, days_left: int, *, twice: bool) -> dict[int, Delivery]:
    """In which file the events of a day arrive, by the number of days after their own.

    Args:
        dice: the day's own.
        events: of the day.
        midnight: the day's begin in milliseconds since 1970.
        days_left: days that follow; nothing arrives after the last one's file.
        twice: whether lines may come twice. Without an event id nobody could tell.
    """
    size = len(events)
    fate = dice.below(size, 1_000_000)
    late_at = np.flatnonzero(fate < LATE_PER_MILLION)
    delay = np.minimum(np.asarray(DELAYS, dtype=np.int64)[dice.below(len(late_at), len(DELAYS))], days_left)
    somewhen = dice.below(len(late_at), DAY_MS)
    own = np.ones(size, dtype=np.bool_)
    own[late_at[delay > 0]] = False

    parts: dict[int, list[Delivery]] = {0: [_delivery(events.take(own), midnight)]}
    for days in sorted({int(each) for each in delay} - {0}):
        at = delay == days
        part = _delivery(events.take(late_at[at]), midnight)
        parts[days] = [Delivery(part.events, somewhen[at], ~part.late, part.copy)]
    if twice:
        again = (fate >= LATE_PER_MILLION) & (fate < LATE_PER_MILLION + TWICE_PER_MILLION)
        copies = _delivery(events.take(again), midnight)
        copies = Delivery(copies.events, copies.arrival, copies.late, ~copies.copy)
        tomorrow = mixed(copies.events.number, 30) % np.uint64(4) == 0
        if days_left == 0:
            tomorrow[:] = False
        parts[0].append(copies.take(~tomorrow))
        parts.setdefault(1, []).append(copies.take(tomorrow))
    return {days: each[0] if len(each) == 1 else _one(each) for days, each in parts.items()}


def _one(parts: list[Delivery]) -> Delivery:
    return Delivery(
        joined([part.events for part in parts]),
        np.concatenate([part.arrival for part in parts]),
        np.concatenate([part.late for part in parts]),
        np.concatenate([part.copy for part in parts]),
    )


def _delivery(events: Events, midnight: int) -> Delivery:
    never = np.zeros(len(events), dtype=np.bool_)
    return Delivery(events, events.when - midnight, never, never)


def how_many_broken(lines: int) -> int:
    """Broken lines in a file of so many good ones: at least one, where it can stand between two others."""
    return max(1, lines * BROKEN_PER_MILLION // 1_000_000) if lines > 1 else 0


def broken_lines(
    dice: Dice, lines: int, make: tuple[Callable[[str, int], bytes], ...], ds: str
) -> list[tuple[int, bytes]]:
    """Lines that nobody can read, each with the position before which it stands; never the first of a file.

    Args:
        dice: the file's own.
        lines: good lines in the file.
        make: ways to break a line, each given the day and a number.
        ds: the file's day.
    """
    count = how_many_broken(lines)
    if count == 0:
        return []
    at = np.sort(1 + dice.below(count, lines - 1))
    ways = dice.below(count, len(make))
    numbers = dice.below(count, 10**9)
    return [
        (int(position), make[int(way)](ds, int(number)))
        for position, way, number in zip(at, ways, numbers, strict=True)
    ]
