"""What a tracker found out itself stands in for an address or a user agent that its events came without.

Exports of GA4 hold neither, and other trackers can be told to drop addresses. By the hash of address and user agent
all their events would be those of nobody. So the tracker's own id of the visitor takes its place, and country and
brand are those that the tracker saw. Events with an address, and all that are not tracked, are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from growth_assets.contracts.columns import ANONYMOUS_ID, DEVICE_BRAND, GEO_COUNTRY
from growth_assets.contracts.texts import as_texts, numbered
from growth_assets.enrich.country_names import code_of_country
from growth_assets.enrich.device import UNKNOWN
from growth_assets.enrich.distinct import map_distinct_values
from growth_assets.enrich.visitor import anonymous_visitor_ids


@dataclass(frozen=True)
class Lacking:
    """Which events are tracked and came without something to tell the visitor by."""

    address: pl.Series
    agent: pl.Series


def stand_in(
    visitors: Mapping[str, pl.Series], lacking: Lacking, properties: pl.Series, salt: str
) -> dict[str, pl.Series]:
    """The same columns; visitor, country and brand are filled in where a tracked event said nothing to tell them by.

    Args:
        visitors: logged_out_user_id, dim_country and dim_device_brand, and others that stay as they are.
        lacking: of each event.
        properties: other_properties of each event.
        salt: of the visitor key.
    """
    rows = (lacking.address | lacking.agent).arg_true()
    said = {name: pl.col("other_properties").map.get(name) for name in (ANONYMOUS_ID, GEO_COUNTRY, DEVICE_BRAND)}
    found = (
        as_texts(pl.DataFrame([visitors[name].gather(rows).alias(name) for name in _FILLED]))
        .with_columns(
            properties.gather(rows).alias("other_properties"),
            lacking.address.gather(rows).alias("no_address"),
            lacking.agent.gather(rows).alias("no_agent"),
        )
        .with_columns(
            pl.when("no_address").then(said[ANONYMOUS_ID]).alias("anonymous"),
            pl.when("no_address").then(said[GEO_COUNTRY]).alias("country"),
            pl.when(pl.col("no_agent") & (said[DEVICE_BRAND] != "")).then(said[DEVICE_BRAND]).alias("brand"),
        )
    )
    visitor, country, brand = (found[name] for name in _FILLED)
    filled = {
        "logged_out_user_id": visitor.fill_null(anonymous_visitor_ids(found["anonymous"], salt)),
        "dim_country": map_distinct_values(found["country"], _codes).fill_null(country),
        "dim_device_brand": brand.zip_with(brand != UNKNOWN, found["brand"].fill_null(brand)),
    }
    every = as_texts(pl.DataFrame([visitors[name].alias(name) for name in _FILLED]))
    placed = {name: every[name].scatter(rows, filled[name]) for name in _FILLED}
    return {
        **visitors, **{name: numbered(each) if each.dtype == pl.String else each for name, each in placed.items()}
    }  # fmt: skip


_FILLED = ("logged_out_user_id", "dim_country", "dim_device_brand")


def _codes(told: pl.Series) -> pl.Series:
    return pl.Series([code_of_country(each) if each else None for each in told.to_list()], dtype=pl.String)
