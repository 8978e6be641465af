"""From what two workers took to how many machines a large day needs, and for how long: multiplied, not measured."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from growth_assets.engines.cluster import REPORTS_AT_ONCE

EVENTS_A_DAY = (1_000_000_000, 10_000_000_000, 100_000_000_000)
HOURS = 2.0
"""In which a day is to be built."""
BUSY = 0.7
"""Of a core's time: tasks wait for each other, for disks and for the network."""
LEAST_BLOCK = 50_000
"""Bytes that a task of the second step fetches of each task of the first: smaller ones cost more than they hold."""
SPEED = Path(__file__).with_name("speed.json")
"""What landing takes stands there."""


def landing_core_seconds() -> float:
    """What landing an event of NDJSON takes, as it was measured last."""
    speed = json.loads(SPEED.read_text(encoding="utf-8"))
    landing = next(day for day in speed["days"] if day["format"] == "ndjson")["steps"]["landing"]
    return float(landing["cpu_seconds"] / speed["events"])


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, as clouds rent them."""

    cores: int = 16
    network_bytes: float = 1.25e9
    """A second: 10 Gbit."""


@dataclass(frozen=True)
class Costs:
    """What one event takes, beyond what every build takes to begin."""

    core_seconds: float
    """Of driver and executors together."""
    shuffled_bytes: float
    landing_core_seconds: float
    """NDJSON, as one machine reads it; those of a cluster read by the same function."""
    result_bytes: float
    """Of each task of the second step: its part of each small table, and what it found."""

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> Costs:
        """From what `python -m benchmarks spark --json` gives."""
        events, spark = numbers["events"], numbers["engines"]["spark"]
        # The second step hands it to the driver, or to a third one that adds it up.
        made = numbers["stages"][1]
        return cls(
            (spark["cpu_seconds"] - spark["nothing_to_do"]["cpu_seconds"]) / events,
            numbers["shuffled_bytes"] / events,
            numbers["landing_core_seconds"],
            (made["result_bytes"] + made["shuffled_bytes"]) / max(made["tasks"], 1),
        )


@dataclass(frozen=True)
class Size:
    """A cluster for so many events a day."""

    events: int
    costs: Costs
    node: Node = Node()

    @property
    def core_hours(self) -> float:
        """Of work, landing included."""
        return self.events * (self.costs.core_seconds + self.costs.landing_core_seconds) / 3600

    @property
    def nodes(self) -> int:
        """So many that the day is built in time; two at least, so that one may be lost."""
        return max(2, math.ceil(self.core_hours / (self.node.cores * BUSY * HOURS)))

    @property
    def hours(self) -> float:
        """What they take."""
        return self.core_hours / (self.nodes * self.node.cores * BUSY)

    @property
    def events_a_task(self) -> int:
        """So many, to a hundred thousand, that no block of the shuffle is too small; the setting's default at least."""
        least = math.sqrt(LEAST_BLOCK * self.events / self.costs.shuffled_bytes)
        return max(500_000, math.ceil(least / 100_000) * 100_000)

    @property
    def tasks(self) -> int:
        """Of each of the two steps."""
        return math.ceil(self.events / self.events_a_task)

    @property
    def shuffled_bytes(self) -> float:
        """Through the network, all but what stays on its node."""
        return self.events * self.costs.shuffled_bytes

    @property
    def network_minutes(self) -> float:
        """That the network of each node is busy with it."""
        return self.shuffled_bytes / self.nodes / self.node.network_bytes / 60

    @property
    def driver_bytes(self) -> float:
        """The parts of the small tables, added up by a third step where there are many."""
        reports = self.tasks if self.tasks <= REPORTS_AT_ONCE else math.ceil(self.tasks / REPORTS_AT_ONCE)
        return reports * self.costs.result_bytes

    @property
    def landing_core_hours(self) -> float:
        """Of these, those of landing."""
        return self.events * self.costs.landing_core_seconds / 3600


def as_text(numbers: Mapping[str, Any]) -> str:
    """A table in Markdown."""
    costs = Costs.of(numbers)
    return "\n".join(
        [
            f"{costs.core_seconds * 1e6:.1f} core seconds a million events beyond the start, "
            f"{costs.shuffled_bytes:.0f} bytes shuffled an event, {costs.result_bytes / 1e6:.2f} MB of small tables "
            f"from each task; landing of NDJSON takes {costs.landing_core_seconds * 1e6:.1f} core seconds a million. "
            f"Of nodes with {Node().cores} cores and 10 Gbit/s, {BUSY:.0%} busy, for a day in {HOURS:g} hours:",
            "",
            "| events a day | nodes | hours | `events_a_task` | tasks a step | TB shuffled | minutes of network | "
            "MB to the driver | core hours of landing |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *_rows(costs),
        ]
    )


def _rows(costs: Costs) -> Iterator[str]:
    for events in EVENTS_A_DAY:
        size = Size(events, costs)
        yield (
            f"| {events:,} | {size.nodes:,} | {size.hours:.1f} | {size.events_a_task:,} | {size.tasks:,} | "
            f"{size.shuffled_bytes / 1e12:.2f} | {size.network_minutes:.1f} | {size.driver_bytes / 1e6:,.0f} | "
            f"{size.landing_core_hours:,.1f} |"
        )
