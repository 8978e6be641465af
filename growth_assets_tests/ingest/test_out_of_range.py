"""Events before the first day or in the future are put aside in daylight; late ones touch their day alone."""

from __future__ import annotations

import datetime as dt
import json

import dagster as dg
import polars as pl
import pytest
from dagster._core.event_api import PartitionKeyFilter
from typer.testing import CliRunner

from growth_assets.cli import _tell, app
from growth_assets.ingest import clock, ledger
from growth_assets.ingest.out_of_range import put_aside, survey
from growth_assets.orchestration import daily, doctor
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.run import build
from growth_assets.orchestration.specs import asset_key
from growth_assets.raw import quarantined_events
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse import partitions
from growth_assets.warehouse.catalogue import query
from growth_assets.warehouse.partitions import Warehouse

from .conftest import quick

OLD, D1, D2, D3 = "2026-02-27", "2026-03-01", "2026-03-02", "2026-03-03"

FIRST = f"first_day = {D1}"

BUILT = tuple(table.name for table in DAILY)

GUARDRAILS = [table.name for table in DAILY if table.guardrail]


def ahead(days: float) -> str:
    """The UTC day so far ahead of now."""
    return (clock.now() + dt.timedelta(days=days)).date().isoformat()


def aside(site) -> list[tuple[str, str, int]]:
    """Rule, day and number of rows put aside."""
    warehouse, table = Warehouse(site.settings.warehouse), quarantined_events.TABLE
    days = warehouse.days(table)
    frame = (
        warehouse.scan_days(table, days).collect()
        if days
        else pl.DataFrame(schema={"rule": pl.String, "ds": pl.String})
    )
    return sorted(frame.group_by("rule", "ds").len().rows())


def quarantined(site) -> list[tuple[str, str, int]]:
    """Rule, day and number of rows, as the view shows them."""
    rows = query(
        site.settings.catalogue,
        "SELECT rule, ds, count(*) AS n FROM raw.quarantined_events GROUP BY ALL ORDER BY ALL",
    ).rows()
    assert all(ds == ds for _, ds, _ in rows)
    return rows


def published(site) -> dict[str, list[str]]:
    warehouse = Warehouse(site.settings.warehouse)
    return {table.name: warehouse.days(table) for table in DAILY if warehouse.days(table)}


@pytest.fixture
def plain(new_site):
    return new_site(FIRST)


def test_events_before_the_first_day_are_visible_under_their_own_day(plain, write):
    plain.put("a.ndjson", write.events(range(3), OLD) + write.events(range(3, 5), "1970-01-01") + write.event(9, D1))
    report = build(plain.settings)
    assert not report.failures
    assert report.days == [D1]
    assert quarantined(plain) == [("before_first_day", "1970-01-01", 2), ("before_first_day", OLD, 3)]
    assert report.out_of_range.before_first_day == {"1970-01-01": 2, OLD: 3}
    assert published(plain) == {table.name: [D1] for table in DAILY} | {
        "raw.quarantined_events": ["1970-01-01", OLD, D1]
    }
    assert {each["event_timestamp"].date().isoformat() for each in plain.rows("raw.quarantined_events")} == {
        "1970-01-01", OLD,
    }  # fmt: skip


def test_without_a_first_day_nothing_before_2000_is_a_day(site, write):
    site.put("a.ndjson", write.events(range(3), "1999-12-31") + write.event(5, "2000-01-02") + write.event(6, D1))
    assert quick(site) == ["2000-01-02", D1]
    assert aside(site) == [("before_first_day", "1999-12-31", 3)]


def test_an_earlier_first_day_brings_them_in_and_a_later_one_leaves_what_was_built(plain, write):
    plain.put("a.ndjson", write.events(range(3), OLD) + write.event(9, D1))
    assert quick(plain) == [D1]
    assert aside(plain) == [("before_first_day", OLD, 3)]
    plain.configure(f"first_day = {OLD}")
    assert quick(plain) == [OLD]
    assert aside(plain) == []
    assert len(plain.rows("core.fct_website_events")) == 4
    before = plain.hashes(BUILT)
    plain.configure(FIRST)
    assert quick(plain) == []
    assert survey(plain.settings).built_earlier == {OLD: 3}
    assert plain.hashes(BUILT) == before
    says = [each.says for each in doctor.examine(plain.settings) if "range" in each.what]
    assert says == [f"1 days before first_day ({D1}) stay as they were built under another"]


@pytest.fixture
def built_earlier(plain, write):
    """OLD is built, with an event that its own rules put aside, and the first day is later since."""
    plain.configure(f"first_day = {OLD}")
    plain.put("a.ndjson", write.events(range(60), OLD) + write.event(60, OLD, hostname="no host") + write.event(9, D1))
    assert quick(plain) == [OLD, D1]
    assert aside(plain) == [("dim_hostname_well_formed", OLD, 1)]
    plain.configure(FIRST)
    return plain


def test_what_comes_late_for_a_day_built_under_an_earlier_first_day_is_put_aside_and_told(built_earlier, write):
    site, own = built_earlier, ("dim_hostname_well_formed", OLD, 1)
    before = site.hashes()
    site.put("late.ndjson", write.events(range(100, 102), OLD) + write.event(103, D1))
    # A file of the built day that grew since: its first lines are in the day, its last one is late.
    path = site.landing / "a.ndjson"
    path.write_bytes(path.read_bytes() + write.event(104, OLD))
    result = CliRunner().invoke(app, ["build", "--data", str(site.folder)])
    assert result.exit_code == 0
    assert (
        f"3 events are before the first day ({OLD} to {OLD}) and put aside in raw.quarantined_events" in result.stdout
    )
    late = ("before_first_day", OLD, 3)
    assert aside(site) == [late, own]
    assert {key: value for key, value in site.hashes().items() if key.startswith(OLD)} == {
        key: value for key, value in before.items() if key.startswith(OLD)
    }
    # All that landed is in the raw tables, each event once.
    received = {(row["source_file"], row["line_number"]) for row in site.rows("raw.website_events") if row["ds"] == OLD}
    put = [
        (row["source_file"], row["line_number"])
        for row in site.rows("raw.quarantined_events")
        if row["rule"] == late[0]
    ]
    assert len(put) == len(set(put) - received) == site.ledger.rows(OLD) - len(received)
    # Nothing is written twice, and what no longer comes late is put aside no longer.
    table = quarantined_events.TABLE
    record = Warehouse.of(site.settings).record(table, OLD)
    assert quick(site) == []
    assert Warehouse.of(site.settings).record(table, OLD) == record
    assert survey(site.settings).totals() == {"before_first_day": 3, "in_the_future": 0, "waiting": 0}
    (entry,) = [each for each in site.ledger.current.values() if each.source_file == "late.ndjson"]
    ledger.entry_path(site.settings.warehouse / "landing", entry.id).unlink()
    (site.landing / "late.ndjson").unlink()
    assert quick(site) == [D1]
    assert aside(site) == [("before_first_day", OLD, 1), own]


def test_an_earlier_first_day_brings_in_what_came_late_for_a_built_day(built_earlier, write, new_site):
    site = built_earlier
    site.put("late.ndjson", write.events(range(100, 102), OLD))
    assert quick(site) == []
    site.configure(f"first_day = {OLD}")
    assert quick(site) == [OLD]
    # As if the first day had never been another one.
    straight = new_site(f"first_day = {OLD}")
    for path in site.landing.iterdir():
        straight.put(path.name, path.read_bytes())
    quick(straight)
    assert site.hashes(BUILT) == straight.hashes(BUILT)
    assert survey(site.settings).aside == []


def test_late_events_of_a_built_day_that_are_lost_make_the_check_red(built_earlier, write):
    site = built_earlier
    site.put("late.ndjson", write.events(range(100, 102), OLD))
    site.land()
    (entry,) = [each for each in site.ledger.current.values() if each.source_file == "late.ndjson"]
    ledger.segment_path(site.settings.warehouse / "landing", entry.id, OLD).unlink()
    assert put_aside(site.settings)[1] == [OLD]
    assert aside(site) == [("dim_hostname_well_formed", OLD, 1)]


def test_an_event_in_the_future_is_put_aside_and_one_of_tomorrow_waits(plain, write):
    soon = (clock.now() + dt.timedelta(hours=23)).isoformat() + "Z"
    far = ahead(40)
    plain.put("a.ndjson", write.event(1, D1) + write.events(range(2, 5), far) + write.event(8, event_time=soon))
    report = build(plain.settings)
    assert report.days[0] == D1
    assert far not in report.days
    assert quarantined(plain) == [("in_the_future", far, 3)]
    # Tomorrow is no partition yet; at the first hour of a day the 23 hours are still today.
    waiting = dict(report.out_of_range.waiting)
    assert waiting == ({soon[:10]: 1} if soon[:10] > ahead(0) else {})
    assert not survey(plain.settings).before_first_day


def test_what_was_in_the_future_stays_so_when_its_day_has_come_and_the_day_is_not_its_fault(site, write, monkeypatch):
    # Read a week ago, as the clock then was.
    read_at = dt.datetime.fromisoformat(f"{D1}T12:00:00")
    monkeypatch.setattr(clock, "now", lambda: read_at)
    site.put(
        "a.ndjson",
        write.events(range(4), D1) + write.events(range(10, 60), D3) + write.events(range(60, 70), "2026-03-09"),
    )
    site.land()
    monkeypatch.undo()
    assert site.ledger.days == [D1]
    assert site.ledger.in_the_future(D3) == 50
    # Days that have nothing else are not built.
    assert quick(site) == [D1]
    assert aside(site) == [("in_the_future", D3, 50), ("in_the_future", "2026-03-09", 10)]
    before = Warehouse(site.settings.warehouse).record(quarantined_events.TABLE, "2026-03-09")
    # A good event comes for one of them: 50 of 51 rows are put aside, and the day is published.
    site.put("b.ndjson", write.event(99, D3))
    assert quick(site) == [D3]
    assert aside(site) == [("in_the_future", D3, 50), ("in_the_future", "2026-03-09", 10)]
    assert len(site.rows("core.fct_website_events")) == 5
    assert Warehouse(site.settings.warehouse).record(quarantined_events.TABLE, "2026-03-09") == before
    # Built again at any later time, the bytes are the same.
    hashes = site.hashes((*[table.name for table in DAILY],))
    site.build([D1, D3])
    assert site.hashes((*[table.name for table in DAILY],)) == hashes


def test_the_tolerance_is_a_setting_and_the_ledger_says_what_was_judged_by(new_site, write):
    wide = new_site("future_tolerance_hours = 2400")
    far = ahead(40)
    wide.put("a.ndjson", write.event(1, D1) + write.event(2, far))
    assert quick(wide) == [D1]
    assert survey(wide.settings).waiting == {far: 1}
    (entry,) = wide.ledger.current.values()
    assert dt.datetime.fromisoformat(entry.latest) - dt.datetime.fromisoformat(entry.read_at) == dt.timedelta(
        hours=2400
    )
    # Other settings read the content again, but not at another time.
    wide.configure("future_tolerance_hours = 24")
    assert quick(wide) == []
    (again,) = wide.ledger.current.values()
    assert again.read_at == entry.read_at
    assert aside(wide) == [("in_the_future", far, 1)]
    wide.configure("future_tolerance_hours = 2400")
    quick(wide)
    # Nothing is put aside any more, and so nothing stays in the table.
    assert aside(wide) == []
    assert survey(wide.settings).waiting == {far: 1}


def test_events_that_cannot_all_be_put_aside_make_one_check_red_and_hold_up_nothing(plain, write):
    plain.put("a.ndjson", write.events(range(3), OLD) + write.event(9, D1))
    plain.land()
    (path,) = (plain.settings.warehouse / "landing/segments").glob(f"*/ds={OLD}.parquet")
    pl.read_parquet(path, hive_partitioning=False).head(2).write_parquet(path)
    report = build(plain.settings)
    assert [(each.check, each.severity) for each in report.failures] == [("out_of_range_conserved", "ERROR")]
    assert report.days == [D1]
    assert quarantined(plain) == []
    path.unlink()
    assert put_aside(plain.settings)[1] == [OLD]


def test_a_damaged_time_far_away_costs_nothing_but_its_row(site, write):
    site.put("a.ndjson", write.event(1, D1) + write.event(2, "9999-12-28") + write.event(3, "0001-01-05"))
    assert quick(site) == [D1]
    assert aside(site) == [("before_first_day", "0001-01-05", 1), ("in_the_future", "9999-12-28", 1)]


def materializations(settings) -> list[tuple[str, str]]:
    """Table and day of every materialization in the folder's own instance."""
    with open_instance(settings) as instance:
        found = []
        for table in DAILY:
            records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key(table.name)), limit=1000).records
            found += [(table.name, record.partition_key) for record in records]
        return sorted(found)


def test_events_any_number_of_days_late_rebuild_exactly_their_days_of_each_table_once(site, write):
    days = [(dt.date(2026, 3, 1) + dt.timedelta(days=number)).isoformat() for number in range(8)]
    for number, ds in enumerate(days):
        site.put(f"{ds}.ndjson", write.events(range(number * 10, number * 10 + 5), ds))
    build(site.settings)
    first = materializations(site.settings)
    assert first == sorted((table.name, ds) for table in DAILY for ds in days)
    before = site.hashes(tuple(BY_NAME[table.name].name for table in DAILY))
    late = [days[0], days[2], days[3], days[7]]
    site.put("late.ndjson", b"".join(write.event(900 + number, ds) for number, ds in enumerate(late)))
    report = build(site.settings)
    assert report.days == late
    second = materializations(site.settings)
    for each in first:
        second.remove(each)
    assert second == sorted((table.name, ds) for table in DAILY for ds in late)
    after = site.hashes(tuple(BY_NAME[table.name].name for table in DAILY))
    changed = {key for key in after if after[key] != before.get(key)}
    assert {key[:10] for key in changed} == set(late)
    assert len(site.rows("core.fct_website_events")) == 44
    # Nothing is left to do.
    build(site.settings)
    assert len(materializations(site.settings)) == len(first) + len(second)


def test_what_stands_on_a_late_day_is_built_again_and_nothing_else(site, write, monkeypatch, capsys):
    days = [(dt.date(2026, 3, 1) + dt.timedelta(days=number)).isoformat() for number in range(16)]
    for number, ds in enumerate(days):
        site.put(f"{ds}.ndjson", write.events(range(number * 10, number * 10 + 5), ds))
    build(site.settings)
    first = materializations(site.settings)
    site.put("late.ndjson", write.event(900, days[0]))
    before = runs(site.settings)
    report = build(site.settings)
    assert (report.days, report.restated) == ([days[0]], [days[7], days[14]])
    # All of it in the run of the late day, after the one that landed it.
    assert runs(site.settings) == before + 2
    assert_judged_as_published(site, [days[7], days[14]])
    _tell(report, site.settings)
    assert (
        f"Built 1 of 1 days, {days[0]} to {days[0]}.\n"
        f"Built again what stands on changed days before it: 2 of 2 days, {days[7]} to {days[14]}.\n"
    ) in capsys.readouterr().out
    second = materializations(site.settings)
    for each in first:
        second.remove(each)
    assert second == sorted(
        [(table.name, days[0]) for table in DAILY] + [(name, ds) for name in GUARDRAILS for ds in (days[7], days[14])]
    )
    ran = CliRunner().invoke(app, ["build", "--data", str(site.folder)])
    assert "Every day is up to date." in ran.stdout
    # Of which days that is so is found with each record read once.
    read: list[object] = []
    record = partitions._recorded
    monkeypatch.setattr(partitions, "_recorded", lambda path: (read.append(path), record(path))[1])
    report = build(site.settings)
    assert (report.days, report.restated) == ([], [])
    assert len(read) == len(set(read)) > 0


def test_what_stands_on_late_days_of_several_runs_is_built_again_once_when_all_of_them_are(site, write):
    days = [(dt.date(2026, 3, 1) + dt.timedelta(days=number)).isoformat() for number in range(15)]
    for number, ds in enumerate(days):
        site.put(f"{ds}.ndjson", write.events(range(number * 10, number * 10 + 5), ds))
    build(site.settings)
    first, before = materializations(site.settings), runs(site.settings)
    late = [days[0], days[3], days[7]]
    site.put("late.ndjson", b"".join(write.event(900 + number, ds) for number, ds in enumerate(late)))
    report = build(site.settings)
    # The day a week after the first is late itself, and the day after two weeks waits for both of them.
    assert (report.days, report.restated) == (late, [days[10], days[14]])
    assert runs(site.settings) == before + 1 + 3
    second = materializations(site.settings)
    for each in first:
        second.remove(each)
    assert second == sorted(
        [(table.name, ds) for table in DAILY for ds in late]
        + [(name, ds) for name in GUARDRAILS for ds in (days[10], days[14])]
    )
    assert site.restated() == {}


def test_a_day_that_stands_on_a_late_one_and_cannot_be_built_again_is_told_and_tried_again(site, write, monkeypatch):
    days = [(dt.date(2026, 3, 1) + dt.timedelta(days=number)).isoformat() for number in range(8)]
    for number, ds in enumerate(days):
        site.put(f"{ds}.ndjson", write.events(range(number * 10, number * 10 + 5), ds))
    build(site.settings)
    site.put("late.ndjson", write.event(900, days[0]))
    made = daily.Day.build

    def failing(day, wanted, receiving):
        if day.ds == days[7]:
            raise OSError(28, "No space left on device")
        return made(day, wanted, receiving)

    with monkeypatch.context() as patch:
        patch.setattr(daily.Day, "build", failing)
        before = runs(site.settings)
        report = build(site.settings)
    assert (report.days, report.restated, list(report.bad_days)) == ([days[0]], [days[7]], [days[7]])
    assert "No space left" in report.bad_days[days[7]]
    assert runs(site.settings) == before + 2
    report = build(site.settings)
    assert (report.days, report.restated, report.bad_days) == ([days[7]], [], {})
    assert_judged_as_published(site, [days[7]])


def assert_judged_as_published(site, days: list[str]) -> None:
    """What Dagster shows of the guardrails of `days` is what was published last, as it is in their rows."""
    rows = {(name, row["ds"]): row for name in GUARDRAILS for row in site.rows(name) if row["dim_hostname"] is None}
    with open_instance(site.settings) as instance:
        for name in GUARDRAILS:
            for ds in days:
                key = asset_key(name)
                (newest,) = instance.fetch_materializations(dg.AssetRecordsFilter(key, [ds]), limit=1).records
                (told,) = instance.event_log_storage.get_asset_check_execution_history(
                    dg.AssetCheckKey(key, "guardrail"), limit=1, partition_filter=PartitionKeyFilter(key=ds)
                )
                evaluation = told.event.dagster_event.asset_check_evaluation_data
                assert evaluation.target_materialization_data.storage_id == newest.storage_id
                assert evaluation.metadata["state"].value == rows[name, ds]["guardrail_state"]
                assert newest.asset_materialization.tags["dagster/data_version"] == _record(site, name, ds).sha256


def _record(site, name: str, ds: str):
    return partitions.Warehouse.of(site.settings).record(BY_NAME[name], ds)


def runs(settings) -> int:
    """How many runs the folder's own instance has."""
    with open_instance(settings) as instance:
        return instance.get_runs_count()


def test_days_built_in_any_order_end_as_those_built_in_order(new_site, write):
    days = [(dt.date(2026, 3, 1) + dt.timedelta(days=number)).isoformat() for number in range(0, 29, 7)]
    sites = [new_site(), new_site(), new_site()]
    for site, order in zip(sites, (days, days[::-1], [days[2], days[4], days[0], days[3], days[1]]), strict=True):
        for number, ds in enumerate(days):
            site.put(f"{ds}.ndjson", write.events(range(number * 100, number * 100 + 40 + number), ds))
        site.land()
        for ds in order:
            site.build([ds])
    assert sites[0].hashes() == sites[1].hashes() == sites[2].hashes()


def test_entries_of_the_ledger_are_json_with_all_that_judges_them(site, write):
    site.put("a.ndjson", write.events(range(3), D2))
    site.land()
    (path,) = (site.settings.warehouse / "landing/files").glob("*.json")
    content = json.loads(path.read_text())
    assert {"read_at", "latest"} <= set(content)
    assert ledger.Entry.from_json(content).segments[D2].in_the_future == 0
