"""Native events: one JSON object a line. And the ways in which such a line breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from growth_assets.simulate import pages
from growth_assets.simulate.dice import Ints, mixed
from growth_assets.simulate.events import Events
from growth_assets.simulate.lines import (
    addresses,
    as_text,
    fixed_width,
    fragments,
    joined_lines,
    put_clock,
    put_day,
    put_hex,
    put_millis,
    users,
)
from growth_assets.simulate.rhythm import DAY_MS
from growth_assets.simulate.vocabulary import Vocabulary, day_name

_HEAD = b'{"event_id":"0123456789abcdef","event_time":"2026-01-01T00:00:00.000Z"'
_ID, _DAY, _CLOCK, _MILLIS = (_HEAD.index(part) for part in (b"0123", b"2026", b"00:00:00", b"000Z"))


class NativeLines:
    """Writes events of one world as JSON lines."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._seed = vocabulary.seed
        self._places = [
            _inner(hostname=host, action_type=request.action, url=f"https://{host}{request.path}")
            for host in vocabulary.hostnames
            for request in pages.REQUESTS
        ]
        # A landing without a referrer says null; a reader meets both null and, for user_id, no key at all.
        self._referrers = [_inner(referrer=text or None) + ',"ip":"' for text in vocabulary.referrers]
        self._agents = ['"' + _inner(user_agent=name) for name in vocabulary.agents]
        self._ends = [
            (_inner(properties=dict(request.properties)) if request.properties else "") + "}\n"
            for request in pages.REQUESTS
        ]

    def __call__(self, events: Events) -> tuple[memoryview, Ints]:
        """All bytes of these events' lines, and where each begins."""
        head = fixed_width(len(events), _HEAD)
        put_hex(head, _ID, event_ids(self._seed, events))
        days, ms_of_day = np.divmod(events.when, DAY_MS)
        put_day(head, _DAY, days, {int(day): day_name(int(day)).isoformat() for day in np.unique(days)})
        put_clock(head, _CLOCK, ms_of_day)
        put_millis(head, _MILLIS, ms_of_day)
        place = events.host.astype(np.int64) * len(pages.REQUESTS) + events.request
        return joined_lines(
            [
                as_text(head),
                fragments(self._places, place),
                fragments(self._referrers, events.referrer),
                *addresses(events.ip),
                fragments(self._agents, events.agent),
                users(events.user, ',"user_id":"{}"'.format, nobody=""),
                fragments(self._ends, events.request),
            ]
        )


def event_ids(seed: int, events: Events) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    """One word for each event, another for each event of the world."""
    return mixed(events.number, seed + 40)


def _inner(**values: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return "," + json.dumps(values, separators=(",", ":"))[1:-1]


def _phantom(ds: str, number: int, **changes: str | None) -> dict[str, str | None]:
    event: dict[str, str | None] = {
        "event_id": f"broken-{ds}-{number}",
        "event_time": f"{ds}T12:00:00.000Z",
        "hostname": "www.xx.com",
        "action_type": "page_view",
        "url": "https://www.xx.com/",
        "ip": "192.0.2.1",
        "user_agent": "Mozilla/5.0",
    }
    event.update(changes)
    return event


def _line(event: object) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def _half(ds: str, number: int) -> bytes:
    whole = _line(_phantom(ds, number))
    return whole[: 12 + number % (len(whole) - 16)] + b"\n"


def _no_time(ds: str, number: int) -> bytes:
    event = _phantom(ds, number)
    del event["event_time"]
    return _line(event)


def _garbage(_ds: str, number: int) -> bytes:
    octets = (number * 2_654_435_761 + 97 * at * at + at for at in range(24))
    # No line feed or carriage return, which would make two lines of one; 0xFF makes it no UTF-8.
    return b"\xff\xfe" + bytes(octet % 256 for octet in octets).translate(None, b"\r\n") + b"\n"


BROKEN: tuple[Callable[[str, int], bytes], ...] = (
    _half,
    _half,
    lambda _ds, number: b"upstream timed out while reading response header, request %d\n" % number,
    _no_time,
    lambda ds, number: _line(_phantom(ds, number, event_time=None)),
    lambda ds, number: _line(_phantom(ds, number, event_time=f"{ds}T12:00:00.000")),
    lambda ds, number: _line(_phantom(ds, number, event_time=f"{ds[:4]}-13-45T99:00:00Z")),
    lambda _ds, number: _line([number, "page_view"]),
    _garbage,
)
"""Half an object, no JSON, no time, null for it, a time without an offset, no such time, no object, no
text."""
