"""The files of a content's days: what stands in every row is written as numbers, and they hold texts."""

from __future__ import annotations

import io

import polars as pl
import pytest

from growth_assets.contracts.texts import is_numbered
from growth_assets.ingest import clock, fan_out
from growth_assets.settings import Source
from growth_assets.sources.reader import read
from growth_assets.warehouse.partitions import PACKING


@pytest.mark.parametrize("held", [0, 10**6])
def test_a_segment_is_the_file_that_is_written_of_its_texts(tmp_path, write, monkeypatch, held):
    monkeypatch.setattr(fan_out, "HELD_ROWS", held)
    given = []

    def sink(frames, *rest):
        given.extend(one := [*frames()])
        fan_out_sink(lambda: iter(one), *rest)

    fan_out_sink = fan_out._sink
    monkeypatch.setattr(fan_out, "_sink", sink)
    path = tmp_path / "days.ndjson"
    path.write_bytes(b"".join(write.event(number, f"2026-03-0{number % 7 % 3 + 1}") for number in range(300)))
    batches = iter(read(path, Source(name="test"), None, chunk_bytes=3_000))
    result = fan_out.fan_out(batches, tmp_path / "out", "test", path.name, clock.now())
    assert len(result.segments) == 3
    assert len(given) > 10 if held == 0 else not given
    assert all(is_numbered(frame[name]) for frame in given for name in ("source", "source_file", "ds"))
    for segment in (tmp_path / "out/segments").iterdir():
        texts = io.BytesIO()
        pl.read_parquet(segment, hive_partitioning=False).write_parquet(texts, **PACKING)
        assert segment.read_bytes() == texts.getvalue()
