"""A disk that is full or read-only: a clear error, exit code 3, and no trace of a half partition."""

import re
import shutil
import subprocess
import sys

import pytest

from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

from .conftest import DAYS, published, rows

pytestmark = pytest.mark.slow


@pytest.fixture
def unshare():
    """Runs a shell command where file systems may be mounted that nobody else sees."""
    command = ["unshare", "--mount", "--map-root-user", "--user"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False).returncode
    ):
        pytest.skip("this machine lets nobody mount a file system of their own")

    def run(script, *arguments):
        return subprocess.run(
            [*command, "sh", "-euc", script, "sh", *map(str, arguments)], capture_output=True, text=True, check=False
        )

    return run


def test_a_disk_that_fills_up_stops_that_day_alone(world, nursery, tmp_path):
    data = world.copy(tmp_path / "data")
    code, said = nursery.build(data, fault=f"core.fct_website_events {DAYS[2]}")
    assert code == 3
    assert f"{DAYS[2]} not published in full: OSError: [Errno 28] No space left on device" in said
    assert "Make room on that disk, and run `growth-assets build` again" in said
    warehouse = Warehouse(data / "warehouse")
    for table in DAILY:
        without = [] if table.name == "raw.website_events" else [DAYS[2]]
        assert warehouse.days(table) == sorted({*DAYS} - {*without}), table.name
    assert all(world.first[name] == digest for name, digest in published(data).items())
    assert nursery.build(data)[0] == 0  # when there is space again
    assert published(data) == world.first


def test_a_full_disk_keeps_what_was_published(world, nursery, tmp_path):
    data = world.copy_built(tmp_path / "data")
    code, said = nursery.build(data, fault="core.fct_website_events 2026-03-02")
    assert (code, "No space left on device" in said) == (3, True)
    assert rows(data)["core.fct_website_events", "2026-03-02"] in world.legal["core.fct_website_events", "2026-03-02"]
    name = "core/fct_website_events/ds=2026-03-02/part.parquet"
    assert published(data)[name] == world.first[name]
    assert nursery.build(data)[0] == 0
    assert published(data) == world.late


BUILD = f"{sys.executable} -m growth_assets build --data"


def test_a_small_disk(world, nursery, unshare, tmp_path):
    data = world.copy(tmp_path / "data")
    (data / "warehouse").mkdir()
    kept = tmp_path / "kept"
    files = [path for path in (world.built / "warehouse").rglob("*") if path.is_file() and path.suffix != ".duckdb"]
    # What is a link there is one file. The catalogue takes some fifteen pages more, and a day thirty.
    used = {path.read_bytes(): -(-path.stat().st_size // 4096) for path in files}
    pages = sum(used.values()) - 5
    done = unshare(
        f'mount -t tmpfs -o size={4 * pages}k tmpfs "$1/warehouse"; code=0; {BUILD} "$1" || code=$?;'
        ' cp -r "$1/warehouse" "$2"; exit $code', data, kept,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(
        "No space left on device.* Make room on that disk, and run `growth-assets build` again", done.stderr
    )
    assert "not a valid" not in done.stderr
    (data / "warehouse").rmdir()
    kept.rename(data / "warehouse")
    there = published(data)
    assert there
    assert all(world.first[name] == digest for name, digest in there.items())
    code, said = nursery.build(data)
    assert (code, "Every day is up to date" in said) == (0, False), said
    assert published(data) == world.first


def test_a_warehouse_that_has_become_read_only(world, nursery, unshare, tmp_path):
    data = world.copy_built(tmp_path / "data")
    mounted = 'mount --bind "$1/warehouse" "$1/warehouse"; mount -o remount,bind,ro "$1/warehouse"'
    done = unshare(f'{mounted}; {BUILD} "$1"', data)
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(
        "Read-only file system.* Make that disk writable, and run `growth-assets build` again", done.stderr
    )
    assert "Traceback" not in done.stderr
    assert published(data) == world.first
    assert nursery.build(data)[0] == 0
    assert published(data) == world.late
