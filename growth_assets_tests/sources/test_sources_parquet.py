"""Parquet: typed columns become what text would have said; corrupt files are refused."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt
import decimal
import io
from itertools import product

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts.columns import MAP
from growth_assets.contracts.texts import as_texts, is_numbered
from growth_assets.sources import parquet
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context
from growth_assets.sources.row_digest import RowDigest

WHEN = dt.datetime(2026, 5, 17, 10, 5, 3)


def packed(columns, **options):
    out = io.BytesIO()
    (columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns)).write_parquet(out, **options)
    return out.getvalue()


def test_typed_columns(read_bytes):
    frame = pl.DataFrame(
        {
            "event_time": pl.Series([WHEN, WHEN + dt.timedelta(milliseconds=250)]).dt.replace_time_zone(
                "Europe/Berlin"
            ),
            "ip": ["1.2.3.4", None],
            "user_id": [42, None],
            "hostname": ["www.xx.com", ""],
            "properties": pl.Series([{"a": "1", "b": None}, None], dtype=MAP),
            "price": [decimal.Decimal("1.50"), None],
            "tags": [["a", "b"], None],
            "more": [{"x": 1, "y": None}, {"x": 2, "y": [dt.date(2026, 1, 1)]}],
            "raw": [b"ab\xff", None],
            "day": [dt.date(2026, 1, 2), None],
            "yes": [True, None],
        }
    )
    whole = read_bytes(packed(frame))
    assert (whole.format, whole.lines, whole.rejected) == ("parquet", 2, [])
    first, second = whole.events
    assert (first["event_timestamp"], first["subsecond_clock"]) == (WHEN - dt.timedelta(hours=2), False)
    assert second["event_timestamp"] == WHEN - dt.timedelta(hours=2) + dt.timedelta(milliseconds=250)
    assert second["subsecond_clock"]
    assert (first["user_id"], first["ip"], first["hostname"]) == ("42", "1.2.3.4", "www.xx.com")
    assert (second["user_id"], second["ip"], second["hostname"]) == (None, None, "www.default.com")
    assert first["other_properties"] == [
        ("a", "1"),
        ("b", None),
        ("day", "2026-01-02"),
        ("more", '{"x": 1, "y": null}'),
        ("price", "1.50"),
        ("raw", "ab\\xff"),
        ("tags", '["a", "b"]'),
        ("yes", "true"),
    ]
    assert second["other_properties"] == [("more", '{"x": 2, "y": ["2026-01-01"]}')]
    assert [first["line_number"], second["line_number"]] == [1, 2]


def test_properties_as_struct_and_as_text(read_bytes):
    times = [WHEN.isoformat() + "Z"] * 2
    struct = read_bytes(packed({"event_time": times, "properties": [{"a": 1, "b": None}, {"a": None, "b": [1]}]}))
    assert [event["other_properties"] for event in struct.events] == [[("a", "1")], [("b", "[1]")]]
    text = read_bytes(packed({"event_time": times, "properties": ['{"a":1}', "no object"]}))
    assert [event["other_properties"] for event in text.events] == [
        [("a", "1")],
        [("properties", "no object")],
    ]


def test_times_without_a_zone_need_the_sources_offset(read_bytes):
    data = packed({"event_time": [WHEN, None]})
    whole = read_bytes(data)
    assert whole.reasons == [(1, "time_without_offset"), (2, "no_time")]
    whole = read_bytes(data, utc_offset="+02:00")
    assert whole.events[0]["event_timestamp"] == WHEN - dt.timedelta(hours=2)


def test_nanoseconds_are_cut_off(read_bytes):
    stamps = pl.Series([1_700_000_000_123_456_789], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    (event,) = read_bytes(packed({"event_time": stamps})).events
    assert event["event_timestamp"] == dt.datetime(2023, 11, 14, 22, 13, 20, 123_456)


def test_numbers_are_no_time(read_bytes):
    assert read_bytes(packed({"event_time": [1_700_000_000]})).reasons == [(1, "bad_time")]


def test_a_column_named_line_number_is_kept(read_bytes):
    (event,) = read_bytes(packed({"event_time": [WHEN.isoformat() + "Z"], "line_number": [77]})).events
    assert (event["line_number"], event["other_properties"]) == (1, [("line_number", "77")])


def test_rows_are_numbered_over_batches_and_the_fingerprint_is_the_files(read_bytes):
    data = packed(
        {"event_time": [WHEN.isoformat() + "Z"] * 40_000, "ip": [str(n) for n in range(40_000)]},
        row_group_size=7_000,
    )
    whole = read_bytes(data)
    assert whole.lines == 40_000
    assert all(event["ip"] == str(event["line_number"] - 1) for event in whole.events)
    assert whole.fingerprint.length == len(data)


def test_without_event_time_or_packed_as_a_whole_it_is_refused(read_bytes, pack):
    with pytest.raises(SourceError, match="no column event_time"):
        read_bytes(packed({"time": [WHEN]}))
    with pytest.raises(SourceError, match="Unpack"):
        read_bytes(pack["gz"](packed({"event_time": [WHEN]})))


AGAIN = {
    "user_agent": ["curl/8.5.0", "", None, "Mozilla/5.0 (é)"] * 15,
    "event_time": [None if number % 10 == 9 else f"2026-05-17T10:05:{number:02}Z" for number in range(60)],
    "referrer": [f"https://xx.com/{number}" for number in range(60)],
    "url": ["/a", "/b", "/c"] * 20,
    "action_type": [None, "signup"] * 30,
}
"""Texts of which some come again and again, and others never; every tenth row is none that can be an event."""


@pytest.mark.parametrize("least", [1, 100])
@pytest.mark.parametrize("at_once", [1, 2])
def test_texts_that_come_again_and_again_stay_numbers(tmp_path, monkeypatch, least, at_once):
    monkeypatch.setattr(parquet, "LEAST_ROWS_NUMBERED", least)
    monkeypatch.setattr(parquet, "FEW_BYTES_A_ROW", 8)  # in so small groups the heads of pages count
    path = tmp_path / "again.parquet"
    path.write_bytes(packed(AGAIN, row_group_size=25))
    digest = RowDigest()
    context = Context(str(path), "www.default.com", None, None)
    batches = [*parquet.batches(path, context, rows=7, digest=digest, at_once=at_once)]
    numbers = {name for batch in batches for name in batch.events.columns if is_numbered(batch.events[name])}
    assert numbers == ({"user_agent", "url", "action_type"} if least == 1 else set())
    events = as_texts(pl.concat([batch.events for batch in batches]))
    good = [number for number in range(60) if AGAIN["event_time"][number]]
    assert events["line_number"].to_list() == [number + 1 for number in good]
    for name in ("user_agent", "referrer", "url", "action_type"):
        assert events[name].to_list() == [AGAIN[name][number] or None for number in good]
    texts = pl.concat([batch.rejected for batch in batches])["text"].to_list()
    assert texts[0] == (
        '{"user_agent": "", "event_time": null, "referrer": "https://xx.com/9", "url": "/a", "action_type": "signup"}'
    )
    assert len(texts) == 6
    monkeypatch.setattr(parquet, "LEAST_ROWS_NUMBERED", 100)
    other = RowDigest()
    assert sum(batch.lines for batch in parquet.batches(path, context, digest=other)) == 60
    assert digest.hexdigest() == other.hexdigest()


OFTEN, ONCE = ["/a", "/b"] * 100, [f"https://xx.com/{'x' * 100}/{number}" for number in range(200)]


def kinds_of(path, columns, **options):
    """Which columns stay numbers, of a file as Arrow writes it."""
    pq.write_table(pa.table({"event_time": [WHEN.isoformat() + "Z"] * 400} | columns), path, **options)
    read = list(parquet.batches(path, Context(str(path), "www.default.com", None, None)))
    events = pl.concat([batch.events for batch in read])
    for name, texts in columns.items():
        assert as_texts(events)[name].to_list() == texts
    return {name for name in columns if is_numbered(events[name])}


@pytest.mark.parametrize("later", [OFTEN, ONCE])
def test_where_later_rows_have_other_texts_each_they_are_texts(tmp_path, monkeypatch, later):
    monkeypatch.setattr(parquet, "LEAST_ROWS_NUMBERED", 1)
    # Arrow says of all groups that they have dictionaries, also of those whose dictionary is soon full.
    found = kinds_of(tmp_path / "f", {"url": OFTEN + later}, row_group_size=200, dictionary_pagesize_limit=1_000)
    assert found == ({"url"} if later is OFTEN else set())


def test_long_texts_that_come_a_few_times_are_numbered_of_no_more_than_fit_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "LEAST_ROWS_NUMBERED", 1)
    columns = {"user_agent": ONCE[:100] * 4, "url": OFTEN * 2, "referrer": ONCE[:50] * 8}
    assert kinds_of(tmp_path / "f", columns) == {*columns}
    monkeypatch.setattr(parquet, "MOST_BYTES_NUMBERED", 10_000)
    assert kinds_of(tmp_path / "f", columns) == {"url", "referrer"}


@pytest.mark.parametrize("short", ["event_time", "url"])
def test_columns_that_differ_in_length_are_told(tmp_path, monkeypatch, short):
    monkeypatch.setattr(parquet, "LEAST_ROWS_NUMBERED", 1)
    columns = {"event_time": AGAIN["event_time"], "url": AGAIN["url"]}
    pq.write_table(pa.table({short: columns[short]} | columns), path := tmp_path / "f", compression="none")
    # What the first page of values says of their number, 60, is one less now.
    said, less = b"\x2c\x15\x78", b"\x2c\x15\x76"
    path.write_bytes(path.read_bytes().replace(said, less, 1))
    with pytest.raises(SourceError, match="differ in length"):
        list(parquet.batches(path, Context(str(path), "www.default.com", None, None)))


GOOD = packed(
    {
        "event_time": [WHEN.isoformat() + "Z"] * 50,
        "n": range(50),
        "m": [{"a": 1, "b": [1]}] * 50,
        "url": ["/a", "/b"] * 25,
    }
)


@given(
    places=st.lists(st.tuples(st.integers(4, len(GOOD) - 1), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, len(GOOD)),
)
@settings(max_examples=40, deadline=None)
def test_a_corrupt_file_is_read_or_refused(read_bytes, places, cut):
    data = bytearray(GOOD)
    for place, value in places:
        data[place] = value
    for attempt, least in product((bytes(data), bytes(data[:cut])), (1, 100)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parquet, "LEAST_ROWS_NUMBERED", least)
            try:
                whole = read_bytes(attempt, format="parquet")
            except SourceError:
                continue
        assert whole.lines == len(whole.events) + len(whole.rejected)
