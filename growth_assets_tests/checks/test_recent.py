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
    given = {"days": ["2026-03-12", "2026-03-13", DS], "live": True, "newest_hour": 23, "hours": 12}
    found = judge(DS, **{**given, **changed})
    assert found.ds == DS
    assert (found.reason == "") == (found.state == "ok")
    assert (found.since == "") == (found.state != "breached")
    return found.state


def test_a_day_that_is_there_up_to_its_evening_is_ok():
    assert judged() == "ok"
    assert judged(days=[DS, "2026-03-15"]) == "ok"


def test_a_pipeline_that_stopped_is_red_however_long_ago():
    assert judged(days=["2026-03-13"], newest_hour=None) == "breached"
    assert judge(DS, days=["2025-01-30"], live=True, newest_hour=None, hours=12).since == "2025-01-31"


def test_a_day_between_that_is_missing_is_named_and_red_for_four_weeks():
    days = [f"2026-03-{day:02}" for day in range(1, 15) if day not in {4, 12}]
    found = judge(DS, days=days, live=True, newest_hour=23, hours=12)
    assert (found.state, found.since) == ("breached", "2026-03-04")
    assert found.reason == f"2026-03-04, 2026-03-12 are not published; the newest day that is there is {DS}"
    assert judged(days=days, days_off=[dt.date(2026, 3, 4), dt.date(2026, 3, 12)]) == "ok"
    long_ago = [
        "2026-02-14",
        *(f"2026-02-{day}" for day in range(16, 29)),
        *(f"2026-03-{day:02}" for day in range(1, 15)),
    ]
    assert judged(days=long_ago) == "ok"
    assert judge("2026-03-13", days=long_ago, live=True, newest_hour=23, hours=12).since == "2026-02-15"


def test_days_before_the_first_of_a_live_site_are_not_due_though_an_archive_was_loaded():
    assert judged(days=["2025-01-05", "2025-01-06", "2026-03-13", DS]) == "ok"
    assert judged(days=["2026-03-15"]) == "cannot_tell"
    assert judged(days=["2026-03-12", "2026-03-13"], newest_hour=None, days_off=[dt.date(2026, 3, 14)]) == "ok"


@pytest.mark.parametrize(
    ("newest_hour", "hours", "state"),
    [(23, 1, "ok"), (22, 1, "breached"), (12, 12, "ok"), (11, 12, "breached"), (0, 24, "ok"), (None, 24, "breached")],
)
def test_a_day_without_its_evening_is_red(newest_hour, hours, state):
    assert judged(newest_hour=newest_hour, hours=hours) == state


def test_nothing_is_due_where_nothing_came_or_only_an_archive():
    assert judged(days=[]) == "cannot_tell"
    assert judged(days=["2026-01-31"], live=False) == "cannot_tell"
