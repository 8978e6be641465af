"""What the pages show beside each day: charts, and statements that lead to the rows; on a real instance."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import dagster as dg
import duckdb
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from growth_assets.orchestration.charts import DAYS, NAME
from growth_assets.orchestration.graph import definitions
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.jobs import MORNING
from growth_assets.orchestration.run import build
from growth_assets.orchestration.specs import asset_key
from growth_assets.orchestration.stale_days import Watch
from growth_assets.report.chart import HEIGHT, LONGEST, WIDTH, Line, chart
from growth_assets.settings import Settings, load
from growth_assets.tables import DAILY, TABLES
from growth_assets.warehouse import versions
from growth_assets.warehouse.catalogue import query
from growth_assets_tests.other_code import changed, copied

FIRST = dt.date(2026, 3, 1)
SIX_DAYS = [(FIRST + dt.timedelta(days=back)).isoformat() for back in range(6)]
WARNED, REFUSED = SIX_DAYS[1], SIX_DAYS[3]


def lines(ds: str, number: int) -> Iterator[str]:
    strange = {WARNED: 1, REFUSED: 30}.get(ds, 0)
    actions = ["page_view"] * (25 + number) + ["signup"] * 3 + ["purchase"] + ["hack"] * strange
    for second, action in enumerate(actions):
        yield json.dumps(
            {
                "event_time": f"{ds}T10:{second // 60:02}:{second % 60:02}.5Z", "hostname": "www.xx.com",
                "action_type": action, "ip": f"8.8.{second}.8", "user_agent": "Mozilla/5.0",
            }
        )  # fmt: skip


@dataclass
class Built:
    settings: Settings
    evaluations: list[tuple[dg.AssetCheckEvaluation, str]]
    """With the name of the table."""
    materializations: dict[str, list[dg.AssetMaterialization]]
    """Of each table, the newest first."""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Iterator[Built]:
    """Six days, one with a row put aside, one refused, and a file that can hardly be read."""
    data = tmp_path_factory.mktemp("pages")
    (data / "landing").mkdir()
    (data / "site.toml").write_text(
        'hostnames = ["www.xx.com"]\nmax_quarantined_share = 0.1\n[[sources]]\nname = "a"\nformat = "ndjson"\n'
    )
    for number, ds in enumerate(SIX_DAYS):
        (data / "landing" / f"{ds}.ndjson").write_text("".join(f"{line}\n" for line in lines(ds, number)))
    (data / "landing" / "it's strange.ndjson").write_text(next(lines(SIX_DAYS[0], 0)) + "\n{no\n{no\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        settings = load(data)
        report = build(settings)
        assert set(report.bad_days) == {REFUSED}
        with open_instance(settings) as instance:
            found = []
            for run in instance.get_runs():
                for record in instance.get_records_for_run(
                    run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
                ).records:
                    evaluation = record.event_log_entry.dagster_event.asset_check_evaluation_data
                    found.append((evaluation, ".".join(evaluation.asset_key.path)))
            yield Built(
                settings,
                found,
                {
                    table.name: [
                        record.asset_materialization
                        for record in instance.fetch_materializations(asset_key(table.name), limit=100).records
                    ]
                    for table in TABLES
                },
            )


def test_every_check_offers_a_statement_that_runs(built):
    shown = {}
    connection = duckdb.connect(built.settings.catalogue, read_only=True)
    for evaluation, table in built.evaluations:
        if evaluation.check_name == "files_readable":
            continue  # speaks of no row
        statement = evaluation.metadata["sql"].value
        shown[table, evaluation.check_name, evaluation.partition] = connection.sql(statement).pl()
    connection.close()
    assert {(table.name, "contract", ds) for table in DAILY for ds in SIX_DAYS if ds != REFUSED} <= shown.keys()
    fct = "core.fct_website_events"
    for ds in SIX_DAYS:
        rows = shown[fct, "dim_action_type_enumerated", ds]
        put_aside = {WARNED: 1, REFUSED: 30}.get(ds)
        if put_aside:
            assert rows.select("action_type", "ds", "rule").unique().rows() == [
                ("hack", ds, "dim_action_type_enumerated")
            ]
            assert rows.height == put_aside
        else:
            assert rows["ds"].unique().to_list() == [ds]
    (strange,) = (rows for key, rows in shown.items() if key[1] == "lines_mostly_read")
    assert strange["source_file"].to_list() == ["it's strange.ndjson"] * 2


def test_the_newest_day_of_a_run_has_a_chart_of_its_table_and_no_other_day(built):
    for table in DAILY:
        newest, *older = built.materializations[table.name]
        text = newest.metadata[NAME].value
        assert newest.partition == SIX_DAYS[-1], table.name
        assert len(text) <= LONGEST, table.name
        assert f"on {SIX_DAYS[-1]}" in text
        assert not any(NAME in each.metadata for each in older), table.name
    visitors = built.materializations["metrics.daily_visitors"][0]
    values = [each.metadata["m_visitors"].value for each in built.materializations["metrics.daily_visitors"]]
    words = visitors.metadata[NAME].value
    assert words.startswith("![m_visitors]")
    assert f"**m_visitors {values[0]}** on {SIX_DAYS[-1]}; lowest {min(values)} on" in words
    assert f"highest {max(values)} on" in words


def test_every_table_tells_its_day_in_numbers(built):
    for table in TABLES:
        newest = built.materializations[table.name][0]
        rows = "dagster/partition_row_count" if table.partitioned else "dagster/row_count"
        assert isinstance(newest.metadata[rows].value, int), table.name
        numbers = {name for name, each in newest.metadata.items() if isinstance(each.value, int | float)}
        assert table.kind not in {"agg", "metric"} or len(numbers - {rows, "bytes", "seconds"}) >= 2, table.name
    counted = query(built.settings.catalogue, "SELECT count(*) AS n FROM raw.rejected_lines", [])
    assert built.materializations["raw.rejected_lines"][0].metadata["dagster/row_count"].value == counted["n"].item()


def test_the_schedule_asks_for_nothing_that_the_sensor_would_not(built):
    defs = definitions(built.settings)
    with (
        open_instance(built.settings) as instance,
        dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def()) as context,
    ):
        data = defs.resolve_schedule_def(MORNING).evaluate_tick(context)
    # All is built but the day that was refused, and that is not asked for again.
    assert not data.run_requests
    assert "5 days up to date" in data.skip_message
    assert "1 days left alone" in data.skip_message


ROLLED_UP = (
    "core.agg_website_events", "metrics.daily_visitors", "metrics.traffic_breakdown",
    "metrics.signup_conversion_rate", "metrics.purchase_conversion_rate", "core.agg_hostname_events",
)  # fmt: skip


def outdated(settings: Settings, instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """Tables whose first day is not up to date by Dagster's own judgement, with the reasons that its pages give."""
    graph = definitions(settings).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    causes = {table.name: resolver.get_stale_causes(asset_key(table.name), SIX_DAYS[0]) for table in DAILY}
    return {name: [cause.reason for cause in each] for name, each in causes.items() if each}


def test_a_changed_setting_marks_the_days_that_it_would_change_and_another_landing_none(built):
    settings = built.settings
    build(settings)  # reads nothing new, and is a landing all the same
    with open_instance(settings) as instance:
        assert outdated(settings, instance) == {}
        changed = settings.model_copy(update={"hit_actions": ("page_view", "login")})
        counting_hits = {table.name for table in DAILY if "hit_actions" in table.settings_used}
        assert counting_hits
        assert outdated(changed, instance) == {name: ["has a new code version"] for name in counting_hits}


def test_a_changed_function_marks_what_it_builds_and_rebuilds_nothing_by_itself(built, monkeypatch, tmp_path):
    settings = built.settings
    with open_instance(settings) as instance, changed(copied(tmp_path), "agg/grouping_sets.py", "roll_up") as source:
        assert outdated(settings, instance) == {}
        monkeypatch.setattr(versions, "SOURCE", source)
        marked = outdated(settings, instance)
        assert marked == {name: ["has a new code version"] for name in ROLLED_UP}
        watch = Watch(settings)
        # But for the day that was refused: other code may judge it otherwise.
        assert watch.stale(watch.landed()).wanted.keys() == {REFUSED}
    report = build(settings)
    assert (report.days, report.outdated) == ([REFUSED], len(SIX_DAYS) - 1)


# Charts.


def drawn(text: str) -> ElementTree.Element:
    (picture,) = re.findall(r"!\[[^\]]*\]\((data:[^()\s]+)\)", text)
    return ElementTree.fromstring(unquote(picture.removeprefix("data:image/svg+xml,")))  # noqa: S314 - our own


def days_of(count: int) -> list[str]:
    return [(FIRST + dt.timedelta(days=back)).isoformat() for back in range(count)]


def points(path: str) -> list[tuple[int, int]]:
    """The places that a path goes through."""
    found, here = [], (0, 0)
    for command, rest in re.findall(r"([MlhHz])([^MlhHz]*)", path):
        numbers = [int(each) for each in re.findall(r"-?\d+", rest)]
        if command == "M":
            here = (numbers[0], numbers[1])
            found.append(here)
        elif command == "l":
            for x, y in zip(numbers[::2], numbers[1::2], strict=True):
                here = (here[0] + x, here[1] + y)
                found.append(here)
    return found


def test_a_chart_of_four_wild_weeks_is_short_and_inside_its_box():
    days = days_of(DAYS)
    zigzag = {ds: float(number % 2) for number, ds in enumerate(days)}
    away = {ds: 1.0 - value for ds, value in zigzag.items()}
    text = chart(Line("metrics.signup_conversion_rate", zigzag, away, zigzag, away, days), days)
    assert len(text) <= LONGEST
    _, usual, line, dots = (path.attrib["d"] for path in drawn(text).iter("{http://www.w3.org/2000/svg}path"))
    for path, many in ((usual, DAYS), (line, DAYS), (dots, 5)):
        assert len(points(path)) >= many
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(path))


def test_a_chart_goes_through_its_values_and_leaves_gaps():
    days = days_of(5)
    text = chart(Line("m", {days[0]: 10.0, days[1]: 0.0, days[3]: 5.0}), days)
    axis, path = (each.attrib["d"] for each in drawn(text).iter("{http://www.w3.org/2000/svg}path"))
    assert axis == f"M0,{HEIGHT - 2}H{WIDTH}"
    assert [y for _, y in points(path)] == [2, HEIGHT - 2, HEIGHT // 2]
    assert "**m 5** on 2026-03-04; lowest 0 on 2026-03-02, highest 10 on 2026-03-01." in text
    assert chart(Line("m", {}), days) == ""


def test_a_usual_week_is_drawn_with_its_interval_and_its_bad_day():
    days = days_of(DAYS)
    rate = {ds: 0.03 + number % 7 / 1000 for number, ds in enumerate(days)}
    near = [{ds: value * share for ds, value in rate.items()} for share in (1.02, 0.9, 1.1)]
    text = chart(Line("metrics.signup_conversion_rate", rate, *near, [days[-1]]), days)
    assert len(text) <= LONGEST
    svg = drawn(text)
    assert [each.attrib.get("fill") for each in svg] == ["lavender", None, None, None, None]


@pytest.mark.parametrize("name", ["](javascript:alert(1))", "<script>alert(1)</script>", "`|\n# x", '"onload="x'])
def test_a_name_cannot_leave_its_place(name):
    text = chart(Line(name, {days_of(1)[0]: 1.0}), days_of(1))
    assert drawn(text) is not None
    assert re.fullmatch(r"!\[[\w ?.-]*\]\(data:image/svg\+xml,[^()\s]*\)\n\n[^\[\]<>`|#]*", text)


def test_definitions_of_another_owner(tmp_path: Path):
    (tmp_path / "site.toml").write_text('owners = ["team:web", "ann@example.com"]\n')
    graph = definitions(load(tmp_path)).resolve_asset_graph()
    assert {tuple(graph.get(key).owners) for key in graph.get_all_asset_keys()} == {("team:web", "ann@example.com")}
