"""Files that are put together as they are packed hold the rows of all, to every reader."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts.columns import MAP
from growth_assets.warehouse import durable, row_groups
from growth_assets.warehouse.partitions import PACKING, OtherBytesError, Warehouse

from .conftest import VISITS_TABLE, visits_frame

DAY = "2026-03-01"
SCHEMA = {"text": pl.String, "number": pl.Int64, "time": pl.Datetime("us"), "yes": pl.Boolean, "map": MAP}
ROWS = st.lists(
    st.tuples(
        st.none() | st.text(max_size=5),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),  # noqa: DTZ001 - as the columns are
        st.none() | st.booleans(),
        st.none() | st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=2),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "WORTH", 0)


def written(frames: list[pl.DataFrame], folder: Path, **options: object) -> list[Path]:
    paths = [folder / f"{number}.parquet" for number in range(len(frames))]
    for frame, path in zip(frames, paths, strict=True):
        frame.write_parquet(path, **PACKING, **options)
    return paths


def pages(path: Path) -> list[list[bytes]]:
    """The bytes of each page of each column of each group, where the page index says that they are."""
    content, file = path.read_bytes(), row_groups._opened(path)
    return [
        [content[place[1][1] : place[1][1] + place[2][1]] for place in row_groups._values(chunk[4][1], 1)]
        for chunk in file.chunks()
    ]


@settings(max_examples=15, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(1, 30))
def test_to_every_reader_it_has_all_rows_in_order(tmp_path_factory, contents, size):
    folder = tmp_path_factory.mktemp("files")
    frames = [
        pl.DataFrame([(*row[:4], None) for row in rows], SCHEMA, orient="row").with_columns(
            pl.Series("map", [row[4] if row[4] is None else list(row[4].items()) for row in rows], dtype=pl.Object)
            .map_elements(lambda items: [{"key": key, "value": value} for key, value in items], _ENTRIES)
            .cast(MAP)
        )
        for rows in contents
    ]
    paths = written(frames, folder, row_group_size=size, data_page_size=40)
    out = folder / "out"
    assert row_groups.together(paths, out)
    assert pl.read_parquet(out).equals(pl.concat(frames))
    assert pq.read_table(out).equals(pa.concat_tables([pq.read_table(path) for path in paths]))
    of_all = duckdb.read_parquet([str(path) for path in paths]).fetchall()
    assert duckdb.read_parquet(str(out)).fetchall() == of_all
    groups = [pq.read_metadata(path).row_group(number) for path in paths for number in _groups(path)]
    for group, number in zip(groups, _groups(out), strict=True):
        same = pq.read_metadata(out).row_group(number)
        for column in range(group.num_columns):
            assert same.column(column).statistics == group.column(column).statistics
    assert pages(out) == [chunk for path in paths for chunk in pages(path)]


_ENTRIES = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))


def _groups(path: Path) -> range:
    return range(pq.read_metadata(path).num_row_groups)


def test_a_footer_is_packed_as_it_was(tmp_path):
    (path,) = written([pl.DataFrame({"n": range(100)})], tmp_path, row_group_size=3)
    content = path.read_bytes()
    footer = content[-8 - int.from_bytes(content[-8:-4], "little") : -8]
    assert row_groups._packed(row_groups._Reader(footer).value(12)) == footer


@pytest.mark.parametrize("index", [True, False])
def test_what_another_writer_wrote(tmp_path, index):
    table = pa.table({"t": ["a", None, "b"] * 20, "l": [[1, 2], [], None] * 20})
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        pq.write_table(table, path, row_group_size=17, write_page_index=index, store_decimal_as_integer=True)
    assert row_groups.together(paths, tmp_path / "out")
    assert pq.read_table(tmp_path / "out").equals(pa.concat_tables([table, table]))
    assert pl.read_parquet(tmp_path / "out").height == 120


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda _: b"", id="nothing"),
        pytest.param(lambda good: good[:-9], id="cut off"),
        pytest.param(lambda good: good[:-8] + b"\xff\xff\xff\x00PAR1", id="a footer that is too long"),
        pytest.param(lambda _: b"PAR1" + b"\x1c" * 40 + b"\x20\x00\x00\x00PAR1", id="no footer"),
    ],
)
def test_what_is_no_such_file_is_left_to_whoever_tells_of_it(tmp_path, other):
    (path,) = written([pl.DataFrame({"n": [1]})], tmp_path)
    (tmp_path / "other").write_bytes(other(path.read_bytes()))
    assert not row_groups.together([path, tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [(), (1, 0), (1, 0, 3)], ids=["a group", "a column", "what a column says"])
def test_what_comes_to_the_format_later_is_left_alone(tmp_path, place):
    (path,) = written([pl.DataFrame({"n": [1]})], tmp_path)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    meta = row_groups._Reader(content[-8 - length : -8]).value(12)
    (of,) = row_groups._values(meta, 4)
    for number in place:
        of = of[number][1] if isinstance(of, dict) else of[1][number]
    of[99] = (6, 4)
    footer = row_groups._packed(meta)
    path.write_bytes(content[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    assert pq.read_table(path).num_rows == 1
    assert not row_groups.together([path, path], tmp_path / "out")


def test_files_of_other_columns_or_small_groups_are_not_put_together(tmp_path, monkeypatch):
    paths = written([pl.DataFrame({"n": range(9)}), pl.DataFrame({"n": range(3)}), pl.DataFrame({"m": [1]})], tmp_path)
    assert not row_groups.together(paths[1:], tmp_path / "out")
    monkeypatch.setattr(row_groups, "WORTH", 7)
    assert not row_groups.together(paths[:2], tmp_path / "out")
    monkeypatch.setattr(row_groups, "WORTH", 6)
    assert row_groups.together(paths[:2], tmp_path / "out")


def test_a_day_is_put_together_of_files_that_are_as_they_landed(tmp_path):
    warehouse = Warehouse(tmp_path / "warehouse")
    frames = [visits_frame(DAY, number) for number in (3, 1, 2)]
    paths = written(frames, tmp_path)
    digests = [durable.sha256_of(path) for path in paths]
    with warehouse.building(DAY):
        staged = warehouse.stage_files(VISITS_TABLE, DAY, paths, digests, rows=6)
        assert pq.read_metadata(staged).num_row_groups == 3
        assert pl.read_parquet(staged, hive_partitioning=False).equals(pl.concat(frames))
        with pytest.raises(OtherBytesError) as error:
            warehouse.stage_files(VISITS_TABLE, DAY, paths, ["other", digests[1], "other"], rows=6)
    assert error.value.places == [0, 2]
