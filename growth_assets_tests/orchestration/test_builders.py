"""Runs of builds whose process is gone do not stay open."""

import dagster as dg
import pytest

from growth_assets.orchestration.builders import TAG, builder, end_dead_runs
from growth_assets.orchestration.instance import open_instance
from growth_assets.settings import load
from growth_assets_tests.orchestration.conftest import both_storages


@pytest.fixture
def opened(tmp_path, monkeypatch, storage):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    storage(tmp_path / "home")
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
    settings = load(tmp_path)
    with open_instance(settings) as instance:
        yield settings, instance


def started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    return instance.create_run_for_job(_job(), tags=tags, status=dg.DagsterRunStatus.STARTED).run_id


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing():
        pass

    @dg.job
    def empty():
        nothing()

    return empty


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@both_storages
def test_a_dead_build_s_run_is_ended_by_the_next_build(opened):
    settings, instance = opened
    dead = started(instance, {TAG: "0123"})
    foreign = started(instance, {})
    with builder(settings, instance):
        assert status(instance, dead) == dg.DagsterRunStatus.FAILURE
        assert status(instance, foreign) == dg.DagsterRunStatus.STARTED


def test_a_living_build_s_run_is_left_alone(opened):
    settings, instance = opened
    with builder(settings, instance) as tags:
        living = started(instance, tags)
        assert end_dead_runs(settings, instance) == 0
        assert status(instance, living) == dg.DagsterRunStatus.STARTED
    assert end_dead_runs(settings, instance) == 1
    assert status(instance, living) == dg.DagsterRunStatus.FAILURE
    assert not list((settings.dagster_home / "builders").iterdir())
