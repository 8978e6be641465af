"""Without PySpark, or without a cluster, a build says what is missing and builds nothing."""

from __future__ import annotations

import re
import socket
import sys
import tomllib
import traceback
import types
from pathlib import Path

import dagster as dg
import pytest
from packaging.requirements import Requirement

from growth_assets.engines import cluster, reachable
from growth_assets.engines.cluster import ClusterError
from growth_assets.orchestration import doctor
from growth_assets.orchestration.daily import daily_tables
from growth_assets.settings import Spark
from growth_assets_tests.tables.days import site

ROOT = Path(__file__).parents[2]


def test_without_pyspark_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    chosen = site(engine="spark", spark={"master": "spark://host:7077"})
    missing = r'PySpark is not installed: pip install "growth-assets\[spark\]"'
    with cluster.at_hand(chosen) as nobody, pytest.raises(ClusterError, match=missing):
        nobody.codes()


def test_a_server_that_cannot_be_reached_is_named_without_its_token(tmp_path, monkeypatch):
    address = "sc://host:15002/;use_ssl=true;token=t0ken"
    asked = []

    class Builder:
        def remote(self, where):
            asked.append(where)
            return self

        def config(self, *_):
            return self

        def getOrCreate(self):  # noqa: N802 - Spark's name
            raise RuntimeError(f"StatusCode.UNAVAILABLE at {asked[-1]}: header Bearer t0ken")

    named = types.SimpleNamespace(SparkSession=types.SimpleNamespace(builder=Builder()))
    monkeypatch.setitem(sys.modules, "pyspark", types.SimpleNamespace(sql=named))
    monkeypatch.setitem(sys.modules, "pyspark.sql", named)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setattr(reachable, "why_not", lambda _: "")
    chosen = site(data=tmp_path, engine="spark", spark={"remote": address})
    missing = r"no session on sc://host:15002/ \(.*UNAVAILABLE.*\)\. Check spark\.remote"
    with cluster.at_hand(chosen) as nobody, pytest.raises(ClusterError, match=missing) as error:
        nobody.codes()
    assert asked == [address]
    assert "t0ken" not in "".join(traceback.format_exception(error.value))
    found = next(each for each in doctor.examine(chosen) if each.what == "spark")
    assert not found.well
    assert "t0ken" not in found.says


@pytest.fixture
def closed() -> int:
    """A port of this machine where nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def java(tmp_path, monkeypatch) -> Path:
    """The home of a Java."""
    program = tmp_path / "java" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    return tmp_path / "java"


@pytest.mark.usefixtures("java")
def test_a_cluster_that_is_down_is_told_at_once(closed, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    # What is installed is not asked further.
    for name in ("pyspark", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(SparkSession=None))
    nobody = rf"nobody answers at 127\.0\.0\.1:{closed} \(Connection refused\)"
    for at, setting in (("master", f"spark://127.0.0.1:{closed}"), ("remote", f"sc://127.0.0.1:{closed}/;token=t0ken")):
        with cluster.at_hand(site(engine="spark", spark={at: setting})) as there:
            with pytest.raises(ClusterError, match=rf"no session on \S+: {nobody}\. Check spark\.{at}") as error:
                there._spark  # noqa: B018 - opens it
            assert "t0ken" not in str(error.value)
    assert "nobody answers at no-such-host.invalid:7077 (" in reachable.why_not(
        Spark(master="spark://no-such-host.invalid:7077")
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        open_port = listening.getsockname()[1]
        assert reachable.why_not(Spark(master=f"spark://127.0.0.1:{closed},127.0.0.1:{open_port}")) == ""
        assert reachable.why_not(Spark(remote=f"sc://127.0.0.1:{open_port}/;token=t0ken")) == ""
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert reachable.why_not(Spark(remote=f"sc://127.0.0.1:{closed}")) == ""


@pytest.mark.usefixtures("java")
@pytest.mark.parametrize(
    "at",
    [
        {"master": "spark://host:99999"}, {"master": "spark://host:abc"}, {"remote": "sc://host:t0ken"},
        {"master": f"spark://{'x' * 64}.invalid:7077"}, {"remote": f"sc://{'x' * 64}.invalid"},
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_told_by_its_setting(at, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    (setting,) = at
    found = reachable.why_not(Spark(**at))
    assert found.startswith(f"what spark.{setting} names is no host, or no port of 1 to 65535. Check spark.{setting}")
    assert "t0ken" not in found


def test_without_java_it_is_named_where_it_is_needed(java, monkeypatch):
    assert reachable.why_not(Spark(master="yarn")) == ""
    (java / "bin" / "java").unlink()
    assert "Install Java 17 or newer" in reachable.why_not(Spark(master="yarn"))
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(java))
    assert "Install Java 17 or newer" in reachable.why_not(Spark(master="local[1]"))


def test_the_extra_asks_for_a_pyspark_that_sends_pieces_by_their_number():
    """`DataFrame.repartitionById` is of 4.1."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["spark"]
    (asked,) = (found for found in map(Requirement, extra) if found.name == "pyspark")
    locked = re.search(r"^pyspark==(\S+)", (ROOT / "requirements.spark.lock").read_text(), re.MULTILINE)[1]
    assert [each in asked.specifier for each in ("4.0.2", "4.1.0", locked, "5.0.0")] == [False, True, True, False]
    assert "(PySpark 4.1 or newer, Java 17)" in (ROOT / "README.md").read_text()


def test_runs_on_a_cluster_wait_in_a_pool_and_others_in_none():
    at = {"master": "spark://host:7077"}
    for chosen, pool in ((site(engine="spark", spark=at), "spark"), (site(), None)):
        assert daily_tables(chosen, dg.DailyPartitionsDefinition("2026-03-01")).op.pool == pool


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'growth_assets'\n", 'spark.pyspark.python" in'),
        (
            'Traceback\n  File x\n    raise OtherCodeError(f"a machine {x}")\n'
            "growth_assets.engines.tasks.OtherCodeError: a machine of the cluster has a, and this "
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
