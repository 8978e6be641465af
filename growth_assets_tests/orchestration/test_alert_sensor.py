"""The alert sensor on a real Dagster instance: what is told, what is not, and that kills and losses double nothing."""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections.abc import Iterator

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from growth_assets.alerts import memory
from growth_assets.alerts.journal import GONE_OUT, Journal
from growth_assets.alerts.words import words
from growth_assets.checks.recent import Recency
from growth_assets.orchestration import alert_sensor, doctor, findings, recency
from growth_assets.orchestration.alert_sensor import NAME, Looked, look
from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.orchestration.daily import MOST_COMPARED
from growth_assets.orchestration.graph import definitions
from growth_assets.orchestration.instance import open_instance
from growth_assets.settings import Settings, load
from growth_assets.warehouse import durable
from growth_assets.warehouse.catalogue import query
from growth_assets.watches import judgement
from growth_assets_tests.alerts.receivers import PASSWORD, SECRET
from growth_assets_tests.orchestration.conftest import both_storages

KEY = dg.AssetKey(["metrics", "signup_conversion_rate"])
TITLE = "metrics.signup_conversion_rate: guardrail"


def day(back: int) -> str:
    return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=back)).isoformat()


def guardrail_of(rows):
    return judgement(pl.DataFrame(rows, schema=["dim_hostname", "state", "reason"], orient="row"), "dim_hostname")


class Watched:
    """A site with an instance, whose log is written as runs and daemons do."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings, self.instance = settings, instance

    def judge(
        self, ds: str | None, state: str, *, check: str = "guardrail", error: bool = False, blocking=False, **more
    ) -> None:
        """An evaluation, as a build logs it."""
        self.instance.report_runless_asset_event(
            AssetCheckEvaluation(
                asset_key=KEY, check_name=check, passed=state != "breached", partition=ds, blocking=blocking,
                severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
                metadata={
                    name: dg.MetadataValue.table(value) if isinstance(value, list) else dg.MetadataValue.text(value)
                    if isinstance(value, str) else value
                    for name, value in {"state": state, **more}.items()
                },
                description="it has not fallen",
            )
        )  # fmt: skip

    def look(self, later: float = 10) -> Looked:
        """As a tick does, when all that was logged is old enough."""
        return look(self.settings, self.instance, time.time() + later)

    @property
    def rows(self):
        return [each.alert for each in Journal(self.settings).all()]

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.rows]


@pytest.fixture
def watched(tmp_path, monkeypatch, hook, box, storage) -> Iterator[Watched]:
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
    monkeypatch.setenv("GROWTH_ALERT_URLS", f"{hook.url} {box.url}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    storage(tmp_path / "dagster_home")
    settings = load(tmp_path)
    with open_instance(settings) as instance:
        yield Watched(settings, instance)


@both_storages
def test_a_fall_is_told_once_and_so_is_its_end(watched, hook, box):
    watched.judge(day(4), "ok")
    watched.judge(day(3), "breached", reason="3.1 % fell to 1.2 %", rate=0.012)
    watched.look()
    assert hook.titles == box.subjects == [f"[WARN] {TITLE}, since {day(3)}"]
    assert "Rule: guardrail, it has not fallen; 3.1 % fell to 1.2 %" in hook.got[0]["message"]
    assert "rate = 0.012" in hook.got[0]["message"]
    watched.judge(day(2), "breached")
    watched.judge(day(1), "cannot_tell", reason="too few hits")
    assert "nothing to tell" in watched.look().says
    watched.judge(day(0), "ok")
    watched.look()
    assert hook.titles[1:] == box.subjects[1:] == [f"[recovered] {TITLE}"]
    # All of it stands in ops.alerts, with what became of it.
    told = list(Journal(watched.settings).all())
    assert [(each.alert.kind, set(each.delivery.values())) for each in told] == [
        ("opened", {GONE_OUT}), ("recovered", {GONE_OUT}),
    ]  # fmt: skip
    seen = query(
        watched.settings.catalogue, "SELECT kind, ds, first_bad_day, delivery FROM ops.alerts ORDER BY found_at"
    )
    assert seen["ds"].to_list() == [day(3), day(0)]
    assert seen["first_bad_day"].to_list() == [day(3)] * 2


def test_hosts_have_incidents_of_their_own(watched, hook):
    def compared(**states: str):
        names = {"overall": "overall", "a": "a.xx.com", "b": "b.xx.com"}
        return [
            dg.TableRecord({"dim_hostname": names[name], "state": state, "baseline": 0.03, "reason": f"{name} fell"})
            for name, state in states.items()
        ]

    watched.judge(day(3), "breached", compared=compared(a="breached", overall="breached", b="ok"))
    watched.look()
    assert hook.titles == [f"[WARN] {TITLE} on a.xx.com, since {day(3)}"]
    assert "Rule: guardrail, a fell" in hook.got[0]["message"]
    assert "baseline = 0.03" in hook.got[0]["message"]
    watched.judge(day(2), "breached", compared=compared(a="cannot_tell", overall="ok", b="breached"))
    watched.judge(day(1), "ok", compared=compared(a="ok", overall="ok", b="cannot_tell"))
    watched.look()
    assert hook.titles[1:] == [f"[WARN] {TITLE} on b.xx.com, since {day(2)}", f"[recovered] {TITLE} on a.xx.com"]


def test_many_hosts_have_one_incident_together(watched, hook):
    """All hosts lose the form at once, then two of them are left, then none."""

    def judged(ds: str, bad: int) -> None:
        found = guardrail_of(
            [(f"{number:02}.xx.com", "breached" if number < bad else "ok", f"{number} fell") for number in range(27)]
        )
        listed = [dg.TableRecord(row) for row in found.rows.head(MOST_COMPARED).to_dicts()]
        watched.judge(ds, found.state, reason=found.reason, **found.numbers, compared=listed)

    judged(day(4), 27)
    judged(day(3), 26)
    watched.look()
    assert hook.titles == [f"[WARN] {TITLE} on many hosts, since {day(4)}"]
    assert "on 27 hosts: 00.xx.com: 0 fell; " in hook.got[0]["message"]
    assert "; and 22 more" in hook.got[0]["message"]
    assert len(hook.got[0]["message"]) < 2000
    judged(day(2), 2)
    watched.look()
    assert hook.titles[1:] == [
        f"[recovered] {TITLE} on many hosts", f"[WARN] {TITLE} on 00.xx.com, since {day(2)}",
        f"[WARN] {TITLE} on 01.xx.com, since {day(2)}",
    ]  # fmt: skip
    assert f"on {day(2)} no more than 5 hosts break the rule" in hook.got[1]["message"]
    judged(day(1), 0)
    watched.look()
    assert hook.titles[4:] == [f"[recovered] {TITLE} on 00.xx.com", f"[recovered] {TITLE} on 01.xx.com"]


def test_a_pipeline_that_stopped_is_one_message_for_all_metrics(watched, hook):
    def told(ds: str, *states: str) -> None:
        for table, state in zip(recency.metrics(), states, strict=True):
            found = recency.evaluation(table, Recency(ds, state, "it is not published" if state == "breached" else ""))
            watched.instance.report_runless_asset_event(found)

    told(day(2), "ok", "ok", "ok", "ok")
    told(day(1), "breached", "breached", "breached", "breached")
    told(day(1), "breached", "breached", "breached", "breached")
    watched.look()
    assert hook.titles == [f"[ERROR] metrics: due_day_is_there, since {day(1)}"]
    assert "other tables of metrics are told with it" in hook.got[0]["message"]
    # The guardrails are asked for a later day sooner than the others.
    told(day(0), "breached", "breached", "cannot_tell", "cannot_tell")
    told(day(0), "ok", "ok", "cannot_tell", "cannot_tell")
    told(day(1), "ok", "ok", "ok", "breached")
    watched.look()
    assert len(hook.got) == 1
    told(day(1), "ok", "ok", "ok", "ok")
    watched.look()
    assert hook.titles[1:] == ["[recovered] metrics: due_day_is_there"]


def test_every_check_of_the_graph_has_words_of_its_own(watched):
    checks = {key.name for key in definitions(watched.settings).resolve_asset_graph().asset_check_keys}
    assert {name for name in checks if words(name) == words("nobody knows it")} == set()
    assert len(checks) > 15


def test_a_host_that_is_not_listed_among_many_is_well_when_all_are(watched, hook):
    def listed(host: str, state: str):
        return [dg.TableRecord({"dim_hostname": host, "state": state, "reason": "r"})]

    for host in ("a.xx.com", "b.xx.com"):
        watched.judge(day(3), "breached", check=f"guardrail{host[0]}", compared=listed(host, "breached"))
        watched.judge(day(2), "ok", check=f"guardrail{host[0]}", compared=listed("b.xx.com", "cannot_tell"))
    watched.look()
    assert [(each.kind, each.host) for each in watched.rows] == [
        ("opened", "a.xx.com"), ("recovered", "a.xx.com"), ("opened", "b.xx.com"),
    ]  # fmt: skip


@both_storages
def test_late_tables_are_told(watched, hook):
    for before, after in (("UNKNOWN", "PASS"), ("PASS", "WARN"), ("WARN", "FAIL"), ("FAIL", "PASS")):
        watched.instance._report_runless_asset_event(
            FreshnessStateChange(
                key=KEY, previous_state=FreshnessState[before], new_state=FreshnessState[after],
                state_change_timestamp=time.time(),
            )
        )  # fmt: skip
        watched.look()
    assert [title.partition(" ")[0] for title in hook.titles] == ["[WARN]", "[now", "[recovered]"]


@both_storages
def test_failed_runs_are_told(watched, hook):
    @dg.op
    def work(context) -> None:
        if "fail" in context.run.tags:
            raise dg.Failure(f"no space left, said <{SECRET[:3]}>")

    @dg.job(logger_defs={"quiet": dg.colored_console_logger})
    def nightly():
        work()

    def run(**tags: str) -> None:
        nightly.execute_in_process(instance=watched.instance, raise_on_error=False, tags=tags)

    run()
    run(fail="yes")
    run(fail="yes")
    watched.look()
    run()
    watched.look()
    assert [title.partition(",")[0] for title in hook.titles] == ["[ERROR] nightly: run", "[recovered] nightly: run"]
    assert "no space left" in hook.got[0]["message"]
    assert f"/runs/{watched.rows[0].run_id}" in hook.got[0]["message"]


def test_landing_problems_are_told(watched, hook, tmp_path):
    """A real landing run, over a file that is no log."""
    landing = watched.settings.landing
    landing.mkdir()
    (landing / "broken<b>.gz").write_bytes(b"\x1f\x8b\x08\x00nothing")
    job = definitions(watched.settings).resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

    def run() -> None:
        job.execute_in_process(
            run_config=quiet, instance=watched.instance, raise_on_error=False,
            asset_selection=list(findings.LANDING_KEYS),
        )  # fmt: skip

    run()
    watched.look()
    run()
    watched.look()
    assert [title.partition(",")[0] for title in hook.titles] == ["[ERROR] landing.event_files: files_readable"]
    assert "broken\u2039b\u203a.gz" in hook.got[0]["message"]
    (landing / "broken<b>.gz").unlink()
    run()
    watched.look()
    assert hook.titles[1:] == ["[recovered] landing.event_files: files_readable"]


def test_history_is_one_summary_a_run(watched, hook):
    """A build of many days, as a run that the storage knows."""
    tags = {"dagster/asset_partition_range_start": day(40), "dagster/asset_partition_range_end": day(0)}
    reader = findings.Log(watched.instance)

    @dg.op
    def build(context) -> None:
        for back in range(40, -1, -10):
            context.log_event(
                AssetCheckEvaluation(
                    asset_key=KEY, check_name="guardrail", passed=False, severity=dg.AssetCheckSeverity.WARN,
                    metadata={}, partition=day(back),
                )
            )  # fmt: skip

    @dg.job
    def backfill():
        build()

    backfill.execute_in_process(instance=watched.instance, tags=tags)
    watched.look()
    # The newest day is no history, however many days the run builds.
    assert hook.titles == [f"[WARN] {TITLE}, since {day(0)}", "[history] 4 days of the past did not keep the rules"]
    assert f"metrics.signup_conversion_rate guardrail: 4 days from {day(40)} to {day(10)}" in hook.got[1]["message"]
    backfill.execute_in_process(instance=watched.instance, tags=tags)
    watched.look()
    assert len(hook.got) == 2
    assert reader.newest > 0


@both_storages
def test_a_restart_and_a_lost_memory_tell_nothing_twice(watched, hook):
    for back, state in ((6, "breached"), (5, "breached"), (4, "ok"), (3, "breached"), (2, "breached")):
        watched.judge(day(back), state)
    watched.look()
    watched.judge(day(1), "breached")
    watched.look()
    remembered = watched.settings.workplace / "_alerts.json"
    for lose in (remembered.unlink, lambda: remembered.write_text("{damaged"), lambda: remembered.write_text("{}")):
        lose()
        watched.look()
    assert watched.kinds == ["opened", "recovered", "reopened"]
    assert len(hook.got) == 3
    for back in (0, -5):
        watched.judge(day(back), "ok")
    watched.look()
    assert len(hook.got) == 3  # it came back once, and has not held for long enough
    watched.judge(day(-6), "ok")
    watched.look()
    assert watched.kinds == ["opened", "recovered", "reopened", "recovered"]


def test_what_began_and_is_over_since_the_last_look_is_one_message(watched, hook):
    watched.judge(day(2), "breached")
    watched.judge(day(1), "ok")
    watched.judge(day(1), "breached", check="contract", error=True, blocking=True)
    watched.look()
    assert hook.titles == [
        f"[recovered] {TITLE}", f"[ERROR] metrics.signup_conversion_rate: contract, since {day(1)}",
    ]  # fmt: skip
    assert watched.kinds == ["opened", "recovered", "opened"]
    assert f"The day {day(1)} is not published" in hook.got[1]["message"]


def test_a_damaged_file_of_alerts_silences_nothing(watched, hook):
    watched.judge(day(3), "breached")
    watched.look()
    (kept,) = watched.settings.warehouse.glob("ops/alerts/*.parquet")
    kept.write_bytes(kept.read_bytes()[:2000])
    watched.judge(day(2), "breached", check="volume_week_over_week")
    (told_by_doctor,) = [each for each in doctor.alerts(watched.settings) if not each.well]
    assert str(kept) in told_by_doctor.says
    assert "told 1 alerts" in watched.look().says
    assert hook.titles[1:] == [
        f"[WARN] ops.alerts: alerts_readable, since {day(0)}",
        f"[WARN] metrics.signup_conversion_rate: volume_week_over_week, since {day(2)}",
    ]
    assert f"{kept.name} could not be read and is put aside as {kept.name}.damaged" in hook.got[1]["message"]
    assert kept.with_name(f"{kept.name}.damaged").exists()
    assert watched.kinds == ["notice", "opened"]
    # It is told once, opens nothing, and the incident that was in the file is remembered.
    watched.judge(day(1), "ok")
    watched.look()
    assert hook.titles[3:] == [f"[recovered] {TITLE}"]
    assert all(each.well for each in doctor.alerts(watched.settings))


def test_alerts_on_a_store_are_told_kept_and_remembered_as_on_disk(s3, tmp_path, monkeypatch, hook):
    bucket = s3.bucket("told")
    (tmp_path / "site.toml").write_text(f'hostnames = ["www.xx.com"]\nwarehouse = "s3://{bucket}/tables"\n')
    monkeypatch.setenv("GROWTH_ALERT_URLS", f"json://127.0.0.1:1/{SECRET} {hook.url}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    settings = load(tmp_path)
    with open_instance(settings) as instance:
        watched = Watched(settings, instance)
        watched.judge(day(2), "breached")
        assert watched.look().delivered.sent == 1
        (settings.workplace / "_alerts.json").unlink()
        watched.judge(day(1), "ok")
        watched.look()
        assert watched.kinds == ["opened", "recovered"]
    assert hook.titles == [f"[WARN] {TITLE}, since {day(2)}", f"[recovered] {TITLE}"]
    seen = query(settings.catalogue, "SELECT * FROM ops.alerts ORDER BY found_at", root=settings.warehouse)
    assert seen["kind"].to_list() == ["opened", "recovered"]
    for delivery in seen["delivery"].to_list():
        assert sorted(state.partition(" ")[0] for state in dict(delivery).values()) == [GONE_OUT, "waiting"]
    assert not [path for path in tmp_path.rglob("*.parquet")]  # noqa: C416 - staged files are gone


def test_a_new_storage_of_dagster_is_read_from_its_beginning(watched, hook, tmp_path):
    for back in range(3, 8):
        watched.judge(day(back), "ok")
    watched.judge(day(2), "breached")
    watched.look()
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "other")) as other:
        anew = Watched(watched.settings, other)
        anew.judge(day(2), "breached")
        anew.look()
        assert len(hook.got) == 1
        anew.judge(day(1), "ok")
        anew.look()
    assert hook.titles[1:] == [f"[recovered] {TITLE}"]


class Killed(BaseException):
    """As kill -9: nothing is caught, nothing is tidied."""


def test_killed_at_any_write_nothing_is_lost_or_doubled(watched, hook, box, monkeypatch):
    watched.judge(day(3), "breached")
    watched.judge(day(2), "breached", check="volume_week_over_week")
    put, left = durable.put_in_place, [0]

    def dying(staged, final) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        put(staged, final)
        if left[0] == 1:
            left[0] = 0
            raise Killed

    monkeypatch.setattr(durable, "put_in_place", dying)
    kills = 0
    for after in range(1, 12):
        left[0] = after
        try:
            watched.look()
        except Killed:
            kills += 1
    monkeypatch.setattr(durable, "put_in_place", put)
    watched.look()
    assert kills >= 4
    assert sorted(watched.kinds) == ["opened", "opened"]
    for told in Journal(watched.settings).all():
        assert set(told.delivery.values()) == {GONE_OUT}
    # At least once on each channel; again at most where the kill came between sending and writing it down.
    for titles in (hook.titles, box.subjects):
        assert set(titles) == {each.message.title for each in Journal(watched.settings).all()}
        assert len(titles) <= 2 + kills


def test_a_look_is_bounded_and_the_next_one_goes_on(watched, hook, monkeypatch):
    monkeypatch.setattr(findings, "AT_ONCE", 3)
    monkeypatch.setattr(alert_sensor, "READING_SECONDS", 0.0)
    for back in (5, 4, 3, 2, 1, 0):
        watched.judge(day(back), "breached")
        watched.judge(day(back), "ok", check="contract")
    assert watched.look().read == 0  # no time at all
    monkeypatch.setattr(alert_sensor, "READING_SECONDS", 20.0)
    assert watched.look().read == 12
    assert watched.kinds == ["opened"]


def test_what_was_just_logged_waits_for_the_next_look(watched):
    watched.judge(day(1), "breached")
    assert watched.look(later=-60).told == []
    assert len(watched.look().told) == 1


def test_without_a_channel_alerts_are_kept_and_the_tick_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("GROWTH_ALERT_URLS", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    (tmp_path / "site.toml").write_text("")
    settings = load(tmp_path)
    refresh_catalogue(settings)
    assert query(settings.catalogue, "SELECT * FROM ops.alerts").is_empty()
    with open_instance(settings) as instance:
        watched = Watched(settings, instance)
        watched.judge(day(1), "breached")
        assert "alerts are in ops.alerts alone" in watched.look().says
    assert query(settings.catalogue, "SELECT title, delivery FROM ops.alerts")["delivery"].to_list() == [{}]


def test_the_sensor_runs_by_default_and_tells_no_secret(watched, hook, box, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    hook.status = 500
    box.got.clear()
    watched.judge(day(1), "breached")
    watched.look()
    defs = definitions(watched.settings)
    sensor = defs.resolve_sensor_def(NAME)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    context = dg.build_sensor_context(instance=watched.instance, repository_def=defs.get_repository_def())
    tick = sensor.evaluate_tick(context)
    assert not tick.run_requests
    assert "1 messages wait for a channel" in (tick.skip_message or "")
    out, err = capfd.readouterr()
    rows = query(watched.settings.catalogue, "SELECT * FROM ops.alerts").write_json()
    kept = "".join(
        path.read_text(errors="replace") for path in watched.settings.data.rglob("*") if path.is_file()
    )  # fmt: skip
    assert "answered HTTP 500" in rows
    for secret in (SECRET, PASSWORD):
        assert secret not in caplog.text + out + err + (tick.skip_message or "") + rows + kept
        assert secret not in json.dumps([each["message"] for each in hook.got]) + "".join(map(str, box.got))
    assert memory.load(watched.settings, Journal(watched.settings)).outbox.waiting
