"""What is remembered between two looks, in one small file; where it is lost, it is made anew from ops.alerts.

    <workplace>/_alerts.json     how far the event log was read, the incidents, and what is still to be delivered

The order of writing is what makes a kill harmless: first the alerts, then this file, then the deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from growth_assets.alerts.alert import HistoryDay
from growth_assets.alerts.incidents import Incident, State
from growth_assets.alerts.journal import Journal
from growth_assets.alerts.outbox import Outbox
from growth_assets.settings import Settings
from growth_assets.warehouse import durable, locks


@dataclass
class _State:
    order: int
    incidents: list[tuple[str, str, str, Incident]]
    history: dict[str, dict[str, HistoryDay]]
    refused: dict[str, list[str]]


@dataclass
class _Content:
    state: _State
    outbox: dict[str, tuple[str, dict[str, tuple[int, float]]]]
    log: str


_CONTENT = TypeAdapter(_Content)
"""The shape of the file."""


@dataclass
class Memory:
    """What a look begins with."""

    state: State = field(default_factory=State)
    outbox: Outbox = field(default_factory=Outbox)
    log: str = ""
    """Whose positions `state` speaks of: the identity of Dagster's storage."""
    damaged: bool = False
    """Whether the file was there and could not be understood, so that all of this is made anew."""

    def begin_log(self, log: str, newest: int) -> None:
        """Begin anew where Dagster's storage is another one than it was: its positions mean nothing there."""
        if (self.log and self.log != log) or newest < self.state.order:
            incidents = {key: replace(incident, order=0) for key, incident in self.state.incidents.items()}
            self.state = State(0, incidents)
        self.log = log


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Be the only one who looks, tells and delivers."""
    with locks.exclusive(settings.workplace / "_locks" / "alerts.lock"):
        yield


def load(settings: Settings, journal: Journal) -> Memory:
    """What was remembered; where that is lost, damaged or of another version, what ops.alerts says."""
    content = durable.read_json(path(settings))
    if content is not None:
        try:
            _CONTENT.validate_json(json.dumps(content), strict=True)
            return Memory(State.from_json(content["state"]), Outbox.from_json(content["outbox"]), content["log"])
        except ValueError:
            pass
    told = list(journal.all())
    outbox = Outbox()
    for each in told:
        outbox.put(each)
    return Memory(State.from_alerts(each.alert for each in told), outbox, damaged=path(settings).exists())


def save(settings: Settings, memory: Memory) -> None:
    """Remember, durably."""
    content = {"state": memory.state.to_json(), "outbox": memory.outbox.to_json(), "log": memory.log}
    if durable.digest_of(durable.read_json(path(settings))) != durable.digest_of(content):
        durable.write_json(path(settings), content)


def path(settings: Settings) -> Path:
    """Where it is remembered."""
    return settings.workplace / "_alerts.json"
