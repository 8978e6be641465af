"""core.fct_website_events on generated days: laws, and the same rows from plain loops.

Days are drawn from few values, close to each other, so that equal times, repeated deliveries, two files that began at
the same moment and crowds at both ends of the day happen in most of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from growth_assets.fct import enrichment, identity, website_events
from growth_assets.fct import received as received_events
from growth_assets.tables import BY_NAME
from growth_assets_tests.tables import plain_fct
from growth_assets_tests.tables.days import DS, IPHONE, LAST_MICROSECOND, at, build_fct_of, event, raw_day, site

QUARANTINE = "raw.quarantined_events"

TIMES = st.one_of(
    st.sampled_from([at("12:00:00"), at("12:00:01"), at("00:00:00"), at("23:59:59")]),
    st.integers(0, 3).map(lambda back: LAST_MICROSECOND - dt.timedelta(microseconds=back)),
    st.integers(0, 3).map(lambda on: at("12:00:00") + dt.timedelta(microseconds=on)),
)

STARTED = {"a.log": at("00:00:00"), "b.log": at("00:00:00"), "c.log": at("06:00:00")}
"""Two files that began at the same moment: their lines stand beside each other."""

ROWS = st.builds(
    event,
    event_timestamp=TIMES,
    subsecond_clock=st.booleans(),
    hostname=st.sampled_from(["www.xx.com", "www.xxx.com", "www.xx.com", "localhost"]),
    action_type=st.sampled_from(["page_view", "signup"]),
    url=st.sampled_from(["/", "/a", "/a?x=1"]),
    referrer=st.sampled_from([None, "https://www.linkedin.com/feed"]),
    ip=st.sampled_from(["8.8.8.8", "8.8.8.8", "8.8.4.4", "192.0.2.1", None]),
    user_agent=st.sampled_from([IPHONE, IPHONE, "", None]),
    user_id=st.sampled_from([None, None, "7", "abc"]),
    event_id=st.sampled_from([None, None, "1", "2", "é"]),
    other_properties=st.sampled_from([None, {}, {"k": "v"}, {"k": None}, {"k": "v", "l": "w"}]),
    source_file=st.sampled_from(list(STARTED)),
)


def received(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows as lines of their files."""
    lines: Counter[str] = Counter()
    numbered = []
    for row in rows:
        file = row["source_file"]
        lines[file] += 1
        numbered.append({**row, "line_number": lines[file], "file_started_at": STARTED[file]})
    return raw_day(numbered)


DAYS = st.lists(ROWS, min_size=1, max_size=40).map(received)

small = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Few days of many rows: what a build costs is the same for one row and for forty."""


@small
@given(DAYS)
def test_the_same_rows_as_plain_loops(day):
    built = build_fct_of(day)
    expected, duplicates, broken = plain_fct.facts(day.to_dicts())
    names = list(expected[0]) if expected else ["event_timestamp"]
    assert built.frame.select(names).to_dicts() == expected
    assert (built.numbers["duplicates"], built.beside[QUARANTINE].height) == (duplicates, broken)


def test_visitors_are_hashed_with_the_salt():
    day = received([event(ip=ip, source_file="a.log") for ip in ("8.8.8.8", "8.8.4.4")])
    found = build_fct_of(day, site(salt="pepper")).frame["logged_out_user_id"].to_list()
    expected, _, _ = plain_fct.facts(day.to_dicts(), "pepper")
    assert found == [row["logged_out_user_id"] for row in expected]
    assert set(found).isdisjoint(build_fct_of(day).frame["logged_out_user_id"].to_list())


@small
@given(DAYS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_the_names_of_files_change_nothing(day, random):
    order = list(range(day.height))
    random.shuffle(order)
    built = build_fct_of(day)
    with pytest.MonkeyPatch.context() as patch:
        # Nor does it change anything how many rows are held at a time, or whether threads share the work.
        for module in (enrichment, identity, website_events):
            patch.setattr(module, "ONE_THREAD", 10)
        patch.setattr(received_events, "ROWS_AT_ONCE", 15)
        patch.setattr(identity, "ROWS_AT_ONCE", 4)
        patch.setattr(received_events, "TEXTS_AT_ONCE", 7)
        again = build_fct_of(pl.concat([day[[row]] for row in order[:5]] + [day[order[5:]]], rechunk=False))
    assert again.frame.equals(built.frame)
    assert again.beside[QUARANTINE].equals(built.beside[QUARANTINE])
    assert again.numbers == built.numbers
    others = {"a.log": "z/1.gz", "b.log": "a/3", "c.log": "copy of c.log"}
    renamed = build_fct_of(day[order].with_columns(pl.col("source_file").replace_strict(others)))
    assert renamed.frame.equals(built.frame)
    assert renamed.numbers == built.numbers


@small
@given(DAYS)
def test_nothing_is_lost_and_the_contract_is_kept(day):
    built = build_fct_of(day)
    frame, quarantined = built.frame, built.beside[QUARANTINE]
    assert built.numbers["received"] == day.height == frame.height + quarantined.height + built.numbers["duplicates"]
    findings = BY_NAME["core.fct_website_events"].contract(site()).audit(frame)
    assert {finding.rule for finding in findings if finding.broken} == (set() if frame.height else {"not_empty"})
    assert BY_NAME[QUARANTINE].contract(site()).audit(quarantined)[0].broken == 0
    assert frame.select(pl.struct("logged_out_user_id", "event_timestamp").is_unique().all()).item()
    assert frame["ds"].eq(DS).all()
    assert frame["event_timestamp"].dt.strftime("%Y-%m-%d").eq(DS).all()
    assert frame.select("event_timestamp", "logged_out_user_id").rows() == sorted(
        frame.select("event_timestamp", "logged_out_user_id").rows()
    )


@small
@given(DAYS, st.data())
def test_copies_of_events_with_an_id_change_nothing(day, data):
    known = day.filter(pl.col("event_id").is_not_null())
    assume(known.height)
    chosen = data.draw(st.lists(st.integers(0, known.height - 1), min_size=1, max_size=5))
    built = build_fct_of(day)
    # Delivered again: in a file that began later, so the first delivery stays the first.
    copies = known[chosen].with_columns(
        pl.lit("again.log").alias("source_file"),
        pl.lit(at("07:00:00")).alias("file_started_at"),
        pl.int_range(1, pl.len() + 1).alias("line_number"),
    )
    again = build_fct_of(pl.concat([copies, day]))
    assert again.frame.equals(built.frame)
    added = again.numbers["duplicates"] - built.numbers["duplicates"]
    quarantined = again.beside[QUARANTINE].height - built.beside[QUARANTINE].height
    assert added + quarantined == len(chosen)


@small
@given(DAYS, st.data())
def test_copies_in_an_older_file_change_no_more_than_the_order_within_an_instant(day, data):
    known = day.filter(pl.col("event_id").is_not_null())
    assume(known.height)
    chosen = data.draw(st.lists(st.integers(0, known.height - 1), min_size=1, max_size=5))
    copies = known[chosen].with_columns(
        pl.lit("older.log").alias("source_file"),
        (pl.col("file_started_at") - pl.duration(hours=1)).alias("file_started_at"),
        pl.int_range(1, pl.len() + 1).alias("line_number"),
    )
    built, again = build_fct_of(day), build_fct_of(pl.concat([day, copies]))
    key = ["logged_out_user_id", "event_timestamp"]
    assert again.frame.select(key).equals(built.frame.select(key))
    ids = ["logged_out_user_id", "event_id"]
    assert Counter(again.frame.select(ids).rows()) == Counter(built.frame.select(ids).rows())


@small
@given(DAYS)
def test_whole_seconds_keep_every_row_in_its_second(day):
    # Without an id and under a clock of whole seconds no row is a duplicate, and none leaves its second.
    plain = day.with_columns(
        pl.lit(None, dtype=pl.String).alias("event_id"),
        pl.lit(value=False).alias("subsecond_clock"),
        pl.col("event_timestamp").dt.truncate("1s"),
    )
    built = build_fct_of(plain)
    seconds = built.frame.select("logged_out_user_id", pl.col("event_timestamp").dt.truncate("1s"))
    expected = [
        (plain_fct.visitor(row), row["event_timestamp"]) for row in plain.to_dicts() if not plain_fct.is_broken(row)
    ]
    assert Counter(seconds.rows()) == Counter(expected)
    assert built.numbers["duplicates"] == 0


@small
@given(DAYS)
def test_a_time_moves_by_less_than_the_visitors_events(day):
    built = build_fct_of(day)
    for who in built.frame["logged_out_user_id"].unique():
        mine = [r for r in day.to_dicts() if not plain_fct.is_broken(r) and plain_fct.visitor(r) == who]
        given_times = {row["event_timestamp"] for row in mine}
        for time in built.frame.filter(pl.col("logged_out_user_id") == who)["event_timestamp"]:
            assert min(abs(time - each) for each in given_times) < dt.timedelta(microseconds=len(mine))


@small
@given(DAYS)
def test_a_visitors_events_do_not_depend_on_other_visitors(day):
    mine = pl.col("ip").eq_missing(pl.lit("8.8.8.8"))
    parts = [build_fct_of(part).frame for part in (day.filter(mine), day.filter(~mine))]
    assert pl.concat(parts).sort("event_timestamp", "logged_out_user_id").equals(build_fct_of(day).frame)


def test_neither_of_two_that_differ_in_their_user_agent_is_a_copy():
    # No user agent and an empty one are the same visitor, but the empty one is a robot. Both are line 1 of files that
    # began at the same moment: nothing but the robot tells which comes first.
    rows = [event(user_agent=None, source_file="a.log"), event(user_agent="", source_file="b.log")]
    for given_rows in (rows, rows[::-1]):
        built = build_fct_of(received(given_rows))
        assert built.frame["is_bot"].to_list() == [False, True]
        assert built.numbers["duplicates"] == 0
