"""Partitions of several files: they and those of one file take each other's place at once, and are read alike."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import NO_DAY, PART, PARTS, RECORD, Part, Record

from .conftest import VISITS_TABLE, Shop, visits_frame

DAY, NEXT = "2026-03-01", "2026-03-02"


def publish_parts(shop: Shop, ds: str, *heights: int):
    """Publish a day in files of so many rows."""
    with shop.warehouse.building(ds):
        folder, parts = shop.warehouse.staging_folder(VISITS_TABLE, ds), []
        for number, height in enumerate(heights):
            path = folder / f"any-{number}.parquet"
            visits_frame(ds, height).write_parquet(path)
            parts.append(Part(path, height, path.stat().st_size, durable.sha256_of(path)))
        return shop.warehouse.publish(VISITS_TABLE, ds, parts, rows=sum(heights), inputs={}, code_version="1")


BEFORE, AFTER, LAST = {"one": 4, "several": 5}, {"one": 7, "several": 9}, {"one": 11, "several": 13}
"""Rows by form."""


def publish(shop: Shop, form: str, rows: int) -> Record:
    """Publish a day of so many rows in this form."""
    return shop.publish(DAY, rows) if form == "one" else publish_parts(shop, DAY, rows - 2, 2)


def counted(shop: Shop) -> list[tuple[str, int]]:
    """Rows by day, as a view says."""
    shop.refresh()
    return shop.query("SELECT ds, count(*) FROM core.visits GROUP BY ds ORDER BY ds")


def test_days_of_one_file_and_of_several_are_read_alike(shop):
    shop.publish(DAY, 4)
    record = publish_parts(shop, NEXT, 2, 3)
    assert shop.warehouse.days(VISITS_TABLE) == [DAY, NEXT]
    assert counted(shop) == [(DAY, 4), (NEXT, 5)]
    assert_frame_equal(
        shop.warehouse.scan_days(VISITS_TABLE, [DAY, NEXT]).collect(),
        pl.concat([visits_frame(DAY, 4), visits_frame(NEXT, 2), visits_frame(NEXT, 3)]),
    )
    assert shop.warehouse.record(VISITS_TABLE, NEXT) == record
    assert shop.warehouse.rows(VISITS_TABLE, NEXT) == record.rows == 5
    assert record.size == sum(path.stat().st_size for path in shop.warehouse.files(VISITS_TABLE, NEXT))


def test_the_view_reads_days_of_several_files_alone(shop):
    publish_parts(shop, DAY, 2, 3)
    assert counted(shop) == [(DAY, 5)]
    assert not shop.refresh()


@pytest.mark.parametrize("days", [[DAY], [DAY, NEXT]])
def test_a_view_made_before_sees_each_day_in_either_form(shop, days):
    for ds in days:
        shop.publish(ds, 4)
    assert shop.refresh(both_forms=True)
    seen = dict.fromkeys(days, 4)
    for rows in (5, 6):
        for ds in days:
            if rows == 5:
                publish_parts(shop, ds, 3, 2)
            else:
                shop.publish(ds, rows)
            seen[ds] = rows
            assert dict(shop.query("SELECT ds, count(*) FROM core.visits GROUP BY ds")) == seen
            assert shop.query("SELECT min(ds), max(ds), count(DISTINCT ds), count(*) FROM core.visits") == [
                (days[0], days[-1], len(days), sum(seen.values()))
            ]
    # For good, and it is a day nowhere.
    assert not shop.refresh()
    assert shop.warehouse.days(VISITS_TABLE) == days


def test_a_view_of_a_table_without_a_day_sees_the_first_of_either_form(shop):
    assert shop.refresh(both_forms=True)
    assert shop.query("SELECT count(*), max(ds) FROM core.visits") == [(0, None)]
    assert shop.warehouse.days(VISITS_TABLE) == []
    publish_parts(shop, DAY, 2, 3)
    assert shop.query("SELECT ds, count(*) FROM core.visits GROUP BY ds") == [(DAY, 5)]


def test_files_without_rows_follow_the_columns_and_are_made_anew(shop):
    shop.publish(DAY, 4)
    shop.refresh(both_forms=True)
    (sentinel, other) = sorted(shop.warehouse.folder(VISITS_TABLE).glob(f"{NO_DAY}/**/*.parquet"))
    for harmed in (sentinel, other):
        good = harmed.read_bytes()
        harmed.write_bytes(b"")
        shop.refresh()
        assert harmed.read_bytes() == good
        harmed.unlink()
        shop.refresh()
        assert harmed.read_bytes() == good


def test_one_takes_the_place_of_the_other_and_leaves_nothing_behind(shop):
    folder = shop.warehouse.folder(VISITS_TABLE) / f"ds={DAY}"
    first = publish_parts(shop, DAY, 2, 3)
    assert {each.name for each in folder.iterdir()} == {PARTS, RECORD, f"_{PARTS}-{first.sha256[:16]}"}
    second = publish_parts(shop, DAY, 1, 1, 1)
    assert {each.name for each in folder.iterdir()} == {PARTS, RECORD, f"_{PARTS}-{second.sha256[:16]}"}
    assert counted(shop) == [(DAY, 3)]
    # What has become several once stays in that form, or a view that lists both could miss it as it changes back.
    one = shop.publish(DAY, 7)
    assert {each.name for each in folder.iterdir()} == {PARTS, RECORD, f"_{PARTS}-{one.sha256[:16]}"}
    assert shop.warehouse.record(VISITS_TABLE, DAY) == one
    assert counted(shop) == [(DAY, 7)]
    publish_parts(shop, DAY, 2, 2)
    assert counted(shop) == [(DAY, 4)]
    assert not (folder / PART).exists()
    shop.warehouse.withdraw(VISITS_TABLE, DAY)
    assert list(folder.iterdir()) == []


def test_the_same_files_are_the_same_version_and_mend_damaged_ones(shop):
    first = publish_parts(shop, DAY, 2, 3)
    damaged = shop.warehouse.files(VISITS_TABLE, DAY)[0]
    damaged.write_bytes(b"")
    assert publish_parts(shop, DAY, 2, 3) == first
    assert shop.warehouse.record(VISITS_TABLE, DAY) == first
    assert shop.warehouse.scan(VISITS_TABLE, DAY).collect().height == 5


@pytest.mark.parametrize("harm", ["lost", "cut", "all lost"])
def test_a_day_of_which_a_file_is_lost_or_cut_is_not_up_to_date(shop, harm):
    record = publish_parts(shop, DAY, 2, 3)
    assert shop.warehouse.record(VISITS_TABLE, DAY) == record
    files = shop.warehouse.files(VISITS_TABLE, DAY)
    if harm == "cut":
        files[1].write_bytes(files[1].read_bytes()[:-1])
    else:
        for path in files[1:] if harm == "lost" else files:
            path.unlink()
    assert shop.warehouse.record(VISITS_TABLE, DAY) is None
    assert publish_parts(shop, DAY, 2, 3) == record
    assert shop.warehouse.record(VISITS_TABLE, DAY) == record


@pytest.mark.parametrize("new", [*AFTER, None])
def test_a_copy_that_followed_links_is_read_and_built_again(shop, new):
    shop.publish(NEXT, 6)
    publish_parts(shop, DAY, 2, 3)
    copied = shop.root.with_name("copied")
    shutil.copytree(shop.root, copied, symlinks=False)
    there = Shop(copied)
    assert not (there.warehouse.folder(VISITS_TABLE) / f"ds={DAY}" / PARTS).is_symlink()
    assert there.warehouse.record(VISITS_TABLE, DAY) is None
    assert counted(there) == [(DAY, 5), (NEXT, 6)]
    if new is None:
        there.warehouse.withdraw(VISITS_TABLE, DAY)
        assert counted(there) == [(NEXT, 6)]
        return
    record = publish(there, new, AFTER[new])
    assert there.warehouse.record(VISITS_TABLE, DAY) == record
    assert counted(there) == [(DAY, AFTER[new]), (NEXT, 6)]
    assert len(list((there.warehouse.folder(VISITS_TABLE) / f"ds={DAY}").iterdir())) == 3


def test_a_name_in_the_folder_stands_for_one_content(shop):
    publish_parts(shop, DAY, 2, 3)
    before = {path.name: path.read_bytes() for path in shop.warehouse.files(VISITS_TABLE, DAY)}
    publish_parts(shop, DAY, 2, 4)
    after = {path.name: path.read_bytes() for path in shop.warehouse.files(VISITS_TABLE, DAY)}
    assert len(before.keys() & after.keys()) == 1
    assert all(before[name] == after[name] for name in before.keys() & after.keys())


@pytest.mark.parametrize("old", BEFORE)
@pytest.mark.parametrize("new", AFTER)
def test_who_lists_one_form_and_then_the_other_misses_no_day(shop, monkeypatch, old, new):
    shop.publish(NEXT, 6)
    shop.refresh(both_forms=True)
    (view,) = shop.query("SELECT sql FROM duckdb_views() WHERE view_name = 'visits'")[0]
    assert view.index(f"*/{PART}") < view.index(f"*/{PARTS}/*")
    publish(shop, old, BEFORE[old])
    folder, moments = shop.warehouse.folder(VISITS_TABLE), []

    def look() -> None:
        day = folder / f"ds={DAY}"
        moments.append((any(day.glob(PART)), any(day.glob(f"{PARTS}/*.parquet"))))

    with monkeypatch.context() as patched:
        before_changes(patched, folder, look)
        publish(shop, new, AFTER[new])
    look()
    assert len(moments) > 2
    for first, (alone, _) in enumerate(moments):
        assert all(alone or several for _, several in moments[first:])


class Dies(BaseException):
    pass


@pytest.mark.parametrize("old", BEFORE)
@pytest.mark.parametrize("new", AFTER)
def test_at_every_moment_the_old_day_can_be_read_or_the_new_one(shop, monkeypatch, old, new):
    publish(shop, old, BEFORE[old])
    pristine = shop.root.with_name("pristine")
    shutil.copytree(shop.root, pristine, symlinks=True)
    seen, after = set(), 0
    while True:
        # It dies before its first change to the folder of the day, before its second, and so on.
        changes = dying_at(monkeypatch, after, shop.warehouse.folder(VISITS_TABLE))
        try:
            publish(shop, new, AFTER[new])
        except Dies:
            finished = False
        else:
            finished = True
        monkeypatch.undo()
        rows = shop.warehouse.scan(VISITS_TABLE, DAY).collect().height
        assert counted(shop) == [(DAY, rows)]
        assert rows in {BEFORE[old], AFTER[new]}
        record = shop.warehouse.record(VISITS_TABLE, DAY)
        assert record is None or record.rows == rows
        seen.add(rows)
        died = shop.root.with_name("died")
        shutil.copytree(shop.root, died, symlinks=True)
        for again in ("one", "several"):
            # And so it is while the next one publishes the day, wherever that one dies.
            with watched(monkeypatch, shop.warehouse.folder(VISITS_TABLE)) as moments:
                publish(shop, again, LAST[again])
            assert set(moments) <= {rows, LAST[again]}
            assert matched(shop.warehouse.folder(VISITS_TABLE)) == LAST[again]
            shutil.rmtree(shop.root)
            shutil.copytree(died, shop.root, symlinks=True)
        shutil.rmtree(died)
        publish(shop, new, AFTER[new])
        assert counted(shop) == [(DAY, AFTER[new])]
        if finished:
            break
        shutil.rmtree(shop.root)
        shutil.copytree(pristine, shop.root, symlinks=True)
        after += 1
    assert seen == {BEFORE[old], AFTER[new]}
    assert after == changes > 1


def dying_at(monkeypatch, after: int, folder: Path):
    """Let so many changes below a folder happen and die at the next; the number of those that happened."""
    count = 0

    def counts():
        nonlocal count
        if count == after:
            raise Dies
        count += 1

    before_changes(monkeypatch, folder, counts)
    return after


@contextmanager
def watched(monkeypatch, folder: Path):
    """How many rows there are for a view before each change below a folder."""
    moments = []
    with monkeypatch.context() as patched:
        before_changes(patched, folder, lambda: moments.append(matched(folder)))
        yield moments
    assert len(moments) > 1


def matched(folder: Path) -> int:
    """Rows of all files that a view names."""
    return sum(
        pl.read_parquet(path).height for form in (PART, f"{PARTS}/*.parquet") for path in folder.glob(f"*/{form}")
    )


def before_changes(monkeypatch, folder: Path, do):
    """Call `do` before each change below a folder."""

    def wrapped(method):
        def change(path, *given, **named):
            touched = [Path(each) for each in (path, *given) if isinstance(each, str | os.PathLike)]
            if any(each.is_relative_to(folder) for each in touched):
                do()
            return method(path, *given, **named)

        return change

    for name in ("rename", "replace", "unlink", "mkdir", "symlink_to"):
        monkeypatch.setattr(Path, name, wrapped(getattr(Path, name)))


def test_links_are_taken_where_there_are_links(shop, tmp_path, monkeypatch):
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.parquet")
        visits_frame(DAY, number + 1).write_parquet(files[-1])
    with shop.warehouse.building(DAY):
        linked = shop.warehouse.link_parts(VISITS_TABLE, DAY, files, "v1")
        assert [part.rows for part in linked] == [1, 2, 3]
        assert all(part.path.samefile(path) for part, path in zip(linked, files, strict=True))

        def refuses(*_):
            raise OSError

        monkeypatch.setattr(Path, "hardlink_to", refuses)
        synced, sync = [], durable.sync_file
        monkeypatch.setattr(durable, "sync_file", lambda path: (synced.append(path), sync(path)))
        copied = shop.warehouse.link_parts(VISITS_TABLE, DAY, files, "v1")
        assert synced == [part.path for part in copied]
        assert not any(part.path.samefile(path) for part, path in zip(copied, files, strict=True))
        assert [part.sha256 for part in copied] == [part.sha256 for part in linked]
        other = shop.warehouse.link_parts(VISITS_TABLE, DAY, files, "v2")
        assert not {part.sha256 for part in other} & {part.sha256 for part in linked}
        record = shop.warehouse.publish(VISITS_TABLE, DAY, copied, rows=6, inputs={}, code_version="1")
    assert shop.warehouse.scan(VISITS_TABLE, DAY).collect().height == record.rows == 6
