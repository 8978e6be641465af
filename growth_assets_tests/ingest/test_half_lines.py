"""Files that are still being written: whole lines only, the rest when it is there, and nothing twice or never."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import lzma
import os
import shutil
from unittest import mock

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_assets.ingest import clock
from growth_assets.ingest.landing import land

NOW = 1_800_000_000
SETTLED = NOW - 300

CSV = b"event_time,hostname,action_type,ip,user_agent\n"
COMMON = b'81.2.69.160 - - [01/Mar/2026:10:15:07 +0000] "GET /page/%d HTTP/1.1" 200 512\n'


def at(site, seconds: int):
    """Land what is there at that time."""
    now = dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None)
    with mock.patch.object(clock, "now", return_value=now):
        return land(site.settings)


def look(site, name: str, content: bytes | None = None, changed: int = NOW):
    """Land a file as it is at NOW, when it was changed at `changed`."""
    path = site.landing / name
    if content is not None:
        site.put(name, content)
    os.utime(path, (changed, changed))
    return at(site, NOW)


def state(site) -> tuple[list[dict], list[tuple]]:
    """What was read and what was rejected, whatever the order of files."""
    raw = sorted(site.raw(), key=lambda row: (row["source_file"], row["line_number"]))
    return raw, site.rejected()


@pytest.mark.parametrize("line", ["common", "csv", "broken"])
def test_last_line_without_its_newline_waits_while_the_file_is_fresh(site, write, line):
    whole = {
        "common": COMMON % 1 + COMMON % 2,
        "csv": CSV + b"2026-03-01T10:00:00Z,www.xx.com,signup,1.2.3.4,x\n" * 2,
        "broken": write.events(range(2)) + b'{"event_time": oops}\n',
    }[line]
    half, lines = whole[:-1], 2 if line == "broken" else 1
    landed = look(site, "access.log", half)
    (entry,) = landed.read
    assert (entry.lines, entry.events, entry.rejected) == (lines, lines, 0)
    assert entry.unfinished == len(half) - half.rfind(b"\n") - 1
    assert landed.unfinished == ["access.log"]
    # It is told for as long as it waits, and read once.
    again = look(site, "access.log")
    assert (again.read, again.known, again.unfinished) == ([], 1, ["access.log"])
    landed = look(site, "access.log", whole)
    assert [(entry.lines, entry.unfinished) for entry in landed.read] == [(lines + 1, 0)]
    assert not landed.unfinished
    assert len(site.raw()) + len(site.rejected()) == lines + 1


def test_a_file_that_has_settled_is_read_to_its_end(site, write):
    half = write.log_lines(range(5)) + COMMON[:-30]
    assert [entry.lines for entry in look(site, "access.log", half).read] == [5]
    # Not touched since: neither its stat nor its content tells that there is more to read.
    landed = at(site, NOW + 299)
    assert (landed.read, landed.unfinished) == ([], ["access.log"])
    landed = at(site, NOW + 300)
    assert [(entry.lines, entry.events, entry.rejected, entry.unfinished) for entry in landed.read] == [(6, 5, 1, 0)]
    assert not landed.unfinished
    assert not landed.touched  # a rejected line has no day
    assert [text for *_, text in site.rejected()] == [COMMON[:-30].decode()]
    assert at(site, NOW + 301).known == 1
    assert len(site.ledger.entries) == 1


def test_a_settled_last_line_is_an_event_of_its_day(site):
    content = COMMON % 1 + (COMMON % 2)[:-1]
    look(site, "access.log", content)
    landed = at(site, NOW + 300)
    assert landed.touched == ["2026-03-01"]
    assert [row["url"] for row in site.raw()] == ["/page/1", "/page/2"]


@pytest.mark.parametrize("changed", [NOW, NOW - 299, NOW + 299])
def test_fresh_is_a_setting(new_site, changed):
    assert look(new_site(), "a.log", COMMON[:-1], changed).unfinished == ["a.log"]
    assert not look(new_site("settle_seconds = 0"), "a.log", (COMMON % 1)[:-1], changed).unfinished
    assert look(new_site("settle_seconds = 86400"), "a.log", COMMON[:-1], NOW - 86_000).unfinished == ["a.log"]


def test_a_file_from_a_wrong_clock_does_not_wait_for_its_time(site):
    landed = look(site, "a.log", (COMMON % 1)[:-1], NOW + 86_400)
    assert [entry.events for entry in landed.read] == [1]


def test_a_line_that_nothing_can_be_missing_from_does_not_wait(site, write):
    for name, content in {"a.ndjson": write.events(range(4)), "b.log": write.log_lines(range(4))}.items():
        landed = look(site, name, content[:-1])
        assert [(entry.events, entry.unfinished) for entry in landed.read] == [(4, 0)]
        assert not landed.unfinished
        # Its newline comes with the next line, and it is not counted again.
        look(site, name, content + content[: content.find(b"\n") + 1])
    assert len(site.raw()) == 10


@pytest.mark.parametrize(
    "half", [b'{"event_time": "2026-', b"81.2.69.160 - - [01/Mar", b"\xef\xbb", b'"event', b"a" * 3_000_000]
)
def test_the_beginning_of_a_first_line_is_no_strange_format(site, half):
    landed = look(site, "new.log", half)
    assert not landed.unreadable or len(half) > 1_000_000
    if not landed.unreadable:
        assert landed.unfinished == ["new.log"]
        assert [(entry.lines, entry.unfinished, entry.format) for entry in landed.read] == [(0, len(half), "empty")]


def test_a_line_without_end_waits_and_its_bytes_are_counted(site, write):
    half = write.event(1) + b'{"event_time": "' + b"x" * 5_000_000
    (entry,) = look(site, "a.ndjson", half).read
    assert (entry.lines, entry.unfinished) == (1, len(half) - len(write.event(1)))
    look(site, "a.ndjson", half + b'"}\n' + write.event(2))
    assert len(site.raw()) == 2
    assert [reason for _, reason, _ in site.rejected()] == ["line_too_long"]


def test_a_packed_file_is_whole_and_read_to_its_end(site, write):
    landed = look(site, "a.log.gz", gzip.compress(COMMON % 1 + (COMMON % 2)[:-1]))
    assert [(entry.events, entry.unfinished) for entry in landed.read] == [(2, 0)]
    assert not landed.unfinished


def test_two_copies_one_of_which_has_settled(site):
    content = COMMON % 1 + (COMMON % 2)[:-1]
    site.put("fresh.log", content)
    site.put("settled.log", content)
    os.utime(site.landing / "fresh.log", (NOW, NOW))
    os.utime(site.landing / "settled.log", (SETTLED, SETTLED))
    assert not at(site, NOW).unreadable
    assert [row["url"] for row in site.raw()] == ["/page/1", "/page/2"]
    assert not at(site, NOW).read
    assert len(site.raw()) == 2


def test_an_archive_that_lacks_its_last_bytes_alone_is_whole_when_they_have_come(site, write):
    # All that was packed is there, so that the content alone tells no difference.
    packed = gzip.compress(write.log_lines(range(5)))
    look(site, "a.log.gz", packed[:-4])
    assert [reason for _, reason, _ in site.rejected()] == ["damaged_file"]
    assert [(entry.lines, entry.rejected) for entry in look(site, "a.log.gz", packed).read] == [(5, 0)]
    assert not site.rejected()
    assert not look(site, "b.log.gz", packed[:-4]).read
    assert not site.rejected()
    assert len(site.raw()) == 5


WORLD = "".join(
    [
        '{"event_time":"2026-03-01T10:00:00Z","ip":"1.2.3.4","user_agent":"Ä☃𝄞","hostname":"www.xx.com"}\r\n',
        '{"event_time":"2026-03-01T10:00:01Z","ip":"1.2.3.4"\r\n',
        "\r\n",
        '{"event_time":"2026-03-02T10:00:02Z","ip":"1.2.3.5","url":"/\\u00e9","n":1.50}\n',
        '{"event_time":"2026-03-02","ip":"1.2.3.5"}\n',
        '{"event_time":"2026-03-03T10:00:03Z","ip":"1.2.3.6","properties":{"é":"\u2028"}}',
    ]
).encode()
QUOTED = (
    "event_time,ip,url,note\n"
    '2026-03-01T10:00:00Z,1.2.3.4,/a,"two\nlines, é"\n'
    '2026-03-01T10:00:01Z,1.2.3.4,/b,"said ""x"""\n'
    "2026-03-02T10:00:02Z,1.2.3.4\n"
    '2026-03-02T10:00:03Z,1.2.3.4,/c,"a\n\nb"\n'
    "2026-03-02T10:00:04Z,1.2.3.4,/d,last"
).encode()
LOG = b"".join(
    [
        COMMON % 1,
        (COMMON % 2).replace(b"\n", b"\r\n"),
        b"\x16\x03\x01 no request\n",
        COMMON.replace(b"%d", "é".encode()),
        (COMMON % 4).replace(b"/page", b"/\xe9"),
        (COMMON % 5)[:-1],
    ]
)
PACK = {
    "plain": lambda data: data,
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.slow
@pytest.mark.parametrize("content", [WORLD, QUOTED, LOG], ids=["ndjson", "csv", "common"])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_sequence_of_beginnings_ends_as_the_whole_file(new_site, content, data):
    packed = PACK[data.draw(st.sampled_from(sorted(PACK)))](content)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(packed) - 1), min_size=1, max_size=4)))
    ages = [data.draw(st.sampled_from([NOW, SETTLED])) for _ in cuts]
    last = data.draw(st.sampled_from([NOW, SETTLED]))
    site, at_once = new_site(), new_site()
    for cut, changed in zip(cuts, ages, strict=True):
        look(site, "file", packed[:cut], changed)
    landed = look(site, "file", packed, last)
    other = look(at_once, "file", packed, last)
    assert not landed.unreadable
    assert landed.unfinished == other.unfinished
    assert state(site) == state(at_once)
    shutil.rmtree(site.folder)
    shutil.rmtree(at_once.folder)


def test_a_first_line_that_settled_and_then_grew_leaves_no_name_behind(new_site):
    site, at_once = new_site(), new_site()
    header = QUOTED.index(b"\n") + 1
    # Of one byte it is rejected; with another it is fresh, and waits.
    look(site, "file", QUOTED[: header + 1], SETTLED)
    assert len(site.rejected()) == 1
    look(site, "file", QUOTED[: header + 2], NOW)
    look(site, "file", QUOTED, NOW)
    look(at_once, "file", QUOTED, NOW)
    assert state(site) == state(at_once)


def test_a_copy_of_half_a_line_adds_nothing_once_the_line_is_whole(site):
    whole = COMMON % 1
    look(site, "a.log", whole[:30])
    look(site, "b.log", whole[:30])
    look(site, "a.log", whole)
    landed = look(site, "b.log", changed=SETTLED)
    assert (landed.read, landed.unreadable, landed.known) == ([], [], 2)
    assert [row["url"] for row in site.raw()] == ["/page/1"]
    assert site.rejected() == []
