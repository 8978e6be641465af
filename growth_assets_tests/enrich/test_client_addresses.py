"""Clients behind proxies: each kind of entry, a second reading of the rules, and what changes nothing."""

from __future__ import annotations

import ipaddress
import re
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.enrich.addresses import canonical_ipv6, is_ipv4, packed_ipv4
from growth_assets.enrich.client import client_addresses
from growth_assets.enrich.country import open_database
from growth_assets.enrich.visitor import visitor_ids
from growth_assets.settings import Settings

TRUSTED = Settings.model_fields["trusted_proxies"].default


def clients(pairs, trusted=TRUSTED):
    peers, forwarded = zip(*pairs, strict=True) if pairs else ((), ())
    return client_addresses(
        pl.Series("ip", peers, dtype=pl.String), pl.Series("forwarded_for", forwarded, dtype=pl.String), trusted
    ).to_list()


# Of an entry alone in `ip`, and its client.
ALONE = {
    "null": (None, None),
    "empty": ("", None),
    "blank": ("  ", None),
    "dash": ("-", None),
    "unknown": ("Unknown", None),
    "IPv4": ("203.0.113.9", "203.0.113.9"),
    "private": ("10.0.0.9", "10.0.0.9"),
    "blanks around": (" 203.0.113.9\t", "203.0.113.9"),
    "port": ("203.0.113.9:8080", "203.0.113.9"),
    "canonical IPv6": ("2001:db8::9", "2001:db8::9"),
    "eight groups": ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
    "capitals and zeros": ("2001:0DB8:0:0:0:0:0:9", "2001:db8::9"),
    "first of two runs": ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    "longer run last": ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    "a single zero stays": ("2001:db8::1:2:3:4:5", "2001:db8:0:1:2:3:4:5"),
    "brackets": ("[2001:db8::9]", "2001:db8::9"),
    "brackets and port": ("[2001:db8::9]:443", "2001:db8::9"),
    "zone": ("fe80::1%eth0", "fe80::1"),
    "mapped": ("::ffff:203.0.113.9", "203.0.113.9"),
    "mapped in hex": ("::FFFF:CB00:7109", "203.0.113.9"),
    "mapped with port": ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
    "truncated": ("203.0.113.0", "203.0.113.0"),
    "truncated IPv6": ("2001:db8::", "2001:db8::"),
    "truncated by x": ("203.0.113.x", "203.0.113.0"),
    "truncated by xxx": ("203.0.XXX.xxx", "203.0.0.0"),
    "truncated by a star": ("203.0.113.*", "203.0.113.0"),
    # What is no address is who connected under its own name.
    "x inside": ("203.x.113.9", "203.x.113.9"),
    "leading zero": ("203.0.113.09", "203.0.113.09"),
    "three parts": ("203.0.113", "203.0.113"),
    "line end": ("203.0.113.9\n", "203.0.113.9"),
    "host name": ("dsl-9.example.net", "dsl-9.example.net"),
    "pseudonym": ("q83vEg==", "q83vEg=="),
    "obfuscated": ("_hidden", "_hidden"),
    "nine groups": ("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"),
}


@pytest.mark.parametrize(("received", "client"), ALONE.values(), ids=ALONE.keys())
def test_an_entry_alone(received, client):
    assert clients([(received, None)]) == [client]


# `ip`, `forwarded_for`, client.
CHAINS = {
    "a proxy of ours": ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
    "two proxies of ours": ("10.0.0.1", "203.0.113.9, 192.168.0.1", "203.0.113.9"),
    "a proxy that is not ours": ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
    "forged by the client": ("10.0.0.1", "8.8.8.8, 203.0.113.9", "203.0.113.9"),
    "forged by who connected": ("203.0.113.9", "8.8.8.8", "203.0.113.9"),
    "forged by a name": ("dsl-9.example.net", "8.8.8.8", "dsl-9.example.net"),
    "who connected was not written down": (None, "203.0.113.9", "203.0.113.9"),
    "a dash for who connected": ("-", "8.8.8.8, 203.0.113.9", "203.0.113.9"),
    "all ours": ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    "nothing was passed on": ("10.0.0.1", "", "10.0.0.1"),
    "only commas": ("10.0.0.1", " , ,", "10.0.0.1"),
    "empty entries": ("10.0.0.1", "203.0.113.9, , 10.0.0.2,", "203.0.113.9"),
    "no blanks": ("10.0.0.1", "8.8.8.8,203.0.113.9,10.0.0.2", "203.0.113.9"),
    "a hop that nobody knows": ("10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
    "a hidden hop": ("10.0.0.1", "203.0.113.9, _hidden", "10.0.0.1"),
    "junk": ("10.0.0.1", "' OR 1=1 --", "10.0.0.1"),
    "junk alone": (None, "<script>", None),
    "IPv6 with port": ("::1", '"[2001:DB8::9]:4711", 127.0.0.1:80', "2001:db8::9"),
    "mapped proxy": ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    "unique local proxy": ("fd12:3456::1", "2001:db8::9", "2001:db8::9"),
    "RFC 7239": ("10.0.0.1", 'for=203.0.113.9;proto=http;by=203.0.113.43, For="[fd00::7]:80"', "203.0.113.9"),
    "RFC 7239, hidden": ("10.0.0.1", "for=203.0.113.9, for=_SEVKISEK", "10.0.0.1"),
    "RFC 7239 without for": ("10.0.0.1", "for=203.0.113.9, proto=https", "10.0.0.1"),
    "a quote that is never closed": ("10.0.0.1", 'for="8.8.8.8, 203.0.113.9', "203.0.113.9"),
    "a list in JSON": ("10.0.0.1", '["203.0.113.9", "10.0.0.2"]', "203.0.113.9"),
    "the list in place of ip": ("203.0.113.9, 10.0.0.2", None, "203.0.113.9"),
    "the list in place of ip, forged": ("8.8.8.8, 203.0.113.9, 10.0.0.2", None, "203.0.113.9"),
    "the list in place of ip, unknown": ("203.0.113.9, unknown", None, None),
    "lists in both": ("10.0.0.2, 10.0.0.1", "203.0.113.9", "203.0.113.9"),
}


@pytest.mark.parametrize(("peer", "forwarded", "client"), CHAINS.values(), ids=CHAINS.keys())
def test_a_chain(peer, forwarded, client):
    assert clients([(peer, forwarded)]) == [client]


def test_a_cdn_of_ours_is_trusted_and_nobody_when_nobody_is_named():
    chain = [("198.51.100.7", "203.0.113.9"), ("2001:db8:5::1", "203.0.113.9"), ("198.51.100.8", "8.8.8.8")]
    ours = (*TRUSTED, "198.51.100.7/32", "2001:db8:5::/48")
    assert clients(chain, ours) == ["203.0.113.9", "203.0.113.9", "198.51.100.8"]
    assert clients([("10.0.0.1", "203.0.113.9"), ("::1", "203.0.113.9")], ()) == ["10.0.0.1", "::1"]
    # A network of mapped addresses is one of IPv4 addresses.
    assert clients([("198.51.100.7", "203.0.113.9")], ("::ffff:198.51.100.0/120",)) == ["203.0.113.9"]


# The same rules, read a second time.


def plain_address(text):
    text = text.strip(' \t"')
    if match := re.fullmatch(r"\[(.*)\](:\d{1,5})?", text) or re.fullmatch(r"([\d.x*]+):\d{1,5}", text, re.I):
        text = match[1]
    octets = text.split(".")
    if len(octets) == 4 and re.fullmatch(r"\*|x{1,3}", octets[3], re.I):
        while octets and re.fullmatch(r"\*|x{1,3}", octets[-1], re.I):
            octets.pop()
        text = ".".join(octets + ["0"] * (4 - len(octets)))
    try:
        found = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def plain_entries(text):
    text = (text or "").strip()
    if text[:2] == '["' and text[-2:] == '"]':
        text = text[1:-1]
    for entry in text.split(","):
        named = [p.partition("=")[2] for p in entry.split(";") if p.partition("=")[0].strip().lower() == "for"]
        value = (named[0] if named and "=" in entry else entry).strip(' \t"')
        if value:
            yield value


def plain_client(peer, forwarded, trusted=TRUSTED):
    networks = [ipaddress.ip_network(each) for each in trusted]
    of_peer = [] if (peer or "").strip().lower() in {"", "-", "unknown"} else list(plain_entries(peer))
    hops = list(plain_entries(forwarded)) + of_peer
    known = [(plain_address(hop), hop) for hop in hops]
    skipped = None
    while known:
        address, hop = known.pop()
        if address is None:
            connected = skipped is None and of_peer and hop.lower() not in {"-", "unknown"}
            return hop if connected else skipped
        skipped = str(address)
        if not any(address in network for network in networks if network.version == address.version):
            break
    return skipped


V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
V6 = st.one_of(
    st.integers(0, 2**128 - 1),
    st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0xDB8]), min_size=8, max_size=8).map(
        lambda groups: int("".join(f"{group:04x}" for group in groups), 16)
    ),
).map(ipaddress.IPv6Address)
PUBLIC = st.sampled_from(["203.0.113.9", "198.51.100.7", "81.2.69.160", "8.8.8.8"]).map(ipaddress.IPv4Address)
OURS = st.sampled_from(["10.0.0.1", "192.168.7.7", "127.0.0.1", "::1", "fd00::2"]).map(ipaddress.ip_address)

ANY = st.one_of(PUBLIC, OURS, V4, V6)


@st.composite
def spelled(draw, addresses=ANY):
    """An address and one of its spellings."""
    address = draw(addresses)
    text = str(address)
    if address.version == 4 and draw(st.booleans()):
        mapped = ipaddress.IPv6Address(0xFFFF << 32 | int(address))
        text = draw(st.sampled_from([f"::ffff:{address}", mapped.exploded, mapped.exploded.upper()]))
    elif address.version == 6:
        text = draw(st.sampled_from([text, address.exploded, text.upper(), f"{text}%eth0"]))
        address = address.ipv4_mapped or address
    if ":" in text:
        text = draw(st.sampled_from([text, f"[{text}]", f"[{text}]:443"]))
    elif draw(st.booleans()):
        text += ":80"
    around = draw(st.sampled_from(["{}", " {}", "{} ", '"{}"', "for={}", 'For="{}";proto=http', "by=x; for={}"]))
    return str(address), around.format(text)


JUNK = st.one_of(
    st.sampled_from(
        ["unknown", "-", "_hidden", "", " ", "proto=http", "for=", "203.0.113.x", "1.2.3.*", "1.2.3", '"', "["]
    ),
    st.text(alphabet='0123456789abcdefx.:[]%"=;, -|*', max_size=16),
    st.text(max_size=6),
)
ENTRY = st.one_of(spelled().map(lambda each: each[1]), JUNK)
LIST = st.lists(ENTRY, max_size=5).map(", ".join)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.none() | LIST, st.none() | LIST), min_size=1, max_size=8))
def test_every_chain_has_the_client_that_plain_python_finds(pairs):
    assert clients(pairs) == [plain_client(*pair) for pair in pairs]


OF_CDN = ("2400:cb00::/32", "2a06:98c0::/29", "2001:db8:5::/48", "2001:db8:6:7::8/128", "198.51.100.0/24")


def random_address(random):
    kind = random.randrange(6)
    if kind < 2:
        return random.choice(["10.0.0.1", "198.51.100.7", f"{random.randrange(1, 255)}.7.{random.randrange(3)}.9"])
    if kind == 2:
        return random.choice(["::1", "fd00::2", "2001:db8:5::1", "2001:db8:6:7::8", "2001:db8:6:7::9", "::", "2001::"])
    groups = [random.choice([0, 0, 1, 0xCB00, 0x98C7, 0xDB8, random.getrandbits(16)]) for _ in range(7)]
    groups.insert(0, random.choice([0x2001, 0x2400, 0x2A06, 0]))
    address = ipaddress.IPv6Address(int("".join(f"{group:04x}" for group in groups), 16))
    return random.choice([str(address), str(address), address.exploded, address.exploded.upper()])


def test_thousands_of_chains_at_once_have_the_clients_that_plain_python_finds():
    random = Random(4)

    def some(most):
        entries = [
            random.choice(["{}", "{}", "{}", "[{}]", "[{}]:443", "for={}", '"{}"', "{}%eth0"]).format(
                random_address(random)
            )
            for _ in range(random.randint(0, most))
        ]
        if random.random() < 0.1:
            entries.insert(
                random.randint(0, len(entries)), random.choice(["", "-", "unknown", "x", "1.2.3.x", "é", "0001:"])
            )
        return random.choice([", ", ","]).join(entries)

    pairs = [(some(1), some(random.choice([1, 1, 3, 20]))) for _ in range(6_000)]
    pairs += [("10.0.0.1", ",".join(["198.51.100.1"] * 40)), ("10.0.0.1", ",".join(["8.8.8.8", *["10.0.0.2"] * 40]))]
    pairs += [
        (f"10.0.0.{number}", f"{address}, ::1") for number, address in enumerate(["2a06:98c7::1", "2a06:98c8::1"])
    ] * 99
    trusted = (*TRUSTED, *OF_CDN)
    assert clients(pairs, trusted) == [plain_client(*pair, trusted) for pair in pairs]


@settings(max_examples=100, deadline=None)
@given(st.lists(V6, min_size=1, max_size=20))
def test_ipv6_is_spelled_as_python_spells_it(addresses):
    for address in addresses:
        if address.ipv4_mapped is None:
            assert canonical_ipv6(address.packed) == str(address)


@pytest.fixture(scope="module")
def database():
    return open_database()


@settings(max_examples=80, deadline=None)
@given(st.lists(spelled(), min_size=1, max_size=10))
def test_the_spelling_of_an_address_changes_neither_country_nor_visitor(database, pairs):
    received = pl.Series([text for _, text in pairs], dtype=pl.String)
    nothing = pl.Series([None] * len(pairs), dtype=pl.String)
    agents = pl.Series(["agent"] * len(pairs))
    found = client_addresses(received, nothing, TRUSTED)
    canonical = pl.Series([address for address, _ in pairs])
    assert database.countries(found).to_list() == database.countries(canonical).to_list()
    assert visitor_ids(found, agents, "s").to_list() == visitor_ids(canonical, agents, "s").to_list()


@settings(max_examples=80, deadline=None)
@given(st.one_of(LIST, st.text(max_size=30)), st.lists(OURS, max_size=3), spelled(PUBLIC | V6), OURS)
def test_a_forged_prefix_changes_nothing(forged, proxies, client, peer):
    address, spelling = client
    if any(ipaddress.ip_address(address) in ipaddress.ip_network(n) for n in TRUSTED if (":" in n) == (":" in address)):
        return
    honest = ", ".join([spelling, *map(str, proxies)])
    assert clients([(str(peer), honest), (str(peer), f"{forged},{honest}")]) == [address, address]
    assert clients([(f"{forged},{honest}, {peer}", None)]) == [address]
    assert clients([(address, forged)]) == [address]


def test_a_plain_address_alone_comes_back_as_it_is():
    plain = ["203.0.113.9", "10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8::1", "::1", None]
    assert clients([(each, None) for each in plain]) == plain
    assert clients([]) == []


def test_text_with_a_line_end_is_no_ipv4_address():
    assert packed_ipv4("8.8.8.8\n") is None
    assert is_ipv4(pl.Series(["8.8.8.8\n", "8.8.8.8"])).to_list() == [False, True]
