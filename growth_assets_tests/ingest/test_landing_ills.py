"""Landing when something is wrong or changes: each file that cannot be read is told by name, and no other waits."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys

import polars as pl
import pytest

from growth_assets.ingest import landing, ledger
from growth_assets.sources.ndjson import NdjsonParser

D1, D2 = "2026-03-01", "2026-03-02"


def told(site) -> dict[str, str]:
    return {file.name: file.error for file in site.land().unreadable}


def latin_line(write) -> bytes:
    return write.log_line(7, path="/caf\u00e9").decode().encode("latin-1")


def test_other_hostname_reads_the_file_again_and_back_again(site, write):
    site.put("access.log", write.log_lines(range(20)))
    site.land()
    first = site.raw()
    assert {row["hostname"] for row in first} == {"www.xx.com"}
    site.configure(hostnames='["www.xxx.com", "www.xx.com"]')
    assert site.land().touched == [D1]
    assert [row["hostname"] for row in site.raw()] == ["www.xxx.com"] * 20
    site.configure()
    assert site.land().touched == [D1]
    assert site.raw() == first
    assert not site.land().read


def test_other_encoding_reads_the_file_again_and_back_again(site, write):
    site.put("access.log", latin_line(write))
    site.land()
    (as_utf8,) = site.raw()
    assert as_utf8["url"] == r"/caf\xe9"
    assert dict(as_utf8["other_properties"])["undecodable_bytes"] == "1"
    site.configure('[[sources]]\nname = "landing"\nencoding = "latin-1"')
    site.land()
    (as_latin,) = site.raw()
    assert as_latin["url"] == "/café"
    assert "undecodable_bytes" not in dict(as_latin["other_properties"])
    site.configure()
    site.land()
    assert site.raw() == [as_utf8]


def test_settings_that_do_not_decide_what_is_read_leave_files_alone(site, write):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    site.configure('salt = "x"\nhit_actions = ["signup"]\nmin_total_events = 3\n'
                   '[[sources]]\nname = "landing"\nfiles = "*.ndjson"')  # fmt: skip
    landed = site.land()
    assert not landed.read
    assert landed.known == 1


def test_a_newer_reader_reads_known_files_again(site, write, monkeypatch):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    monkeypatch.setattr(landing, "READER_VERSION", "next")
    again = site.land()
    assert [entry.events for entry in again.read] == [10]
    # The same rows as before: no day has to be built again.
    assert not again.touched
    assert len(site.raw()) == 10


def test_unreadable_files_are_told_by_name_and_hold_up_no_other(site, write, tmp_path):
    site.put("a.ndjson", write.events(range(10)))
    (site.landing / "dangling.log").symlink_to(site.landing / ".gone.log")
    os.mkfifo(site.landing / "pipe.log")
    site.put("undecided.log", b"".join(b"nothing that %d anyone knows\n" % n for n in range(20)))
    site.put("packed.parquet.gz", gzip.compress(b"PAR1" + bytes(100)))
    site.put("half.parquet", b"PAR1" + bytes(100))
    (site.landing / "folder.log").mkdir()
    site.put("z.ndjson", write.events(range(10, 20), D2))
    landed = site.land()
    errors = {file.name: file.error for file in landed.unreadable}
    assert set(errors) == {"dangling.log", "pipe.log", "undecided.log", "packed.parquet.gz", "half.parquet"}
    for name, error in errors.items():
        assert str(site.landing / name) in error
    assert "Mend the link or remove it" in errors["dangling.log"]
    assert "pipe" in errors["pipe.log"]
    assert "Set `format`" in errors["undecided.log"]
    assert "Unpack it" in errors["packed.parquet.gz"]
    assert [entry.source_file for entry in landed.read] == ["a.ndjson", "z.ndjson"]
    assert landed.touched == [D1, D2]
    # Told again at each look, for as long as they are there; and read once they are mended.
    assert set(told(site)) == set(errors)
    (site.landing / ".gone.log").write_bytes(write.log_lines(range(5)))
    assert [entry.source_file for entry in site.land().read] == ["dangling.log"]


def test_socket_is_no_file(site, monkeypatch):
    # The name of a socket may be 107 bytes long, so it is bound from within.
    monkeypatch.chdir(site.landing)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s.log")
        assert list(told(site)) == ["s.log"]


def test_forbidden_file_is_told_to_whoever_may_not_read(site, write, monkeypatch):
    path = site.put("a.ndjson", write.events(range(3)))
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda each, mode: each != path and allowed(each, mode))
    assert "permission denied" in told(site)["a.ndjson"]


def test_cut_archive_gives_what_came_before_and_says_so(site, write):
    # Numbers that do not repeat pack badly, so that a good part comes before the damage.
    packed = gzip.compress(b"".join(write.event(n, token=os.urandom(40).hex()) for n in range(2_000)))
    site.put("a.ndjson.gz", packed[: -len(packed) // 3])
    landed = site.land()
    (entry,) = landed.read
    assert 0 < entry.events < 2_000
    assert entry.rejected >= 1
    assert entry.lines == entry.events + entry.rejected
    rejected = pl.read_parquet(site.settings.warehouse / "raw/rejected_lines/*.parquet")
    assert "damaged_file" in rejected["reason"].to_list()
    assert len(site.raw()) == entry.events


def test_damaged_archive_counts_once_when_it_is_whole(site, write):
    packed = gzip.compress(b"".join(write.event(n, token=os.urandom(40).hex()) for n in range(2_000)))
    site.put("a.ndjson.gz", packed[: len(packed) // 2])
    site.land()
    assert 0 < len(site.raw()) < 2_000
    site.put("a.ndjson.gz", packed)
    site.land()
    assert len(site.raw()) == 2_000


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"segments": {}, "replaces": []}', b"\xff\xfe"],
    ids=["empty", "cut", "no_object", "no_field", "few_fields", "no_text"],
)  # fmt: skip
def test_damaged_ledger_entry_is_named_with_the_remedy(site, write, content):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    (entry,) = (site.settings.warehouse / "landing/files").glob("*.json")
    entry.write_bytes(content)
    with pytest.raises(ledger.LedgerError) as error:
        site.land()
    assert str(entry) in str(error.value)
    assert "Delete it" in str(error.value)
    entry.unlink()
    # The remedy works: the file is read again.
    assert [each.events for each in site.land().read] == [10]
    assert len(site.raw()) == 10


def test_entry_with_a_field_too_many_is_damaged_too(site, write):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    (entry,) = (site.settings.warehouse / "landing/files").glob("*.json")
    entry.write_text(json.dumps({**json.loads(entry.read_text()), "color": "red"}))
    with pytest.raises(ledger.LedgerError, match="color"):
        site.land()


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[1, 2]", b"{}", b'{"a.ndjson": 7}', b'{"a.ndjson": {"stat": [1, 2, 3, 4]}}', b"\xff"],
    ids=["deleted", "empty", "no_object", "without_paths", "wrong_value", "wrong_stat", "no_text"],
)
def test_cache_of_paths_is_safe_to_lose(site, write, content):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    cache = site.settings.warehouse / "landing/paths.json"
    if content is None:
        cache.unlink()
    else:
        cache.write_bytes(content)
    landed = site.land()
    assert not landed.read
    assert landed.known == 1
    assert json.loads(cache.read_text())["a.ndjson"]["fingerprint"] in next(iter(site.ledger.current))


def test_cache_that_names_another_content_is_not_believed_beyond_the_ledger(site, write):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    cache = site.settings.warehouse / "landing/paths.json"
    content = json.loads(cache.read_text())
    content["a.ndjson"]["fingerprint"] = "0" * 64
    cache.write_text(json.dumps(content))
    assert site.land().known == 1
    assert len(site.raw()) == 10


def test_two_looks_at_once_give_one_result(site, write):
    for number in range(8):
        site.put(f"{number}.ndjson", write.events(range(number * 100, number * 100 + 100)))
    script = (
        "import sys; from pathlib import Path; from growth_assets import settings; "
        "from growth_assets.ingest.landing import land; "
        "sys.stdin.readline(); found = land(settings.load(Path(sys.argv[1]))); print(len(found.read), found.known)"
    )
    command = [sys.executable, "-c", script, str(site.folder)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    # Both have imported what they need and wait, before the first line lets them go.
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=120)[0].split() for process in running)
    assert [process.returncode for process in running] == [0, 0]
    assert said == [["0", "8"], ["8", "0"]]
    assert len(site.raw()) == 800
    assert not list((site.settings.warehouse / "landing").glob("_staging/*"))


def test_what_a_dead_process_left_is_cleared(site, write):
    site.put("a.ndjson", write.events(range(10)) + b"broken\n")
    site.land()
    root = site.settings.warehouse
    identifier = next(iter(site.ledger.current))
    half = f"{'0' * 64}-{'0' * 12}"
    shutil.copytree(root / "landing/segments" / identifier, root / "landing/segments" / half)
    shutil.copy(root / f"raw/rejected_lines/{identifier}.parquet", root / f"raw/rejected_lines/{half}.parquet")
    (root / "landing/_staging/dead").mkdir(parents=True)
    assert not site.land().touched
    assert [path.name for path in (root / "landing/segments").iterdir()] == [identifier]
    assert [path.stem for path in (root / "raw/rejected_lines").iterdir()] == [identifier]
    assert not list((root / "landing").glob("_staging/*"))


def test_process_that_died_between_segments_and_entry_is_made_good(site, write):
    site.put("a.ndjson", write.events(range(10)))
    site.land()
    entry = next((site.settings.warehouse / "landing/files").glob("*.json"))
    entry.unlink()
    assert len(site.land().read) == 1
    assert len(site.raw()) == 10


@pytest.mark.parametrize(
    ("error", "said"),
    [(MemoryError(), "ran out of memory"), (RuntimeError("can't start new thread"), "ran out of threads")],
)
def test_a_machine_that_runs_out_of_something_is_no_defect_of_a_reader(site, write, monkeypatch, error, said):
    def broken(self, lines):
        raise error

    site.put("a.ndjson", write.events(range(9)))
    with monkeypatch.context() as patched:
        patched.setattr(NdjsonParser, "parse", broken)
        ((told_of_it),) = (file.error for file in site.land().unreadable)
    assert said in told_of_it
    assert "a.ndjson" in told_of_it
    assert "defect" not in told_of_it
    assert [entry.source_file for entry in site.land().read] == ["a.ndjson"]


def test_a_defect_of_a_reader_is_told_of_its_file_and_holds_up_no_other(site, write, monkeypatch):
    for name in ("a", "b", "c"):
        site.put(f"{name}.ndjson", write.events(range(9)) + write.event(1, hostname=f"{name}.xx.com"))
    parse = NdjsonParser.parse

    def broken(self, lines):
        if b"b.xx.com" in lines.data:
            raise ValueError("198.51.100.7")
        return parse(self, lines)

    with monkeypatch.context() as patched:
        patched.setattr(NdjsonParser, "parse", broken)
        landed = site.land()
        assert [entry.source_file for entry in landed.read] == ["a.ndjson", "c.ndjson"]
        ((error),) = (file.error for file in landed.unreadable)
        assert f"b.ndjson: reading it broke off (ValueError in {__name__}, line " in error
        assert "site.toml" in error
        assert "198.51.100.7" not in error  # what a visitor sent is not told
        assert not list(site.settings.warehouse.glob("landing/_staging/*"))
        # It is tried again each time, though nothing of it has changed.
        assert list(told(site)) == ["b.ndjson"]
    assert [entry.source_file for entry in site.land().read] == ["b.ndjson"]
    assert len(site.raw()) == 30
