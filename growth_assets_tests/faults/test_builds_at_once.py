"""Two builds at once, of the same days and of different ones, and builds beside open readers, end as one alone does."""

import json
import subprocess
import sys

import pytest

from growth_assets.warehouse import catalogue

from .conftest import DAYS, Reader, published
from .test_kill_at_any_moment import assert_dagster_knows_what_is_published

pytestmark = pytest.mark.slow

PAIRS = {
    "the same days": ([], []),
    "the same range": (["--from", DAYS[0], "--to", DAYS[4]], ["--from", DAYS[0], "--to", DAYS[4]]),
    "different days": (["--from", DAYS[0], "--to", DAYS[2]], ["--from", DAYS[3], "--to", DAYS[4]]),
    "days in common": (["--from", DAYS[0], "--to", DAYS[3]], ["--from", DAYS[1], "--to", DAYS[4]]),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_builds_at_once_end_as_one(world, nursery, tmp_path, pair):
    data = world.copy(tmp_path / "data")
    logs = [tmp_path / "one.txt", tmp_path / "other.txt"]
    with Reader(data, world.legal) as reader:
        processes = [nursery.start(data, *days, log=log) for days, log in zip(PAIRS[pair], logs, strict=True)]
        codes = [nursery.wait(process) for process in processes]
    assert codes == [0, 0], "\n".join(log.read_text() for log in logs)
    assert not reader.wrong
    assert published(data) == world.first


@pytest.fixture
def built(world, tmp_path):
    return world.copy_built(tmp_path / "data")


def test_a_backfill_beside_the_daily_build_of_two_of_its_days(world, nursery, built, tmp_path, monkeypatch):
    logs = [tmp_path / "backfill.txt", tmp_path / "build.txt"]
    with Reader(built, world.legal) as reader:
        backfill = nursery.run(["backfill", str(built), DAYS[0], DAYS[-1]], logs[0])
        daily = nursery.start(built, log=logs[1])
        codes = [nursery.wait(process) for process in (backfill, daily)]
    assert codes == [0, 0], "\n".join(log.read_text() for log in logs)
    assert not reader.wrong
    assert reader.seen["polars"] == set(world.legal)
    assert published(built) == world.late
    assert_dagster_knows_what_is_published(built, monkeypatch)
    code, said = nursery.build(built)
    assert (code, "Every day is up to date." in said) == (0, True)


QUERIES = """
import duckdb, json, select, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "notebook")
if sys.argv[2] == "shell":
    connection.execute("CREATE TABLE core.mine AS SELECT 1 AS one")
print("ready", flush=True)
seen, queries = set(), 0
while not select.select([sys.stdin], [], [], 0)[0]:
    seen |= set(connection.execute("SELECT ds, count(*) FROM core.fct_website_events GROUP BY ds").fetchall())
    queries += 1
connection.close()
print(json.dumps([sorted(seen), queries]))
"""


@pytest.mark.parametrize("reader", ["notebook", "shell"])
def test_a_build_beside_an_open_connection_that_queries_all_the_time(world, nursery, built, reader):
    """A notebook that reads, and DuckDB's own shell, which opens the file for writing unless it is told otherwise."""
    path = built / "warehouse" / "growth.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", QUERIES, str(path), reader], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        try:
            code, said = nursery.build(built)
        finally:
            told, _ = process.communicate("stop\n", timeout=60)
    assert code == 0, said
    seen, queries = json.loads(told)
    assert queries > 2
    assert {ds for ds, _ in seen} == set(DAYS)
    assert all(n in world.legal["core.fct_website_events", ds] for ds, n in seen)
    assert published(built) == world.late
    # What the shell wrote of its own is in nobody's way.
    assert nursery.build(built)[0] == 0
    counted = catalogue.query(path, "SELECT ds, count(*) AS n FROM core.fct_website_events GROUP BY ds")
    assert set(counted.rows()) <= {(ds, n) for (name, ds), each in world.legal.items() for n in each}
    assert not list(path.parent.glob("*.wal"))
