"""Days made by hand: raw rows as a source reader would give them, and fact rows, with what is of no interest filled in.

Addresses are 8.8.8.8 and its neighbours (public, so that they have a country) or from the documentation ranges.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from growth_assets.agg import hostname_events
from growth_assets.contracts.table import Built
from growth_assets.fct import website_events as fct
from growth_assets.raw import website_events as raw
from growth_assets.settings import Settings

DS = "2026-03-14"
MIDNIGHT = dt.datetime(2026, 3, 14)  # noqa: DTZ001 - event_timestamp is naive UTC
LAST_MICROSECOND = dt.datetime(2026, 3, 14, 23, 59, 59, 999_999)  # noqa: DTZ001

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile Safari/604.1"
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def site(**chosen: Any) -> Settings:
    """Settings of a site with two hosts; nothing is read from a file."""
    return Settings(**{"data": Path("/nowhere"), "hostnames": ("www.xx.com", "www.xxx.com"), **chosen})


def at(clock: str) -> dt.datetime:
    """`12:00:00.5` on the day."""
    return dt.datetime.fromisoformat(f"{DS}T{clock}")


def event(**fields: Any) -> dict[str, Any]:
    """A native event: a page view of the front page."""
    return {
        "event_timestamp": at("12:00:00"),
        "subsecond_clock": True,
        "hostname": "www.xx.com",
        "action_type": "page_view",
        "url": "https://www.xx.com/",
        "ip": "8.8.8.8",
        "user_agent": IPHONE,
        **fields,
    }


def request(method: str, url: str, status: int, **fields: Any) -> dict[str, Any]:
    """A line of an access log: no action, no event id, and a clock of whole seconds."""
    return {
        **event(subsecond_clock=False, method=method, url=url, status=status),
        "action_type": None,
        **fields,
    }


def raw_day(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """raw.website_events with the rows given, numbered in the order given where they carry no line."""
    filled = [
        {
            "line_number": number,
            "source": "landing",
            "source_file": "events.ndjson",
            "file_started_at": MIDNIGHT,
            "in_the_future": False,
            "ds": DS,
            **row,
        }
        for number, row in enumerate(rows, start=1)
    ]
    types = raw.contract(site()).dtypes
    unknown = {name for row in filled for name in row} - set(types)
    assert not unknown, unknown
    return pl.DataFrame([{name: row.get(name) for name in types} for row in filled], schema=types)


def fact(**fields: Any) -> dict[str, Any]:
    """A row of core.fct_website_events: a page view by a person."""
    return {
        "user_id": None,
        "logged_out_user_id": 1,
        "dim_hostname": "www.xx.com",
        "dim_country": "US",
        "dim_device_brand": "Apple",
        "dim_action_type": "page_view",
        "event_timestamp": at("12:00:00"),
        "other_properties": {},
        "ds": DS,
        "event_id": None,
        "is_bot": False,
        "dim_url_path": "/",
        "dim_referrer_domain": None,
        "dim_source": "direct",
        **fields,
    }


def fact_day(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """core.fct_website_events with the rows given."""
    return pl.DataFrame(list(rows), schema=fct.contract(site()).dtypes)


def inputs_of(facts: pl.DataFrame, **chosen: Any) -> dict[str, pl.LazyFrame]:
    """What the tables after core.fct_website_events are made from, on the first day of a site."""
    inputs = {"core.fct_website_events": facts.lazy()}
    counted = hostname_events.build(inputs, site(**chosen)).frame
    name = hostname_events.TABLE.name
    return {**inputs, name: counted.lazy(), f"{name}@earlier": counted.clear().lazy()}


def build_fct(rows: Iterable[Mapping[str, Any]], settings: Settings | None = None) -> Built:
    """What core.fct_website_events makes of the raw rows given."""
    return build_fct_of(raw_day(rows), settings)


def build_fct_of(received: pl.DataFrame, settings: Settings | None = None) -> Built:
    """What core.fct_website_events makes of a raw frame."""
    return fct.build({"raw.website_events": received.lazy()}, settings or site())
