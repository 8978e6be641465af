"""A rejected line is kept with all its bytes and the header in force, however the file is cut into pieces."""

from __future__ import annotations

import dataclasses

import polars as pl
import pyarrow.parquet as pq
import pytest

from growth_assets.contracts.columns import ORIGINAL
from growth_assets.ingest.rejected import BYTES_HELD, ORIGINALS, TABLE, RejectedLines
from growth_assets.settings import Source
from growth_assets.sources.batch import only_rejected
from growth_assets.sources.lines import LINE_LIMIT
from growth_assets.sources.originals import HELD_BYTES
from growth_assets.sources.reader import read
from growth_assets.sources.reasons import Reason

GOOD = b'{"event_time": "2026-03-01T10:00:00Z", "hostname": "www.xx.com"}'
LATIN = '{"event_time": "2026-03-01T10:00:00Z", "hostname": "caf\xe9"}'.encode("latin-1")

NDJSON = [b"broken", GOOD, LATIN, b"", b"{}\r", b"x" * 3_000, GOOD, b'{"no": "end"']

HEADER = b"event_time,hostname,properties"
RECORD = '2026-03-01T10:00:00,www.xx.com,"two\nlines, \xfc"'.encode()
CSV = [HEADER, b"", b"2026-03-01T10:00:00Z,www.xx.com,", b"a,b", *RECORD.split(b"\n"), b'x,"never closed', b"1,2,3"]

IIS = [
    b"#Software: x", b"#Fields: date time cs-method cs-uri-stem c-ip", b"2026-03-01 10:00:00 GET / 8.8.8.8", b"one",
    b"#Fields: date time cs-method c-ip", b"two", b"2026-03-01 10:00:00 GET 8.8.8.8",
    b"#Fields: date time cs-method cs-uri-stem c-ip", b"three",
    b"#Date: 2026-03-02 23:00:00", b"#Fields: time c-ip", b"23:10:00 8.8.8.8", b"00:10:00 8.8.8.8", b"four",
]  # fmt: skip


def kept(tmp_path, content: bytes, chunk_bytes: int, **source) -> list[tuple[int, bytes | None, str]]:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = []
    for batch in read(path, Source(name="s", **source), None, chunk_bytes=chunk_bytes):
        if batch.rejected.height and batch.originals is not None:
            found += list(zip(batch.rejected["line_number"], *batch.originals.get_columns(), strict=True))
    return found


@pytest.mark.parametrize("chunk_bytes", [1, 7, 40, 200, 1 << 20])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_whatever_is_rejected_is_kept_to_the_byte(tmp_path, chunk_bytes, end):
    found = kept(tmp_path, b"\n".join(NDJSON) + end, chunk_bytes, format="ndjson")
    assert found == [(n, NDJSON[n - 1], "") for n in (1, 3, 4, 5, 6, 8)]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 40, 200, 1 << 20])
def test_a_csv_record_is_kept_with_all_its_lines_and_its_header(tmp_path, chunk_bytes):
    found = kept(tmp_path, b"\n".join(CSV) + b"\n", chunk_bytes, format="csv")
    assert [(number, line) for number, line, _ in sorted(found)] == [
        (2, b""), (4, b"a,b"), (5, RECORD), (7, b'x,"never closed'), (8, b"1,2,3"),
    ]  # fmt: skip
    assert {header for _, _, header in found} == {HEADER.decode() + "\n"}


@pytest.mark.parametrize("chunk_bytes", [1, 60, 1 << 20])
def test_a_line_is_kept_with_the_fields_that_were_in_force(tmp_path, chunk_bytes):
    found = kept(tmp_path, b"\n".join(IIS) + b"\n", chunk_bytes, format="iis")
    assert sorted(found) == [(4, b"one", f"{IIS[1].decode()}\n"), (6, b"two", f"{IIS[4].decode()}\n"),
                             (9, b"three", f"{IIS[7].decode()}\n"),
                             (14, b"four", "#Date: 2026-03-03\n#Fields: time c-ip\n")]  # fmt: skip


def test_a_line_up_to_the_limit_is_kept_and_a_longer_one_is_not(tmp_path):
    lines = [b"x" * LINE_LIMIT, b"y" * (LINE_LIMIT + 1), b"z"]
    found = kept(tmp_path, b"\n".join(lines), 1 << 19, format="ndjson")
    assert [(number, line) for number, line, _ in found] == [(1, lines[0]), (3, b"z")]


def test_a_record_that_waits_over_many_pieces_is_kept(tmp_path):
    # Its quote stays open for almost as long as a record may be, over pieces far smaller than that.
    lines = [HEADER, b'2026-03-01T10:00:00,h,"', *[b"w" * 1_000] * 900, b'"']
    found = kept(tmp_path, b"\n".join(lines) + b"\n", 50_000, format="csv")
    assert [(number, line) for number, line, _ in found] == [(2, b"\n".join(lines[1:]))]
    assert HELD_BYTES > LINE_LIMIT


def test_rejected_lines_are_written_in_pieces_bounded_by_bytes(tmp_path):
    lines = RejectedLines(tmp_path, "s", "f")
    for number in range(1, 101):
        batch = only_rejected([(number, Reason.NOT_JSON, "x")])
        original = pl.DataFrame([[bytes([number]) * (1 << 20)], [""]], schema=ORIGINAL)
        lines.add(dataclasses.replace(batch, originals=original))
    lines.finish()
    file = pq.ParquetFile(tmp_path / ORIGINALS)
    groups = [file.read_row_group(each) for each in range(file.num_row_groups)]
    assert all(group.nbytes <= BYTES_HELD + (2 << 20) for group in groups)
    assert [number for group in groups for number in group["line_number"].to_pylist()] == list(range(1, 101))
    assert pl.read_parquet(tmp_path / TABLE)["line_number"].to_list() == list(range(1, 101))
