"""Combined access logs, as Apache and nginx write them, one file a host; and how their lines break."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from growth_assets.simulate import pages
from growth_assets.simulate.dice import Ints
from growth_assets.simulate.events import Events
from growth_assets.simulate.lines import (
    addresses,
    as_text,
    fixed_width,
    fragments,
    joined_lines,
    put_clock,
    put_day,
    users,
)
from growth_assets.simulate.rhythm import DAY_MS
from growth_assets.simulate.vocabulary import Vocabulary, day_name

_TIME = b" [01/Jan/2026:00:00:00 +0000]"
_DAY, _CLOCK = _TIME.index(b"01/"), _TIME.index(b"00:00:00 ")
# Not strftime: its month names follow the locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class AccessLog:
    """Writes events of one world in the combined log format; the clock has whole seconds."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._requests = [
            f' "{each.method} {each.path} HTTP/1.1" {each.status} {each.size or "-"} ' for each in pages.REQUESTS
        ]
        self._referrers = [f'"{text or "-"}" ' for text in vocabulary.referrers]
        self._agents = [f'"{name}"\n' for name in vocabulary.agents]

    def __call__(self, events: Events) -> tuple[memoryview, Ints]:
        """All bytes of these events' lines, and where each begins."""
        time = fixed_width(len(events), _TIME)
        days, ms_of_day = np.divmod(events.when, DAY_MS)
        put_day(time, _DAY, days, {int(day): _day(int(day)) for day in np.unique(days)})
        put_clock(time, _CLOCK, ms_of_day)
        return joined_lines(
            [
                *addresses(events.ip),
                users(events.user, " - {}".format, nobody=" - -"),
                as_text(time),
                fragments(self._requests, events.request),
                fragments(self._referrers, events.referrer),
                fragments(self._agents, events.agent),
            ]
        )


def _day(number: int) -> str:
    day = day_name(number)
    return f"{day.day:02d}/{_MONTHS[day.month - 1]}/{day.year:04d}"


def _half(ds: str, number: int) -> bytes:
    # Cut before the time is complete: what is cut later may still pass as the shorter common format.
    whole = f"192.0.2.1 - - [{_stamp(ds)} +0000]".encode()
    return whole[: 6 + number % (len(whole) - 14)] + b"\n"


def _stamp(ds: str) -> str:
    return f"{ds[8:10]}/{_MONTHS[int(ds[5:7]) - 1]}/{ds[:4]}:12:00:00"


_REST = b' "GET / HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n'

BROKEN: tuple[Callable[[str, int], bytes], ...] = (
    _half,
    _half,
    lambda ds, number: f"{ds} 12:00:00 [error] {number}#0: upstream timed out while reading response\n".encode(),
    lambda _ds, _number: b"192.0.2.1 - -" + _REST,
    lambda _ds, _number: b"192.0.2.1 - - [-]" + _REST,
    lambda ds, _number: f"192.0.2.1 - - [{_stamp(ds)}]".encode() + _REST,
    lambda ds, _number: f"192.0.2.1 - - [99/Jan/{ds[:4]}:12:00:00 +0000]".encode() + _REST,
    lambda _ds, number: b"\xff\x16\x03\x01" + bytes(128 + number % (97 + at) for at in range(20)) + b"\n",
)
"""Half a line, a line of another log, no time, a dash for it, no offset, no such day, no text."""
