"""Laws that hold for any bytes: no crash, no line lost, chunks and compression change nothing."""

import hashlib
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from growth_assets.sources import reader
from growth_assets.sources.errors import SourceError

TIME = '"event_time":"2026-05-17T10:05:03Z"'
LOG = '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 12 "-" "agent"'
FRAGMENTS = [
    b"\n",
    b"\r\n",
    b"\r",
    b"",
    b" ",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\x00",
    b"\xc3\xa9",
    b"{",
    b"}",
    b"[",
    b'"',
    b",",
    b":",
    b"null",
    b"{}",
    b"[]",
    b'""',
    b"\\",
    b"\\ud800",
    b"\\u0022:",
    b'"ip"',
    b'"user_id":',
    b"1.50",
    b"1e400",
    b"-0",
    b"NaN",
    b'"properties":',
    b'"properties":{"a":1,"b":"x"}',
    b'"x":null',
    b'"ip":null',
    b'"x":1',
    b'"x":"1"',
    TIME.encode(),
    b"{" + TIME.encode() + b"}",
    b"{" + TIME.encode() + b',"ip":"1.2.3.4","extra":"e","user_id":null}',
    b"{" + TIME.encode() + b',"properties":{"a":1,"user_id":null},"q":7}',
    b"{" + TIME.encode() + b',"properties":{"a":[1]}}',
    b"{" + TIME.encode() + b',"ip":"a","ip":"b"}',
    LOG.encode(),
    LOG.encode() + b"\n",
    b"h.x.com:80 " + LOG.encode(),
    b'"GET / HTTP/1.1"',
    b'"-"',
    b"[17/May/2015:10:05:03 +0000]",
    b"event_time,ip,x\n",
    b"2026-05-17T10:05:03Z,1.2.3.4,y",
    b'2026-05-17T10:05:03Z,"1,2",y',
    b'"a""b"',
    b'2026-05-17T10:05:03Z,"a\nb",',
    b"2026-05-17 10:05:03+0200,,",
    b"2026-05-17T10:05:03,,",
    b"2026-05-17T10:05:60Z,,",
]
ANY = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(FRAGMENTS), max_size=16).map(b"".join))
FORMATS = ["ndjson", "csv", "combined", "vhost_combined", "common", "alb", "haproxy"]


def outcome(read_bytes, data, **options):
    try:
        whole = read_bytes(data, **options)
    except SourceError:
        return "SourceError"
    return whole


@pytest.mark.parametrize("name", FORMATS)
@given(data=ANY, size=st.sampled_from([1, 7, 40, 200]))
@settings(max_examples=25, deadline=None)
def test_chunks_change_nothing_and_no_line_is_lost(read_bytes, name, data, size):
    if name == "csv":
        data = b"event_time,ip,properties,x\n" + data
    whole = outcome(read_bytes, data, format=name)
    assert outcome(read_bytes, data, format=name, chunk_bytes=size) == whole
    if whole == "SourceError":
        return
    assert whole.lines == len(whole.events) + len(whole.rejected)
    physical = data.removeprefix(b"\xef\xbb\xbf")
    lines = physical.count(b"\n") + (not physical.endswith(b"\n") and physical != b"")
    numbers = [row["line_number"] for row in (*whole.events, *whole.rejected)]
    assert len(set(numbers)) == len(numbers)
    if name != "csv":
        assert sorted(numbers) == list(range(1, lines + 1))
    assert whole.fingerprint.sha256 == hashlib.sha256(data).hexdigest()
    assert whole.fingerprint.length == len(data)


@pytest.mark.parametrize("name", FORMATS)
@given(data=ANY, size=st.sampled_from([1, 7, 40]), at_once=st.sampled_from([1, 2, 3]))
@settings(max_examples=15, deadline=None)
def test_how_many_chunks_are_parsed_at_once_changes_nothing(read_bytes, name, data, size, at_once):
    if name == "csv":
        data = b"event_time,ip,properties,x\n" + data
    whole = outcome(read_bytes, data, format=name, chunk_bytes=size)
    with mock.patch.object(reader, "HEAD_BYTES", 1):  # no file is small
        assert outcome(read_bytes, data, format=name, chunk_bytes=size, at_once=at_once) == whole


@given(data=ANY, packing=st.sampled_from(["plain", "gz", "bz2", "xz", "zst"]), size=st.sampled_from([20, 500]))
@settings(max_examples=25, deadline=None)
def test_compression_changes_nothing(read_bytes, pack, data, packing, size):
    # A line in front, so that the bytes are not themselves taken for a packed or a Parquet file.
    data = b"x\n" + data
    whole = outcome(read_bytes, data, format="ndjson")
    assert outcome(read_bytes, pack[packing](data), format="ndjson", chunk_bytes=size) == whole


@given(
    data=st.binary(max_size=300),
    magic=st.sampled_from([b"", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PAR1"]),
)
@example(data=b"\n \n", magic=b"")
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused_with_a_source_error(read_bytes, data, magic):
    whole = outcome(read_bytes, magic + data)
    if whole != "SourceError":
        assert whole.lines == len(whole.events) + len(whole.rejected)
