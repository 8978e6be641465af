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
from itertools import pairwise

import numpy as np
import polars as pl

from growth_assets.contracts.whole_numbers import FEW, ROWS_AT_HAND, Flags, Numbers, with_nulls_as

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

_DOTS = 3
_WORTH = (1, 10, 100)
"""Of the last digit of an octet, the one before, and the first."""
_LEAST = np.array([0, 0, 10, 100], np.uint32)
"""By how many digits it has, as none begins with a zero."""

_ZEROS = re.compile(r"\b0(?::0)+\b")
_MAPPED = bytes(10) + b"\xff\xff"


def is_ipv4(addresses: pl.Series) -> pl.Series:
    """Whether each text is an IPv4 address in dotted form; null where it is null."""
    return ipv4_numbers(addresses).is_not_null().set(addresses.is_null(), None)


def ipv4_numbers(addresses: pl.Series) -> pl.Series:
    """The 32-bit number of each IPv4 address in dotted form; UInt32, null where the text is anything else."""
    if len(addresses) <= FEW:
        packed = (packed_ipv4(each) if each else None for each in addresses.to_list())
        few = [None if each is None else int.from_bytes(each) for each in packed]
        return pl.Series(addresses.name, few, dtype=pl.UInt32)
    texts = addresses.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
    ends = np.frombuffer(texts.buffers()[1], np.int64, len(texts) + 1, 8 * texts.offset)
    signs = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    numbers, known = np.zeros(len(texts), np.uint32), np.zeros(len(texts), bool)
    for first in range(0, len(texts), ROWS_AT_HAND):
        of_some = ends[first : first + ROWS_AT_HAND + 1]
        rows, found = _of_dotted(signs[of_some[0] : of_some[-1]], of_some - of_some[0])
        numbers[first + rows], known[first + rows] = found, True
    every = pl.Series(addresses.name, numbers)
    return every if known.all() else every.set(pl.Series(~known), None)


def _of_dotted(signs: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """Which texts are such addresses, and their numbers; text `i` is the bytes from `ends[i]` to `ends[i + 1]`."""
    dots = np.flatnonzero(signs == ord("."))
    before = np.searchsorted(dots, ends)
    rows = np.flatnonzero(np.diff(before) == _DOTS)
    parted = [ends[rows] - 1, *(dots[before[rows] + number] for number in range(_DOTS)), ends[rows + 1]]
    numbers, sure = np.zeros(len(rows), np.uint32), np.ones(len(rows), bool)
    for begin, end in pairwise(parted):
        length = end - begin - 1
        octet = np.zeros(len(rows), np.uint32)
        for place, worth in enumerate(_WORTH, start=1):
            digit = signs[end - place] - np.uint8(ord("0"))
            there = length >= place
            sure &= (digit <= 9) | ~there
            octet += np.where(there, digit, 0) * np.uint32(worth)
        sure &= (length >= 1) & (length <= len(_WORTH)) & (octet >= _LEAST[np.clip(length, 0, len(_WORTH))])
        sure &= octet <= 255
        numbers <<= np.uint32(8)
        numbers |= octet
    return rows[sure], numbers[sure]


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
