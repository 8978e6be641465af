"""What a tracker found out itself stands in for an address or a user agent that its events came without.

Exports of GA4 hold neither, and other trackers can be told to drop addresses. By the hash of address and user agent
all their events would be those of nobody. So the tracker's own id of the visitor takes its place, and country and
brand are those that the tracker saw. Events with an address, and all that are not tracked, are left as they are.
"""

from __future__ import annotations

import polars as pl

from growth_assets.contracts.columns import ANONYMOUS_ID, DEVICE_BRAND, GEO_COUNTRY
from growth_assets.enrich.country_names import code_of_country
from growth_assets.enrich.device import UNKNOWN
from growth_assets.enrich.distinct import map_distinct_values
from growth_assets.enrich.visitor import anonymous_visitor_ids


def stand_in(typed: pl.DataFrame, salt: str) -> pl.DataFrame:
    """The same rows; visitor, country and brand are filled in where a tracked event said nothing to tell them by.

    Args:
        typed: columns as received, and client, logged_out_user_id, dim_country and dim_device_brand.
        salt: of the visitor key.
    """
    if typed["event_name"].null_count() == typed.height:
        return typed
    tracked = pl.col("event_name").is_not_null()
    no_address = tracked & pl.col("client").is_null()
    no_agent = tracked & pl.col("user_agent").is_null()
    told = typed.select(
        no_address=no_address.fill_null(value=False),
        no_agent=no_agent.fill_null(value=False),
    )
    rows = (told["no_address"] | told["no_agent"]).arg_true()
    if not len(rows):
        return typed
    lacking = typed.select("logged_out_user_id", "dim_country", "dim_device_brand", "other_properties")[rows]
    said = {name: pl.col("other_properties").map.get(name) for name in (ANONYMOUS_ID, GEO_COUNTRY, DEVICE_BRAND)}
    lacking = lacking.with_columns(told[rows]).with_columns(
        pl.when("no_address").then(said[ANONYMOUS_ID]).alias("anonymous"),
        pl.when("no_address").then(said[GEO_COUNTRY]).alias("country"),
        pl.when(pl.col("no_agent") & (said[DEVICE_BRAND] != "")).then(said[DEVICE_BRAND]).alias("brand"),
    )
    return typed.with_columns(
        typed["logged_out_user_id"].scatter(
            rows, lacking["logged_out_user_id"].fill_null(anonymous_visitor_ids(lacking["anonymous"], salt))
        ),
        typed["dim_country"].scatter(
            rows,
            map_distinct_values(lacking["country"], _codes).fill_null(lacking["dim_country"]),
        ),
        typed["dim_device_brand"].scatter(
            rows,
            lacking.select(
                pl.when(pl.col("dim_device_brand") == UNKNOWN)
                .then(pl.coalesce("brand", "dim_device_brand"))
                .otherwise("dim_device_brand")
            ).to_series(),
        ),
    )


def _codes(told: pl.Series) -> pl.Series:
    return pl.Series([code_of_country(each) if each else None for each in told.to_list()], dtype=pl.String)
