"""docs/spark.md shows what was measured, its sizes are multiplied from that, and its examples are settings."""

from __future__ import annotations

import inspect
import json
import re
import shutil

import fsspec
import pytest

from benchmarks import spark, spark_events, spark_sizes
from benchmarks.processes import ROOT, Cost
from benchmarks.spark_events import Application, Stage
from growth_assets import places
from growth_assets.engines import spark_catalogue
from growth_assets.ingest import many_files
from growth_assets.settings import load
from growth_assets.tables import DAILY

KEPT = json.loads(spark.KEPT.read_text(encoding="utf-8"))


ENCRYPTED = ("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled")


def test_the_page_shows_what_is_kept():
    page = spark.PAGE.read_text(encoding="utf-8")
    assert spark.as_text(KEPT) in page
    assert spark_sizes.as_text(KEPT) in page


def test_new_numbers_take_the_place_of_those_that_are_kept(tmp_path, monkeypatch):
    for name in ("KEPT", "PAGE"):
        shutil.copy(getattr(spark, name), tmp_path)
        monkeypatch.setattr(spark, name, tmp_path / getattr(spark, name).name)
    spark.keep({**KEPT, "events": 1_234_567})
    assert "1,234,567 events of one day" in spark.PAGE.read_text(encoding="utf-8")
    assert json.loads(spark.KEPT.read_text(encoding="utf-8"))["events"] == 1_234_567
    spark.PAGE.write_text("something else", encoding="utf-8")
    with pytest.raises(LookupError, match="does not show the numbers"):
        spark.keep(KEPT)


def test_what_is_kept_has_one_shuffle_of_the_size_of_the_data():
    stages = [Stage(**stage) for stage in KEPT["stages"]]
    assert spark.one_of_size(stages)
    assert max(each.shuffled_rows for each in stages) > 0


def test_a_second_shuffle_would_be_seen():
    assert spark.one_of_size([Stage("cut", shuffled_bytes=1_000), Stage("make"), Stage("count", shuffled_bytes=50)])
    assert not spark.one_of_size([Stage("cut", shuffled_bytes=1_000), Stage("again", shuffled_bytes=100)])
    assert not spark.one_of_size([Stage("cut"), Stage("make")])


def test_sizes_are_multiplied():
    # 36 core seconds a million events, 6 of them to land; a node of 16 cores that are busy for 0.7 of two hours has
    # 22.4 core hours.
    costs = spark_sizes.Costs(30e-6, 50.0, 6e-6, 1e6)
    size = spark_sizes.Size(10_000_000_000, costs)
    assert size.core_hours == pytest.approx(100_000 / 1_000)
    assert (size.nodes, size.hours) == (5, pytest.approx(100 / (5 * 11.2)))
    # Blocks of 50,000 bytes: 3,200,000 events of 50 bytes, to 3,125 tasks.
    assert (size.events_a_task, size.tasks) == (3_200_000, 3_125)
    assert size.events_a_task * 50 / size.tasks >= 50_000
    assert size.network_minutes == pytest.approx(500e9 / 5 / 1.25e9 / 60)
    assert size.driver_bytes == 49e6
    assert spark_sizes.Size(1_000, costs).nodes == 2


def test_both_engines_are_compared_by_the_same_events():
    run = {name: Cost(seconds, cpu, 10**9) for name, seconds, cpu in (("local", 10, 15), ("spark", 30, 60))}
    engines = {name: spark.Measured([cost], Cost(5, 5)) for name, cost in run.items()}
    application = Application([Stage("cut", 2, shuffled_bytes=50_000_000), Stage("make", 2, result_bytes=9)], 1, 2, 0)
    found = spark.as_json(spark.Compared(1_000_000, 10**8, 1, 0.2, engines, application))
    assert (found["spark_to_local"], found["spark_to_local_cpu"]) == (3, 4)
    assert found["engines"]["spark"]["events_per_second_and_core"] == round(1_000_000 / 30 / spark.WORKERS)
    assert "Spark takes 3.0 times as long, and 4.0 times the CPU seconds" in spark.as_text(found)
    costs = spark_sizes.Costs.of(found)
    assert costs.core_seconds == pytest.approx(55e-6)
    # The same where a third step adds up what the second one made.
    third = [*found["stages"][:1], {**found["stages"][1], "shuffled_bytes": 8, "result_bytes": 1}, found["stages"][1]]
    assert spark_sizes.Costs.of({**found, "stages": third}).result_bytes == costs.result_bytes


def test_the_log_of_spark_is_read_attempt_by_attempt(tmp_path):
    def task(stage, reason="Success", speculative=False, written=0):
        metrics = {
            "Executor Run Time": 500,
            "Result Size": 7,
            "Shuffle Write Metrics": {"Shuffle Bytes Written": written, "Shuffle Records Written": 1},
        }
        return {
            "Event": "SparkListenerTaskEnd",
            "Stage ID": stage,
            "Task End Reason": {"Reason": reason},
            "Task Info": {"Speculative": speculative},
            "Task Metrics": metrics,
        }

    begun = [
        {"Event": "SparkListenerStageSubmitted", "Stage Info": {"Stage ID": each, "Stage Name": "step"}}
        for each in (0, 1, 0)
    ]
    events = [
        {"Event": "SparkListenerExecutorAdded"},
        begun[0],
        task(0, written=10),
        task(0, "TaskKilled", speculative=True),
        begun[1],
        task(1, "ExecutorLostFailure"),
        {"Event": "SparkListenerExecutorRemoved"},
        begun[2],
        task(0, written=20),
        task(1),
        {"Event": "SparkListenerJobEnd"},
    ]
    log = tmp_path / "app-1.inprogress"
    log.write_text("".join(json.dumps(each) + "\n" for each in events) + '{"Event": "half a li', encoding="utf-8")
    found = spark_events.read(tmp_path)
    assert (found.jobs, found.executors, found.lost) == (1, 1, 1)
    first, second = found.stages
    assert (first.tasks, first.failed, first.speculative, first.shuffled_bytes) == (2, 1, 1, 30)
    assert (second.tasks, second.failed, second.run_seconds) == (1, 1, 0.5)
    assert found.since(Application([first], 1, 1, 0)) == Application([second], 0, 0, 1)
    with pytest.raises(LookupError, match="no log of events"):
        spark_events.read(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["spark-kubernetes.toml", "spark-managed.toml"])
def test_an_example_is_a_part_of_a_site(name, tmp_path):
    example = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n' + example, encoding="utf-8")
    settings = load(tmp_path)
    assert settings.engine == "spark"
    conf = dict(settings.spark.conf)
    assert conf["spark.pyspark.python"] == "/opt/growth/bin/python"
    # Addresses and user agents are in what is shuffled.
    assert {conf[each] for each in ENCRYPTED} == {"true"}
    assert f"deploy/{name}" in spark.PAGE.read_text(encoding="utf-8")


def test_the_page_names_what_hdfs_takes_from_the_environment():
    page = spark.PAGE.read_text(encoding="utf-8")
    variables = re.findall(r"[A-Z_]{9,}", places.STORES[places.HDFS].variables)
    assert len(variables) == 3
    assert all(name in page for name in variables)
    # As fsspec reads them: its name, and that of an argument.
    known = inspect.signature(fsspec.get_filesystem_class(places.HDFS).__init__).parameters
    assert {name.removeprefix("FSSPEC_WEBHDFS_").lower() for name in [*variables, "FSSPEC_WEBHDFS_USE_HTTPS"]} <= {
        *known
    }


def test_the_pages_say_from_how_many_bytes_on_a_cluster_lands():
    worth = f"{many_files.WORTH_IT >> 20} MB or more together"
    page = " ".join(spark.PAGE.read_text(encoding="utf-8").split())
    assert worth in page
    assert worth in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{many_files.TASKS_AT_ONCE} tasks at a time" in page
    named = {spark_catalogue.name_of("growth", table).replace("`", "") for table in spark_catalogue.kept(DAILY)}
    assert all(f"`{each}`" in page for each in named)
