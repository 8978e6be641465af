"""The addresses of people: IPv4 blocks of their country, as the packaged country database has them.

`address_blocks.csv` holds the largest blocks of each country of the demo world, taken from the database once,
so that a world's bytes do not change with the database. A test holds the two against each other.
"""

from __future__ import annotations

import csv
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import maxminddb
import numpy as np

from growth_assets.simulate.dice import Ints, Words, mixed

BLOCKS_A_COUNTRY = 12
_LARGEST = 10
"""Prefix length: what is larger than a /10 belongs to armies, clouds and first comers, not to visitors."""
_NETWORK = 24
"""Prefix length of the unit of a draw."""


@dataclass(frozen=True)
class Blocks:
    """Blocks of all countries in a row, measured in /24 networks of 256 addresses."""

    first: Ints
    """First address of each block."""
    end: Ints
    """Networks up to the end of each block."""
    start_of_country: Ints
    networks_of_country: Ints

    def address(self, country: Ints, words: Words) -> Ints:
        """An address of its country for each word; never the first or last of its network."""
        at = self.start_of_country[country] + (words % self.networks_of_country[country].astype(np.uint64)).astype(
            np.int64
        )
        block = np.searchsorted(self.end, at, side="right")
        before = np.concatenate(([0], self.end[:-1]))[block]
        host = 1 + (mixed(words, 7) % np.uint64(254)).astype(np.int64)
        return np.asarray(self.first[block] + (at - before) * 256 + host)


@lru_cache(maxsize=1)
def _networks() -> dict[str, list[ipaddress.IPv4Network]]:
    text = (resources.files("growth_assets.simulate") / "address_blocks.csv").read_text(encoding="utf-8")
    found: dict[str, list[ipaddress.IPv4Network]] = {}
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["country"], []).append(ipaddress.IPv4Network(row["network"]))
    return found


def blocks(countries: Iterable[str]) -> Blocks:
    """The blocks of `countries`, in that order."""
    first: list[int] = []
    sizes: list[int] = []
    starts: list[int] = []
    totals: list[int] = []
    for country in countries:
        networks = _networks()[country]
        starts.append(sum(sizes))
        first += [int(network.network_address) for network in networks]
        sizes += [network.num_addresses // 256 for network in networks]
        totals.append(sum(sizes) - starts[-1])
    return Blocks(
        np.asarray(first, dtype=np.int64),
        np.cumsum(sizes, dtype=np.int64),
        np.asarray(starts, dtype=np.int64),
        np.asarray(totals, dtype=np.int64),
    )


def largest_blocks(database: Path, countries: Iterable[str]) -> list[tuple[str, str]]:
    """The largest public IPv4 blocks of each country in a country database, as (country, network).

    Reads every network of the database: seconds. Equal sizes go by address.
    """
    wanted = list(countries)
    found: dict[str, set[ipaddress.IPv4Network]] = {country: set() for country in wanted}
    with maxminddb.open_database(database) as reader:
        for network, country in _records(reader):
            # A block that is not public has no country to the pipeline.
            if country in found and _LARGEST <= network.prefixlen <= _NETWORK and network.is_global:
                found[country].add(network)
    return [
        (country, str(network))
        for country in wanted
        for network in sorted(found[country], key=lambda each: (each.prefixlen, each))[:BLOCKS_A_COUNTRY]
    ]


def write_blocks(database: Path, path: Path, countries: Iterable[str]) -> None:
    """Renew `address_blocks.csv` after a new country database; this changes the bytes of every world."""
    lines = [
        "country,network",
        *(f"{country},{network}" for country, network in largest_blocks(database, countries)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _records(reader: maxminddb.Reader) -> Iterator[tuple[ipaddress.IPv4Network, str]]:
    for network, record in reader:
        if isinstance(network, ipaddress.IPv4Network) and isinstance(record, dict):
            country = record.get("country")
            if isinstance(country, dict):
                yield network, str(country.get("iso_code"))
