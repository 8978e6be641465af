"""Without PySpark, or without a cluster, a build says what is missing and builds nothing."""

from __future__ import annotations

import sys

import dagster as dg
import pytest

from growth_assets.engines import cluster
from growth_assets.engines.cluster import ClusterError
from growth_assets.orchestration.daily import daily_tables
from growth_assets_tests.tables.days import site


def test_without_pyspark_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    chosen = site(engine="spark", spark={"master": "spark://host:7077"})
    missing = r'PySpark is not installed: pip install "growth-assets\[spark\]"'
    with cluster.at_hand(chosen) as nobody, pytest.raises(ClusterError, match=missing):
        nobody.codes()


def test_runs_on_a_cluster_wait_in_a_pool_and_others_in_none():
    at = {"master": "spark://host:7077"}
    for chosen, pool in ((site(engine="spark", spark=at), "spark"), (site(), None)):
        assert daily_tables(chosen, dg.DailyPartitionsDefinition("2026-03-01")).op.pool == pool


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'growth_assets'\n", 'spark.pyspark.python" in'),
        (
            "Traceback\n  File x\ngrowth_assets.engines.tasks.OtherCodeError: a machine of the cluster has a, and this "
            "one b\n\tat org.apache.spark",
            "a machine of the cluster has a, and this one b. Install the same there",
        ),
        ("Job aborted\nTraceback\nValueError: no such thing\n\tat java.lang.Exception(x)", "ValueError: no such thing"),
        ("", "Exception"),
    ],
)
def test_what_a_machine_said_comes_to_one_line(said, told):
    found = str(cluster.explained(Exception(said)))
    assert told in found
    assert "\n" not in found
