"""How Dagster makes and opens its databases is changed for these alone, and for no longer than it does so."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
import sqlalchemy as db
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.runs.sqlite import sqlite_run_storage

from growth_assets.orchestration import databases

REPLACED = [(owner, name) for owner, name, _ in databases._REPLACED]


def replaced() -> list[object]:
    return [vars(owner)[name] for owner, name in REPLACED]


def journal(create, path) -> str:
    """How the database is written after somebody made it by an engine of `create`."""
    engine = create(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(db.text("CREATE TABLE a (b)"))
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def test_what_is_replaced_is_put_back_when_the_last_one_leaves(tmp_path):
    before = replaced()
    one, other = databases.opening(tmp_path / "one"), databases.opening(tmp_path / "other")
    with other:
        with one:
            during = replaced()
        assert replaced() == during
        (tmp_path / "one").mkdir()
        (tmp_path / "other").mkdir()
        assert journal(sqlite_run_storage.create_engine, tmp_path / "one" / "a.db") == "delete"
        assert journal(sqlite_run_storage.create_engine, tmp_path / "other" / "a.db") == "wal"
    assert all(a is not b for a, b in zip(before, during, strict=True))
    assert replaced() == before
    with pytest.raises(ZeroDivisionError), databases.opening(tmp_path):
        1 / 0  # noqa: B018
    assert replaced() == before


def test_of_the_same_folder_each_leaves_for_himself(tmp_path):
    before = replaced()
    first, second = databases.opening(tmp_path), databases.opening(tmp_path)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # out of turn, as threads are
    assert journal(sqlite_run_storage.create_engine, tmp_path / "a.db") == "wal"
    second.__exit__(None, None, None)
    assert replaced() == before


def test_databases_of_others_stay_as_they_are(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with databases.opening(home):
        assert journal(db.create_engine, tmp_path / "a.db") == "delete"
        assert journal(db.create_engine, home / "b.db") == "delete"
        assert journal(sqlite_run_storage.create_engine, tmp_path / "c.db") == "delete"
        (tmp_path / "home-of-another").mkdir()
        assert journal(sqlite_run_storage.create_engine, tmp_path / "home-of-another" / "d.db") == "delete"


def test_revisions_of_others_are_read_as_ever(tmp_path):
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    for _ in range(2):
        own = ScriptDirectory.from_config(config)
        assert (own.dir, own.from_config(config).dir) == (str(tmp_path), str(tmp_path))
        with databases.opening(tmp_path):
            assert (own.from_config(config).dir, ScriptDirectory.from_config(config).dir) == (own.dir, own.dir)


def connected(path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60)
    databases.relaxed(connection, None)
    return connection


def asked(connection, name):
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_database_that_may_not_be_changed_is_read(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE a AS SELECT 7 AS b")
        made.commit()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        databases.relaxed(reader, None)
        assert reader.execute("SELECT b FROM a").fetchall() == [(7,)]
        assert (asked(reader, "journal_mode"), asked(reader, "synchronous")) == ("delete", 2)


def test_a_database_that_is_being_written_is_waited_for_by_who_writes(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE a (b)")
        made.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(path, timeout=0)) as other:
            databases.relaxed(other, None)
            made.rollback()
            other.execute("INSERT INTO a VALUES (7)")
            other.commit()
            assert other.execute("SELECT b FROM a").fetchall() == [(7,)]
    with closing(connected(path)) as later:
        assert (asked(later, "journal_mode"), asked(later, "synchronous")) == ("wal", 1)


def test_threads_that_make_the_same_database_do_not_hinder_each_other(tmp_path):
    start = Barrier(3)

    def make(path):
        start.wait(60)
        with closing(connected(path)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS a (b)")
            connection.commit()

    with ThreadPoolExecutor(3) as threads:
        for number in range(100):
            list(threads.map(make, [tmp_path / f"{number}.db"] * 3))
