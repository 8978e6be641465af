"""A process that ends while a landing is under way ends soon, with its own exit code, and publishes nothing of it."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from growth_assets import settings
from growth_assets.ingest import ledger
from growth_assets.warehouse import locks

pytestmark = pytest.mark.slow

FAILED, INTERRUPTED = 3, 130

LINES = 20_000
MEMBERS = 2_000
"""So often they follow each other, one after the other: reading all of them takes a minute."""


@pytest.fixture(scope="module")
def archive() -> bytes:
    line = '{"event_time":"2026-03-01T10:%02d:%02dZ","hostname":"www.xx.com","ip":"81.2.69.1","action_type":"view"}\n'
    lines = "".join(line % (number // 60 % 60, number % 60) for number in range(LINES))
    return gzip.compress(lines.encode(), mtime=0) * MEMBERS


@pytest.fixture
def site(tmp_path, archive) -> settings.Settings:
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\nsettle_seconds = 0\n')
    (tmp_path / "landing" / "long.ndjson.gz").write_bytes(archive)
    return settings.load(tmp_path)


@contextmanager
def building(site: settings.Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GROWTH_", "DAGSTER_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "growth_assets", "build", "--data", str(site.data)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(found: Callable[[], object]) -> None:
    for _ in range(1200):
        if found():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def is_reading(site: settings.Settings) -> bool:
    """Whether so much has been read that it is written as it comes."""
    return any(site.workplace.glob("landing/_staging/*/piece-*"))


def is_asked_for(site: settings.Settings) -> bool:
    """Whether Dagster's run of the landing has begun, which waits for it."""
    runs = site.data / "dagster_home" / "history" / "runs.db"
    if not runs.exists():
        return False
    with closing(sqlite3.connect(runs)) as connection, suppress(sqlite3.OperationalError):
        return bool(connection.execute("SELECT 1 FROM runs WHERE status = 'STARTED'").fetchall())
    return False


def assert_as_if_it_had_never_begun(site: settings.Settings) -> None:
    assert not list(site.workplace.glob("landing/_staging/*"))
    assert not locks.is_held(site.workplace / "_locks" / "landing.lock")
    assert ledger.read(site.warehouse).entries == ()


def test_a_build_that_fails_early_says_why_and_ends_with_its_code(site):
    (site.data / "dagster_home").write_text("no folder")
    with building(site) as process:
        _, told = process.communicate(timeout=120)
    assert (process.returncode, b"dagster_home" in told, b"FATAL" in told) == (FAILED, True, False), told
    assert_as_if_it_had_never_begun(site)


@pytest.mark.parametrize(("moment", "code"), [(is_reading, INTERRUPTED), (is_asked_for, FAILED)])
def test_who_interrupts_a_landing_waits_for_no_file_to_be_read(site, moment, code):
    with building(site) as process:
        until(lambda: moment(site))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert (process.returncode, b"FATAL" in told) == (code, False), told
    assert_as_if_it_had_never_begun(site)
