"""The alert sensor: tells what went wrong, once, and that it is over; asks for nothing.

What it told and how far it read is on disk beside the tables (see `alerts.memory`), not in the sensor's cursor: it may
be switched off, killed, or lose its cursor, and goes on from there.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import dagster as dg

from growth_assets.alerts import memory as remembered
from growth_assets.alerts import table as ops_alerts
from growth_assets.alerts.alert import Alert, counted, notice
from growth_assets.alerts.channels import Channel, channels
from growth_assets.alerts.incidents import Rules
from growth_assets.alerts.journal import Journal, month_of
from growth_assets.alerts.memory import Memory
from growth_assets.alerts.outbox import Delivered
from growth_assets.alerts.seen import Level
from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.orchestration.findings import Log
from growth_assets.settings import Settings
from growth_assets.warehouse.catalogue import CatalogueError

NAME = "alert_sensor"

READING_SECONDS, DELIVERING_SECONDS = 10.0, 20.0
"""So long a look reads and delivers at most, beside the last message; the daemon gives a sensor a minute."""


def alert_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor of a site's alerts."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=settings.alerts.seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.alerts.running else dg.DefaultSensorStatus.STOPPED,
        description="Tells failed and warned checks, late tables and failed runs to ops.alerts and to the channels of "
        "GROWTH_ALERT_URLS: once when an incident opens, when it worsens, and when it is over.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(look(settings, context.instance, time.time()).says)

    return sensor


@dataclass
class Looked:
    """What one look came to."""

    read: int
    told: list[Alert]
    delivered: Delivered
    memory: Memory
    more: bool
    no_channel: bool
    was_damaged: bool

    @property
    def says(self) -> str:
        """In plain words."""
        says = [f"read {self.read} findings" + (", more to read" if self.more else "")]
        says.append(f"told {len(self.told)} alerts" if self.told else "nothing to tell")
        says.append(f"{len(self.memory.state.open)} incidents are open")
        if self.delivered.sent:
            says.append(f"delivered {self.delivered.sent} messages")
        says += [f"{name} {wrong}" for name, wrong in self.delivered.failed.items()]
        if self.memory.outbox.waiting:
            says.append(f"{len(self.memory.outbox.waiting)} messages wait for a channel")
        if self.delivered.given_up:
            says.append(f"gave up on {self.delivered.given_up} messages")
        if self.was_damaged:
            says.append("what was remembered was damaged, and is made anew from ops.alerts")
        if self.no_channel:
            says.append("GROWTH_ALERT_URLS names no channel, so alerts are in ops.alerts alone")
        return "; ".join(says)


def look(settings: Settings, instance: dg.DagsterInstance, now: float) -> Looked:
    """Read what was logged since the last look, tell what is to be told, deliver what waits."""
    with remembered.held(settings):
        journal = Journal(settings)
        memory = remembered.load(settings, journal)
        was_damaged = memory.damaged
        there = channels(settings)
        _put_aside(journal, memory, there, now)
        read, told, more = _read(settings, instance, journal, memory, there, now)
        delivered = memory.outbox.deliver(journal, there, now, DELIVERING_SECONDS)
        remembered.save(settings, memory)
    return Looked(read, told, delivered, memory, more, not there, was_damaged)


def _put_aside(journal: Journal, memory: Memory, there: list[Channel], now: float) -> None:
    """Put damaged months aside that this look would read, and tell it."""
    for month in sorted(
        {*journal.months()[-1:], month_of(now), *(month for month, _ in memory.outbox.waiting.values())}
    ):
        journal.read(month)
    for month, name in journal.put_aside:
        lost = sum(1 for each, _ in memory.outbox.waiting.values() if each == month)
        says = f"{month}.parquet could not be read and is put aside as {name}"
        says += f"; {counted(lost, 'message')} that waited for a channel went with it" if lost else ""
        for each in journal.add(
            [notice(ops_alerts.TABLE.name, "alerts_readable", now, memory.state.order, says)],
            [channel.name for channel in there],
        ):
            memory.outbox.put(each)


def _read(
    settings: Settings,
    instance: dg.DagsterInstance,
    journal: Journal,
    memory: Memory,
    there: list[Channel],
    now: float,
) -> tuple[int, list[Alert], bool]:
    log = Log(instance)
    memory.begin_log(log.identity, log.newest)
    rules = Rules(settings.alerts.quiet_days, settings.alerts.many_days, Level[settings.alerts.least])
    begun = time.monotonic()
    read, told, position = 0, [], memory.state.order
    first = not journal.months()
    more = True
    while more and time.monotonic() - begun < READING_SECONDS:
        events, reached = log.since(position, now)
        more = reached > position
        position = reached
        alerts = list(memory.state.advance(events, rules))
        for each in journal.add(alerts, [channel.name for channel in there]):
            memory.outbox.put(each)
        memory.state.order = position
        # Only now, since what is written is what makes it safe to forget what was read.
        remembered.save(settings, memory)
        read += len(events)
        told += alerts
    if first and told:
        # The view reads a pattern of files, which needs one; the next build would make it as well.
        with suppress(OSError, CatalogueError):
            refresh_catalogue(settings)
    return read, told, more
