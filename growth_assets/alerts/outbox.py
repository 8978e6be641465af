"""What has still to be delivered: each message once to each channel, tried again at growing distances, not for ever.

A channel that fails stops none of the others; it is tried once a look. What a channel took is written down before the
next message goes out, so a kill repeats one message at most, and loses none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from growth_assets.alerts.channels import Channel, deliver
from growth_assets.alerts.journal import GONE_OUT, WAITING, Journal, Told, month_of

FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0
"""Seconds between two attempts: at first, and at most; each wait is twice the one before."""

MOST_ATTEMPTS = 30
"""Then a message is given up on a channel: after about a day."""

GIVEN_UP = "given up"


@dataclass
class Attempts:
    """At one message on one channel."""

    times: int = 0
    next_at: float = 0.0


@dataclass
class Delivered:
    """What one look came to."""

    sent: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Channel to what went wrong."""
    given_up: int = 0


@dataclass
class Outbox:
    """Messages by id with the month they are in, and the channels that have not taken them."""

    waiting: dict[str, tuple[str, dict[str, Attempts]]] = field(default_factory=dict)

    def put(self, told: Told) -> None:
        """Have a message delivered where it was not."""
        channels = {name: Attempts() for name, state in told.delivery.items() if state.startswith(WAITING)}
        if channels and told.alert.alert_id not in self.waiting:
            self.waiting[told.alert.alert_id] = (month_of(told.alert.at), channels)

    def deliver(self, journal: Journal, channels: Sequence[Channel], now: float, seconds: float) -> Delivered:
        """Try what is due, for so many seconds at most; a channel that is not there any more is left out."""
        begun = time.monotonic()
        done = Delivered()
        by_name = {channel.name: channel for channel in channels}
        due = sorted(
            (attempts.next_at, order, alert_id, name)
            for order, (alert_id, (_, by_channel)) in enumerate(self.waiting.items())
            for name, attempts in by_channel.items()
            if attempts.next_at <= now and name in by_name
        )
        for _, _, alert_id, name in due:
            if time.monotonic() - begun > seconds:
                break
            if name not in done.failed:
                self._try(journal, by_name[name], alert_id, now, done)
        return done

    def _try(self, journal: Journal, channel: Channel, alert_id: str, now: float, done: Delivered) -> None:
        month, by_channel = self.waiting[alert_id]
        told = journal.read(month).get(alert_id)
        attempts = by_channel[channel.name]
        if told is None or not told.delivery.get(channel.name, "").startswith(WAITING):
            self._drop(alert_id, channel.name)  # it went out, and whoever sent it had no time to remember it
            return
        wrong = deliver(channel, told.message)
        if not wrong:
            journal.mark(told, channel.name, GONE_OUT)
            self._drop(alert_id, channel.name)
            done.sent += 1
            return
        done.failed[channel.name] = wrong
        attempts.times += 1
        attempts.next_at = now + min(FIRST_WAIT * 2 ** (attempts.times - 1), LONGEST_WAIT)
        if attempts.times >= MOST_ATTEMPTS:
            journal.mark(told, channel.name, f"{GIVEN_UP} after {attempts.times} attempts: it {wrong}")
            self._drop(alert_id, channel.name)
            done.given_up += 1
        else:
            journal.mark(told, channel.name, f"{WAITING} after {attempts.times} attempts: it {wrong}")

    def _drop(self, alert_id: str, channel: str) -> None:
        _, by_channel = self.waiting[alert_id]
        del by_channel[channel]
        if not by_channel:
            del self.waiting[alert_id]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            alert_id: [month, {name: [each.times, each.next_at] for name, each in by_channel.items()}]
            for alert_id, (month, by_channel) in self.waiting.items()
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(
            {
                alert_id: (month, {name: Attempts(times, next_at) for name, (times, next_at) in by_channel.items()})
                for alert_id, (month, by_channel) in content.items()
            }
        )
