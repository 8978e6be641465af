"""Columns of a Parquet file are known by what they say, and by nothing of how they are stored."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_assets.sources import parquet
from growth_assets.sources.format import Context
from growth_assets.sources.row_digest import RowDigest

UNITS = {"ms": 10**3, "us": 10**6, "ns": 10**9}
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


@given(
    st.sampled_from(["ms", "us", "ns"]),
    st.booleans(),
    st.lists(st.tuples(st.integers(-(9 * 10**9), 9 * 10**9) | st.just(-1), st.sampled_from([0, 1, 10**5, 10**9 - 1]))),
    st.sampled_from([0, 16]),
)
def test_typed_times_are_digested_as_they_are_written(unit, zoned, moments, few):
    per_second = UNITS[unit]
    ticks = [second * per_second + fraction % per_second for second, fraction in moments]
    column = pl.Series(ticks, dtype=pl.Int64).cast(pl.Datetime(unit, "UTC" if zoned else None))
    written = []
    for tick in ticks:
        second, fraction = divmod(tick, per_second)
        finer = f".{fraction * (10**9 // per_second):09}" if fraction else ""
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=second)  # noqa: DTZ001 - naive UTC
        written.append(f"{moment.isoformat()}{finer}{'Z' if zoned else ''}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_FEW_WHOLE", few)
        found = parquet._time(column)
    assert found.to_pylist() == written if isinstance(found, pa.Array) else found.to_list() == written
    assert digest({"a": found}) == digest({"a": texts(written)})
