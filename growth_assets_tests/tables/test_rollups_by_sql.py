"""Aggregates and metrics against plain SQL over the same fact table, row for row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_assets.agg.grouping_sets import all_sets, level_name, roll_up
from growth_assets.tables import BY_NAME
from growth_assets_tests.tables.days import DS, at, fact, fact_day, inputs_of, site
from growth_assets_tests.tables.generated_facts import FACT_DAYS

few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

HITS = st.sampled_from([("page_view",), ("page_view", "watch_video"), ("signup",), ("error", "page_view")])


def built(name: str, facts: pl.DataFrame, **chosen: Any) -> pl.DataFrame:
    build = BY_NAME[name].build
    assert build is not None
    result = build(inputs_of(facts, **chosen), site(**chosen))
    assert not result.beside
    BY_NAME[name].contract(site(**chosen)).require_shape(result.frame)
    return result.frame


def by_sql(facts: pl.DataFrame, query: str, hits: Iterable[str] = ()) -> pl.DataFrame:
    # One thread: the days are small, and to split them costs more than to count them.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("facts", facts.drop("other_properties").to_arrow())
        connection.register(
            "hit_actions", pl.DataFrame({"action": list(hits)}, schema={"action": pl.String}).to_arrow()
        )
        return connection.sql(query).pl()


def same_rows(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """The same columns in the same order with the same types, and the same rows in any order."""
    assert found.schema == expected.schema
    key = [name for name in found.columns if name.startswith("dim_") or name == "event_hour"]
    key = ["aggregation_level", *key]
    assert found.sort(key, nulls_last=True).rows() == expected.sort(key, nulls_last=True).rows()


def level(*names: str) -> str:
    """SQL that names the grouping set of a row as `aggregation_level` does."""
    parts = ", ".join(f"CASE GROUPING({name}) WHEN 0 THEN '{name}' END" for name in names)
    return f"COALESCE(NULLIF(CONCAT_WS('__', {parts}), ''), 'overall') AS aggregation_level"


CUBE = f"""
SELECT dim_action_type, dim_country, dim_device_brand,
       EXTRACT(hour FROM event_timestamp)::INTEGER AS event_hour,
       COUNT(*) AS m_total_events,
       {level("dim_action_type", "dim_country", "dim_device_brand", "EXTRACT(hour FROM event_timestamp)::INTEGER")},
       ANY_VALUE(ds) AS ds,
       COUNT(DISTINCT logged_out_user_id) AS m_unique_visitors,
       COUNT(*) FILTER (is_bot) AS m_bot_events
FROM facts
GROUP BY CUBE (dim_action_type, dim_country, dim_device_brand, EXTRACT(hour FROM event_timestamp)::INTEGER)
""".replace("THEN 'EXTRACT(hour FROM event_timestamp)::INTEGER'", "THEN 'event_hour'")  # noqa: S608 - names of this file alone


@few
@given(FACT_DAYS)
def test_all_16_levels_are_those_of_cube(facts):
    found = built("core.agg_website_events", facts)
    assert found["aggregation_level"].n_unique() == 16
    same_rows(found, by_sql(facts, CUBE))


@settings(few, max_examples=5)
@given(FACT_DAYS)
def test_aggregates_of_a_good_day_keep_their_contract(facts):
    for name in ("core.agg_website_events", *RATES, "metrics.daily_visitors", "metrics.traffic_breakdown"):
        findings = BY_NAME[name].contract(site()).audit(built(name, facts))
        assert [finding.rule for finding in findings if finding.broken] == []


@settings(few, max_examples=8)
@given(FACT_DAYS, st.randoms(use_true_random=False))
def test_rows_come_in_one_order_whatever_the_order_of_events(facts, random):
    order = list(range(facts.height))
    random.shuffle(order)
    for name in ("core.agg_website_events", *RATES, "metrics.daily_visitors", "metrics.traffic_breakdown"):
        found = built(name, facts)
        assert found.equals(built(name, facts[order]))
        assert found["ds"].eq(DS).all()


def test_the_levels_come_from_the_coarse_to_the_fine():
    dimensions = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")
    found = built("core.agg_website_events", fact_day([fact(), fact(dim_country="DE", logged_out_user_id=2)]))
    levels = found["aggregation_level"].unique(maintain_order=True).to_list()
    assert levels[0] == "overall"
    assert levels[-1] == "__".join(dimensions)
    assert [len(name.split("__")) for name in levels[1:]] == [1] * 4 + [2] * 6 + [3] * 4 + [4]
    assert levels == [level_name(names) for names in all_sets(dimensions)]


def test_who_comes_twice_is_one_visitor_at_every_level_that_meets_both_visits():
    facts = fact_day(
        [
            fact(event_timestamp=at("09:00:00")),
            fact(event_timestamp=at("10:00:00"), dim_action_type="signup", dim_hostname="www.xxx.com"),
        ]
    )
    found = built("core.agg_website_events", facts)
    visitors = dict(found.group_by("aggregation_level").agg(pl.col("m_unique_visitors").sum()).iter_rows())
    events = dict(found.group_by("aggregation_level").agg(pl.col("m_total_events").sum()).iter_rows())
    twice = {name for name in visitors if "dim_action_type" in name or "event_hour" in name}
    assert visitors == {name: 2 if name in twice else 1 for name in visitors}
    assert set(events.values()) == {2}


# Metrics.

HOSTNAME_EVENTS = """
SELECT dim_hostname, dim_action_type, EXTRACT(hour FROM event_timestamp)::INTEGER AS event_hour, is_bot,
       COUNT(*) AS m_total_events,
       COUNT(*) FILTER (dim_country = 'ZZ') AS m_unknown_country,
       COUNT(*) FILTER (dim_device_brand = 'unknown') AS m_unknown_brand,
       ANY_VALUE(ds) AS ds
FROM facts
GROUP BY ALL
"""


@few
@given(FACT_DAYS)
def test_events_of_hosts_are_those_of_sql(facts):
    found = built("core.agg_hostname_events", facts)
    expected = by_sql(facts, HOSTNAME_EVENTS)
    key = ["dim_hostname", "dim_action_type", "event_hour", "is_bot"]
    assert found.schema == expected.schema
    assert found.rows() == expected.sort(key).rows()  # and in this order


JUDGED = ("baseline_rate", "rate_low", "rate_high", "guardrail_state", "guardrail_reason")

RATES = {
    "metrics.signup_conversion_rate": ("signup", "m_signups", None, "m_website_hits"),
    "metrics.purchase_conversion_rate": ("purchase", "m_purchases", "signup", "m_signups"),
}
"""Name to action above, its measure, action below (None: the hits), its measure."""


def rate_sql(name: str) -> str:
    above, numerator, below, denominator = RATES[name]
    is_above = f"dim_action_type = '{above}'"
    is_below = f"dim_action_type = '{below}'" if below else "dim_action_type IN (FROM hit_actions)"
    return f"""
    SELECT dim_hostname,
           COUNT(*) FILTER ({is_above} AND NOT is_bot)::DOUBLE
               / NULLIF(COUNT(*) FILTER ({is_below} AND NOT is_bot), 0) AS {name.partition(".")[2]},
           COUNT(*) FILTER ({is_above} AND NOT is_bot) AS {numerator},
           COUNT(*) FILTER ({is_below} AND NOT is_bot) AS {denominator},
           COUNT(*) FILTER ({is_above} AND is_bot) AS {numerator.replace("m_", "m_bot_")},
           COUNT(*) FILTER ({is_below} AND is_bot) AS {denominator.replace("m_", "m_bot_")},
           COUNT(DISTINCT logged_out_user_id) FILTER ({is_above} AND NOT is_bot) AS {numerator}_visitors,
           {level("dim_hostname")},
           ANY_VALUE(ds) AS ds
    FROM facts GROUP BY ROLLUP (dim_hostname)
    """  # noqa: S608 - names of this file alone


@few
@given(FACT_DAYS, HITS)
def test_conversion_rates_are_those_of_sql(facts, hits):
    for name in RATES:
        found = built(name, facts, hit_actions=hits)
        same_rows(found.drop(JUDGED), by_sql(facts, rate_sql(name), hits))
        assert set(found["guardrail_state"]) == {"cannot_tell"}  # of a site's first day


def overall(frame: pl.DataFrame) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("aggregation_level") == "overall", named=True)


@pytest.mark.parametrize("name", RATES)
def test_a_rate_of_nothing_is_null_and_not_zero(name):
    above, numerator, _, denominator = RATES[name]
    frame = built(name, fact_day([fact(dim_action_type="error"), fact(dim_action_type=above)]))
    row = overall(frame)
    assert (row[denominator], row[numerator], row[name.partition(".")[2]]) == (0, 1, None)
    assert frame[name.partition(".")[2]].null_count() == frame.height == 2


@pytest.mark.parametrize("name", RATES)
def test_bots_are_no_part_of_a_rate(name):
    value, (above, numerator, below, denominator) = name.partition(".")[2], RATES[name]
    actions = [above, below or "page_view", below or "page_view"]
    people = [fact(dim_action_type=action, logged_out_user_id=1) for action in actions]
    bots = [fact(dim_action_type=action, logged_out_user_id=2, is_bot=True) for action in actions * 5]
    alone, together = overall(built(name, fact_day(people))), overall(built(name, fact_day([*people, *bots])))
    assert (alone[value], alone[numerator], alone[denominator]) == (0.5, 1, 2)
    counts = {numerator.replace("m_", "m_bot_"): 5, denominator.replace("m_", "m_bot_"): 10}
    assert together == alone | counts


TRAFFIC = """
WITH hits AS (
    SELECT * REPLACE (COALESCE(dim_referrer_domain, '(none)') AS dim_referrer_domain)
    FROM facts WHERE NOT is_bot AND dim_action_type IN (FROM hit_actions)
), every AS (
    SELECT NULL::VARCHAR AS dim_hostname, dim_referrer_domain, NULL::VARCHAR AS dim_source, COUNT(*) AS n,
           COUNT(DISTINCT logged_out_user_id) AS m_visitors, 'dim_referrer_domain' AS aggregation_level
    FROM hits GROUP BY ALL
    UNION ALL
    SELECT NULL, NULL, dim_source, COUNT(*), COUNT(DISTINCT logged_out_user_id), 'dim_source' FROM hits GROUP BY ALL
    UNION ALL
    SELECT dim_hostname, dim_referrer_domain, NULL, COUNT(*), COUNT(DISTINCT logged_out_user_id),
           'dim_hostname__dim_referrer_domain'
    FROM hits GROUP BY ALL
    UNION ALL
    SELECT dim_hostname, NULL, dim_source, COUNT(*), COUNT(DISTINCT logged_out_user_id), 'dim_hostname__dim_source'
    FROM hits GROUP BY ALL
), totals AS (
    SELECT *, (SELECT COUNT(*) FROM hits
               WHERE every.dim_hostname IS NULL OR hits.dim_hostname = every.dim_hostname) AS total
    FROM every
)
SELECT dim_hostname, dim_referrer_domain, dim_source, n::DOUBLE / total AS traffic_share, n AS m_website_hits,
       total AS m_total_website_hits, m_visitors, aggregation_level, (SELECT ANY_VALUE(ds) FROM facts) AS ds
FROM totals
"""


@few
@given(FACT_DAYS, HITS)
def test_the_traffic_breakdown_is_that_of_sql(facts, hits):
    found = built("metrics.traffic_breakdown", facts, hit_actions=hits)
    same_rows(found, by_sql(facts, TRAFFIC, hits))
    for (_, _), group in found.group_by("aggregation_level", "dim_hostname"):
        assert group["m_website_hits"].sum() == group["m_total_website_hits"][0]
        assert group["traffic_share"].sum() == pytest.approx(1)


def test_a_day_of_bots_has_an_empty_traffic_breakdown():
    frame = built("metrics.traffic_breakdown", fact_day([fact(is_bot=True)]))
    assert frame.height == 0


VISITORS = f"""
SELECT dim_hostname, dim_country, dim_device_brand,
       COUNT(DISTINCT logged_out_user_id) FILTER (hit AND NOT is_bot) AS m_visitors,
       COUNT(*) FILTER (hit AND NOT is_bot) AS m_website_hits,
       COUNT(DISTINCT logged_out_user_id) FILTER (hit AND is_bot) AS m_bot_visitors,
       COUNT(*) FILTER (hit AND is_bot) AS m_bot_website_hits,
       {level("dim_hostname", "dim_country", "dim_device_brand")},
       ANY_VALUE(ds) AS ds
FROM (SELECT *, dim_action_type IN (FROM hit_actions) AS hit FROM facts)
GROUP BY GROUPING SETS (
    (), (dim_hostname), (dim_country), (dim_device_brand), (dim_hostname, dim_country),
    (dim_hostname, dim_device_brand), (dim_hostname, dim_country, dim_device_brand)
)
HAVING m_website_hits + m_bot_website_hits > 0 OR aggregation_level = 'overall'
"""  # noqa: S608 - names of this file alone


@few
@given(FACT_DAYS, HITS)
def test_daily_visitors_are_those_of_sql(facts, hits):
    same_rows(built("metrics.daily_visitors", facts, hit_actions=hits), by_sql(facts, VISITORS, hits))


def test_who_reads_two_sites_is_one_visitor_overall():
    facts = fact_day([fact(), fact(dim_hostname="www.xxx.com", event_timestamp=at("12:00:01"))])
    found = built("metrics.daily_visitors", facts)
    by_host = found.filter(pl.col("aggregation_level") == "dim_hostname")
    assert by_host.select("dim_hostname", "m_visitors").rows() == [("www.xx.com", 1), ("www.xxx.com", 1)]
    assert (overall(found)["m_visitors"], overall(found)["m_website_hits"]) == (1, 2)


@pytest.mark.parametrize("name", ["core.agg_website_events", *RATES, "metrics.daily_visitors"])
def test_a_day_without_facts_still_has_its_overall_row(name):
    row = overall(built(name, fact_day([])))
    counted = {value for column, value in row.items() if column.startswith("m_")}
    assert counted == {0}


def test_a_day_without_facts_is_refused_by_the_aggregate():
    contract = BY_NAME["core.agg_website_events"].contract(site())
    found = {
        finding.rule for finding in contract.audit(built("core.agg_website_events", fact_day([]))) if finding.broken
    }
    assert {"group_not_empty", "m_total_events_above_minimum"} <= found


def test_measures_are_told_apart_by_all_values_that_they_ask_for():
    """Polars shows the first and the last values of a long list alone."""
    one, other = (pl.col("dim_action_type").is_in(["a", "b", each, "y", "z"]) for each in ("c", "d"))
    assert str(one) == str(other)
    actions = ["a", "c", "c", "d", "z"]
    events = pl.DataFrame({"logged_out_user_id": range(5), "ds": [DS] * 5, "dim_action_type": actions}).lazy()
    found = roll_up(events, [], [()], counts={"one": one, "other": other}, visitors={"visitors": one})
    assert found.select("one", "other", "visitors").rows() == [(4, 3, 4)]
