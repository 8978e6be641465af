"""Events typed and enriched: host, action, country, brand, bot, visitor, referrer. May be split by row."""

from __future__ import annotations

from functools import reduce

import polars as pl

from growth_assets.enrich import bot, client, country, domains, referrer, visitor
from growth_assets.enrich.distinct import map_distinct
from growth_assets.fct.private_properties import without_private
from growth_assets.fct.stand_ins import stand_in
from growth_assets.settings import ActionRule, Settings

URL_PATH = r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*|//[^/?#]*)?([^?#]*)"
"""Group 1 is the path of a URL, or what stands alone as a path."""

TARGET_PATH = r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)"
"""Group 1 is the path of a request target: in `GET //favicon.ico` no host follows the two slashes."""


def enrich(received: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """One row for each of `received`, in its order, with the columns of the fact table.

    Besides these the columns that tell events apart, with what was received in front: `received_user_id` ...
    """
    typed = received.with_columns(
        pl.col("user_id").str.strip_chars().alias("received_user_id"),
        pl.col("url").alias("received_url"),
        pl.col("referrer").alias("received_referrer"),
        _hostname().alias("dim_hostname"),
        pl.when(pl.col("status").is_null())
        .then(pl.col("url").str.extract(URL_PATH))
        .otherwise(pl.col("url").str.extract(TARGET_PATH))
        .alias("dim_url_path"),
        without_private(received["other_properties"]),
        *_clients_and_countries(received, settings),
    )
    hosts = referrer.referrer_hosts(typed["referrer"])
    return (
        typed.with_columns(
            pl.col("received_user_id").cast(pl.Int64, strict=False).alias("user_id"),
            visitor.visitor_ids(
                _hashable(typed["client"]), typed["user_agent"], settings.salt.get_secret_value()
            ).alias("logged_out_user_id"),
            *bot.devices_and_bots(typed["user_agent"]),
            domains.registrable_domains(hosts).alias("dim_referrer_domain"),
            referrer.named_sources(
                hosts, referrer.utm_sources(typed["url"]), typed["dim_hostname"], settings.hostnames
            ).alias("dim_source"),
        )
        .pipe(stand_in, settings.salt.get_secret_value())
        .pipe(_with_actions, settings.rules)
        .drop(
            "hostname",
            "action_type",
            "event_name",
            "method",
            "url",
            "status",
            "referrer",
            "ip",
            "forwarded_for",
            "client",
            "user_agent",
        )
    )


def _clients_and_countries(received: pl.DataFrame, settings: Settings) -> list[pl.Series]:
    """`client`, the address of who sent the request, and its `dim_country`."""
    database = country.open_database(settings.country_database)
    forwarded = received["forwarded_for"].null_count() < received.height

    def told(chains: pl.DataFrame) -> pl.Series:
        passed_on = chains["forwarded_for"] if forwarded else pl.Series([None], dtype=pl.String).new_from_index(
            0, chains.height
        )  # fmt: skip
        clients = client.client_addresses(chains["ip"], passed_on, settings.trusted_proxies)
        return pl.DataFrame([clients, database.countries(clients).alias("dim_country")]).to_struct()

    return (
        map_distinct(received.select("ip", *(["forwarded_for"] if forwarded else [])), told)
        .struct.unnest()
        .get_columns()
    )


def _hashable(addresses: pl.Series) -> pl.Series:
    """Addresses without those that hold the sign which parts the visitor's key: no address does.

    `8.8.8.8|x` with the agent `y` would be the same visitor as `8.8.8.8` with the agent `x|y`, in two countries.
    """
    return addresses.set(addresses.str.contains("|", literal=True).fill_null(value=False), None)


def _hostname() -> pl.Expr:
    """Host in lower case, without port, trailing dot and blanks."""
    return pl.col("hostname").str.strip_chars().str.to_lowercase().str.replace(r":\d+$", "").str.strip_chars_end(".")


def _with_actions(events: pl.DataFrame, rules: tuple[ActionRule, ...]) -> pl.DataFrame:
    """`dim_action_type`: what the sender named, else the first rule that matches the request or tracked event."""
    named = pl.col("action_type").str.strip_chars().str.to_lowercase()
    # Few kinds of requests stand for many, so the rules run over the kinds.
    kind = ["event_name", "method", "dim_url_path", "status"]
    ruled = pl.col("status").is_not_null() | pl.col("event_name").is_not_null()
    logged = events.filter(pl.col("action_type").is_null() & ruled)
    kinds = logged.select(kind).unique().with_columns(_by_rules(rules).alias("ruled_action"))
    return (
        events.join(kinds, on=kind, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.coalesce(named, "ruled_action").alias("dim_action_type"))
        .drop("ruled_action")
    )


def _by_rules(rules: tuple[ActionRule, ...]) -> pl.Expr:
    def otherwise(result: pl.Expr, rule: ActionRule) -> pl.Expr:
        matches = _whole(pl.col("dim_url_path"), rule.path)
        if rule.event is not None:
            matches &= pl.col("event_name").is_not_null() & _whole(pl.col("event_name"), f"(?i:{rule.event})")
        else:
            matches &= (
                pl.col("event_name").is_null()
                & _whole(pl.col("method"), rule.method)
                & _whole(pl.col("status").cast(pl.String), rule.status)
            )
        return pl.when(matches).then(pl.lit(rule.action)).otherwise(result)

    return reduce(otherwise, reversed(rules), pl.lit(None, dtype=pl.String))


def _whole(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.fill_null("").str.contains(f"(?s)^(?:{pattern})$")
