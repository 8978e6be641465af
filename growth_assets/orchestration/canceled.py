"""Days whose run somebody canceled: they are left alone as long as the run would build the same as then.

Of what it would build, a run tells for each of its days in tags: a range that is half done is another range, and what
is left of it would not be known again by a digest of the whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

import dagster as dg

from growth_assets.warehouse import durable

PREFIX = ".dagster/growth_assets.days."
"""Of the tags, followed by the first of their days; Dagster's pages hide what begins with `.dagster/`."""

DIGITS, DAYS_A_TAG = 8, 100
"""Hexadecimal digits a day, and days a tag: PostgreSQL keeps an index of tags, for values below some 2,700 bytes."""

LATER_RUNS = 500
"""So many of the runs since a canceled one are looked through for one that ended otherwise."""


def tags_of(versions: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run of days without a gap: the day, and what is built of it or judged."""
    days = sorted(versions)
    return {
        PREFIX + days[start]: "".join(_short(versions[ds]) for ds in days[start : start + DAYS_A_TAG])
        for start in range(0, len(days), DAYS_A_TAG)
    }


def canceled(instance: dg.DagsterInstance, versions: Mapping[str, str]) -> set[str]:
    """Those of the days of which the last run that was to build the same was canceled."""
    if not versions:
        return set()
    wanted = {(ds, _short(version)) for ds, version in versions.items()}
    last: dict[tuple[str, str], int] = {}
    since = None
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED])):  # newest first
        for day in wanted.intersection(_days(record.dagster_run)):
            last.setdefault(day, record.storage_id)
            since = record.create_timestamp
    if since is not None:
        ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
        for record in instance.get_run_records(dg.RunsFilter(statuses=ended, created_after=since), limit=LATER_RUNS):
            for day in _days(record.dagster_run):
                if last.get(day, record.storage_id) < record.storage_id:
                    del last[day]
    return {ds for ds, _ in last}


def _days(run: dg.DagsterRun) -> Iterator[tuple[str, str]]:
    for tag, value in run.tags.items():
        if tag.startswith(PREFIX):
            first = dt.date.fromisoformat(tag.removeprefix(PREFIX))
            for number in range(len(value) // DIGITS):
                day = first + dt.timedelta(days=number)
                yield day.isoformat(), value[number * DIGITS : (number + 1) * DIGITS]


def _short(version: str) -> str:
    return durable.digest_of(version)[:DIGITS]
