"""Which column is made from which: each column received is changed in turn, and it is seen which others change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from growth_assets.contracts.table import Table
from growth_assets.tables import BY_NAME
from growth_assets_tests.tables.days import ROBOT, at, event, fact, fact_day, inputs_of, raw_day, request, site

RAW, FCT = BY_NAME["raw.website_events"], BY_NAME["core.fct_website_events"]

RECEIVED = raw_day(
    [
        event(event_timestamp=at("01:00:00"), referrer="https://www.google.com/", event_id="a", url="//x/p"),
        event(event_timestamp=at("02:00:00"), ip="10.0.0.1", forwarded_for="8.8.4.4"),
        request("GET", "/a", 200, event_timestamp=at("03:00:00")),
        event(event_timestamp=at("04:00:00"), action_type=None, event_name="Order Completed", user_id="1"),
        event(
            event_timestamp=at("05:00:00"), action_type=None, event_name="$pageview", ip=None, user_agent=None,
            other_properties={"anonymous_id": "x"},
        ),
    ]
)  # fmt: skip
"""Logged, tracked, behind a proxy, and of a tracker that keeps no address."""

OTHER: Mapping[str, pl.Expr] = {
    "event_id": pl.when(pl.col("event_id").is_not_null()).then(pl.lit("b")),
    "event_timestamp": pl.col("event_timestamp") + dt.timedelta(minutes=1),
    "subsecond_clock": ~pl.col("subsecond_clock"),
    "hostname": pl.lit("www.google.com"),
    "action_type": pl.when(pl.col("action_type").is_not_null()).then(pl.lit("login")),
    "event_name": pl.when(pl.col("event_name").is_not_null()).then(pl.lit("Signed Up")),
    "method": pl.when(pl.col("method").is_not_null()).then(pl.lit("POST")),
    "url": pl.lit("https://www.xx.com/b.css?utm_source=linkedin"),
    "status": pl.lit(404, dtype=pl.Int32),
    "referrer": pl.lit("https://www.linkedin.com/feed"),
    "ip": pl.when(pl.col("ip").is_not_null()).then(pl.lit("193.0.6.139")),
    "forwarded_for": pl.when(pl.col("forwarded_for").is_not_null()).then(pl.lit("193.0.6.139")),
    "user_agent": pl.when(pl.col("user_agent").is_not_null()).then(pl.lit(ROBOT)),
    "user_id": pl.lit("7"),
    "line_number": 10 - pl.col("line_number"),
    "source": pl.lit("other"),
    "source_file": pl.lit("other"),
    "file_started_at": pl.col("file_started_at") + dt.timedelta(hours=1),
}
"""Another good value of each column received; in_the_future and ds have no other good one."""


def changed(table: Table, before: pl.DataFrame, after: pl.DataFrame) -> set[str]:
    assert before.height == after.height
    return {name for name in table.contract(site()).columns if not before[name].equals(after[name], null_equal=True)}


def declared(table: Table, source: str) -> set[str]:
    """The columns that say they are made from `source`."""
    upstream = {name: BY_NAME[name].contract(site()).columns for name in table.upstream}
    columns = table.contract(site()).columns
    return {name for name in columns if source in {each for _, each in table.sources_of(name, upstream)}}


def fct_of(received: pl.DataFrame) -> pl.DataFrame:
    assert FCT.build is not None
    return FCT.build({RAW.name: received.lazy()}, site()).frame


PROPERTIES = {"anonymous_id": "y", "geo_country": "FR", "device_brand": "Nokia"}


def with_other_properties(received: pl.DataFrame) -> pl.DataFrame:
    rows = received.to_dicts()
    rows[-1]["other_properties"] = PROPERTIES
    return pl.DataFrame(rows, schema=received.schema)


def test_the_columns_of_the_facts_are_made_from_what_they_say():
    before = fct_of(RECEIVED)
    seen: dict[str, set[str]] = {"other_properties": changed(FCT, before, fct_of(with_other_properties(RECEIVED)))}
    for name, other in OTHER.items():
        seen[name] = changed(FCT, before, fct_of(RECEIVED.with_columns(other.cast(RECEIVED.schema[name]).alias(name))))
    assert seen.keys() == set(RECEIVED.columns) - {"in_the_future", "ds"}
    assert seen == {name: declared(FCT, name) for name in seen}


FACTS = fact_day(
    [
        fact(logged_out_user_id=number, dim_action_type=action, event_timestamp=at(f"12:00:{number:02}"))
        for number, action in enumerate(["page_view", "page_view", "signup", "purchase", "page_view"], start=1)
    ]
)

OTHER_FACTS: Mapping[str, Any] = {
    "user_id": 9, "logged_out_user_id": 1, "dim_hostname": "www.xxx.com", "dim_country": "ZZ",
    "dim_device_brand": "unknown", "dim_action_type": "login", "event_timestamp": at("13:00:00"), "event_id": "b",
    "is_bot": True, "dim_url_path": "/b", "dim_referrer_domain": "linkedin.com", "dim_source": "LinkedIn",
}  # fmt: skip

MEASURES = ("m_", "signup_conversion", "purchase_conversion", "baseline", "rate_", "guardrail")


@pytest.mark.parametrize(
    "name",
    [
        "core.agg_website_events", "core.agg_hostname_events", "metrics.daily_visitors",
        "metrics.signup_conversion_rate", "metrics.purchase_conversion_rate",
    ],
)  # fmt: skip
def test_the_measures_of_a_day_are_made_from_what_they_say(name):
    table = BY_NAME[name]

    def measures(facts: pl.DataFrame) -> dict[str, Any]:
        assert table.build is not None
        frame = table.build(inputs_of(facts), site()).frame
        if "aggregation_level" in frame.columns:
            frame = frame.filter(pl.col("aggregation_level") == "overall")
        return {
            each: frame[each].sum() if frame[each].dtype.is_numeric() else frame[each].to_list()
            for each in frame.columns
            if each.startswith(MEASURES)
        }

    before = measures(FACTS)
    told = set()
    for source, other in OTHER_FACTS.items():
        value = pl.lit(other, dtype=FACTS.schema[source])
        after = measures(FACTS.with_columns(value.alias(source)))
        found = {each for each, was in before.items() if after[each] != was}
        assert found <= declared(table, source), source
        told |= found
    # A baseline needs weeks, and a state a baseline.
    assert told >= {each for each in before if each.startswith("m_") and "bot" not in each} - {"m_total_events"}
