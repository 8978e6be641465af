"""The script that is written by hand makes what the pipeline makes: only then may their speeds be compared."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks import bare_script, worlds, year
from growth_assets.settings import load
from growth_assets.tables import BY_NAME
from growth_assets.warehouse.partitions import Warehouse

JUDGED = ("baseline_rate", "rate_low", "rate_high", "guardrail_state", "guardrail_reason")
ENTRIES = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))

TABLES = (
    "core.fct_website_events", "core.agg_website_events", "core.agg_hostname_events", "metrics.daily_visitors",
    "metrics.signup_conversion_rate", "metrics.purchase_conversion_rate", "metrics.traffic_breakdown",
)  # fmt: skip


@pytest.mark.parametrize("file_format", ["ndjson", "parquet", "combined"])
def test_the_bare_script_makes_the_rows_of_the_pipeline(tmp_path, file_format):
    landing = worlds.day(tmp_path, 3_000, file_format)
    site = worlds.site(tmp_path / "site", landing)
    year.build_without_dagster(site)
    bare_script.main(landing, tmp_path / "out", file_format, raw=True)
    warehouse = Warehouse.of(load(site))
    for name in TABLES:
        path = tmp_path / "out" / name
        mine = pl.read_parquet(path / "*.parquet" if path.is_dir() else path.with_name(f"{name}.parquet"))
        theirs = warehouse.scan(BY_NAME[name], "2026-01-01").collect().drop(JUDGED, strict=False)
        assert theirs.height >= 3, name
        assert sorted(mine.columns) == sorted(theirs.columns), name
        if name == "core.fct_website_events":
            # In the same order, too.
            entries = pl.col("other_properties").map.entries().cast(ENTRIES)
            mine, theirs = mine.with_columns(entries), theirs.with_columns(entries)
            mine = mine.select(theirs.columns).cast(dict(theirs.schema))
        else:
            mine = mine.select(theirs.columns).cast(dict(theirs.schema)).sort(pl.all())
            theirs = theirs.sort(pl.all())
        assert mine.equals(theirs), name
    kept = pl.read_parquet(tmp_path / "out" / "raw.website_events" / "*.parquet")
    assert kept.height >= warehouse.scan(BY_NAME["raw.website_events"], "2026-01-01").collect().height
