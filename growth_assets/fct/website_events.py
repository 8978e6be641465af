"""All website events, one row each, with country, device brand, bot and source; unique on visitor and time.

Rows that break a row rule are put aside into raw.quarantined_events; events received twice are dropped and counted.
Per day, always: raw = fct + quarantined + duplicates. No address, user agent or query string comes this
far, nor a property that by its name holds one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial

import polars as pl

from growth_assets import reference
from growth_assets.contracts.columns import MAP, MICROSECONDS, SHARED, VISITOR_NUMBER
from growth_assets.contracts.contract import (
    Contract,
    RowRule,
    column,
    columns,
    ds_is_day_of_event,
    not_empty,
    not_null,
    shared,
    unique_key,
)
from growth_assets.contracts.table import Balance, Built, ByVisitor, Table
from growth_assets.contracts.texts import as_texts
from growth_assets.fct import enrichment, identity
from growth_assets.fct.received import ONE_THREAD, Received
from growth_assets.raw import website_events as raw
from growth_assets.settings import HOSTNAME, Settings

COLUMNS = columns(
    [
        ("user_id", column(pl.Int64(), "The user who made the event; null when logged out", nullable=True)),
        ("logged_out_user_id", column(pl.Int64(), "Visitor: murmur3 hash of address and device information")),
        *shared("dim_hostname", "dim_country", "dim_device_brand", "dim_action_type"),
        ("event_timestamp", column(MICROSECONDS, "When it happened (UTC); equal times of a visitor are told apart")),
        ("other_properties", column(MAP, "Any other valid property of the request")),
        *shared("ds"),
        ("event_id", column(pl.String(), "Id that the sender gave the event", nullable=True)),
        ("is_bot", column(pl.Boolean(), "True where the user agent is one of a program, not of a person")),
        ("dim_url_path", column(pl.String(), "Path of the URL, without host and query", nullable=True)),
        ("dim_referrer_domain", column(*SHARED["dim_referrer_domain"], nullable=True)),
        *shared("dim_source"),
    ]
)  # fmt: skip
"""The specification's nine columns in its order, then further ones."""

RECEIVED_RULES = (
    RowRule(
        "in_the_future",
        "in_the_future",
        ~pl.col("in_the_future"),
        "when its file was read, an event was at most future_tolerance_hours ahead",
    ),
    RowRule(
        "user_id_is_bigint",
        "user_id",
        pl.col("user_id").is_not_null() | pl.col("received_user_id").is_null(),
        "a user_id that was received is a whole number that fits BIGINT",
    ),
)
"""Row rules that need the value as received, beside the typed one."""


def contract(settings: Settings) -> Contract:
    """What core.fct_website_events keeps."""
    return Contract(
        COLUMNS,
        row_rules=(
            not_null("dim_hostname"),
            not_null("dim_action_type"),
            not_null("event_timestamp"),
            not_null("dim_country"),
            not_null("logged_out_user_id"),
            RowRule(
                "dim_hostname_well_formed",
                "dim_hostname",
                pl.col("dim_hostname").str.contains(HOSTNAME),
                "dim_hostname looks like www.xx.com",
            ),
            RowRule(
                "dim_action_type_enumerated",
                "dim_action_type",
                pl.col("dim_action_type").is_in(list(settings.actions)),
                f"dim_action_type is one of {', '.join(settings.actions)}",
            ),
        ),
        frame_rules=(
            ds_is_day_of_event(),
            unique_key("logged_out_user_id", "event_timestamp", sorted_by=("event_timestamp", "logged_out_user_id")),
            not_empty(),
        ),
    )


@lru_cache(maxsize=8)
def _row_rules(settings: Settings) -> tuple[RowRule, ...]:
    return (*RECEIVED_RULES, *contract(settings).row_rules)


def build(inputs: Mapping[str, pl.LazyFrame], settings: Settings) -> Built:
    """The events of one day, from raw.website_events of that day.

    Numbers: `received`, `duplicates` and, for each row rule, `quarantined_<rule>`.
    """
    received = Received(inputs[raw.TABLE.name])
    of_all = partial(enrichment.as_received, received)
    suspects: identity.Suspects | None = None
    if received.height <= ONE_THREAD:
        events, aside, good = _by_row(received, settings)
    else:
        with ThreadPoolExecutor(1) as beside:
            # To ask Python about each of many texts keeps one core busy at most.
            looked_for = beside.submit(identity.Suspects.of, received.ahead)
            events, aside, good = _by_row(received, settings)
            suspects = looked_for.result()
        del looked_for
    if good is None:
        return _by_visitor(events, of_all, aside, settings, suspects)
    return _by_visitor(events, partial(of_all, good=good), aside, settings, suspects and suspects.among(good))


def by_row(received: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Received rows to the enriched events of those that keep every row rule, and the others with the rule."""
    rows = Received(received.lazy())
    events, aside, good = _by_row(rows, settings)
    told = pl.DataFrame([enrichment.as_received(rows, name, good) for name in enrichment.AS_RECEIVED])
    # Visitors were numbered among these rows alone.
    events = as_texts(events.drop(VISITOR_NUMBER, strict=False))
    return events.hstack(told), aside


def _by_row(received: Received, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series | None]:
    """The events that keep every row rule, the rows of the others, and which are good; None where all are."""
    events = enrichment.enrich(received, settings)
    rule = Contract(COLUMNS, row_rules=_row_rules(settings)).first_broken_of(events)
    bad = rule.is_not_null()
    aside = received.rows(bad).with_columns(rule.filter(bad)).select("rule", *raw.COLUMNS)
    events = events.drop("in_the_future", "received_user_id")
    return (_only(events, ~bad), aside, ~bad) if bad.any() else (events, aside, None)


def _only(events: pl.DataFrame, good: pl.Series) -> pl.DataFrame:
    """The good events; `events` is used up, so that no more than two columns of many are there twice."""
    if events.height <= ONE_THREAD:
        return events.filter(good)
    with ThreadPoolExecutor(2) as pool:
        return pl.DataFrame([*pool.map(lambda name: events.drop_in_place(name).filter(good), events.columns)])


def by_visitor(events: pl.DataFrame, aside: pl.DataFrame, settings: Settings) -> Built:
    """All good events of some visitors to their rows of the table; `events` is used up."""
    told = events.select(*enrichment.AS_RECEIVED)
    return _by_visitor(events.drop(*enrichment.AS_RECEIVED), told.get_column, aside, settings)


def _by_visitor(
    events: pl.DataFrame, as_received: Callable[[str], pl.Series], aside: pl.DataFrame, settings: Settings,
    suspects: identity.Suspects | None = None,
) -> Built:  # fmt: skip
    height = events.height
    beyond = [name for name in (VISITOR_NUMBER,) if name in events.columns]
    frame, duplicates = identity.identify(events, as_received, [*COLUMNS, *beyond], suspects)
    in_order = ("file_started_at", "source_file", "line_number")
    quarantined = aside.sort(*in_order, maintain_order=True) if aside.height > 1 else aside
    by_rule = Counter(quarantined["rule"].to_list())
    rules = _row_rules(settings)
    return Built(
        frame.select(list(COLUMNS)),
        beside={"raw.quarantined_events": quarantined},
        numbers={
            "received": height + quarantined.height,
            "duplicates": duplicates,
            **{f"quarantined_{rule.name}": by_rule[rule.name] for rule in rules},
        },
        beyond={name: frame[name] for name in beyond},
    )


TABLE = Table(
    name="core.fct_website_events",
    description=__doc__,
    contract=contract,
    upstream=(raw.TABLE.name,),
    build=build,
    parts=ByVisitor(identity.VISITOR, by_row, by_visitor),
    checks=(
        "not_null_dim_hostname",
        "not_null_dim_action_type",
        "not_null_event_timestamp",
        "not_null_dim_country",
        "not_null_logged_out_user_id",
        "key_unique",
        "dim_hostname_well_formed",
        "dim_action_type_enumerated",
    ),
    received_rules={rule.name: rule.description for rule in RECEIVED_RULES},
    balance=Balance(raw.TABLE.name, ("core.fct_website_events", "raw.quarantined_events"), ("duplicates",)),
    excused=("in_the_future",),
    made_from={
        "logged_out_user_id": ("ip", "forwarded_for", "user_agent", "other_properties"),
        "dim_hostname": ("hostname",),
        "dim_country": ("ip", "forwarded_for", "other_properties"),
        "dim_device_brand": ("user_agent", "other_properties"),
        "dim_action_type": ("action_type", "event_name", "method", "url", "status"),
        "is_bot": ("user_agent",),
        "dim_url_path": ("url", "status"),
        "dim_referrer_domain": ("referrer",),
        "dim_source": ("referrer", "url", "hostname"),
    },
    settings_used=("actions", "action_rules", "hostnames", "salt", "trusted_proxies"),
    files=lambda settings: (settings.country_database or reference.COUNTRY_DATABASE, reference.SOURCES),
    packages=("ua-parser-builtins", "user-agents", "crawler-user-agents", "publicsuffixlist", "mmh3"),
    read_after=(
        "logged_out_user_id",
        "dim_hostname",
        "dim_country",
        "dim_device_brand",
        "dim_action_type",
        "event_timestamp",
        "ds",
        "is_bot",
        "dim_referrer_domain",
        "dim_source",
    ),
    kind="fct",
)
