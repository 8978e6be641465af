"""Fixtures of all tests."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from growth_assets_tests.alerts.receivers import Mailbox, Webhook, mailbox, webhook

REPOSITORY = Path(__file__).parents[1]


LONGEST = ("growth_assets_tests/worlds/", "growth_assets_tests/ui/", "growth_assets_tests/faults/")


MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: a third of a test's time may be waiting for a disk."""


def pytest_configure() -> None:
    """What the tests write stays in memory, if that has room. No power cut is tried, which alone would tell."""
    # Containers often have 64 MB there.
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30
    if roomy and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no process works on one of them alone when all else is done."""
    items.sort(key=lambda item: next((i for i, path in enumerate(LONGEST) if path in item.nodeid), len(LONGEST)))


def pytest_collection_finish() -> None:
    """What is imported by now stays: to look through it for garbage again and again would take a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure() -> None:
    """Extension modules complain about objects of theirs that are left at the end."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real logs and independent answers, which lie beside the repository and not in it."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "real").is_dir():
        pytest.skip(f"the folder with real logs is not there: {folder}")
    return folder


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A channel that alerts really go to."""
    with webhook() as hook:
        yield hook


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """Another one, by mail."""
    with mailbox() as box:
        yield box


@dataclass(frozen=True)
class S3Server:
    """An S3 server on this machine, spoken to over HTTP."""

    endpoint: str

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAOFTHETESTS",
            "AWS_SECRET_ACCESS_KEY": "never-to-be-shown",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def bucket(self, name: str) -> str:
        """Make a bucket; its name."""
        with urlopen(Request(f"{self.endpoint}/{name}", data=b"", method="PUT"), timeout=30):  # noqa: S310
            return name


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until(lambda: _answers(port), process)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if ready():
            return
        assert process.poll() is None, "the server ended"
        time.sleep(0.1)
    raise TimeoutError


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, with the variables for this process too."""
    from s3fs import S3FileSystem  # noqa: PLC0415 - of few tests

    for name, value in s3_server.variables.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    yield s3_server
    S3FileSystem.clear_instance_cache()
