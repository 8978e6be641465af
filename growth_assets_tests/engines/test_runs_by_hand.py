"""Runs whose cluster is of this process alone: what they do about it, whatever it does."""

from __future__ import annotations

import datetime as dt
import json
import threading
from random import Random

import pytest

from growth_assets import settings as site
from growth_assets.engines import cluster
from growth_assets.orchestration import run
from growth_assets.settings import Settings, Spark
from growth_assets.tables import BY_NAME
from growth_assets.warehouse.catalogue import query
from growth_assets.warehouse.partitions import NO_DAY, Warehouse
from growth_assets_tests.engines.by_hand import ByHand

DAYS = ["2026-03-01", "2026-03-02"]
CHANGING = ("raw.website_events", "core.fct_website_events")
"""Tables of which a cluster may make several files."""


class Session(ByHand):
    """In place of a session on a cluster."""

    ui = ""

    def progress(self) -> str:
        return ""

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
