"""Texts that are numbered by the dictionaries of their files are those of the rows."""

import gc
from pathlib import Path

import polars as pl
import pytest

from growth_assets.contracts.packed_texts import of_files, packed_texts
from growth_assets.contracts.texts import is_numbered

TEXTS = {
    "few": ["a", "b", None, "a", "ä|\n"] * 40,
    "none": [None] * 200,
    "all others": [f"text {number} {'x' * 20}" for number in range(200)],
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files, the first of several groups of rows, of which one has texts that the others have not."""
    rows = pl.DataFrame(TEXTS, schema=dict.fromkeys(TEXTS, pl.String))
    paths = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    rows.head(130).write_parquet(paths[0], row_group_size=40)
    rows.tail(70).write_parquet(paths[1])
    return paths


@pytest.mark.parametrize("name", TEXTS)
def test_the_texts_of_all_files_in_order(files: list[Path], name: str) -> None:
    found = packed_texts(of_files(pl.scan_parquet(files), files), name)
    assert found is not None
    assert is_numbered(found)
    assert found.name == name
    assert found.cast(pl.String).to_list() == TEXTS[name]


def test_a_frame_of_which_no_files_are_known_is_read_otherwise(files: list[Path]) -> None:
    known = of_files(pl.scan_parquet(files), files)
    assert packed_texts(pl.scan_parquet(files), "few") is None
    del known
    gc.collect()
    assert all(packed_texts(pl.scan_parquet(files), "few") is None for _ in range(10))


def test_a_damaged_file_is_left_to_whoever_tells_of_it(files: list[Path]) -> None:
    frame = of_files(pl.scan_parquet(files), files)
    files[1].write_bytes(files[1].read_bytes()[:100])
    assert packed_texts(frame, "few") is None
