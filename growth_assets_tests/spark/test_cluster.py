"""The cluster is one: processes of their own, on this machine alone, and gone when their test is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from benchmarks.processes import family
from benchmarks.spark_cluster import absent, until
from growth_assets.engines import tasks
from growth_assets_tests.tables.days import site

STARTER = """
import sys, time
from pathlib import Path
from benchmarks.processes import family
from benchmarks.spark_cluster import cluster
with cluster(Path(sys.argv[1]), workers=1) as running:
    print(running.master.pid, running.workers[0].pid, flush=True)
    time.sleep(600)
"""


def doubled(batches):
    """What a step of the engine is: Polars frames in and out. Whose child it ran in comes back, too."""
    for batch in batches:
        frame = pl.DataFrame(pl.from_arrow(batch))
        parent = pl.lit(os.getppid(), dtype=pl.Int64).alias("parent")
        made = frame.with_columns((pl.col("id") * 2).alias("twice"), parent)
        yield from made.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()


def test_a_polars_function_runs_on_both_executors(on_cluster):
    from pyspark.sql import SparkSession  # noqa: PLC0415 - is not in every environment

    # With a barrier both parts run at once, and a worker has one core.
    numbers = SparkSession.builder.getOrCreate().range(0, 1_000, numPartitions=2)
    on_cluster.jobs += 1
    rows = numbers.mapInArrow(doubled, "id bigint, twice bigint, parent bigint", barrier=True).collect()
    assert {row.id: row.twice for row in rows} == {number: 2 * number for number in range(1_000)}
    assert len({row.parent for row in rows}) == 2


def test_machines_of_other_code_are_told_apart_before_they_do_anything(on_cluster, monkeypatch):
    from growth_assets.engines.cluster import ClusterError  # noqa: PLC0415 - beside PySpark alone

    monkeypatch.setattr(tasks, "this_code", lambda: "growth_assets of last year")
    work = tasks.Work(site(), pieces=1, visitor="no such column")
    says = r"a machine of the cluster has growth_assets .*, and this one growth_assets of last year\. Install the same"
    with pytest.raises(ClusterError, match=says):
        on_cluster.run(work, [[tasks.Range("/no/such/file", 0, 1)]], "what only last year's code can do")


def test_nobody_else_can_reach_it(spark_cluster, on_cluster):
    found = {address for own in spark_cluster.pids for pid in family(own) for address in listening(pid)}
    assert {address.partition(".")[0] for address in found} == {"127"}


def test_it_ends_with_the_process_that_started_it(tmp_path):
    if why := absent():
        pytest.skip(why)
    process = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    until(lambda: not any(alive(pid) for pid in pids), f"one of {pids} lives on")


def alive(pid: int) -> bool:
    """Not gone, and not waiting to be."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def listening(pid: int) -> list[str]:
    """The addresses that a process listens at; none where it is gone."""
    if not alive(pid):
        return []
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    sockets = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                found.append(
                    ".".join(str(int(fields[1].partition(":")[0][-8:][at : at + 2], 16)) for at in (6, 4, 2, 0))
                )
    return found
