"""What Spark's own log of events says of an application: its stages, their tasks, and what they shuffled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS = {
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}
"""With `spark.eventLog.dir` they make Spark write the log."""


@dataclass
class Stage:
    """A stage of a job: tasks that wait for nothing but the stages before."""

    name: str
    tasks: int = 0
    """Those that did their work; of copies of a task the first one."""
    failed: int = 0
    """Those that ended in another way, copies that came second among them."""
    speculative: int = 0
    """Tasks that were begun once more, since they took longer than others."""
    run_seconds: float = 0.0
    """All tasks together, on a core each."""
    shuffled_bytes: int = 0
    """Written for the stages after it."""
    shuffled_rows: int = 0
    result_bytes: int = 0
    """Handed back to the driver."""


@dataclass(frozen=True)
class Application:
    """What an application did until now."""

    stages: Sequence[Stage]
    jobs: int
    """Those that ended, well or not."""
    executors: int
    """How many there were, one after the other as well."""
    lost: int
    """How many of them are gone."""

    def since(self, before: Application) -> Application:
        """What it did since an earlier look, at which no job was under way."""
        return Application(
            self.stages[len(before.stages) :], self.jobs - before.jobs, self.executors - before.executors,
            self.lost - before.lost,
        )  # fmt: skip

    @property
    def shuffles(self) -> list[Stage]:
        """Stages that shuffled something, the largest first."""
        return sorted((each for each in self.stages if each.shuffled_bytes), key=lambda each: -each.shuffled_bytes)

    @property
    def shuffled_bytes(self) -> int:
        """Of all its stages."""
        return sum(each.shuffled_bytes for each in self.stages)


def read(folder: Path) -> Application:
    """The newest application whose log is in the folder.

    Raises:
        LookupError: there is none.
    """
    # Beside it may be a hidden file with its checksum.
    logs = sorted(folder.glob("[!.]*"), key=lambda path: path.stat().st_mtime_ns)
    if not logs:
        raise LookupError(f"Spark wrote no log of events to {folder}")
    # The last line may not be whole yet.
    lines = logs[-1].read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
    return told(map(json.loads, lines))


def told(events: Iterable[Mapping[str, Any]]) -> Application:
    """What the events say, in their order."""
    stages: dict[int, Stage] = {}
    many = Counter[str]()
    for event in events:
        kind = event["Event"]
        many[kind] += 1
        if kind == "SparkListenerStageSubmitted":
            about = event["Stage Info"]
            # Once more under the same number, where what it made was lost.
            stages.setdefault(about["Stage ID"], Stage(about["Stage Name"].partition(" at ")[0]))
        elif kind == "SparkListenerTaskEnd":
            _task(stages[event["Stage ID"]], event)
    return Application(
        list(stages.values()), many["SparkListenerJobEnd"], many["SparkListenerExecutorAdded"],
        many["SparkListenerExecutorRemoved"],
    )  # fmt: skip


def _task(stage: Stage, event: Mapping[str, Any]) -> None:
    stage.speculative += event["Task Info"]["Speculative"]
    if event["Task End Reason"]["Reason"] != "Success":
        stage.failed += 1
        return
    took = event.get("Task Metrics") or {}
    stage.result_bytes += took.get("Result Size", 0)
    written = took.get("Shuffle Write Metrics", {})
    stage.tasks += 1
    stage.run_seconds += took.get("Executor Run Time", 0) / 1000
    stage.shuffled_bytes += written.get("Shuffle Bytes Written", 0)
    stage.shuffled_rows += written.get("Shuffle Records Written", 0)
