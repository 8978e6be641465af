"""Runs whose cluster is of this process alone: what they do about it, whatever it does."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import threading
import time
import types
from random import Random

import dagster as dg
import pytest

from growth_assets import settings as site
from growth_assets.engines import cluster
from growth_assets.engines.cluster import CanceledError, Spent
from growth_assets.ingest import ledger, many_files
from growth_assets.orchestration import attempts, on_cluster, run
from growth_assets.orchestration.instance import open_instance
from growth_assets.settings import Settings, Spark
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.catalogue import query
from growth_assets.warehouse.partitions import NO_DAY, Warehouse
from growth_assets_tests.engines.by_hand import ByHand
from growth_assets_tests.tables.days import site as a_site

DAYS = ["2026-03-01", "2026-03-02"]
CHANGING = ("raw.website_events", "core.fct_website_events")
"""Tables of which a cluster may make several files."""


class Session(ByHand):
    """In place of a session on a cluster."""

    ui = application = ""

    def progress(self) -> list[str]:
        return []

    def spent(self, _: str) -> list[Spent]:
        return []

    def each(self, function, shares, _) -> list[bytes]:
        return [function(share) for share in shares]

    def cancel(self) -> None:
        pass

    def begin_anew(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def session(monkeypatch) -> Session:
    made = Session(Random(1))
    monkeypatch.setattr(cluster, "Cluster", lambda _: made)
    return made


@pytest.fixture
def here(tmp_path, monkeypatch) -> Settings:
    """A site of one machine, with a few days that wait in landing."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = tmp_path / "site"
    (folder / "landing").mkdir(parents=True)
    (folder / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
    said = {"hostname": "www.xx.com", "action_type": "page_view", "user_agent": "Mozilla/5.0 (X11) Chrome/124.0"}
    lines = [
        json.dumps({**said, "event_time": f"{ds}T{hour:02}:00:00.5Z", "ip": f"198.51.100.{hour}"})
        for ds in DAYS
        for hour in range(24)
    ]
    (folder / "landing" / "events.ndjson").write_text("\n".join([*lines, ""]))
    return site.load(folder)


@pytest.fixture
def there(here, session) -> Settings:
    """The same site, built by a cluster."""
    few = Spark(master="spark://nobody:7077", events_a_task=5)
    return here.model_copy(update={"engine": "spark", "spark": few})


def test_a_session_that_is_lost_ends_no_run_and_holds_no_day(there, session, monkeypatch):
    monkeypatch.setattr(on_cluster, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(on_cluster, "PROGRESS_SECONDS", 0)
    asked = []

    def lost() -> list[str]:
        asked.append("")
        raise ConnectionError("no answer")

    session.progress = lost
    found = run.build(there)
    assert asked
    assert (found.days, found.bad_days) == (DAYS, {})
    assert Warehouse.of(there).days(DAILY[-1]) == DAYS


@pytest.mark.parametrize("before", [None, attempts.Attempts("other events", 2), attempts.Attempts("v", 0, early=True)])
def test_a_day_that_somebody_stopped_was_not_tried_in_vain(there, session, monkeypatch, before):
    def stopped(*_):
        raise CanceledError("canceled")

    monkeypatch.setattr(session, "run", stopped)
    if before:
        attempts.take_back(there, DAYS[0], before)
    found = run.build(there)
    assert found.bad_days == dict.fromkeys(DAYS, "canceled; what was published before stays")
    assert [attempts.read(there, ds) for ds in DAYS] == [before, None]


def test_a_stop_that_the_cluster_missed_is_asked_for_again(there, session, monkeypatch):
    monkeypatch.setattr(on_cluster, "LOOK_SECONDS", 0.01)
    begun, asked = threading.Event(), []

    def busy(*_):
        if not begun.is_set():
            begun.set()
            os.kill(os.getpid(), signal.SIGINT)
        until = time.monotonic() + 60
        while len(asked) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        raise CanceledError("canceled")

    session.run, session.cancel = busy, lambda: asked.append("")
    with pytest.raises(run.StoppedError):
        run.build(there)
    assert len(asked) >= 3
    assert [attempts.read(there, ds) for ds in DAYS] == [None, None]


def test_a_landing_that_is_stopped_ends_its_work_on_the_cluster(there, session, monkeypatch):
    monkeypatch.setattr(many_files, "WORTH_IT", 1)
    monkeypatch.setattr(on_cluster, "LOOK_SECONDS", 0.01)
    asked = []

    def busy(*_):
        os.kill(os.getpid(), signal.SIGINT)
        until = time.monotonic() + 60
        while len(asked) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        raise CanceledError("canceled")

    with monkeypatch.context() as patched:
        patched.setattr(session, "each", busy)
        patched.setattr(session, "cancel", lambda: asked.append(""))
        with pytest.raises(run.StoppedError):
            run.build(there)
    assert len(asked) >= 3
    assert ledger.read(there.warehouse).entries == ()
    assert run.build(there).days == DAYS


@pytest.mark.parametrize("at_once", [1, 2])
def test_so_many_large_days_are_under_way_at_once_as_a_setting_says(there, session, monkeypatch, at_once):
    few = there.spark.model_copy(update={"large_days_at_once": at_once})
    together, under_way, most = threading.Barrier(at_once), [0], [0]
    honest, counting = session.run, threading.Lock()

    def run_it(*given):
        with counting:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        together.wait(60)
        try:
            with counting:
                return honest(*given)
        finally:
            together.wait(60)
            with counting:
                under_way[0] -= 1

    monkeypatch.setattr(session, "run", run_it)
    assert run.build(there.model_copy(update={"spark": few})).bad_days == {}
    assert most == [at_once]


def test_what_a_cluster_took_is_told_with_the_table_of_events(there, session):
    took = Spent("2026-03-01: all", "app-1", 2, 11, 3, 7_000_000, 5.5, 1.25, ("ValueError: no such thing",))
    session.spent = lambda name: [took] if name == DAYS[0] else []
    run.build(there)
    told = {}
    with open_instance(there) as instance:
        newest = instance.get_run_records(limit=1)[0].dagster_run
        says = [each.user_message for each in instance.all_logs(newest.run_id)]
        for each in instance.all_logs(newest.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            made = each.dagster_event.step_materialization_data.materialization
            metadata = {name: value.value for name, value in made.metadata.items() if name.startswith("spark_")}
            told[made.asset_key.path[-1], made.partition] = metadata
    assert told.pop(("fct_website_events", DAYS[0])) == {
        "spark_application": "app-1", "spark_stages": 2, "spark_tasks": 11, "spark_failed_tasks": 3,
        "spark_shuffled_bytes": 7_000_000, "spark_run_seconds": 5.5, "spark_cpu_seconds": 1.25,
    }  # fmt: skip
    assert not any(told.values())
    assert (
        "2026-03-01: all: app-1: 2 stages, 11 tasks, 3 failed, 7.0 MB shuffled, 5.5 s of tasks, 1.2 s of CPU in Java; "
        "a task failed: ValueError: no such thing"
    ) in says


class Lost:
    """A session whose other end is gone, or was stopped."""

    def __init__(self, stopped: bool | None) -> None:
        self.stopped = stopped
        self.ended = 0

    @property
    def is_stopped(self) -> bool:
        if self.stopped is None:
            raise ConnectionError("no answer")
        return self.stopped

    def stop(self) -> None:
        self.ended += 1
        if self.stopped is None:
            raise ConnectionError("no answer")


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("stopped", [False, True, None])
def test_a_session_that_has_ended_is_not_used_again(stopped, remote):
    at = {"remote": "sc://host"} if remote else {"master": "spark://host:7077"}
    opened = Lost(stopped)
    with cluster.at_hand(a_site(engine="spark", spark=at)) as outer:
        outer.__dict__["_spark"] = opened
        # As a classic session is asked.
        context = types.SimpleNamespace(isStopped=lambda: opened.is_stopped)
        opened.sparkContext = types.SimpleNamespace(_jsc=types.SimpleNamespace(sc=lambda: context))
        with cluster.at_hand(a_site()) as inner:
            assert inner is outer
            assert ("_spark" in inner.__dict__) == (stopped is False)
    assert opened.ended == 1
    assert "_spark" not in outer.__dict__


def test_views_see_every_row_while_days_change_their_form(here, there, monkeypatch):
    run.build(here)
    assert not list(here.warehouse.glob(f"*/*/{NO_DAY}"))
    publish, at_once, seen = Warehouse.publish, threading.Lock(), []

    def looks(self, table, *given, **named):
        with at_once:
            record = publish(self, table, *given, **named)
            if table.name in CHANGING:
                seen.extend(query(here.catalogue, f"SELECT count(*) FROM {table.name}").rows())  # noqa: S608 - our own
            return record

    monkeypatch.setattr(Warehouse, "publish", looks)
    first, last = (dt.date.fromisoformat(ds) for ds in DAYS)
    for settings, several in ((there, True), (here, False)):
        assert run.build(settings, first, last).bad_days == {}
        assert (len(Warehouse.of(here).files(BY_NAME[CHANGING[1]], DAYS[0])) > 1) == several
    assert seen == [(48,)] * 2 * len(DAYS) * len(CHANGING)
