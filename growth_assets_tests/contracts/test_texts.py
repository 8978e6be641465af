"""Numbered texts are their texts: to whoever looks at them, to a contract, and in the file that is published."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts import texts
from growth_assets.contracts.contract import Contract, RowRule, column, columns, not_null
from growth_assets.contracts.texts import as_texts, dictionary, is_numbered, numbered
from growth_assets.warehouse import partitions
from growth_assets.warehouse.partitions import PACKING

TEXTS = st.lists(st.sampled_from([None, "", "a", "b", "ä", "none"]) | st.text(max_size=3))


few = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("many", [0, 10_000])
@few
@given(TEXTS)
def test_they_come_back_as_they_were(many, given_texts):
    column_of_texts = pl.Series("t", given_texts, dtype=pl.String)
    found = numbered(column_of_texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_MANY", many)
        assert as_texts(found.to_frame()).equals(column_of_texts.to_frame())
        assert sorted(dictionary(found)) == sorted({each for each in given_texts if each is not None})
    assert is_numbered(found)


@pytest.mark.parametrize(
    ("different", "width"), [(0, pl.UInt8), (200, pl.UInt8), (201, pl.UInt16), (60_000, pl.UInt16), (60_001, pl.UInt32)]
)
def test_a_number_is_as_narrow_as_there_are_texts_for(different, width):
    values = pl.Series([str(number) for number in range(different)] * 2, dtype=pl.String)
    assert numbered(values).to_physical().dtype == width


def test_one_more_text_than_there_were_fits_where_the_numbers_are_narrow():
    values = numbered(pl.Series([*(str(number) for number in range(200)), None]))
    assert values.fill_null("(none)").cast(pl.String).to_list()[-1] == "(none)"


RULED = Contract(
    columns(
        [("t", column(pl.String(), "a text", nullable=True)), ("n", column(pl.Int64(), "a number", nullable=True))]
    ),
    row_rules=(
        not_null("t"),
        RowRule("short", "t", pl.col("t").str.len_chars() <= 2, "it is short"),
        RowRule("positive", "n", pl.col("n") > 0, "it is positive"),
    ),
)


@few
@given(st.lists(st.tuples(st.sampled_from([None, "", "ab", "abc"]), st.sampled_from([None, 0, 1]))))
def test_a_contract_finds_the_same_in_both(rows):
    frame = pl.DataFrame(rows, schema={"t": pl.String, "n": pl.Int64}, orient="row")
    # The dictionary has texts that no row has.
    beside = pl.concat([pl.Series(["abcd"]), frame["t"]])
    same = frame.with_columns(numbered(beside).slice(1).alias("t"))
    assert RULED.audit(same) == RULED.audit(frame) == RULED.audit(frame.lazy()) == RULED.audit(same.lazy())
    expected = frame.select(RULED.first_broken().alias("rule")).to_series()
    assert RULED.first_broken_of(same).equals(expected)
    assert RULED.first_broken_of(frame).equals(expected)


def test_a_file_of_several_groups_is_the_same_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "ROW_GROUP", 3)
    frame = pl.DataFrame({"t": ["a", None, "b", "a", "c", "c", None, "a"], "n": range(8)})
    frame.write_parquet(tmp_path / "texts", **PACKING, row_group_size=3)
    partitions.write(frame.with_columns(numbered(frame["t"])), tmp_path / "numbers")
    assert (tmp_path / "numbers").read_bytes() == (tmp_path / "texts").read_bytes()
