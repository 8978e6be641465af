"""The statements of docs/running.md, run as they stand there: upgrade, backup, loss, restore."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from growth_assets.settings import load
from growth_assets_tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "running.md").read_text(encoding="utf-8")


def statements(name: str) -> str:
    """The block of the page under this name."""
    (block,) = re.findall(rf"<!-- {re.escape(name)} -->\n((?:    .+\n)+)", PAGE)
    return "set -euo pipefail\n" + block


def content(folder: Path) -> dict[str, bytes]:
    """All files but locks, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def shell(name: str, data: Path, **variables: str) -> str:
    commands = Path(sys.executable).parent  # growth-assets and dagster, as activated
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "GROWTH_DATA": str(data), **variables}
    ran = subprocess.run(
        ["bash", "-c", statements(name)], env=environment, cwd=data.parent, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@contextmanager
def written_all_the_time(folder: Path) -> Iterator[None]:
    """As Dagster writes while its web server and daemon run."""
    stopped = Event()

    def write() -> None:
        for number in itertools.count():
            if stopped.is_set():
                return
            (folder / "events.db").write_bytes(bytes(number % 5_000_000))

    folder.mkdir(exist_ok=True)
    writer = Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stopped.set()
        writer.join()


@pytest.mark.slow
def test_what_was_lost_is_restored_to_the_byte_and_nothing_is_built_again(small_world, tmp_path):
    data = shutil.copytree(small_world.folder, tmp_path / "site")
    (data / "dagster_home").mkdir(exist_ok=True)
    (data / "dagster_home" / "of_mine").write_text("kept as well")
    before = content(data)
    backup = str(tmp_path / "backup.tar.gz")
    without_history = tmp_path / "tables.tar.gz"
    with written_all_the_time(data / "dagster_home" / "history"):
        shell("backup without history", data, BACKUP=str(without_history))
    with tarfile.open(without_history) as saved:
        kept = {member.name.removeprefix("./") for member in saved if member.isfile()}
    assert set(before) - kept == {name for name in before if name.startswith("dagster_home/")}
    before = content(data)
    shell("backup", data, BACKUP=backup)
    # Some is gone, some is damaged, and some is new.
    partition = next((data / "warehouse" / "core" / "fct_website_events").rglob("*.parquet"))
    partition.write_bytes(partition.read_bytes()[:100])
    shutil.rmtree(data / "warehouse" / "landing")
    assert content(data) != before
    shutil.rmtree(data)
    said = shell("restore", data, BACKUP=backup)
    after = content(data)
    assert {name: after.get(name) for name in before} == before
    assert "wrong" not in said
    said = shell("upgrade", data)
    assert "Landed 0 files" in said
    assert "Every day is up to date." in said
    tables = {name: held for name, held in content(data).items() if name.endswith(".parquet")}
    assert tables == {name: held for name, held in before.items() if name.endswith(".parquet")}
    assert load(data).data == data


def test_the_page_names_what_is_there():
    for path in re.findall(r"`(deploy/[^`]*|CHANGELOG\.md)`", PAGE):
        assert (REPOSITORY / path).exists(), path
    assert "docs/running.md" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
