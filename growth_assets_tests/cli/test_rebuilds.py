"""Building again, in another order or in other ranges changes no byte of what is published."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil

import pytest

from growth_assets import settings
from growth_assets.orchestration.run import build

pytestmark = [pytest.mark.slow]


def published(folder) -> dict[str, str]:
    """Every file of the tables, records included, to the digest of its bytes."""
    root = folder / "warehouse"
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for schema in ("raw", "core", "metrics")
        for path in (root / schema).rglob("*")
        if path.is_file()
    }
    # Three days of eight tables, each a partition and its record, and the rejected lines.
    assert len(found) >= 3 * 8 * 2 + 1
    return found


@pytest.fixture
def copy(small_world, tmp_path):
    """The landing folder of the small world, nothing built."""
    shutil.copytree(small_world.folder / "landing", tmp_path / "landing")
    shutil.copy(small_world.folder / "site.toml", tmp_path)
    return tmp_path


def test_building_all_days_again_changes_no_byte(small_world):
    before = published(small_world.folder)
    inodes = {path: path.stat().st_ino for path in (small_world.folder / "warehouse/core").rglob("part.parquet")}
    report = build(settings.load(small_world.folder), first=dt.date(2026, 1, 1))
    assert len(report.days) == 3
    # They were built, and not just left alone.
    assert all(path.stat().st_ino != inode for path, inode in inodes.items())
    assert published(small_world.folder) == before


def test_days_one_by_one_in_any_order(copy, small_world, cli):
    for ds in ("2026-01-03", "2026-01-01", "2026-01-02"):
        ran = cli("build", "--data", copy, "--from", ds, "--to", ds)
        assert (ran.code, f"Built 1 of 1 days, {ds} to {ds}" in ran.out) == (0, True), ran.err
    assert published(copy) == published(small_world.folder)


def test_a_part_first_and_the_rest_when_asked_for_what_is_missing(copy, small_world, cli):
    assert "Built 2 of 2 days" in cli("build", "--data", copy, "--from", "2026-01-02").out
    # Without a range those days are built that are not up to date.
    assert "Built 1 of 1 days, 2026-01-01 to 2026-01-01" in cli("build", "--data", copy).out
    assert published(copy) == published(small_world.folder)
    assert "Every day is up to date" in cli("build", "--data", copy).out


def test_files_that_come_one_after_the_other_and_late(copy, small_world, cli, tmp_path):
    files = sorted((copy / "landing").iterdir())
    for file in files:
        file.rename(copy / file.name)
    for file in reversed(files):
        (copy / file.name).rename(file)
        assert cli("build", "--data", copy).code == 0
    # The segments of raw are ordered by content, so even there the order of arrival shows nowhere.
    assert published(copy) == published(small_world.folder)
