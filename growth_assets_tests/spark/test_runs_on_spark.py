"""Runs on a cluster: what they tell meanwhile, how they are stopped, and what stands in the end."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from benchmarks.spark_cluster import HOST, QUICK, absent, home, until
from growth_assets import settings as site
from growth_assets.engines import cluster, tasks
from growth_assets.ingest import many_files
from growth_assets.orchestration import daily, doctor, run
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.on_cluster import SPARK_APPLICATION, SPARK_UI
from growth_assets.orchestration.specs import asset_key
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.catalogue import query
from growth_assets.warehouse.partitions import Warehouse

pytestmark = pytest.mark.slow

DAYS = ["2026-03-01", "2026-03-02"]


@pytest.fixture
def settings(on_cluster, tmp_path, monkeypatch) -> Settings:
    """A site with three small days that wait in landing, to be built on the cluster by settings alone."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    collected = cluster.Cluster._collected

    def counted(self, *given):
        on_cluster.jobs += not self._canceled
        return collected(self, *given)

    monkeypatch.setattr(cluster.Cluster, "_collected", counted)
    monkeypatch.setattr(many_files, "WORTH_IT", 1)
    loaded(tmp_path / "local", "")
    chosen = on_cluster.chosen["spark"]
    return loaded(
        tmp_path / "spark",
        f'engine = "spark"\n[spark]\nmaster = "{chosen["master"]}"\nevents_a_task = 50\ncatalogue = "growth"\n',
    )


def loaded(folder: Path, more: str, days: Sequence[str] = DAYS) -> Settings:
    (folder / "landing").mkdir(parents=True)
    (folder / "site.toml").write_text(f'hostnames = ["www.xx.com"]\n{more}')
    (folder / "landing" / "events.ndjson").write_text("".join(event(ds, each) for ds in days for each in range(150)))
    return site.load(folder)


def event(ds: str, number: int) -> str:
    said = {
        "event_time": f"{ds}T{number % 24:02}:00:00.5Z", "hostname": "www.xx.com" if number % 50 else "localhost",
        "ip": f"198.51.100.{number % 40}", "action_type": "signup" if number % 9 == 0 else "page_view",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/124.0",
    }  # fmt: skip
    return json.dumps(said) + "\n"


def told(settings: Settings, newest: int = 0) -> tuple[list[str], dict[str, str]]:
    """What the newest run says in its log, or an older one, and its tags."""
    with open_instance(settings) as instance:
        newest = instance.get_run_records(limit=newest + 1)[newest].dagster_run
        return [each.user_message for each in instance.all_logs(newest.run_id)], dict(newest.tags)


OF_EVENTS = ("raw.website_events", "raw.quarantined_events", "core.fct_website_events")


def same_in_the_catalogue(settings: Settings, session: cluster.Cluster, names: Sequence[str] = OF_EVENTS) -> None:
    """The tables of events have the same rows there as for DuckDB, day by day."""
    for name in names:
        expected = query(settings.catalogue, f"SELECT * FROM {name}")  # noqa: S608 - our own names
        there = f"growth.{name.replace('.', '_')}"
        told = session.sql(f"SELECT {', '.join(expected.columns)} FROM {there}")  # noqa: S608 - our own names
        assert sorted(map(repr, told)) == sorted(repr(tuple(map(plain, row))) for row in expected.iter_rows())
        assert len(told) > 0
        by_day = session.sql(f"SELECT ds, count(*) FROM {there} GROUP BY ds ORDER BY ds")  # noqa: S608 - our own names
        assert [ds for ds, _ in by_day] == DAYS


def plain(value: Any) -> Any:
    """A map as Spark gives it."""
    return {each["key"]: each["value"] for each in value} if isinstance(value, list) else value


def warn(on_cluster, what: str) -> None:
    """Have Spark's driver log a warning."""
    jvm = on_cluster.session._spark.sparkContext._jvm
    jvm.org.apache.logging.log4j.LogManager.getLogger("of.a.test").warn(what)


def of_events(settings: Settings, ds: str) -> dict[str, Any]:
    """The metadata of a day's events, as Dagster has it."""
    with open_instance(settings) as instance:
        wanted = dg.AssetRecordsFilter(asset_key("core.fct_website_events"), asset_partitions=[ds])
        (found,) = instance.fetch_materializations(wanted, limit=1).records
        return {name: value.value for name, value in found.asset_materialization.metadata.items()}


def test_one_setting_builds_a_site_on_the_cluster_to_the_same_tables(settings, on_cluster, tmp_path):
    here = site.load(tmp_path / "local")
    expected = run.build(here)
    # A secret of the session's settings among it, and what a machine may have been sent.
    warn(on_cluster, "the key never-to-be-shown is old\nip 198.51.100.7")
    found = run.build(settings)
    assert found.days == expected.days == DAYS
    assert [vars(each) for each in found.failures] == [vars(each) for each in expected.failures]
    same_tables(settings, here)
    assert len(Warehouse.of(settings).files(BY_NAME["core.fct_website_events"], DAYS[0])) > 1
    says, tags = told(settings)
    assert tags[SPARK_UI] == on_cluster.ui
    assert f"Spark shows what it does at {on_cluster.ui}" in says
    spent = [each for each in says if f": {on_cluster.session.application}: 2 stages, " in each]
    assert [each.partition(":")[0] for each in spent] == DAYS
    # Of 150 rows a task takes 50.
    assert all(
        re.search(r": 2 stages, 6 tasks, \d+ failed, 0\.\d MB shuffled, \d+\.\d s of tasks", each) for each in spent
    )
    metadata = of_events(settings, DAYS[0])
    assert metadata["spark_application"] == tags[SPARK_APPLICATION] == on_cluster.session.application
    assert metadata["spark_tasks"] == 6
    assert min(metadata["spark_shuffled_bytes"], metadata["spark_run_seconds"], metadata["spark_cpu_seconds"]) > 0
    says, tags = told(settings, 1)
    assert any(
        each.startswith(f"landing: 1 files: {on_cluster.session.application}: 1 stages, 1 tasks") for each in says
    )
    assert tags[SPARK_UI] == on_cluster.ui
    assert "landing: 1 files are read by the cluster, in 1 tasks" in says
    assert "Spark's driver: WARN test: the key ... is old" in says
    # The doctor asks the machines, too.
    (asked,) = (each for each in doctor.examine(settings) if each.what == "spark")
    assert asked.well
    assert asked.says.startswith(f"{settings.spark.master}: Spark 4.")
    # All is up to date, whichever engine asks.
    assert run.build(settings.model_copy(update={"engine": "local"})).days == []
    # The cluster's own catalogue has the same rows, also of a day whose one file takes the place of several.
    same_in_the_catalogue(settings, on_cluster.session)
    on_cluster.session.sql("ALTER TABLE growth.core_fct_website_events SET TBLPROPERTIES ('mine' = 'yes')")
    few, first = settings.spark.model_copy(update={"events_a_task": 500}), dt.date.fromisoformat(DAYS[0])
    assert run.build(settings.model_copy(update={"spark": few}), first, first).bad_days == {}
    same_in_the_catalogue(settings, on_cluster.session, OF_EVENTS[-1:])
    # And the table is still the same one.
    assert ("mine", "yes") in on_cluster.session.sql("SHOW TBLPROPERTIES growth.core_fct_website_events")


@pytest.fixture
def server(tmp_path) -> Iterator[Callable[[], str]]:
    """Waits for a Spark Connect server, which has a core of its own, and gives its address."""
    if why := absent():
        pytest.skip(why)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    conf = {
        "spark.connect.grpc.binding.address": HOST, "spark.connect.grpc.binding.port": port, "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST, "spark.driver.memory": "1g", "spark.driver.extraJavaOptions": QUICK,
        "spark.ui.enabled": "false",
    }  # fmt: skip
    spark = home(sys.executable)
    command = [
        *(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []), str(spark / "bin" / "spark-submit"),
        "--master", "local[1]", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")), "spark-internal",
    ]  # fmt: skip
    environment = {**os.environ, "SPARK_HOME": str(spark), "SPARK_LOCAL_IP": HOST, "PYSPARK_PYTHON": sys.executable}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)

    def address() -> str:
        until(lambda: process.poll() is not None or answers(port), "the server does not answer")
        assert process.poll() is None, (tmp_path / "server.log").read_text()
        return f"sc://{HOST}:{port}"

    try:
        yield address
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_a_connect_server_builds_the_same_tables(server, tmp_path):
    here = loaded(tmp_path / "local", "", DAYS[:1])
    run.build(here)
    more = f'engine = "spark"\n[spark]\nremote = "{server()}"\nevents_a_task = 80\n'
    there = loaded(tmp_path / "there", more, DAYS[:1])
    # In a process of its own: in one there are sessions of one kind alone.
    command = [sys.executable, "-m", "growth_assets", "build", "--data", str(there.data)]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert "Built 1 of 1 days" in built.stdout, built.stdout + built.stderr
    assert "Warning" not in built.stderr
    same_tables(there, here)


def same_tables(settings: Settings, here: Settings) -> None:
    """Both sites' views have the same rows, and there are some in each."""
    for table in DAILY:
        statement = f"SELECT * FROM {table.name} ORDER BY ALL"  # noqa: S608 - our own names
        mine = query(settings.catalogue, statement)
        assert mine.height > 0
        assert mine.equals(query(here.catalogue, statement)), table.name


def test_a_run_that_is_stopped_ends_its_work_on_the_cluster(settings, on_cluster, monkeypatch):
    def sleeps(batches):
        for batch in batches:
            time.sleep(600)
            yield batch

    def slow(self, work, shares, what):
        return self._collected(self._spark.range(0, 2, 1, 2).mapInArrow(sleeps, "id bigint"), what)

    info = daily.dg.DagsterLogManager.info

    def hears(self, message, *given, **named):
        info(self, message, *given, **named)
        if "of 2 tasks done" in str(message):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(cluster.Cluster, "run", slow)
        patched.setattr("growth_assets.orchestration.on_cluster.PROGRESS_SECONDS", 0.1)
        patched.setattr(daily.dg.DagsterLogManager, "info", hears)
        begun = time.monotonic()
        # Of several at once either may have the cores.
        one = settings.spark.model_copy(update={"large_days_at_once": 1})
        with pytest.raises(run.StoppedError):
            run.build(settings.model_copy(update={"spark": one}))
    assert time.monotonic() - begun < 300
    assert on_cluster.session.progress() == []
    says, _ = told(settings)
    assert any(each.startswith(f"{DAYS[0]}: 0 of 2 tasks done, ") for each in says), says
    assert any(each.startswith("Stopped: ") for each in says)
    assert {table.name: Warehouse.of(settings).days(table) for table in DAILY} == {table.name: [] for table in DAILY}
    # What was stopped is built when it is asked for.
    first = dt.date.fromisoformat(DAYS[0])
    assert run.build(settings, first, first).bad_days == {}
    assert Warehouse.of(settings).days(DAILY[0]) == DAYS[:1]


def test_after_its_java_is_gone_the_next_build_has_a_new_session(settings, on_cluster):
    """The last of this file: what Spark did before is in no log of the new session."""
    from pyspark import SparkContext  # noqa: PLC0415 - is not in every environment

    before = on_cluster.session.application
    process = SparkContext._gateway.proc
    process.kill()
    process.wait()
    with cluster.at_hand(settings) as session:
        assert session is on_cluster.session
        assert set(session.codes()) == {tasks.this_code()}
        assert session.application not in {"", before}
