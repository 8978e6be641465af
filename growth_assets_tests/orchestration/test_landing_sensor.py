"""The landing sensor on a real Dagster instance: what it asks for, and what it does not ask for."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import socket
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_shared.utils.warnings import BetaWarning

from growth_assets.engines.local import Day
from growth_assets.ingest.landing import land
from growth_assets.orchestration import attempts, canceled, stale_days
from growth_assets.orchestration.builders import builder
from growth_assets.orchestration.daily import daily_keys
from growth_assets.orchestration.graph import daily_partitions, definitions
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.jobs import MORNING
from growth_assets.orchestration.landing import LANDING_KEYS
from growth_assets.orchestration.landing_sensor import NAME
from growth_assets.orchestration.one_day import receiving
from growth_assets.orchestration.specs import asset_key, table_name
from growth_assets.orchestration.stale_days import Watch
from growth_assets.settings import Settings, load
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse
from growth_assets_tests.orchestration.conftest import both_storages

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def event(ds: str, second: int = 0, action: str = "page_view") -> str:
    return json.dumps(
        {
            "event_time": f"{ds}T10:00:{second:02}Z",
            "hostname": "www.xx.com",
            "action_type": action,
            "ip": "198.51.100.7",
            "user_agent": "Mozilla/5.0",
        }
    )


@dataclass
class Asked:
    """What one tick asked for."""

    landing: int
    days: list[str]
    """As `first..last` of each run."""
    says: str
    requests: list[dg.RunRequest] = field(default_factory=list)


GUARDRAIL_KEYS = [asset_key(table.name) for table in DAILY if table.guardrail]


class Watched:
    """A site with its instance and sensor, as the daemon would tick it."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.counted: Counter[str] = Counter()
        """How often each day was built."""
        self.load(settings)

    def load(self, settings: Settings) -> None:
        """As a code server does at its start."""
        self.settings = settings
        self.defs = definitions(settings)
        self.sensor = self.defs.resolve_sensor_def(NAME)

    def drop(self, name: str, *lines: str) -> Path:
        path = self.settings.landing / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def land(self, name: str, *lines: str) -> None:
        """As `drop`, and landed by someone else."""
        self.drop(name, *lines)
        land(self.settings)

    def tick(self) -> Asked:
        context = dg.build_sensor_context(instance=self.instance, repository_def=self.defs.get_repository_def())
        data = self.sensor.evaluate_tick(context)
        requests = list(data.run_requests or [])
        landing = [each for each in requests if set(each.asset_selection or ()) == set(LANDING_KEYS)]
        daily = [each for each in requests if set(each.asset_selection or ()) == set(daily_keys())]
        restated = [each for each in requests if set(each.asset_selection or ()) == set(GUARDRAIL_KEYS)]
        assert len(landing) + len(daily) + len(restated) == len(requests)
        assert data.cursor is None
        return Asked(
            len(landing),
            sorted(f"{each.tags[START]}..{each.tags[END]}" for each in daily),
            data.skip_message or "",
            requests,
        )

    def done(self, request: dg.RunRequest) -> None:
        """What was asked for is built, by the same engine without Dagster around it."""
        if set(request.asset_selection or ()) == set(LANDING_KEYS):
            land(self.settings)
            return
        first, last = (dt.date.fromisoformat(request.tags[tag]) for tag in (START, END))
        warehouse = Warehouse.of(self.settings)
        for ds in days(first.isoformat(), (last - first).days + 1):
            self.counted[ds] += set(request.asset_selection or ()) == set(daily_keys())
            names = {table_name(key) for key in request.asset_selection or ()}
            outcomes = list(Day(warehouse, self.settings, ds, DAILY).build(names, receiving(self.settings)))
            assert all(outcome.record for outcome in outcomes)

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what was asked for, with the definitions as a new process loads them."""
        job = definitions(load(self.settings.data)).resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            run_config=QUIET, instance=self.instance, asset_selection=list(request.asset_selection or ()),
            raise_on_error=False, tags=self.tags(request),
        )  # fmt: skip

    @staticmethod
    def tags(request: dg.RunRequest) -> dict[str, str]:
        return {**request.tags, "dagster/sensor_name": NAME, "dagster/run_key": str(request.run_key)}

    def leave(self, request: dg.RunRequest, status: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
        """A run of the request that is in this state."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
        return self.instance.create_run_for_job(
            job, asset_selection=set(request.asset_selection or ()), tags={**self.tags(request), **tags}, status=status,
            remote_job_origin=RemoteJobOrigin(location, job.name),
        )  # fmt: skip

    def settle(self, *, by_runs: bool = False) -> list[Asked]:
        """Tick and build until nothing is asked for any more."""
        ticks = []
        for _ in range(12):
            asked = self.tick()
            if not asked.requests:
                return ticks
            ticks.append(asked)
            for request in asked.requests:
                (self.run if by_runs else self.done)(request)
        raise AssertionError(f"it never stops asking: {ticks[-3:]}")

    def materialized(self) -> dict[str, int]:
        """How often each day of the last table was materialized."""
        found = self.instance.fetch_materializations(daily_keys()[-1], limit=1000).records
        return dict(Counter(str(record.partition_key) for record in found))


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A Dagster home with its databases, for copies: to make them takes longer than a tick."""
    data = tmp_path_factory.mktemp("template")
    (data / "site.toml").write_text("")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(data / "home"))
        with open_instance(load(data)):
            pass
    return data / "home"


@pytest.fixture
def site(tmp_path, home, monkeypatch, storage):
    monkeypatch.setenv("DAGSTER_HOME", str(shutil.copytree(home, tmp_path / "home")))
    storage(tmp_path / "home")
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
    settings = load(tmp_path)
    with open_instance(settings) as instance:
        yield Watched(settings, instance)


def days(first: str, count: int) -> list[str]:
    return [(dt.date.fromisoformat(first) + dt.timedelta(days=number)).isoformat() for number in range(count)]


def test_an_empty_landing_is_said_to_be_empty(site):
    assert site.tick() == Asked(0, [], "landing holds no file; 0 days up to date")


def test_it_runs_from_the_start_unless_the_site_says_otherwise(site):
    assert site.sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert site.sensor.minimum_interval_seconds == 30
    (site.settings.data / "site.toml").write_text("[sensor]\nrunning = false\nseconds = 7\n")
    site.load(load(site.settings.data))
    assert site.sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert site.sensor.minimum_interval_seconds == 7


def test_a_new_file_is_landed_and_then_its_days_are_built_in_contiguous_runs(site):
    site.drop("a.ndjson", *map(event, [*days("2026-03-01", 2), "2026-03-05"]))
    first, second = site.settle()
    assert (first.landing, first.days) == (1, [])
    assert (second.landing, second.days) == (0, ["2026-03-01..2026-03-02", "2026-03-05..2026-03-05"])
    assert site.tick().says == "nothing new in landing; 3 days up to date"


def test_a_file_that_grew_touches_only_the_days_of_what_it_grew_by(site):
    first = [event(ds) for ds in days("2026-03-01", 3)]
    site.drop("a.ndjson", *first)
    site.settle()
    site.drop("a.ndjson", *first, event("2026-03-02", 1))
    assert [asked.days for asked in site.settle()] == [[], ["2026-03-02..2026-03-02"]]
    assert site.counted == {"2026-03-01": 1, "2026-03-02": 2, "2026-03-03": 1}


def test_a_copy_of_a_known_file_is_landed_once_and_builds_no_day(site):
    path = site.drop("a.ndjson", event("2026-03-01"))
    site.settle()
    site.drop("copy.ndjson", path.read_text().strip())
    assert [(asked.landing, asked.days) for asked in site.settle()] == [(1, [])]
    assert site.counted == {"2026-03-01": 1}


def test_an_event_ten_months_late_asks_for_exactly_its_day_though_no_partition_reached_back_to_it(site):
    site.drop("a.ndjson", *map(event, days("2026-03-01", 3)))
    site.settle()
    site.load(site.settings)  # as a server that is started now: its partitions begin with March
    site.drop("late.ndjson", event("2025-05-04"))
    landing, built = site.settle()
    assert (landing.landing, landing.days) == (1, [])
    assert built.days == ["2025-05-04..2025-05-04"]
    assert site.counted == {"2025-05-04": 1} | dict.fromkeys(days("2026-03-01", 3), 1)


def test_days_outside_of_the_partitions_are_told_and_not_asked_for(site):
    (site.settings.data / "site.toml").write_text('first_day = 2026-03-02\nhostnames = ["www.xx.com"]\n')
    site.load(load(site.settings.data))
    site.drop("a.ndjson", *map(event, days("2026-03-01", 2)))
    assert [asked.days for asked in site.settle()] == [[], ["2026-03-02..2026-03-02"]]
    assert site.tick().says == "nothing new in landing; 1 days up to date; 1 days are no partition: 2026-03-01"


def test_more_days_than_the_bound_are_built_tick_by_tick_the_newest_first(site):
    (site.settings.data / "site.toml").write_text('hostnames = ["www.xx.com"]\n[sensor]\ndays_a_tick = 3\n')
    site.load(load(site.settings.data))
    site.drop("a.ndjson", *map(event, [*days("2026-03-01", 4), *days("2026-03-10", 2)]))
    assert [asked.days for asked in site.settle()] == [
        [],
        ["2026-03-04..2026-03-04", "2026-03-10..2026-03-11"],
        ["2026-03-01..2026-03-03"],
        [],  # the guardrails of days that were built before those they are compared with
    ]
    assert set(site.counted.values()) == {1}


def test_not_more_runs_are_asked_for_than_may_be_under_way(site):
    (site.settings.data / "site.toml").write_text('hostnames = ["www.xx.com"]\n[sensor]\nruns_a_tick = 2\n')
    site.load(load(site.settings.data))
    site.land("a.ndjson", *map(event, days("2026-03-01", 9)[::2]))
    asked = site.tick()
    assert asked.days == ["2026-03-07..2026-03-07", "2026-03-09..2026-03-09"]
    site.leave(asked.requests[0], dg.DagsterRunStatus.QUEUED)
    assert site.tick().days == ["2026-03-07..2026-03-07"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED])
def test_what_is_queued_or_under_way_is_not_asked_for_again(site, status):
    site.drop("a.ndjson", *map(event, days("2026-03-01", 3)))
    landing = site.tick().requests[0]
    run = site.leave(landing, status)
    says = site.tick().says
    assert "1 new or changed files in landing: a.ndjson; a landing run is under way" in says
    site.instance.report_run_failed(run)
    site.run(landing)
    # A run of someone else, for one of the days, by the tag that a launch of a single day has.
    one = dg.RunRequest(asset_selection=daily_keys()[:1], tags={"dagster/partition": "2026-03-02"})
    run = site.leave(one, status)
    assert site.tick().days == ["2026-03-01..2026-03-01", "2026-03-03..2026-03-03"]
    site.instance.report_run_failed(run)
    (request,) = site.tick().requests
    site.leave(request, status)
    assert site.tick().says == "nothing new in landing; 0 days up to date; 3 days under way"


def test_days_of_a_backfill_are_not_asked_for(site):
    site.land("a.ndjson", *map(event, days("2026-03-01", 3)))
    partitions = daily_partitions(site.settings).subset_with_partition_keys(["2026-03-01", "2026-03-02"])
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id="one", backfill_timestamp=0.0, tags={}, dynamic_partitions_store=site.instance, title=None,
        description=None, run_config=None,
        asset_graph_subset=AssetGraphSubset(partitions_subsets_by_asset_key={daily_keys()[1]: partitions}),
    )  # fmt: skip
    site.instance.add_backfill(backfill)
    assert site.tick().days == ["2026-03-03..2026-03-03"]


def test_nothing_is_asked_for_while_the_command_line_builds(site):
    site.drop("a.ndjson", event("2026-03-01"))
    with builder(site.settings, site.instance):
        assert site.tick() == Asked(0, [], "a build of the command line is under way")
    assert site.tick().landing == 1


@both_storages
def test_a_refused_day_is_asked_for_once_for_each_change_of_its_events_or_settings(site):
    good, bad = "2026-03-01", "2026-03-02"
    site.drop("a.ndjson", event(good), *(event(bad, second, "hack") for second in range(5)))
    assert [asked.days for asked in site.settle(by_runs=True)] == [[], [f"{good}..{bad}"]]
    assert site.tick().says == (
        "nothing new in landing; 1 days up to date; 1 days left alone until their events, the code or a setting "
        f"changes, refused by their checks or failed 3 times: {bad}"
    )
    site.drop("b.ndjson", event(bad, 30))
    assert [asked.days for asked in site.settle(by_runs=True)] == [[], [f"{bad}..{bad}"]]
    (site.settings.data / "site.toml").write_text('hostnames = ["www.xx.com"]\nmax_quarantined_share = 1.0\n')
    site.load(load(site.settings.data))
    assert [asked.days for asked in site.settle(by_runs=True)] == [[f"{bad}..{bad}"]]
    assert site.materialized() == {good: 1, bad: 1}
    assert not list((site.settings.workplace / "_attempts").iterdir())


def test_a_run_that_fails_for_another_reason_is_asked_for_three_times(site, monkeypatch):
    site.land("a.ndjson", *map(event, days("2026-03-01", 2)))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Warehouse, "stage_files", full)
        assert len(site.settle(by_runs=True)) == attempts.MOST
    assert "2 days left alone" in site.tick().says
    # New events are a new reason to try.
    site.drop("b.ndjson", event("2026-03-02", 1))
    assert [asked.days for asked in site.settle(by_runs=True)] == [[], ["2026-03-02..2026-03-02"]]


def test_a_day_whose_build_is_always_killed_does_not_hold_up_the_days_beside_it(site):
    site.land("a.ndjson", *map(event, days("2026-03-01", 3)))
    watch = Watch(site.settings)
    version = watch.stale(watch.landed()).wanted["2026-03-02"]
    for _ in range(attempts.MOST):
        attempts.begin(site.settings, "2026-03-02", version)
    assert [asked.days for asked in site.settle()] == [["2026-03-01..2026-03-01", "2026-03-03..2026-03-03"]]


def test_runs_that_never_began_a_day_are_asked_for_three_times_and_a_canceled_one_once(site):
    site.land("a.ndjson", event("2026-03-01"))
    keys = []
    for _ in range(attempts.MOST):
        (request,) = site.tick().requests
        keys.append(request.run_key)
        site.leave(request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == attempts.MOST  # Dagster itself never starts a run key twice
    assert "1 days left alone, since their run was canceled or failed 3 times" in site.tick().says
    site.land("b.ndjson", event("2026-03-01", 1))
    site.leave(site.tick().requests[0], dg.DagsterRunStatus.CANCELED)
    assert "1 days left alone, since their run was canceled" in site.tick().says


def test_what_a_canceled_run_left_undone_is_left_alone_until_something_about_a_day_changes(site, monkeypatch):
    monkeypatch.setattr(canceled, "DAYS_A_TAG", 2)
    wanted = days("2026-03-01", 5)
    site.land("a.ndjson", *map(event, wanted))
    (request,) = site.tick().requests
    first = dg.RunRequest(asset_selection=request.asset_selection, tags={START: wanted[0], END: wanted[0]})
    site.done(first)
    site.leave(request, dg.DagsterRunStatus.CANCELED)
    assert site.tick() == Asked(
        0,
        [],
        "nothing new in landing; 1 days up to date; 4 days left alone, since their run was canceled or failed 3 times; "
        "build them by hand: 2026-03-02, 2026-03-03, 2026-03-04, 2026-03-05",
    )
    # Another day is no part of it, and an event that came is a reason to build its day; the run of it fails.
    site.land("b.ndjson", event("2026-03-04", 1), event("2026-03-06"))
    asked = site.tick()
    assert asked.days == ["2026-03-04..2026-03-04", "2026-03-06..2026-03-06"]
    for each in asked.requests:
        site.leave(each, dg.DagsterRunStatus.FAILURE)
    assert site.tick().days == asked.days
    # So is another setting.
    (site.settings.data / "site.toml").write_text('hostnames = ["www.xx.com"]\nmax_quarantined_share = 1.0\n')
    site.load(load(site.settings.data))
    assert site.tick().days == ["2026-03-02..2026-03-06"]


def test_days_of_a_run_that_was_begun_and_canceled_in_the_pages_are_left_alone(site, monkeypatch):
    site.land("a.ndjson", *map(event, days("2026-03-01", 3)))
    by_hand = dg.RunRequest(asset_selection=daily_keys(), tags={START: "2026-03-01", END: "2026-03-02"})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Warehouse, "stage_files", full)
        ended = site.run(by_hand)
    assert site.tick().days == ["2026-03-01..2026-03-03"]
    site.instance.report_run_canceled(ended.dagster_run)
    assert site.tick().days == ["2026-03-03..2026-03-03"]
    # A later run of the same ended well: what is lost of it is built again.
    assert site.run(by_hand).success
    Warehouse.of(site.settings).path(DAILY[-1], "2026-03-02").unlink()
    assert site.tick().days == ["2026-03-02..2026-03-03"]


def test_an_unreadable_file_is_asked_for_once_until_it_changes(site):
    path = site.drop("a.ndjson.gz", "this is no gzip")
    site.drop("pipe-is-no-file.ndjson").unlink()
    os.mkfifo(site.settings.landing / "pipe-is-no-file.ndjson")
    site.drop("b.ndjson", event("2026-03-01"))
    ticks = site.settle()
    assert [(asked.landing, asked.days) for asked in ticks] == [(1, []), (0, ["2026-03-01..2026-03-01"])]
    path.write_bytes(b"still not")
    assert [asked.landing for asked in site.settle()] == [1]
    # Other settings may read it.
    (site.settings.data / "site.toml").write_text(
        'hostnames = ["www.xx.com"]\n[[sources]]\nname = "other"\nencoding = "latin-1"\n'
    )
    site.load(load(site.settings.data))
    assert site.tick().landing == 1


def test_a_half_last_line_is_asked_for_again_when_its_file_has_settled(site):
    path = site.drop("a.ndjson", event("2026-03-01"))
    path.write_text(path.read_text() + '{"event_time": "2026-03-0')
    assert [asked.landing for asked in site.settle()] == [1, 0]
    assert site.tick().landing == 0
    (site.settings.data / "site.toml").write_text('hostnames = ["www.xx.com"]\nsettle_seconds = 0\n')  # as if later
    site.load(load(site.settings.data))
    assert [(asked.landing, asked.days) for asked in site.settle()] == [(1, [])]


def test_a_landing_that_fails_is_asked_for_three_times_with_the_same_files(site):
    site.drop("a.ndjson", event("2026-03-01"))
    for _ in range(attempts.MOST):
        (request,) = site.tick().requests
        site.leave(request, dg.DagsterRunStatus.FAILURE)
    assert "they are left alone until one of them changes" in site.tick().says
    site.drop("b.ndjson", event("2026-03-02"))
    assert site.tick().landing == 1


def test_a_run_whose_code_server_is_gone_is_ended_and_asked_for_again(site, tmp_path):
    site.drop("a.ndjson", event("2026-03-01"))
    (request,) = site.tick().requests
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        run = site.leave(request, dg.DagsterRunStatus.STARTED, **{GRPC_INFO_TAG: json.dumps({"socket": str(path)})})
        assert not site.tick().requests
    (again,) = site.tick().requests
    assert again.run_key != request.run_key
    found = site.instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.FAILURE


def test_a_partition_that_someone_deleted_is_built_again(site):
    site.drop("a.ndjson", *map(event, days("2026-03-01", 2)))
    site.settle()
    Warehouse.of(site.settings).path(DAILY[-1], "2026-03-01").unlink()
    assert [asked.days for asked in site.settle()] == [["2026-03-01..2026-03-01"]]


def test_days_that_were_up_to_date_are_looked_at_again_in_turn_and_not_all_at_each_tick(site, monkeypatch):
    monkeypatch.setattr(stale_days, "DOUBTED", 2)
    site.land("a.ndjson", *map(event, days("2026-03-01", 5)))
    site.settle()
    looked: list[str] = []
    real = stale_days.stale_tables
    monkeypatch.setattr(stale_days, "stale_tables", lambda *given: looked.append(given[2]) or real(*given))
    for _ in range(5):
        assert site.tick().says == "nothing new in landing; 5 days up to date"
    assert len(looked) == 5 * 2
    assert set(looked) == set(days("2026-03-01", 5))


def test_after_a_week_switched_off_it_catches_up_and_builds_each_day_once(site):
    for ds in days("2026-03-01", 2):
        site.drop(f"{ds}.ndjson", event(ds))
        assert [asked.days for asked in site.settle()] == [[], [f"{ds}..{ds}"]]
    week = days("2026-03-03", 7)
    for ds in week:
        site.drop(f"{ds}.ndjson", event(ds))
    site.drop("late.ndjson", event("2026-03-01", second=1))
    landing, built, restated = site.settle()
    assert (landing.landing, landing.days) == (1, [])
    assert built.days == ["2026-03-01..2026-03-01", f"{week[0]}..{week[-1]}"]
    # Of the day a week after the late one the guardrails, which are compared with it, and nothing else.
    (request,) = restated.requests
    assert (request.tags[START], request.tags[END]) == ("2026-03-08", "2026-03-08")
    assert set(request.asset_selection or ()) == set(GUARDRAIL_KEYS)
    assert site.counted == {"2026-03-01": 2, "2026-03-02": 1} | dict.fromkeys(week, 1)
    warehouse = Warehouse.of(site.settings)
    for table in DAILY:
        assert warehouse.days(table) == [*days("2026-03-01", 2), *week], table.name


def test_the_morning_schedule_does_the_same_where_the_sensor_is_off(site):
    def morning() -> list[dg.RunRequest]:
        context = dg.build_schedule_context(instance=site.instance, repository_def=site.defs.get_repository_def())
        return list(site.defs.resolve_schedule_def(MORNING).evaluate_tick(context).run_requests or [])

    site.drop("a.ndjson", *map(event, days("2026-03-01", 3)))
    (landing,) = morning()
    assert set(landing.asset_selection or ()) == set(LANDING_KEYS)
    site.done(landing)
    (built,) = morning()
    assert set(built.asset_selection or ()) == set(daily_keys())
    assert (built.tags[START], built.tags[END]) == ("2026-03-01", "2026-03-03")
    # The sensor, if it is on as well, waits for what the schedule asked for, and the other way round.
    run = site.leave(built, dg.DagsterRunStatus.QUEUED)
    assert not site.tick().requests
    assert not morning()
    site.instance.report_run_failed(run)
    site.done(built)
    assert not site.tick().requests
    assert not morning()


def requested(defs: dg.Definitions, instance: dg.DagsterInstance, before: AssetDaemonCursor | None = None):
    """What automation conditions ask for since `before`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # of what Dagster's own function calls
        return dg.evaluate_automation_conditions(defs, instance=instance, cursor=before)


def test_nothing_but_the_sensor_asks_for_builds_by_itself(site):
    site.drop("a.ndjson", *map(event, days("2026-03-01", 3)))
    assert requested(site.defs, site.instance).total_requested == 0
    graph = site.defs.resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if graph.get(key).automation_condition] == []
    (schedule,) = site.defs.schedules or ()
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_automation_conditions_would_ask_for_every_day_of_every_table_where_the_sensor_asks_for_one_day(site):
    """Why there is a sensor: docs/decisions/0018. Should Dagster tell days apart some day, this fails."""

    def with_conditions() -> dg.Definitions:
        eager = dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window())
        defs = definitions(load(site.settings.data))
        assets = [
            each.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=eager))
            for each in defs.assets or ()
        ]
        return dg.Definitions(assets=assets, resources=defs.resources)

    site.drop("a.ndjson", *map(event, days("2026-03-01", 3)))
    (landing,) = site.tick().requests
    site.run(landing)
    site.settle()
    before = requested(with_conditions(), site.instance)
    site.drop("late.ndjson", event("2026-03-02", 5))
    (landing,) = site.tick().requests
    site.run(landing)
    asked = requested(with_conditions(), site.instance, before.cursor)
    partitions = len(daily_partitions(site.settings).get_partition_keys())
    assert partitions > 200
    assert asked.total_requested == partitions * len(DAILY)
    assert site.tick().days == ["2026-03-02..2026-03-02"]


def test_guardrails_of_later_days_are_built_again_in_the_run_that_the_sensor_asks_for_the_late_day(site):
    site.land("a.ndjson", *map(event, days("2026-03-01", 15)))
    site.settle()
    site.land("late.ndjson", event("2026-03-01", 5))
    (late,) = site.tick().requests
    assert (late.tags[START], late.tags[END]) == ("2026-03-01", "2026-03-01")
    ran = site.run(late)
    assert ran.success
    again = {
        (each.asset_key, each.partition)
        for each in ran.get_asset_materialization_events()
        if each.partition != "2026-03-01"
    }
    assert again == {(key, ds) for key in GUARDRAIL_KEYS for ds in ("2026-03-08", "2026-03-15")}
    assert site.tick().says == "nothing new in landing; 15 days up to date"


def test_guardrails_of_later_days_are_asked_for_where_the_run_of_the_late_day_did_not_come_to_them(site):
    first = days("2026-03-01", 15)
    site.drop("a.ndjson", *map(event, first))
    site.settle()
    site.drop("late.ndjson", event("2026-03-01", 5))
    landing, late, restated = site.settle()
    assert (landing.landing, late.days) == (1, ["2026-03-01..2026-03-01"])
    assert [each.tags[START] for each in restated.requests] == ["2026-03-08", "2026-03-15"]
    assert site.counted == {**dict.fromkeys(first, 1), "2026-03-01": 2}
    assert site.tick().says == "nothing new in landing; 15 days up to date"
