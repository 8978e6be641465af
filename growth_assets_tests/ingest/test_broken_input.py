"""Whatever people drop into landing is told or counted: no crash, no silent null, no lost row."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars as pl
import pytest

from growth_assets.ingest import landing, one_file
from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.sources import parquet
from growth_assets.sources.reader import read

D1 = "2026-03-01"


def told(site) -> dict[str, str]:
    return {file.name: file.error for file in site.land().unreadable}


def conserved(site) -> bool:
    entries = site.ledger.current.values()
    return sum(entry.lines for entry in entries) == len(site.raw()) + len(site.rejected())


# Names.

NAMES = {
    "spaces": " a  b .log",
    "quotes": 'it\'s "quoted".log',
    "sql": "'; DROP TABLE raw.website_events; --.log",
    "glob": "[a]*?{b}.log",
    "markup": "<b>|`$(x)`|\\.log",
    "unicode": "журнал-日誌-\u202e.log",
    "longest": "x" * 251 + ".log",
    "deep": "/".join(["d" * 100] * 20) + "/a.log",
    "hive": "ds=2020-01-01/source=x/a.log",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_is_a_name(site, write, name):
    site.put(name, write.log_lines(range(2)) + b"broken\n")
    assert [entry.source_file for entry in site.land().read] == [name]
    site.build([D1])
    refresh_catalogue(site.settings)
    with duckdb.connect(str(site.settings.catalogue), read_only=True) as connection:
        for table, rows in (("website_events", 2), ("rejected_lines", 1)):
            names = connection.table(f"raw.{table}").project("source_file").fetchall()
            assert names == [(name,)] * rows
    assert site.land().known == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"caf\xe9.log", r"caf\xe9.log"), (b"a\nb\tc.log", r"a\x0ab\x09c.log"), (b"\x1b[2J.log", r"\x1b[2J.log")],
    ids=["latin", "newline", "terminal"],
)  # fmt: skip
def test_a_name_that_is_no_text_is_shown_as_hex(site, write, name, shown):
    path = Path(os.fsdecode(os.fsencode(site.landing) + b"/" + name))
    path.write_bytes(write.log_lines(range(2)) + b"broken\n")
    assert [entry.source_file for entry in site.land().read] == [shown]
    assert {row["source_file"] for row in site.raw()} == {shown}
    assert site.land().known == 1
    path.write_bytes(b"what is this\n" * 9)
    ((told_name, error),) = told(site).items()
    assert told_name == shown
    assert shown in error
    error.encode()
    assert error.isprintable()


# What is no file that may be read.


def test_a_link_that_leads_out_of_landing_is_not_followed(site, write, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.log").write_bytes(write.log_lines(range(3)))
    (site.landing / "file.log").symlink_to(outside / "secret.log")
    (site.landing / "folder").symlink_to(outside)
    (site.landing / "up.log").symlink_to("../../outside/secret.log")
    site.put("deep/inner.log", write.log_lines(range(5)))
    (site.landing / "inner.log").symlink_to("deep/inner.log")
    errors = told(site)
    assert set(errors) == {"file.log", "folder", "up.log"}
    assert all("leads out of landing/. Copy the file" in error for error in errors.values())
    assert len(site.raw()) == 5
    site.configure('[[sources]]\nname = "linked"\nfiles = "folder/*.log"')
    assert "leads out" in told(site)["folder/secret.log"]


def test_landing_itself_may_be_a_link(site, write, tmp_path):
    site.landing.rename(tmp_path / "elsewhere")
    site.landing.symlink_to(tmp_path / "elsewhere")
    site.put("a.log", write.log_lines(range(3)))
    assert not told(site)
    assert len(site.raw()) == 3


def test_links_in_a_circle_are_told_and_end(site, write):
    (site.landing / "a.log").symlink_to("b.log")
    (site.landing / "b.log").symlink_to("a.log")
    (site.landing / "self").mkdir()
    (site.landing / "self" / "again").symlink_to("..")
    site.put("good.log", write.log_lines(range(3)))
    errors = told(site)
    assert set(errors) == {"a.log", "b.log"}
    assert "Mend the link" in errors["a.log"]
    assert len(site.raw()) == 3


def test_a_folder_named_like_a_log_is_a_folder(site, write):
    site.put("access.log/access.log", write.log_lines(range(3)))
    assert not told(site)
    assert [row["source_file"] for row in site.raw()] == ["access.log/access.log"] * 3


LAND_AS_NOBODY = """
import json, os, sys
from pathlib import Path
from growth_assets import settings
from growth_assets.ingest.landing import land
loaded = settings.load(Path(sys.argv[1]))
# What is imported only when it is needed, is imported while the packages may be read.
land(settings.load(Path(sys.argv[2])))
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps({file.name: file.error for file in land(loaded).unreadable}))
"""


def test_what_the_user_may_not_read_is_told(new_site, write):
    # In a folder that others may enter, unlike pytest's own.
    with tempfile.TemporaryDirectory() as folder:
        site = new_site()
        site.folder = site.folder.rename(Path(folder) / "site")
        site.landing = site.folder / "landing"
        site.configure()
        site.put("closed.ndjson", write.events(range(3))).chmod(0)
        site.put("closed/a.ndjson", write.events(range(5))).parent.chmod(0)
        site.put("listed/a.ndjson", write.events(range(5))).parent.chmod(0o444)
        site.put("good.ndjson", write.events(range(3, 9)))
        for path in (Path(folder), site.folder):
            path.chmod(0o777)
        before = new_site()
        before.put("a.ndjson", write.events(range(3)))
        command = [sys.executable, "-c", LAND_AS_NOBODY, str(site.folder), str(before.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        for closed in ("closed", "listed"):
            (site.landing / closed).chmod(0o755)
        assert not done.returncode, done.stderr
        errors = json.loads(done.stdout)
        assert set(errors) == {"closed.ndjson", "closed", "listed/a.ndjson"}
        assert "permission denied" in errors["closed.ndjson"]
        assert "this folder cannot be read" in errors["closed"]
        assert "cannot be read" in errors["listed/a.ndjson"]
        assert len(site.raw()) == 6


# What happens while a file is read.


def test_a_file_that_vanishes_before_it_is_opened_is_told(site, write, monkeypatch):
    path = site.put("a.log", write.log_lines(range(3)))
    site.put("b.log", write.log_lines(range(3, 8)))
    found = list(landing.landing_files(site.settings))
    monkeypatch.setattr(landing, "landing_files", lambda _: found)
    path.rename(site.landing / "a.log.1")
    assert "vanished while it was read" in told(site)["a.log"]
    assert len(site.raw()) == 5
    monkeypatch.undo()
    assert not told(site)
    assert len(site.raw()) == 8


@pytest.fixture
def meddle(monkeypatch):
    """Something is done to a file after it was looked at and before it is read."""

    def meddle(act, *, times: int = 1) -> None:
        left = [times]

        def meddled(path, *given, **options):
            if left[0]:
                left[0] -= 1
                act(path)
            return read(path, *given, **options)

        monkeypatch.setattr(one_file, "read", meddled)

    return meddle


def test_a_file_rotated_while_it_is_read_loses_nothing(site, write, meddle):
    path = site.put("access.log", write.log_lines(range(60)))
    site.land()
    path.write_bytes(write.log_lines(range(90)))

    def rotate(path):
        path.rename(site.landing / "access.log.1")
        path.write_bytes(write.log_lines(range(100, 120)))

    # The bytes were those of the grown file, the lines would be those of the new one.
    meddle(rotate)
    site.land()
    site.land()
    assert sorted(row["url"] for row in site.raw()) == sorted(f"/page/{n}" for n in (*range(90), *range(100, 120)))


def test_a_file_that_never_stays_the_same_is_told(site, write, meddle):
    path = site.put("access.log", write.log_lines(range(60)))
    site.land()
    path.write_bytes(write.log_lines(range(70)))
    count = iter(range(1000))

    def replace(path):
        path.write_bytes(write.log_lines(range(100, 170) if next(count) % 2 == 0 else range(170)))

    meddle(replace, times=99)
    assert "The next look reads it again" in told(site)["access.log"]
    assert len(site.raw()) == 60


@pytest.mark.parametrize("way", ["grown", "cut"])
def test_a_file_that_grows_or_is_cut_while_it_is_read(site, write, meddle, way):
    lines = write.log_lines(range(100))
    path = site.put("access.log", lines[: len(lines) // 2])
    meddle(lambda path: path.write_bytes(lines if way == "grown" else lines[:40]))
    assert not told(site)
    path.write_bytes(lines)
    assert not told(site)
    assert [row["url"] for row in site.raw()] == [f"/page/{number}" for number in range(100)]


def test_parquet_replaced_while_it_is_read_is_read_again(site, meddle, monkeypatch):
    def content(rows: int) -> bytes:
        out = io.BytesIO()
        pl.DataFrame(
            {"event_time": [f"{D1}T00:00:{n:02}Z" for n in range(rows)], "ip": ["1.2.3.4"] * rows}
        ).write_parquet(out)
        return out.getvalue()

    path = site.put("a.parquet", content(3))
    batches = parquet.batches
    left = [1]

    def replaced(path, *given, **named):
        if left.pop() if left else 0:
            path.write_bytes(content(7))
        return batches(path, *given, **named)

    monkeypatch.setattr(parquet, "batches", replaced)
    assert not told(site)
    (entry,) = site.ledger.current.values()
    assert entry.events == 7
    assert site.land().known == 1
    assert path.read_bytes() == content(7)


# Bytes.


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("chosen", ["auto", "ndjson"])
def test_wide_text_is_refused_with_the_remedy(new_site, write, encoding, chosen):
    site = new_site(f'[[sources]]\nname = "landing"\nformat = "{chosen}"')
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    site.put("a.ndjson", mark + write.events(range(5)).decode().encode(encoding))
    assert "Convert it to UTF-8" in told(site)["a.ndjson"]


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08", b"BZh91AY", b"\xfd7zXZ\x00\x00", b"\x28\xb5\x2f\xfd\x04"])
def test_an_archive_of_a_few_bytes_is_refused(new_site, write, magic, cut):
    site = new_site('[[sources]]\nname = "landing"\nformat = "ndjson"\n')
    site.put("a.gz", magic[:cut])
    assert "Bring the file again" in told(site)["a.gz"]
    site.put("a.gz", gzip.compress(write.events(range(3))))
    assert not told(site)
    assert not site.rejected()


HOSTILE = {
    "nul": (b'{"event_time":"2026-03-01T00:00:00Z","ip":"1.2.3.4","url":"/\x00"}', "not_json"),
    "nul_line": (b"\x00" * 500, "not_json"),
    "user_too_large": (b'{"event_time":"2026-03-01T00:00:00Z","ip":"1.2.3.4","user_id":92233720368547758089}', None),
    "number_too_large": (b'{"event_time":"2026-03-01T00:00:00Z","n":' + b"9" * 5_000 + b"}", None),
    "exponent": (b'{"event_time":"2026-03-01T00:00:00Z","n":1e999999}', None),
    "time_without_offset": (b'{"event_time":"2026-03-01T00:00:00"}', "time_without_offset"),
    "time_is_number": (b'{"event_time":1772323200}', "bad_time"),
    "day_that_is_none": (b'{"event_time":"2026-02-30T00:00:00Z"}', "bad_time"),
    "year_0": (b'{"event_time":"0000-01-01T00:00:00Z"}', "bad_time"),
    "year_1": (b'{"event_time":"0001-01-01T00:00:00+14:00"}', "bad_time"),
    "year_9999": (b'{"event_time":"9999-12-31T23:59:59-12:00"}', "bad_time"),
    "future": (b'{"event_time":"2999-01-01T00:00:00Z"}', None),
    "twice": (b'{"event_time":"2026-03-01T00:00:00Z","event_time":"2026-03-02T00:00:00Z"}', None),
    "nested": (b'{"event_time":"2026-03-01T00:00:00Z","n":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "not_json"),
    "half_surrogate": (b'{"event_time":"2026-03-01T00:00:00Z","url":"\\ud800"}', None),
    "long": (b'{"event_time":"2026-03-01T00:00:00Z","n":"' + b"x" * 3_000_000 + b'"}', "line_too_long"),
    "latin": (b'{"event_time":"2026-03-01T00:00:00Z","url":"/caf\xe9"}', "not_utf8"),
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_line_is_an_event_or_a_counted_reject(new_site, write, line):
    site = new_site("max_quarantined_share = 1")
    content, reason = line
    site.put("a.ndjson", write.event(1) + content + b"\n" + write.event(2) + write.event(3))
    assert not told(site)
    assert [(number, why) for number, why, _ in site.rejected()] == ([(2, reason)] if reason else [])
    assert sorted(row["line_number"] for row in site.raw()) == ([1, 3, 4] if reason else [1, 2, 3, 4])
    assert conserved(site)
    site.build([D1])
    of_day = [row for row in site.raw() if row["ds"] == D1]
    kept = [len(site.rows(table)) for table in ("core.fct_website_events", "raw.quarantined_events")]
    assert sum(kept) == len(of_day)
