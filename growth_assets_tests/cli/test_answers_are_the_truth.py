"""A demo world through the command line: every answer is the truth that the world kept of itself."""

# ruff: noqa: S608 - the statements are made of names in this file
from __future__ import annotations

import json
from collections import Counter

import pytest

from growth_assets.tables import BY_NAME
from growth_assets.warehouse.partitions import Warehouse

pytestmark = [pytest.mark.slow]

FCT = "core.fct_website_events"
ALL = "all sites"


def numbers(world) -> dict[tuple[str, str], dict]:
    """Day and host to the truth about it."""
    found = {}
    for day in world.truth["days"]:
        for host, told in [(ALL, day["overall"]), *day["hosts"].items()]:
            found[day["ds"], host] = told
    assert len(found) == 12
    assert sum(told["signups"] for told in found.values()) > 0
    assert sum(told["purchases"] for told in found.values()) > 0
    return found


@pytest.fixture(scope="module")
def told(world, cli):
    """Number of a question to its rows, over all days."""
    ran = cli("answers", "--data", world.folder, "--json")
    assert ran.code == 0
    return {each["number"]: each["rows"] for each in json.loads(ran.out)["answers"]}


def by_day_and_host(rows, *columns):
    return {(row["ds"], row["dim_hostname"]): tuple(row[column] for column in columns) for row in rows}


@pytest.mark.parametrize(
    ("question", "column", "truth"),
    [
        ("1", "m_visitors", "visitors_with_hit"),
        ("1", "m_website_hits", "hits"),
        ("1", "m_bot_website_hits", "bot_hits"),
        ("4", "m_signups", "signups"),
        ("5", "m_website_hits", "hits"),
        ("6", "m_purchases", "purchases"),
        ("6", "m_purchases_visitors", "buyers"),
        ("7", "m_signups", "signups"),
    ],
)
def test_counts(world, told, question, column, truth):
    expected = {key: (each[truth],) for key, each in numbers(world).items()}
    assert by_day_and_host(told[question], column) == expected


@pytest.mark.parametrize(
    ("question", "rate", "above", "below"),
    [("5", "signup_conversion_rate", "signups", "hits"), ("7", "purchase_conversion_rate", "purchases", "signups")],
)
def test_rates(world, told, question, rate, above, below):
    found = by_day_and_host(told[question], rate)
    for key, each in numbers(world).items():
        (value,) = found.pop(key)
        assert value == (pytest.approx(each[above] / each[below]) if each[below] else None), key
    assert not found


def test_one_day_is_that_day_of_all(world, told, cli):
    for day in world.truth["days"]:
        document = json.loads(cli("answers", "--data", world.folder, "--json", "--ds", day["ds"]).out)
        assert document["days"] == [day["ds"]]
        rows = {each["number"]: each["rows"] for each in document["answers"]}
        assert rows["1"] == [row for row in told["1"] if row["ds"] == day["ds"]]
        sources = {row["dim_source"]: row["m_website_hits"] for row in rows["3a"]}
        assert sources == {name: hits for name, hits in day["overall"]["sources"].items() if hits}


def test_sources_of_each_host(world):
    found = Counter(
        {
            (ds, host, source): hits
            for ds, host, source, hits in world.sql(
                "SELECT ds, coalesce(dim_hostname, 'all sites'), dim_source, m_website_hits "
                "FROM metrics.traffic_breakdown WHERE dim_source IS NOT NULL"
            )
        }
    )
    assert found == {
        (ds, host, source): hits
        for (ds, host), each in numbers(world).items()
        for source, hits in each["sources"].items()
        if hits
    }


def test_people_are_the_visitors_of_the_fact_table(world):
    found = {
        (ds, host or ALL): people
        for ds, host, people in world.sql(
            f"SELECT ds, dim_hostname, count(DISTINCT logged_out_user_id) FROM {FCT} WHERE NOT is_bot "
            "GROUP BY ds, GROUPING SETS ((), (dim_hostname))"
        )
    }
    assert found == {key: each["people"] for key, each in numbers(world).items()}


def test_people_by_country(world):
    found = {
        (ds, host or ALL, country): people
        for ds, host, country, people in world.sql(
            f"SELECT ds, dim_hostname, dim_country, count(DISTINCT logged_out_user_id) FROM {FCT} WHERE NOT is_bot "
            "GROUP BY ds, dim_country, GROUPING SETS ((), (dim_hostname))"
        )
    }
    assert found == {
        (*key, country): people
        for key, each in numbers(world).items()
        for country, people in each["countries"].items()
        if people
    }


def test_events_and_bots(world):
    found = {
        (ds, host or ALL): tuple(counts)
        for ds, host, *counts in world.sql(
            "SELECT ds, dim_hostname, count(*), count(*) FILTER (is_bot), "
            f"count(DISTINCT logged_out_user_id) FILTER (is_bot) FROM {FCT} "
            "GROUP BY ds, GROUPING SETS ((), (dim_hostname))"
        )
    }
    assert found == {
        key: (each["events"], each["bot_events"], each["bot_visitors"]) for key, each in numbers(world).items()
    }


def test_actions_of_people(world):
    found = {
        (ds, host or ALL, action): count
        for ds, host, action, count in world.sql(
            f"SELECT ds, dim_hostname, dim_action_type, count(*) FROM {FCT} WHERE NOT is_bot "
            "GROUP BY ds, dim_action_type, GROUPING SETS ((), (dim_hostname))"
        )
    }
    assert found == {
        (*key, action): count
        for key, each in numbers(world).items()
        for action, count in each["actions"].items()
        if count
    }


def test_duplicates_are_dropped_and_counted(world):
    warehouse = Warehouse(world.folder / "warehouse")
    for day in world.truth["days"]:
        record = warehouse.record(BY_NAME[FCT], day["ds"])
        assert record.numbers["duplicates"] == day["overall"]["duplicates"]
        assert sum(n for name, n in record.numbers.items() if name.startswith("quarantined_")) == 0
    total = world.truth["total"]["overall"]["duplicates"]
    assert (total > 0) is (world.format != "combined")


def test_broken_lines_are_rejected_file_by_file(world):
    found = dict(world.sql("SELECT source_file, count(*) FROM raw.rejected_lines GROUP BY source_file"))
    expected = {file["name"]: file["broken"] for file in world.truth["files"] if file["broken"]}
    assert expected
    assert found == expected
