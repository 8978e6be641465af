"""Exactly once by content: what people and logrotate do to files, by name, and that each story would catch a mistake.

Every story is told twice: as it is, where each line counts once, and with a mistake planted, which must show.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil

import pytest
import zstandard

from growth_assets.ingest import beginning, files, landing, ledger
from growth_assets.ingest.landing import _Look
from growth_assets.ingest.unseen import unseen

PACK = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


class Story:
    """A landing folder to which things happen; it is looked at after each."""

    def __init__(self, site, write) -> None:
        self.site, self.lines = site, lambda first, end: write.log_lines(range(first, end))
        self.log = site.landing / "access.log"
        self.log.write_bytes(self.lines(0, 60))
        site.land()

    def look(self) -> None:
        self.site.land()

    def grow(self, end: int = 90) -> None:
        self.log.write_bytes(self.lines(0, end))
        self.look()

    def rotate(self) -> None:
        self.log.rename(self.site.landing / "access.log.1")
        self.log.write_bytes(self.lines(100, 110))
        self.look()


def rotated(story):
    story.rotate()
    return [*range(60), *range(100, 110)]


def renamed(story):
    story.log.rename(story.site.landing / "other.txt")
    return range(60)


def copied(story):
    shutil.copy(story.log, story.site.landing / "copy.log")
    return range(60)


def recompressed(story):
    for name, pack in PACK.items():
        (story.site.landing / f"access.{name}").write_bytes(pack(story.log.read_bytes()))
    return range(60)


def delivered_again_after_deletion(story):
    story.log.unlink()
    story.look()
    story.site.put("again.log", story.lines(0, 60))
    return range(60)


def grown(story):
    story.grow()
    return range(90)


def grown_after_rotation(story):
    story.log.write_bytes(story.lines(0, 90))
    story.rotate()
    return [*range(90), *range(100, 110)]


def copy_truncated(story):
    # logrotate's copytruncate: a copy is made, the log is emptied in place and goes on.
    story.log.write_bytes(story.lines(0, 90))
    shutil.copy(story.log, story.site.landing / "access.log.1")
    os.truncate(story.log, 0)
    story.look()
    with story.log.open("ab") as log:
        log.write(story.lines(100, 105))
    story.look()
    with story.log.open("ab") as log:
        log.write(story.lines(105, 110))
    return [*range(90), *range(100, 110)]


def older_copy_after_the_longer_file_was_deleted(story):
    story.grow()
    story.log.unlink()
    story.site.put("older.log", story.lines(0, 75))
    story.site.put("backup/older.gz", gzip.compress(story.lines(0, 30)[:-9]))
    return range(90)


def older_copy_after_settings_changed(story):
    story.grow()
    story.log.unlink()
    story.site.configure("future_tolerance_hours = 30", hostnames='["www.xxx.com"]')
    story.site.put("older.log", story.lines(0, 75))
    return range(90)


def older_copy_under_another_source(story):
    story.site.configure('[[sources]]\nname = "old"\nfiles = "old/*"\n[[sources]]\nname = "new"')
    story.grow()
    story.site.put("old/access.log", story.lines(0, 75))
    return range(90)


def archive_that_was_cut_and_is_whole_later(story):
    whole = gzip.compress(story.lines(200, 2_000))
    story.site.put("new.gz", whole[: len(whole) // 2])
    story.look()
    story.site.put("new.gz", whole)
    return [*range(60), *range(200, 2_000)]


def deleted(story):
    story.log.unlink()
    return range(60)


def replaced_under_the_same_name_size_and_time(story):
    status = story.log.stat()
    other = story.lines(0, 60).replace(b"/page/", b"/PAGE/")
    assert len(other) == status.st_size
    story.log.write_bytes(other)
    os.utime(story.log, ns=(status.st_atime_ns, status.st_mtime_ns))
    return [*range(60), *range(60)]


def content_is_never_known(monkeypatch):
    monkeypatch.setattr(_Look, "_known", lambda *_, **__: False)
    monkeypatch.setattr(_Look, "_free_name", lambda _, name: name)
    # Entries of the same id would replace each other by accident, as they lie in the same place.
    count = iter(range(10**6))
    monkeypatch.setattr(landing, "reading_of", lambda *_: f"{next(count):012}")
    monkeypatch.setattr(_Look, "_alike", lambda *_: [])
    monkeypatch.setattr(landing, "_begun_by", lambda *_: [])


def files_are_known_by_name_size_and_time(monkeypatch):
    stat_of = files.stat_of
    monkeypatch.setattr("growth_assets.ingest.files.stat_of", lambda path: (*stat_of(path)[:2], 0, 0))


def beginnings_are_never_found(monkeypatch):
    monkeypatch.setattr(beginning, "may_begin", lambda *_: False)


STORIES = {
    rotated: content_is_never_known,
    renamed: content_is_never_known,
    copied: content_is_never_known,
    recompressed: content_is_never_known,
    delivered_again_after_deletion: content_is_never_known,
    grown: content_is_never_known,
    grown_after_rotation: content_is_never_known,
    copy_truncated: content_is_never_known,
    older_copy_after_the_longer_file_was_deleted: beginnings_are_never_found,
    older_copy_after_settings_changed: beginnings_are_never_found,
    older_copy_under_another_source: beginnings_are_never_found,
    archive_that_was_cut_and_is_whole_later: content_is_never_known,
    replaced_under_the_same_name_size_and_time: files_are_known_by_name_size_and_time,
}
"""To each story a mistake that it must show."""


def told(site, write, story) -> tuple[list[str], list[str]]:
    """The pages that landed, and those that were visited."""
    teller = Story(site, write)
    numbers = list(story(teller))
    assert not site.land().unreadable
    assert not site.land().read
    return sorted(row["url"].lower() for row in site.raw()), sorted(f"/page/{number}" for number in numbers)


@pytest.mark.parametrize("story", [*STORIES, deleted], ids=lambda story: story.__name__)
def test_each_line_counts_once(site, write, story):
    landed, visited = told(site, write, story)
    assert landed == visited
    assert not site.rejected()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_story_shows_a_mistake(site, write, story, monkeypatch):
    STORIES[story](monkeypatch)
    teller = Story(site, write)
    numbers = list(story(teller))
    site.land()
    assert sorted(row["url"].lower() for row in site.raw()) != sorted(f"/page/{number}" for number in numbers)


def test_a_ledger_that_follows_the_files_would_lose_what_is_deleted(site, write):
    teller = Story(site, write)
    deleted(teller)
    for entry in site.ledger.entries:
        ledger.entry_path(site.settings.warehouse / "landing", entry.id).unlink()
    site.land()
    assert not site.raw()


def test_a_header_that_begins_several_files_gives_none_of_them_its_name(site, write):
    header = b"event_time,hostname,action_type,ip,user_agent\n"
    row = b"2026-03-01T10:00:%02dZ,www.xx.com,page_view,192.0.2.1,agent\n"
    site.put("day1.csv", header)
    site.land()
    site.put("day2.csv", header + b"".join(row % number for number in range(10)))
    site.land()
    site.put("day3.csv", header + b"".join(row % number for number in range(20, 40)) + b"bad\n")
    site.land()
    places = [(each["source_file"], each["line_number"]) for each in site.raw()]
    assert len(set(places)) == len(places) == 30
    assert {name for name, _ in places} == {"day2.csv", "day3.csv"}
    entries = site.ledger.current.values()
    assert {entry.source_file for entry in entries if entry.rejected} == {"day3.csv"}


def test_the_same_log_under_two_sources_counts_once_and_comes_to_rest(site, write):
    site.configure(
        '[[sources]]\nname = "a"\nfiles = "a/*"\nhostname = "www.a.com"\n'
        '[[sources]]\nname = "b"\nfiles = "b/*"\nhostname = "www.b.com"'
    )
    for name in ("b/access.log", "a/access.log"):
        site.put(name, write.log_lines(range(60)))
    for _ in range(3):
        site.land()
        assert {(row["hostname"], row["source_file"]) for row in site.raw()} == {("www.a.com", "a/access.log")}
        assert len(site.raw()) == 60
        assert unseen(site.settings, site.ledger).names == ()
        assert not site.land().read
    (site.landing / "a/access.log").unlink()
    site.land()
    assert {row["hostname"] for row in site.raw()} == {"www.b.com"}
    assert len(site.raw()) == 60
