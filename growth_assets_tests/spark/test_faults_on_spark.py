"""What goes wrong on a cluster, and what is uneven there, changes no row."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import pytest

from benchmarks.processes import family
from benchmarks.spark import one_of_size
from growth_assets.engines import cluster
from growth_assets.engines.local import Day, Received
from growth_assets_tests.spark.sides import ASIDE, FACTS, Side, build, differences, when
from growth_assets_tests.tables.days import DS, event, raw_day, site

pytestmark = [pytest.mark.slow]

VISITORS, EVENTS = 900, 6_000
PROXY = "81.2.69.142"
"""Of a tenth of all events."""
FILES = 300


def day_of_a_proxy() -> pl.DataFrame:
    """A day of many visitors, one of whom has a tenth of all events; some come twice, some are broken."""
    like = raw_day([event()])
    number = pl.int_range(EVENTS)
    ip = (
        pl.when(number % 10 == 3)
        .then(pl.lit(PROXY))
        .otherwise(pl.format("8.8.{}.{}", number % 4, number % VISITORS // 4))
    )
    made = pl.select(
        line_number=number + 1,
        ip=ip,
        event_timestamp=pl.lit(like["event_timestamp"][0]) + pl.duration(milliseconds=number * 97 % 7_000_000),
        event_id=pl.format("e{}", number),
        hostname=pl.when(number % 61 == 5).then(pl.lit("bad host")).otherwise(pl.lit("www.xx.com")),
    )
    again = made.filter(pl.col("line_number") % 50 == 0).with_columns(pl.col("line_number") + EVENTS)
    rows = pl.concat([made, again])
    return like.drop(rows.columns).join(rows, how="cross").select(like.columns).cast(dict(like.schema))


@pytest.fixture(scope="module")
def received(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("received") / "received.parquet"
    day_of_a_proxy().write_parquet(path)
    return path


def landed(*paths: Path):
    """What landed for the day: these files."""

    @contextmanager
    def of_day(ds: str):
        yield Received(paths, {"landing": "1"}, EVENTS * 51 // 50)

    return of_day


@pytest.fixture(scope="module")
def undisturbed(received, tmp_path_factory) -> Side:
    """By one machine."""
    return build(site(data=tmp_path_factory.mktemp("local"), max_quarantined_share=1), Day, [DS], landed(received))


@pytest.fixture
def by_cluster(on_cluster, tmp_path):
    """Builds the day of some files by the cluster, and tells what Spark did."""

    def built(*paths: Path, events_a_task: int = EVENTS // 12):
        chosen = {**on_cluster.chosen, "spark": {**on_cluster.chosen["spark"], "events_a_task": events_a_task}}
        settings = site(data=tmp_path / "spark", max_quarantined_share=1, **chosen)
        with on_cluster.happening() as happened:
            side = build(settings, on_cluster.day, [DS], landed(*paths))
        return side, happened

    return built


def test_a_visitor_with_a_tenth_of_all_events_is_in_one_part(by_cluster, received, undisturbed):
    side, happened = by_cluster(received)
    assert differences(undisturbed, side) == []
    assert min(side[f"{DS} {ASIDE}"].rows, side[f"{DS} {FACTS}"].numbers["duplicates"]) > 50
    assert side[f"{DS} {FACTS}"].rows > 5_500
    assert one_of_size(happened.stages)
    assert sum(each.tasks for each in happened.stages) >= 2 * 12


def test_a_day_of_many_files_and_tasks_is_the_same(by_cluster, received, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "REPORTS_AT_ONCE", 8)
    rows = pl.read_parquet(received)
    paths = [tmp_path / f"{number}.parquet" for number in range(FILES)]
    for number, path in enumerate(paths):
        rows[number * rows.height // FILES : (number + 1) * rows.height // FILES].write_parquet(path)
    side, happened = by_cluster(*paths, events_a_task=EVENTS // 18)
    assert differences(undisturbed, side) == []
    # What is small of each task is added up before it goes to the driver, in a step of its own.
    tasks = [each.tasks for each in happened.stages]
    assert len(tasks) == 3
    assert tasks[1] > 8 > tasks[2] > 1
    assert happened.stages[0].shuffled_bytes == max(each.shuffled_bytes for each in happened.stages)


def test_a_lost_machine_changes_no_row(on_cluster, by_cluster, received, undisturbed):
    machines = on_cluster.cluster

    def in_the_middle() -> bool:
        return any(job["numCompletedStages"] and job["numActiveTasks"] for job in on_cluster.running())

    def power_cut() -> None:
        send(signal.SIGKILL, list(family(machines.workers[0].pid)))
        machines.workers.pop(0).process.wait()

    was_cut = when(in_the_middle, power_cut)
    try:
        # So many tasks after the shuffle that they last longer than it takes to ask whether they are there.
        side, happened = by_cluster(received, events_a_task=EVENTS // 24)
    finally:
        cut = was_cut()
        if cut:
            machines.begin_worker()
            machines.wait_for(2)
    assert cut
    assert any(" Lost executor " in line for line in on_cluster.session.said())
    assert differences(undisturbed, side) == []
    assert happened.application.lost == 1
    assert sum(each.failed for each in happened.stages) > 0


def test_a_task_that_dies_is_done_once_more(on_cluster, by_cluster, received, undisturbed):
    def kill() -> None:
        # One that is between two tasks takes none with it.
        while on_cluster.active() and not any(stage["numFailedTasks"] for stage in on_cluster.active()):
            send(signal.SIGKILL, on_cluster.pythons(0))
            time.sleep(0.3)

    died = when(lambda: bool(on_cluster.active()), kill)
    side, happened = by_cluster(received)
    assert died()
    assert differences(undisturbed, side) == []
    assert sum(each.failed for each in happened.stages) > 0
    assert happened.application.lost == 0


def test_a_task_that_hangs_is_done_beside_itself(on_cluster, by_cluster, received, undisturbed):
    stopped: list[int] = []

    def hang() -> None:
        stopped.extend(on_cluster.pythons(0))
        send(signal.SIGSTOP, stopped)

    hung = when(lambda: bool(on_cluster.active() and on_cluster.pythons(0)), hang)
    try:
        side, happened = by_cluster(received)
    finally:
        was_hung = hung()
        send(signal.SIGCONT, stopped)
    assert was_hung
    assert differences(undisturbed, side) == []
    assert sum(each.speculative for each in happened.stages) > 0


def send(what: signal.Signals, pids: Iterable[int]) -> None:
    """To those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)
