"""The DuckDB catalogue: typed views over what is published, made anew when it must be, in nobody's way."""

import shutil
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import duckdb
import pytest

from growth_assets.warehouse import catalogue
from growth_assets.warehouse.partitions import Warehouse

from .conftest import CONTRACTS, TABLES, VISITS_TABLE, Shop

DAY, NEXT = "2026-03-01", "2026-03-02"

VISITS_COLUMNS = [
    ("visitor", "BIGINT"),
    ("brand", "VARCHAR"),
    ("hour", "INTEGER"),
    ("is_bot", "BOOLEAN"),
    ("rate", "DOUBLE"),
    ("at", "TIMESTAMP"),
    ("properties", "MAP(VARCHAR, VARCHAR)"),
    ("ds", "VARCHAR"),
]
REJECTS_COLUMNS = [("reason", "VARCHAR"), ("line", "BIGINT")]


def described(shop, view):
    return [row[:2] for row in shop.query(f"DESCRIBE {view}")]


def counted(shop):
    return dict(shop.query("SELECT ds, count(*) FROM core.visits GROUP BY ds"))


def test_empty_tables_can_be_queried(shop):
    assert shop.refresh()
    assert described(shop, "core.visits") == VISITS_COLUMNS
    assert described(shop, "raw.rejects") == REJECTS_COLUMNS
    assert shop.query("SELECT count(*), sum(visitor) FROM core.visits") == [(0, None)]
    assert shop.query("SELECT * FROM raw.rejects") == []


def test_views_have_the_columns_of_the_contract_in_order_with_their_types(shop):
    shop.publish(DAY, 3)
    shop.reject("one.parquet", 2)
    assert shop.refresh()
    assert described(shop, "core.visits") == VISITS_COLUMNS
    assert described(shop, "raw.rejects") == REJECTS_COLUMNS
    assert shop.query("SELECT visitor, brand, properties, ds FROM core.visits ORDER BY visitor") == [
        (0, "Apple", None, DAY),
        (1, None, {"n": "1"}, DAY),
        (2, "Apple", {"n": "2"}, DAY),
    ]


def test_it_is_swapped_only_when_a_view_changed(shop):
    assert shop.refresh()
    assert not shop.refresh()
    shop.publish(DAY, 3)
    assert shop.refresh()
    inode = shop.catalogue.stat().st_ino
    shop.publish(NEXT, 4)
    shop.publish(DAY, 5)
    assert not shop.refresh()
    assert shop.catalogue.stat().st_ino == inode
    assert counted(shop) == {DAY: 5, NEXT: 4}
    shop.reject("one.parquet", 2)
    assert shop.refresh()
    shop.reject("two.parquet", 3)
    assert not shop.refresh()
    assert shop.query("SELECT count(*) FROM raw.rejects") == [(5,)]


def test_a_new_column_changes_it(shop):
    shop.refresh()
    fewer = CONTRACTS | {
        "raw.rejects": type(CONTRACTS["raw.rejects"])({"line": CONTRACTS["raw.rejects"].columns["line"]})
    }
    assert catalogue.refresh(shop.catalogue, shop.warehouse, TABLES, fewer)
    assert described(shop, "raw.rejects") == REJECTS_COLUMNS[1:]


@pytest.mark.parametrize(
    "harm",
    ["deleted", "cut", "emptied", "overwritten", "its record deleted", "its record damaged", "a log beside it"],
)
def test_a_harmed_catalogue_is_made_anew(shop, harm):
    shop.publish(DAY, 3)
    shop.refresh()
    record = shop.catalogue.with_name(f"_{shop.catalogue.name}.json")
    content = shop.catalogue.read_bytes()
    log = shop.catalogue.with_name(f"{shop.catalogue.name}.wal")  # of a shell that had another file open
    {
        "deleted": shop.catalogue.unlink,
        "cut": lambda: shop.catalogue.write_bytes(content[: len(content) // 2]),
        "emptied": lambda: shop.catalogue.write_bytes(b""),
        "overwritten": lambda: shop.catalogue.write_bytes(b"\x00" * len(content)),
        "its record deleted": record.unlink,
        "a log beside it": lambda: log.write_bytes(b"log" * 100),
        "its record damaged": lambda: record.write_text("{"),
    }[harm]()
    assert shop.refresh()
    assert counted(shop) == {DAY: 3}
    assert not shop.refresh()


def test_tables_that_somebody_made_in_it_go_with_the_next_build(shop):
    """It can be made again at any time, so nothing else belongs into it."""
    shop.publish(DAY, 3)
    shop.refresh()
    with duckdb.connect(shop.catalogue) as connection:
        connection.execute("CREATE TABLE core.mine AS SELECT * FROM range(100000)")
    assert shop.refresh()
    assert counted(shop) == {DAY: 3}
    with pytest.raises(duckdb.CatalogException):
        shop.query("FROM core.mine")


def test_a_moved_folder_is_right_after_the_next_build(shop, tmp_path):
    shop.publish(DAY, 3)
    shop.refresh()
    moved = tmp_path / "elsewhere" / "warehouse"
    moved.parent.mkdir()
    shutil.move(shop.root, moved)
    there = Shop(moved)
    assert there.refresh()
    assert counted(there) == {DAY: 3}


STRANGE = [
    "with space", "it's \"quoted\"", "a*b", "[ab]", "[!a]b", "{a,b}", "ds=1999-01-01", "brand=Nokia", "ünï-日本",
    "a;b--c", "%20", "$HOME",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_any_folder_will_do(tmp_path, name):
    strange = Shop(tmp_path / name / "warehouse")
    decoys = [Shop(tmp_path / decoy / "warehouse") for decoy in ("aab", "acb", "a", "b", "xb")]
    for decoy in decoys:  # what the folder's name would match as a pattern
        decoy.publish(DAY, 9)
    strange.publish(DAY, 3)
    strange.publish(NEXT, 4)
    strange.reject("one.parquet", 2)
    strange.refresh()
    assert strange.query("SELECT ds, brand, count(*) FROM core.visits GROUP BY ALL ORDER BY ALL") == [
        (DAY, "Apple", 2), (DAY, None, 1), (NEXT, "Apple", 2), (NEXT, None, 2),
    ]  # fmt: skip
    assert strange.query("SELECT count(*) FROM raw.rejects") == [(2,)]
    assert strange.warehouse.days(VISITS_TABLE) == [DAY, NEXT]
    assert strange.warehouse.scan_days(VISITS_TABLE, [DAY, NEXT]).collect()["brand"].null_count() == 3


def test_values_are_bound_and_never_pasted(shop):
    shop.publish(DAY, 3)
    shop.refresh()
    assert shop.query("SELECT count(*) FROM core.visits WHERE ds = ?", DAY) == [(3,)]
    assert shop.query("SELECT count(*) FROM core.visits WHERE ds = ?", f"{DAY}' OR '1'='1") == [(0,)]


def test_a_failed_refresh_leaves_the_old_one_and_no_leftovers(shop, monkeypatch):
    shop.publish(DAY, 3)
    shop.refresh()
    shop.reject("one.parquet", 2)

    def fails(connection, _root):
        connection.execute("CREATE TABLE half AS SELECT 1 AS one")
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(catalogue, "know_store", fails)
        with pytest.raises(OSError, match="disk full"):
            shop.refresh()
    assert counted(shop) == {DAY: 3}
    left = {path.name for path in shop.root.iterdir() if path.is_file()}
    assert left == {"growth.duckdb", "_growth.duckdb.json"}
    assert shop.refresh()


def test_a_full_disk_is_told_as_such_and_not_by_the_half_file_it_leaves(shop, monkeypatch):
    def half(path):
        path.write_bytes(b"")
        raise duckdb.IOException("exists, but it is not a valid DuckDB database file!")

    monkeypatch.setattr(duckdb, "connect", half)
    usage = shutil.disk_usage(shop.root.parent)
    for free, error in ((4096, OSError), (catalogue.ROOM, duckdb.IOException)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        with pytest.raises(error) as told:
            shop.refresh()
        assert ("No space left on device" in str(told.value)) == (error is OSError)


def test_what_a_killed_refresh_left_is_swept_by_the_next(shop):
    shop.refresh()
    left = [shop.root / ".growth.duckdb.123.abc", shop.root / "._growth.duckdb.json.123.abc"]
    for path in left:
        path.write_text("half")
    assert not shop.refresh()
    assert not any(path.exists() for path in left)


@contextmanager
def another_process(program: str, *arguments: str):
    """A process that says "ready" and then goes on at each line it is given."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def go_on(process: subprocess.Popen) -> str:
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_rebuild_and_an_open_reader_do_not_stop_each_other(shop):
    shop.publish(DAY, 3)
    shop.refresh()
    reader = """
        import duckdb, sys
        connection = duckdb.connect(sys.argv[1], read_only=True)
        print("ready", flush=True)
        for _ in sys.stdin:
            print(connection.execute("SELECT count(*) FROM core.visits").fetchone()[0], flush=True)
    """
    with another_process(reader, str(shop.catalogue)) as process:
        assert go_on(process) == "3"
        shop.publish(NEXT, 4)
        shop.reject("one.parquet", 2)
        assert shop.refresh()
        assert go_on(process) == "7"  # through the old catalogue, which has no name any more
        assert shop.query("SELECT count(*) FROM raw.rejects") == [(2,)]
        shop.publish(DAY, 5)
        assert go_on(process) == "9"


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_a_shell_open_for_writing_does_not_stop_a_rebuild(shop, end):
    shop.publish(DAY, 3)
    shop.refresh()
    shell = """
        import duckdb, sys
        connection = duckdb.connect(sys.argv[1])
        connection.sql("CREATE TABLE core.mine AS SELECT 1 AS one")
        print("ready", flush=True)
        sys.stdin.readline()
        connection.sql("CREATE TABLE core.more AS SELECT 1 AS one")
        connection.close()
        print("closed", flush=True)
        sys.stdin.readline()
    """
    with another_process(shell, str(shop.catalogue)) as process:
        with pytest.raises(duckdb.IOException, match="lock"):
            shop.query("SELECT 1")  # the shell does hold the file
        shop.publish(NEXT, 4)
        shop.reject("one.parquet", 2)
        assert shop.refresh()
        assert counted(shop) == {DAY: 3, NEXT: 4}
        if end == "closed":
            assert go_on(process) == "closed"
    assert counted(shop) == {DAY: 3, NEXT: 4}
    assert not shop.refresh()
    assert Warehouse(shop.root).days(VISITS_TABLE) == [DAY, NEXT]
    assert not list(shop.root.glob("*.wal"))
