"""What holds for any bytes in any line format: they are read, and each line is an event, rejected, or told apart."""

from __future__ import annotations

from collections.abc import Iterator

from growth_assets.sources.batch import Batch, only_rejected
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context
from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.sources.lines import Chunk, Tail, chunks
from growth_assets.sources.originals import Keeping
from growth_assets.sources.text import head_text, lines_of
from growth_assets_tests.fuzz.seeds import LOG_FORMAT

SMALL = 200
"""Bytes of a chunk: lines that wait for later ones are then kept over its end."""


def batches(name: str, data: bytes) -> Iterator[Batch]:
    """What the reader of a format makes of a file's bytes, some lines at a time."""
    # HAProxy's own times carry no offset.
    offset = "+00:00" if name == "haproxy" else None
    context = Context("fuzzed", "www.xx.com", offset, LOG_FORMAT if name == "log_format" else None)
    parser = Keeping(TEXT_FORMATS[name].parser(context))
    for item in chunks(iter([data]), SMALL):
        if isinstance(item, Chunk):
            yield parser.parse(lines_of(item, "utf-8"))
        elif not isinstance(item, Tail):
            if (left := parser.flush()) is not None:
                yield left
            yield only_rejected([(item.line_number, item.reason, head_text(item, "utf-8"))])
    if (left := parser.flush()) is not None:
        yield left


def lost_lines(name: str, data: bytes) -> set[int]:
    """The lines of a file that are neither event nor rejected, nor part of a record or header of several lines.

    Raises:
        AssertionError: a line is there twice, or was never in the file.
    """
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    found: list[int] = []
    try:
        for batch in batches(name, data):
            assert batch.lines == batch.events.height + batch.rejected.height
            found += batch.events["line_number"].to_list() + batch.rejected["line_number"].to_list()
    except SourceError:
        return set()  # refused as a whole, with the file's name and the remedy
    every = set(range(1, len(lines) + 1))
    assert len(set(found)) == len(found), f"lines given twice: {sorted(found)}"
    assert set(found) <= every, f"lines that are not in the file: {set(found) - every}"
    lost = every - set(found)
    if name == "csv":
        return _outside_of_records(lines, found)
    # A `#` begins a directive of a W3C log.
    return {number for number in lost if not (name in {"iis", "cloudfront"} and lines[number - 1].startswith(b"#"))}


def _outside_of_records(lines: list[bytes], found: list[int]) -> set[int]:
    """Lines of a CSV file in which no record that was found goes on: it does as long as a quote is open."""
    inside = next((number for number, line in enumerate(lines, start=1) if line.strip()), 0)
    lost: set[int] = set()
    begun = b""
    for number in range(1, len(lines) + 1):
        if number in found or number == inside:
            begun = lines[number - 1]
        elif begun.count(b'"') % 2:
            begun += lines[number - 1]
        else:
            lost.add(number)
    return lost
