"""Build `growth_assets/reference/country.mmdb` from the delegation data of the regional internet registries.

    python scripts/build_country_database.py

Fetches one fixed version of the npm package @ip-location-db/asn-country (CSV ranges of addresses; NRO data,
CC BY 4.0) with `npm pack`, checks it against the hash below, and writes the database anew, which takes about
a minute. Needs npm and the development dependencies. The same version gives the same bytes. For newer data
raise VERSION, put the hash that the error message tells in SHA512, run it again, and bring
`growth_assets/reference/NOTICE.md` up to date.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import ipaddress
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPRange, IPSet

PACKAGE = "@ip-location-db/asn-country"
VERSION = "2.3.2026061719"
SHA512 = (
    "28dfe6506a9ffe7c24234443befe249ce739c465f16e8a14d4c9535d384425c2"
    "55c96c47a02c7aa1179df29ecd82e18a651a503e6656756c3fcec94766c502e9"
)
FILES = ("package/asn-country-ipv4.csv", "package/asn-country-ipv6.csv")
TARGET = Path(__file__).resolve().parents[1] / "growth_assets" / "reference" / "country.mmdb"
DATABASE_TYPE = "growth_assets-RIR-Country"
DESCRIPTION = "Countries of IP addresses by regional internet registry. Data: nro.net, CC BY 4.0."

Row = tuple[str, str, str]
"""First address, last address (inclusive), ISO 3166-1 alpha-2 code."""


class _DatedWriter(MMDBWriter):
    """A writer that stamps the data's day: the library stamps the moment of writing."""

    def __init__(self, build_epoch: int) -> None:
        # IPv4 lies in ::/96, where every reader looks for it.
        super().__init__(
            ip_version=6,
            ipv4_compatible=True,
            database_type=DATABASE_TYPE,
            languages=["en"],
            description={"en": DESCRIPTION},
        )
        self._epoch = build_epoch

    def _build_meta(self) -> dict[str, Any]:
        return {**super()._build_meta(), "build_epoch": self._epoch}


def data_epoch(version: str) -> int:
    """Midnight (UTC, seconds) of the data's day: a version such as 2.3.2026061719 ends with day and hour."""
    day = dt.datetime.strptime(version.rpartition(".")[2][:8], "%Y%m%d").replace(tzinfo=dt.UTC)
    return int(day.timestamp())


def checked_rows(rows: Iterable[list[str]]) -> Iterator[Row]:
    """The rows, in order.

    Raises:
        ValueError: a row is no range of addresses with a country, or overlaps the one before.
    """
    last = -1
    for number, row in enumerate(rows, start=1):
        if len(row) != 3 or len(row[2]) != 2 or not (row[2].isascii() and row[2].isupper()):
            raise ValueError(f"row {number}: expected first address, last address, country code, got {row}")
        first, end = (int(ipaddress.ip_address(text)) for text in row[:2])
        if not last < first <= end:
            raise ValueError(f"row {number}: {row[0]} to {row[1]} is out of order or overlaps the row before")
        last = end
        yield row[0], row[1], row[2]


def write_database(tables: Iterable[Iterable[Row]], build_epoch: int, target: Path) -> None:
    """Write the ranges of `tables` as a database; the same input gives the same bytes."""
    writer = _DatedWriter(build_epoch)
    for rows in tables:
        for first, last, country in rows:
            writer.insert_network(IPSet(IPRange(first, last)), {"country": {"iso_code": country}})
    writer.to_db_file(str(target))


def fetch(folder: Path) -> Path:
    """The package's archive, fetched into `folder` and checked."""
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
    archive = folder / name
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != SHA512:
        raise SystemExit(f"{PACKAGE}@{VERSION}: SHA-512 is {found}, expected {SHA512}. Nothing was written.")
    return archive


def tables_of(archive: Path) -> Iterator[Iterator[Row]]:
    """The IPv4 ranges, then the IPv6 ranges, read without unpacking anything onto the disk."""
    with tarfile.open(archive) as package:
        for name in FILES:
            member = package.extractfile(name)
            if member is None:
                raise SystemExit(f"{archive.name}: has no {name}")
            yield checked_rows(csv.reader(io.TextIOWrapper(member, encoding="ascii", newline="")))


def main() -> None:
    """Fetch, check, write."""
    with TemporaryDirectory() as folder:
        write_database(tables_of(fetch(Path(folder))), data_epoch(VERSION), TARGET)
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, SHA-256 {digest}\n")


if __name__ == "__main__":
    main()
