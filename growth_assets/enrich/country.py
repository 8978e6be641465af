"""The country of an IP address, from a database file in MaxMind's format (.mmdb).

Read are country and city databases of MaxMind (GeoLite2, GeoIP2), DB-IP, IPinfo and ip-location-db. What
counts is where the address is used (`country`); where it is registered (`registered_country`) is another
fact, and as in MaxMind's own clients it does not stand in for it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import maxminddb
import numpy as np
import polars as pl

from growth_assets.contracts.whole_numbers import nulls_in, order_of
from growth_assets.enrich.addresses import (
    embedded_ipv4,
    ipv4_numbers,
    is_public_ipv6,
    packed_ipv6,
    public_ipv4,
)
from growth_assets.enrich.iso_3166 import COUNTRY_CODES, UNKNOWN_COUNTRY
from growth_assets.reference import COUNTRY_DATABASE

_TYPES = ("country", "city", "enterprise", "location")
_REMEDY = (
    "Fetch the file anew, or let country_database in site.toml name another GeoLite2, GeoIP2 or DB-IP "
    "database of countries or cities, or leave that setting out to use the one in the package."
)


class CountryDatabaseError(Exception):
    """The country database cannot be used. The message names the file and what to do."""


def open_database(path: Path | None = None) -> CountryDatabase:
    """Open the country database at `path`; None is the one in the package.

    The file is read whole: it may be replaced or overwritten meanwhile, and every answer still comes from the content
    whose `version` and `sha256` are told. It is read anew only when it is another file or was written to.

    Raises:
        CountryDatabaseError: the file is missing, damaged, or not a database of countries or cities.
    """
    path = COUNTRY_DATABASE if path is None else path
    state = _state(path)
    known = _OPENED.get(path)
    if known and known[0] == state:
        return known[1]
    opened = CountryDatabase(path)
    if state is not None and state == _state(path):
        _OPENED[path] = state, opened
    return opened


_State = tuple[int, ...]

_OPENED: dict[Path, tuple[_State, CountryDatabase]] = {}
"""To read the file for each of many small days takes a tenth of the time of their enrichment."""


def _state(path: Path) -> _State | None:
    """What changes whenever the file does; None where that cannot be told."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class CountryDatabase:
    """A country database, opened; see `open_database`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CountryDatabaseError(f"{path}: cannot be read: {error.strerror}. {_REMEDY}") from error
        if content.startswith((b"\x1f\x8b", b"PK")):
            raise CountryDatabaseError(f"{path}: is a compressed archive; unpack the .mmdb file from it.")
        self.sha256 = hashlib.sha256(content).hexdigest()
        """Of the whole file."""
        try:
            self._reader = _open_copy(content)
            metadata = self._reader.metadata()
        except Exception as error:
            # The C reader raises what it likes at damaged files: InvalidDatabaseError, ValueError,
            # UnicodeDecodeError.
            raise CountryDatabaseError(f"{path}: is damaged, or no MaxMind database. {_REMEDY}") from error
        self._ip_version = metadata.ip_version
        if not any(kind in metadata.database_type.lower() for kind in _TYPES):
            raise CountryDatabaseError(
                f"{path}: is of type {metadata.database_type!r}, which does not tell countries. {_REMEDY}"
            )
        self.version = f"{metadata.database_type}@{metadata.build_epoch}"
        """The database's own type and build time, such as `GeoLite2-Country@1770245369`."""

    def countries(self, addresses: pl.Series) -> pl.Series:
        """The dim_country of each IP address: ISO 3166-1 alpha-2, `ZZ` where unknown; never null.

        Hand in distinct ones: each is looked up. Unknown are: null, text that is no address, addresses that are not
        public (private, loopback, documentation and so on), those the database has no country for, and codes that are
        no country's, such as `EU`. An IPv4-mapped IPv6 address has the country of its IPv4 address.

        Raises:
            CountryDatabaseError: the database is damaged where an address is looked up.
        """
        addresses = addresses.cast(pl.String)
        numbers = ipv4_numbers(addresses)
        rows = np.flatnonzero(nulls_in(numbers))
        ipv6: dict[int, str] = {}
        embedded: dict[int, str] = {}
        for row, text in zip(rows.tolist(), addresses[rows].to_list(), strict=True):
            packed = packed_ipv6(text) if text else None
            if packed is None:
                continue
            ipv4 = embedded_ipv4(packed)
            if ipv4 is not None:
                embedded[row] = ipv4
            elif self._ip_version == 6 and is_public_ipv6(packed):
                ipv6[row] = self._country(text, self._lookup(text)[0])
        if embedded:
            numbers.scatter([*embedded], ipv4_numbers(pl.Series([*embedded.values()])))
        countries = self._of_ipv4(numbers)
        if ipv6:
            countries.scatter([*ipv6], pl.Series([*ipv6.values()]))
        return countries.alias(addresses.name)

    def _of_ipv4(self, numbers: pl.Series) -> pl.Series:
        """Country of each public IPv4 address; unknown for any other and for null."""
        rows = np.flatnonzero(public_ipv4(numbers))
        wanted = numbers.to_numpy()[rows].astype(np.uint32)
        order = order_of(wanted)
        rows, ordered = rows[order], wanted[order].tolist()
        codes: list[str] = []
        counts: list[int] = []
        at = 0
        # One lookup a network, not one an address: neighbours in order share their network's answer.
        while at < len(ordered):
            number = ordered[at]
            text = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            record, prefix = self._lookup(text)
            after = bisect_right(ordered, number | (1 << (32 - min(prefix, 32))) - 1, lo=at + 1)
            codes.append(self._country(text, record))
            counts.append(after - at)
            at = after
        nothing = len(codes)
        answer_of_row = np.full(len(numbers), nothing, dtype=np.uint32)
        answer_of_row[rows] = np.repeat(np.arange(nothing, dtype=np.uint32), counts)
        return pl.Series([*codes, UNKNOWN_COUNTRY], dtype=pl.String)[pl.Series(answer_of_row)]

    def _lookup(self, address: str) -> tuple[Any, int]:
        try:
            return self._reader.get_with_prefix_len(address)
        except Exception:
            # The reader's own message holds the address.
            raise self._damaged(address) from None

    def _country(self, address: str, record: object) -> str:
        """The code in a record of any of the known layouts."""
        if record is None:
            return UNKNOWN_COUNTRY
        if not isinstance(record, dict):
            raise self._damaged(address)
        country = record.get("country")
        code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code", country)
        if code is None:
            return UNKNOWN_COUNTRY
        if not isinstance(code, str):
            raise self._damaged(address)
        return code if code in COUNTRY_CODES else UNKNOWN_COUNTRY

    def _damaged(self, address: str) -> CountryDatabaseError:
        # The network, not the address: messages end up in logs that many may read.
        start = ".".join(address.split(".")[:2]) + ".0.0" if "." in address else address.partition(":")[0] + "::"
        message = f"{self.path}: is damaged: a record in {start}/16 is unreadable. {_REMEDY}"
        return CountryDatabaseError(message)


def _open_copy(content: bytes) -> maxminddb.Reader:
    """A reader of `content`, by way of a copy of our own that nobody else can shorten.

    The C reader, 50 times as fast as the one in Python, maps a file into memory, and the process dies of a
    bus error when somebody overwrites that file in place.
    """
    with TemporaryDirectory(prefix="growth_assets_", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "country.mmdb"
        copy.write_bytes(content)
        return maxminddb.open_database(copy)
