"""The alerts from the command line: what is open, a look without the daemon, and a test message."""

from __future__ import annotations

import time
from collections.abc import Iterator

from growth_assets.alerts import memory
from growth_assets.alerts.channels import channels, deliver
from growth_assets.alerts.journal import Journal
from growth_assets.alerts.message import Message
from growth_assets.alerts.seen import Level
from growth_assets.orchestration import recency
from growth_assets.orchestration.alert_sensor import look
from growth_assets.orchestration.findings import HOLD_BACK
from growth_assets.orchestration.instance import open_instance
from growth_assets.settings import Settings


def look_once(settings: Settings) -> str:
    """Look as the sensors do, also for days that are due and missing; what came of it."""
    with open_instance(settings) as instance:
        recency.tell(settings, instance)
        time.sleep(HOLD_BACK)
        return look(settings, instance, time.time()).says


def status(settings: Settings) -> Iterator[str]:
    """The open incidents, the oldest first, and what waits for a channel."""
    remembered = memory.load(settings, Journal(settings, mends=False))
    there = remembered.state.open
    yield f"{len(there)} open incidents" + (":" if there else "")
    for (table, check, host), incident in there:
        where = f" on {host}" if host else ""
        yield f"  {incident.level.name} {table}: {check}{where}, {incident.first_bad_day} to {incident.last_bad_day}"
    yield f"channels: {', '.join(channel.name for channel in channels(settings)) or 'none'}"
    if remembered.outbox.waiting:
        yield f"{len(remembered.outbox.waiting)} messages wait for a channel to take them"


def send_test(settings: Settings) -> dict[str, str]:
    """Send a message to every channel; what went wrong with each, empty where it was taken."""
    link = settings.alerts.base_url
    message = Message(
        "[test] growth_assets",
        f"This is a test: alerts of growth_assets go here. Nothing is wrong.\nSee: {link}",
        link,
        Level.OK,
        good_news=True,
    )
    return {channel.name: deliver(channel, message) for channel in channels(settings)}
