"""`doctor FILE`: what a file is taken for and why, and what is read from it; bounded, and safe for a terminal."""

from __future__ import annotations

import gzip
import json
import os
import time

import polars as pl
import pytest

from growth_assets.sources.detect import detect, explain
from growth_assets.sources.errors import SourceError

DONE, WRONG, FAILED = 0, 2, 3
COMBINED = '198.51.100.7 - - [01/Mar/2026:10:00:{:02}+0000] "GET /p{} HTTP/1.1" 200 1 "https://x.com/" "agent {}"\n'
LOG = "".join(COMBINED.replace("+0000", " +0000").format(n, n, n) for n in range(5))


def native(**fields):
    return (
        json.dumps({"event_time": "2026-03-01T10:00:00Z", "hostname": "www.xx.com", "ip": "8.8.8.8", **fields}) + "\n"
    )


@pytest.fixture
def doctor(cli, tmp_path, monkeypatch):
    """Write a file, where no site is, and have it looked at."""
    monkeypatch.chdir(tmp_path)

    def look(content, name="some.file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return cli("doctor", path)

    return look


def line(ran, what):
    return [each.removeprefix(what).strip() for each in ran.out.splitlines() if each.startswith(what)]


def test_a_log_outside_of_landing_and_without_a_site(doctor, tmp_path):
    ran = doctor(LOG)
    assert (ran.code, ran.err) == (DONE, "")
    assert line(ran, "file") == [f"{tmp_path / 'some.file'}; not compressed; encoding utf-8"]
    assert line(ran, "source")[0].startswith("none: ")
    assert line(ran, "format") == ["combined: 100% of its first 5 lines are in it"]
    assert line(ran, "tried")[0].startswith("combined 100%; no line: ndjson, csv, ")
    assert line(ran, "read") == ["5 of its 5 lines are events"]
    assert [each in ran.out for each in ("GET /p0 200", "GET /p2 200", "GET /p3 200")] == [True, True, False]
    for value in ("2026-03-01 10:00:02", "198.51.100.7", "https://x.com/", "agent 2"):
        assert value in ran.out


def test_events_by_their_action_or_the_tracker_s_name_and_addresses_that_were_passed_on(doctor):
    ran = doctor(native(action_type="signup", ip="10.0.0.1", forwarded_for="8.8.8.8, 10.0.0.2"))
    assert ran.code == DONE
    assert "signup" in ran.out
    assert "10.0.0.1 for 8.8.8.8, 10.0.0.2" in ran.out


def test_settings_of_the_source_it_belongs_to(cli, tmp_path):
    (tmp_path / "landing/shop").mkdir(parents=True)
    path = tmp_path / "landing/shop/a.log"
    path.write_text(LOG)
    shop = '[[sources]]\nname = "shop"\nfiles = "shop/*"\nhostname = "shop.xx.com"\nencoding = "cp1252"\n'
    (tmp_path / "site.toml").write_text(shop + 'format = "common"\n')
    ran = cli("doctor", path, "--data", tmp_path)
    assert ran.code == FAILED
    assert line(ran, "file")[0].endswith("encoding cp1252")
    assert line(ran, "source") == ["shop"]
    assert line(ran, "format") == ["common: `format` of its source says so"]
    assert line(ran, "read") == ["0 of its 5 lines are events"]
    assert "set another `format`" in line(ran, "remedy")[0]
    own = """log_format = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'\n"""
    (tmp_path / "site.toml").write_text(shop + own)
    ran = cli("doctor", path, "--data", tmp_path)
    assert (ran.code, line(ran, "format")) == (DONE, ["log_format: `log_format` of its source says so"])
    assert "shop.xx.com" in ran.out
    # A file that no source takes is looked at all the same.
    other = tmp_path / "landing/b.log"
    other.write_text(LOG)
    ran = cli("doctor", other, "--data", tmp_path)
    assert (ran.code, line(ran, "source")[0][:5]) == (DONE, "none:")


def test_undecided_with_the_remedy_of_the_error(doctor, tmp_path):
    ran = doctor("hello\nworld\n")
    assert ran.code == FAILED
    with pytest.raises(SourceError) as refused:
        detect(b"hello\nworld\n", tmp_path / "some.file")
    (why,), (remedy,) = line(ran, "format"), line(ran, "remedy")
    assert str(refused.value) == f"{tmp_path / 'some.file'}: {why} {remedy}"
    assert "ndjson 0%" in why
    assert "Set `format` for its source in site.toml" in remedy
    taken = explain(b"hello\nworld\n", tmp_path)
    assert (taken.format, set(taken.shares.values())) == (None, {0.0})


def test_json_that_is_no_log_is_undecided(doctor):
    ran = doctor(json.dumps({"name": "left-pad", "version": "1.0.0", "url": "https://example.org", "domain": "x"}))
    assert ran.code == FAILED
    assert "They are JSON objects, but do not say what happened when" in line(ran, "format")[0]
    assert "Set `format` for its source in site.toml" in line(ran, "remedy")[0]


def test_rejected_lines_with_their_reasons(doctor):
    ran = doctor("broken\n" + LOG + "\n" + "x" * 500 + "\n")
    assert ran.code == DONE
    assert line(ran, "read") == ["5 of its 8 lines are events"]
    first, blank, long = line(ran, "rejected")
    meaning = "the line has not the fields of the access-log format, or is all of a file and in no format"
    assert first == f"line 1, not_a_log_line: {meaning}: broken"
    assert blank.startswith("line 7, blank_line: ")
    assert long.endswith("x\u2026")
    assert len(long) < 250


def test_what_to_do_about_times_without_offset_and_other_encodings(doctor):
    ran = doctor(native(event_time="2026-03-01T10:00:00") * 2)
    assert ran.code == FAILED
    assert line(ran, "remedy") == ['Times have no offset: set `utc_offset`, such as "+00:00", for its source.']
    ran = doctor(LOG.replace("agent 1", "agént").encode("cp1252"))
    assert ran.code == DONE
    assert line(ran, "remedy") == ["1 lines do not fit the encoding: set `encoding`, such as cp1252."]


def test_compressed_and_damaged(doctor):
    packed = gzip.compress(LOG.encode())
    ran = doctor(packed)
    assert (ran.code, "; compressed with gzip; " in ran.out) == (DONE, True)
    ran = doctor(packed[:-12])
    assert "; compressed with gzip, damaged near its beginning; " in ran.out
    assert doctor(b"\x1f\x8bno").code == FAILED


def test_parquet_and_what_only_looks_like_it(doctor, tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"event_time": ["2026-03-01T10:00:00Z"] * 500, "ip": ["8.8.8.8"] * 500}).write_parquet(path)
    ran = doctor(path.read_bytes())
    assert (ran.code, line(ran, "read")) == (DONE, ["200 of its first 200 lines are events"])
    ran = doctor(b"PAR1 not at all")
    assert ran.code == FAILED
    assert "this Parquet file cannot be read" in ran.err


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04zip", "\ufeff".encode("utf-16") + "x".encode("utf-16")], ids=["zip", "wide"]
)
def test_what_is_no_log(doctor, content):
    ran = doctor(content)
    assert ran.code == FAILED
    assert "this is " in ran.err


def test_empty(doctor):
    ran = doctor(b"")
    assert (ran.code, line(ran, "format")) == (DONE, ["empty: there is not a byte in it"])


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "secret"])
def test_no_such_file(cli, tmp_path, monkeypatch, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "secret":
        path.write_text(LOG)
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    ran = cli("doctor", path)
    says = {"missing": "no such file", "folder": "is a folder", "pipe": "pipe", "secret": "permission denied"}[kind]
    assert (ran.code, ran.out) == (WRONG, "")
    assert f"{path}: " in ran.err
    assert says in ran.err


EVIL = "\x1b]0;owned\x07\x1b[31m[bold red]x[/] [link=http://e.vil]y\x9b\u202e\r\b"


def test_text_of_the_file_cannot_speak_to_the_terminal(doctor):
    fields = dict.fromkeys(("user_agent", "referrer", "url", "ip", "hostname", "action_type", "forwarded_for"), EVIL)
    for content, name in ((native(**fields) + EVIL + "\n", "a"), (EVIL + "\n", "b"), (LOG, "c\x1b[31m[bold]")):
        ran = doctor(content, name)
        for said in (ran.out, ran.err):
            assert not set(said) - {"\n"} & {chr(each) for each in (*range(32), *range(127, 160), 0x202E)}
    ran = doctor(native(user_agent="\x1b[31m[bold red]x[/]"))
    assert r"\x1b[31m[bold red]x[/]" in ran.out


@pytest.mark.parametrize("first", [LOG, ""], ids=["a log that goes on", "a line without an end"])
def test_no_more_than_the_beginning_is_read(cli, tmp_path, first):
    path = tmp_path / "endless"
    path.write_text(first)
    with path.open("r+b") as file:
        file.truncate(20 << 30)  # holes: no disk is taken
    started = time.monotonic()
    ran = cli("doctor", path)
    assert time.monotonic() - started < 5
    assert ran.code == (DONE if first else FAILED)
    assert (
        ("5 of its first 5 lines" in ran.out) if first else ("longer than 256 KiB" in ran.err or "not clear" in ran.out)
    )
