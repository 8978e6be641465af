"""The same steps in PySpark on one machine: no check, no quarantine, no Dagster.

Python sees batches of Arrow and each distinct value once; sorting, distinct events and counting are Spark's. Visitors
are counted as additively as in the pipeline: to count them anew in 16 levels would take Spark many times as long.
Where PySpark is, Pandera imports it, so that it has an environment of its own, which `make spark-test` makes; name its
Python:

    SPARK_PYTHON=.venv-spark/bin/python python -m benchmarks compare
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import mmh3
import polars as pl
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - as everybody names it

from benchmarks.bare_script import SALT, Sources, countries, devices

RECEIVED = (
    "event_id string, event_time string, hostname string, action_type string, url string, referrer string, "
    "ip string, user_agent string, user_id bigint, properties map<string,string>"
)
ENRICHED = (
    "event_id string, event_timestamp timestamp, dim_hostname string, dim_action_type string, user_id bigint, "
    "other_properties map<string,string>, logged_out_user_id bigint, dim_country string, dim_device_brand string, "
    "is_bot boolean, dim_url_path string, dim_referrer_domain string, dim_source string"
)
VISITOR = "logged_out_user_id"
DIMENSIONS = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")
OWN = ("dim_country", "dim_device_brand")


def main(landing: Path, out: Path, file_format: str) -> None:
    """Read the files of one day, and write the tables."""
    # Its workers would be the first python3 there is.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "8g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "200000")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    paths = [str(path) for path in sorted(landing.iterdir()) if not path.name.startswith(".")]
    if file_format == "ndjson":
        received = spark.read.schema(RECEIVED).json(paths).filter(F.col("event_time").endswith("Z"))
        received = received.withColumn("event_time", F.try_to_timestamp("event_time"))
    else:
        received = spark.read.parquet(*paths).withColumn("user_id", F.col("user_id").try_cast("bigint"))
    events = received.filter(F.col("event_time").isNotNull())
    found = events.mapInArrow(enriched, ENRICHED).dropDuplicates([VISITOR, "event_id"])
    alike = Window.partitionBy(VISITOR, "event_timestamp").orderBy("event_id")
    moment = F.timestamp_micros(F.unix_micros("event_timestamp") + F.row_number().over(alike) - 1)
    fct = found.withColumn("event_timestamp", moment).withColumn("ds", F.date_format("event_timestamp", "yyyy-MM-dd"))
    path = str(out / "core.fct_website_events")
    fct.sort("event_timestamp", VISITOR).write.parquet(path)
    narrow = spark.read.parquet(path).withColumn("event_hour", F.hour("event_timestamp")).drop(
        "other_properties", "event_id", "user_id", "dim_url_path"
    )  # fmt: skip
    for name, table in rolled_up(narrow).items():
        table.coalesce(1).write.parquet(str(out / name))
    _end(spark)


def _end(spark: SparkSession) -> None:
    """Wait for the JVM, whose time counts as this process's by then."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def enriched(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The columns of the fact table, batch by batch."""
    sources = Sources()
    named, domain = cache(sources.of), cache(sources.domain)
    for batch in batches:
        frame = pl.DataFrame(pl.from_arrow(batch))
        agents = frame.select(pl.col("user_agent").unique())["user_agent"]
        brand, bot = devices(agents)
        by_agent = pl.DataFrame({"user_agent": agents, "dim_device_brand": brand, "is_bot": bot})
        addresses = frame.select(pl.col("ip").unique())["ip"]
        by_address = pl.DataFrame({"ip": addresses, "dim_country": countries(addresses)})
        places = frame.select("url", "referrer", "hostname").unique()
        rows = []
        for url, referrer, hostname in places.iter_rows():
            parts = urlsplit(url or "")
            host = urlsplit(referrer or "").hostname or None
            tag = parse_qs(parts.query).get("utm_source", [None])[0]
            rows.append((parts.path if url else None, domain(host) if host else None, named(host, tag, hostname)))
        names = ("dim_url_path", "dim_referrer_domain", "dim_source")
        by_place = places.hstack(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"))
        keys = frame.select(pl.concat_str(pl.lit(SALT), "ip", pl.col("user_agent").fill_null(""), separator="|"))
        ids = pl.Series([mmh3.hash64(key)[0] for key in keys.to_series()], dtype=pl.Int64)
        yield from (
            frame.with_columns(ids.alias(VISITOR))
            .join(by_agent, on="user_agent", how="left", nulls_equal=True)
            .join(by_address, on="ip", how="left")
            .join(by_place, on=["url", "referrer", "hostname"], how="left", nulls_equal=True)
            .select(
                "event_id", pl.col("event_time").alias("event_timestamp"), pl.col("hostname").alias("dim_hostname"),
                pl.col("action_type").alias("dim_action_type"), "user_id",
                pl.col("properties").alias("other_properties"), VISITOR, "dim_country", "dim_device_brand", "is_bot",
                *names,
            )
            .to_arrow(compat_level=pl.CompatLevel.oldest())
            .to_batches()
        )  # fmt: skip


def rolled_up(fct: DataFrame) -> dict[str, DataFrame]:
    """The aggregated table and the metrics."""
    hit, person = F.col("dim_action_type") == "page_view", ~F.col("is_bot")
    hits = fct.filter(hit & person)
    return {
        "core.agg_website_events": _agg(fct),
        "metrics.daily_visitors": fct.filter(hit)
        .cube("dim_hostname", "dim_country", "dim_device_brand")
        .agg(_people(person, "m_visitors"), _events(person, "m_website_hits"), _people(~person, "m_bot_visitors")),
        "metrics.traffic_breakdown": hits.groupBy("dim_hostname", "dim_referrer_domain", "dim_source").agg(
            F.count("*").alias("m_website_hits"), F.countDistinct(VISITOR).alias("m_visitors")
        ),
        "metrics.conversion_rates": fct.rollup("dim_hostname").agg(
            *(
                _events((F.col("dim_action_type") == action) & person, f"m_{action}")
                for action in ("page_view", "signup", "purchase")
            )
        ),
    }


def _agg(fct: DataFrame) -> DataFrame:
    cells = fct.groupBy(VISITOR, *DIMENSIONS).agg(
        F.count("*").alias("events"), F.sum(F.col("is_bot").cast("bigint")).alias("bots")
    )
    cells = cells.cache()
    levels = []
    for size in range(3):
        for some in combinations([name for name in DIMENSIONS if name not in OWN], size):
            people = cells.groupBy(VISITOR, *OWN, *some).agg(
                F.sum("events").alias("events"), F.sum("bots").alias("bots")
            )
            fine = people.groupBy(*OWN, *some).agg(
                F.sum("events").alias("events"), F.sum("bots").alias("bots"), F.count("*").alias("people")
            )
            for own in [each for number in range(3) for each in combinations(OWN, number)]:
                level = [name for name in DIMENSIONS if name in (*own, *some)]
                levels.append(
                    fine.groupBy(*level)
                    .agg(
                        F.sum("events").alias("m_total_events"), F.sum("bots").alias("m_bot_events"),
                        F.sum("people").alias("m_unique_visitors"),
                    )
                    .withColumn("aggregation_level", F.lit("__".join(level) or "overall"))
                )  # fmt: skip
    whole = levels[0]
    for each in levels[1:]:
        whole = whole.unionByName(each, allowMissingColumns=True)
    return whole


def _events(where: Column, name: str) -> Column:
    return F.count_if(where).alias(name)


def _people(where: Column, name: str) -> Column:
    return F.countDistinct(F.when(where, F.col(VISITOR))).alias(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
