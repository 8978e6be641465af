"""A standalone Spark cluster on this machine: a master, and workers of one core each, as processes of their own.

Of PySpark's package alone: the tests of the Spark engine and its benchmark run on it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

HOST = "127.0.0.1"
WAIT = 120
"""Seconds: a process of Java takes three on an idle machine."""
FIRST_JAVA = 17
QUICK = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData "
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
"""For JVMs that live for a minute: what the last compiler would win it would not earn; Spark's classes are sound."""


def home(python: str) -> Path | None:
    """The folder of Spark in an environment, named by its Python; None where it has none."""
    asked = (
        "from importlib.util import find_spec; print(*getattr(find_spec('pyspark'), 'submodule_search_locations', ()))"
    )
    said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False).stdout.strip()
    return Path(said) if said else None


def absent(python: str = sys.executable) -> str:
    """Why there can be no cluster of this environment, or ""."""
    if home(python) is None:
        return f"no PySpark for {python}: `make spark-test` makes an environment that has it"
    if not shutil.which("java"):
        return "no Java: apt-get install openjdk-17-jre-headless"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < FIRST_JAVA:
        return f"Spark needs Java {FIRST_JAVA} or newer, and this one says: {said.partition(chr(10))[0]}"
    return ""


@dataclass
class Process:
    """A master or a worker."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Of the Java process itself."""
        return self.process.pid

    def kill(self) -> None:
        """As when the machine loses its power; the executors of a worker notice, and end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def says(self, pattern: str) -> str:
        """Wait until its log has the pattern; what the pattern's group is."""

        def found() -> str:
            match = re.search(pattern, self.log.read_text(encoding="utf-8", errors="replace"))
            return match[1] if match else ""

        until(lambda: bool(found()) or self.process.poll() is not None, f"{self.name} does not say {pattern}")
        if not found():
            raise RuntimeError(f"{self.name} ended:\n{self.log.read_text(encoding='utf-8', errors='replace')}")
        return found()


@dataclass
class Cluster:
    """Started by `cluster`; no process of it outlives this one."""

    folder: Path
    python: str
    memory: str
    """What each worker may give its executors."""
    workers: list[Process] = field(default_factory=list)
    begun: int = 0
    """Workers, those that are gone among them."""
    master: Process = field(init=False)
    url: str = field(init=False)
    """For `spark.master`."""
    ui: str = field(init=False)

    def start(self, workers: int) -> None:
        """The master, and workers that it knows."""
        self.master = self._run("master", HOST, "master.Master", "--port", "0", "--webui-port", "0")
        self.url = self.master.says(r"Starting Spark master at (spark://\S+)")
        self.ui = self.master.says(r"MasterWebUI.* at (http://\S+)")
        for _ in range(workers):
            self.begin_worker()
        self.wait_for(workers)

    def begin_worker(self) -> Process:
        """One more; `wait_for` waits until it has work."""
        self.begun += 1
        name = f"worker-{self.begun}"
        # An address of its own: Spark never begins a task once more on the host that it hangs on.
        host = f"127.0.0.{1 + self.begun}" if sys.platform == "linux" else HOST
        given = ("--cores", "1", "--memory", self.memory, "--port", "0", "--webui-port", "0")
        folder = ("--work-dir", str(self.folder / name))
        self.workers.append(self._run(name, host, "worker.Worker", *given, *folder, self.url))
        return self.workers[-1]

    def wait_for(self, workers: int) -> None:
        """Until the master knows as many that live."""
        until(lambda: self.state()["aliveworkers"] == workers, f"{workers} workers are not there")

    def state(self) -> dict[str, Any]:
        """What the master tells of itself, its workers and its applications."""
        with urlopen(f"{self.ui}/json/", timeout=30) as answer:  # noqa: S310 - of the master that was started here
            told: dict[str, Any] = json.load(answer)
        return told

    @property
    def pids(self) -> list[int]:
        """The master and the workers; executors are their children."""
        return [self.master.pid, *(each.pid for each in self.workers)]

    def stop(self) -> None:
        """End all; their executors end when their worker is gone."""
        for each in (*self.workers, *([self.master] if hasattr(self, "master") else [])):
            each.kill()

    def _run(self, name: str, host: str, role: str, *arguments: str) -> Process:
        at = home(self.python)
        if at is None:
            raise LookupError(absent(self.python))
        log = self.folder / f"{name}.log"
        command = [str(at / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}", "--host", host, *arguments]
        # Linux ends it when this process ends, in whatever way.
        bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        environment = {
            **os.environ,
            "SPARK_HOME": str(at),
            "SPARK_LOCAL_IP": host,
            "PYSPARK_PYTHON": self.python,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": f"{QUICK} -Dspark.master.rest.enabled=false",
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }
        with log.open("wb") as written:
            process = subprocess.Popen(
                [*bound, *command], env=environment, cwd=self.folder, stdout=written, stderr=subprocess.STDOUT
            )
        return Process(name, log, process)


@contextmanager
def cluster(folder: Path, workers: int = 2, python: str = sys.executable, memory: str = "2g") -> Iterator[Cluster]:
    """A cluster whose files are in `folder`; it ends with the block, or with this process."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Cluster(folder, python, memory)
    try:
        running.start(workers)
        yield running
    finally:
        running.stop()


def until(there: Callable[[], bool], otherwise: str) -> None:
    """Wait until it is so.

    Raises:
        TimeoutError: it never was; the message is `otherwise`.
    """
    end = time.monotonic() + WAIT
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(otherwise)
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(absent() or 0)
