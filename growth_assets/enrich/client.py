"""The client's address: who of those in the chain of proxies sent the request.

The chain is `forwarded_for` from left to right, then `ip`, who connected; `ip` may hold such a list itself. It is read
from the right, since everything left of what our own proxies wrote can be forged: trusted proxies are skipped, and the
first address that is none is the client. Where all are trusted it is the leftmost one.

An entry may be

- IPv6 in any spelling, in brackets, with a zone (`%eth0`): the address as RFC 5952 spells it, without the zone;
- IPv4-mapped (`::ffff:192.0.2.1`): the IPv4 address;
- with a port (`192.0.2.1:80`, `[2001:db8::1]:443`): the address;
- truncated, as `192.0.2.0` or `2001:db8::`: an address like any other; as `192.0.2.x`, `192.0.xxx.xxx` or `192.0.2.*`:
  the address with zeros in these places;
- `for=...` of RFC 7239, quoted or not: what stands behind `for=`;
- empty: passed over;
- `-` or `unknown`: a hop that nobody knows. What is left of it does not count, but where `ip` is nothing else;
- any other text, such as `_hidden` of RFC 7239, a host name or `08.8.8.8`: the same, but where it is who connected (the
  last of `ip`). Then it is the client under that name, of no known country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import chain
from operator import or_

import polars as pl

from growth_assets.enrich.addresses import (
    canonical_ipv6,
    embedded_ipv4,
    ipv4_numbers,
    is_ipv4,
    packed_ipv4,
    packed_ipv6,
)

_GROUP = "(?:0|[1-9a-f][0-9a-f]{0,3})"
_LONG_IPV6 = rf"^{_GROUP}(?::{_GROUP}){{7}}$"
_TWO_ZEROS = r"(?:^|:)0:0(?::|$)"

_LAST = "(?:^|,) *([0-9.]+) *$"

_WITH_PORT = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?|([0-9.x*]+):[0-9]{1,5}", re.IGNORECASE)
_TRUNCATED = re.compile(r"(?:\.(?:x{1,3}|\*)){1,3}", re.IGNORECASE)
_NOBODY = {"-", "unknown"}
_REMEMBERED = 1 << 16
"""Proxies, and what stands before them, come again and again."""


def client_addresses(peers: pl.Series, forwarded: pl.Series, trusted: Sequence[str]) -> pl.Series:
    """The client's address of each event, in its canonical spelling; hand in distinct pairs.

    Args:
        peers: `ip` as received.
        forwarded: `forwarded_for` as received; as long as `peers`.
        trusted: Addresses and networks whose word about who came before them is taken.

    Returns:
        String; null where nobody knows. A single address that is spelled canonically comes back as it is.
    """
    chains = _Chains(trusted)
    pairs = pl.DataFrame({"peer": peers.cast(pl.String), "forwarded": forwarded.cast(pl.String).replace("", None)})
    alone = pairs["forwarded"].is_null()
    clients = pairs.select(pl.when(_plain(pairs["peer"]) & alone).then("peer")).to_series()
    behind = (~alone).arg_true()
    if len(behind):
        clients = clients.scatter(behind, _behind_ipv4(pairs[behind], chains))
    rest = (clients.is_null() & (pairs["peer"].is_not_null() | ~alone)).arg_true()
    # These only are looked at one by one.
    others = [chains.client(peer, forwarded or "") for peer, forwarded in pairs[rest].iter_rows()]
    return (clients.scatter(rest, pl.Series(others, dtype=pl.String)) if others else clients).alias("client")


def _plain(texts: pl.Series) -> pl.Series:
    """Whether a text is one address in its canonical spelling, IPv6 with `::` left aside; null where it is null."""
    return is_ipv4(texts) | (texts.str.contains(_LONG_IPV6) & ~texts.str.contains(_TWO_ZEROS))


def _behind_ipv4(pairs: pl.DataFrame, chains: _Chains) -> pl.Series:
    """Clients where nothing but IPv4 addresses in dotted form had to be read to find them; else null."""
    numbers = ipv4_numbers(pairs["peer"])
    trusted = chains.trusts_ipv4(numbers)
    # Who connected is no proxy of ours: what it says of others may be forged.
    clients = pairs.select(pl.when(~trusted).then("peer")).to_series()
    rows = (trusted.fill_null(value=False) | pairs["peer"].is_null()).arg_true()
    rest = pairs["forwarded"][rows]
    while len(rows):
        last = rest.str.extract(_LAST)
        more = rest.str.contains(",", literal=True)
        passed = chains.trusts_ipv4(ipv4_numbers(last))
        found = passed.is_not_null() & (~passed | ~more)
        clients = clients.scatter(rows.filter(found), last.filter(found))
        on = (passed & more).fill_null(value=False)
        rows, rest = rows.filter(on), rest.filter(on).str.replace(_LAST, "")
    return clients


class _Chains:
    """Chains of proxies, with those that are trusted."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._ranges: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in map(_unmapped, map(ip_network, trusted)):
            between = int(network.network_address), int(network.broadcast_address)
            self._ranges[network.version].append(between)

    def trusts_ipv4(self, numbers: pl.Series) -> pl.Series:
        """Whether IPv4 addresses, as 32-bit numbers, are trusted; null where the number is null."""
        nobody = numbers.is_between(1, 0)
        return reduce(or_, (numbers.is_between(*between) for between in self._ranges[4]), nobody)

    def client(self, peer: str | None, forwarded: str) -> str | None:
        """The client of one chain; None where nobody knows."""
        peer = (peer or "").strip()
        # That who connected was not written down says nothing against those who were.
        by_peer = [] if peer.lower() in _NOBODY else [*_from_the_right(peer)]
        leftmost: str | None = None
        for position, entry in enumerate(chain(by_peer, _from_the_right(forwarded))):
            address = address_in(entry)
            if address is None:
                is_client = position == 0 and by_peer and entry.lower() not in _NOBODY
                return entry if is_client else leftmost
            if not self._trusts(address):
                return address
            leftmost = address
        return leftmost

    def _trusts(self, address: str) -> bool:
        packed = packed_ipv6(address) if ":" in address else packed_ipv4(address)
        number = int.from_bytes(packed or b"", "big")
        return any(low <= number <= high for low, high in self._ranges[6 if ":" in address else 4])


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    mapped = None if isinstance(network, IPv4Network) else network.network_address.ipv4_mapped
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def _from_the_right(text: str) -> Iterator[str]:
    """The entries of a list from right to left, without empty ones; a list in JSON is one too."""
    text = text.strip()
    if text.startswith('["') and text.endswith('"]'):
        text = text[1:-1]
    # Quotes are no shelter for a comma: a forged one that is never closed would swallow what our proxies wrote.
    for entry in reversed(text.split(",")):
        if stripped := _named_for(entry).strip(' \t"'):
            yield stripped


def _named_for(entry: str) -> str:
    """What `for=` of RFC 7239 names in an entry that has parameters; an entry without it as it is."""
    for parameter in entry.split(";") if "=" in entry else ():
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "for":
            return value
    return entry


@lru_cache(_REMEMBERED)
def address_in(entry: str) -> str | None:
    """The address in an entry of a chain, canonically spelled; None where it holds none."""
    if match := _WITH_PORT.fullmatch(entry):
        entry = match[1] or match[2] or ""
    if ":" in entry:
        packed = packed_ipv6(entry)
        return None if packed is None else embedded_ipv4(packed) or canonical_ipv6(packed)
    if match := _TRUNCATED.search(entry):
        if match.end() != len(entry):
            return None
        entry = entry[: match.start()] + ".0" * match[0].count(".")
    return entry if packed_ipv4(entry) else None
