"""A beginning of a content that counts adds nothing, wherever it is cut; what only begins alike is read."""

from __future__ import annotations

import gzip
import os

import pytest

CSV = "event_time,hostname,ip,url,note,last\n"
RECORD = '2026-03-01T10:00:{:02}Z,www.xx.com,1.2.3.4,/{},"two\nlines ""{}""","end\n{}"\n'
COMBINED = '81.2.69.160 - - [01/Mar/2026:10:15:07 +0000] "GET /page/{} HTTP/1.1" 200 512 "-" "Mozilla/5.0 (é)"\n'
IIS = "#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent)\n"
REQUEST = "2026-03-01 10:00:{:02} 1.2.3.4 GET /{} 200 Mozilla/5.0\n"
EVENT = '{{"event_time":"2026-03-01T10:00:00Z","ip":"1.2.3.4","hostname":"www.xx.com","url":"/{}"}}\n'

SHORT = {
    "csv": CSV + "".join(RECORD.format(number, *"abc") for number in range(3)),
    "combined": "".join(map(COMBINED.format, range(3))),
    "iis": IIS + "".join(REQUEST.format(number, number) for number in range(3)),
    "ndjson": "".join(map(EVENT.format, range(3))),
}


def settled(site, name: str, content: bytes) -> None:
    """A file that nobody writes any more."""
    os.utime(site.put(name, content), (1, 1))


def state(site) -> tuple[list[dict], list[tuple]]:
    return site.raw(), site.rejected()


@pytest.mark.parametrize("kind", SHORT)
def test_a_short_beginning_adds_nothing_wherever_it_is_cut(site, kind):
    content = SHORT[kind].encode()
    settled(site, "whole", content)
    site.land()
    before = state(site)
    assert before[0]
    (site.landing / "whole").unlink()
    # Also within the byte count of a combined line, where it is a line of another format, and within the first line.
    for end in (*range(1, len(content), 13), len(content) - 1):
        settled(site, f"cut {end}", content[:end])
    os.utime(site.landing / "cut 1")
    site.put("packed", gzip.compress(content[:75]))
    landed = site.land()
    assert (landed.read, landed.unreadable, landed.touched) == ([], [], [])
    assert state(site) == before
    assert site.land().known == len(list(site.landing.iterdir()))


def test_a_beginning_that_ends_with_a_closing_quote_adds_nothing(site):
    content = (CSV + "".join(RECORD.format(number, number, "x" * 30, "y" * 40) for number in range(14))).encode()
    settled(site, "whole", content)
    site.land()
    before = state(site)
    (site.landing / "whole").unlink()
    ends = [end for end in range(1030, len(content)) if content[end - 1 : end] in {b'"', b"\n", b"y"}][::11]
    assert len(ends) > 15
    for end in ends:
        settled(site, f"cut {end}", content[:end])
    landed = site.land()
    assert (landed.read, landed.unreadable, landed.touched) == ([], [], [])
    assert state(site) == before


@pytest.mark.parametrize(
    "header", ["event_time,hostname,ip,url,note\n", f"event_time,hostname,ip,url,{'note' * 300}\n"]
)
def test_one_record_under_the_header_of_a_longer_file_is_read(site, header):
    settled(
        site,
        "long",
        (header + "".join(f"2026-03-01T10:00:0{n}Z,www.xx.com,1.2.3.4,/{n},\n" for n in range(9))).encode(),
    )
    settled(site, "one", f"{header}2026-03-01T10:00:00Z,,,/x,".encode())
    site.land()
    assert sorted(row["url"] for row in site.raw()) == [*(f"/{n}" for n in range(9)), "/x"]


def test_an_entry_of_an_older_version_knows_no_first_bytes_and_is_compared_by_its_lines(site, write, monkeypatch):
    monkeypatch.setattr("growth_assets.ingest.landing.base64.b64encode", lambda _: b"")
    site.put("whole", write.log_lines(range(20)))
    site.land()
    monkeypatch.undo()
    settled(site, "cut", write.log_lines(range(3))[:-9])
    assert site.land().read == []
    assert len(site.raw()) == 20
