"""Columns of a Parquet file are known by what they say, and by nothing of how they are stored."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from growth_assets.sources import parquet
from growth_assets.sources.format import Context
from growth_assets.sources.row_digest import RowDigest

TEXTS = st.lists(st.none() | st.text("aéb", max_size=3), max_size=6)


def digest(*batches: dict[str, pl.Series]) -> str:
    taken = RowDigest()
    for batch in batches:
        taken.take(batch)
    return taken.hexdigest()


def texts(values: list[str | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


@given(TEXTS, TEXTS, st.integers(0, 6))
def test_any_cut_gives_the_same_and_another_value_another(one, other, at):
    whole = {"a": texts(one)}
    assert digest({"a": texts(one[:at])}, {"a": texts(one[at:])}) == digest(whole)
    assert (digest({"a": texts(other)}) == digest(whole)) == (one == other)


def test_names_and_columns_count_and_their_order_does_not():
    one, other = texts(["x", None]), texts(["y", ""])
    assert digest({"a": one, "b": other}) == digest({"b": other, "a": one}) != digest({"a": other, "b": one})


def rows_of(path: Path) -> str:
    taken = RowDigest()
    for _ in parquet.batches(path, Context(str(path), None, "+00:00", None), rows=7, digest=taken):
        pass
    return taken.hexdigest()


def test_packing_row_groups_encodings_and_widths_say_nothing(tmp_path):
    table = pa.table(
        {
            "event_time": pa.array([f"2026-03-01T10:00:{second:02}Z" for second in range(40)]),
            "hostname": pa.array(["www.xx.com", None] * 20),
            "user_id": pa.array([*range(39), None], type=pa.int64()),
            "properties": pa.array([[("a", str(n))] for n in range(40)], type=pa.map_(pa.string(), pa.string())),
        }
    )
    small = table.cast(table.schema.set(2, pa.field("user_id", pa.int32())))
    written = {
        "a": (table, {}),
        "b": (table, {"compression": "zstd"}),
        "c": (table, {"row_group_size": 9}),
        "d": (table, {"use_dictionary": False, "version": "1.0"}),
        "e": (small, {"compression": "none"}),
        "other": (table.slice(1), {}),
        "turned": (table.take(list(reversed(range(40)))), {}),
    }
    for name, (content, options) in written.items():
        pq.write_table(content, tmp_path / name, **options)
    found = {name: rows_of(tmp_path / name) for name in written}
    assert {found[name] for name in "abcde"} == {found["a"]}
    assert len(set(found.values())) == 3
