"""The cluster of all tests here, and the session that all builds on it share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from benchmarks import spark_events
from benchmarks.spark_cluster import HOST, QUICK, Cluster, absent, cluster
from growth_assets_tests.spark.sides import EVENTS_A_TASK, OnCluster
from growth_assets_tests.tables.days import site


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A master and two workers."""
    if why := absent():
        pytest.skip(why)
    with cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture(scope="session")
def on_cluster(spark_cluster, s3_server) -> Iterator[OnCluster]:
    """The engine, with one session on both workers for all tests; slow tasks are begun once more beside themselves.

    Its machines know the credentials of a store.
    """
    from growth_assets.engines.cluster import at_hand  # noqa: PLC0415 - PySpark is not in every environment

    os.environ["SPARK_LOCAL_IP"] = HOST
    log = spark_cluster.folder / "events"
    log.mkdir()
    conf = {
        "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, "spark.driver.memory": "1g",
        "spark.executor.memory": "1g", "spark.ui.port": "0", "spark.executor.extraJavaOptions": QUICK,
        "spark.driver.extraJavaOptions": QUICK, "spark.eventLog.dir": log.as_uri(), **spark_events.SETTINGS,
        # What tests ask in SQL is small.
        "spark.sql.shuffle.partitions": "2",
        # Once more than what any test has fail: a process begins anew for each time.
        "spark.task.maxFailures": "3",
        "spark.speculation": "true", "spark.speculation.interval": "100ms", "spark.speculation.multiplier": "2",
        "spark.speculation.quantile": "0.5", "spark.speculation.minTaskRuntime": "2s",
        **{f"spark.executorEnv.{name}": value for name, value in s3_server.variables.items()},
    }  # fmt: skip
    chosen = {"engine": "spark", "spark": {"master": spark_cluster.url, "events_a_task": EVENTS_A_TASK, "conf": conf}}
    with at_hand(site(**chosen)) as session:
        # It is opened when something is asked of it.
        assert session.version
        yield OnCluster(spark_cluster, session, chosen, log)
