"""The newest day that is due, judged: there, missing, without its evening, or nothing to be told."""

from __future__ import annotations

import datetime as dt

import pytest

from growth_assets.checks.recent import due, judge

DS = "2026-03-14"
SIX = dt.time(6)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-15T00:00:00", "2026-03-13"),
        ("2026-03-15T05:59:59", "2026-03-13"),
        ("2026-03-15T06:00:00", "2026-03-14"),
        ("2026-03-15T23:59:59", "2026-03-14"),
        ("2026-03-01T07:00:00", "2026-02-28"),
    ],
)
def test_yesterday_is_due_from_its_deadline_on(now, expected):
    assert due(dt.datetime.fromisoformat(now), SIX) == expected


def judged(**changed):
    given = {
        "published": True, "newest_day": DS, "newest_published": dt.datetime(2026, 3, 15, 1),  # noqa: DTZ001
        "newest_hour": 23, "hours": 12,
    }  # fmt: skip
    found = judge(DS, **{**given, **changed})
    assert found.ds == DS
    assert (found.reason == "") == (found.state == "ok")
    return found.state


def test_a_day_that_is_there_up_to_its_evening_is_ok():
    assert judged() == "ok"
    assert judged(newest_day="2026-03-15", newest_published=dt.datetime(2026, 3, 15, 2)) == "ok"  # noqa: DTZ001


@pytest.mark.parametrize("published_at", ["2026-03-10T01:00:00", "2026-03-16T23:00:00"])
def test_a_pipeline_that_stopped_is_red_however_long_ago(published_at):
    moment = dt.datetime.fromisoformat(published_at)
    assert judged(published=False, newest_day="2026-03-10", newest_published=moment, newest_hour=None) == "breached"


@pytest.mark.parametrize(
    ("newest_hour", "hours", "state"),
    [(23, 1, "ok"), (22, 1, "breached"), (12, 12, "ok"), (11, 12, "breached"), (0, 24, "ok"), (None, 24, "breached")],
)
def test_a_day_without_its_evening_is_red(newest_hour, hours, state):
    assert judged(newest_hour=newest_hour, hours=hours) == state


def test_nothing_is_due_where_nothing_came_or_only_an_archive():
    assert judged(published=False, newest_day=None, newest_published=None) == "cannot_tell"
    archived = dt.datetime(2026, 9, 1)  # noqa: DTZ001
    assert judged(published=False, newest_day="2026-01-31", newest_published=archived) == "cannot_tell"
