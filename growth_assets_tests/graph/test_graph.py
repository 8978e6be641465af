"""The asset graph: the golden text of all assets, the edges that are really read, and checks wired to every rule."""

from __future__ import annotations

import datetime as dt
import difflib
import runpy
from collections.abc import Iterator, Mapping

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    CachingStaleStatusResolver,
    StaleCauseCategory,
    StaleStatus,
)
from dagster._core.loader import LoadingContextForTest

from growth_assets.alerts.seen import DUE_DAY
from growth_assets.checks.verdict import CONTRACT, check_names
from growth_assets.contracts.table import Table
from growth_assets.orchestration.specs import asset_key
from growth_assets.settings import SettingsError
from growth_assets.tables import BY_NAME, DAILY, TABLES
from growth_assets.watches import WATCHES
from growth_assets_tests.contracts.planted import good
from growth_assets_tests.graph.golden import GOLDEN, example_definitions, graph_text
from growth_assets_tests.tables.days import site

NAMES = [table.name for table in TABLES]
BUILT = [table for table in TABLES if table.build is not None]
LAYERS = ("raw", "fct", "agg", "metric")


@pytest.fixture(scope="module")
def defs(tmp_path_factory) -> dg.Definitions:
    return example_definitions(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def graph(defs) -> dg.AssetGraph:
    return defs.resolve_asset_graph()


def test_the_graph_is_the_golden_one(defs):
    expected, found = GOLDEN.read_text(encoding="utf-8"), graph_text(defs)
    diff = "".join(difflib.unified_diff(expected.splitlines(True), found.splitlines(True), "golden", "now"))
    assert found == expected, f"if this is wanted: python -m growth_assets_tests.graph.golden\n{diff}"


def test_every_table_is_an_asset_and_every_asset_a_table_or_the_landing(graph):
    assert graph.get_all_asset_keys() == {asset_key(name) for name in (*NAMES, "landing.event_files")}


def test_every_asset_says_what_it_is_and_whose(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert len(node.description or "") > 20, key
        assert node.owners == ["team:growth"], key
        assert node.kinds, key
        assert node.metadata["dagster/uri"].startswith("file:///"), key


@pytest.mark.parametrize("name", NAMES)
def test_every_table_shows_its_columns_in_order_with_type_and_meaning(graph, name):
    schema = graph.get(asset_key(name)).metadata["dagster/column_schema"]
    contract = BY_NAME[name].contract(site())
    assert [column.name for column in schema.columns] == list(contract.columns)
    assert all(column.description and len(column.description) > 5 for column in schema.columns)
    assert all(column.type.isupper() for column in schema.columns)
    shown = {text for column in schema.columns for text in column.constraints.other}
    assert shown == {rule.description for rule in contract.row_rules}


@pytest.mark.parametrize("name", NAMES)
def test_every_column_that_is_made_from_others_says_which_and_they_are_there(graph, name):
    table = BY_NAME[name]
    lineage = graph.get(asset_key(name)).metadata.get("dagster/column_lineage")
    assert (lineage is not None) == (table.upstream != ("landing.event_files",))
    columns = table.contract(site()).columns
    assert set(table.made_from) <= set(columns)
    for column, sources in (lineage.deps_by_column if lineage else {}).items():
        assert column in columns
        for source in sources:
            upstream = ".".join(source.asset_key.path)
            assert upstream in table.upstream
            assert source.column_name in BY_NAME[upstream].contract(site()).columns, (column, source)
    # The others count rows, or say how they are grouped.
    bare = set(columns) - set(lineage.deps_by_column) if lineage else set()
    assert bare <= {"m_total_events", "aggregation_level"}


def test_the_specified_columns_come_first():
    fct = list(BY_NAME["core.fct_website_events"].contract(site()).columns)
    agg = list(BY_NAME["core.agg_website_events"].contract(site()).columns)
    assert fct[:9] == [
        "user_id", "logged_out_user_id", "dim_hostname", "dim_country", "dim_device_brand", "dim_action_type",
        "event_timestamp", "other_properties", "ds",
    ]  # fmt: skip
    assert agg[:7] == [
        "dim_action_type", "dim_country", "dim_device_brand", "event_hour", "m_total_events", "aggregation_level", "ds",
    ]  # fmt: skip


# Edges.


class Watched(Mapping[str, pl.LazyFrame]):
    """Frames of all tables that remembers which were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> pl.LazyFrame:
        self.asked.add(name)
        source, _, earlier = name.partition("@")
        return good(source).clear().lazy() if earlier else good(source).lazy()

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a build names the inputs it reads")

    def __len__(self) -> int:
        return len(NAMES)


@pytest.mark.parametrize("table", BUILT, ids=lambda table: table.name)
def test_a_build_reads_what_it_declares(table: Table):
    inputs = Watched()
    assert table.build is not None
    built = table.build(inputs, site())
    assert inputs.asked == {*table.upstream, *([table.history.name] if table.history else [])}
    assert set(built.beside) == {other.name for other in TABLES if other.built_with == table.name}
    for name, frame in {table.name: built.frame, **built.beside}.items():
        BY_NAME[name].contract(site()).require_shape(frame)


@pytest.mark.parametrize("name", NAMES)
def test_dagster_shows_the_edges_that_are_declared(graph, name):
    assert graph.get(asset_key(name)).parent_keys == {asset_key(upstream) for upstream in BY_NAME[name].upstream}


def test_earlier_days_are_those_of_a_table_that_is_upstream_too():
    for table in TABLES:
        assert table.history is None or table.history.table in table.upstream, table.name


@pytest.mark.parametrize("name", NAMES)
def test_a_table_reads_its_own_layer_or_those_before(name):
    table = BY_NAME[name]
    for upstream in table.upstream:
        if upstream == "landing.event_files":
            assert table.kind == "raw"
        elif table.kind == "raw":
            assert BY_NAME[upstream].kind == "raw"
        else:
            assert LAYERS.index(BY_NAME[upstream].kind) < LAYERS.index(table.kind)


def test_tables_stand_after_those_they_are_made_from():
    assert list(BY_NAME) == NAMES  # no name twice
    for place, table in enumerate(TABLES):
        known = {*NAMES[:place], "landing.event_files"}
        assert table.upstream
        assert set(table.upstream) <= known


def test_a_table_is_made_in_one_way():
    for table in TABLES:
        received = table.upstream == ("landing.event_files",)
        assert [received, table.build is not None, table.built_with is not None].count(True) == 1, table.name
        assert table.built_with is None or BY_NAME[table.built_with].build is not None


# Checks.


def checks_of(graph: dg.AssetGraph, name: str) -> set[str]:
    return {key.name for key in graph.get_check_keys_for_assets({asset_key(name)})}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_rule_of_a_table_is_wired_to_a_check(graph, table: Table):
    rules = table.contract(site()).rule_names
    wanted = {rule if rule in table.checks else CONTRACT for rule in rules}
    assert wanted
    assert wanted <= checks_of(graph, table.name)
    assert set(table.checks) <= set(rules)


@pytest.mark.parametrize("table", DAILY, ids=lambda table: table.name)
def test_the_checks_of_a_daily_table_are_those_that_it_is_judged_by(graph, table: Table):
    assert checks_of(graph, table.name) == {
        *check_names(table),
        *(watch.check for watch in WATCHES if watch.table == table.name),
        *([DUE_DAY] if table.kind == "metric" else []),
    }
    for key in graph.get_check_keys_for_assets({asset_key(table.name)}):
        daily = None if key.name == DUE_DAY else graph.get(asset_key(table.name)).partitions_def
        assert graph.get_check_spec(key).partitions_def == daily
        assert graph.get_check_spec(key).description not in {None, "", key.name}


def test_another_code_version_marks_a_partition_and_never_the_asset_as_a_whole(graph):
    key = asset_key("core.fct_website_events")
    version = graph.get(key).code_version
    with dg.DagsterInstance.ephemeral() as instance:
        for ds, built_by in (("2026-03-01", "another"), ("2026-03-02", version)):
            tags = {CODE_VERSION_TAG: built_by, DATA_VERSION_TAG: "1"}
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=ds, tags=tags))
        stale = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        marked = {
            ds: StaleCauseCategory.CODE in {cause.category for cause in stale.get_stale_causes(key, ds)}
            for ds in ("2026-03-01", "2026-03-02")
        }
        assert marked == {"2026-03-01": True, "2026-03-02": False}
        assert stale.get_status(key) is StaleStatus.FRESH


def test_metrics_have_a_freshness_policy_and_guardrails_a_daily_deadline(graph):
    for table in TABLES:
        policy = graph.get(asset_key(table.name)).freshness_policy
        assert (policy is not None) == (table.kind == "metric"), table.name
        if table.guardrail:
            assert (policy.deadline_cron, policy.timezone) == ("0 6 * * *", "UTC")
            assert policy.lower_bound_delta == dt.timedelta(hours=6)
        elif policy is not None:
            assert policy.warn_window.to_timedelta() < policy.fail_window.to_timedelta()
    assert {table.name for table in TABLES if table.guardrail} == {
        "metrics.signup_conversion_rate",
        "metrics.purchase_conversion_rate",
    }


# Loading.


@pytest.mark.parametrize("content", ["", "first_day = 2026-01-01\n"])
def test_definitions_load_beside_nothing_but_a_site_file(tmp_path, monkeypatch, content):
    (tmp_path / "site.toml").write_text(content, encoding="utf-8")
    monkeypatch.setenv("GROWTH_DATA", str(tmp_path))
    loaded = runpy.run_module("growth_assets.definitions")["defs"]
    assert isinstance(loaded, dg.Definitions)
    assert len(loaded.resolve_asset_graph().get_all_asset_keys()) == len(TABLES) + 1
    # Loading is reading: the folder is as it was.
    assert [path.name for path in tmp_path.iterdir()] == ["site.toml"]


def test_definitions_do_not_load_without_a_site_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GROWTH_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match=r"site\.toml: no such file"):
        runpy.run_module("growth_assets.definitions")
