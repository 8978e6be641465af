"""Events typed and enriched: host, action, country, brand, bot, visitor, referrer. May be split by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import polars as pl

from growth_assets.contracts.columns import VISITOR_NUMBER
from growth_assets.contracts.texts import numbered
from growth_assets.enrich import bot, client, country, domains, referrer, visitor
from growth_assets.enrich.distinct import Distinct, without_gaps
from growth_assets.fct.private_properties import without_private
from growth_assets.fct.received import MOST_ROWS_AHEAD, ONE_THREAD, Received
from growth_assets.fct.stand_ins import Lacking, stand_in
from growth_assets.settings import ActionRule, Settings

AS_RECEIVED = {
    **{name: name for name in ("event_id", "other_properties", "subsecond_clock", "line_number", "file_started_at")},
    "received_url": "url",
    "received_referrer": "referrer",
    "received_user_id": "user_id",
}
"""Columns that nothing is found out from, but that tell events apart: of few events more is asked than the id."""

_MADE: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "received_user_id": lambda texts: texts.str.strip_chars(),
    "other_properties": without_private,
}


def as_received(received: Received, name: str, good: pl.Series | None = None) -> pl.Series:
    """One of `AS_RECEIVED`, of each event or of those that are `good`."""
    made, first = [], 0
    # Piece by piece: the maps of a large day, which take most of its memory, are not there twice.
    for piece in received.pieces(AS_RECEIVED[name]):
        some = piece if good is None else piece.filter(good.slice(first, len(piece)))
        first += len(piece)
        made.append(_MADE[name](some) if name in _MADE else some)
        del piece, some
    return (made[0] if len(made) == 1 else pl.concat(made, rechunk=False)).alias(name)


AHEAD = ("other_properties", "file_started_at", "line_number")
"""What is asked for next, of a day that is neither small nor among the largest."""

URL_PATH = r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*|//[^/?#]*)?([^?#]*)"
"""Group 1 is the path of a URL, or what stands alone as a path."""

TARGET_PATH = r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)"
"""Group 1 is the path of a request target: in `GET //favicon.ico` no host follows the two slashes."""


def enrich(received: Received, settings: Settings) -> pl.DataFrame:
    """One row for each of `received`, in its order: the columns of the fact table, texts that repeat as numbers.

    Without `event_id` and `other_properties`, which like all of `AS_RECEIVED` are to be had from `received`; besides
    these what rules ask for.
    """
    if received.height <= ONE_THREAD:
        senders, said = _senders(_clients(received, settings), _agents(received), settings), _said(received, settings)
    else:
        with ThreadPoolExecutor(1) as beside:
            # To number texts and to ask Python about each keeps one core busy: who sent the events is found out on
            # another.
            clients = beside.submit(_clients, received, settings)
            agents = _agents(received)
            found = beside.submit(lambda: _senders(clients.result(), agents, settings))
            if received.height <= MOST_ROWS_AHEAD:
                # What only few events are told apart by is read while their answers are given to all of them.
                for name in AHEAD:
                    beside.submit(received.ahead, name)
            said = _said(received, settings)
            return pl.DataFrame(said | _visitors(found.result(), received, settings))
    return pl.DataFrame(said | _visitors(senders, received, settings))


def _said(received: Received, settings: Settings) -> dict[str, pl.Series]:
    """All that the events said, but for who sent them."""
    hosts, urls, referrers = (_distinct(received, name) for name in ("hostname", "url", "referrer"))
    hosts = hosts.then(hosts.values.select(_hostname().alias("dim_hostname")))
    status = received["status"]
    pages = _pages(urls, status)
    referring = referrers.then(referrer.referrer_hosts(referrers.values["referrer"]).alias("host").to_frame())
    sources = referring.beside(pages.then(pages.values.select("utm_source"))).beside(hosts)
    named = referrer.named_sources(
        sources.values["host"], sources.values["utm_source"], sources.values["dim_hostname"], settings.hostnames
    )
    users, days = _distinct(received, "user_id"), _distinct(received, "ds")
    user = users.values["user_id"].str.strip_chars()
    return {
        **{name: received[name] for name in ("event_timestamp", "in_the_future")},
        "ds": days.numbered(days.values["ds"]),
        "user_id": users.every(user.cast(pl.Int64, strict=False)),
        "received_user_id": users.numbered(user),
        "dim_hostname": hosts.numbered(hosts.values["dim_hostname"]),
        "dim_url_path": pages.numbered(pages.values["dim_url_path"]),
        "dim_referrer_domain": referring.numbered(domains.registrable_domains(referring.values["host"])),
        "dim_source": sources.numbered(named),
        "dim_action_type": _actions(received, settings.rules, pages, status),
    }


def _distinct(received: Received, name: str) -> Distinct:
    return Distinct.of(received.texts(name).to_frame())


def _pages(urls: Distinct, status: pl.Series) -> Distinct:
    """`dim_url_path` and `utm_source`."""
    logged = status.is_not_null()
    pages = urls.beside(Distinct.of(logged.alias("logged").to_frame())) if logged.any() else urls
    url = pl.col("url")
    path = url.str.extract(URL_PATH)
    if pages is not urls:
        path = pl.when("logged").then(url.str.extract(TARGET_PATH)).otherwise(path)
    return Distinct(
        pages.values.select(path.alias("dim_url_path"), referrer.utm_sources(pages.values["url"]).alias("utm_source")),
        pages.rows,
    )


def _clients(received: Received, settings: Settings) -> Distinct:
    """`client`, the address of who sent the request, and its `dim_country`."""
    database = country.open_database(settings.country_database)
    chains, forwarded = _distinct(received, "ip"), received["forwarded_for"]
    if forwarded.null_count() < received.height:
        chains = chains.beside(Distinct.of(forwarded.to_frame()))
        passed_on = chains.values["forwarded_for"]
    else:
        passed_on = pl.Series([None], dtype=pl.String).new_from_index(0, chains.values.height)
    clients = client.client_addresses(chains.values["ip"], passed_on, settings.trusted_proxies)
    return Distinct(pl.DataFrame([clients, database.countries(clients).alias("dim_country")]), chains.rows)


def _agents(received: Received) -> Distinct:
    """`user_agent`, `dim_device_brand` and `is_bot`."""
    agents = _distinct(received, "user_agent")
    return Distinct(agents.values.hstack(bot.devices_and_bots(agents.values["user_agent"])), agents.rows)


def _senders(clients: Distinct, agents: Distinct, settings: Settings) -> Distinct:
    """All of these, and `logged_out_user_id`."""
    senders = clients.beside(agents)
    ids = visitor.visitor_ids(
        _hashable(senders.values["client"]), senders.values["user_agent"], settings.salt.get_secret_value()
    )
    return Distinct(senders.values.with_columns(ids.alias("logged_out_user_id")), senders.rows)


def _visitors(senders: Distinct, received: Received, settings: Settings) -> dict[str, pl.Series]:
    """`logged_out_user_id`, `is_bot`, `dim_country` and `dim_device_brand` of each event.

    And a number of its visitor, where all have an address and a user agent to be told by.
    """
    known = senders.values
    ids = known["logged_out_user_id"].fill_null(0).reinterpret(signed=False)
    answers = [
        known["logged_out_user_id"],
        pl.Series(without_gaps(ids.to_numpy(), 1 << 64)[1]),
        known["is_bot"],
        numbered(known["dim_country"]),
        numbered(known["dim_device_brand"]),
        known["client"].is_null(),
        known["user_agent"].is_null(),
    ]
    if received.height <= ONE_THREAD:
        of_each = [senders.every(each) for each in answers]
    else:
        with ThreadPoolExecutor(2) as pool:
            of_each = [*pool.map(senders.every, answers)]
    visitor, number, is_bot, country_code, brand, no_address, no_agent = of_each
    found = {
        "logged_out_user_id": visitor,
        "is_bot": is_bot,
        "dim_country": country_code,
        "dim_device_brand": brand,
    }
    tracked = received["event_name"].is_not_null()
    lacking = Lacking(address=tracked & no_address, agent=tracked & no_agent)
    if lacking.address.any() or lacking.agent.any():
        properties = as_received(received, "other_properties")
        return stand_in(found, lacking, properties, settings.salt.get_secret_value())
    return {**found, VISITOR_NUMBER: number}


def _hashable(addresses: pl.Series) -> pl.Series:
    """Addresses without those that hold the sign which parts the visitor's key: no address does.

    `8.8.8.8|x` with the agent `y` would be the same visitor as `8.8.8.8` with the agent `x|y`, in two countries.
    """
    return addresses.set(addresses.str.contains("|", literal=True).fill_null(value=False), None)


def _hostname() -> pl.Expr:
    """Host in lower case, without port, trailing dot and blanks."""
    return pl.col("hostname").str.strip_chars().str.to_lowercase().str.replace(r":\d+$", "").str.strip_chars_end(".")


def _actions(received: Received, rules: tuple[ActionRule, ...], pages: Distinct, status: pl.Series) -> pl.Series:
    """`dim_action_type`: what the sender named, else the first rule that matches the request or tracked event."""
    kinds, event_name = _distinct(received, "action_type"), received["event_name"]
    said = pl.col("action_type").str.strip_chars().str.to_lowercase()
    if status.null_count() + event_name.null_count() < 2 * received.height:
        # Few kinds of requests stand for many, so the rules run over the kinds.
        kinds = kinds.beside(pages.then(pages.values.select("dim_url_path")))
        for each in (status, event_name, received["method"]):
            kinds = kinds.beside(Distinct.of(each.to_frame()))
        ruled = pl.col("status").is_not_null() | pl.col("event_name").is_not_null()
        said = pl.when(pl.col("action_type").is_null() & ruled).then(_by_rules(rules)).otherwise(said)
    return kinds.numbered(kinds.values.select(said).to_series())


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
