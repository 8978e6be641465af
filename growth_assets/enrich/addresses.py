"""Public addresses: which IP addresses can belong to somebody on the internet, and so have a country.

The ranges are those of the IANA special-purpose registries (IPv4 and IPv6, RFC 6890) and multicast. They
stand here, and are not taken from Python's `ipaddress`, since its answers have changed between versions of
Python and the tables must not. Not public either: 192.0.0.0/24 as a whole and 2001::/23 (Teredo, ORCHID),
whose few reachable parts are no visitor's.
"""

from __future__ import annotations

import re
import socket
import struct
from ipaddress import IPv4Network, IPv6Network

import numpy as np
import polars as pl

from growth_assets.contracts.whole_numbers import FEW, Flags, with_nulls_as

NOT_PUBLIC_IPV4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip

GLOBAL_IPV6 = IPv6Network("2000::/3")
"""The only IPv6 space that is handed out."""

NOT_PUBLIC_IPV6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "3fff::/20"))
"""The parts of it that are nobody's."""

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# No leading zeros: some readers take them as octal, so that one text would be two addresses.
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"

_ONE_IPV4 = re.compile(_IPV4)

_ZEROS = re.compile(r"\b0(?::0)+\b")
_MAPPED = bytes(10) + b"\xff\xff"


def is_ipv4(addresses: pl.Series) -> pl.Series:
    """Whether each text is an IPv4 address in dotted form; null where it is null."""
    return addresses.str.contains(_IPV4)


def ipv4_numbers(addresses: pl.Series) -> pl.Series:
    """The 32-bit number of each IPv4 address in dotted form; UInt32, null where the text is anything else."""
    if len(addresses) <= FEW:
        packed = (packed_ipv4(each) if each else None for each in addresses.to_list())
        numbers = [None if each is None else int.from_bytes(each) for each in packed]
        return pl.Series(addresses.name, numbers, dtype=pl.UInt32)
    octets = addresses.str.split_exact(".", 3).struct.unnest().select(pl.all().cast(pl.UInt32, strict=False))
    first, second, third, fourth = octets.columns
    number = (pl.col(first) * (1 << 24) + pl.col(second) * (1 << 16) + pl.col(third) * (1 << 8) + pl.col(fourth)).cast(
        pl.UInt32
    )
    return octets.select(pl.when(is_ipv4(addresses)).then(number)).to_series()


def public_ipv4(numbers: pl.Series) -> Flags:
    """Whether IPv4 addresses, as 32-bit numbers, are public; null is none."""
    known = with_nulls_as(0, numbers)  # 0.0.0.0 is not public either
    public = np.ones(len(known), bool)
    for network in NOT_PUBLIC_IPV4:
        public &= (known < int(network.network_address)) | (known > int(network.broadcast_address))
    return public


def packed_ipv4(address: str) -> bytes | None:
    """The 4 bytes of an IPv4 address in dotted form; None for any other text."""
    return socket.inet_aton(address) if _ONE_IPV4.fullmatch(address) else None


def packed_ipv6(address: str) -> bytes | None:
    """The 16 bytes of an IPv6 address, a zone such as `%eth0` left off; None for any other text."""
    try:
        return socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):  # ValueError: a null byte, or text that is not ASCII
        return None


def embedded_ipv4(packed: bytes) -> str | None:
    """The IPv4 address in an IPv4-mapped IPv6 one (`::ffff:192.0.2.1`); None in any other."""
    return socket.inet_ntoa(packed[12:]) if packed.startswith(_MAPPED) else None


def canonical_ipv6(packed: bytes) -> str:
    """The one spelling of an IPv6 address that RFC 5952 recommends, all groups in hexadecimal.

    Not left to the machine or to Python: their spellings differ here and there, and a visitor's id hangs on this one.
    """
    text = "{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}".format(*struct.unpack(">8H", packed))
    # The longest run of zero groups, and of equally long ones the first; a single one is spelled out.
    run = max(_ZEROS.finditer(text), key=lambda found: found.end() - found.start(), default=None)
    if run is None:
        return text
    return f"{text[: run.start()].removesuffix(':')}::{text[run.end() :].removeprefix(':')}"


def is_public_ipv6(packed: bytes) -> bool:
    """Whether an IPv6 address that embeds no IPv4 one is public."""
    number = int.from_bytes(packed, "big")
    return number >> _GLOBAL[0] == _GLOBAL[1] and not any(number >> bits == head for bits, head in _NOT_PUBLIC)


def _host_bits_and_head(network: IPv6Network) -> tuple[int, int]:
    bits = 128 - network.prefixlen
    return bits, int(network.network_address) >> bits


# Shifted integers: `address in network` takes ten times as long.
_GLOBAL = _host_bits_and_head(GLOBAL_IPV6)
_NOT_PUBLIC = tuple(_host_bits_and_head(network) for network in NOT_PUBLIC_IPV6)
