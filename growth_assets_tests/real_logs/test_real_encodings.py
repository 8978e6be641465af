"""A real log with bytes that are no UTF-8: nothing is lost, and no character invented without saying so."""

from __future__ import annotations

import re

import polars as pl
import pytest

from growth_assets import settings
from growth_assets.ingest import ledger
from growth_assets.ingest.landing import land

CUT = 1_000
"""Characters of a rejected line that are kept."""


@pytest.fixture(scope="module", params=["utf-8", "latin-1"])
def read(request, shared, tmp_path_factory):
    """The log landed under an encoding: its bytes, encoding, events and rejected lines."""
    folder = tmp_path_factory.mktemp("latin")
    (folder / "landing").mkdir()
    content = (shared / "real" / "apache_broken" / "combined_latin1_enc.log").read_bytes()
    # What the log itself lacks: lines that are whole, with letters of latin-1.
    content += "".join(
        f'192.0.2.7 - - [17/May/2015:10:05:0{n} +0000] "GET /{word} HTTP/1.1" 200 7 "http://x.org/{word}" "{word}"\n'
        for n, word in enumerate(("café", "Größe", "smörgåsbord"))
    ).encode("latin-1")
    (folder / "landing" / "access.log").write_bytes(content)
    (folder / "site.toml").write_text(
        'hostnames = ["www.example.com"]\n'
        f'[[sources]]\nname = "logs"\nformat = "combined"\nencoding = "{request.param}"\n'
    )
    site = settings.load(folder)
    landed = land(site)
    assert not landed.unreadable
    known = ledger.read(site.warehouse)
    events = [row for ds in known.by_day for path in known.segments(ds) for row in pl.read_parquet(path).to_dicts()]
    rejected = pl.read_parquet(site.warehouse / "raw/rejected_lines/*.parquet").to_dicts()
    return content, request.param, events, rejected


def test_no_line_is_lost(read, plainly):
    content, encoding, events, rejected = read
    lines = content.count(b"\n")
    expected = plainly(content, "www.example.com", encoding)
    assert sorted(row["line_number"] for row in rejected) == expected.rejected
    assert len(events) == len(expected.events)
    assert {row["line_number"] for row in [*events, *rejected]} == set(range(1, lines + 1))
    assert len(events) > 150


def bytes_of(text: str, encoding: str) -> bytes:
    """The bytes that were read as `text`: characters back into the encoding, \\xNN back into its byte."""
    parts = re.split(r"\\x([0-9a-f]{2})", text)
    return b"".join(bytes([int(part, 16)]) if odd % 2 else part.encode(encoding) for odd, part in enumerate(parts))


def test_rejected_lines_have_their_own_bytes_and_no_others(read):
    content, encoding, _, rejected = read
    lines = content.split(b"\n")
    assert rejected
    for row in rejected:
        line = lines[row["line_number"] - 1]
        assert "\ufffd" not in row["text"]
        # The cut may fall within the four characters of a byte.
        text = re.sub(r"\\(x[0-9a-f]?)?$", "", row["text"]) if len(row["text"]) >= CUT else row["text"]
        assert line.startswith(bytes_of(text, encoding).rstrip(b"\r"))


def test_events_have_their_own_bytes_and_say_what_does_not_fit(read):
    content, encoding, events, _ = read
    lines = content.split(b"\n")
    odd = 0
    for row in events:
        line = lines[row["line_number"] - 1]
        for field in ("url", "referrer", "user_agent"):
            if row[field] is not None:
                assert "\ufffd" not in row[field]
                assert bytes_of(row[field], encoding) in line.replace(b'\\"', b'"')
        beyond_ascii = sum(byte > 127 for byte in line)
        said = dict(row["other_properties"]).get("undecodable_bytes")
        odd += bool(beyond_ascii)
        assert said == (str(beyond_ascii) if beyond_ascii and encoding == "utf-8" else None)
    assert odd >= 3


def test_latin_letters_are_letters_under_their_encoding(read):
    _, encoding, events, _ = read
    said = [row["user_agent"] for row in sorted(events, key=lambda row: row["line_number"])][-3:]
    if encoding == "latin-1":
        assert said == ["café", "Größe", "smörgåsbord"]
    else:
        assert said == [r"caf\xe9", r"Gr\xf6\xdfe", r"sm\xf6rg\xe5sbord"]
