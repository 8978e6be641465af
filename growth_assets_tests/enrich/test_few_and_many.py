"""Few values are asked in Python, many in queries: the answers are the same."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts import whole_numbers
from growth_assets.contracts.whole_numbers import another, distinct, in_order, order_of, with_nulls_as
from growth_assets.enrich import addresses, client, referrer, visitor

FEW = settings(max_examples=60, deadline=None)

ADDRESSES = st.lists(
    st.text("0125.", max_size=15)
    | st.sampled_from(
        [
            None, "", "-", "8.8.8.8", "08.8.8.8", "8.8.8.8\n", "256.1.1.1", "8.8.8", "192.0.2.1:80", "2001:db8::1",
            "2001:DB8::1", "::ffff:8.8.8.8", "2001:db8:0:0:0:0:0:1", "::", "10.0.0.1, 8.8.4.4", "[2001:db8::1]:443",
            "\u0668.8.8.8", "unknown", "8.8.8.8|x", "0.0.0.1", "255.255.255.255", "8.8.8.8.", "100.20.3", "10.20..30",
        ]
    )
)  # fmt: skip

HOSTS = st.sampled_from(
    [None, "www.xx.com", "xx.com", "blog.xx.com", "www.google.co.uk", "t.co", "github.io", "8.8.8.8"]
)


def both_ways(module, function):
    """What `function` gives where all is few, and where all is many."""
    told = []
    for few in (1_000_000, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "FEW", few)
            told.append(function())
    return told


def texts(values):
    return pl.Series("t", values, dtype=pl.String)


def test_whole_numbers_of_any_size_are_told_apart():
    numbers = [2**62 + 1, 2**62 + 2, None, 0]
    found = with_nulls_as(2**62 + 3, pl.Series(numbers, dtype=pl.UInt64))
    assert found.tolist() == [2**62 + 1, 2**62 + 2, 2**62 + 3, 0]


@FEW
@given(ADDRESSES)
def test_addresses(given_texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(addresses, "ROWS_AT_HAND", 3)
        few, many = both_ways(addresses, lambda: addresses.ipv4_numbers(texts(given_texts)))
    assert few.equals(many, check_dtypes=True)
    nobody = texts([None] * len(given_texts))
    few, many = both_ways(addresses, lambda: client.client_addresses(texts(given_texts), nobody, ("10.0.0.0/8",)))
    assert few.equals(many, check_dtypes=True)


@FEW
@given(ADDRESSES, st.lists(st.sampled_from([None, "", "a", "x|y"]), min_size=20, max_size=20))
def test_visitors(given_texts, agents):
    pairs = list(zip(given_texts, agents, strict=False))
    ips, of = (texts([pair[place] for pair in pairs]) for place in (0, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visitor, "ROWS_AT_HAND", 3)
        few, many = both_ways(visitor, lambda: visitor.visitor_ids(ips, of, "salt"))
    assert few.equals(many, check_dtypes=True)


@FEW
@given(st.lists(st.tuples(HOSTS, st.sampled_from([None, "t.co", "newsletter"]), HOSTS)))
def test_sources(rows):
    hosts, tags, own = (texts([row[place] for row in rows]) for place in range(3))
    few, many = both_ways(referrer, lambda: referrer.named_sources(hosts, tags, own, ("www.xx.com",)))
    assert few.equals(many, check_dtypes=True)


@FEW
@given(st.lists(st.integers(0, 9)), st.lists(st.none() | st.integers(0, 9)))
def test_whole_numbers(some, some_null):
    numbers, nullable = pl.Series(some, dtype=pl.UInt32).to_numpy(), pl.Series(some_null, dtype=pl.UInt32)
    for ordered in both_ways(whole_numbers, lambda: in_order(numbers)):
        assert ordered.tolist() == sorted(some)
        assert ordered[another(ordered)].tolist() == sorted(set(some))
    for order in both_ways(whole_numbers, lambda: order_of(numbers)):
        assert numbers[order].tolist() == sorted(some)
    for found in both_ways(whole_numbers, lambda: distinct(numbers)):
        assert sorted(found.tolist()) == sorted(set(some))
    for found in both_ways(whole_numbers, lambda: with_nulls_as(10, nullable)):
        assert found.tolist() == [10 if each is None else each for each in some_null]
