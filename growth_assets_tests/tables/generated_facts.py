"""Generated days of core.fct_website_events: several visitors, countries, brands, hosts, hours, sources and bots."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
from hypothesis import strategies as st

from growth_assets_tests.tables.days import MIDNIGHT, fact, fact_day

VISITORS = [
    # A visitor has one country and one brand, since both are functions of what the visitor is a hash of. But for whom a
    # tracker told apart without an address: that one may travel.
    {"logged_out_user_id": 14, "dim_country": "US", "dim_device_brand": "unknown", "is_bot": False},
    {"logged_out_user_id": 11, "dim_country": "US", "dim_device_brand": "Apple", "is_bot": False},
    {"logged_out_user_id": -12, "dim_country": "US", "dim_device_brand": "Apple", "is_bot": False},
    {"logged_out_user_id": 13, "dim_country": "US", "dim_device_brand": "unknown", "is_bot": False},
    {"logged_out_user_id": 14, "dim_country": "DE", "dim_device_brand": "Apple", "is_bot": False},
    {"logged_out_user_id": 15, "dim_country": "ZZ", "dim_device_brand": "Samsung", "is_bot": False},
    {"logged_out_user_id": 2**62, "dim_country": "US", "dim_device_brand": "Spider", "is_bot": True},
    {"logged_out_user_id": -(2**62), "dim_country": "DE", "dim_device_brand": "Spider", "is_bot": True},
]

ORIGINS = [
    {"dim_referrer_domain": None, "dim_source": "direct"},
    {"dim_referrer_domain": None, "dim_source": "LinkedIn"},
    {"dim_referrer_domain": "linkedin.com", "dim_source": "LinkedIn"},
    {"dim_referrer_domain": "lnkd.in", "dim_source": "LinkedIn"},
    {"dim_referrer_domain": "xx.com", "dim_source": "internal"},
]

ROWS = st.fixed_dictionaries(
    {
        "visitor": st.sampled_from(VISITORS),
        "origin": st.sampled_from(ORIGINS),
        "dim_hostname": st.sampled_from(["www.xx.com", "www.xxx.com", "shop.xx.com"]),
        "dim_action_type": st.sampled_from(["page_view", "page_view", "signup", "purchase", "watch_video", "error"]),
        "hour": st.sampled_from([0, 9, 10, 23]),
    }
)


def _day(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return fact_day(
        fact(
            **row["visitor"],
            **row["origin"],
            dim_hostname=row["dim_hostname"],
            dim_action_type=row["dim_action_type"],
            event_timestamp=MIDNIGHT + dt.timedelta(hours=row["hour"], microseconds=number),
        )
        for number, row in enumerate(rows)
    )


FACT_DAYS = st.lists(ROWS, min_size=1, max_size=60).map(_day)
