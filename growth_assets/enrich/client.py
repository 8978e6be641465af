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
_SHORT_IPV6 = rf"^(?:{_GROUP}(?::{_GROUP}){{0,5}})?::(?:{_GROUP}(?::{_GROUP}){{0,5}})?$"
_ZEROS = r"(?:^|:)0:(?:0(?::|$)|:)|::0(?::|$)|^::ffff:"
"""Zeros that `::` would stand for, or stand for more of; and IPv4 in IPv6."""
_MOST_GROUPS = 6
_PADDED = r"\b(?:000([0-9a-f])|00([0-9a-f]{2})|0([0-9a-f]{3}))\b"

_PLAIN_CHARS = r"^[\t -~]*$"
_JSON_LIST = r'^[\t ]*\["'
_FOR = r"(?i)(?:^|;)[\t ]*for[\t ]*=([^;]*)"
_BARE = r"^(?:\[([^\[\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5})$"
_AROUND = ' \t"'
_MOST_HOPS = 12
"""So many entries of a list are looked at for all rows at once; whoever sends more of them is looked at alone."""
_FEW = 8
_AT_ONCE = 1 << 19
"""Rows whose lists are held at once."""

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
    forwarded = forwarded.cast(pl.String)
    if forwarded.null_count() < len(forwarded):
        forwarded = forwarded.replace("", None)
    pairs = pl.DataFrame({"peer": peers.cast(pl.String), "forwarded": forwarded})
    alone = pairs["forwarded"].is_null()
    clients = pairs.select(pl.when(_plain(pairs["peer"]) & alone).then("peer")).to_series()
    rest = (clients.is_null() & (pairs["peer"].is_not_null() | ~alone)).arg_true()
    if len(rest):
        parts = [chains.clients(pairs[rest[at : at + _AT_ONCE]]) for at in range(0, len(rest), _AT_ONCE)]
        clients = clients.scatter(rest, pl.concat(parts))
    return clients.alias("client")


def _plain(texts: pl.Series) -> pl.Series:
    """Whether a text is one address in its canonical spelling; null where it is null."""
    found = is_ipv4(texts)
    rows = (~found).arg_true()
    return found.scatter(rows, _canonical_ipv6(texts[rows])) if len(rows) else found


def _canonical_ipv6(texts: pl.Series) -> pl.Series:
    """Whether a text is an IPv6 address as RFC 5952 spells it; some such may be missed. Null where it is null."""
    groups = texts.str.count_matches("[0-9a-f]+")
    short = texts.str.contains(_SHORT_IPV6) & (groups <= _MOST_GROUPS)
    return (short | texts.str.contains(_LONG_IPV6)) & ~texts.str.contains(_ZEROS)


def _spelled_shorter(texts: pl.Series) -> pl.Series:
    """IPv6 addresses without the leading zeros of groups of four digits."""
    zeros = texts.str.contains(_PADDED)
    return texts.zip_with(~zeros, texts.str.replace_all(_PADDED, "$1$2$3")) if zeros.any() else texts


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

    def trusts_ipv6(self, addresses: pl.Series) -> pl.Series:
        """Whether canonical IPv6 addresses are trusted; null where their first 32 bits do not tell."""
        first, second = (
            addresses.str.extract(group).replace("", "0").str.to_integer(base=16, dtype=pl.Int64, strict=False)
            for group in ("^([0-9a-f]{0,4}):", "^[0-9a-f]{0,4}:([0-9a-f]{0,4})(?::|$)")
        )
        bits = first * (1 << 16) + second
        nobody, everybody = bits.is_between(1, 0), bits.is_between(1, 0)
        for low, high in self._ranges[6]:
            nobody |= bits.is_between(low >> 96, high >> 96)
            begins, ends = -(-low >> 96), (high + 1 >> 96) - 1
            everybody |= bits.is_between(begins, ends)
        return everybody.set(nobody & ~everybody, None)

    def known(self, entries: pl.Series) -> pl.DataFrame:
        """The address in each entry of a list, and whether it is trusted; both null where it holds none."""
        parts = entries.str.extract_groups(_BARE).struct.unnest().get_columns()
        bare = pl.select(pl.coalesce(*parts, entries)).to_series()
        addresses = bare.set(~is_ipv4(bare), None)
        trusted = self.trusts_ipv4(ipv4_numbers(bare))
        rows = bare.str.contains(":", literal=True).arg_true()
        if len(rows):
            spelled = _spelled_shorter(bare[rows].str.replace("%.*", "").str.to_lowercase())
            canonical = _canonical_ipv6(spelled)
            addresses.scatter(rows, spelled.set(~canonical, None))
            trusted.scatter(rows, self.trusts_ipv6(spelled).set(~canonical, None))
        rows = (trusted.is_null() & entries.is_not_null()).arg_true()
        if len(rows):
            # These only are looked at one by one.
            found = [address_in(entry) for entry in entries[rows]]
            word = [None if address is None else self._trusts(address) for address in found]
            addresses.scatter(rows, pl.Series(found, dtype=pl.String))
            trusted.scatter(rows, pl.Series(word, dtype=pl.Boolean))
        return pl.DataFrame({"address": addresses, "trusted": trusted})

    def known_of(self, entries: pl.Series) -> pl.DataFrame:
        """As `known`; of few proxies that come again and again each is looked at once."""
        distinct = entries.unique()
        if _FEW * len(distinct) > len(entries):
            return self.known(entries)
        known = self.known(distinct).with_columns(entry=distinct)
        found = entries.to_frame("entry").join(known, on="entry", how="left", nulls_equal=True, maintain_order="left")
        return found.select("address", "trusted")

    def clients(self, pairs: pl.DataFrame) -> pl.Series:
        """`client` of each row of the columns peer and forwarded; both may be null."""
        pairs = pairs.with_columns(pl.all().fill_null(""))
        plain = pairs.select(
            pl.all_horizontal(pl.all().str.contains(_PLAIN_CHARS) & ~pl.all().str.contains(_JSON_LIST))
        ).to_series()
        walk = _Walk(self, pairs.height)
        nobody = pairs["peer"].str.strip_chars().str.to_lowercase().is_in([*_NOBODY])
        walk.pass_over(pairs["peer"], (plain & ~nobody).arg_true(), connected=True)
        walk.pass_over(pairs["forwarded"], walk.open(plain), connected=False)
        clients = walk.done()
        alone = (~plain | walk.long).arg_true()
        # These only are looked at one by one.
        others = [self.client(peer, forwarded) for peer, forwarded in pairs[alone].iter_rows()]
        return clients.scatter(alone, pl.Series(others, dtype=pl.String)) if others else clients

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


class _Walk:
    """The way from who connected to the client, for many chains at once."""

    def __init__(self, chains: _Chains, height: int) -> None:
        self._chains = chains
        self._found = pl.Series([None], dtype=pl.String).new_from_index(0, height)
        self._leftmost = self._found.clone()
        self._over = pl.repeat(value=False, n=height, dtype=pl.Boolean, eager=True)
        self.long = self._over.clone()
        """Chains with more entries than are looked at here."""

    def open(self, where: pl.Series) -> pl.Series:
        """The rows of `where` whose client is not found yet."""
        return (where & ~self._over & ~self.long).arg_true()

    def done(self) -> pl.Series:
        """The clients; where all were trusted, the leftmost."""
        return self._found.zip_with(self._over, self._leftmost)

    def pass_over(self, texts: pl.Series, rows: pl.Series, *, connected: bool) -> None:
        """Walk through a list for each of `rows`, from the right; in that of who `connected` a name may stand first."""
        lists = texts[rows].str.split(",")
        named = pl.repeat(value=connected, n=len(rows), dtype=pl.Boolean, eager=True)
        for hop in range(_MOST_HOPS):
            inside = lists.list.len() > hop
            lists, rows, named = lists.filter(inside), rows.filter(inside), named.filter(inside)
            if not len(rows):
                return
            entries = self._entries(lists.list.get(-1 - hop))
            empty = entries == ""
            known = self._chains.known_of(entries.set(empty, None))
            address, trusted = known["address"], known["trusted"]
            nowhere = ~empty & address.is_null()
            name = nowhere & named & ~entries.str.to_lowercase().is_in([*_NOBODY])
            client = address.zip_with(~name, entries).zip_with(~nowhere | name, self._leftmost[rows])
            over = nowhere | ~trusted.fill_null(value=True)
            ended = over.arg_true()
            self._found.scatter(rows[ended], client[ended])
            self._over.scatter(rows[ended], True)  # noqa: FBT003
            on = (~empty & ~over).arg_true()
            self._leftmost.scatter(rows[on], address[on])
            lists, rows, named = lists.filter(~over), rows.filter(~over), (named & empty).filter(~over)
        more = rows.filter(lists.list.len() > _MOST_HOPS)
        self.long.scatter(more, True)  # noqa: FBT003

    def _entries(self, texts: pl.Series) -> pl.Series:
        named = texts.str.contains("=", literal=True)
        if named.any():
            texts = pl.select(pl.coalesce(texts.set(~named, None).str.extract(_FOR), texts)).to_series()
        return texts.str.strip_chars(_AROUND)


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
