"""Visitor ids: known vectors, a second reading of the definition, and what must not change them."""

from __future__ import annotations

import mmh3
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.enrich import distinct
from growth_assets.enrich.distinct import Distinct, map_distinct
from growth_assets.enrich.visitor import visitor_ids

TEXT = st.one_of(st.none(), st.text(max_size=12))
ADDRESSES = st.one_of(st.none(), st.sampled_from(["", "192.0.2.1", "2001:db8::1"]), st.text(max_size=6))


def series(values: list[str | None]) -> pl.Series:
    return pl.Series("given", values, dtype=pl.String())


def by_definition(address: str | None, user_agent: str | None, salt: str) -> int | None:
    """MurmurHash3 x64-128, its first eight bytes read as a little-endian signed number."""
    if not address:
        return None
    digest = mmh3.hash_bytes(f"{salt}|{address}|{user_agent or ''}".encode(), 0, True)
    return int.from_bytes(digest[:8], "little", signed=True)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(ADDRESSES, TEXT), max_size=12), st.text(max_size=5))
def test_every_row_is_hashed_by_the_definition(rows, salt):
    ids = visitor_ids(series([row[0] for row in rows]), series([row[1] for row in rows]), salt)
    assert ids.to_list() == [by_definition(*row, salt) for row in rows]
    assert ids.dtype == pl.Int64


def test_a_published_id_never_changes():
    # MurmurHash3 x64-128 of "|192.0.2.1|curl/8.5.0", seed 0.
    assert visitor_ids(series(["192.0.2.1"]), series(["curl/8.5.0"]), "").to_list() == [-3792204158223316727]


@pytest.mark.parametrize("address", [None, ""])
def test_nobody_without_an_address(address):
    assert visitor_ids(series([address]), series(["curl"]), "salt").to_list() == [None]


def test_a_missing_user_agent_is_an_empty_one():
    ids = visitor_ids(series(["192.0.2.1", "192.0.2.1"]), series([None, ""]), "")
    assert ids[0] == ids[1]


def test_the_salt_changes_every_id():
    addresses, agents = series(["192.0.2.1", "192.0.2.2"]), series(["a", "b"])
    assert set(visitor_ids(addresses, agents, "one")) & set(visitor_ids(addresses, agents, "two")) == set()


def test_splits_and_order_change_nothing():
    addresses = series([f"192.0.2.{i % 50}" for i in range(500)])
    agents = series([f"agent {i % 7}" for i in range(500)])
    whole = visitor_ids(addresses, agents, "s")
    parts = [visitor_ids(addresses[i : i + 33], agents[i : i + 33], "s") for i in range(0, 500, 33)]
    assert pl.concat(parts).to_list() == whole.to_list()
    assert visitor_ids(addresses.reverse(), agents.reverse(), "s").reverse().to_list() == whole.to_list()
    assert whole.n_unique() == 350


def test_a_distinct_row_is_asked_once():
    asked: list[int] = []

    def count(frame: pl.DataFrame) -> pl.Series:
        asked.append(frame.height)
        return frame.select(pl.col("a") * 10).to_series()

    answers = map_distinct(pl.DataFrame({"a": [1, None, 1, 2, None], "b": [None, None, None, "x", None]}), count)
    assert answers.to_list() == [10, None, 10, 20, None]
    assert asked == [3]


VALUES = st.sampled_from([None, "", "a", "b", "null"])


@pytest.mark.parametrize("few", [0, distinct.FEW])
@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(VALUES, st.sampled_from([None, -1, 0, 2**40]), st.sampled_from([None, True, False]), VALUES)
    )
)
def test_every_row_gets_the_answer_of_its_own_values(few, rows):
    schema = {"a": pl.String, "b": pl.Int64, "c": pl.Boolean, "d": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "FEW", few)
        found = Distinct.of(frame)
        first = found.then(found.values.select("d", "a"))
        again = first.beside(Distinct.of(frame.select("b")))
    assert found.values.height == len(set(rows))
    assert found.values[found.rows].equals(frame)
    assert first.values[first.rows].equals(frame.select("d", "a"))
    assert again.values[again.rows].equals(frame.select("d", "a", "b"))
    assert again.values.height == len({(row[3], row[0], row[1]) for row in rows})
    assert again.every(again.values["b"]).equals(frame["b"])
