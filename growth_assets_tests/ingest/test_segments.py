"""The files of a content's days: whatever days it has, and in whatever order."""

from __future__ import annotations

import io

import polars as pl
import pytest
from polars.io.plugins import register_io_source

from growth_assets.contracts.texts import is_numbered
from growth_assets.ingest import clock, fan_out
from growth_assets.settings import Source
from growth_assets.sources import parquet
from growth_assets.sources.reader import read
from growth_assets.warehouse import partitions
from growth_assets.warehouse.partitions import PACKING

FEW, MANY = 10**6, 0
"""Rows that are held: of a file of few rows, all; of one of many, no batch but the first."""
ORDERS = {
    "one day": lambda _: 1,
    "day after day": lambda number: 1 + number // 100,
    "another day at the end": lambda number: 1 + number // 290,
    "another day now and then": lambda number: 1 + (number % 50 == 49),
    "one day, then all": lambda number: 1 + number % 3 if number > 100 else 1,
    "all from the first line on": lambda number: 1 + number % 3,
}


@pytest.fixture
def given(monkeypatch):
    """What Polars is given to write."""
    found = []

    def source(io_source, schema):
        def kept(*asked):
            for frame in io_source(*asked):
                found.append(frame)
                yield frame

        return register_io_source(io_source=kept, schema=schema)

    monkeypatch.setattr(partitions, "register_io_source", source)
    return found


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("held", "most_days"), [(FEW, 8), (MANY, 8), (MANY, 1)])
def test_a_segment_has_the_rows_of_its_day_in_their_order(tmp_path, write, monkeypatch, given, order, held, most_days):
    monkeypatch.setattr(fan_out, "HELD_ROWS", held)
    monkeypatch.setattr(fan_out, "MOST_DAYS", most_days)
    monkeypatch.setattr(fan_out, "PIECE_ROWS", 100)
    path = tmp_path / "days.ndjson"
    days = [f"2026-03-0{ORDERS[order](number)}" for number in range(300)]
    path.write_bytes(b"".join(write.event(number, ds) for number, ds in enumerate(days)))
    batches = iter(read(path, Source(name="test"), None, chunk_bytes=3_000))
    result = fan_out.fan_out(batches, tmp_path / "out", "test", path.name, clock.now())
    assert {ds: segment.rows for ds, segment in result.segments.items()} == {ds: days.count(ds) for ds in days}
    assert [each.name for each in (tmp_path / "out").iterdir() if each.is_dir()] == ["segments"]
    assert bool(given) == (held == MANY)
    assert all(is_numbered(frame[name]) for frame in given for name in ("source", "source_file", "ds"))
    for ds in result.segments:
        segment = tmp_path / f"out/segments/ds={ds}.parquet"
        rows = pl.read_parquet(segment, hive_partitioning=False)
        assert rows["line_number"].to_list() == [number + 1 for number, other in enumerate(days) if other == ds]
        assert rows["ds"].unique().to_list() == [ds]
        # To the byte it is the file that is written of the texts.
        rows.write_parquet(texts := io.BytesIO(), **PACKING)
        assert segment.read_bytes() == texts.getvalue()


def test_texts_that_a_parquet_file_has_as_numbers_are_written_to_the_same_bytes(tmp_path, monkeypatch, given):
    monkeypatch.setattr(fan_out, "HELD_ROWS", 0)
    monkeypatch.setattr(parquet, "LEAST_ROWS_NUMBERED", 1)
    path = tmp_path / "day.parquet"
    rows = {
        "event_time": [f"2026-03-01T10:{number // 60:02}:{number % 60:02}Z" for number in range(300)],
        "user_agent": ["b", "a", None, "", "c"] * 60,
    }
    pl.DataFrame(rows).write_parquet(path, row_group_size=70)
    result = fan_out.fan_out(iter(read(path, Source(name="t"), "xx.com")), tmp_path / "out", "t", "f", clock.now())
    assert result.events == 300
    assert [is_numbered(frame["user_agent"]) for frame in given] == [True]
    found = pl.read_parquet(tmp_path / "out/segments/ds=2026-03-01.parquet", hive_partitioning=False)
    assert found["user_agent"].to_list() == [text or None for text in rows["user_agent"]]
    found.write_parquet(texts := io.BytesIO(), **PACKING)
    assert (tmp_path / "out/segments/ds=2026-03-01.parquet").read_bytes() == texts.getvalue()


def test_a_day_of_one_piece_stays_the_file_that_it_is(tmp_path):
    pieces = [tmp_path / "piece-0", tmp_path / "piece-1"]
    for number, piece in enumerate(pieces):
        piece.mkdir()
        for name in ("both", f"only-{number}"):
            pl.DataFrame({"piece": [number]}).write_parquet(piece / name)
    files = [(piece / f"only-{number}").stat().st_ino for number, piece in enumerate(pieces)]
    (tmp_path / "segments").mkdir()
    fan_out._put_together(pieces, tmp_path / "segments", lambda: None)
    assert [(tmp_path / f"segments/only-{number}").stat().st_ino for number in (0, 1)] == files
    assert pl.read_parquet(tmp_path / "segments/both")["piece"].to_list() == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["segments"]
