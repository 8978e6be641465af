"""A planted loss makes the check red that speaks of it, keeps back what it touches, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from growth_assets.alerts.seen import DUE_DAY
from growth_assets.cli import app
from growth_assets.ingest import landing as ingest
from growth_assets.ingest import ledger
from growth_assets.orchestration import doctor, landing
from growth_assets.orchestration.graph import definitions
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.run import build
from growth_assets.orchestration.specs import asset_key
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.partitions import Warehouse, WarehouseError
from growth_assets.watches import WATCHES

D1, D2 = "2026-03-01", "2026-03-02"

LINES = ("landing.event_files", "lines_conserved", None)
DAY = ("raw.website_events", "conservation", D1)


def drop_last_row(path: Path) -> None:
    frame = pl.read_parquet(path, hive_partitioning=False)
    frame.head(frame.height - 1).write_parquet(path)


def lose_an_event(root: Path) -> None:
    (path,) = (root / "landing/segments").glob(f"*/ds={D1}.parquet")
    drop_last_row(path)


def lose_a_segment(root: Path) -> None:
    (path,) = (root / "landing/segments").glob(f"*/ds={D1}.parquet")
    pl.read_parquet(path, hive_partitioning=False).clear().write_parquet(path)


def delete_a_segment(root: Path) -> None:
    (path,) = (root / "landing/segments").glob(f"*/ds={D1}.parquet")
    path.unlink()


def drop_a_rejected_line(root: Path) -> None:
    (path,) = (root / "raw/rejected_lines").glob("*.parquet")
    drop_last_row(path)


def lose_all_rejected_lines(root: Path) -> None:
    (path,) = (root / "raw/rejected_lines").glob("*.parquet")
    path.unlink()


def entry_says(root: Path, change) -> None:
    (path,) = (root / "landing/files").glob("*.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def lie_about_the_lines(root: Path) -> None:
    entry_says(root, lambda content: content.update(lines=content["lines"] + 1))


def lie_about_events_and_rejected(root: Path) -> None:
    entry_says(root, lambda content: content.update(events=content["events"] + 1, rejected=content["rejected"] - 1))


def lie_about_a_segment(root: Path) -> None:
    entry_says(root, lambda content: content["segments"][D1].update(rows=content["segments"][D1]["rows"] + 1))


@pytest.fixture
def landed(site, write):
    site.put("a.ndjson", write.events(range(6), D1) + b"broken\n{}\n" + write.events(range(6, 12), D2))
    return site


def failing(report) -> set[tuple[str, str, str | None]]:
    assert {failure.severity for failure in report.failures} <= {"ERROR"}
    return {(failure.table, failure.check, failure.ds) for failure in report.failures}


def published(site) -> list[str]:
    return Warehouse(site.settings.warehouse).days(BY_NAME["metrics.daily_visitors"])


@pytest.mark.parametrize(
    ("plant", "red"),
    [
        (lose_an_event, {LINES, DAY}),
        (lose_a_segment, {LINES, DAY, ("raw.website_events", "contract", D1)}),
        (delete_a_segment, {LINES, DAY, ("raw.website_events", "contract", D1)}),
        (drop_a_rejected_line, {LINES}),
        (lose_all_rejected_lines, {LINES}),
        (lie_about_the_lines, {LINES}),
        (lie_about_events_and_rejected, {LINES}),
        (lie_about_a_segment, {DAY}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_lost_makes_its_own_check_red(landed, plant, red):
    read = landed.land().read
    plant(landed.settings.warehouse)
    found = set()
    if not landing.lines_conserved(landed.settings, read).passed:
        found.add(LINES)
    for ds, outcomes in ((ds, landed.outcomes(ds)) for ds in (D1, D2)):
        for outcome in outcomes:
            found |= {(outcome.table.name, each.check, ds) for each in outcome.verdicts if not each.passed}
    assert found == red
    # What is sound goes on.
    assert published(landed) == ([D2] if DAY in red else [D1, D2])


def test_a_run_that_loses_something_fails_and_builds_what_is_sound(landed, monkeypatch):
    land = ingest.land

    def losing(settings, *given):
        found = land(settings, *given)
        lose_an_event(settings.warehouse)
        return found

    monkeypatch.setattr(ingest, "land", losing)
    report = build(landed.settings)
    assert failing(report) == {LINES, DAY}
    assert published(landed) == [D2]
    assert list(report.bad_days) == [D1]
    with open_instance(landed.settings) as instance:
        statuses = [run.status for run in instance.get_runs()]
    assert statuses == [dg.DagsterRunStatus.FAILURE] * 2


def test_what_is_lost_after_landing_is_found_when_the_day_is_built_and_by_the_doctor(landed):
    landed.land()
    assert {each.what: each.well for each in doctor.examine(landed.settings)}["conservation"]
    lose_an_event(landed.settings.warehouse)
    ran = CliRunner().invoke(app, ["build", "--data", str(landed.folder)])
    assert ran.exit_code == 1
    assert "ERROR raw.website_events on 2026-03-01: check conservation failed" in ran.stderr
    assert published(landed) == [D2]
    (finding,) = [each for each in doctor.examine(landed.settings) if each.what == "conservation"]
    assert not finding.well
    assert finding.says == "a.ndjson: 14 lines = 12 events + 2 rejected when read, but 11 + 2 on disk"
    assert str(landed.settings.warehouse) in finding.remedy


def test_a_segment_that_is_deleted_is_told_by_every_build_and_its_day_stays_until_it_is_back(landed, write):
    def build_again(*more: str):
        return CliRunner().invoke(app, ["build", "--data", str(landed.folder), *more])

    landed.put("b.ndjson", write.events(range(20, 25), D1))
    assert build_again().exit_code == 0
    before = landed.hashes()
    entry = next(each for each in landed.ledger.current.values() if each.source_file == "b.ndjson")
    path = ledger.segment_path(landed.settings.warehouse / "landing", entry.id, D1)
    path.unlink()
    told = f"Files are gone: {path}. To mend it restore them from a backup, or delete the entry"
    ran = build_again()
    assert ran.exit_code == 1
    assert "ERROR landing.event_files: check lines_conserved failed: b.ndjson: 5 lines = 5 events" in ran.stderr
    assert told in ran.stderr
    assert "Every day is up to date." in ran.stdout
    ran = build_again("--from", D1)
    assert ran.exit_code == 1
    assert "ERROR raw.website_events on 2026-03-01: check conservation failed" in ran.stderr
    assert ran.stderr.count(told) == 2
    assert "Error:" not in ran.stderr
    assert landed.hashes() == before
    ledger.entry_path(landed.settings.warehouse / "landing", entry.id).unlink()
    assert build_again().exit_code == 0
    assert landed.hashes() == before


def test_a_damaged_segment_is_named_and_read_again_when_its_entry_is_deleted(landed, write):
    def build_again(*more: str):
        return CliRunner().invoke(app, ["build", "--data", str(landed.folder), *more])

    landed.put("b.ndjson", write.events(range(20, 25), D1))
    landed.land()
    entry = next(each for each in landed.ledger.current.values() if each.source_file == "b.ndjson")
    path = ledger.segment_path(landed.settings.warehouse / "landing", entry.id, D1)
    noted = ledger.entry_path(landed.settings.warehouse / "landing", entry.id)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(200) + whole[300:])
    ran = build_again()
    assert ran.exit_code == 3
    (told,) = [line for line in ran.stderr.splitlines() if line.startswith(f"{D1} not published in full")]
    assert f"{path} is damaged (" in told
    assert "a.ndjson" not in told
    assert f"see that b.ndjson is in landing/ and delete {noted}." in told
    assert told.endswith(f"Then run `growth-assets build --from {D1} --to {D1}`")
    assert published(landed) == [D2]
    noted.unlink()
    assert build_again("--from", D1, "--to", D1).exit_code == 0
    assert published(landed) == [D1, D2]
    assert path.read_bytes() == whole


def test_a_damaged_published_day_is_named_and_built_again_when_it_is_deleted(landed):
    """By a table that is made from it: whoever builds all of a day does not read it."""
    landed.land()
    landed.outcomes(D1)
    whole = landed.hashes(tuple(BY_NAME))
    table = BY_NAME["core.fct_website_events"]
    path = Warehouse.of(landed.settings).path(table, D1)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WarehouseError, match=f"{path} is damaged .*Delete it, then run .*--from {D1} --to {D1}"):
        landed.outcomes(D1, {"core.agg_website_events"})
    path.unlink()
    landed.outcomes(D1)
    assert landed.hashes(tuple(BY_NAME)) == whole


@pytest.mark.parametrize(("first", "last"), [(100, 0), (0, 0), (-40, 8)], ids=["cut", "empty", "wrong_footer"])
def test_a_segment_that_cannot_be_read_at_all_is_named_by_the_doctor_and_the_check_of_lines(landed, first, last):
    read = landed.land().read
    (path,) = (landed.settings.warehouse / "landing/segments").glob(f"*/ds={D1}.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[:first] + whole[len(whole) - last :])
    (finding,) = [each for each in doctor.examine(landed.settings) if each.what == "conservation"]
    assert not finding.well
    assert f"12 events + 2 rejected when read, but 6 + 2 on disk. Files are damaged: {path}. To mend it" in finding.says
    assert not landing.lines_conserved(landed.settings, read).passed
    with pytest.raises(WarehouseError, match=f"{path} is damaged"):
        landed.outcomes(D1)


def test_nothing_lost_is_all_green_and_the_account_is_in_the_metadata(landed):
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions(landed.settings).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, asset_selection=list(landing.LANDING_KEYS))
        assert result.success
        (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "lines_conserved"]
    assert found.passed
    assert found.blocking
    assert {name: found.metadata[name].value for name in ("lines", "events", "rejected")} == {
        "lines": 14, "events": 12, "rejected": 2,
    }  # fmt: skip


def test_a_content_that_a_longer_one_replaced_has_no_account(landed, write):
    landed.land()
    short = list(ledger.read(landed.settings.warehouse).current.values())
    path = landed.landing / "a.ndjson"
    path.write_bytes(path.read_bytes() + write.event(50, D2))
    landed.land()
    evaluation = landing.lines_conserved(landed.settings, short)
    assert evaluation.passed
    assert evaluation.metadata["lines"].value == 0


def test_every_check_that_keeps_a_day_back_is_declared_blocking(landed):
    graph = definitions(landed.settings).resolve_asset_graph()
    blocking = {key: graph.get_check_spec(key).blocking for key in graph.asset_check_keys}
    landing_checks = {key.name: blocks for key, blocks in blocking.items() if key.asset_key in landing.LANDING_KEYS}
    assert {name for name, blocks in landing_checks.items() if blocks} == {"lines_conserved", "out_of_range_conserved"}
    watches = {dg.AssetCheckKey(asset_key(watch.table), watch.check) for watch in WATCHES}
    daily = {key for key in blocking if key.asset_key not in landing.LANDING_KEYS}
    due = {dg.AssetCheckKey(asset_key(table.name), DUE_DAY) for table in DAILY if table.kind == "metric"}
    # What they warn of is true, and stays published.
    assert {key for key in daily if not blocking[key]} == watches | due
