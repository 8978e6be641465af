"""Fixtures: `read_path` and `read_bytes` read a whole file, `pack` packs bytes; for the tests of this
folder."""

import bz2
import gzip
import lzma
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import zstandard

from growth_assets.settings import Source
from growth_assets.sources.fingerprint import Fingerprint
from growth_assets.sources.reader import read

PACK = {
    "plain": lambda data: data,
    "gz": gzip.compress,
    "bz2": lambda data: bz2.compress(data, 1),  # blocks of 100 kB
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": zstandard.compress,
}


@dataclass
class Whole:
    events: list[dict]
    rejected: list[dict]
    lines: int
    fingerprint: Fingerprint
    format: str | None

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(row["line_number"], row["reason"]) for row in self.rejected]


def whole_path(
    path, *, chunk_bytes=64 << 20, prefix_lengths=(), hostname="www.default.com", at_once=1, **source
) -> Whole:
    reading = read(
        path,
        Source(name="test", **source),
        hostname,
        chunk_bytes=chunk_bytes,
        prefix_lengths=prefix_lengths,
        at_once=at_once,
    )
    batches = list(reading)
    events = pl.concat([batch.events for batch in batches]).to_dicts() if batches else []
    rejected = pl.concat([batch.rejected for batch in batches]).to_dicts() if batches else []
    for row in events:
        # As pairs, so that the order of a map's entries counts.
        row["other_properties"] = list(row["other_properties"].items())
    lines = sum(batch.lines for batch in batches)
    by_line = {"key": lambda row: row["line_number"]}
    return Whole(sorted(events, **by_line), sorted(rejected, **by_line), lines, reading.fingerprint, reading.format)


def whole_bytes(data: bytes, **options) -> Whole:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "landed"
        path.write_bytes(data)
        return whole_path(path, **options)


@pytest.fixture(scope="session")
def read_path():
    return whole_path


@pytest.fixture(scope="session")
def read_bytes():
    return whole_bytes


@pytest.fixture(scope="session")
def pack():
    return PACK
