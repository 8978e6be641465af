"""Real logs through the whole way: DuckDB's tables hold what a plain reading of the lines says."""

# ruff: noqa: S608 - the statements are made of names in this file
from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import mmh3
import pytest
import user_agents

from growth_assets.tables import BY_NAME
from growth_assets.warehouse.partitions import Warehouse

pytestmark = [pytest.mark.slow]

FCT = "core.fct_website_events"


def test_every_line_is_an_event_or_rejected(built):
    (events,) = built.sql(f"SELECT count(*) FROM {FCT}")
    rejected = dict(built.sql("SELECT source_file, list(line_number ORDER BY line_number) FROM raw.rejected_lines "
                              "GROUP BY source_file"))  # fmt: skip
    assert rejected == {name: read.rejected for name, read in built.read.items() if read.rejected}
    assert events == (len(built.expected),)


def test_apache_lines_add_up(apache):
    assert "10,000 lines = 9,999 events + 1 rejected lines" in apache.told
    assert len(apache.expected) == 9_999
    assert apache.sql("SELECT reason FROM raw.rejected_lines") == [("not_a_log_line",)]
    assert [day for (day,) in apache.sql(f"SELECT DISTINCT ds FROM {FCT} ORDER BY ds")] == [
        f"2015-05-{day}" for day in (17, 18, 19, 20)
    ]


def test_the_log_with_errors_has_exactly_four(three_sources):
    # Its last line has no newline: 888 newlines, 889 lines.
    read = three_sources.read["errors.log"]
    assert (len(read.events), len(read.rejected)) == (885, 4)
    assert three_sources.sql(
        "SELECT text, reason FROM raw.rejected_lines WHERE source_file = 'errors.log' ORDER BY line_number"
    ) == [(f"Error line {number}", "not_a_log_line") for number in (1, 2, 3, 4)]


def test_nginx_loses_no_line(three_sources):
    assert three_sources.read["nginx.log"].rejected == []
    assert three_sources.sql(f"SELECT count(*) FROM {FCT} WHERE dim_hostname = 'www.nginx.example'") == [(1_000,)]


def test_first_nine_columns_are_those_of_the_specification(built):
    assert [row[:2] for row in built.sql(f"DESCRIBE {FCT}")[:9]] == [
        ("user_id", "BIGINT"),
        ("logged_out_user_id", "BIGINT"),
        ("dim_hostname", "VARCHAR"),
        ("dim_country", "VARCHAR"),
        ("dim_device_brand", "VARCHAR"),
        ("dim_action_type", "VARCHAR"),
        ("event_timestamp", "TIMESTAMP"),
        ("other_properties", "MAP(VARCHAR, VARCHAR)"),
        ("ds", "VARCHAR"),
    ]


def test_seven_columns_of_the_rollup_are_those_of_the_specification(built):
    assert [row[:2] for row in built.sql("DESCRIBE core.agg_website_events")[:7]] == [
        ("dim_action_type", "VARCHAR"),
        ("dim_country", "VARCHAR"),
        ("dim_device_brand", "VARCHAR"),
        ("event_hour", "INTEGER"),
        ("m_total_events", "BIGINT"),
        ("aggregation_level", "VARCHAR"),
        ("ds", "VARCHAR"),
    ]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("ds", lambda event: event.ds),
        ("logged_out_user_id", lambda event: event.visitor),
        ("dim_hostname", lambda event: event.hostname),
        ("dim_country", lambda event: event.country),
        ("dim_device_brand", lambda event: event.brand),
        ("dim_action_type", lambda event: event.action),
        ("date_trunc('second', event_timestamp)", lambda event: event.second),
        ("is_bot", lambda event: event.bot),
    ],
)
def test_every_column_has_the_oracles_values_per_day(built, column, expected):
    found: dict[str, Counter] = {}
    for ds, value, count in built.sql(f"SELECT ds, {column} AS value, count(*) FROM {FCT} GROUP BY ALL"):
        found.setdefault(ds, Counter())[value] = count
    assert found == built.per_day(expected)


def test_whole_rows_are_the_oracles(built):
    found = Counter(
        built.sql(
            "SELECT ds, logged_out_user_id, dim_hostname, dim_country, dim_device_brand, dim_action_type, "
            f"date_trunc('second', event_timestamp), is_bot FROM {FCT}"
        )
    )
    expected = Counter(
        (e.ds, e.visitor, e.hostname, e.country, e.brand, e.action, e.second, e.bot) for e in built.expected
    )
    assert sum((found - expected).values()) == 0
    assert sum((expected - found).values()) == 0


def test_the_logs_are_worth_the_comparison(built):
    # Guards against an oracle and a pipeline that agree in knowing nothing.
    assert len({event.country for event in built.expected}) > 10
    assert len({event.brand for event in built.expected}) > 5
    assert len({event.visitor for event in built.expected}) > 50
    assert {event.bot for event in built.expected} == {True, False}
    assert {"page_view", "static_file", "error"} <= {event.action for event in built.expected}


def test_key_is_unique_and_the_time_within_its_second_of_the_day(built):
    assert built.sql(f"SELECT count(*) - count(DISTINCT (logged_out_user_id, event_timestamp)) FROM {FCT}") == [(0,)]
    assert built.sql(f"SELECT count(*) FROM {FCT} WHERE ds <> strftime(event_timestamp, '%Y-%m-%d')") == [(0,)]


def test_user_agent_that_was_not_sent_is_kept_and_a_bot(apache):
    ((kept,),) = apache.sql("SELECT count(*) FROM raw.website_events WHERE user_agent = '-'")
    assert kept == 190
    assert apache.sql("SELECT count(*) FROM raw.website_events WHERE user_agent IS NULL") == [(0,)]
    visitors = {event.visitor for event in apache.expected if event.bot}
    # Each address with the agent "-" is a visitor of its own, and none of them a person.
    silent = apache.sql("SELECT DISTINCT ip FROM raw.website_events WHERE user_agent = '-'")
    ids = {mmh3.hash64(f"|{ip}|-".encode())[0] for (ip,) in silent}
    assert ids <= visitors
    assert apache.sql(
        f"SELECT is_bot, count(*) FROM {FCT} WHERE logged_out_user_id IN ({', '.join(map(str, ids))}) GROUP BY ALL"
    ) == [(True, 190)]


def test_brands_differ_from_user_agents_for_robots_alone(built):
    # ua-parser's engine in Rust, which pipeline and oracle use, finds some robots that user-agents does not.
    found = built.sql(f"""
        SELECT DISTINCT r.user_agent, f.dim_device_brand FROM raw.website_events r JOIN {FCT} f
        ON f.ds = r.ds AND f.event_timestamp = r.event_timestamp
        WHERE r.user_agent IS NOT NULL
        QUALIFY count(*) OVER (PARTITION BY r.ds, r.event_timestamp) = 1""")
    assert len(found) > 20
    differing = {(user_agents.parse(agent).device.brand, brand) for agent, brand in found}
    assert {(theirs, mine) for theirs, mine in differing if (theirs or "unknown") != mine} <= {(None, "Spider")}


def test_all_sixteen_levels_are_duckdbs_cube(built):
    dimensions = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")
    level = " || ".join(f"CASE WHEN grouping({each}) = 0 THEN '{each}__' ELSE '' END" for each in dimensions)
    cube = f"""
        SELECT dim_action_type, dim_country, dim_device_brand, event_hour, count(*) AS m_total_events,
               coalesce(nullif(rtrim({level}, '_'), ''), 'overall') AS aggregation_level, ds,
               count(DISTINCT logged_out_user_id) AS m_unique_visitors,
               count(*) FILTER (is_bot) AS m_bot_events
        FROM (SELECT *, hour(event_timestamp)::INTEGER AS event_hour FROM {FCT})
        GROUP BY ds, CUBE ({", ".join(dimensions)})"""
    ((levels,),) = built.sql("SELECT count(DISTINCT aggregation_level) FROM core.agg_website_events")
    assert levels == 16
    assert built.sql(f"SELECT count(*) FROM ({cube}) EXCEPT ALL SELECT count(*) FROM core.agg_website_events") == []
    assert built.sql(f"{cube} EXCEPT ALL FROM core.agg_website_events") == []
    assert built.sql(f"FROM core.agg_website_events EXCEPT ALL {cube}") == []


JUDGED = ("baseline_rate", "rate_low", "rate_high", "guardrail_state", "guardrail_reason")
"""Columns of a rate that compare the day with those before it."""


def differences(built, table: str, expected: str, but: Collection[str] = ()) -> tuple[list, list]:
    ((rows,),) = built.sql(f"SELECT count(*) FROM {table}")
    assert rows > 0
    # Floats are compared to twelve digits, since a sum of shares depends on nothing but the division.
    types = [column for column in built.sql(f"DESCRIBE {table}") if column[0] not in but]
    select = ", ".join(f"round({name}, 12) AS {name}" if kind == "DOUBLE" else name for name, kind, *_ in types)
    mine, theirs = f"SELECT {select} FROM {table}", f"SELECT {select} FROM ({expected})"
    return built.sql(f"{mine} EXCEPT ALL {theirs}"), built.sql(f"{theirs} EXCEPT ALL {mine}")


LEVEL = "coalesce(nullif(rtrim({}, '_'), ''), 'overall') AS aggregation_level"


def level(*dimensions: str) -> str:
    return LEVEL.format(" || ".join(f"CASE WHEN grouping({d}) = 0 THEN '{d}__' ELSE '' END" for d in dimensions))


def test_daily_visitors_are_those_of_sql(built):
    hosts = ("dim_hostname", "dim_country", "dim_device_brand")
    expected = f"""
        SELECT {", ".join(hosts)}, {level(*hosts)}, ds,
            count(DISTINCT logged_out_user_id) FILTER (NOT is_bot AND dim_action_type = 'page_view') AS m_visitors,
            count(*) FILTER (NOT is_bot AND dim_action_type = 'page_view') AS m_website_hits,
            count(DISTINCT logged_out_user_id) FILTER (is_bot AND dim_action_type = 'page_view') AS m_bot_visitors,
            count(*) FILTER (is_bot AND dim_action_type = 'page_view') AS m_bot_website_hits
        FROM {FCT} GROUP BY ds, GROUPING SETS ((), (dim_hostname), (dim_country), (dim_device_brand),
            (dim_hostname, dim_country), (dim_hostname, dim_device_brand),
            (dim_hostname, dim_country, dim_device_brand))
        HAVING m_website_hits + m_bot_website_hits > 0 OR aggregation_level = 'overall'"""
    assert differences(built, "metrics.daily_visitors", expected) == ([], [])


@pytest.mark.parametrize(
    ("metric", "above", "below", "numerator", "denominator"),
    [
        ("signup_conversion_rate", "signup", "page_view", "signups", "website_hits"),
        ("purchase_conversion_rate", "purchase", "signup", "purchases", "signups"),
    ],
)
def test_rates_are_those_of_sql(built, metric, above, below, numerator, denominator):
    expected = f"""
        SELECT *, m_{numerator} / nullif(m_{denominator}, 0) AS {metric} FROM (
            SELECT dim_hostname, {level("dim_hostname")}, ds,
                count(*) FILTER (dim_action_type = '{above}' AND NOT is_bot) AS m_{numerator},
                count(*) FILTER (dim_action_type = '{below}' AND NOT is_bot) AS m_{denominator},
                count(*) FILTER (dim_action_type = '{above}' AND is_bot) AS m_bot_{numerator},
                count(*) FILTER (dim_action_type = '{below}' AND is_bot) AS m_bot_{denominator},
                count(DISTINCT logged_out_user_id) FILTER (dim_action_type = '{above}' AND NOT is_bot)
                    AS m_{numerator}_visitors
            FROM {FCT} GROUP BY ds, GROUPING SETS ((), (dim_hostname)))"""
    assert differences(built, f"metrics.{metric}", expected, JUDGED) == ([], [])
    # Of so few days nothing can be told.
    assert built.sql(f"SELECT DISTINCT guardrail_state FROM metrics.{metric}") == [("cannot_tell",)]


def test_traffic_is_that_of_sql(built):
    dimensions = ("dim_hostname", "dim_referrer_domain", "dim_source")
    expected = f"""
        SELECT *, m_website_hits / m_total_website_hits AS traffic_share FROM (
            SELECT *, sum(m_website_hits) OVER (PARTITION BY ds, aggregation_level, dim_hostname)::BIGINT
                AS m_total_website_hits
            FROM (
                SELECT {", ".join(dimensions)}, {level(*dimensions)}, ds, count(*) AS m_website_hits,
                    count(DISTINCT logged_out_user_id) AS m_visitors
                FROM (SELECT * REPLACE (coalesce(dim_referrer_domain, '(none)') AS dim_referrer_domain) FROM {FCT})
                WHERE NOT is_bot AND dim_action_type = 'page_view'
                GROUP BY ds, GROUPING SETS ((dim_referrer_domain), (dim_source),
                    (dim_hostname, dim_referrer_domain), (dim_hostname, dim_source))))"""
    assert differences(built, "metrics.traffic_breakdown", expected) == ([], [])


def test_raw_is_fct_quarantined_and_duplicates_per_day(built):
    warehouse = Warehouse(built.folder / "warehouse")
    count = {
        table: dict(built.sql(f"SELECT ds, count(*) FROM {table} GROUP BY ds"))
        for table in ("raw.website_events", FCT, "raw.quarantined_events")
    }
    assert count["raw.website_events"]
    for ds, received in count["raw.website_events"].items():
        record = warehouse.record(BY_NAME[FCT], ds)
        assert record is not None
        # A clock of whole seconds and no event ids: there is no telling a duplicate.
        assert record.numbers["duplicates"] == 0
        assert received == count[FCT][ds] + count["raw.quarantined_events"].get(ds, 0) + record.numbers["duplicates"]


def test_no_address_or_user_agent_is_in_any_table_after_raw(apache):
    columns = {name for table in (FCT, "core.agg_website_events") for name, *_ in apache.sql(f"DESCRIBE {table}")}
    assert not columns & {"ip", "user_agent", "url", "referrer"}
    assert apache.sql(f"""SELECT count(*) FROM {FCT} f, (SELECT DISTINCT ip FROM raw.website_events LIMIT 200) r
                          WHERE f.other_properties::VARCHAR LIKE '%' || r.ip || '%'""") == [(0,)]  # fmt: skip
