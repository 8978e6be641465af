"""Hosts: what makes a text a host name, and to which registrable domain a host belongs.

The public suffix list is the one bundled with `publicsuffixlist`; nothing is downloaded. Its private section
counts too, as in browsers: two sites under github.io or blogspot.com have two owners. substack.com is not
on the list, so an author's host there belongs to substack.com.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import polars as pl
from publicsuffixlist import PublicSuffixList

from growth_assets.enrich.distinct import map_distinct_values

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}\Z")
_IPV6 = re.compile(r"\[[0-9a-f:.]{2,45}\]\Z")
_LONGEST = 253
"""Characters of a host name, RFC 1035."""
_REMEMBERED = 1 << 16
"""Hosts that link here come again and again."""


def normal_host(text: str) -> str | None:
    """A host as it is compared: lower case, no trailing dot, international names in their ASCII form.

    None where the text is no host name and no address literal.
    """
    host = text.lower().removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    if len(host) > _LONGEST or not (_HOST.match(host) or _IPV6.match(host)):
        return None
    return host


def registrable_domains(hosts: pl.Series) -> pl.Series:
    """The registrable domain of each host, such as `substack.com` for `author.substack.com`.

    An address literal, a single label and a public suffix itself (`github.io`) stand for themselves.

    Args:
        hosts: Host names as `referrer_hosts` gives them; null stays null.
    """
    return map_distinct_values(
        hosts.cast(pl.String),
        lambda distinct: pl.Series(
            [None if host is None else registrable_domain(host) for host in distinct.to_list()],
            dtype=pl.String,
        ),
    )


@lru_cache(_REMEMBERED)
def registrable_domain(host: str) -> str:
    """The registrable domain of one host; see `registrable_domains`."""
    if _is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


def brand_label(host: str) -> str | None:
    """The label before the public suffix: `google` for www.google.co.uk; None where there is none.

    Without the list's private section, else a blog google.blogspot.com would pass for Google.
    """
    domain = None if _is_address(host) else _registries().privatesuffix(host)
    return domain.partition(".")[0] if domain else None


def _is_address(host: str) -> bool:
    return host.startswith("[") or bool(_IPV4.match(host))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _registries() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True, accept_unknown=False)
