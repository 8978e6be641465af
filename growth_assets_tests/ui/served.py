"""The web server and the daemon of `growth-assets ui`, in a process group of their own that is ended afterwards."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]

PATIENCE = 240
"""Seconds to wait for a server or a run: a machine with two busy cores is slow, and that is no fault."""


def clean_environment() -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("GROWTH_", "DAGSTER_"))}


@dataclass
class Server:
    """Web server and daemon, and its GraphQL, to wait for what a click began."""

    url: str
    process: subprocess.Popen[bytes]
    """The first of its processes; all are in its group."""

    def processes(self, named: bytes = b"") -> list[int]:
        """The processes of the group whose command holds `named`."""
        found = []
        for process in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
            with suppress(OSError):
                if os.getpgid(process) == self.process.pid and named in Path(f"/proc/{process}/cmdline").read_bytes():
                    found.append(process)
        return found

    def ask(self, query: str) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)["data"]

    def newest_backfill(self) -> str:
        """The id of the backfill that was asked for last, when there is one."""
        query = "{partitionBackfillsOrError(limit: 1) {... on PartitionBackfills {results {id}}}}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.ask(query)["partitionBackfillsOrError"]["results"]
            if found:
                return str(found[0]["id"])
            time.sleep(0.5)
        raise TimeoutError("no backfill was asked for")

    def finished_backfill(self, name: str) -> tuple[str, int]:
        """How a backfill ended, when it has, and how many runs it was."""
        asked = "... on PartitionBackfill {status runs(limit: 100) {id}}"
        query = f'{{partitionBackfillOrError(backfillId: "{name}") {{{asked}}}}}'
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.ask(query)["partitionBackfillOrError"]
            if found["status"] not in {"REQUESTED", "CANCELING", "FAILING"}:
                return str(found["status"]), len(found["runs"])
            time.sleep(1)
        raise TimeoutError(f"backfill {name} did not end")


@contextmanager
def served(data: Path, log: Path, variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`growth-assets ui` on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "growth_assets", "ui", "--data", str(data), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=clean_environment() | dict(variables or {}), stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        server = Server(f"http://127.0.0.1:{port}", process)
        _wait_until_loaded(server, process, log)
        yield server
    finally:
        _end_group(process)


def _wait_until_loaded(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if server.ask("{assetNodes {id}}")["assetNodes"]:
                return
        except (urllib.error.URLError, ConnectionError, KeyError, ValueError):
            pass
        time.sleep(1)
    raise TimeoutError(log.read_text())


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=15)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    # Children that outlive the first process of the group are still in it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
