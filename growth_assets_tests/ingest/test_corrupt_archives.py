"""Archives with wrong bytes in them: nothing counts that no checksum vouched for, and the good file counts once."""

from __future__ import annotations

import bz2
import gzip
import lzma
from random import Random

import pytest
import zstandard

PACK = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def noisy(write, numbers: range) -> bytes:
    """Events that pack badly, so that wrong bytes come out before the damage is noticed."""
    return b"".join(write.event(number, token=Random(number).randbytes(60).hex()) for number in numbers)


def broken(packed: bytes) -> bytes:
    middle = len(packed) * 3 // 4
    return packed[:middle] + bytes(each ^ 0xFF for each in packed[middle : middle + 200]) + packed[middle + 200 :]


def urls(site) -> list[str]:
    return sorted(row["url"] for row in site.raw())


@pytest.mark.parametrize("packing", PACK)
def test_a_corrupt_archive_counts_nothing_and_the_good_one_once(site, write, packing):
    content = noisy(write, range(1_500))
    site.put("a.ndjson", broken(PACK[packing](content)))
    landed = site.land()
    assert landed.read == []
    (told,) = landed.unreadable
    assert f"{site.landing / 'a.ndjson'}: damaged" in told.error
    assert "Bring the file again, or " in told.error
    site.put("b.ndjson", PACK[packing](content))
    assert [entry.events for entry in site.land().read] == [1_500]
    assert [file.name for file in site.land().unreadable] == ["a.ndjson"]
    assert len(site.raw()) == 1_500


def test_a_wrong_byte_that_only_the_checksum_tells_counts_nothing(site, write):
    content = b"".join(write.event(number) for number in range(20))
    packed = gzip.compress(content, compresslevel=0)
    site.put("a.ndjson.gz", packed.replace(b"/page/7", b"/page/8"))
    assert "incorrect data check" in site.land().unreadable[0].error
    assert site.raw() == []
    site.put("a.ndjson.gz", packed)
    site.land()
    assert urls(site) == sorted(f"https://www.xx.com/page/{number}" for number in range(20))


@pytest.mark.parametrize("packing", PACK)
def test_members_before_the_corrupt_one_count_and_the_good_file_replaces_them(site, write, packing):
    first, second = noisy(write, range(30)), noisy(write, range(30, 1_000))
    pack = PACK[packing]
    site.put("a.ndjson", pack(first) + broken(pack(second)))
    (entry,) = site.land().read
    assert (entry.events, entry.rejected, entry.damaged) == (30, 1, True)
    assert [reason for _, reason, _ in site.rejected()] == ["damaged_file"]
    assert site.land().read == []
    # A copy of it is known as well.
    site.put("copy.ndjson", pack(first) + broken(pack(second)))
    site.land()
    assert len(site.raw()) == 30
    assert len(site.ledger.current) == 1
    site.put("b.ndjson", pack(first) + pack(second))
    site.land()
    assert len(site.raw()) == 1_000
    assert site.rejected() == []


@pytest.mark.parametrize("packing", PACK)
def test_what_follows_the_last_member_is_damage_and_all_before_it_counts(site, write, packing):
    content = b"".join(write.event(number) for number in range(20))
    site.put("a.ndjson", PACK[packing](content) + b"no archive")
    assert [(entry.events, entry.rejected) for entry in site.land().read] == [(20, 1)]
    site.put("a.ndjson", PACK[packing](content))
    assert [(entry.events, entry.rejected) for entry in site.land().read] == [(20, 0)]
    assert len(site.raw()) == 20


def cut(numbers: range, write, wrong: bool = False) -> bytes:
    """An archive without its end; with a wrong byte that no checksum tells, since it is not reached."""
    packed = gzip.compress(write.events(numbers), compresslevel=0)[:-10]
    return packed.replace(b"/page/7", b"/page/8") if wrong else packed


@pytest.mark.parametrize("good", ["whole", "plain", "longer"])
@pytest.mark.parametrize("first", ["corrupt", "good"])
def test_a_cut_archive_with_wrong_bytes_never_counts_beside_the_good_file(site, write, first, good):
    content = write.events(range(40 if good == "longer" else 20))
    files = {
        "corrupt": ("a.ndjson.gz", cut(range(20), write, wrong=True)),
        "good": ("b.ndjson", content if good == "plain" else gzip.compress(content)),
    }
    site.put(*files[first])
    assert site.land().unreadable == []
    (second,) = set(files) - {first}
    site.put(*files[second])
    site.land()
    assert urls(site) == sorted(f"https://www.xx.com/page/{number}" for number in range(content.count(b"\n")))
    assert site.rejected() == []
    # It is told for as long as it is there, and only then.
    (told,) = site.land().unreadable
    assert told.name == "a.ndjson.gz"
    assert "b.ndjson begins as it does and goes on otherwise: wrong bytes are in it" in told.error
    (site.landing / "a.ndjson.gz").unlink()
    assert site.land().unreadable == []
    assert site.land().touched == []


def test_of_two_cut_archives_that_contradict_each_other_one_counts_until_the_good_file_comes(site, write):
    site.put("a.ndjson.gz", cut(range(30), write))
    site.put("b.ndjson.gz", cut(range(20), write, wrong=True))
    landed = site.land()
    assert [each.name for each in landed.unreadable] == ["b.ndjson.gz"]
    assert len(site.raw()) == 29
    # One that ends earlier and has no wrong byte is known.
    site.put("c.ndjson.gz", cut(range(20), write))
    assert site.land().read == []
    site.put("d.ndjson", write.events(range(30)))
    site.land()
    assert len(site.raw()) == 30
    assert site.rejected() == []


def test_a_whole_archive_and_one_that_begins_alike_both_count(site, write):
    site.put("a.ndjson.gz", gzip.compress(write.events(range(20)) + write.events(range(50, 60))))
    site.put("b.ndjson.gz", gzip.compress(write.events(range(20)) + write.events(range(70, 80))))
    site.land()
    assert len(site.raw()) == 60


def test_what_a_cut_archive_grew_from_is_not_lost_with_it(site, write):
    site.put("old.ndjson", write.events(range(10)))
    site.land()
    (site.landing / "old.ndjson").unlink()
    site.put("cut.ndjson.gz", cut(range(30), write))
    site.land()
    site.put("other.ndjson", write.event(0) + write.events(range(100, 105)))
    site.land()
    assert {f"https://www.xx.com/page/{number}" for number in (*range(10), *range(100, 105))} <= set(urls(site))
