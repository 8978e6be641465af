"""Events typed and enriched: host, action, country, brand, bot, visitor, referrer. May be split by row."""

from __future__ import annotations

from functools import reduce

import polars as pl

from growth_assets.enrich import bot, client, country, domains, referrer, visitor
from growth_assets.enrich.distinct import Distinct, map_distinct, map_distinct_values
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
    hosts = _hosts(received)
    pages, addresses = _pages(received), _senders(received, settings)
    referrers = Distinct.of(received.select("referrer"))
    referring = referrers.then(referrer.referrer_hosts(referrers.values["referrer"]).alias("host").to_frame())
    tagged = pages.then(pages.values.select("utm_source"))
    sources = referring.beside(tagged).beside(hosts)
    return (
        received.select(
            pl.exclude("hostname", "url", "referrer", "ip", "forwarded_for", "user_id", "other_properties"),
            pl.col("user_id").str.strip_chars().alias("received_user_id"),
            pl.col("url").alias("received_url"),
            pl.col("referrer").alias("received_referrer"),
            hosts.every(hosts.values["dim_hostname"]),
            pages.every(pages.values["dim_url_path"]),
            without_private(received["other_properties"]),
            *(addresses.every(each) for each in addresses.values.get_columns()),
            referring.every(domains.registrable_domains(referring.values["host"])).alias("dim_referrer_domain"),
            sources.every(
                referrer.named_sources(
                    sources.values["host"],
                    sources.values["utm_source"],
                    sources.values["dim_hostname"],
                    settings.hostnames,
                ).alias("dim_source")
            ),
        )
        .with_columns(pl.col("received_user_id").cast(pl.Int64, strict=False).alias("user_id"))
        .pipe(stand_in, settings.salt.get_secret_value())
        .pipe(_with_actions, settings.rules)
        .drop("action_type", "event_name", "method", "status", "client", "user_agent")
    )


def _hosts(received: pl.DataFrame) -> Distinct:
    """`dim_hostname`."""
    hosts = Distinct.of(received.select("hostname"))
    return hosts.then(hosts.values.select(_hostname().alias("dim_hostname")))


def _pages(received: pl.DataFrame) -> Distinct:
    """`dim_url_path` and `utm_source`."""
    pages = Distinct.of(received.select("url", logged=pl.col("status").is_not_null()))
    path = pl.when("logged").then(pl.col("url").str.extract(TARGET_PATH)).otherwise(pl.col("url").str.extract(URL_PATH))
    return Distinct(
        pages.values.select(
            path.alias("dim_url_path"),
            referrer.utm_sources(pages.values["url"]).alias("utm_source"),
        ),
        pages.rows,
    )


def _senders(received: pl.DataFrame, settings: Settings) -> Distinct:
    """`client`, the address of who sent the request, and what is known by it and the user agent."""
    database = country.open_database(settings.country_database)
    forwarded = received["forwarded_for"].null_count() < received.height
    chains = Distinct.of(received.select("ip", *(["forwarded_for"] if forwarded else [])))
    passed_on = (
        chains.values["forwarded_for"]
        if forwarded
        else pl.Series([None], dtype=pl.String).new_from_index(0, chains.values.height)
    )
    clients = client.client_addresses(chains.values["ip"], passed_on, settings.trusted_proxies)
    agents = Distinct.of(received.select("user_agent"))
    senders = Distinct(pl.DataFrame([clients, database.countries(clients).alias("dim_country")]), chains.rows).beside(
        Distinct(agents.values.hstack(bot.devices_and_bots(agents.values["user_agent"])), agents.rows)
    )
    ids = visitor.visitor_ids(
        _hashable(senders.values["client"]), senders.values["user_agent"], settings.salt.get_secret_value()
    )
    return Distinct(senders.values.drop("user_agent").with_columns(ids.alias("logged_out_user_id")), senders.rows)


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
    named = map_distinct_values(events["action_type"], lambda each: each.str.strip_chars().str.to_lowercase())
    ruled = pl.col("status").is_not_null() | pl.col("event_name").is_not_null()
    rows = events.select(pl.col("action_type").is_null() & ruled).to_series().arg_true()
    if len(rows):
        # Few kinds of requests stand for many, so the rules run over the kinds.
        logged = events.select("event_name", "method", "dim_url_path", "status")[rows]
        named = named.scatter(rows, map_distinct(logged, lambda kinds: kinds.select(_by_rules(rules)).to_series()))
    return events.with_columns(named.alias("dim_action_type"))


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
