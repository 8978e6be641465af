"""Partitions on disk: published whole or not at all, with a record that never speaks of another file."""

import hashlib
import json
import os
import threading

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import PART, RECORD, Warehouse, WarehouseError

from .conftest import VISITS_TABLE, visits_frame

DAY, NEXT = "2026-03-01", "2026-03-02"


def test_a_published_day_is_what_was_staged(shop):
    record = shop.publish(DAY, 5, landing="v1")
    path = shop.root / "core" / "visits" / f"ds={DAY}" / PART
    assert shop.warehouse.path(VISITS_TABLE, DAY) == path
    assert_frame_equal(shop.warehouse.scan(VISITS_TABLE, DAY).collect(), visits_frame(DAY, 5))
    assert (record.rows, record.inputs, record.code_version, record.numbers) == (
        5, {"landing": "v1"}, "1", {"received": 5},
    )  # fmt: skip
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.size == path.stat().st_size
    assert shop.warehouse.record(VISITS_TABLE, DAY) == record


def test_the_same_frame_is_the_same_bytes(shop):
    first = shop.publish(DAY, 7)
    other = shop.publish(DAY, 8)
    assert shop.publish(DAY, 7) == first != other


def test_days_are_those_published_in_order(shop):
    assert shop.warehouse.days(VISITS_TABLE) == []
    for ds in (NEXT, DAY, "2025-12-31"):
        shop.publish(ds)
    folder = shop.warehouse.folder(VISITS_TABLE)
    for alien in ("ds=2026-03-03", "ds=nonsense", ".ds=2026-03-04", "2026-03-05"):
        (folder / alien).mkdir()  # a day without its file is not published either
    (folder / "ds=2026-03-06").write_text("a file")
    assert shop.warehouse.days(VISITS_TABLE) == ["2025-12-31", DAY, NEXT]


def test_what_is_staged_is_no_day(shop):
    with shop.warehouse.building(DAY):
        staged = shop.warehouse.stage(VISITS_TABLE, DAY, visits_frame(DAY))
        assert staged.exists()
        assert shop.warehouse.days(VISITS_TABLE) == []
        with pytest.raises(WarehouseError, match=rf"core\.visits of {DAY} is not published.*Build that day first"):
            shop.warehouse.scan(VISITS_TABLE, DAY)
    assert not staged.exists()


def test_several_days_are_scanned_and_missing_ones_have_no_rows(shop):
    shop.publish(DAY, 2)
    shop.publish(NEXT, 3)
    frame = shop.warehouse.scan_days(VISITS_TABLE, [NEXT, "2026-03-09", DAY]).collect()
    assert_frame_equal(frame, pl.concat([visits_frame(NEXT, 3), visits_frame(DAY, 2)]))
    with pytest.raises(WarehouseError, match="no published day among those asked for"):
        shop.warehouse.scan_days(VISITS_TABLE, ["2026-03-09"])


@pytest.mark.parametrize(
    "ds",
    [
        "",
        "2026-3-1",
        "20260301",
        "../../etc",
        f"{DAY}/..",
        f"{DAY}\n",
        f" {DAY}",
        "ds=" + DAY,
        "\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661",
        "*",
    ],
)
def test_what_is_no_day_has_no_path(shop, ds):
    for ask in (shop.warehouse.path, shop.warehouse.scan, shop.warehouse.record):
        with pytest.raises(WarehouseError, match="is no day of the form YYYY-MM-DD"):
            ask(VISITS_TABLE, ds)


def damaged_records():
    def cut(path):
        path.write_text(path.read_text()[:-9])

    def of_another_size(path):
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"size": content["size"] + 1}))

    def without(name):
        def drop(path):
            content = json.loads(path.read_text())
            del content[name]
            path.write_text(json.dumps(content))

        return drop

    def with_more(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "red"}))

    return {
        "gone": lambda path: path.unlink(),
        "cut": cut,
        "empty": lambda path: path.write_text(""),
        "a list": lambda path: path.write_text("[]"),
        "binary": lambda path: path.write_bytes(b"\xff\xfe"),
        "of a file of another size": of_another_size,
        "without its size": without("size"),
        "without its inputs": without("inputs"),
        "of another version": with_more,
    }


@pytest.mark.parametrize("harm", damaged_records())
def test_a_record_that_does_not_speak_of_its_file_is_none(shop, harm):
    shop.publish(DAY)
    assert shop.warehouse.record(VISITS_TABLE, DAY) is not None
    damaged_records()[harm](shop.warehouse.path(VISITS_TABLE, DAY).with_name(RECORD))
    assert shop.warehouse.record(VISITS_TABLE, DAY) is None


def test_a_record_without_its_file_is_none(shop):
    shop.publish(DAY)
    shop.warehouse.path(VISITS_TABLE, DAY).unlink()
    assert shop.warehouse.record(VISITS_TABLE, DAY) is None
    assert shop.warehouse.record(VISITS_TABLE, NEXT) is None


def test_a_record_never_speaks_of_the_file_before(shop, monkeypatch):
    """A crash between a file and its record, where the new file happens to be as long as the old one."""
    before = shop.publish(DAY, 3)
    path = shop.warehouse.path(VISITS_TABLE, DAY)
    as_long = shop.root / "as_long.parquet"
    as_long.write_bytes(path.read_bytes()[:-1] + b"x")

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(durable, "_staged_json", crash)
    with pytest.raises(KeyboardInterrupt):
        shop.warehouse.publish(VISITS_TABLE, DAY, as_long, rows=3, inputs={}, code_version="2")
    assert path.stat().st_size == before.size
    assert hashlib.sha256(path.read_bytes()).hexdigest() != before.sha256
    assert shop.warehouse.record(VISITS_TABLE, DAY) is None


def test_a_day_that_is_replaced_before_it_is_read_is_the_old_one(shop):
    shop.publish(DAY, 3)
    scanned = shop.warehouse.scan(VISITS_TABLE, DAY)
    shop.publish(DAY, 4)
    assert scanned.select(pl.len()).collect().item() == scanned.collect().height == 3
    assert shop.warehouse.scan(VISITS_TABLE, DAY).collect().height == 4


def test_a_day_is_replaced_under_an_open_reader(shop):
    shop.publish(DAY, 3)
    with shop.warehouse.path(VISITS_TABLE, DAY).open("rb") as reader:
        shop.publish(DAY, 4)
        assert pl.read_parquet(reader.read()).height == 3
    assert shop.warehouse.scan(VISITS_TABLE, DAY).collect().height == 4


def test_a_refused_day_is_kept_aside_and_what_was_published_stays(shop):
    shop.publish(DAY, 3)
    with shop.warehouse.building(DAY):
        staged = shop.warehouse.stage(VISITS_TABLE, DAY, visits_frame(DAY, 9))
        kept = shop.warehouse.refuse(VISITS_TABLE, DAY, staged)
    assert kept == shop.warehouse.refused(VISITS_TABLE, DAY)
    assert shop.warehouse.folder(VISITS_TABLE) not in kept.parents
    assert pl.read_parquet(kept, hive_partitioning=False).height == 9
    assert shop.warehouse.scan(VISITS_TABLE, DAY).collect().height == 3
    shop.warehouse.forget_refused(VISITS_TABLE, DAY)
    shop.warehouse.forget_refused(VISITS_TABLE, DAY)
    assert not kept.exists()


def test_what_a_dead_builder_left_is_swept_by_the_next(shop):
    class Died(BaseException):
        pass

    left = []

    def die():
        with shop.warehouse.building(DAY):
            left.append(shop.warehouse.stage(VISITS_TABLE, DAY, visits_frame(DAY)))
            raise Died

    with pytest.raises(Died):
        die()
    (left,) = left
    assert left.exists()
    with shop.warehouse.building(NEXT):
        assert left.exists()  # another day's builder may be at work
    with shop.warehouse.building(DAY):
        assert not left.exists()


def test_a_half_written_record_goes_with_the_next_publication(shop):
    shop.publish(DAY)
    left = shop.warehouse.path(VISITS_TABLE, DAY).with_name(f".{RECORD}.123.abc")
    left.write_text("{")
    shop.publish(DAY)
    assert not left.exists()
    assert shop.warehouse.record(VISITS_TABLE, DAY) is not None


def test_of_two_builders_of_a_day_one_waits(shop):
    entered, leave = threading.Event(), threading.Event()
    order = []

    def first():
        with shop.warehouse.building(DAY):
            entered.set()
            leave.wait(30)
            order.append("first")

    def second():
        with Warehouse(shop.root).building(DAY):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    with shop.warehouse.building(NEXT):  # another day waits for nobody
        order.append("another day")
    threads[1].join(0.3)
    assert order == ["another day"]
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["another day", "first", "second"]


@pytest.fixture
def pieces(tmp_path):
    paths = [tmp_path / name for name in ("b[1].parquet", "a*.parquet", "c.parquet")]
    for number, path in enumerate(paths, start=1):
        visits_frame(DAY, number).write_parquet(path)
    return paths


def test_one_file_is_staged_as_a_link(shop, pieces):
    with shop.warehouse.building(DAY):
        staged = shop.warehouse.stage_files(VISITS_TABLE, DAY, pieces[:1])
        assert staged.samefile(pieces[0])
        shop.warehouse.publish(VISITS_TABLE, DAY, staged, rows=1, inputs={}, code_version="1")
    shop.publish(DAY, 6)  # replaced, not written into
    assert pl.read_parquet(pieces[0], glob=False).height == 1


def test_one_file_is_copied_where_there_are_no_links(shop, pieces, monkeypatch):
    def no_links(*_):
        raise OSError("not here")

    monkeypatch.setattr(os, "link", no_links)
    with shop.warehouse.building(DAY):
        staged = shop.warehouse.stage_files(VISITS_TABLE, DAY, pieces[:1])
        assert not staged.samefile(pieces[0])
        assert staged.read_bytes() == pieces[0].read_bytes()


def test_several_files_are_staged_in_their_order(shop, pieces):
    with shop.warehouse.building(DAY):
        staged = shop.warehouse.stage_files(VISITS_TABLE, DAY, pieces)
        rows = pl.scan_parquet(staged, glob=False, hive_partitioning=False).collect()
    assert_frame_equal(rows, pl.concat([visits_frame(DAY, number) for number in (1, 2, 3)]))
