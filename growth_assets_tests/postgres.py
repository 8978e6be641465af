"""A PostgreSQL server in a folder of its own, on a socket there, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest


def programs() -> Path | None:
    """Where `initdb` and `postgres` are: on the PATH, or where Debian has them."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


@dataclass
class Postgres:
    folder: Path
    process: subprocess.Popen[bytes]
    numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        return f"postgresql://dagster@/{database}?host={self.folder}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def database(self, like: str = "template1") -> str:
        """A new database, with the tables of `like`; its URL."""
        name = f"dagster_{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)


@contextmanager
def server() -> Iterator[Postgres]:
    """The server; skips where PostgreSQL is not installed."""
    at = programs()
    if at is None or not shutil.which("psql"):
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    # A socket's path has to be short. The server refuses to be root, as a container's tests are.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    nobody = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if nobody else {}
    if nobody:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(0o755)
    process = None
    try:
        init = [at / "initdb", "-D", folder / "data", "-A", "trust", "-U", "dagster", "--no-sync", "--locale=C.UTF-8"]
        subprocess.run(init, check=True, capture_output=True, cwd=folder, timeout=120, **who)
        with (folder / "log").open("wb") as log:
            # Nothing of it outlives the tests, so that nothing needs to be safe from a power cut.
            run = [at / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
            process = subprocess.Popen(run, cwd=folder, stdout=log, stderr=log, start_new_session=True, **who)
        running = Postgres(folder, process)
        _wait_for(running)
        yield running
    finally:
        if process:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(running: Postgres) -> None:
    for _ in range(300):
        try:
            running.sql("SELECT 1")
        except subprocess.CalledProcessError:
            assert running.process.poll() is None, (running.folder / "log").read_text()
            time.sleep(0.1)
        else:
            return
    raise TimeoutError((running.folder / "log").read_text())
