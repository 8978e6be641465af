"""One planted fault for each rule of each table: a good frame, and what was changed in it.

`also` names the rules that no frame can keep while it breaks the one meant: a null counts as broken for every rule of
its column, and a group without hits has no visitors within its hits, a second overall row is a key twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl

from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME
from growth_assets_tests.tables.days import DS, at, event, fact, fact_day, inputs_of, raw_day, request, site


@dataclass(frozen=True)
class Planted:
    """A frame that breaks one rule of one table."""

    table: str
    rule: str
    frame: pl.DataFrame
    story: str
    broken: int = 1
    """Rows, or whatever the rule counts, that the audit must find broken."""
    also: frozenset[str] = frozenset()
    settings: Settings = field(default_factory=site)

    def __str__(self) -> str:
        return f"{self.table}-{self.rule}-{self.story}"


def changed(frame: pl.DataFrame, where: Mapping[str, Any], **values: Any) -> pl.DataFrame:
    """The frame with other values in the one row that agrees with `where` (None is null)."""
    row = row_of(frame, where)
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, dtype=frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def doubled(frame: pl.DataFrame, where: Mapping[str, Any]) -> pl.DataFrame:
    """The frame with the one row that agrees with `where` a second time."""
    return pl.concat([frame, frame.slice(row_of(frame, where), 1)])


def without(frame: pl.DataFrame, where: Mapping[str, Any]) -> pl.DataFrame:
    """The frame without the one row that agrees with `where`."""
    row = row_of(frame, where)
    return pl.concat([frame.slice(0, row), frame.slice(row + 1)])


def row_of(frame: pl.DataFrame, where: Mapping[str, Any]) -> int:
    """The number of the one row that agrees with `where`."""
    agrees = pl.all_horizontal(pl.col(name).eq_missing(value) for name, value in where.items())
    (row,) = frame.with_row_index("__row").filter(agrees)["__row"].to_list()
    return int(row)


@cache
def good(table: str) -> pl.DataFrame:
    """A frame that keeps all rules of the table."""
    if table == "raw.website_events":
        return raw_day([event(user_id="7", other_properties={"plan": "pro"}), request("GET", "/", 200)])
    if table == "raw.quarantined_events":
        raw = raw_day([event(hostname="localhost"), event(action_type="teleport")])
        rules = pl.Series("rule", ["dim_hostname_well_formed", "dim_action_type_enumerated"])
        return raw.select(rules, pl.all())
    if table == "raw.rejected_lines":
        rows = [(3, "not_json", "{", "landing", "a.ndjson"), (9, "no_time", None, "landing", "b.ndjson")]
        return pl.DataFrame(rows, schema=BY_NAME[table].contract(site()).dtypes, orient="row")
    if table == "core.fct_website_events":
        return fact_day(FACTS)
    build = BY_NAME[table].build
    assert build is not None
    return build(inputs_of(fact_day(FACTS)), site()).frame


FACTS = [
    fact(logged_out_user_id=1, event_timestamp=at("08:00:00")),
    fact(logged_out_user_id=1, event_timestamp=at("09:00:00")),
    fact(logged_out_user_id=1, event_timestamp=at("09:30:00"), dim_action_type="signup"),
    fact(logged_out_user_id=1, event_timestamp=at("09:40:00"), dim_action_type="purchase"),
    fact(logged_out_user_id=2, event_timestamp=at("10:00:00"), dim_country="DE", dim_device_brand="Samsung"),
    # A host with hits of its own, and neither signups nor purchases.
    fact(logged_out_user_id=2, event_timestamp=at("10:00:01"), dim_country="DE", dim_device_brand="Samsung",
         dim_hostname="www.xxx.com", dim_referrer_domain="linkedin.com", dim_source="LinkedIn"),
    fact(logged_out_user_id=3, event_timestamp=at("11:00:00"), dim_device_brand="Spider", is_bot=True),
]  # fmt: skip

NULL = frozenset({"declared_not_null"})

OVERALL = {"aggregation_level": "overall"}


def _nulls(table: str, columns: Mapping[str, set[str]], where: Mapping[str, Any]) -> list[Planted]:
    return [
        Planted(
            table, f"not_null_{name}", changed(good(table), where, **{name: None}), "null", also=frozenset(also)
        )
        for name, also in columns.items()
    ]  # fmt: skip


def _raw() -> list[Planted]:
    table = "raw.website_events"
    first = {"line_number": 1}
    return [
        *_nulls(table, {"event_timestamp": set(), "line_number": set()}, first),
        Planted(table, "ds_is_day_of_event", changed(good(table), first, ds="2026-03-13"), "the day before"),
        Planted(table, "ds_is_day_of_event", changed(good(table), first, ds="2026-3-14"), "no leading zero"),
        Planted(table, "not_empty", good(table).clear(), "no row"),
    ]


def _beside_raw() -> list[Planted]:
    return [
        *_nulls("raw.rejected_lines", {"line_number": set()}, {"line_number": 3}),
        *_nulls("raw.rejected_lines", {"reason": set(), "source_file": set()}, {"line_number": 9}),
        *_nulls("raw.quarantined_events", {"rule": set(), "source_file": set()}, {"line_number": 1}),
        *_nulls("raw.quarantined_events", {"line_number": set()}, {"line_number": 2}),
    ]


ILL_FORMED_HOSTS = (
    "", "localhost", "WWW.xx.com", "www.xx.com:443", "www.xx.com.", "www..com", "-www.xx.com", "www-.xx.com",
    "www_2.xx.com", "192.0.2.1", "[2001:db8::1]", "www.xx.com/path", "www.xx.com\n", " www.xx.com", "www.xx.c", "-",
    f"{'a' * 64}.com",
)  # fmt: skip


def _fct() -> list[Planted]:
    table = "core.fct_website_events"
    frame, first = good(table), {"event_timestamp": at("08:00:00")}
    nulls = {
        "dim_hostname": {"dim_hostname_well_formed"},
        "dim_action_type": {"dim_action_type_enumerated"},
        "event_timestamp": set(),
        "dim_country": set(),
        "logged_out_user_id": set(),
    }
    return [
        *_nulls(table, nulls, first),
        *(
            Planted(table, "dim_hostname_well_formed", changed(frame, first, dim_hostname=host), repr(host))
            for host in ILL_FORMED_HOSTS
        ),
        *(
            Planted(table, "dim_action_type_enumerated", changed(frame, first, dim_action_type=action), repr(action))
            for action in ("teleport", "Page_View", "page_view ", "")
        ),
        Planted(
            table, "dim_action_type_enumerated", changed(frame, first, dim_action_type="subscribe"),
            "known elsewhere", settings=site(actions=tuple(a for a in site().actions if a != "subscribe")),
        ),
        Planted(table, "key_unique", doubled(frame, first), "a row twice"),
        Planted(
            table, "key_unique", changed(frame, first, event_timestamp=at("09:00:00")), "two events at one time"
        ),
        Planted(table, "ds_is_day_of_event", changed(frame, first, ds="2026-03-13"), "the day before"),
        Planted(
            table, "ds_is_day_of_event", frame.with_columns(ds=pl.lit("2026-03-15")), "all the day after",
            broken=frame.height,
        ),
        Planted(table, "not_empty", frame.clear(), "no row"),
    ]  # fmt: skip


def _agg() -> list[Planted]:
    table = "core.agg_website_events"
    frame = good(table)
    group = {"aggregation_level": "dim_country", "dim_country": "DE"}
    hour = {"aggregation_level": "event_hour", "event_hour": 8}
    counts = frozenset({"group_not_empty", "visitors_within_events"})
    return [
        *_nulls(table, {"m_total_events": set(counts)}, group),
        Planted(
            table, "group_not_empty", changed(frame, group, m_total_events=0), "no event",
            also=counts - {"group_not_empty"},
        ),
        Planted(table, "event_hour_in_day", changed(frame, hour, event_hour=24), "24 o'clock"),
        Planted(table, "event_hour_in_day", changed(frame, hour, event_hour=-1), "before midnight"),
        Planted(table, "aggregation_level_known", changed(frame, group, aggregation_level="dim_city"), "no such level"),
        Planted(table, "aggregation_level_known", changed(frame, group, aggregation_level=None), "no level", also=NULL),
        Planted(
            table, "aggregation_level_known",
            changed(
                frame, {"aggregation_level": "dim_action_type__dim_country", "dim_country": "DE"},
                aggregation_level="dim_country__dim_action_type",
            ),
            "another order",
        ),
        Planted(table, "visitors_within_events", changed(frame, group, m_unique_visitors=3), "more than events"),
        Planted(table, "visitors_within_events", changed(frame, group, m_unique_visitors=0), "events of nobody"),
        Planted(table, "visitors_within_events", changed(frame, group, m_unique_visitors=None), "null", also=NULL),
        Planted(table, "key_unique", doubled(frame, group), "a group twice"),
        Planted(table, "overall_rollup_has_most", changed(frame, group, m_total_events=8), "a group above overall"),
        Planted(
            table, "overall_rollup_has_most", without(frame, OVERALL), "no overall row", broken=frame.height,
            also=frozenset({"m_total_events_above_minimum"}),
        ),
        Planted(
            table, "m_total_events_above_minimum", frame, "one event short",
            settings=site(min_total_events=len(FACTS) + 1),
        ),
    ]  # fmt: skip


def _hostname_events() -> list[Planted]:
    table = "core.agg_hostname_events"
    frame = good(table)
    group = {"dim_hostname": "www.xxx.com"}
    parts = frozenset({"m_unknown_country_within_events", "m_unknown_brand_within_events"})
    return [
        *_nulls(table, {"m_total_events": {"group_not_empty", *parts}}, group),
        Planted(table, "group_not_empty", changed(frame, group, m_total_events=0), "no event"),
        Planted(table, "event_hour_in_day", changed(frame, group, event_hour=24), "24 o'clock"),
        Planted(table, "m_unknown_country_within_events", changed(frame, group, m_unknown_country=2), "more than all"),
        Planted(table, "m_unknown_brand_within_events", changed(frame, group, m_unknown_brand=-1), "less than none"),
        Planted(table, "key_unique", doubled(frame, group), "a group twice"),
        Planted(table, "not_empty", frame.clear(), "no group"),
    ]  # fmt: skip


def _rate(table: str, value: str, numerator: str, denominator: str) -> list[Planted]:
    frame = good(table)
    overall, other = OVERALL, {"dim_hostname": "www.xxx.com"}
    return [
        Planted(
            table, f"not_null_{numerator}", changed(frame, other, **{numerator: None}), "null",
            also=frozenset({"numerator_not_negative"}),
        ),
        Planted(
            table, f"not_null_{denominator}", changed(frame, overall, **{denominator: None}), "null",
            also=frozenset({"value_null_only_without_denominator"}),
        ),
        # Both hosts are changed, so that their sum stays that of the overall row.
        Planted(
            table, "numerator_not_negative",
            frame.with_columns(
                pl.when(pl.col("dim_hostname") == "www.xxx.com").then(-1)
                .when(pl.col("dim_hostname") == "www.xx.com").then(2)
                .otherwise(pl.col(numerator)).cast(pl.Int64).alias(numerator)
            ).with_columns(pl.when(pl.col(denominator) > 0).then(pl.col(numerator) / pl.col(denominator)).alias(value)),
            "less than none",
        ),
        Planted(table, "value_is_ratio", changed(frame, overall, **{value: 0.999}), "another value"),
        Planted(table, "value_is_ratio", changed(frame, overall, **{value: float("nan")}), "not a number"),
        Planted(
            table, "value_null_only_without_denominator", changed(frame, overall, **{value: None}),
            "null beside a denominator",
        ),
        Planted(
            table, "value_null_only_without_denominator",
            changed(frame, other, **{denominator: 0, numerator: 0, value: 0.0}), "zero instead of null",
        ),
        Planted(table, "guardrail_state_known", changed(frame, other, guardrail_state="fine"), "no such state"),
        Planted(table, "interval_in_order", changed(frame, other, rate_low=0.5, rate_high=0.4), "upside down"),
        Planted(table, "interval_in_order", changed(frame, other, rate_low=0.5, rate_high=None), "half an interval"),
        Planted(table, "aggregation_level_known", changed(frame, other, aggregation_level="dim_city"), "no such level"),
        Planted(table, "key_unique", doubled(frame, other), "a host twice"),
        Planted(
            table, "one_overall_row",
            changed(
                frame.filter(pl.col("dim_hostname") == "www.xxx.com"), other,
                **{numerator: 0, denominator: 1, value: 0.0},
            ),
            "hosts alone",
        ),
        Planted(
            table, "one_overall_row", doubled(frame, overall), "two overall rows",
            also=frozenset({"key_unique", "hosts_add_up"}),
        ),
        Planted(
            table, "hosts_add_up",
            changed(frame, {"dim_hostname": "www.xx.com"}, **{numerator: 0, denominator: 1, value: 0.0}),
            "an event of no host",
        ),
    ]  # fmt: skip


def _daily_visitors() -> list[Planted]:
    table = "metrics.daily_visitors"
    frame = good(table)
    country = {"aggregation_level": "dim_country", "dim_country": "DE"}
    host = {"aggregation_level": "dim_hostname", "dim_hostname": "www.xxx.com"}
    only_bots = frame.filter(pl.col("aggregation_level") != "overall").with_columns(
        m_visitors=pl.lit(0, pl.Int64), m_website_hits=pl.lit(0, pl.Int64)
    )
    return [
        Planted(table, "visitors_within_hits", changed(frame, country, m_visitors=3), "more than hits"),
        Planted(table, "visitors_within_hits", changed(frame, country, m_visitors=-1), "less than nobody"),
        Planted(table, "visitors_within_hits", changed(frame, country, m_visitors=None), "null", also=NULL),
        Planted(
            table, "declared_not_null", changed(frame, country, m_visitors=None), "m_visitors",
            also=frozenset({"visitors_within_hits"}),
        ),
        Planted(table, "bot_visitors_within_hits", changed(frame, country, m_bot_visitors=1), "more than hits"),
        Planted(table, "bot_visitors_within_hits", changed(frame, country, m_bot_website_hits=None), "null", also=NULL),
        Planted(table, "aggregation_level_known", changed(frame, country, aggregation_level="dim_city"), "no such"),
        *_nulls(table, {"ds": set()}, country),
        Planted(table, "key_unique", doubled(frame, country), "a country twice"),
        Planted(table, "one_overall_row", only_bots, "no overall row"),
        Planted(
            table, "hosts_add_up", changed(frame, host, m_website_hits=5, m_visitors=1), "a hit that overall lacks"
        ),
        Planted(table, "hosts_add_up", without(frame, host), "a host is missing"),
    ]  # fmt: skip


def _traffic() -> list[Planted]:
    table = "metrics.traffic_breakdown"
    frame = good(table)
    linkedin = {"aggregation_level": "dim_source", "dim_source": "LinkedIn"}
    ratio = frozenset({"traffic_share_is_ratio"})
    return [
        Planted(
            table, "group_not_empty", changed(frame, linkedin, m_website_hits=0), "no hit",
            also=frozenset({"visitors_within_hits", "traffic_share_is_ratio"}),
        ),
        Planted(table, "traffic_share_in_range", changed(frame, linkedin, traffic_share=0.0), "none", also=ratio),
        Planted(table, "traffic_share_in_range", changed(frame, linkedin, traffic_share=1.1), "above all", also=ratio),
        Planted(
            table, "traffic_share_in_range", changed(frame, linkedin, traffic_share=None), "null", also=ratio | NULL
        ),
        Planted(
            table, "traffic_share_in_range", changed(frame, linkedin, traffic_share=float("nan")), "no number",
            also=ratio,
        ),
        Planted(table, "traffic_share_is_ratio", changed(frame, linkedin, traffic_share=0.999), "another share"),
        Planted(
            table, "declared_not_null", changed(frame, linkedin, m_total_website_hits=None), "m_total_website_hits",
            also=ratio,
        ),
        Planted(table, "traffic_share_is_ratio", changed(frame, linkedin, m_total_website_hits=99), "another total"),
        Planted(table, "visitors_within_hits", changed(frame, linkedin, m_visitors=2), "more than hits"),
        Planted(table, "visitors_within_hits", changed(frame, linkedin, m_visitors=0), "hits of nobody"),
        Planted(table, "aggregation_level_known", changed(frame, linkedin, aggregation_level="overall"), "not here"),
        *_nulls(table, {"ds": set()}, linkedin),
        Planted(table, "key_unique", doubled(frame, linkedin), "a source twice"),
    ]  # fmt: skip


def _declared_not_null() -> list[Planted]:
    """A null in each column that is declared to hold none and that no row rule looks at."""
    planted = []
    for table in BY_NAME.values():
        contract, frame = table.contract(site()), good(table.name)
        ruled = {name for rule in contract.row_rules for name in rule.good.meta.root_names()}
        for name, column in contract.columns.items():
            if not column.nullable and name not in ruled:
                empty = frame.with_columns(
                    # The last row: the first one is the overall row, which other rules look for.
                    pl.when(pl.int_range(pl.len()) == pl.len() - 1).then(None).otherwise(pl.col(name)).alias(name)
                )
                planted.append(Planted(table.name, "declared_not_null", empty, name))
    return planted


PLANTED: tuple[Planted, ...] = (
    *_declared_not_null(),
    *_raw(),
    *_beside_raw(),
    *_fct(),
    *_agg(),
    *_hostname_events(),
    *_rate("metrics.signup_conversion_rate", "signup_conversion_rate", "m_signups", "m_website_hits"),
    *_rate("metrics.purchase_conversion_rate", "purchase_conversion_rate", "m_purchases", "m_signups"),
    *_daily_visitors(),
    *_traffic(),
)

EMPTY: dict[str, set[str]] = {
    "raw.website_events": {"not_empty"},
    "raw.rejected_lines": set(),
    "raw.quarantined_events": set(),
    "core.fct_website_events": {"not_empty"},
    "core.agg_website_events": {"overall_rollup_has_most", "m_total_events_above_minimum"},
    "core.agg_hostname_events": {"not_empty"},
    "metrics.daily_visitors": {"one_overall_row"},
    "metrics.signup_conversion_rate": {"one_overall_row"},
    "metrics.purchase_conversion_rate": {"one_overall_row"},
    "metrics.traffic_breakdown": set(),
}
"""The rules that an empty frame breaks. All row rules, unique keys and sums hold of nothing at all."""

MAY_BE_EMPTY = {
    "raw.rejected_lines": "all lines could be read",
    "raw.quarantined_events": "all rows keep the row rules",
    "metrics.traffic_breakdown": "no person came, only bots",
}
"""Tables for which no row is an answer, and which answer it is."""

__all__ = ["DS", "EMPTY", "MAY_BE_EMPTY", "PLANTED", "Planted", "changed", "doubled", "good", "row_of", "without"]
