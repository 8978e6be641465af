"""Files: compression, damage, long lines, fingerprints, detection."""

import bz2
import gzip
import hashlib
import lzma
import re
import tracemalloc
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts.columns import RECEIVED
from growth_assets.settings import Source
from growth_assets.sources.batch import Batch, only_rejected, rejected_frame
from growth_assets.sources.detect import detect
from growth_assets.sources.errors import SourceError
from growth_assets.sources.fingerprint import fingerprint
from growth_assets.sources.lines import LINE_LIMIT
from growth_assets.sources.reader import read
from growth_assets.sources.reasons import MEANING, Reason

LINE = b'{"event_time":"2026-05-17T10:05:03Z","ip":"1.2.3.4"}\n'
DATA = LINE * 3000
NOISE = b"".join(
    b'{"event_time":"2026-05-17T10:05:03Z","n":"' + hashlib.sha512(str(n).encode()).hexdigest().encode() + b'"}\n'
    for n in range(3000)
)
PACKED = ["gz", "bz2", "xz", "zst"]


@pytest.mark.parametrize("packing", PACKED)
def test_members_that_follow_each_other_are_one_file(read_bytes, pack, packing):
    whole = read_bytes(pack[packing](DATA) + pack[packing](b"") + pack[packing](LINE) + b"\x00" * 1024)
    assert (len(whole.events), whole.rejected, whole.fingerprint.damage) == (3001, [], None)
    assert whole.fingerprint.sha256 == hashlib.sha256(DATA + LINE).hexdigest()


def test_a_skippable_zstd_frame_says_nothing(read_bytes):
    whole = read_bytes(b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstandard.compress(DATA))
    assert (len(whole.events), whole.rejected) == (3000, [])


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("harm", ["cut", "garbage after", "corrupt"])
def test_what_comes_before_the_damage_is_read(tmp_path, read_path, pack, packing, harm):
    good = pack[packing](NOISE)
    middle = len(good) * 3 // 4
    path = tmp_path / "file"
    if harm == "cut":
        path.write_bytes(good[:middle])
    elif harm == "garbage after":
        path.write_bytes(good + b"garbage")
    else:
        path.write_bytes(good[:middle] + b"\xff" * 200 + good[middle + 200 :])
    whole = read_path(path)
    assert whole.reasons[-1] == (whole.lines, "damaged_file")
    assert [event["line_number"] for event in whole.events[:10]] == list(range(1, 11))
    assert whole.lines > (3000 if harm == "garbage after" else 1000)
    assert whole.fingerprint.damage is not None
    assert str(path) in whole.fingerprint.damage
    assert whole.fingerprint == fingerprint(path)


def test_a_cut_gzip_file_loses_not_one_whole_line(tmp_path, read_path):
    whole_data = gzip.compress(NOISE)
    (tmp_path / "cut").write_bytes(whole_data[:90_000])
    readable = zlib.decompressobj(wbits=31).decompress(whole_data[:90_000])
    whole = read_path(tmp_path / "cut")
    assert len(whole.events) == readable.count(b"\n")
    assert whole.rejected[0]["text"] == readable[readable.rfind(b"\n") + 1 :].decode()


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"])
def test_a_file_damaged_from_the_start_is_refused_by_name(tmp_path, read_path, magic):
    (tmp_path / "broken.log").write_bytes(magic + b"not what it says")
    with pytest.raises(SourceError, match=r"broken\.log: damaged"):
        read_path(tmp_path / "broken.log")


def test_a_missing_file_is_refused_by_name(tmp_path, read_path):
    with pytest.raises(SourceError, match=r"gone\.log: cannot be read"):
        read_path(tmp_path / "gone.log")


@pytest.mark.parametrize("size", [1000, 100_000, 64 << 20])
def test_a_line_too_long_is_skipped_and_the_lines_around_it_are_read(read_bytes, size):
    limit = LINE_LIMIT - len('{"event_time":"2026-05-17T10:05:03Z","a":""}')
    longest = LINE[:36] + b',"a":"' + b"x" * limit + b'"}\n'
    assert len(longest) == LINE_LIMIT + 1
    data = LINE + b"y" * (LINE_LIMIT + 1) + b"\n" + longest + LINE + b"z" * (3 * LINE_LIMIT)
    whole = read_bytes(data, format="ndjson", chunk_bytes=size)
    assert [event["line_number"] for event in whole.events] == [1, 3, 4]
    assert [(row["line_number"], row["reason"], row["text"]) for row in whole.rejected] == [
        (2, "line_too_long", "y" * 1000),
        (5, "line_too_long", "z" * 1000),
    ]


def test_memory_stays_small_whatever_the_file(tmp_path):
    # 256 MiB of one line, and a bomb: both pass through in bounded memory.
    path = tmp_path / "bomb.zst"
    path.write_bytes(zstandard.compress(b"\x20" * (256 << 20)))
    tracemalloc.start()
    try:
        batches = list(read(path, Source(name="test", format="ndjson"), None, chunk_bytes=1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [row for batch in batches for row in batch.rejected["reason"]] == ["line_too_long"]
    assert peak < 100 << 20


def test_an_empty_file_has_no_line(read_bytes, pack):
    for name, packed in pack.items():
        whole = read_bytes(packed(b""))
        assert (whole.lines, whole.fingerprint.length) == (0, 0), name
        assert whole.fingerprint.sha256 == hashlib.sha256(b"").hexdigest()


@given(data=st.binary(max_size=300), lengths=st.lists(st.integers(-3, 320), max_size=6))
@settings(max_examples=30, deadline=None)
def test_fingerprints_and_those_of_beginnings(tmp_path_factory, data, lengths):
    path = tmp_path_factory.getbasetemp() / "fingerprinted"
    data = b"x" + data
    for packed in (
        data,
        gzip.compress(data),
        bz2.compress(data),
        lzma.compress(data),
        zstandard.compress(data),
    ):
        path.write_bytes(packed)
        found = fingerprint(path, lengths)
        assert (found.sha256, found.length, found.damage) == (
            hashlib.sha256(data).hexdigest(),
            len(data),
            None,
        )
        assert found.prefixes == {
            length: hashlib.sha256(data[:length]).hexdigest() for length in lengths if 0 <= length <= len(data)
        }


def test_a_file_that_grew_is_known_by_its_beginning(tmp_path, read_path):
    path = tmp_path / "growing"
    path.write_bytes(DATA)
    before = fingerprint(path)
    path.write_bytes(gzip.compress(DATA + LINE))
    after = read_path(path, prefix_lengths=[before.length], chunk_bytes=50_000)
    assert after.fingerprint.prefixes == {before.length: before.sha256}
    assert after.fingerprint.sha256 != before.sha256


def test_the_fingerprint_is_known_at_the_end_only(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    reading = read(path, Source(name="test"), None, chunk_bytes=1000)
    next(iter(reading))
    with pytest.raises(ValueError, match="read all batches"):
        _ = reading.fingerprint
    reading.close()


def test_an_undecided_file_is_refused_with_what_was_tried_and_the_remedy(tmp_path):
    with pytest.raises(SourceError) as refused:
        detect(b"hello\nworld\n", tmp_path / "hello.txt")
    for word in ("hello.txt", "ndjson", "csv", "combined", "vhost_combined", "common", "site.toml", "format"):
        assert word in str(refused.value)


@pytest.mark.parametrize("size", [3, 300_000])
def test_a_few_broken_lines_do_not_hide_the_format(tmp_path, size):
    assert detect(b"oops\n" + LINE * size, tmp_path) == "ndjson"
    assert detect((b"\xef\xbb\xbf" + LINE * size)[: 256 << 10], tmp_path) == "ndjson"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "cp037", "unicode_escape"])
def test_an_encoding_without_single_byte_line_ends_is_refused(read_bytes, encoding):
    with pytest.raises(SourceError, match=r"encoding .* not supported.*utf-8"):
        read_bytes(LINE, format="ndjson", encoding=encoding)


def test_a_batch_that_lost_a_line_cannot_be_made():
    good = only_rejected([(1, Reason.BLANK_LINE, "")])
    with pytest.raises(ValueError, match="2 lines gave 0 events, 1 rejected"):
        Batch(good.events, good.rejected, 2)
    with pytest.raises(ValueError, match="expected"):
        Batch(good.events.select(reversed(list(RECEIVED))), rejected_frame([]), 0)


def test_every_reason_has_a_meaning():
    assert set(MEANING) == set(Reason)
    page = (Path(__file__).parents[2] / "docs/rejected-lines.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, flags=re.MULTILINE)
    assert told == [(str(reason), meaning) for reason, meaning in MEANING.items()]
