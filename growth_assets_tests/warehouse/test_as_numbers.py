"""A file that is written of numbers is the one that is written of the texts, to the byte."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts.texts import as_texts, coded, is_numbered, numbered
from growth_assets.warehouse import as_numbers, partitions
from growth_assets.warehouse.as_numbers import Groups
from growth_assets.warehouse.partitions import PACKING

GROUP = 400
TEXTS = st.none() | st.sampled_from(["", "a", "ä", "none"]) | st.integers(0, 400).map("text {}".format)


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_numbers, "_MANY", 0)
    monkeypatch.setattr(partitions, "ROW_GROUP", GROUP)


def written(frame: pl.DataFrame, folder: Path) -> bytes:
    partitions.write(frame, folder / "numbers")
    return (folder / "numbers").read_bytes()


def of_texts(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    as_texts(frame).write_parquet(file, **PACKING, row_group_size=GROUP)
    return file.getvalue()


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, max_size=6), st.lists(TEXTS, min_size=1, max_size=300), st.integers(0, 4), st.booleans())
def test_whatever_the_texts_are_and_however_often_they_come(tmp_path_factory, others, texts, times, few):
    column = pl.Series("t", texts * times, dtype=pl.String)
    # The dictionary has texts that no row has, and an order of its own.
    known = pl.concat([pl.Series("t", others, dtype=pl.String), column])
    numbers = (numbered(known) if few else coded(known)).slice(len(others))
    frame = pl.DataFrame({"t": numbers, "n": range(len(column)), "s": column})
    assert written(frame, tmp_path_factory.mktemp("file")) == of_texts(frame)


@pytest.mark.parametrize("rows", [GROUP, 3 * GROUP, 3 * GROUP + 1])
def test_where_texts_come_again_it_is_numbers_that_are_written(tmp_path, rows):
    texts = pl.Series("t", [f"text {row % 7}" if row % 5 else None for row in range(rows)])
    frame = pl.DataFrame([numbered(texts)])
    groups = [*Groups(frame, GROUP)]
    assert all(is_numbered(group["t"]) for group in groups)
    assert max(group.height for group in groups) == GROUP
    assert written(frame, tmp_path) == of_texts(frame)
    assert pl.read_parquet(tmp_path / "numbers").equals(texts.to_frame())


def test_where_most_texts_of_a_group_differ_it_is_texts(tmp_path):
    texts = [f"text {row % 3 if row < GROUP else row}" for row in range(2 * GROUP)]
    frame = pl.DataFrame([coded(pl.Series("t", texts))])
    assert Groups(frame, GROUP).schema == {"t": pl.String}
    assert written(frame, tmp_path) == of_texts(frame)


def test_a_group_of_several_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "ROW_GROUP", rows := 600_000)
    monkeypatch.setattr(f"{__name__}.GROUP", rows)
    frame = pl.select((pl.int_range(rows) * 7919 % 1_009 % 200).cast(pl.String).alias("t"))
    assert written(pl.DataFrame([numbered(frame["t"])]), tmp_path) == of_texts(frame)
