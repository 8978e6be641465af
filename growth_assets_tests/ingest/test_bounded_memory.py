"""Landing holds a part of a file at a time: its memory has a bound, whatever the file is."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import subprocess
import sys

import polars as pl
import pytest

from growth_assets.ingest import clock, fan_out
from growth_assets.settings import Source
from growth_assets.sources import lines
from growth_assets.sources.reader import read

LANDED = """
import json, resource, sys
from pathlib import Path
from growth_assets import settings
from growth_assets.ingest.landing import land
landed = land(settings.load(Path(sys.argv[1])))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([peak, {entry.source_file: [entry.lines, entry.events] for entry in landed.read}]))
"""
BOUND = 1_500_000_000
"""Bytes. Chunks of 64 MiB in several forms, and what Polars holds back; 1.2 GB were the most that was measured."""


@pytest.mark.slow
def test_memory_is_bounded_for_a_line_without_end_and_for_many_days(site, write):
    with gzip.open(site.landing / "endless.ndjson.gz", "wb", 1) as out:
        out.write(write.event(1))
        for _ in range(512):
            out.write(b"a" * (1 << 20))
    with gzip.open(site.landing / "rejects.ndjson.gz", "wb", 1) as out:
        out.write(write.events(range(2, 5)))
        for number in range(70):
            out.write(b'{"n":%d,"a":"' % number + b"x" * 1_000_000 + b'"\n')
    first = dt.date(2025, 1, 1)
    days = [(first + dt.timedelta(days=day)).isoformat() for day in range(400)]
    round_ = b"".join(write.event(number, ds) for number, ds in enumerate(days))
    site.put("days.ndjson", round_ * 250)
    done = subprocess.run(
        [sys.executable, "-c", LANDED, str(site.folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert not done.returncode, done.stderr
    peak, read = json.loads(done.stdout)
    assert read == {
        "endless.ndjson.gz": [2, 1],
        "rejects.ndjson.gz": [73, 3],
        "days.ndjson": [100_000, 100_000],
    }
    assert peak < BOUND


def test_a_chunk_has_a_bound_of_lines(monkeypatch):
    monkeypatch.setattr(lines, "MOST_LINES", 10)
    data = b"\n" * 95 + b"last\n" + b"x" * 50 + b"\n\n\n"
    found = list(lines.chunks(iter([data])))
    assert max(len(chunk.ends) for chunk in found) <= 10
    assert b"".join(chunk.data for chunk in found) == data
    assert [chunk.first_line for chunk in found] == [
        1 + sum(len(chunk.ends) for chunk in found[:position]) for position in range(len(found))
    ]


@pytest.mark.parametrize("piece_rows", [1, 40, 10**6])
@pytest.mark.parametrize("days", [3, 30])
def test_many_days_are_put_together_from_pieces(tmp_path, write, monkeypatch, days, piece_rows):
    monkeypatch.setattr(fan_out, "PIECE_ROWS", piece_rows)
    path = tmp_path / "many.ndjson"
    # Each day comes again and again, most of them from the first line on.
    written = [(number, f"2026-03-{number * 7 % days + 1:02}") for number in range(300)]
    path.write_bytes(b"".join(write.event(number, ds) for number, ds in written))
    batches = iter(read(path, Source(name="test"), None, chunk_bytes=3_000))
    result = fan_out.fan_out(batches, tmp_path / "out", "test", "many.ndjson", clock.now())
    assert {ds: segment.rows for ds, segment in result.segments.items()} == {
        ds: sum(1 for _, other in written if other == ds) for _, ds in written
    }
    for ds in result.segments:
        rows = pl.read_parquet(tmp_path / f"out/segments/ds={ds}.parquet", hive_partitioning=False)
        assert rows["line_number"].to_list() == [number + 1 for number, other in written if other == ds]
        assert rows["ds"].unique().to_list() == [ds]
    assert [each.name for each in (tmp_path / "out").iterdir() if each.is_dir()] == ["segments"]
