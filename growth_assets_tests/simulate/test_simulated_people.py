"""People look like people, crawlers like crawlers, and addresses lie in the country they are said to."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import maxminddb
import numpy as np
import pytest
import user_agents
from crawleruseragents import is_crawler
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from growth_assets.simulate.addresses import BLOCKS_A_COUNTRY, blocks, largest_blocks, write_blocks
from growth_assets.simulate.browsers import browsers
from growth_assets.simulate.crawlers import CRAWLERS
from growth_assets.simulate.dice import Dice, lottery, mixed, scaled
from growth_assets.simulate.people import CODES, COUNTRIES, Crowd

DATABASE = Path(__file__).parents[2] / "growth_assets" / "reference" / "country.mmdb"


def test_no_person_looks_like_a_crawler():
    for name in browsers().names:
        assert not is_crawler(name), name
        assert not user_agents.parse(name).is_bot, name


@pytest.mark.parametrize("name", [name for name, _, _ in CRAWLERS])
def test_every_crawler_is_one_by_both_lists(name):
    assert is_crawler(name)
    assert user_agents.parse(name).is_bot


def test_the_list_keeps_its_order_of_frequency():
    names = browsers().names
    assert len(names) > 500
    assert len(set(names)) == len(names)
    assert "iPhone" in names[0]
    handheld, _ = browsers().handheld
    desktop, _ = browsers().desktop
    assert sorted([*handheld, *desktop]) == list(range(len(names)))


@pytest.mark.parametrize("distinct", [2, 50, 838, 5_000])
def test_as_many_user_agents_as_asked_for(distinct):
    listed = browsers(distinct)
    assert len(listed.names) == len(set(listed.names)) == distinct
    assert len(listed.handheld[0]) > 0
    assert len(listed.desktop[0]) > 0
    assert not any(is_crawler(name) for name in listed.names[-40:])


def test_frequent_user_agents_are_drawn_often():
    listed = browsers()
    words = mixed(np.arange(20_000), 1)
    drawn = listed.draw(words, handheld=True)
    numbers, cumulated = listed.handheld
    share = float(np.mean(drawn == numbers[0]))
    assert abs(share - cumulated[0] / cumulated[-1]) < 0.02


def test_blocks_are_those_of_the_packaged_database():
    lines = (DATABASE.parents[1] / "simulate" / "address_blocks.csv").read_text().splitlines()[1:]
    with maxminddb.open_database(DATABASE) as reader:
        for line in lines:
            country, network = line.split(",")
            block = ipaddress.IPv4Network(network)
            record, prefix = reader.get_with_prefix_len(str(block.network_address))
            assert record["country"]["iso_code"] == country
            # One record covers the whole block, so none of its addresses lies elsewhere.
            assert prefix <= block.prefixlen
    assert [line.split(",")[0] for line in lines] == [code for code in CODES for _ in range(BLOCKS_A_COUNTRY)]


def test_the_largest_public_blocks_are_found(tmp_path):
    writer = MMDBWriter(6, "Test-Country", ipv4_compatible=True)
    for network, country in {
        "8.0.0.0/9": "US",  # too large
        "9.0.0.0/12": "US",
        "9.16.0.0/24": "US",
        "9.17.0.0/25": "US",  # smaller than a draw's unit
        "10.0.0.0/16": "US",  # private
        "77.0.0.0/11": "DE",
        "78.0.0.0/11": "FR",  # not asked for
        "2001:4860::/32": "US",
    }.items():
        writer.insert_network(IPSet([network]), {"country": {"iso_code": country}})
    database, listed = tmp_path / "small.mmdb", tmp_path / "blocks.csv"
    writer.to_db_file(str(database))
    expected = [("DE", "77.0.0.0/11"), ("US", "9.0.0.0/12"), ("US", "9.16.0.0/24")]
    assert largest_blocks(database, ["DE", "US"]) == expected
    write_blocks(database, listed, ["DE", "US"])
    assert listed.read_text() == "country,network\nDE,77.0.0.0/11\nUS,9.0.0.0/12\nUS,9.16.0.0/24\n"


@settings(max_examples=50, deadline=None)
@given(country=st.integers(0, len(CODES) - 1), word=st.integers(0, 2**64 - 1))
def test_an_address_lies_in_a_block_of_its_country(country, word):
    (address,) = blocks(CODES).address(np.array([country]), np.array([word], dtype=np.uint64))
    text = str(ipaddress.IPv4Address(int(address)))
    own = [line for line in _lines() if line.startswith(CODES[country])]
    assert any(ipaddress.IPv4Address(text) in ipaddress.IPv4Network(line.split(",")[1]) for line in own)
    assert int(text.rsplit(".", 1)[1]) in range(1, 255)


def _lines() -> list[str]:
    return (DATABASE.parents[1] / "simulate" / "address_blocks.csv").read_text().splitlines()[1:]


def test_shares_of_countries_are_a_thousand():
    assert sum(share for _, share, _ in COUNTRIES) == 1_000


def test_people_keep_their_country_and_few_devices():
    crowd = Crowd(1, 3_000, browsers(), blocks(CODES), 2)
    person = np.repeat(np.arange(300), 50)
    country = crowd.country(person)
    ip, agent = crowd.device(Dice(1), person, country)
    for each in range(300):
        mine = person == each
        assert len(set(country[mine])) == 1
        assert 1 <= len(set(zip(ip[mine], agent[mine], strict=True))) <= 3
    owned = [len(set(zip(ip[person == each], agent[person == each], strict=True))) for each in range(300)]
    assert {1, 2, 3} == set(owned)


def test_offices_share_an_address_and_sometimes_a_machine():
    crowd = Crowd(1, 30_000, browsers(), blocks(CODES), 2)
    person = np.repeat(np.arange(20_000), 8)
    ip, agent = crowd.device(Dice(1), person, crowd.country(person))
    people_at: dict[int, set[int]] = {}
    people_of: dict[tuple[int, int], set[int]] = {}
    for who, where, what in zip(person.tolist(), ip.tolist(), agent.tolist(), strict=True):
        people_at.setdefault(where, set()).add(who)
        people_of.setdefault((where, what), set()).add(who)
    offices = [where for where, whom in people_at.items() if len(whom) > 4]
    assert len(offices) > 60
    # Most offices are several visitors; where all have one machine, they are one.
    machines = {where: {what for at, what in people_of if at == where} for where in offices[:60]}
    assert any(len(each) == 1 for each in machines.values())
    assert sum(len(each) > 1 for each in machines.values()) > len(machines) / 2


def test_people_come_back_and_new_ones_come():
    crowd = Crowd(1, 5_000, browsers(), blocks(CODES), 2)
    days = [set(crowd.visitors(Dice(1, day), day, 1_200).tolist()) for day in range(40)]
    assert len(days[0] & days[1]) > 100
    assert max(days[39]) > max(days[0])
    assert min(days[39]) > min(days[0])
    often = [person for person in days[0] & days[1] if person % 10 == 0]
    assert len(often) > len(days[0] & days[1]) / 3


@settings(max_examples=50, deadline=None)
@given(number=st.integers(0, 2**64 - 1), lane=st.integers(0, 2**70))
def test_mixing_is_the_published_splitmix64(number, lane):
    mask = 2**64 - 1
    word = (number + lane * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & mask
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
    assert int(mixed(np.array([number], dtype=np.uint64), lane)[0]) == word ^ (word >> 31)


@settings(max_examples=30, deadline=None)
@given(word=st.integers(0, 2**64 - 1), bound=st.integers(1, 2**31))
def test_scaling_stays_below_its_bound(word, bound):
    assert int(scaled(np.array([word], dtype=np.uint64), bound)[0]) == (word >> 32) * bound >> 32 < bound


def test_a_lottery_has_each_position_by_its_weight():
    assert lottery((2, 0, 3)).tolist() == [0, 0, 2, 2, 2]
