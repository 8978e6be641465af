"""The cluster of all tests here, and a session on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from growth_assets_tests.spark.cluster import HOST, QUICK, Cluster, absent, cluster


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A master and two workers."""
    if why := absent():
        pytest.skip(why)
    with cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture(scope="session")
def session(spark_cluster) -> Iterator[object]:
    """A session of the kind that a user opens, on both workers."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - is not in every environment

    os.environ["SPARK_LOCAL_IP"], os.environ["PYSPARK_PYTHON"] = HOST, sys.executable
    builder = SparkSession.builder.master(spark_cluster.url).appName("growth_assets tests")
    settings = {
        "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, "spark.ui.enabled": "true", "spark.ui.port": "0",
        "spark.ui.showConsoleProgress": "false", "spark.executor.memory": "1g", "spark.driver.memory": "1g",
        "spark.executor.extraJavaOptions": QUICK, "spark.driver.extraJavaOptions": QUICK,
        "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "4",
    }  # fmt: skip
    for name, value in settings.items():
        builder = builder.config(name, value)
    running = builder.getOrCreate()
    yield running
    running.stop()
