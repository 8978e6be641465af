"""A backfill of many days as it is started in the UI: from the click to the end of its last run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import worlds
from benchmarks.contenders import product
from benchmarks.processes import plain, python, ran
from benchmarks.year import FIRST_DAY
from growth_assets.tables import DAILY

PATIENCE = 600.0
"""Seconds to wait for a server to answer, or for a day to be done."""

POLL = 0.5


@dataclass(frozen=True)
class Backfill:
    """What a backfill from the UI took."""

    days: int
    events_per_day: int
    seconds: float
    """From the click to the backfill's end, the daemon's sleeps among them."""
    begun: float
    """From the click until its first run began."""
    runs: int
    build_seconds: float
    """`growth-assets build` of the same days, before, landing among it."""


def measure(folder: Path, days: int, events_per_day: int) -> Backfill:
    """Build all days from the command line; then start web server and daemon, and let them build all of them again."""
    landing = worlds.days(folder, days, events_per_day, FIRST_DAY)
    place = Path(tempfile.mkdtemp(prefix=".sites-", dir=folder))
    try:
        site = worlds.site(place / "site", landing)
        built = ran(product(site))[0].seconds
        with _served(site) as url:
            names = _days_of(url)
            clicked = time.perf_counter()
            backfill = _launched(url, names)
            begun, runs = _ended(url, backfill, clicked)
            seconds = time.perf_counter() - clicked
    finally:
        shutil.rmtree(place)
    return Backfill(len(names), events_per_day, seconds, begun, runs, built)


def _days_of(url: str) -> list[str]:
    """The days that are built already: those are asked for again."""
    path = json.dumps(DAILY[0].name.split("."))
    asked = f"{{assetNodeOrError(assetKey: {{path: {path}}}) {{... on AssetNode {{assetPartitionStatuses"
    asked += " {... on TimePartitionStatuses {ranges {startKey endKey}} ... on DefaultPartitionStatuses"
    asked += " {materializedPartitions}} partitionKeys}}}"
    node = _ask(url, asked)["assetNodeOrError"]
    statuses = node["assetPartitionStatuses"]
    every = node["partitionKeys"]
    if "materializedPartitions" in statuses:
        return [str(ds) for ds in statuses["materializedPartitions"]]
    return [str(ds) for ds in every if any(part["startKey"] <= ds <= part["endKey"] for part in statuses["ranges"])]


def _launched(url: str, days: list[str]) -> str:
    keys = ", ".join(f"{{path: {json.dumps(table.name.split('.'))}}}" for table in DAILY)
    chosen = f"{{assetSelection: [{keys}], partitionNames: {json.dumps(days)}}}"
    answer = _ask(
        url,
        f"mutation {{launchPartitionBackfill(backfillParams: {chosen})"
        " {... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}",
    )["launchPartitionBackfill"]
    if "backfillId" not in answer:
        raise RuntimeError(f"the backfill was not accepted: {answer}")
    return str(answer["backfillId"])


def _ended(url: str, backfill: str, clicked: float) -> tuple[float, int]:
    """Seconds until the first run began, and how many runs there were, when all is done."""
    asked = "... on PartitionBackfill {status runs(limit: 100) {id startTime}}"
    query = f'{{partitionBackfillOrError(backfillId: "{backfill}") {{{asked}}}}}'
    begun: float | None = None
    last = time.perf_counter()
    while time.perf_counter() - last < PATIENCE:
        found = _ask(url, query)["partitionBackfillOrError"]
        if begun is None and any(run["startTime"] for run in found["runs"]):
            begun = time.perf_counter() - clicked
        if found["status"] == "COMPLETED_SUCCESS":
            return begun or 0.0, len(found["runs"])
        if found["status"] not in {"REQUESTED", "CANCELING", "FAILING"}:
            raise RuntimeError(f"backfill {backfill} ended as {found['status']}")
        time.sleep(POLL)
    raise TimeoutError(f"backfill {backfill} did not end")


def _ask(url: str, query: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        data: dict[str, Any] = json.load(answer)["data"]
        return data


@contextmanager
def _served(site: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = python("-m", "growth_assets", "ui", "--data", str(site), "--port", str(port))
    process = subprocess.Popen(
        command, env=plain(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        started = time.perf_counter()
        while not _answers(url):
            if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise RuntimeError(f"{' '.join(command)} does not answer")
            time.sleep(POLL)
        yield url
    finally:
        # Web server, daemon, code server and the run are one group.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return bool(_ask(url, "{assetNodes {id}}")["assetNodes"])
    except (urllib.error.URLError, ConnectionError, KeyError, ValueError, TimeoutError):
        return False


def as_text(found: Backfill) -> str:
    """A table for people."""
    return "\n".join(
        [
            f"{found.days} days of {found.events_per_day:,} events, built again by a backfill as the UI starts it",
            f"  from the click to its end   {found.seconds:8.1f} s, in {found.runs} run(s)",
            f"  until the first run began   {found.begun:8.1f} s",
            f"  growth-assets build, before {found.build_seconds:8.1f} s, reading the files among it",
        ]
    )


def as_json(found: Backfill) -> dict[str, object]:
    """All numbers, for a program."""
    return asdict(found)
