"""Landing: what a file is called, packed with or when it arrives changes nothing; what it says is read once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os

import polars as pl
import pytest
import zstandard

from growth_assets.ingest.landing import land

D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"

LAYOUT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
BEHIND_A_PROXY = LAYOUT.replace("$remote_addr", "$http_x_forwarded_for")


def rows(site) -> int:
    return sum(segment.rows for entry in site.ledger.current.values() for segment in entry.segments.values())


def nothing_new(landed) -> bool:
    return not landed.read and not landed.touched and not landed.unreadable


def test_first_look_reads_every_file_and_touches_its_days(site, write):
    site.put("a.ndjson", write.events(range(10), D1) + write.events(range(10, 15), D2) + b"broken\n")
    site.put("deep/er/b.ndjson", write.events(range(20, 24), D3))
    landed = site.land()
    assert [(e.source_file, e.lines, e.events, e.rejected) for e in landed.read] == [
        ("a.ndjson", 16, 15, 1),
        ("deep/er/b.ndjson", 4, 4, 0),
    ]
    assert landed.touched == [D1, D2, D3]
    assert {ds: [each.segments[ds].rows for each in of] for ds, of in site.ledger.by_day.items()} == {
        D1: [10], D2: [5], D3: [4],
    }  # fmt: skip


def test_second_look_finds_nothing_new(site, write):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    again = site.land()
    assert nothing_new(again)
    assert again.known == 1


@pytest.mark.parametrize("way", ["copied", "renamed", "hard_link", "symlink", "touched", "rewritten"])
def test_same_content_under_another_name_adds_nothing(site, write, way):
    path = site.put("a.ndjson", write.events(range(30)))
    site.land()
    before = rows(site)
    if way == "copied":
        site.put("copy/b.ndjson", path.read_bytes())
    elif way == "renamed":
        path.rename(site.landing / "b.ndjson")
    elif way == "hard_link":
        os.link(path, site.landing / "b.ndjson")
    elif way == "symlink":
        (site.landing / "b.ndjson").symlink_to(path)
    elif way == "touched":
        os.utime(path, ns=(1, 1))
    else:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    landed = site.land()
    assert nothing_new(landed)
    assert rows(site) == before == 30


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["gz", "bz2", "xz", "zst"],
)
@pytest.mark.parametrize("keep", [True, False], ids=["beside", "instead"])
def test_repacked_file_adds_nothing(site, write, pack, keep):
    content = write.events(range(30))
    path = site.put("a.ndjson", content)
    site.land()
    site.put("a.packed", pack(content))
    if not keep:
        path.unlink()
    assert nothing_new(site.land())
    assert rows(site) == 30


def test_packed_file_is_read_and_its_plain_self_adds_nothing(site, write):
    site.put("a.gz", gzip.compress(write.events(range(30))))
    assert [entry.events for entry in site.land().read] == [30]
    site.put("a.ndjson", write.events(range(30)))
    assert nothing_new(site.land())


def test_grown_file_replaces_itself_and_touches_the_days_that_changed(site, write):
    path = site.put("a.ndjson", write.events(range(10), D1) + write.events(range(10, 20), D2))
    site.land()
    with path.open("ab") as stream:
        stream.write(write.events(range(20, 25), D2) + write.events(range(25, 30), D3))
    landed = site.land()
    assert landed.touched == [D2, D3]
    assert [(entry.events, len(entry.replaces)) for entry in landed.read] == [(30, 1)]
    assert rows(site) == 30
    assert sorted(row["url"] for row in site.raw()) == sorted(
        f"https://www.xx.com/page/{number}" for number in range(30)
    )


def test_file_that_ended_within_a_line_is_read_whole_once_the_line_is(site, write):
    whole = write.events(range(10))
    path = site.put("a.ndjson", whole[:-20])
    os.utime(path, (1, 1))
    first = site.land()
    assert [(entry.events, entry.rejected) for entry in first.read] == [(9, 1)]
    path.write_bytes(whole)
    site.land()
    assert rows(site) == 10
    assert not list((site.settings.warehouse / "raw/rejected_lines").glob("*.parquet"))


def test_older_shorter_copy_of_a_grown_file_adds_nothing(site, write):
    short = write.log_lines(range(50))
    path = site.put("access.log", short)
    site.land()
    path.write_bytes(short + write.log_lines(range(50, 80)))
    site.land()
    site.put("backup/access.log", short)
    site.put("backup/access.log.gz", gzip.compress(short))
    landed = site.land()
    assert nothing_new(landed)
    assert rows(site) == 80


def test_older_copy_of_a_file_that_is_deleted_adds_nothing(site, write):
    path = site.put("access.log", write.log_lines(range(100)))
    site.land()
    path.unlink()
    for name, content in {
        "older.log": write.log_lines(range(60)),
        "half.log": write.log_lines(range(70))[:-9],
        "one.log": write.log_lines(range(1)),
    }.items():
        path = site.put(name, content)
        os.utime(path, (1, 1))
        assert nothing_new(site.land())
    assert rows(site) == 100
    assert not site.rejected()


def test_a_content_that_only_begins_like_a_deleted_one_is_read(site, write):
    path = site.put("access.log", write.log_lines(range(100)))
    site.land()
    path.unlink()
    # One value differs, in the last line, in the middle, and in the first line.
    for number in (59, 30, 0):
        lines = [write.log_line(each) for each in range(60)]
        lines[number] = write.log_line(number, path="/another")
        site.put(f"{number}.log", b"".join(lines))
    site.put("broken.log", write.log_lines(range(60)) + b"no log line\n")
    site.put("half.log", write.log_line(200)[:-50])
    assert len(site.land().read) == 5
    assert rows(site) == 100 + 4 * 60
    assert [number for number, *_ in site.rejected()] == [61]
    # Half a first line, of a file that may still grow: nothing tells what it will be.
    assert any(entry.unfinished for entry in site.ledger.current.values())


def test_growing_in_three_steps_counts_once(site, write):
    for end in (20, 40, 60):
        site.put("access.log", write.log_lines(range(end)))
        site.land()
    for end in (20, 40, 60):
        site.put(f"old-{end}.log", write.log_lines(range(end)))
    assert nothing_new(site.land())
    assert rows(site) == 60


def test_rotation_gives_the_same_as_all_files_at_once(site, new_site, write):
    first, grown, fresh = write.log_lines(range(60)), write.log_lines(range(90)), write.log_lines(range(90, 120), D2)
    path = site.put("access.log", first)
    site.land()
    site.build()
    path.write_bytes(grown)
    path.rename(site.landing / "access.log.1")
    site.put("access.log", fresh)
    landed = site.land()
    assert landed.touched == [D1, D2]
    site.build()
    at_once = new_site()
    at_once.put("access.log.1", grown)
    at_once.put("access.log", fresh)
    at_once.land()
    at_once.build()
    assert site.hashes() == at_once.hashes()
    assert len(site.rows("core.fct_website_events")) == 120


def test_rotation_names_each_content_apart(site, write):
    site.put("access.log", write.log_lines(range(60)))
    site.land()
    (site.landing / "access.log").rename(site.landing / "access.log.1")
    site.put("access.log", write.log_lines(range(60, 90)))
    site.land()
    assert {row["source_file"] for row in site.raw()} == {"access.log", "access.log@2"}


def test_deleted_file_takes_nothing_away(site, write):
    path = site.put("a.ndjson", write.events(range(10)))
    site.put("b.ndjson", write.events(range(10, 20), D2))
    site.land()
    site.build()
    before = site.hashes()
    path.unlink()
    assert nothing_new(site.land())
    site.build()
    assert site.hashes() == before
    assert rows(site) == 20


def test_late_events_touch_their_days_alone(site, write):
    site.put("1.ndjson", write.events(range(10), D1))
    site.put("2.ndjson", write.events(range(10, 20), D2))
    site.put("3.ndjson", write.events(range(20, 30), D3))
    site.land()
    site.build()
    before = site.hashes(("raw.website_events", "core.fct_website_events"))
    site.put("late.ndjson", write.event(50, D1) + write.event(51, D3))
    landed = site.land()
    assert landed.touched == [D1, D3]
    site.build()
    after = site.hashes(("raw.website_events", "core.fct_website_events"))
    assert {key[:10] for key in after if after[key] != before[key]} == {D1, D3}


def test_empty_and_blank_files_are_known_and_touch_nothing(site, write):
    site.put("empty.log", b"")
    site.put("blank.log", b"\n\n")
    landed = site.land()
    assert [(e.source_file, e.format, e.lines, e.rejected) for e in landed.read] == [
        ("blank.log", "ndjson", 2, 2),
        ("empty.log", "empty", 0, 0),
    ]
    assert not landed.touched
    assert nothing_new(site.land())
    site.put("empty.log", write.events(range(3)))
    assert site.land().touched == [D1]
    assert rows(site) == 3


def test_hidden_files_and_files_being_written_are_left_alone(site, write):
    site.put(".hidden.ndjson", write.events(range(3)))
    site.put(".events.ndjson.part", write.events(range(3)))
    site.put(".git/events.ndjson", write.events(range(3)))
    site.put("deep/.tmp/events.ndjson", write.events(range(3)))
    landed = site.land()
    assert nothing_new(landed)
    assert landed.known == 0
    (site.landing / ".events.ndjson.part").rename(site.landing / "events.ndjson")
    assert [entry.source_file for entry in site.land().read] == ["events.ndjson"]


def test_first_source_that_matches_has_the_file(new_site, write):
    site = new_site(
        '[[sources]]\nname = "shop"\nfiles = "shop/*.log"\nhostname = "shop.example.com"\n'
        '[[sources]]\nname = "logs"\nfiles = "**/*.log"\nhostname = "www.example.com"\n'
    )
    site.put("shop/a.log", write.log_lines(range(3)))
    site.put("shop/deep/b.log", write.log_lines(range(3, 5)))
    site.put("c.log", write.log_lines(range(5, 9)))
    site.put("c.txt", write.log_lines(range(9, 12)))
    site.land()
    seen = {(row["source_file"], row["source"], row["hostname"]) for row in site.raw()}
    assert seen == {
        ("shop/a.log", "shop", "shop.example.com"),
        ("shop/deep/b.log", "logs", "www.example.com"),
        ("c.log", "logs", "www.example.com"),
    }


def test_no_landing_folder_is_nothing_to_land(site):
    site.landing.rmdir()
    landed = site.land()
    assert nothing_new(landed)
    assert landed.known == 0


def test_progress_is_told_before_each_file(site, write):
    site.put("a.ndjson", write.events(range(3)))
    site.put("b.ndjson", write.events(range(3, 6)))
    told = []
    land(site.settings, lambda *each: told.append(each))
    assert told == [("a.ndjson", 0, 2), ("b.ndjson", 1, 2)]


@pytest.mark.parametrize("names", [("a.log", "b.log"), ("b.log", "a.log")], ids=["long_first", "short_first"])
@pytest.mark.parametrize("lines", [10, 60], ids=["shorter_than_head", "longer_than_head"])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_older_copy_that_was_never_seen_before_adds_nothing(site, write, names, lines, together, packed):
    long, short = names
    path = site.put(long, write.log_lines(range(100)))
    if not together:
        site.land()
    content = write.log_lines(range(lines))
    # Cut within a line, as by a copy made while the line was written.
    copy = site.put(short, gzip.compress(content[:-9]) if packed else content[:-9])
    site.land()
    assert rows(site) == 100
    assert [row["url"] for row in site.raw()] == [f"/page/{number}" for number in range(100)]
    assert nothing_new(site.land())
    # It is remembered, also when the longer one is gone or has grown.
    path.unlink()
    (site.settings.warehouse / "landing/paths.json").unlink()
    copy.rename(site.landing / "c.log")
    assert nothing_new(site.land())
    site.put(long, write.log_lines(range(120)))
    site.land()
    assert rows(site) == 120
    assert nothing_new(site.land())


def test_older_copy_read_with_other_settings_adds_nothing(site, write):
    site.put("a.log", write.log_lines(range(100)))
    site.put("b.log", write.log_lines(range(60)))
    site.land()
    site.configure(hostnames='["www.xxx.com"]')
    site.land()
    assert [row["hostname"] for row in site.raw()] == ["www.xxx.com"] * 100
    assert nothing_new(site.land())


def parquet_rows(site, name: str, numbers: range, page: str = "page", **options) -> None:
    frame = pl.DataFrame(
        {
            "event_time": [f"{D1}T10:00:{number:02}" for number in numbers],
            "url": [f"/{page}/{number}" for number in numbers],
            "ip": ["81.2.69.160"] * len(numbers),
        }
    )
    frame.write_parquet(site.landing / name, **options)


def test_a_parquet_file_that_is_packed_anew_adds_nothing(site):
    site.configure('[[sources]]\nname = "rows"\nutc_offset = "+00:00"')
    parquet_rows(site, "a.parquet", range(30))
    site.land()
    before = site.raw()
    parquet_rows(site, "b.parquet", range(30), compression="snappy")
    assert nothing_new(site.land())
    # In the place of the first, also where that one is gone.
    (site.landing / "a.parquet").unlink()
    parquet_rows(site, "b.parquet", range(30), row_group_size=7)
    landed = site.land()
    assert nothing_new(landed)
    assert landed.known == 1
    assert site.raw() == before
    # Other rows of the same times, and fewer rows, are others.
    parquet_rows(site, "c.parquet", range(30), page="blog")
    parquet_rows(site, "d.parquet", range(1, 30))
    assert len(site.land().read) == 2
    assert rows(site) == 30 + 30 + 29


@pytest.mark.parametrize("names", ["ab", "ba"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_parquet_file_that_is_packed_anew_is_read_with_the_settings_of_now(site, names, gone):
    offset = '[[sources]]\nname = "rows"\nutc_offset = "{}"'.format
    site.configure(offset("+00:00"))
    parquet_rows(site, f"{names[0]}.parquet", range(30))
    site.land()
    (entry,) = site.ledger.current.values()
    parquet_rows(site, f"{names[1]}.parquet", range(30), compression="snappy")
    site.land()
    if gone:
        (site.landing / f"{names[0]}.parquet").unlink()
    site.configure(offset("+01:00"))
    assert len(site.land().read) == 1
    assert {row["event_timestamp"].hour for row in site.raw()} == {9}
    assert rows(site) == 30
    (again,) = site.ledger.current.values()
    assert (again.source_file, again.read_at) == (entry.source_file, entry.read_at)
    assert nothing_new(site.land())


def test_the_same_rows_under_two_sources_are_read_once_as_the_first_says(site):
    site.configure(
        '[[sources]]\nname = "a"\nfiles = "a*"\nutc_offset = "+01:00"\n'
        '[[sources]]\nname = "b"\nfiles = "b*"\nutc_offset = "+00:00"'
    )
    parquet_rows(site, "b.parquet", range(30), compression="snappy")
    parquet_rows(site, "a.parquet", range(30))
    for _ in range(3):
        site.land()
        assert ({row["source"] for row in site.raw()}, rows(site)) == ({"a"}, 30)
    assert nothing_new(site.land())


@pytest.mark.parametrize(
    "settings",
    [
        ("", 'format = "common"'),
        ("", f"log_format = '{BEHIND_A_PROXY}'"),
        (f"log_format = '{BEHIND_A_PROXY}'", 'format = "combined"'),
        (f"log_format = '{BEHIND_A_PROXY}'", f"log_format = '{LAYOUT}'"),
    ],
    ids=["auto to common", "auto to layout", "layout to combined", "layout to another"],
)
def test_older_copy_read_in_another_format_adds_nothing(site, write, settings):
    before, after = (f'[[sources]]\nname = "logs"\n{each}' for each in settings)
    site.configure(before)
    path = site.put("a.log", write.log_lines(range(100)))
    site.land()
    path.unlink()
    held, turned_down = site.raw(), site.rejected()
    site.configure(after)
    site.put("b.log", write.log_lines(range(60))[:-9])
    os.utime(site.landing / "b.log", (1, 1))
    landed = site.land()
    assert (landed.read, landed.unreadable) == ([], [])
    assert (site.raw(), site.rejected()) == (held, turned_down)
    assert nothing_new(site.land())


def test_contents_that_only_begin_alike_are_both_read(site, write):
    common = write.log_lines(range(60))
    site.put("a.log", common + write.log_lines(range(60, 100)))
    site.put("b.log", common + write.log_lines(range(200, 210)))
    site.land()
    assert rows(site) == 170
