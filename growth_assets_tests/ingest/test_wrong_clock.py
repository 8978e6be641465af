"""The clock is set back or ahead between builds, or not set yet: when it is right again all is as if it had been."""

from __future__ import annotations

import datetime as dt

import pytest

from growth_assets.ingest import clock
from growth_assets.ingest.out_of_range import survey
from growth_assets.raw import quarantined_events
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

from .conftest import Site, events, quick

D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"

RIGHT = dt.datetime.fromisoformat("2026-03-04T12:00:00")

WRONG = {
    "not set yet": "1970-01-01T00:00:05",
    "two days back": "2026-03-02T06:00:00",
    "years ahead": "2031-01-01T00:00:00",
}

ALL = tuple(table.name for table in DAILY)


def build(site, monkeypatch, at: dt.datetime) -> list[str]:
    """What a build does while the clock says `at`; the days built."""
    monkeypatch.setattr(clock, "now", lambda: at)
    return quick(site)


def files_come(site, monkeypatch, wrong: dt.datetime) -> None:
    """One under the right clock, one under a wrong one; then it is right again."""
    site.put("a.ndjson", events(range(20), D1) + events(range(20, 40), D2))
    assert build(site, monkeypatch, RIGHT) == [D1, D2]
    site.put("b.ndjson", events(range(50, 60), D2) + events(range(60, 80), D3))
    built = {*build(site, monkeypatch, wrong), *build(site, monkeypatch, wrong)}
    assert {*built, *build(site, monkeypatch, RIGHT)} == {D2, D3}
    assert build(site, monkeypatch, RIGHT) == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    site = Site(tmp_path_factory.mktemp("undisturbed") / "site")
    with pytest.MonkeyPatch.context() as patched:
        files_come(site, patched, RIGHT)
    return site.hashes(ALL)


@pytest.mark.parametrize("wrong", WRONG)
def test_files_that_come_under_a_wrong_clock_end_as_under_the_right_one(undisturbed, site, monkeypatch, wrong):
    files_come(site, monkeypatch, dt.datetime.fromisoformat(WRONG[wrong]))
    assert site.hashes(ALL) == undisturbed
    assert not survey(site.settings).aside
    warehouse = Warehouse(site.settings.warehouse)
    assert [warehouse.record(quarantined_events.TABLE, ds).rows for ds in (D1, D2, D3)] == [0, 0, 0]


def test_what_is_ahead_of_the_newest_reading_is_in_the_future_all_the_same(site, write, monkeypatch):
    site.put("a.ndjson", write.event(1, D1))
    build(site, monkeypatch, RIGHT)
    site.put("b.ndjson", write.event(2, D1) + write.event(3, "2026-03-09"))
    assert build(site, monkeypatch, RIGHT - dt.timedelta(days=30)) == []
    assert build(site, monkeypatch, RIGHT) == [D1]
    assert survey(site.settings).in_the_future == {"2026-03-09": 1}


def test_a_line_that_waits_does_not_wait_for_a_wrong_clock(site, write, monkeypatch):
    path = site.put("a.ndjson", write.event(1, D1) + write.event(2, D1)[:-1])
    build(site, monkeypatch, dt.datetime.fromisoformat(WRONG["years ahead"]))
    path.unlink()
    build(site, monkeypatch, RIGHT)
    assert len(site.rows("core.fct_website_events")) == 2
