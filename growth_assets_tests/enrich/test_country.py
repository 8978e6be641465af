"""Countries: MaxMind's own answers, damaged files, addresses that belong to nobody."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import geoip2.database
import geoip2.errors
import maxminddb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.enrich.addresses import ipv4_numbers, is_public_ipv6, packed_ipv6, public_ipv4
from growth_assets.enrich.country import CountryDatabaseError, open_database
from growth_assets.enrich.iso_3166 import COUNTRY_CODES
from growth_assets.reference import COUNTRY_DATABASE

# Python's own answers for these have changed between its versions; addresses.py says what ours are.
DISPUTED = [ipaddress.ip_network(each) for each in ("192.0.0.0/24", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16")]


def strings(*values: str | None) -> pl.Series:
    return pl.Series("ip", list(values), dtype=pl.String())


def public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """What Python's library says."""
    return address.is_global and not address.is_multicast and not address.is_reserved


@pytest.fixture(scope="module")
def packaged():
    return open_database()


@pytest.fixture
def maxmind(shared) -> Path:
    return shared / "oracles" / "maxmind"


@pytest.mark.parametrize("name", ["GeoIP2-Country-Test", "GeoLite2-Country-Test"])
def test_answers_are_those_maxmind_says_must_be_returned(maxmind, name):
    wanted: dict[str, str] = {}
    for entry in json.loads((maxmind / f"{name}.json").read_text(encoding="utf-8")):
        for text, record in entry.items():
            # Some entries are written with an address inside the network: that one is taken as it stands.
            network = ipaddress.ip_network(text, strict=False)
            first = ipaddress.ip_address(text.partition("/")[0])
            last = network[-1]
            if first in ipaddress.ip_network("::/96"):
                first, last = ipaddress.ip_address(int(first)), ipaddress.ip_address(int(last))
            for address in (first, last):
                code = record.get("country", {}).get("iso_code", "ZZ")
                if not any(address in each for each in DISPUTED if each.version == address.version):
                    wanted[str(address)] = code if public(address) else "ZZ"
    assert len(set(wanted.values())) > 20
    found = open_database(maxmind / f"{name}.mmdb").countries(strings(*wanted))
    wrong = [(a, w, f) for (a, w), f in zip(wanted.items(), found, strict=True) if w != f]
    assert wrong == []


def test_the_packaged_database_answers_as_geoip2_reads_it(packaged):
    numbers = random.Random(7)
    addresses = [str(ipaddress.IPv4Address(numbers.randrange(1 << 32))) for _ in range(2_000)]
    wanted = []
    with geoip2.database.Reader(COUNTRY_DATABASE) as reader:
        for address in addresses:
            try:
                found = reader.country(address).country.iso_code if public(ipaddress.ip_address(address)) else None
            except geoip2.errors.AddressNotFoundError:
                found = None
            wanted.append(found or "ZZ")
    assert packaged.countries(strings(*addresses)).to_list() == wanted
    assert len(set(wanted)) > 50


def test_city_databases_too(maxmind):
    database = open_database(maxmind / "GeoLite2-City-Test.mmdb")
    assert database.countries(strings("2.125.160.216", "81.2.69.142", "1.1.1.1")).to_list() == [
        "GB",
        "GB",
        "ZZ",
    ]
    assert database.version == "GeoLite2-City@1770245369"


ADDRESSES = {
    "null": (None, "ZZ"),
    "empty": ("", "ZZ"),
    "word": ("unknown", "ZZ"),
    "dash": ("-", "ZZ"),
    "three parts": ("8.8.8", "ZZ"),
    "too large": ("8.8.8.256", "ZZ"),
    "leading zero": ("08.8.8.8", "ZZ"),
    "blank": (" 8.8.8.8", "ZZ"),
    "line end": ("8.8.8.8\n", "ZZ"),
    "port": ("8.8.8.8:80", "ZZ"),
    "null byte": ("8.8.8.8\0", "ZZ"),
    "other digits": ("\u0668.8.8.8", "ZZ"),
    "five parts": ("8.8.8.8.8", "ZZ"),
    "public": ("8.8.8.8", "US"),
    "mapped": ("::ffff:8.8.8.8", "US"),
    "mapped in hex": ("::FFFF:808:808", "US"),
    "mapped private": ("::ffff:10.0.0.1", "ZZ"),
    "private": ("10.1.2.3", "ZZ"),
    "loopback": ("127.0.0.1", "ZZ"),
    "carrier": ("100.64.0.1", "ZZ"),
    "link local": ("169.254.1.1", "ZZ"),
    "documentation": ("192.0.2.1", "ZZ"),
    "multicast": ("224.0.0.1", "ZZ"),
    "reserved": ("240.0.0.1", "ZZ"),
    "broadcast": ("255.255.255.255", "ZZ"),
    "IPv6": ("2001:4860:4860::8888", "US"),
    "IPv6 in capitals": ("2001:4860:4860:0:0:0:0:8888", "US"),
    "IPv6 loopback": ("::1", "ZZ"),
    "unspecified": ("::", "ZZ"),
    "unique local": ("fd00::1", "ZZ"),
    "link local with zone": ("fe80::1%eth0", "ZZ"),
    "IPv6 documentation": ("2001:db8::1", "ZZ"),
    "IPv6 multicast": ("ff02::1", "ZZ"),
    "too many groups": ("1:2:3:4:5:6:7:8:9", "ZZ"),
    "long": ("1" * 10**6, "ZZ"),
}


@pytest.mark.parametrize(("address", "country"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_kinds_of_address(packaged, address, country):
    assert packaged.countries(strings(address)).to_list() == [country]


def test_length_order_repeats_and_nulls(packaged):
    every = [address for address, _ in ADDRESSES.values()] * 3
    found = packaged.countries(strings(*every))
    assert found.to_list() == [country for _, country in ADDRESSES.values()] * 3
    assert (found.name, found.dtype) == ("ip", pl.String)
    assert packaged.countries(strings()).len() == 0
    assert packaged.countries(pl.Series("ip", [None, None])).to_list() == ["ZZ", "ZZ"]


def test_one_lookup_a_network_gives_what_one_an_address_gives(packaged):
    numbers = random.Random(3)
    addresses = [str(ipaddress.IPv4Address(numbers.getrandbits(32))) for _ in range(5000)]
    addresses += [str(ipaddress.IPv6Address(0x2A << 120 | numbers.getrandbits(117))) for _ in range(500)]
    addresses += [str(ipaddress.IPv4Address("8.8.0.0") + n * 37) for n in range(3000)]
    with maxminddb.open_database(COUNTRY_DATABASE) as reader:
        wanted = []
        for text in addresses:
            record = reader.get(text) if public(ipaddress.ip_address(text)) else None
            wanted.append(record["country"]["iso_code"] if record else "ZZ")
    assert packaged.countries(strings(*addresses)).to_list() == wanted
    assert wanted.count("ZZ") < len(wanted)


EDGES = [0, 2**32 - 1] + [
    int(edge) + step
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
    for edge in (ipaddress.IPv4Network(text)[0], ipaddress.IPv4Network(text)[-1])
    for step in (-1, 0, 1)
    if 0 <= int(edge) + step < 2**32
]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_public_ipv4_is_python_s_is_global(numbers):
    addresses = [ipaddress.IPv4Address(number) for number in [*numbers, *EDGES]]
    addresses = [address for address in addresses if address not in DISPUTED[0]]
    found = ipv4_numbers(strings(*map(str, addresses)))
    assert found.to_list() == [int(address) for address in addresses]
    assert public_ipv4(found).tolist() == [public(each) for each in addresses]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.integers(0, 2**128 - 1), st.integers(0x2000 << 112, (0x4000 << 112) - 1)))
def test_public_ipv6_is_python_s_is_global(number):
    address = ipaddress.IPv6Address(number)
    if not any(address in each for each in DISPUTED if each.version == 6) and address.ipv4_mapped is None:
        assert is_public_ipv6(packed_ipv6(str(address))) == public(address)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(max_size=20), st.from_regex(r"[0-9a-f:.%]{0,40}", fullmatch=True)))
def test_what_python_cannot_parse_is_no_address(text):
    try:
        known = ipaddress.ip_address(text)
    except ValueError:
        known = None
    parsed = ipv4_numbers(strings(text)).item() is not None or packed_ipv6(text) is not None
    # A zone may be empty here, which makes no difference to an answer.
    assert parsed == (known is not None) or "%" in text


def test_the_packaged_database_is_the_one_described(packaged):
    notice = (COUNTRY_DATABASE.parent / "NOTICE.md").read_text(encoding="utf-8")
    assert packaged.sha256 == hashlib.sha256(COUNTRY_DATABASE.read_bytes()).hexdigest()
    assert packaged.sha256 in notice
    assert packaged.version == "growth_assets-RIR-Country@1781654400"
    assert "nro.net" in notice
    assert "creativecommons.org/licenses/by/4.0" in notice


def test_file_overwritten_while_in_use(packaged, tmp_path):
    path = tmp_path / "copy.mmdb"
    shutil.copyfile(COUNTRY_DATABASE, path)
    database = open_database(path)
    path.write_bytes(b"")
    assert database.countries(strings("8.8.8.8", "1.1.1.1")).to_list() == ["US", "AU"]
    assert database.sha256 == packaged.sha256


def damaged(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "mine.mmdb"
    path.write_bytes(content)
    return path


UNUSABLE = {
    "empty": b"",
    "text": b"no database",
    "truncated": COUNTRY_DATABASE.read_bytes()[:100_000],
    "without its end": COUNTRY_DATABASE.read_bytes()[:-40],
    "compressed": b"\x1f\x8b" + b"0" * 100,
    "other type": COUNTRY_DATABASE.read_bytes().replace(b"RIR-Country", b"RIR-Routing"),
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_files_are_named_with_a_remedy(tmp_path, content):
    with pytest.raises(CountryDatabaseError, match=r"mine\.mmdb: .*(country_database|unpack)"):
        open_database(damaged(tmp_path, content))


@pytest.mark.parametrize("name", ["missing.mmdb", "."])
def test_missing_file(tmp_path, name):
    with pytest.raises(CountryDatabaseError, match=r"cannot be read: .*country_database"):
        open_database(tmp_path / name)


def test_damaged_record(maxmind, tmp_path):
    whole = (maxmind / "GeoLite2-Country-Test.mmdb").read_bytes()
    # Every map header of the data section made an unknown type.
    start = whole.index(b"continent") - 40
    broken = whole[:start] + whole[start:-2000].replace(b"\xe4", b"\x00") + whole[-2000:]
    database = open_database(damaged(tmp_path, broken))
    with pytest.raises(CountryDatabaseError, match=r"mine\.mmdb: is damaged: .*country_database") as error:
        database.countries(strings("2.125.160.216"))
    assert "160.216" not in str(error.value)
    assert error.value.__cause__ is None


def test_broken_field_elsewhere_in_the_record(maxmind):
    database = open_database(maxmind / "GeoIP2-City-Test-Broken-Double-Format.mmdb")
    with pytest.raises(CountryDatabaseError, match="damaged"):
        database.countries(strings("2.125.160.216"))


PROBE = """
import json, random, sys
import polars as pl
from pathlib import Path
from growth_assets.enrich import country
country._TYPES = ("",)  # let every type in, so that lookups are tried too
addresses = "1.1.1.1 8.8.8.8 2.125.160.216 81.2.69.142 216.160.83.56 2001:218::1 2a02::1".split()
def tried(path):
    try:
        return country.open_database(path).countries(pl.Series(addresses)).to_list()
    except country.CountryDatabaseError as error:
        return str(error)
result = {path.name: tried(path) for path in sorted(Path(sys.argv[1]).glob("*.mmdb"))}
whole, flip = Path(sys.argv[2]).read_bytes(), random.Random(5)
target = Path(sys.argv[3]) / "flipped.mmdb"
for number in range(100):
    content = bytearray(whole)
    for _ in range(20):
        content[flip.randrange(len(content))] = flip.randrange(256)
    target.write_bytes(bytes(content))
    result[f"flipped {number}"] = tried(target)
print(json.dumps(result))
"""


def test_no_damage_crashes_hangs_or_invents_a_country(maxmind, tmp_path):
    # A process of its own: a crash of the C reader would take the test run with it.
    command = [
        sys.executable,
        "-c",
        PROBE,
        maxmind / "bad-data",
        maxmind / "GeoLite2-Country-Test.mmdb",
        tmp_path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    outcomes = json.loads(done.stdout)
    assert len(outcomes) > 115
    for name, outcome in outcomes.items():
        if isinstance(outcome, str):
            assert ".mmdb: " in outcome, name
        elif name.startswith("flipped"):
            assert set(outcome) <= COUNTRY_CODES | {"ZZ"}, name
        else:
            assert set(outcome) == {"ZZ"}, name
    assert sum(isinstance(outcome, str) for outcome in outcomes.values()) > 40


def test_every_file_of_the_bad_data_is_refused(maxmind):
    files = sorted((maxmind / "bad-data").glob("*.mmdb"))
    assert len(files) > 15
    for path in files:
        with pytest.raises(CountryDatabaseError, match=path.name):
            open_database(path)


def test_country_codes_are_iso_3166():
    assert len(COUNTRY_CODES) == 249 + 1
    assert "XK" in COUNTRY_CODES
    assert not {"ZZ", "EU", "UK"} & COUNTRY_CODES
