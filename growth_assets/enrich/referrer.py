"""Where a visitor came from: the page that linked here, the campaign tag, and the name of that source.

The rules are `reference/sources.toml`. Referrers and URLs are text from the web; whatever cannot be
understood counts as absent, never as an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote_plus

import polars as pl

from growth_assets.contracts.whole_numbers import FEW
from growth_assets.enrich.distinct import map_distinct_values
from growth_assets.enrich.domains import normal_host, registrable_domain, registrable_domains
from growth_assets.enrich.source_rules import DIRECT, INTERNAL, OTHER, source_rules

LONGEST_UTM_SOURCE = 100
"""Characters of a utm_source that are kept."""

_LONGEST_URL = 8190
"""Characters of a URL that are looked at: Apache's limit for a request line."""

_BLANK = r"[\x00-\x20]*"
_END = r"(?::[0-9]*)?(?:[/?#\\]|" + _BLANK + r"\Z)"
_AUTHORITY = re.compile(rf"{_BLANK}(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#\\]*@)?([^/?#\\@\s]*?){_END}")
# Some trackers send a bare host. It has a dot and no user part: mailto:a@b.c and about:blank are none.
_BARE_HOST = re.compile(rf"{_BLANK}((?:[^/?#\\@:.\s]+\.)+[^/?#\\@:.\s]+\.?){_END}")
_UTM_SOURCE = r"^[^#]*?[?&;]utm_source=([^&;#]*)"


def referrer_hosts(referrers: pl.Series) -> pl.Series:
    """The host of each referrer: lower case, without user part, port or trailing dot, in ASCII form.

    An Android app gives its package name, such as `com.linkedin.android`. Null where there is no referrer,
    `-`, or text without a host in it (`/page`, `https:///`, `about:blank`).
    """
    # Cut behind the host in bulk, so that only distinct `https://host` are left to look into. Positions are
    # in bytes and lengths in characters, so what is not ASCII keeps some of its path, which does no harm.
    text = pl.col("text")
    slashes = text.str.find("//", literal=True)
    end = slashes + 2 + text.str.slice(slashes + 2).str.find("/", literal=True)
    heads = (
        referrers.cast(pl.String)
        .str.slice(0, _LONGEST_URL)
        .to_frame("text")
        .select(pl.when(slashes == text.str.find("/", literal=True)).then(text.str.slice(0, end)).otherwise(text))
        .to_series()
    )
    return map_distinct_values(heads, lambda distinct: _each(distinct, _host)).alias(referrers.name)


def utm_sources(urls: pl.Series) -> pl.Series:
    """The utm_source in each URL's query; null where there is none.

    Percent-decoded, in lower case, at most 100 characters, without control characters. The first one counts;
    what follows `#` is not the query.
    """
    shortened = urls.cast(pl.String).str.slice(0, _LONGEST_URL)
    # Looking for the word first costs a tenth of the pattern, and most URLs have none.
    tagged = shortened.set(~shortened.str.contains("utm_source=", literal=True), None)
    return map_distinct_values(tagged.str.extract(_UTM_SOURCE), lambda distinct: _each(distinct, _decoded)).alias(
        urls.name
    )


def named_sources(
    hosts: pl.Series, utm_sources: pl.Series, event_hosts: pl.Series, hostnames: Iterable[str] = ()
) -> pl.Series:
    """The name of the source each event came from; never null.

    The first that holds: the source that the utm_source names; `internal` where the referrer's registrable
    domain is that of the event's own host or of one of our sites; the source the referrer's host belongs to
    (the most specific rule wins); `other` where there is a referrer or a utm_source that no rule knows;
    `direct`.

    A campaign tag goes before the referrer, also before our own, since a tagged link is told by us and
    redirects change referrers; a tag that no rule knows takes nothing away from a referrer that is known.

    Args:
        hosts: As `referrer_hosts` gives them.
        utm_sources: As the function of that name gives them.
        event_hosts: The host each event happened on; null where not known.
        hostnames: All our sites.

    Returns:
        Names as in `source_channels`.
    """
    rules = source_rules()
    columns = pl.DataFrame(
        {
            "host": hosts.cast(pl.String),
            "by_host": map_distinct_values(hosts.cast(pl.String), lambda each: _each(each, rules.of_host)),
            "by_utm": map_distinct_values(utm_sources.cast(pl.String), lambda each: _each(each, rules.of_utm)),
            "tagged": utm_sources.is_not_null(),
            "internal": _internal(hosts.cast(pl.String), event_hosts.cast(pl.String), hostnames),
        }
    )
    return columns.select(
        pl.when(pl.col("by_utm").is_not_null())
        .then("by_utm")
        .when("internal")
        .then(pl.lit(INTERNAL))
        .when(pl.col("by_host").is_not_null())
        .then("by_host")
        .when(pl.col("host").is_not_null() | pl.col("tagged"))
        .then(pl.lit(OTHER))
        .otherwise(pl.lit(DIRECT))
        .alias("source")
    ).to_series()


def _internal(hosts: pl.Series, event_hosts: pl.Series, hostnames: Iterable[str]) -> pl.Series:
    """Whether a referrer's host shares its registrable domain with the event's host or one of our sites."""
    ours = sorted({registrable_domain(name) for name in hostnames})
    if len(hosts) <= FEW:
        pairs = zip(hosts.to_list(), registrable_domains(event_hosts).to_list(), strict=True)
        return pl.Series(
            [host is not None and registrable_domain(host) in {*ours, own} for host, own in pairs], dtype=pl.Boolean
        )
    frame = pl.DataFrame({"host": hosts, "own": registrable_domains(event_hosts)})
    host, own = pl.col("host"), pl.col("own")
    # The public suffix list is slow to ask (8 us a host), so only hosts that end like one of ours are asked.
    alike = pl.any_horizontal(
        host == own, host.str.ends_with("." + own), *(host.str.ends_with(domain) for domain in ours)
    )
    candidates = frame.select(pl.when(alike).then(host)).to_series()
    frame = frame.with_columns(registrable_domains(candidates).alias("domain"))
    same = (pl.col("domain") == own).fill_null(value=False) | pl.col("domain").is_in(ours).fill_null(value=False)
    return frame.select(same).to_series()


def _host(head: str) -> str | None:
    found = _AUTHORITY.match(head) or _BARE_HOST.match(head)
    return normal_host(found[1]) if found else None


def _each(values: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    return pl.Series([None if value is None else function(value) for value in values.to_list()], dtype=pl.String)


def _decoded(raw: str) -> str | None:
    text = "".join(character for character in unquote_plus(raw) if character.isprintable())
    return text.strip().lower()[:LONGEST_UTM_SOURCE].strip() or None
